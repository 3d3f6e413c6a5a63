"""Metrics out of what a script prints.

Exact formats first (`lines_formats`, `lines_tables`), then pairs of a name and a number under
guards (`lines_pairs`). A step is never invented: it is None where the line does not tell one.
"""

import re
import time
from collections.abc import Callable

from labhand.kit.escapes import ESCAPES
from labhand.kit.lines_formats import FORMATS, Memory, Printed, side
from labhand.kit.lines_forms import Forms
from labhand.kit.lines_pairs import NUMBER, Pair, is_setting, pairs
from labhand.kit.lines_tables import RULED, table
from labhand.kit.patterns import pattern

__all__ = ["Lines", "Numbering", "Printed"]

LONGEST = 8192
"""A line is read up to this many bytes; what follows on it is passed over."""
REMEMBERED = 500
"""The values of so many steps are remembered, to know when one is only said again."""

_TABLED = ("--", *RULED)
_CONTROL = pattern(r"[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")
_WIDE = str.maketrans("：＝，；（）", ":=,;()")
_BREAK = pattern(rb"\r*\n|\r(?!$)")
_PREFIX = pattern(
    r"^\s*(?:\[?\d{4}[-/]\d\d[-/]\d\d[ T_]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?\]?[\s,|:-]*"
    r"|\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?[\s|:-]+|\[?(?:INFO|DEBUG)\]?\b[\s|:-]*"
    r"|\[?(?:rank|Rank|GPU)[ :]?\d+\]?[\s|:-]+|(?:root|__main__|[a-z_]+(?:\.[a-z_]+)+)\s*(?:-|:|\|)\s+)+"
)
_PAIRED = pattern(rf"[:=]\s{{0,30}}['\"]?{NUMBER}", re.I)
_NAMES = ("loss", "acc", "ppl", "perplexity", "error", "reward", "score", "f1", "auc")
_NAMED = pattern(
    r"(?:loss|acc|accuracy|ppl|perplexity|error|reward|score|f1|auc)\s+[-+.\dni]", re.I
)
_TROUBLE = pattern(
    r"^\s*(?:Traceback \(|File \"|\w*(?:Error|Exception|Warning|Interrupt)\b\s*(?::|$)|[\w.]+(?:Error|Exception|Warning): )"
    r"|\b(?:WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b|Warning: |warnings\.warn|^\s*(?:#|//|>>>|def |class |import |from |if |for |while |return |print\(|assert )|://"
)
_STEP = pattern(
    r"(?<![\w./])(?:(?:global|train|training|optimizer|total)[ _]?)?(?:(?P<batch>batch|minibatch)|step|steps|iter|iters|iteration|it|updates?|timesteps?|num_updates|round|episode|trial|generation)"
    r"(?![A-Za-z/])\s*[:=#]?\s*\[?\s*(?P<n>\d+)(?![\d.]*\d*[eE.:]\d)(?:\s*(?:/|of)\s*(?P<total>\d+))?\]?(?![\w.%]*\w)",
    re.I,
)
_EPOCH = pattern(
    r"(?<![\w./])(?:(?:epoch|ep)s?|эпоха|époque|epoche|época|エポック)\s*[:=#]?\s*[\[(]?\s*(?P<epoch>\d+(?:\.\d+)?)(?:\s*(?:/|of)\s*\d+(?:\.\d+)?)?[\])]?(?![\w%]*\w)",
    re.I,
)
_FRACTION = pattern(r"[\[(]\s*(?P<n>\d+)\s*/\s*(?P<total>\d+)\s*(?:\([\d.\s%]*\))?\s*[\])]")
_BATCHES = pattern(r"(?P<n>\d+)/\s*(?P<total>\d+) batches")
_NUMBERED = pattern(r"^\s*\[\s*(?P<n>\d+)\s*\](?P<total>)")
_TOOK = pattern(
    r"\b(?:eta|remaining|elapsed|time left)\b\s*[:=]?\s*[\d:.]+(?:\s?(?:ms|s|sec|min|h)\b)?", re.I
)
_CLOCK = pattern(r"\d{4}[-/]\d\d[-/]\d\d|\b\d{1,2}:\d\d(?::\d\d)?\b")


_ODD_NAN = pattern(
    r"(?P<inf>\b1\.#INF\d*)|-?\b1\.#[QS]?NAND?\d*|-?\b1\.#IND\d*|-?\bnan\(\w*\)|\btensor\(nan[^()]*\)|\bnan[+-]nanj\b",
    re.IGNORECASE,
)
"""What C on Windows, complex numbers and tensors make of one."""


