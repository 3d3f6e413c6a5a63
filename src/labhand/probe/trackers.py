"""Mirrors what a script gives to its trackers as points of the source `tracker`.

A framework's log call often hands the same values on to a tracker. The outermost call counts;
within it only names that it did not have are kept.
"""

from __future__ import annotations

from _thread import _local

from .wrap import dress, wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .session import Session

_now = _local()


def _flat(name: Any) -> str:
    return str(name).replace("/", "_")


def _repeats(name: Any, held: set[str]) -> bool:
    """Whether an integration made `name` of one of `held`: `train/loss` of loss, `eval/x` of eval_x."""
    flat = _flat(name)
    bare = flat.partition("_")[2] if flat.startswith(("train_", "trainer_")) else flat
    return flat in held or bare in held


class Mirror:
    """Where the mirrored calls of this process go."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._unstepped: dict[str, int] = {}

    def row(self, values: Any, step: Any = None) -> None:
        """Writes what is a number among `values`, but for what an outer call has written already."""
        held = getattr(_now, "held", None)
        if held:
            values = {name: value for name, value in values.items() if not _repeats(name, held)}
        if not values:
            return
        _now.given = values
        if type(step) is int:
            self.session.step = step
        self.session.writer("tracker").row(values, step)

    def held(self, name: str) -> bool:
        """Whether an outer call has written this name already."""
        held = getattr(_now, "held", None)
        return held is not None and _repeats(name, held)

    def next_step(self, name: str) -> int:
        """The step of a metric that is logged without one: how often it was before."""
        count = self._unstepped.get(name, 0)
        self._unstepped[name] = count + 1
        return count

    def watch(self, owner: Any, name: str, show: Callable[..., None]) -> bool:
        """Whether `owner.name` is there and from now on is shown to `show` before it is called.

        `show` takes the arguments of the call. Its first error is told and switches it off.
        """
        original = vars(owner).get(name)
        if not callable(original) or wrapped(original):
            return False
        where = "%s.%s" % (getattr(owner, "__name__", type(owner).__name__), name)
        call = self.around(original, show, where)
        setattr(owner, name, call)
        return True

    def around(self, original: Any, show: Callable[..., None], where: str) -> Any:
        """The function that shows its call to `show` and then makes it."""
        session = self.session
        live = [True]

        def call(*arguments: Any, **named: Any) -> Any:
            if not live[0]:
                return original(*arguments, **named)
            held = getattr(_now, "held", None)
            _now.given = None
            try:
                show(*arguments, **named)
            except Exception as error:
                live[0] = False
                session.fault(where, error)
            if _now.given:
                _now.held = {_flat(name) for name in _now.given} | {"global_step"}
                if held:
                    _now.held |= held
            try:
                return original(*arguments, **named)
            finally:
                _now.held = held

        dress(call, original)
        call.__labhand__ = True  # type: ignore[attr-defined]
        return call


_mirrors: dict[int, Mirror] = {}


def mirror(session: Session) -> Mirror:
    """The one mirror of the session."""
    return _mirrors.setdefault(id(session), Mirror(session))
