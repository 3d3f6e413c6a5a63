"""An instruction while it is read: its tokens, slips mended, and which of them are understood."""

import re
from collections.abc import Collection
from typing import NamedTuple

from labhand.interpret import vocabulary
from labhand.interpret.lexicon import Lexicon, Mention
from labhand.interpret.words import NUMBER_WORDS, SECONDS, Token, plain, tokens, whole

SEPARATORS = frozenset({",", "/", "|", "&", "and", "or", "vs", "versus", "und", "oder", "then"})
ENDS = frozenset({".", ";", "\n", "!", "?"})
_SCALES = {
    "thousand": 1_000,
    "million": 1_000_000,
    "billion": 10**9,
    "mio": 1_000_000,
    "tsd": 1_000,
}
TIME_WORDS = {
    word: factor
    for factor, words in (
        (SECONDS["s"], "second seconds sec secs sekunden sekunde"),
        (SECONDS["m"], "minute minutes min mins minuten minute"),
        (SECONDS["h"], "hour hours hr hrs h stunde stunden std"),
        (SECONDS["d"], "day days tag tage tagen d"),
        (7 * SECONDS["d"], "week weeks"),
    )
    for word in words.split()
}
_OWNERS = frozenset(
    "seed seeds times runs reps repeats replicates repetitions trials points values more extra fewer less "
    "additional dollars dollar euros euro usd eur bucks random different gpu point samples steps "
    "larger smaller higher lower bigger wiederholungen".split()
) | frozenset(TIME_WORDS)
"""Words that a number before them belongs to."""


_ORDINALS = {
    w: n
    for n, w in enumerate("other third fourth fifth sixth seventh eighth ninth tenth".split(), 2)
} | {"second": 2}


class Amount(NamedTuple):
    """A number as it was said. `unit`: `%`, `x`, `s` (seconds), `m` (minutes or millions) or none."""

    value: float | int
    unit: str
    text: str
    digits: tuple[int, ...] = ()


