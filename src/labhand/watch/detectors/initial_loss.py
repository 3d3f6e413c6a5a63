"""A first loss far above that of guessing.

## What it does
Compares the very first loss with that of a guess among the classes, ln k (named with the number of
classes that the loss function sees), and with the first losses of earlier runs of this command. A loss
that is a sum over the batch is told as such. From a log without the probe earlier runs can tell, or a score
that begins where guessing puts it and so gives the number of classes away, or the loss itself, where it
first comes down to an ln k and stays there a while.

## Why it is bad
An output layer that begins with large weights is surely wrong about everything at first; the first
steps then only unlearn that, and may spoil what lies below.

## Known problems
A first loss below ln k is what fine-tuning looks like, and is never told. Above it fine-tuning may begin
too, where new data hold what the weights were never shown: where a checkpoint was loaded it is a note.

## Example
`step 0 loss 46.1` with 10 classes, where ln 10 = 2.303

## Use instead
A smaller initialisation of the last layer, or none of one's own; the bias at the log of the class
frequencies.

## References
A. Karpathy, *A Recipe for Training Neural Networks*, 2019: verify the loss at init.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.watch.chance import FEW_EXAMPLES, USUAL, classes
from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.tracks import median
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

FACTOR, MORE = 1.6, 1.0
"""A first loss is too high that is above so many times the guess's, and by so much."""
EARLIER_RUNS = 3
EARLY, ROWS = 3, 24
"""Values of a log after which it is judged by a score, and by where the loss rests."""
LOGGED, RESTS = 3.0, 0.03
"""Without the probe the first loss must be so many times ln k; a loss within this share of it rests there."""
LEAST_LAYERS, LARGE = 4, 1.0
"""The mean gradient of a last layer's weights is an error, below 1, times what comes in: more is a large input."""
PASSED = 20
"""Steps within which it is known whether it comes down by itself."""


