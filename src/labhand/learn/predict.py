"""What a researcher will change next: a mixture of simple guesses, each weighed by how it did so far.

Strictly prequential: what is predicted for an occasion rests on those before it alone. The weights
are those of Bayesian model averaging with forgetting (fixed share; Herbster and Warmuth 1998).
"""

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

from labhand.learn.together import factor

Thing = TypeVar("Thing", bound=Hashable)
Guess = dict[Thing, float]
"""Things with their probabilities; what is missing from 1 goes to things never seen."""
SHARE = 0.05
"""So much of the weight is dealt out anew each time, so that a guess may come back."""
UNSEEN = 1e-3
"""The probability of a thing that a guess does not know."""
SPANS = (3.0, 20.0, math.inf)
"""Half-lives of the counts, in occasions."""


class Fading:
    """Counts in which older occasions fade."""

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self._counts: dict[Hashable, tuple[float, int]] = {}
        self._now = 0

    def add(self, things: Collection[Hashable]) -> None:
        """Counts the things of one more occasion."""
        self._now += 1
        for thing in things:
            self._counts[thing] = (self._at(thing) + 1.0, self._now)

    def _at(self, thing: Hashable) -> float:
        weight, then = self._counts.get(thing, (0.0, 0))
        return weight * math.exp2((then - self._now) / self._half_life)

    def guess(self) -> Guess[Hashable]:
        """The share of each thing."""
        weights = {thing: self._at(thing) for thing in self._counts}
        whole = sum(weights.values())
        return {thing: weight / whole for thing, weight in weights.items()} if whole else {}


class Mixture:
    """Weighs guesses by what they gave to what came."""

    def __init__(self) -> None:
        self._weights: dict[str, float] = {}

    def mixed(self, guesses: Mapping[str, Guess[Hashable]]) -> list[Hashable]:
        """The things, the likeliest first; of equal ones the first that was guessed."""
        whole: dict[Hashable, float] = {}
        for name, guess in guesses.items():
            weight = self._weights.get(name, 1.0)
            for thing, chance in guess.items():
                whole[thing] = whole.get(thing, 0.0) + weight * chance
        return sorted(whole, key=lambda thing: -whole[thing])

    def see(self, guesses: Mapping[str, Guess[Hashable]], came: Collection[Hashable]) -> None:
        """Takes in what came."""
        for name, guess in guesses.items():
            share = sum(guess.get(thing, 0.0) for thing in came) / max(len(came), 1)
            self._weights[name] = self._weights.get(name, 1.0) * (UNSEEN + share)
        total = sum(self._weights.values())
        even = SHARE / len(self._weights)
        self._weights = {n: (1 - SHARE) * w / total + even for n, w in self._weights.items()}


