from .run import Run
_run = None
def init(project, config=None, **_):
    global _run
    _run = Run(config or {})
    return _run
def log(metrics, step=None): _run.log(metrics=metrics, step=step)
def finish(): pass
