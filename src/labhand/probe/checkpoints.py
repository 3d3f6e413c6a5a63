"""Tells where checkpoints were written."""

from __future__ import annotations

import os
import sys
from time import monotonic

from .wrap import around

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .session import Session

_FREE = 200
_GAP = 1.0


class Told:
    """Keeps a script that saves thousands of tensors from filling the record with their names."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._count = 0
        self._last = 0.0

    def tell(self, target: Any) -> None:
        """One event; after the first 200, at most one a second."""
        path = target if isinstance(target, (str, os.PathLike)) else getattr(target, "name", None)
        now = monotonic()
        if not isinstance(path, (str, os.PathLike)) or (
            self._count >= _FREE and now - self._last < _GAP
        ):
            return
        self._count += 1
        self._last = now
        data: dict[str, Any] = {"path": os.path.abspath(os.fspath(path))}
        if self._session.step is not None:
            data["step"] = self._session.step
        self._session.event("checkpoint", **data)


def arm_torch(torch: Any, session: Session) -> None:
    """Tells the files of `torch.save`."""
    told = Told(session)

    def saved(result: Any, obj: Any, f: Any, *_: Any, **__: Any) -> None:
        told.tell(f)

    _after_save(torch, session, saved)


def _after_save(torch: Any, session: Session, saved: Any) -> None:
    serialization = sys.modules.get("torch.serialization")
    if around(session, torch, "save", after=saved) and serialization is not None:
        serialization.__dict__["save"] = torch.save


def arm_safetensors(module: ModuleType, session: Session) -> None:
    """Tells the files of safetensors."""
    told = Told(session)

    def saved(result: Any, tensors: Any, filename: Any, *_: Any, **__: Any) -> None:
        told.tell(filename)

    around(session, module, "save_file", after=saved)
    around(session, module, "save_model", after=saved)


def arm_keras(module: ModuleType, session: Session) -> None:
    """Tells the files of `Model.save` and `Model.save_weights`."""
    told = Told(session)

    def saved(result: Any, self: Any, filepath: Any, *_: Any, **__: Any) -> None:
        told.tell(filepath)

    around(session, module.Model, "save", after=saved)
    around(session, module.Model, "save_weights", after=saved)
