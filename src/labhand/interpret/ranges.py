"""Ranges of values: `between 1e-4 and 1e-2, log scale, 5 points`, `from .1 to .3 in steps of .05`."""

import re

from labhand.core.errors import UsageError
from labhand.interpret import values
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Known, Mention
from labhand.interpret.text import Amount
from labhand.interpret.words import whole
from labhand.kit.settings import seed_setting

_TO = frozenset("to - .. ... through until bis -> => and thru : up".split())
_COUNT = (
    r"(\d+)(?: different| evenly spaced| equally spaced| log - spaced| logspaced| log spaced)? "
    r"(?:values|pts|points|settings|choices|samples|steps|options|levels|runs|werte|punkte|trials)"
)
_PLAIN_COUNT = re.compile(r"(?:^| )(\d+)(?: different| random)?$")
_BEFORE = re.compile(_COUNT + r"(?: of| for| in| to| von)?(?: the)?$")
_AFTER = re.compile(
    r"^(?:,? ?)(?:\( ?)?(?:(?:in|with|on|using|and|over|at|mit|by|w /) )?(?:an? |the )?(?:"
    rf"(?P<count>{_COUNT})"
    r"|(?P<log>log(?:arithmic(?:ally)?)?(?:[ -]+(?:uniform(?:ly)?|spaced|scale|space|steps))?|geometric(?:ally)?|logspace|"
    r"logspaced|logscale|exponentially)"
    r"|(?P<linear>linear(?:ly)?(?: (?:scale|spaced|steps))?|evenly(?: spaced)?|equally(?: spaced)?|uniform(?:ly)?|linspace)"
    r"|(?P<step>(?:steps?|increments?|step size|intervals?|schritten)(?: of| =| von)? (?P<by>[\d.]+(?:e-?\d+)?)|"
    r"(?P<alone>[\d.]+(?:e-?\d+)?)(?: steps| increments)?(?= |$))"
    r"|(?P<part>halves|thirds|quarters|fifths|tenths)"
    r"|(?P<half>half(?: -)? decades)|(?P<decades>decades|(?:1 )?(?:per|each) decade|(?:factors?|powers) of 10)"
    r"|(?P<doubling>doubling(?: each time)?|powers of (?:2|two)|factors? of (?:2|two)|pow2)"
    r"|(?P<filler>scale|spaced|spacing|each|grid|\)|,))(?: ?\))?"
)
_FEW = 10
"""Whole numbers that `4..8` may stand for."""
_PARTS = {"halves": 0.5, "thirds": 1 / 3, "quarters": 0.25, "fifths": 0.2, "tenths": 0.1}
_CHANGES = re.compile(
    r"\b(?:change|changing|switch|move|go|bring|raise|bump|increase|decrease|reduce|lower|drop|cut|set|up|"
    r"take|grow|shrink|update|adjust|tune down|tune up|push)\b[^,;]*$"
)
_SWEEPS = re.compile(
    r"\b(?:sweep|sweeping|grid|scan|vary|varying|range|search|try|explore|ablate|values|points|log|loop|test|"
    r"every|each|all|any|run|interpolate)\b"
)


def read(draft: Draft, mention: Mention, at: int, via: set[str]) -> tuple[list[object], int] | None:
    """The values of a range that begins here, or of a change `from A to B`."""
    text, known = draft.text, mention.known[0]
    doubling = re.match(
        r"^(?:in )?(?:powers of 2|doubling|doublings)(?: from| between)?(?= )", text.after(at)
    )
    if doubling:
        at += len(doubling.group().split())
        via = via | {"from", *doubling.group().split()}
    low = text.amount(at)
    if low is None or known.setting.type in ("bool", "list") or low[0].unit in ("x", "s"):
        return None
    joint = text.low(low[1])
    if joint == ":" and "between" not in via:
        return _sliced(draft, known, low)
    bracketed = _bracketed(draft, at, low)
    if not bracketed and (joint not in _TO or (joint in ("and", ":") and "between" not in via)):
        return None
    high = text.amount(low[1] + (2 if (joint, text.low(low[1] + 1)) == ("up", "to") else 1))
    if high is None or high[0].unit in ("x", "s") or text.low(high[1]) in ("->", "=>"):
        return None
    first, last = values.fitted(known, low[0]), values.fitted(known, high[0])
    if not isinstance(first, int | float) or not isinstance(last, int | float):
        return None
    before = text.before(mention.start)
    laid = re.match(
        r"^(?:,? ?)(?:\( )?(?:(?:in|by|with|at) (?:steps?|increments?|[\d.]+ (?:steps|points|values))|"
        r"\d+ (?:(?:log|evenly|linearly|geometrically)(?: -)?(?: spaced)? )?(?:points|pts|values))",
        text.after(high[1]),
    )
    if not (doubling or laid or bracketed) and _is_change(draft, known, first, joint, via, before):
        return [last], high[1]
    spread = _Spread(draft, known, first, last)
    spread.plural = mention.phrase.endswith("s") and not known.setting.name.endswith("s")
    spread.factor = 2.0 if doubling is not None else 0.0
    if joint in ("..", "...") and known.setting.type == "int" and 1 < last - first <= _FEW:
        spread.step = 1
    spread.log = (
        True if "logarithmically" in via else False if via & {"linearly", "evenly"} else None
    )
    end = spread.read(before, mention.start, high[1] + bracketed)
    return spread.values(draft.text.said(mention.start, end)), end


