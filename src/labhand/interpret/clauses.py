"""An instruction in clauses: the pieces between commas, conjunctions and the ends of sentences."""

from collections.abc import Iterator
from typing import NamedTuple

from labhand.interpret.text import ENDS, Text

JOINTS = frozenset(", ; and & or vs versus but then plus und oder aber".split()) | ENDS


class Clause(NamedTuple):
    """The tokens of one piece, from `start` up to `end`."""

    start: int
    end: int


def clauses(text: Text, joints: frozenset[str] = JOINTS) -> list[Clause]:
    """The pieces of the whole text, in order; what parts them belongs to none."""
    return list(_pieces(text, joints))


def _pieces(text: Text, joints: frozenset[str]) -> Iterator[Clause]:
    start = 0
    for at in range(len(text) + 1):
        if at < len(text) and not _parts(text, at, joints):
            continue
        if at > start:
            yield Clause(start, at)
        start = at + 1


def _parts(text: Text, at: int, joints: frozenset[str]) -> bool:
    token = text.tokens[at]
    if token.low not in joints:
        return False
    # "resnet.layer" and "a,b" without blanks are words of code, not ends of sentences
    inner = token.glued and at + 1 < len(text) and text.tokens[at + 1].glued
    return not (inner and token.low == ".")
