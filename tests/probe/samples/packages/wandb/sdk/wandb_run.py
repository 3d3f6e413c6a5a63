from .wandb_config import Config
class Run:
    resumed = False
    def __init__(self, config, mode):
        self.mode = mode; self.history = {}; self._step = 0
        self.config = Config(); self.config.update(config)
    @property
    def step(self): return self._step
    def log(self, data, step=None, commit=None):
        if not isinstance(data, dict): raise TypeError("wandb.log must be passed a dictionary")
        if step is not None: self._step = max(self._step, step)
        self.history.setdefault(self._step, {}).update(data)
        if (step is None and commit is None) or commit: self._step += 1
    def finish(self): pass
class NoopRun(Run):
    def log(self, *_, **__): return None