def _bracketed(draft: Draft, at: int, low: tuple[Amount, int]) -> bool:
    """Whether `[0.01, 0.3]` are two ends: what follows says how the points between are laid."""
    text = draft.text
    high = text.amount(low[1] + 1) if text.low(low[1]) == "," else None
    if high is None or text.low(at - 1) not in ("[", "(") or text.low(high[1]) not in ("]", ")"):
        return False
    laid = _AFTER.match(text.after(high[1] + 1))
    return laid is not None and any(laid[how] for how in ("count", "log", "linear"))


def _sliced(draft: Draft, known: Known, low: tuple[Amount, int]) -> tuple[list[object], int] | None:
    """The values of `0:0.5:0.1`: from, to, by; None where it is no such thing."""
    text = draft.text
    high = text.amount(low[1] + 1)
    step = text.amount(high[1] + 1) if high is not None and text.low(high[1]) == ":" else None
    if high is None or step is None or step[0].value <= 0 or high[0].value < low[0].value:
        return None
    return values.stepped(known, low[0].value, high[0].value, step[0].value), step[1]


def _is_change(
    draft: Draft, known: Known, first: object, joint: str, via: set[str], before: str
) -> bool:
    """Whether the first number is only the old value."""
    if joint in ("->", "=>"):
        return not _SWEEPS.search(before)
    if "from" not in via or "between" in via or _SWEEPS.search(before) or _BEFORE.search(before):
        return False
    return bool(_CHANGES.search(before)) or draft.base(known).value == first


class _Spread:
    """How the points between two ends are to be laid."""

    def __init__(self, draft: Draft, known: Known, first: float, last: float) -> None:
        self.draft, self.known = draft, known
        self.falling = first > last
        self.low, self.high = min(first, last), max(first, last)
        self.count: int | None = None
        self.log: bool | None = None
        self.step: float | None = None
        self.plural = False
        self.factor = 0.0

    def read(self, before: str, start: int, end: int) -> int:
        """Takes in what is said of the points before the setting and after the range; its end."""
        counted = _BEFORE.search(before) or (self.plural and _PLAIN_COUNT.search(before)) or None
        self.count = int(counted[1]) if counted else None
        if counted:
            self.draft.text.take(start - len(counted.group().split()), start)
        if re.search(r"\blog(?:arithmic|scale)?\b", before):
            self.log = True
        text = self.draft.text
        while found := _AFTER.match(text.after(end)):
            if found["alone"] and (not found.group().startswith("by ") or self.step):
                break
            if found["count"]:
                self.count = int(re.findall(r"\d+", found["count"])[0])
                self.log = True if "log" in found["count"] else self.log
            self.log = True if found["log"] else False if found["linear"] else self.log
            by = found["by"] or found["alone"]
            self.step = float(by) if by else _PARTS.get(found["part"] or "", self.step)
            told = {"doubling": 2.0, "decades": 10.0, "half": 10**0.5}
            self.factor = next((f for name, f in told.items() if found[name]), self.factor)
            end += len(found.group().split())
        while text.low(end - 1) == "" and end > 0:
            break
        return end - 1 if end > 0 and text.low(end - 1) == "," else end

    def values(self, words: str) -> list[object]:
        """The points, in the order in which the ends were said."""
        known = self.known
        if self.factor and self.low > 0:
            points, value = list[object](), self.low
            while value <= self.high * 1.0001 and len(points) < 1000:
                number = values.rounded(value)
                points.append(values.fitted(known, Amount(whole(number), "", str(number))))
                value *= self.factor
        elif self.step:
            points = values.stepped(known, self.low, self.high, self.step)
        elif seed_setting([known.setting]) is not None and self.count is None:
            points = values.stepped(known, self.low, self.high, 1)
        else:
            self._untold(words)
            points = values.spread(known, self.low, self.high, self.count, self.log)
        return points[::-1] if self.falling else points

    def _untold(self, words: str) -> None:
        points = values.spread(self.known, self.low, self.high, self.count, self.log)
        listed = ", ".join(map(values.shown, points))
        key = self.known.key
        if self.log is None and len(points) > 2:
            usual = (
                "evenly on a log scale"
                if self.known.concept and self.known.concept.log
                else "evenly"
            )
            self.draft.suppose(f"the points of `{key}` are laid {usual}: {listed}")
        every = self.known.setting.type == "int" and len(points) == self.high - self.low + 1
        if self.count is None and not every:
            sure = len(points) > 3 or (
                isinstance(self.low, int) and self.high - self.low < len(points) + 1
            )
            self.draft.doubt(
                f'How many points shall "{words}" have?',
                sorted({3, 5, len(points)}),
                len(points),
                0.15 if sure else 0.4,
            )


def share_of_length(draft: Draft, known: Known, share: float) -> object | None:
    """A share of the training's length, for settings such as warmup that count steps."""
    unit = "epochs" if "epoch" in known.setting.name.lower() else "steps"
    for length in draft.text.lexicon.of_concept(unit):
        said = next((s for s in draft.said if s.known.key == length.key), None)
        base = said.values[0] if said and len(said.values) == 1 else draft.base(length).value
        if isinstance(base, int | float) and base > 0 and not isinstance(base, bool):
            draft.suppose(f"{share:.0%} of {values.shown(base)} {unit} is meant for `{known.key}`")
            return values.fitted(known, Amount(max(1, round(base * share)), "", ""))
    if share == 0.05:
        return None
    raise UsageError(
        f"`{known.key}` counts {unit}, and nothing tells how many there are; say its value as a number"
    )
