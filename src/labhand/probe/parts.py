"""The parts of the probe, and the imports that wake them. Nothing is loaded before its time."""

from __future__ import annotations

import atexit
import os
import sys

from . import failures, imports, session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from .session import Session

_LIGHTNING = ".trainer.connectors.logger_connector.logger_connector"

# A module of the person's environment: the functions it wakes, called with (module, session).
PARTS: dict[str, tuple[str, ...]] = {
    "threading": ("failures.arm_threads",),
    "numpy": ("signals.arm_stacks",),
    "torch": ("signals.arm_stacks", "torch_hooks.arm", "checkpoints.arm_torch", "torch_loads.arm"),
    "safetensors.torch": ("checkpoints.arm_safetensors", "torch_loads.arm_safetensors"),
    "torch.utils.tensorboard": ("trackers_tensorboard.arm",),
    "tensorboardX": ("trackers_tensorboard.arm",),
    "wandb": ("trackers_wandb.arm",),
    "trackio": ("trackers_trackio.arm",),
    "mlflow.tracking.client": ("trackers_mlflow.arm_client",),
    "mlflow.tracking.fluent": ("trackers_mlflow.arm_fluent",),
    "transformers.trainer": ("trackers_frameworks.arm_transformers",),
    "lightning.pytorch" + _LIGHTNING: ("trackers_frameworks.arm_lightning",),
    "pytorch_lightning" + _LIGHTNING: ("trackers_frameworks.arm_lightning",),
    "keras.src.callbacks.callback_list": ("trackers_frameworks.arm_keras",),
    "keras.callbacks": ("trackers_frameworks.arm_keras",),
    "keras.src.models.model": ("checkpoints.arm_keras",),
    "argparse": ("settings_parsers.arm_argparse",),
    "click.core": ("settings_parsers.arm_click",),
    "typer._click.core": ("settings_parsers.arm_click",),
    "fire.core": ("settings_parsers.arm_fire",),
    "absl.flags": ("settings_parsers.arm_absl",),
    "hydra.core.utils": ("settings_parsers.arm_hydra",),
    "yaml": ("settings_parsers.arm_yaml",),
}


def start(attempt: str) -> None:
    """Begins the session of this process and arms the probe. Raises nothing that matters."""
    begun = session.start(attempt)
    if os.environ.get("LABHAND_TRIAL"):
        PARTS["torch"] = tuple("trial.arm" if p == "torch_hooks.arm" else p for p in PARTS["torch"])
    overlay = os.environ.get("LABHAND_OVERLAY")
    if overlay:
        begun.guard("overlay", _overlay, overlay, begun)
    begun.before_first_point.append(lambda: _constants(begun))
    atexit.register(begun.guard, "facts", begun.ended)
    begun.guard("lines", _lines)
    begun.guard("opens", _opens, begun)
    begun.guard("failures", failures.arm, begun)
    if os.environ.get("LABHAND_KEEPER"):
        begun.guard("hangup", _hangup, begun)

    def arrived(name: str, module: ModuleType) -> None:
        for part in PARTS[name]:
            begun.guard(part, _wake, part, module, begun)

    finder = imports.install(set(PARTS), arrived)
    finder.replace["torch.utils.tensorboard"] = lambda: _tensorboard(begun)


def _lines() -> None:
    """Has what is printed into the attempt's own pipe arrive line by line, as on a terminal.

    Python holds back 8 KB for a pipe, which may be an hour of epochs. Pipes that the script opens
    for its children stay as they are. Unbuffered, a print is several writes, between which those of
    other ranks would come.
    """
    stdout: Any = sys.stdout
    stderr: Any = sys.stderr
    if stdout.write_through and os.environ.get("WORLD_SIZE", "1") != "1":
        for stream in (stdout, stderr):
            stream.reconfigure(line_buffering=True, write_through=False)
    pipe = os.fstat(1)
    if pipe.st_mode & 0o170000 != 0o010000:
        return
    known = "%d:%d" % (pipe.st_dev, pipe.st_ino)
    if os.environ.setdefault("LABHAND_PIPE", known) == known and not stdout.write_through:
        stdout.reconfigure(line_buffering=True)


def _opens(begun: Session) -> None:
    from . import opens

    opens.arm(begun)


def _wake(part: str, module: ModuleType, begun: Session) -> None:
    name, _, function = part.partition(".")
    # __import__ and not importlib, which the start of 3.8 has not loaded
    loaded = __import__("_labhand_probe." + name, fromlist=[function])
    getattr(loaded, function)(module, begun)


def _constants(begun: Session) -> None:
    main = sys.modules.get("__main__")
    # The loader, since Python takes `__file__` away once the script has ended. A one-liner has none.
    if not hasattr(getattr(main, "__loader__", None), "path"):
        return
    from . import settings_constants

    settings_constants.tell(begun)


def _overlay(path: str, begun: Session) -> None:
    from . import overlay

    overlay.arm(path, begun)


def _hangup(begun: Session) -> None:
    from . import signals

    signals.arm_hangup(begun)


def _tensorboard(begun: Session) -> ModuleSpec | None:
    try:
        from . import trackers_tensorboard

        return trackers_tensorboard.replacement(begun)
    except Exception as error:
        begun.fault("torch.utils.tensorboard", error)
        return None