class Lines:
    """Reads a stream of output and tells the metrics in it.

    Of a progress bar that draws over itself only one state a second is told. `clock` is in seconds.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, memory: Memory | None = None
    ) -> None:
        self._clock = clock
        self._rest = b""
        self._memory = memory or Memory()
        self._forms = Forms(lambda text, memory: Lines(memory=memory).line(text))
        self._bar: str | None = None
        self._told = float("-inf")
        self._trouble = False

    def feed(self, data: bytes) -> list[Printed]:
        """What the lines that are whole by now say; an unfinished line waits for its rest."""
        data = self._rest + data
        found: list[Printed] = []
        start = 0
        for end in _BREAK.finditer(data):
            # a carriage return at the very end may yet turn out to be half of a line's end
            self._frame(data[start : end.start()], b"\n" in end.group(), found)
            start = end.end()
        self._rest = data[start:]
        if len(self._rest) > LONGEST:
            self._rest = self._rest[: LONGEST - 1] + self._rest[-1:]
        return found

    def close(self) -> list[Printed]:
        """What the unfinished last line says, and the last state of a bar."""
        found: list[Printed] = []
        self._frame(self._rest.rstrip(b"\r"), True, found)
        self._rest = b""
        return found

    def _frame(self, raw: bytes, whole: bool, found: list[Printed]) -> None:
        if whole and self._bar is None and not self._trouble:
            known = self._forms.printed(raw, self._memory)
            if known is not None:
                found.append(known)
                return
        text = raw[:LONGEST].decode("utf-8", "replace").rstrip()
        if not whole:
            if not text:
                return
            now = self._clock()
            if now - self._told < 1.0:
                self._bar = text
                return
            self._told, self._bar = now, None
        elif not text and self._bar is not None:
            text, self._bar = self._bar, None
        bar, self._bar = self._bar, None
        printed = self.line(text)
        if printed is None and bar is not None:  # else the line is the bar's later state
            printed = self.line(bar)
        if printed is not None:
            found.append(printed)
            if whole and bar is None:
                self._forms.learn(raw, self._memory)

    def line(self, text: str) -> Printed | None:
        """What one line says; None where it holds no metric."""
        text = _plain(text)
        if self._in_trouble(text):
            return None
        memory = self._memory
        if memory.opened() or "  " in text or text.startswith(_TABLED):
            answer = table(text.strip(), memory)
            if isinstance(answer, Printed):
                return self._told_as(answer)
            if answer:
                return None
        if not _worth(text):
            self._note_epoch(text)
            return None
        if _TROUBLE.search(text) is not None:
            return None
        text = _PREFIX.sub("", text, count=1)
        for mark, read in FORMATS:
            if mark in text and (printed := read(text.strip(), memory)) is not None:
                return self._told_as(printed)
        return self._generic(text)

    def _told_as(self, printed: Printed) -> Printed:
        self._memory.begun = True
        return printed

    def _note_epoch(self, text: str) -> None:
        """Remembers the epoch of a line such as `Epoch 3/10` that stands above its metrics."""
        if ("poch" in text or "POCH" in text) and len(text) < 80 and (e := _EPOCH.search(text)):
            self._memory.in_epoch(float(e["epoch"]))

    def _in_trouble(self, text: str) -> bool:
        """Whether the line belongs to a traceback."""
        if self._trouble:
            self._trouble = text.startswith((" ", "\t")) or not text
            return True
        self._trouble = text.startswith("Traceback (most recent call last)")
        return self._trouble

    def _generic(self, text: str) -> Printed | None:
        memory = self._memory
        if "%|" in text or _CODE.search(text):
            return None
        body = _CLOCK.sub(" ; ", _TOOK.sub(" ; ", text)) if ":" in text else text
        epoch, step, body = self._marks(body)
        if epoch is None:
            self._note_epoch(text)
        marked = epoch is not None or step is not None
        found = pairs(body)
        sure = any(pair.sure for pair in found)
        if not (sure or (marked and found)):
            return None
        where = _heading(body, found)
        values: dict[str, float] = {}
        for pair in found:
            if pair.sure or marked or (sure and not is_setting(pair.key)) or memory.begun:
                key = where + pair.key if where and not side(pair.key) else pair.key
                values.setdefault(key, pair.value)
        memory.begun = memory.begun or marked
        return Printed(step, epoch, values) if values else None

    def _marks(self, body: str) -> tuple[float | None, int | None, str]:
        """The epoch and the step that the line names, and the line without them."""
        epoch_at, step_at = _EPOCH.search(body), _STEP.search(body)
        epoch = float(epoch_at["epoch"]) if epoch_at else None
        self._memory.in_epoch(epoch)
        inside = step_at is not None and step_at["batch"] is not None
        body = _without(_without(body, epoch_at), step_at)
        if step_at is None:
            step_at = _FRACTION.search(body) or _BATCHES.search(body)
            body = _without(body, step_at)
            inside = step_at is not None
        if step_at is None:
            step_at = _NUMBERED.search(body)
            body = _without(body, step_at)
        if step_at is None:
            return epoch, None, body
        n, total = int(step_at["n"]), step_at["total"]
        at = epoch if epoch is not None else (self._memory.epoch if inside else None)
        if inside and total and at is not None:
            return epoch, self._memory.running(at, n, int(total)), body
        if inside and not total:
            return epoch, None, body
        if total and epoch is not None:
            return epoch, self._memory.within(epoch, n, int(total)), body
        return epoch, n, body


_CODE = pattern(
    r"\w\(\w*[=,'\"]|Namespace\(|^\s*[\w.]+\([^)]*$|\[\[|tensor\(|array\(|lambda|=>|;\s*$|\w = \w+\("
)
_HEADING = pattern(
    r"^[\s\[(*=>;,|-]*(?:on |the )?(val|valid|validation|eval|evaluation|test|dev)(?:\s+set)?\s*[\])]?\s*[:\]|>-]?[\s:|\-;,]",
    re.I,
)


def _worth(text: str) -> bool:
    """Whether there may be a metric in it. Most lines of a talkative script end here."""
    if (":" in text or "=" in text) and _PAIRED.search(text):
        return True
    lower = text.lower()
    return any(name in lower for name in _NAMES) and _NAMED.search(text) is not None


def _plain(text: str) -> str:
    """The line without colours, East Asian signs as the usual ones."""
    if "\x1b" in text or not text.isprintable():
        text = _CONTROL.sub("", ESCAPES.sub("", text))
    if "(nan" in text or "nan(" in text or ".#" in text or "nanj" in text:
        text = _ODD_NAN.sub(_spelled, text)
    return text if text.isascii() else text.translate(_WIDE)


def _spelled(odd: re.Match[str]) -> str:
    """A number that is not finite, as Python spells it."""
    return "inf" if odd["inf"] else "nan"


def _without(body: str, mark: re.Match[str] | None) -> str:
    """The line with a mark blotted out, places unchanged."""
    if mark is None:
        return body
    return body[: mark.start()] + ";" * len(mark.group()) + body[mark.end() :]


def _heading(body: str, found: list[Pair]) -> str:
    """`val/` or `test/` where the line begins with that word, standing for all that follows."""
    heading = _HEADING.match(body)
    if heading is None or not found or heading.end() > found[0].start:
        return ""
    return side(heading[1])


class Numbering:
    """Numbers what was printed without a step.

    By the last step that was told; where no step ever was, by the whole epoch, or by the count of
    epochs told where they are fractions; else by the count of lines.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._count = 0
        self._epoch: float | None = None
        self._fractions = False
        self._at = -1
        self._told: dict[int, dict[str, float]] = {}

    def step(self, printed: Printed) -> int:
        """The step of what was printed."""
        self._count += 1
        if printed.step is not None:
            self._last = printed.step
            return printed.step
        if self._last is not None:
            return self._last
        if printed.epoch is None:
            return self._count - 1
        return self._of_epoch(float(printed.epoch))

    def _of_epoch(self, epoch: float) -> int:
        self._fractions = self._fractions or not epoch.is_integer()
        if not self._fractions:
            self._at = int(epoch)
        elif epoch != self._epoch:
            self._at += 1
        self._epoch = epoch
        return self._at

    def row(self, printed: Printed) -> tuple[int, dict[str, float]]:
        """The step, and the values without those that only say again what was said of this step.

        A line that is both printed and logged tells each value once, though one of the two streams
        may come later.
        """
        step = self.step(printed)
        if printed.step is None and printed.epoch is None:
            return step, printed.values
        told = self._told.pop(step, None)
        if told is None:
            self._told[step] = printed.values
            if len(self._told) > REMEMBERED:
                del self._told[next(iter(self._told))]
            return step, printed.values
        self._told[step] = told | printed.values
        new = {
            name: value
            for name, value in printed.values.items()
            # as text one NaN equals another
            if name not in told or repr(told[name]) != repr(value)
        }
        return step, new
