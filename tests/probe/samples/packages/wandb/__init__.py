"""The call surface of wandb that scripts use; keeps rows in memory."""
import os, sys
from . import sdk
from .sdk import wandb_run, wandb_config
class UsageError(Exception): pass
class Settings:
    mode = "online"; api_key = None; base_url = "https://api.wandb.ai"
class _Setup:
    settings = Settings()
def setup(): return _Setup()
run = None
def _no_key():
    return not os.environ.get("WANDB_API_KEY")
def log(*a, **k): raise UsageError("You must call wandb.init() before wandb.log()")
def login(anonymous=None, key=None, **_):
    if key: os.environ["WANDB_API_KEY"] = key
    if _no_key(): raise UsageError("No API key configured. Use `wandb login` to log in.")
    return True
def init(project=None, config=None, mode=None, settings=None, **_):
    global run, log
    mode = mode or os.environ.get("WANDB_MODE") or "online"
    if mode == "online" and _no_key():
        raise UsageError("No API key configured. Use `wandb login` to log in.")
    run = wandb_run.Run(config or {}, mode) if mode != "disabled" else wandb_run.NoopRun(config or {}, mode)
    log = run.log
    return run
def __getattr__(name):
    if name == "config": return run.config
    raise AttributeError(name)
