"""Tells the person's own code from libraries, and a planned import error from a fatal one."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from types import FrameType

_PROBE = os.path.dirname(os.path.abspath(__file__))
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__))
_CATCHES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


def of_person(file: str) -> bool:
    """Whether the file is neither of Python, nor installed, nor made up."""
    if file.startswith("<"):
        return False
    path = os.path.abspath(file)
    if "%ssite-packages%s" % (os.sep, os.sep) in path or "dist-packages" in path:
        return False
    programs = os.path.join(sys.prefix, "bin")
    return not path.startswith((_LIBRARY + os.sep, _PROBE + os.sep, programs + os.sep))


def caller_of_person(frame: FrameType | None, but: tuple[str, ...] = ()) -> FrameType | None:
    """The person's frame that led here through libraries, but not through an import or `but`."""
    for _ in range(40):
        if frame is None or frame.f_code.co_filename.startswith("<frozen importlib"):
            return None
        if of_person(frame.f_code.co_filename):
            return frame
        if str(frame.f_globals.get("__name__")).partition(".")[0] in but:
            return None
        frame = frame.f_back
    return None


def frame_of_import() -> FrameType | None:
    """The frame whose import statement is being carried out."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(("<frozen importlib", _PROBE)):
            return frame
        frame = frame.f_back
    return None


def guarded(frame: FrameType) -> bool:
    """Whether the line that `frame` is at stands where a missing module is expected."""
    import ast
    import linecache

    text = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Try):
            catches = any(_catches(handler.type) for handler in node.handlers)
            block = node.body
        elif isinstance(node, ast.With):
            catches = any("suppress" in ast.dump(item.context_expr) for item in node.items)
            block = node.body
        else:
            continue
        last = block[-1].end_lineno or block[-1].lineno
        if catches and block[0].lineno <= frame.f_lineno <= last:
            return True
    return False


def _catches(kind: ast.expr | None) -> bool:
    import ast

    if kind is None:
        return True
    names = {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)}
    return bool(names & _CATCHES)
