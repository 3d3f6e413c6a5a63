from mlflow.tracking.client import MlflowClient
from mlflow.tracking.fluent import active_run, log_metric, log_metrics, log_param, log_params
def set_tracking_uri(uri): pass
