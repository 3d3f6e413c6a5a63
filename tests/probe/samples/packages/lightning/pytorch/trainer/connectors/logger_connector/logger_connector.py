class _LoggerConnector:
    def __init__(self, trainer): self.trainer = trainer
    def log_metrics(self, metrics, step=None):
        if not self.trainer.loggers or not metrics: return
        for logger in self.trainer.loggers: logger.log_metrics(metrics, step)