class Text:
    """The tokens of an instruction, and the ledger of who understood which: `owners`, by reader."""

    def __init__(self, instruction: str, lexicon: Lexicon) -> None:
        self.plain, found = tokens(instruction)
        self.lexicon = lexicon
        self.mended: dict[str, str] = {}
        self.tokens = [self._mend(token) for token in found]
        self._count_ordinals()
        self.used = [False] * len(self.tokens)
        self.owners = [""] * len(self.tokens)
        self.reader = ""

    def _mend(self, token: Token) -> Token:
        """The token with a slip of the pen taken out: `leraning` is `learning`."""
        low = token.low
        right = low in vocabulary.KNOWN_WORDS or low in self.lexicon.words or token.value
        if token.kind != "word" or len(low) < 5 or right or not low.isalpha():
            return token
        if (
            self.lexicon.named(low)
            or low in vocabulary.phrases()
            or low in vocabulary.stems()
            or low.rstrip("s") in self.lexicon.words
        ):
            return token
        allowed = 1 if len(low) < 8 else 2
        near = [w for w in self.lexicon.words if w[0] == low[0] and slips(low, w) <= allowed]
        near = near or [w for w in self.lexicon.words if slips(low, w) == 1 and len(low) > 5]
        if not near:
            return token
        best = min(near, key=lambda w: (slips(low, w), w))
        self.mended[token.text] = best
        return token._replace(low=best)

    def _count_ordinals(self) -> None:
        """Makes a number of the `fifth` of `every fifth epoch`."""
        for at in range(1, len(self.tokens)):
            low = self.tokens[at].low
            if low in _ORDINALS and self.tokens[at - 1].low in ("every", "each"):
                self.tokens[at] = self.tokens[at]._replace(kind="number", value=_ORDINALS[low])

    def __len__(self) -> int:
        return len(self.tokens)

    def low(self, at: int) -> str:
        """The token's word in small letters; empty outside the text or where it is used up."""
        inside = 0 <= at < len(self.tokens) and not self.used[at]
        return self.tokens[at].low if inside else ""

    def take(self, start: int, end: int) -> None:
        """Enters tokens in the ledger as understood, by whoever reads now."""
        for at in range(start, min(end, len(self.tokens))):
            self.owners[at] = self.owners[at] or self.reader
            self.used[at] = True

    def said(self, start: int, end: int) -> str:
        """The text of these tokens, as it was written."""
        if start >= end:
            return ""
        return self.plain[self.tokens[start].start : self.tokens[end - 1].end].strip()

    def spelled(self, at: int) -> str:
        """A token for patterns to match: numbers in one spelling, words in small letters."""
        token = self.tokens[at]
        if token.kind == "number":
            return f"{token.value!r}{token.unit}"
        return str(token.value) if token.low in NUMBER_WORDS else token.low

    def before(self, at: int, words: int = 8) -> str:
        """Up to so many unused tokens right before one, each in its spelling, joined by blanks."""
        first = at
        while first > 0 and at - first < words and self.low(first - 1) not in ("", *ENDS):
            first -= 1
        return " ".join(self.spelled(i) for i in range(first, at))

    def whole_before(self, at: int, words: int = 12) -> str:
        """As `before`, with the tokens that are understood already."""
        first = at
        while first > 0 and at - first < words and self.tokens[first - 1].low not in ENDS:
            first -= 1
        return " ".join(self.spelled(i) for i in range(first, at))

    def after(self, at: int, words: int = 8) -> str:
        """Up to so many unused tokens from one on, each in its spelling, joined by blanks."""
        last = at
        while last < len(self) and last - at < words and self.low(last) not in ("", *ENDS):
            last += 1
        return " ".join(self.spelled(i) for i in range(at, last))

    def amount(self, at: int) -> tuple[Amount, int] | None:
        """The number that begins at a token, and where it ends."""
        if self.low(at) in ("a", "an") and self.low(at + 1) in ("couple", "dozen"):
            found = self.amount(at + 1)
            return (found[0], found[1] + (self.low(found[1]) == "of")) if found else None
        if not self.low(at):
            return None
        token = self.tokens[at]
        if token.low == "one" and re.search(
            r"(?:er|this|that|the|which|best|other|last)$", self.tokens[at - 1].low if at else ""
        ):
            return None  # `a longer one`
        if token.kind == "word" and token.low in NUMBER_WORDS:
            scaled = self._scaled(NUMBER_WORDS[token.low], at + 1)
            return Amount(scaled[0], "", token.text), scaled[1]
        if token.kind == "quoted" and re.fullmatch(r"-?[\d.]+(?:e-?\d+)?", token.low):
            return Amount(plain(token.low), "", token.text), at + 1
        if token.kind != "number" or self._summed(at):
            return None
        low = self.low(at + 1)
        if low == "/" and self.tokens[at + 1].glued and not token.unit:
            below = self.tokens[at + 2] if at + 2 < len(self) else None
            if (
                below is not None
                and below.kind == "number"
                and token.value == 1
                and below.value > 1
            ):
                return Amount(1 / below.value, "", f"1/{below.text}"), at + 3
        if low in ("%", "percent", "prozent") and not token.unit:
            return Amount(token.value, "%", f"{token.text}%"), at + 2
        value, end = self._scaled(token.value, at + 1)
        return Amount(value, token.unit, token.text, token.digits), end

    def _summed(self, at: int) -> bool:
        """Whether a number is a part of `64+128`, of which nothing tells whose each is."""
        near = [i for i in (at, at + 1) if 0 < i < len(self.tokens) - 1 and self.tokens[i].glued]
        beside = [self.tokens[i - 1 if i == at else i].low for i in near]
        return "+" in beside and all(
            self.tokens[j].kind == "number" for i, low in zip(near, beside, strict=True) if low == "+"
            for j in ((i - 2,) if i == at else (i + 1,)) if j >= 0
        )  # fmt: skip

    def _scaled(self, value: float | int, at: int) -> tuple[float | int, int]:
        factor = _SCALES.get(self.low(at))
        return (whole(value * factor), at + 1) if factor else (value, at)

    def owned(self, end: int) -> bool:
        """Whether the number that ends here belongs to what follows it: `3 seeds`, `20 epochs`."""
        if self.low(end) in _OWNERS:
            grid = self.low(end) == "times" and self.lexicon.match(self.tokens, end + 1)
            return not (grid and grid.known)  # `wd 0, 0.1 times lr 1e-3, 1e-4`
        if self.low(end) in ("x", "*", "%") and self.amount(end + 1) is None:
            return True
        found = self.lexicon.match(self.tokens, end) if self.low(end) else None
        if found is not None and self.low(found.end) in ("=", "==", ":"):
            return False  # what follows has a value of its own
        if found is None or found.flag or (found.known and found.known[0].setting.type == "bool"):
            return False
        return found.concept is None or not self.has_value(found)

    def has_value(self, mention: Mention) -> bool:
        """Whether a number follows a named setting, and is its own."""
        at = mention.end
        while self.low(at) in ("=", ":", "to", "of", "at", "is", "in", "from", "between", "by"):
            at += 1
        found = self.amount(at)
        if found is None or self.low(found[1]) in _OWNERS:
            return False
        counted = mention.concept is not None and mention.concept.counted
        if at > mention.end or not counted or not self.low(found[1]):
            return True
        further = self.lexicon.match(self.tokens, found[1])  # of `8 layers 8 heads` the heads' own
        return further is None or further.concept is None or not further.concept.counted

    def goes_on(self, end: int) -> bool:
        """Whether what ends here goes on without a blank, so that it is another word: the `unet` of `unet++`."""
        mark = self.tokens[end] if end < len(self) and self.tokens[end].glued else None
        if mark is None or mark.low not in ("+", "/", "-", "_"):
            return False
        return mark.low == "+" or (end + 1 < len(self) and self.tokens[end + 1].glued)

    def skip(self, at: int, words: Collection[str], most: int = 6) -> int:
        """The first token from one on that is none of these words."""
        last = at + most
        while at < last and self.low(at) in words:
            at += 1
        return at


def slips(one: str, other: str) -> int:
    """How many letters are wrong, missing, too many or swapped with their neighbour (3: or more)."""
    if abs(len(one) - len(other)) > 2:
        return 3
    rows: list[list[int]] = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return min(rows[-1][-1], 3)
