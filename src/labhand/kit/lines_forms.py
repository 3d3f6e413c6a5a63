"""Lines that look like an earlier one, read by its form at a fraction of the cost.

A script prints the same line over and over, with other digits. A line that has come twice is read
twice more by the long way, each time with made-up digits in it and a memory that only notes what it
is asked: where the made-up numbers come out again tells what each number of such a line stands for.
"""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from labhand.kit.lines_formats import Memory, Printed
from labhand.kit.patterns import pattern

LONGEST = 400
"""Longer lines, bytes, are always read the long way."""
FORMS = 8
"""So many forms of lines that begin alike are tried."""
KNOWN = 500
"""So many beginnings and so many shapes of lines are remembered."""
TRIES = 20
"""So often the form of lines of one shape is made: for each count of digits in a date anew."""

_RUN = pattern(rb"(?<![A-Za-z_@+\-\d])\d+|(?<=[\s:=,(\[|][+\-])\d+")
_NUMBER = pattern(
    rb"[-+]?(?:\d[\d_]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)", re.IGNORECASE
)
_DATED = pattern(rb"(?<=\d[:/\-])\d+|\d+(?=[:/\-]\d)")
"""Digits of which the long way may count how many there are: those of clock times and dates."""
_LONG_WAY = (b"}", b"%|", b"\x1b")
_NAN = math.nan
_SCALES = (1.0, 1e3, 1e6, 1e9)

Read = Callable[[str, Memory], Printed | None]


class _Source(NamedTuple):
    """Where a number comes from: a group of the form, `epoch`, `result` or `constant`."""

    kind: str
    group: int = 0
    whole: bool = False
    scale: float = 1.0
    constant: Any = None

    def of(self, groups: tuple[bytes, ...], memory: Memory, result: int | None) -> Any:
        if self.kind == "group":
            said = groups[self.group]
            return int(said) if self.whole else float(said) * self.scale
        if self.kind == "epoch":
            return memory.epoch
        return result if self.kind == "result" else self.constant


class _Form(NamedTuple):
    """What lines of one form say."""

    match: Callable[[bytes], re.Match[bytes] | None]
    begins: bool
    calls: tuple[tuple[str, tuple[_Source, ...]], ...]
    step: _Source
    epoch: _Source
    names: tuple[str, ...]
    values: tuple[_Source, ...]

    def printed(self, groups: tuple[bytes, ...], memory: Memory) -> Printed:
        result = None
        for method, sources in self.calls:
            given = [source.of(groups, memory, result) for source in sources]
            result = getattr(memory, method)(*given)
        memory.begun = self.begins
        said = [
            float(groups[source[1]])
            if source[0] == "group" and source[3] == 1.0
            else source.of(groups, memory, result)
            for source in self.values
        ]
        return Printed(
            self.step.of(groups, memory, result),
            self.epoch.of(groups, memory, result),
            dict(zip(self.names, said, strict=True)),
        )


