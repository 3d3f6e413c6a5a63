"""The likely cause of an exception in the person's own logic, from its words and what the line held."""

import re
from collections.abc import Callable

from labhand.launch.raised import Frame, Raised

_SHAPES = re.compile(
    r"shapes?\b|size mismatch|mat1 and mat2|broadcast|dimension|must match the size|could not be broadcast|operands"
)
_UNPACK = re.compile(r"(?:not enough|too many) values to unpack")


def likely(error: Raised) -> str:
    """One sentence on what most likely led to the error, with the values; empty where nothing tells."""
    frame = error.own
    if frame is None:
        return ""
    for pattern, story in _STORIES:
        if re.search(pattern, f"{error.type}: {error.message}"):
            told = story(error, frame)
            if told:
                return told
    return ""


def _held(frame: Frame, *wanted: str) -> list[str]:
    """`name = value` for the names in the line; those whose value holds one of the `wanted` words first."""
    names = set(re.findall(r"[^\W\d]\w*(?:\.\w+)?", frame.code))
    pairs = [(n, v) for n, v in frame.values.items() if n in names or not frame.code]
    if wanted:
        pairs = [(n, v) for n, v in pairs if any(word in v for word in wanted)]
    return [f"{name} = {value}" for name, value in pairs]


def _key(error: Raised, frame: Frame) -> str:
    tables = _held(frame, "dict of", "OrderedDict of", "defaultdict of")
    return f"the key {error.message} is not in {'; '.join(tables)}" if tables else ""


def _index(error: Raised, frame: Frame) -> str:
    held = _held(frame)
    return f"an index lies beyond the end: {'; '.join(held)}" if held else ""


def _none(error: Raised, frame: Frame) -> str:
    names = [name for name, value in frame.values.items() if value == "None"]
    names = [name for name in names if re.search(rf"\b{re.escape(name)}\b", frame.code)] or names
    if not names:
        return ""
    return f"{' and '.join(names)} is None here: what should have made it returned nothing"


def _zero(error: Raised, frame: Frame) -> str:
    zeros = _held(frame)
    return f"a divisor is zero: {'; '.join(zeros)}" if zeros else ""


def _shapes(error: Raised, frame: Frame) -> str:
    if not _SHAPES.search(error.message):
        return ""
    held = [pair for pair in _held(frame) if "(" in pair.partition(" = ")[2]]
    return f"the shapes do not go together: {'; '.join(held)}" if held else ""


def _unpack(error: Raised, frame: Frame) -> str:
    held = _held(frame)
    return f"more or fewer values came than names stand there: {'; '.join(held)}" if held else ""


def _assertion(error: Raised, frame: Frame) -> str:
    held = _held(frame)
    return (
        f"a check of the code itself does not hold: {'; '.join(held)}"
        if held
        else ("a check of the code itself does not hold")
    )


def _any(error: Raised, frame: Frame) -> str:
    held = _held(frame)
    return f"the line held {'; '.join(held)}" if held else ""


_STORIES: tuple[tuple[str, Callable[[Raised, Frame], str]], ...] = (
    (r"^KeyError", _key),
    (r"^IndexError", _index),
    (r"NoneType", _none),
    (r"^ZeroDivisionError", _zero),
    (_UNPACK.pattern, _unpack),
    (r"^(?:Value|Runtime|Type)Error|^InvalidArgument", _shapes),
    (r"^AssertionError", _assertion),
    (r"", _any),
)
