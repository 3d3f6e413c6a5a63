from types import SimpleNamespace
from mlflow.entities import Metric, Param
from mlflow.tracking.client import MlflowClient
def active_run(): return SimpleNamespace(info=SimpleNamespace(run_id="r"))
def log_metric(key, value, step=None, synchronous=None): return MlflowClient().log_metric("r", key, value, 0, step or 0)
def log_metrics(metrics, step=None, synchronous=None): return MlflowClient().log_batch("r", [Metric(k, v, 0, step or 0) for k, v in metrics.items()])
def log_param(key, value, synchronous=None): return MlflowClient().log_param("r", key, value)
def log_params(params, synchronous=None): return MlflowClient().log_batch("r", params=[Param(k, str(v)) for k, v in params.items()])