class Forms:
    """The forms of the lines of one stream. `read` is the long way, on a memory of its own."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._forms: dict[bytes, list[_Form]] = {}
        self._seen: dict[tuple[bytes, ...], int] = {}
        self._state = (False, True)

    def printed(self, raw: bytes, memory: Memory) -> Printed | None:
        """What the line says, as the long way would tell it; None: it must tell."""
        forms = self._forms.get(_beginning(raw))
        if forms is None or len(raw) > LONGEST or not self._holds(memory) or memory.opened():
            return None
        for place, form in enumerate(forms):
            if match := form.match(raw):
                if place:
                    forms.insert(0, forms.pop(place))
                return form.printed(match.groups(), memory)
        return None

    def learn(self, raw: bytes, memory: Memory) -> None:
        """Takes in a line that the long way has found metrics in."""
        if len(raw) > LONGEST or not raw.isascii() or memory.opened():
            return
        self._holds(memory)
        shape = tuple(_RUN.split(raw))
        times = self._seen.get(shape, 0)
        if len(self._seen) >= KNOWN:
            self._seen.clear()
        self._seen[shape] = times + 1
        if not 1 <= times <= TRIES or any(mark in raw for mark in _LONG_WAY):
            return
        form = _form(raw, memory, self._read)
        if form is None:
            self._seen[shape] = TRIES + 1
            return
        if len(self._forms) >= KNOWN:
            self._forms.clear()
        forms = self._forms.setdefault(_beginning(raw), [])
        forms.insert(0, form)
        del forms[FORMS:]

    def _holds(self, memory: Memory) -> bool:
        """Whether what was learned holds: it does while the memory knows as much as it did then."""
        state = (memory.begun, memory.epoch is None)
        if state != self._state:
            self._state = state
            self._forms.clear()
            self._seen.clear()
        return bool(self._forms)


class _Noting(Memory):
    """A memory that answers with made-up numbers and notes what it is asked."""

    def __init__(self, memory: Memory, made_up: int) -> None:
        super().__init__()
        self.begun = memory.begun
        self.epoch = None if memory.epoch is None else float(made_up)
        self.before = self.epoch
        self.result = made_up + 1
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def in_epoch(self, epoch: float | None) -> float | None:
        if epoch is not None:
            self.calls.append(("in_epoch", (epoch,)))
            self.epoch = epoch
        return epoch

    def running(self, epoch: float | None, n: int, total: int) -> int:
        return self._noted("running", epoch, n, total)

    def within(self, epoch: float, n: int, total: int) -> int:
        return self._noted("within", epoch, n, total)

    def _noted(self, method: str, *given: Any) -> int:
        self.calls.append((method, given))
        return self.result


def _beginning(raw: bytes) -> bytes:
    """What lines of one form share at their beginning, whatever their digits."""
    return raw[:16].translate(None, b"0123456789")[:5]


def _form(raw: bytes, memory: Memory, read: Read) -> _Form | None:
    """The form of the line; None where two readings with made-up digits do not tell it."""
    tellings = [_telling(raw, memory, read, made_up) for made_up in (10007, 37189)]
    if tellings[0] is None or tellings[0] != tellings[1]:
        return None
    return _Form(pattern(_pattern(raw)).fullmatch, *tellings[0])


def _telling(raw: bytes, memory: Memory, read: Read, made_up: int) -> Any:
    """What the numbers of the line stand for, told by one reading; None where they do not tell."""
    text = _with_digits(raw, made_up)
    noting = _Noting(memory, 800_000_000 + made_up)
    printed = read(text.decode().rstrip(), noting)
    if printed is None or noting.opened():
        return None
    if printed.epoch is None and b"poch" in raw.lower():
        return None  # it may be noted by a line's length
    try:
        find = _Finder(text, noting)
        return (
            noting.begun,
            tuple((method, tuple(map(find, given))) for method, given in noting.calls),
            find(printed.step),
            find(printed.epoch),
            tuple(printed.values),
            tuple(find(value) for value in printed.values.values()),
        )
    except LookupError:
        return None


class _Finder:
    """Finds where a number that was read from a line of made-up digits comes from."""

    def __init__(self, text: bytes, noting: _Noting) -> None:
        self._numbers = [float(found[0]) for found in _numbers(text)]
        self._noting = noting
        if not all(map(math.isfinite, self._numbers)):
            raise LookupError("made-up digits in an exponent")

    def __call__(self, value: Any) -> _Source:
        """Where the value comes from.

        Raises:
            LookupError: it cannot be told.
        """
        if value is None or not math.isfinite(value):
            return _Source("constant", constant=_NAN if value != value else value)
        if value == self._noting.before:
            return _Source("epoch")
        if type(value) is int and value == self._noting.result:
            return _Source("result")
        places = [
            (group, scale)
            for group, number in enumerate(self._numbers)
            for scale in _SCALES
            if value == number * scale
        ]
        if len(places) != 1:
            raise LookupError(value)
        group, scale = places[0]
        return _Source("group", group, type(value) is int, scale)


def _with_digits(raw: bytes, made_up: int) -> bytes:
    """The line with made-up digits, as many only where their count may matter."""
    dated = {found.span() for found in _DATED.finditer(raw)}
    count = 0

    def other(found: re.Match[bytes]) -> bytes:
        nonlocal count
        count += 1
        digits = b"%d" % (made_up + 1319 * count)
        many = len(found[0])
        return (digits * many)[-many:] if found.span() in dated else digits

    return _RUN.sub(other, raw)


def _numbers(text: bytes) -> list[re.Match[bytes]]:
    return [found for found in _NUMBER.finditer(text) if _RUN.search(text, *found.span())]


def _pattern(raw: bytes) -> bytes:
    """A pattern of all lines of the form, with a group for every number."""
    dated = {found.span() for found in _DATED.finditer(raw)}
    marks = [(found.start(), 1, b"(") for found in _numbers(raw)]
    marks += [(found.end(), 0, b")") for found in _numbers(raw)]
    runs = {found.start(): found for found in _RUN.finditer(raw)}
    for start, run in runs.items():
        some = b"\\d{%d}" % len(run[0]) if run.span() in dated else b"\\d+"
        marks.append((start, 2, some))
    parts: list[bytes] = []
    at = 0
    for place, kind, mark in sorted(marks):
        parts += [re.escape(raw[at:place]), mark]
        at = runs[place].end() if kind == 2 else max(at, place)
    return b"".join([*parts, re.escape(raw[at:])])
