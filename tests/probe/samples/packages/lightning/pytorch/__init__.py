from types import SimpleNamespace
from .trainer.connectors.logger_connector.logger_connector import _LoggerConnector
class LightningModule:
    def __init__(self): self.hparams_initial = {}
class Trainer:
    def __init__(self, max_epochs=1, logger=True):
        self.max_epochs = max_epochs; self.loggers = []; self.current_epoch = 0
        self.fit_loop = SimpleNamespace(epoch_loop=SimpleNamespace(_batches_that_stepped=0))
        self._logger_connector = _LoggerConnector(self)
    def fit(self, module):
        self.lightning_module = module
        for self.current_epoch in range(self.max_epochs):
            for batch in range(4):
                loss = module.training_step(batch)
                self.fit_loop.epoch_loop._batches_that_stepped += 1
            self._logger_connector.log_metrics({"train_loss": loss})
            self._logger_connector.log_metrics({})
