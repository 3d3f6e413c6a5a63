"""labhand: a lab hand for AI researchers.

A script needs nothing of this: `labhand run -- python train.py` records it as it is. Who wants to
record by hand calls `labhand.log` and `labhand.config`, under `labhand run` or without it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["config", "log"]
__version__ = "0.1.0"

_row: Callable[[Any, Any], None] | None = None
_attempt = ""


def log(values: Mapping[str, Any], step: int | None = None) -> None:
    """Records metrics, one `write(2)` a call; what it took survives kill -9 of the process.

    Numbers of any kind are kept, numpy's and torch's too, non-finite ones as they are; nested names
    are joined by `/`; what is no number is left out. A number on a GPU is fetched later, without a
    synchronisation. Without a step: one more than the last. A full disk never raises here.

    Raises:
        TypeError: `values` is no mapping, or `step` no whole number.
    """
    if type(values) is not dict and not _is_mapping(values):
        raise TypeError(
            f'labhand.log takes a dict such as {{"loss": 0.1}}, not {type(values).__name__}'
        )
    if step is not None and type(step) is not int:
        step = _whole(step)
    (_row or _begin())(values, step)


def config(settings: Any) -> None:
    """Records the settings of a run: a mapping, an argparse namespace or a dataclass.

    Nested mappings are kept; what JSON cannot hold is kept as its repr; the values of passwords,
    tokens and keys are not kept. Several calls add up.

    Raises:
        TypeError: `settings` is none of these.
    """
    from labhand.kit.scrub import scrub_tree

    found = _settings(settings)
    if _row is None:
        _begin()
    if _attempt:
        points = _points()
        points.event(_attempt, "config", scrub_tree(points.plain(found)))


def _begin() -> Callable[[Any, Any], None]:
    global _row, _attempt
    under = os.environ.get("LABHAND_ATTEMPT")
    if not under:
        from labhand.cycle import own

        under = own.begin()
    _attempt = under
    _row = _points().Writer(under, "log").row if under else lambda values, step: None
    return _row


def _points() -> Any:
    # The probe runs from files of its own, so that it works in any Python; where it is in this
    # process already, both must share one set of writers.
    from importlib import import_module

    there = "_labhand_probe" if "_labhand_probe" in sys.modules else "labhand.probe"
    return import_module(there + ".points")


def _is_mapping(values: object) -> bool:
    from collections.abc import Mapping

    return isinstance(values, Mapping)


def _settings(settings: Any) -> Mapping[Any, Any]:
    if _is_mapping(settings):
        found: Mapping[Any, Any] = settings
        return found
    fields = getattr(settings, "__dataclass_fields__", None) or getattr(settings, "__dict__", None)
    if not fields or isinstance(settings, type) or callable(settings):
        raise TypeError(
            "labhand.config takes a mapping, an argparse namespace or a dataclass, "
            f"not {type(settings).__name__}"
        )
    return {name: getattr(settings, name) for name in fields}


def _whole(step: Any) -> int:
    whole: int | None = _points().whole_step(step)
    if whole is None:
        raise TypeError(f"the step of labhand.log is a whole number, not {step!r}")
    return whole
