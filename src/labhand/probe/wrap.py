"""Puts a function before or after one of somebody else's, so that only its outermost call counts."""

from __future__ import annotations

from _thread import _local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .session import Session

_COPIED = ("__module__", "__name__", "__qualname__", "__doc__", "__dict__")


def dress(call: Any, original: Any) -> None:
    """Makes `call` look like `original` to `inspect` and to readers of its name."""
    for name in _COPIED[:-1]:
        value = getattr(original, name, None)
        if value is not None:
            setattr(call, name, value)
    call.__dict__.update(getattr(original, "__dict__", {}))
    call.__wrapped__ = original


def wrapped(value: Any) -> bool:
    """Whether a function of ours already stands around it."""
    return bool(getattr(value, "__labhand__", False))


def around(
    session: Session,
    owner: Any,
    name: str,
    before: Callable[..., Any] | None = None,
    after: Callable[..., Any] | None = None,
) -> bool:
    """Whether `owner.name` is there and now calls `before(*call)`, itself, and `after(result, *call)`.

    Calls of the same function within its own call are passed through. The first error of `before`
    or `after` is told and switches this place off; it never reaches the caller.
    """
    original = vars(owner).get(name)
    if not callable(original) or wrapped(original):
        return False
    where = "%s.%s" % (getattr(owner, "__name__", owner), name)
    state = _local()
    live = [True]

    def told(function: Callable[..., Any] | None, *arguments: Any, **named: Any) -> None:
        if function is None or not live[0]:
            return
        try:
            function(*arguments, **named)
        except Exception as error:
            live[0] = False
            session.fault(where, error)

    def call(*arguments: Any, **named: Any) -> Any:
        if getattr(state, "inside", False) or not live[0]:
            return original(*arguments, **named)
        state.inside = True
        try:
            told(before, *arguments, **named)
            result = original(*arguments, **named)
            told(after, result, *arguments, **named)
            return result
        finally:
            state.inside = False

    dress(call, original)
    call.__labhand__ = True  # type: ignore[attr-defined]
    setattr(owner, name, call)
    return True
