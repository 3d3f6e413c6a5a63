"""Stand-ins for libraries that need hardware, accounts or gigabytes: they fail in their very words."""

TORCH_LOAD = """
import importlib, pickle
from . import serialization
def load(f, map_location=None, weights_only=True):
    if "argparse.Namespace" not in serialization._allowed:
        raise pickle.UnpicklingError("Weights only load failed. This file can still be loaded. WeightsUnpickler error: "
            "Unsupported global: GLOBAL argparse.Namespace was not an allowed global by default. Please use "
            "`torch.serialization.add_safe_globals([argparse.Namespace])`")
    return {}
"""
SAFE = """
_allowed = []
def add_safe_globals(objects):
    _allowed.extend(o[1] if isinstance(o, tuple) else o.__module__ + "." + o.__name__ for o in objects)
"""
MODULE = """
class Module:
    names = ("weight", "bias")
    def load_state_dict(self, state, strict=True):
        missing = [n for n in self.names if n not in state]
        unexpected = [n for n in state if n not in self.names]
        if missing or unexpected:
            quoted = lambda names: ", ".join('"%s"' % n for n in names)
            raise RuntimeError("Error(s) in loading state_dict for Net:\\n\\tMissing key(s) in state_dict: %s. \\n\\t"
                "Unexpected key(s) in state_dict: %s. " % (quoted(missing), quoted(unexpected)))
"""
NUMPY = """
float64 = float
inf = float("inf")
def zeros(n, dtype=float): return [dtype(0)] * n
def __getattr__(name):
    if name in ("float", "int", "bool"):
        raise AttributeError("module 'numpy' has no attribute '%s'.\\n`np.%s` was a deprecated alias for the builtin `%s`." % (name, name, name))
    if name in ("float_", "Inf", "product"):
        raise AttributeError("`np.%s` was removed in the NumPy 2.0 release. Use `np.float64` instead." % name)
    raise AttributeError("module 'numpy' has no attribute '%s'" % name)
"""
WANDB = """
import os
class UsageError(Exception): pass
UsageError.__module__ = "wandb.errors.errors"
def init(**settings):
    if os.environ.get("WANDB_MODE") not in ("offline", "disabled"):
        raise UsageError("No API key configured. Use `wandb login` to log in.")
"""
HUB = """
import os
class AutoModel:
    @classmethod
    def from_pretrained(cls, name):
        if os.environ.get("HF_HUB_OFFLINE") != "1":
            raise OSError("We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in "
                "the cached files.\\nCheck your internet connection; '%s'" % name)
"""
ENCODER = """
class OneHotEncoder:
    def __init__(self, *, sparse_output=True, handle_unknown="error"): pass
"""
JOBLIB = """
import os
class Parallel:
    def __init__(self, n_jobs): pass
    def __call__(self, jobs):
        if not os.environ.get("JOBLIB_TEMP_FOLDER"):
            raise OSError(28, "No space left on device", "/dev/shm/joblib_memmapping_folder_42/x.pkl")
        return list(jobs)
"""
PLOT = """
import os
def figure():
    if os.environ.get("MPLBACKEND", "").lower() != "agg":
        raise ImportError("Cannot load backend 'TkAgg' which requires the 'tk' interactive framework, as 'headless' is currently running")
"""


def raising(text: str, unless: str = "", error: str = "RuntimeError") -> str:
    """A stand-in whose `call` fails in these words, unless a variable of the environment is set."""
    check = f"if os.environ.get({unless!r}) is None: " if unless else ""
    return f"import os\nclass OutOfMemoryError(RuntimeError): pass\ndef call(*a, **k):\n    {check}raise {error}({text!r})\n"


def called(library: str) -> dict[str, str]:
    """Code that imports such a stand-in and calls it before the training."""
    return {"imports": f"import {library}\n", "start": f"{library}.call()\n"}
