"""What has been understood so far, before it becomes an intent."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from labhand.core.errors import UsageError
from labhand.core.intent import Edit, Goal, Origin
from labhand.interpret.lexicon import Known, Mention
from labhand.interpret.likeness import Likeness
from labhand.interpret.text import Text
from labhand.interpret.values import Base, distinct, shown
from labhand.interpret.vocabulary import joined


class Said(NamedTuple):
    """What was said of one setting: one value, or several that shall be tried; and who read it."""

    known: Known
    values: list[object]
    why: str
    start: int
    confidence: float = 1.0
    origin: Origin = "said"
    reader: str = ""


class Doubt(NamedTuple):
    """Something that may be meant otherwise: with which probability the default is wrong.

    `runs` is how much of the work a wrong answer would waste, as a factor.
    """

    text: str
    options: list[Any]
    default: Any
    wrong: float


class ContradictionError(UsageError):
    """Two words on one setting that cannot both hold."""


class Draft:
    """The parts of an intent, in the order in which they were found."""

    def __init__(self, text: Text, base: Callable[[Known], Base]) -> None:
        self.text = text
        self.base = base
        self.said: list[Said] = []
        self.kept: dict[str, int] = {}
        self.edits: list[Edit] = []
        self.metric: Goal | None = None
        self.seeds: int | list[int] | None = None
        self.budget: dict[str, float] = {}
        self.assumptions: list[str] = []
        self.doubts: list[Doubt] = []
        self.missing: list[Mention] = []
        self.relations: list[Any] = []
        self.unsure: list[tuple[Known, ...]] = []
        self.refers = False
        self._likeness: Likeness | None = None
        self.wish = False

    @property
    def likeness(self) -> Likeness:
        """What tells which setting words mean, made when it is first asked for."""
        if self._likeness is None:
            self._likeness = Likeness(self.text.lexicon)
        return self._likeness

    def set(
        self, mention: Mention, values: list[object], start: int, end: int, confidence: float = 1.0
    ) -> None:
        """Notes the values of a named setting, said in these tokens, and takes the tokens."""
        known = self._nearest(mention, values)
        sure = confidence * min(1.0, mention.strength + 0.02)
        words = self.text.said(start, end)
        slipped = any(w in words for w in self.text.mended)
        told: Origin = "default" if self._is_bound(mention, end) else "said"
        self.choose(known, values, f'"{words}"', start, sure * (0.9 if slipped else 1.0), told)
        if len(mention.known) > 1:
            self._which(mention)
        self.text.take(start, end)

    def _is_bound(self, mention: Mention, end: int) -> bool:
        """Whether a name that several settings have is bound to something unknown: `30 epochs in the second stage`."""
        if len(mention.known) < 2:
            return False
        before = self.text.low(mention.start - 1)
        after = [self.text.low(i) for i in range(end, end + 4)]
        scoped = (
            after[:1]
            and after[0] in ("in", "of", "for", "on")
            and after[1] in ("the", "both", "all")
        )
        return bool(scoped) or (before.endswith("ing") and len(before) > 5)

    def _nearest(self, mention: Mention, values: list[object]) -> Known:
        """The setting that is meant; of those that count steps the one whose value is nearest."""
        known, first = mention.known[0], values[0]
        concept = known.concept
        if joined(mention.phrase) == "decay" and isinstance(first, float) and first > 0.5:
            found = [k for k in self.text.lexicon.known if k.concept and k.concept.id == "ema"]
            return next((k for k in found if k.setting.type == "float"), known)
        if concept is None or concept.id != "steps" or not isinstance(first, int) or first < 1:
            return known
        if joined(mention.phrase) == joined(known.key) or mention.flag:
            return known
        rivals = [k for k in self.text.lexicon.known if k.concept == concept]
        sized = [
            (abs(math.log(first / d)), k)
            for k in rivals
            if isinstance(d := self.base(k).value, int | float) and d > 0
        ]
        return min(sized, key=lambda pair: pair[0])[1] if sized else known

    def choose(
        self,
        known: Known,
        values: list[object],
        why: str,
        start: int,
        confidence: float = 1.0,
        origin: Origin = "said",
    ) -> None:
        """Notes the values of a setting.

        Raises:
            UsageError: they contradict what was said before.
        """
        if self._is_old(start):
            return
        values = distinct(values)
        known = self._group(known, values)
        earlier = next((s for s in self.said if s.known.key == known.key), None)
        if earlier is not None and origin == "default" and earlier.origin != "default":
            return
        if earlier is not None and earlier.origin == "default" and origin != "default":
            self.doubts = [d for d in self.doubts if f"`{known.key}`" not in d.text]
            self.said.remove(earlier)
            earlier = None
        if earlier is not None:
            values, why = self._joined(earlier, values, why, start)
            self.said.remove(earlier)
        reader = self.text.reader
        self.said.append(Said(known, values, why, start, round(confidence, 2), origin, reader))

    def _group(self, known: Known, values: list[object]) -> Known:
        """The group of files that has the values among its own, where only its name is meant: `model` of `model.name`."""
        above, _, last = known.key.rpartition(".")
        if last not in ("name", "type", "kind", "_name_"):
            return known
        groups = (k for k in self.text.lexicon.known if k.key == above and k.setting.choices)
        return next((k for k in groups if all(v in k.setting.choices for v in values)), known)

    def _is_old(self, start: int) -> bool:
        """Whether what begins at a token is what shall not be any more: the second of `top 20 instead of top 10`."""
        lows = [t.low for t in self.text.tokens[max(start - 3, 0) : start] if t.low != "the"]
        return lows[-2:] in (["instead", "of"], ["rather", "than"])

    def _joined(
        self, earlier: Said, values: list[object], why: str, start: int
    ) -> tuple[list[object], str]:
        """What two words on one setting mean together: a correction, several values, or nonsense."""
        if values == earlier.values:
            return values, earlier.why
        first, last = sorted((earlier.start, start))
        between = [t.low for t in self.text.tokens[first:last]]
        if any(word in CORRECTIONS for word in between):
            self.assumptions.append(f"{why} corrects {earlier.why}")
            return values, why
        compared = any(t.low in ("compare", "comparing") for t in self.text.tokens[:start])
        compared = compared or "against" in between or "better than" in " ".join(between)
        if compared or any(
            word in ("and", "or", "vs", "versus", "/", "und", "oder") for word in between[-6:]
        ):
            return distinct([*earlier.values, *values]), f"{earlier.why} and {why}"
        one, other = ", ".join(map(shown, earlier.values)), ", ".join(map(shown, values))
        raise ContradictionError(
            f"the instruction contradicts itself on `{earlier.known.key}`: {earlier.why} makes it {one}, "
            f"{why} makes it {other}; say one of them, or both with `and` to try each"
        )

    def all_meant(self, known: Known) -> None:
        """Asks no more which of several settings is meant, since all of its kind are."""
        unsure = [keys for keys in self.unsure if keys[0].key == known.key]
        self.unsure = [keys for keys in self.unsure if keys not in unsure]
        asked = [[k.key for k in keys] for keys in unsure]
        self.doubts = [d for d in self.doubts if d.options not in asked]

    def _which(self, mention: Mention) -> None:
        keys = [known.key for known in mention.known]
        self.unsure.append(mention.known)
        self.doubts.append(
            Doubt(
                f'Which setting is "{mention.phrase}": {" or ".join(f"`{k}`" for k in keys)}?',
                list(keys),
                keys[0],
                1 - 1 / len(keys),
            )
        )

    def keep(self, known: Known, start: int, end: int) -> None:
        """Notes that a setting shall stay as it is."""
        self.kept[known.key] = start
        self.text.take(start, end)

    def suppose(self, sentence: str) -> None:
        """Writes an assumption out, once."""
        if sentence not in self.assumptions:
            self.assumptions.append(sentence)

    def text_is_known(self) -> bool:
        """Whether a run is referred to or settings are kept, so that there is something to run."""
        return self.refers or bool(self.kept)

    def doubt(self, text: str, options: list[Any], default: Any, wrong: float) -> None:
        """Notes what may be meant otherwise."""
        self.doubts.append(Doubt(text, options, default, wrong))


CORRECTIONS = frozenset(
    "actually sorry wait scratch rather no nope correction oops instead hm hmm".split()
)