class Detector:
    """Watches the first training loss."""

    wants: Wants = ("train-loss", Fact)

    def __init__(self, view: View) -> None:
        self._view = view
        self._first: tuple[str, int, float, float] | None = None
        self._classes = self._rows = 0
        self._values: list[float] = []
        self._open = 0.0
        self._said: tuple[str, list[Cause], int] = ("", [], 0)
        self._asked = False
        self._done = self._loaded = False
        self._compared = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """What is wrong with the first loss, once there is something to compare it with."""
        if isinstance(signal, Fact):
            self._loaded = self._loaded or signal.kind == "loaded"
            if signal.kind != "objective" or int(signal.data.get("step") or 0) > 5:
                return ()
            self._classes = int(signal.data.get("classes") or 0)
            self._rows = int(signal.data.get("rows") or 0)
            return self._by_guess() if self._first is not None else ()
        if not isinstance(signal, Points) or self._done:
            return ()
        for name, value in signal.values.items():
            if self._view.roles.of(name) == "train-loss" and value - value == 0.0:
                if self._first is None:
                    return self._begins(name, value, signal)
                return self._follows(name, value, signal)
        return ()

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown."""
        return (
            len(stretch)
            if self._done
            else stretch.first(list(self._view.named("train-loss")), start)
        )

    def blind(self) -> str | None:
        """Why it could not look."""
        if self._compared:
            return None
        return "it needs the loss function's number of classes (by the probe or a score) or three earlier runs"

    def _begins(self, name: str, value: float, row: Points) -> Iterable[Claim]:
        if row.step > 5:
            self._done = True
            return ()
        self._first = (name, row.step, value, row.time)
        return [*(self._by_guess() if self._classes else ()), *self._by_earlier()]

    def _follows(self, name: str, value: float, row: Points) -> Iterable[Claim]:
        assert self._first is not None
        if not self._open and name == self._first[0] and (claims := self._by_log(value)):
            return claims
        if self._open and (cause := self._grown()) is not None:
            told, causes, step = self._said
            return (self._claim(told, [cause, *causes], step),)
        if row.step - self._first[1] > PASSED and len(self._values) >= ROWS:
            self._done = True
        elif self._open and name == self._first[0] and value < self._open:
            self._done = True
            return (
                self._claim(f"it came down within {row.step} steps", [], row.step, passed=True),
            )
        return ()

    def _grown(self) -> Cause | None:
        """The cause that the layers tell, once: a last layer whose gradient is large gets too large an input."""
        layers = [t for t in self._view.having("layer-gradient") if t.name.startswith("layer/")]
        if self._asked or len(layers) < LEAST_LAYERS:
            return None
        self._asked, last = True, layers[-1]
        if not last.first > LARGE:
            return None
        return Cause(
            "the signal grows from layer to layer, without normalisation",
            0.8,
            f"`{last.name}` began at {last.first:.3g}: what reaches the last layer is large, not its weights",
        )

    def _by_log(self, value: float) -> Iterable[Claim]:
        """By the number of classes that a score gives away at first, or the loss where it comes to rest."""
        assert self._first is not None
        self._values = [*(self._values or [self._first[2]]), value]
        if self._classes or len(self._values) not in (EARLY, ROWS) or not self._first[2] > 0:
            return ()
        if any("loss" in name.lower() for name in self._view.tracks if name != self._first[0]):
            return ()  # a sum of several losses costs more than one
        count = self._scored() if len(self._values) == EARLY else self._rests()
        if not count or self._first[2] < LOGGED * math.log(count):
            return ()
        self._classes = count
        return self._by_guess()

    def _scored(self) -> int:
        """The number of classes by the first values of a score; 0 where they say nothing."""
        view = self._view
        scores = view.having("train-score", "validation-score")
        highest = max((track.highest for track in scores if track.count), default=0.0)
        for track in scores:
            values = [value for _, value in track.recent][:EARLY]
            # one that rises already passes by the level of guessing among fewer
            near = (k for k in USUAL if all(abs(v * k - 1) <= FEW_EXAMPLES for v in values))
            count = next(near, 0)
            if count and highest * count <= 1 + FEW_EXAMPLES:  # else some score is past guessing
                return count
        return next(iter(classes(view)), 0)

    def _rests(self) -> int:
        """The number of classes whose ln k the loss has stayed at since it came down; 0 where at none."""
        latter = self._values[len(self._values) // 2 :]
        for count in USUAL:
            if count > 4 and all(abs(v / math.log(count) - 1) < RESTS for v in latter):
                return count
        return 0

    def _by_guess(self) -> Iterable[Claim]:
        assert self._first is not None
        _, step, value, _ = self._first
        if self._classes < 2 or self._open:
            return ()
        self._compared = True
        guess = math.log(self._classes)
        if value <= max(FACTOR * guess, guess + MORE):
            return ()
        told = (
            f"where guessing among {self._classes} classes costs ln {self._classes} = {guess:.3f}"
        )
        mean = value / self._rows if self._rows > 1 else math.inf
        if 0.7 * guess < mean < FACTOR * guess:
            cause = Cause(
                "a loss that is summed over the batch",
                0.8,
                f"{value:.4g} / {self._rows} rows = {mean:.3f}",
            )
        else:
            cause = Cause(
                "an output layer that begins with large weights",
                0.7,
                f"the first loss is {value / guess:.1f} times that of guessing",
            )
        self._open = max(FACTOR * guess, guess + MORE)
        self._said = told, [cause], step
        return (self._claim(told, [cause], step),)

    def _by_earlier(self) -> Iterable[Claim]:
        """Against the first losses of earlier runs of the command that went well."""
        assert self._first is not None
        name, step, value, _ = self._first
        firsts: list[float] = []
        for before in self._view.earlier:
            points = before.curve(name) if before.fine else ()
            if points and points[0][0] <= 5 and points[0][1] - points[0][1] == 0:
                firsts.append(points[0][1])
            if len(firsts) == 10:
                break
        if len(firsts) < EARLIER_RUNS or self._open:
            return ()
        self._compared = True
        usual = median(firsts)
        spread = max(firsts) - min(firsts)
        if value <= usual + max(3 * spread, 0.5 * abs(usual)):
            return ()
        self._open = usual + max(3 * spread, 0.5 * abs(usual))
        told = f"where the last {len(firsts)} runs of this command began at {usual:.4g}"
        cause = Cause(
            "a change of the initialisation, the loss or the data since those runs",
            0.7,
            f"they began between {min(firsts):.4g} and {max(firsts):.4g}",
        )
        return (self._claim(told, [cause], step),)

    def _claim(
        self, told: str, causes: list[Cause], step: int, *, passed: bool = False
    ) -> Claim:  # fmt: skip
        assert self._first is not None
        name, first, value, time = self._first
        return Claim(
            key="first",
            state="recovered" if passed else "confirmed",
            severity="note" if self._loaded else "warning",
            confidence=0.8,
            message=f"The first loss is {value:.4g}, {told}"
            if not passed
            else f"The first loss was {value:.4g}, too high; {told}",
            advice="Look at the initialisation of the last layer and at how the loss is reduced; at "
            "the start a classifier should cost about ln k.",
            step=step,
            opened=first,
            time=time,
            metric=name,
            evidence={"first": value, "classes": self._classes or None},
            causes=causes,
        )
