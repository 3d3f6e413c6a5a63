class Run:
    def __init__(self, config): self.config = dict(config, _Username="me"); self._next_step = 0
    def log(self, metrics, step=None):
        here = self._next_step if step is None else step
        self._next_step = max(self._next_step, here + 1)
