"""Keeps what an uncaught exception says. What the person sees of it stays the same to the byte."""

from __future__ import annotations

import atexit
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType, TracebackType
    from typing import Any, Callable

    from .session import Session

_FIRST_FRAMES = 20
_LAST_FRAMES = 40
_FRAMES_WITH_VALUES = 3
_PROBE = os.path.dirname(os.path.abspath(__file__)) + os.sep

main_code: CodeType | None = None
"""The code of a main script that runs from the overlay; what called it is no business of anyone."""
main_path: str | None = None
"""The path of that script, while it is being compiled."""
replaced: set[str] = set()
"""File names of the code that runs from the overlay."""

_told = 0
_ending = {"interrupted": False}


def arm(session: Session) -> None:
    """Chains `sys.excepthook`; at exit looks whether another hook kept an exception to itself."""
    before = sys.excepthook

    def excepthook(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        clean = session.guard("excepthook", _record, session, error, trace)
        if clean:
            trace = error.__traceback__
        _ending["interrupted"] = kind is KeyboardInterrupt
        if not _shown_from_overlay(before, kind, error, trace):
            before(kind, error, trace)

    sys.excepthook = excepthook
    atexit.register(_at_exit, session)


def arm_threads(threading: ModuleType, session: Session) -> None:
    """Chains `threading.excepthook`."""
    before: Callable[[Any], Any] = threading.excepthook

    def excepthook(arguments: Any, /) -> Any:
        error = arguments.exc_value
        if error is not None and not isinstance(error, SystemExit):
            name = getattr(arguments.thread, "name", None)
            session.guard("excepthook", _record, session, error, error.__traceback__, name)
        return before(arguments)

    threading.excepthook = excepthook  # type: ignore[attr-defined]


def _record(
    session: Session, error: BaseException, trace: TracebackType | None, thread: Any = None
) -> None:
    global _told
    _told = id(error)  # the exception itself would keep its frames, and what they hold, alive
    _cleaned(error, trace, set())
    data = _described(error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        data["cause"] = _described(cause)
    if thread is not None:
        data["thread"] = thread
    if session.counted is not None:
        data["step"] = session.counted()
    if (limit := _memory_limit()) is not None:
        data["memory_limit"] = limit
    session.event("exception", **data)


def _memory_limit() -> int | None:
    """The bytes that this process may have by `ulimit -v` or its own word; None: no limit is set."""
    import resource

    least, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if least == resource.RLIM_INFINITY else least


def _described(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    own = kind.__module__ in ("builtins", "__main__")
    try:
        message = str(error)
    except Exception:
        message = "<exception str() failed>"
    said = getattr(error, "stderr", None) if kind.__name__ == "CalledProcessError" else None
    if isinstance(said, bytes):
        said = said.decode("utf-8", "replace")
    if isinstance(said, str) and said.strip():  # the command's own words, which nobody saw
        message = "%s It said: %s" % (message, said.strip().splitlines()[-1][:300])
    return {
        "type": kind.__qualname__ if own else "%s.%s" % (kind.__module__, kind.__qualname__),
        "message": message,
        "frames": _frames(error.__traceback__) + _unread(error),
        "notes": [str(note) for note in getattr(error, "__notes__", None) or ()],
    }


def _frames(trace: TracebackType | None) -> list[dict[str, Any]]:
    import linecache

    from .held import in_library, values

    places = []
    while trace is not None:
        places.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    if len(places) > _FIRST_FRAMES + _LAST_FRAMES:
        places = places[:_FIRST_FRAMES] + places[-_LAST_FRAMES:]
    frames: list[dict[str, Any]] = []
    left = _FRAMES_WITH_VALUES
    for frame, line in reversed(places):
        code = frame.f_code
        text = linecache.getline(code.co_filename, line, frame.f_globals).strip()
        told: dict[str, Any] = {
            "file": code.co_filename,
            "line": line,
            "function": code.co_name,
            "code": text,
        }
        if left and not in_library(code.co_filename):
            left -= 1
            told["values"] = values(text, frame.f_locals, frame.f_globals)
        frames.append(told)
    return frames[::-1]


def _unread(error: BaseException) -> list[dict[str, Any]]:
    """The place in an imported file that Python could not read: no frame stands for it."""
    file = getattr(error, "filename", None)
    if not isinstance(error, SyntaxError) or not file or file.startswith("<") or file == main_path:
        return []
    code = (error.text or "").strip()
    return [{"file": file, "line": error.lineno or 0, "function": "<module>", "code": code}]


def _cleaned(error: BaseException, trace: TracebackType | None, seen: set[int]) -> None:
    """Takes the probe's own frames out of the tracebacks of the exception and its causes."""
    if id(error) in seen:
        return
    seen.add(id(error))
    if main_path is not None and isinstance(error, SyntaxError) and error.filename == main_path:
        trace = None  # the script did not compile: Python shows no frame then
    kept = _without_ours(trace)
    if kept is not error.__traceback__:
        error.__traceback__ = kept
    for other in (error.__cause__, error.__context__):
        if other is not None:
            _cleaned(other, other.__traceback__, seen)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    steps = []
    while trace is not None:
        steps.append(trace)
        trace = trace.tb_next
    for index, step in enumerate(steps):
        if main_code is not None and step.tb_frame.f_code is main_code:
            steps = steps[index:]
            break
    kept = [step for step in steps if not step.tb_frame.f_code.co_filename.startswith(_PROBE)]
    for step, following in zip(kept, kept[1:] + [None]):  # noqa: B905
        if step.tb_next is not following:
            step.tb_next = following
    return kept[0] if kept else None


def _shown_from_overlay(
    before: Any, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> bool:
    """Whether the traceback was printed here: Python itself would read the lines off the disk."""
    if not replaced or before is not sys.__excepthook__ or sys.stderr is None:
        return False
    try:
        import traceback

        text = "".join(traceback.format_exception(kind, error, trace))
        sys.stdout.flush()
        sys.stderr.write(text)
        sys.stderr.flush()
    except Exception:
        return False
    return True


def _at_exit(session: Session) -> None:
    error = getattr(sys, "last_value", None)
    if type(error) is KeyboardInterrupt and not _ending["interrupted"]:
        return
    if isinstance(error, BaseException) and id(error) != _told:
        session.guard("excepthook", _record, session, error, error.__traceback__)
    if session.first and not session.wrote:
        for call in session.before_first_point:
            session.guard("at exit", call)
    if _ending["interrupted"]:
        _die_of_interrupt()


def _die_of_interrupt() -> None:
    """Ends as Python does after Ctrl-C. It forgets to, once a hook has compiled anything."""
    import _signal  # type: ignore[import-not-found]

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # closed, or a broken pipe
            continue
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    os.kill(os.getpid(), _signal.SIGINT)
