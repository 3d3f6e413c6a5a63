"""SummaryWriter of torch and tensorboardX; and what stands in when tensorboard is not installed."""

from __future__ import annotations

import os
import sys

from .people import frame_of_import, guarded, of_person
from .trackers import mirror

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from .session import Session

_NAME = "torch.utils.tensorboard"


class Folders:
    """Tells writers apart: two that log the same tag into two folders mean two metrics."""

    def __init__(self) -> None:
        self._first: str | None = None

    def front(self, writer: Any) -> str:
        """Empty for the first folder of this process, else the folder's name and a slash."""
        folder = getattr(writer, "log_dir", None) or getattr(writer, "logdir", None) or ""
        folder = os.path.abspath(str(folder))
        if self._first is None:
            self._first = folder
        return "" if folder == self._first else os.path.basename(folder) + "/"


def arm(module: ModuleType, session: Session) -> None:
    """Mirrors the scalars and hyperparameters that SummaryWriter is given."""
    writer = module.SummaryWriter
    to = mirror(session)
    folders = Folders()

    def scalar(
        self: Any, tag: str, scalar_value: Any, global_step: Any = None, *_: Any, **__: Any
    ) -> None:
        if to.held(tag) or (tag, scalar_value) == ("hp_metric", -1):  # Lightning's "no metric yet"
            return
        name = folders.front(self) + str(tag)
        to.row({name: scalar_value}, to.next_step(name) if global_step is None else global_step)

    def scalars(
        self: Any, main_tag: str, tag_scalar_dict: Any, global_step: Any = None, *_: Any, **__: Any
    ) -> None:
        front = "%s%s/" % (folders.front(self), main_tag)
        step = to.next_step(front) if global_step is None else global_step
        to.row({front + str(tag): value for tag, value in tag_scalar_dict.items()}, step)

    def hparams(self: Any, hparam_dict: Any, metric_dict: Any, *_: Any, **named: Any) -> None:
        session.config(hparam_dict)
        step = named.get("global_step")
        to.row(dict(metric_dict), session.step or 0 if step is None else step)

    to.watch(writer, "add_scalar", scalar)
    to.watch(writer, "add_scalars", scalars)
    to.watch(writer, "add_hparams", hparams)


def replacement(session: Session) -> ModuleSpec | None:
    """The spec of the stand-in for `torch.utils.tensorboard`; None where it is not called for.

    It is called for when tensorboard is missing and the script itself asks for SummaryWriter
    without a plan for that: the run would end for want of a log that nobody may ever read.
    """
    if _installed("tensorboard"):
        return None
    frame = frame_of_import()
    if frame is None or not of_person(frame.f_code.co_filename) or guarded(frame):
        return None
    if session.leads:
        session.event(
            "facts",
            tracker="tensorboard",
            installed=False,
            note="tensorboard is not installed: no event files are written; labhand keeps the scalars",
        )
    kind: Any = type(sys.__spec__)
    spec: ModuleSpec = kind(_NAME, StandIn(session))
    return spec


def _installed(name: str) -> bool:
    if name in sys.modules:
        return sys.modules[name] is not None
    try:
        return any(finder.find_spec(name, None) is not None for finder in sys.meta_path)
    except Exception:
        return True


class StandIn:
    """Loads a module with a SummaryWriter that writes no files."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create_module(self, spec: Any) -> None:
        """None: an ordinary module."""

    def exec_module(self, module: Any) -> None:
        """Fills the module and mirrors what its writer is given."""
        writer = type("SummaryWriter", (_SummaryWriter,), {"__module__": _NAME})
        for name in ("add_scalar", "add_scalars", "add_hparams"):
            setattr(writer, name, _nothing)
        module.SummaryWriter = writer
        sys.modules[_NAME + ".writer"] = module
        arm(module, self._session)


def _nothing(self: Any, *arguments: Any, **named: Any) -> None:
    """Takes what SummaryWriter takes."""


class _SummaryWriter:
    def __init__(self, log_dir: Any = None, comment: str = "", *_: Any, **__: Any) -> None:
        self.log_dir = str(log_dir) if log_dir else os.path.join("runs", "none" + comment)

    def get_logdir(self) -> str:
        return self.log_dir

    def __getattr__(self, name: str) -> Any:
        if name.startswith("add_") or name in ("flush", "close"):
            return lambda *arguments, **named: None
        raise AttributeError(name)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        return None