class Next:
    """Predicts which settings are changed next, and to which values."""

    def __init__(self) -> None:
        self._counts = [Fading(span) for span in SPANS]
        self._after: dict[Hashable, Fading] = {}
        self._last: tuple[Hashable, ...] = ()
        self._keys = Mixture()
        self._values: dict[str, Fading] = {}
        self._factors: dict[str, Fading] = {}
        self._all_factors = Fading(50.0)
        self._old: dict[str, Hashable] = {}
        self._which = Mixture()

    def settings(self) -> list[Hashable]:
        """The settings, the one that most likely changes next first."""
        return self._keys.mixed(self._guesses())

    def _guesses(self) -> dict[str, Guess[Hashable]]:
        found = {f"count-{n}": counts.guess() for n, counts in enumerate(self._counts)}
        after: Guess[Hashable] = {}
        for key in self._last:
            for thing, chance in (self._after[key].guess() if key in self._after else {}).items():
                after[thing] = after.get(thing, 0.0) + chance / len(self._last)
        found["after"] = after
        found["again"] = {key: 1 / len(self._last) for key in self._last}
        return found

    def values(self, key: str, now: Hashable) -> list[Hashable]:
        """The values that the setting may get, the likeliest first, if it changes from `now`."""
        return [v for v in self._which.mixed(self._of(key, now)) if v != now]

    def _of(self, key: str, now: Hashable) -> dict[str, Guess[Hashable]]:
        now = _rounded(now)
        known = self._values[key].guess() if key in self._values else {}
        found: dict[str, Guess[Hashable]] = {"count": {v: p for v, p in known.items() if v != now}}
        found["back"] = {self._old[key]: 1.0} if key in self._old else {}
        own = self._factors[key].guess() if key in self._factors else {}
        found["own factor"] = _scaled(now, own)
        found["any factor"] = _scaled(now, self._all_factors.guess())
        found["other way"] = {not now: 1.0} if isinstance(now, bool) else {}
        return found

    def see(self, changed: Mapping[str, tuple[Hashable, Hashable]]) -> None:
        """Takes in what was changed: each setting with its old and new value."""
        if not changed:
            return
        self._keys.see(self._guesses(), list(changed))
        for key in self._last:
            self._after.setdefault(key, Fading(30.0)).add(list(changed))
        for counts in self._counts:
            counts.add(list(changed))
        self._last = tuple(changed)
        for key, change in changed.items():
            old, new = (_rounded(value) for value in change)
            self._which.see(self._of(key, old), [new])
            self._values.setdefault(key, Fading(10.0)).add([new])
            self._old[key] = old
            size = factor(old, new)
            if size is not None:
                self._factors.setdefault(key, Fading(5.0)).add([float(f"{size:.4g}")])
                self._all_factors.add([float(f"{size:.4g}")])


def _rounded(value: Hashable) -> Hashable:
    """A number without the last digits, in which equal ones may differ."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _scaled(now: Hashable, factors: Guess[Hashable]) -> Guess[Hashable]:
    if isinstance(now, bool) or not isinstance(now, int | float):
        return {}
    made: Guess[Hashable] = {}
    for size, chance in factors.items():
        value = float(f"{now * float(str(size)):.6g}")
        whole = int(value) if isinstance(now, int) and value == int(value) else value
        made[whole] = made.get(whole, 0.0) + chance
    return made


def complete(
    past: Sequence[Mapping[str, Hashable]], defaults: Mapping[str, Hashable]
) -> dict[str, Hashable]:
    """The likeliest value of each setting: its default, its last or its usual one, as was best so far."""
    made: dict[str, Hashable] = {}
    for key, default in defaults.items():
        mixture, counts, last = Mixture(), Fading(10.0), default
        for values in [*past, None]:
            guesses: dict[str, Guess[Hashable]] = {
                "default": {default: 1.0}, "last": {last: 1.0}, "count": counts.guess(),
            }  # fmt: skip
            if values is None:
                made[key] = mixture.mixed(guesses)[0]
            elif key in values:
                last = values[key]
                mixture.see(guesses, [last])
                counts.add([last])
    return made


class Companions:
    """Predicts which files are touched together with one that is known."""

    def __init__(self) -> None:
        self._with: dict[str, Fading] = {}
        self._any = Fading(math.inf)
        self._which = Mixture()

    def files(self, known: str) -> list[Hashable]:
        """The other files, the likeliest first."""
        return [f for f in self._which.mixed(self._guesses(known)) if f != known]

    def _guesses(self, known: str) -> dict[str, Guess[Hashable]]:
        near = self._with[known].guess() if known in self._with else {}
        return {"with": near, "any": self._any.guess()}

    def see(self, files: Sequence[str]) -> None:
        """Takes in the files of a commit."""
        for known in files:
            others = [f for f in files if f != known]
            if others:
                self._which.see(self._guesses(known), others)
        for known in files:
            others = [f for f in files if f != known]
            if others:
                self._with.setdefault(known, Fading(40.0)).add(others)
        self._any.add(files)
