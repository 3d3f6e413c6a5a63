"""trackio: what `trackio.log` is given, at trackio's own steps, and its config."""

from __future__ import annotations

import sys

from .trackers import mirror
from .wrap import around

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .session import Session


def arm(trackio: ModuleType, session: Session) -> None:
    """Mirrors the log calls of runs and tells their config."""
    to = mirror(session)
    at: dict[int, int] = {}

    def log(self: Any, metrics: Any, step: Any = None) -> None:
        following = getattr(self, "_next_step", at.get(id(self), 0))
        here = following if step is None else int(step)
        at[id(self)] = max(following, here + 1)
        to.row(dict(metrics), here)

    def begun(run: Any, *_: Any, **__: Any) -> None:
        settings = getattr(run, "config", None) or {}
        session.config({k: v for k, v in settings.items() if not str(k).startswith("_")})

    run_class = getattr(sys.modules.get("trackio.run"), "Run", None)
    if run_class is not None:
        to.watch(run_class, "log", log)
    around(session, trackio, "init", after=begun)
