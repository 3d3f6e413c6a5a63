"""Training data that comes sorted by its labels.

## What it does
Compares how many classes a batch holds with how many it would hold if the batches were drawn at random
from what was seen so far, and whether neighbouring batches hold the same few; the targets of a regression,
where a loader reads in order, by whether their mean goes one way from batch to batch. Needs the probe; or
a log of the number of classes in each batch, told where it is always 1, or of the mean of its labels, told
where each is nearly that of the batch before.

## Why it is bad
The model learns one class after the other and forgets the one before: the loss saws, the last class of
an epoch wins.

## Known problems
Samplers that put few classes into a batch on purpose (metric learning, few-shot episodes) choose other
classes for the next batch; that is what tells them from sorted data. They have two classes in each batch at
least: batches of one class each are told in any order.

## Example
`DataLoader(dataset, batch_size=32)` over folders of classes, without `shuffle=True`

## Use instead
`shuffle=True`, or a shuffle buffer larger than a class for streams.

## References
Y. Bengio, *Practical Recommendations for Gradient-Based Training of Deep Architectures*, 2012, on
shuffling.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.tracks import median
from labhand.watch.view import View

LOOKS, PAIRS = 5, 2
FEW = 0.4
"""Classes in a batch, as a share of what chance would bring."""
ROWS, ALIKE = 40, 0.9
"""Rows of a log, and the correlation of the means of neighbouring batches, that prove it."""
APART, ONE_WAY = 1.0, 0.9
"""Sorted by targets: the means of batches scatter by more than so many times the targets within one, and
this share of them goes the same way. A series in the order of time goes up and down."""
IN_ORDER = "SequentialSampler"
SAYS_ORDER = f"its sampler is a {IN_ORDER}"
ADVICE = "Shuffle: `DataLoader(..., shuffle=True)`; for a stream use a buffer that is larger than a class."
ALONE = 8
"""Batches in a row of one class each, of three or more: whatever their order, chance makes no such."""
TWICE, MOSTLY = 2, 0.6
"""So often each of two classes must have been the only one of a batch, and the share of batches with a single one."""
SAME = 0.5
"""The share of their classes that neighbouring batches have in common."""


class Detector:
    """Watches the labels that are in a batch."""

    wants: Wants = ("batch/", "batch-classes", "label-mean", Fact)

    def __init__(self, view: View) -> None:
        self._view = view
        self._logged = 0
        self._all = self._batches = self._began = 0
        self._sampler = ""
        self._shares: list[float] = []
        self._alone = 0
        self._only: list[float | None] = []
        self._shared: list[float] = []
        self._targets: list[tuple[int, float, float]] = []
        self._first: int | None = None
        self._told = False
        self._seen = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The order that this batch proves."""
        if isinstance(signal, Fact):
            if signal.kind == "objective":
                self._all = int(signal.data.get("classes") or 0)
            elif signal.kind == "loader":
                self._sampler = str(signal.data.get("sampler") or "")
                self._batches = int(signal.data.get("batches") or 0)
                self._began = int(signal.data.get("step") or 0)
            return ()
        if not isinstance(signal, Points) or self._told:
            return ()
        if "batch/target_mean" in signal.values:
            return self._by_targets(signal)
        probed = "batch/labels" in signal.values
        return self._by_probe(signal) if probed else self._by_log(signal)

    def _by_targets(self, row: Points) -> Iterable[Claim]:
        """What the targets of a regression prove, where the loader reads in the order of the data."""
        mean, spread = row.values["batch/target_mean"], row.values.get("batch/target_std", math.nan)
        if not (mean - mean == 0 and spread - spread == 0) or self._sampler != IN_ORDER:
            return ()
        self._seen = True
        if self._first is None:
            self._first = row.step
        place = (row.step - self._began) % self._batches if self._batches else row.step
        self._targets = [*self._targets[-30:], (place, mean, spread)]
        means = [mean for _, mean, _ in sorted(self._targets)]
        if len(means) < 2 * LOOKS:
            return ()
        rises = sum(a <= b for a, b in itertools.pairwise(means))
        falls = sum(a >= b for a, b in itertools.pairwise(means))
        among, within = deviation(means), median([s for _, _, s in self._targets])
        if max(rises, falls) < ONE_WAY * (len(means) - 1) or among < APART * within:
            return ()
        said = (
            f"from batch to batch of an epoch their mean goes one way, from {means[0]:.3g} to "
            f"{means[-1]:.3g}, and within one they scatter by {within:.3g}"
        )
        return (self._sorted("batch/target_mean", said, row, opened=self._first),)

    def _by_probe(self, signal: Points) -> Iterable[Claim]:
        """What the probe's look at the labels of a batch proves."""
        if self._all < 2:
            return ()
        classes, labels = signal.values.get("batch/classes"), signal.values.get("batch/labels")
        if classes is None or labels is None or not 0 < classes <= labels < 1e9:
            return ()
        self._seen = True
        only = self._of_one(signal.values.get("batch/only"), signal)
        if only:
            return only
        expected = self._all * (1 - (1 - 1 / self._all) ** labels)
        if expected < 3:
            return ()
        if self._first is None:
            self._first = signal.step
        self._shares = [*self._shares[-30:], classes / expected]
        self._alone = self._alone + 1 if classes == 1 else 0
        if (shared := signal.values.get("batch/shared")) is not None:
            self._shared = [*self._shared[-30:], shared]
        few = len(self._shares) >= LOOKS and median(self._shares) < FEW
        same = len(self._shared) >= PAIRS and median(self._shared) > SAME
        if not (few and same) and self._alone < ALONE:
            return ()
        self._told = True
        return (self._claim(classes, expected, signal, neighbours=few and same),)

    def _of_one(self, only: float | None, row: Points) -> Iterable[Claim]:
        """What batches of a single class prove that is not always the same: no mixture brings them of two classes."""
        self._only = [*self._only[-30:], only]
        alone = Counter(label for label in self._only if label is not None)
        several = [label for label, times in alone.items() if times >= TWICE]
        count, of = alone.total(), len(self._only)
        if of < ALONE or count < MOSTLY * of or len(several) < 2:
            return ()
        self._told = True
        said = f"{count} of {of} batches that were looked at hold a single class, and not always the same one"
        why = f"its sampler is a {self._sampler}" if self._sampler else "the labels of the loss"
        return (
            Claim(
                key="order",
                state="confirmed",
                severity="warning",
                confidence=0.9,
                message=f"The data is not shuffled: {said}",
                advice=ADVICE,
                step=row.step,
                opened=self._first,
                time=row.time,
                metric="batch/classes",
                evidence={"batches": of, "of_one_class": count},
                causes=[Cause("data that is sorted by label and not shuffled", 0.85, why)],
            ),
        )

    def blind(self) -> str | None:
        """Why it could not look."""
        if self._seen:
            return None
        return "it needs the probe's look at labels or targets (PyTorch, CPU), or a log of the labels of batches"

    def _by_log(self, row: Points) -> Iterable[Claim]:
        """What the person's own measures of the labels prove."""
        for name in self._view.named("batch-classes"):
            if name not in row.values:
                continue
            self._seen = True
            self._logged = self._logged + 1 if row.values[name] == 1 else 0
            if self._logged >= ROWS:
                return (
                    self._sorted(name, f"each of the latest {ROWS} batches holds one class", row),
                )
        for name in self._view.named("label-mean"):
            points = [value for _, value in self._view.tracks[name].recent]
            if name not in row.values or len(points) < ROWS:
                continue
            self._seen = True
            alike = _alike(points)
            if alike > ALIKE:
                said = f"its value is nearly that of the batch before (correlation {alike:.2f})"
                return (self._sorted(name, said, row),)
        return ()

    def _sorted(self, name: str, said: str, row: Points, opened: int | None = None) -> Claim:
        self._told = True
        if name.startswith("batch/"):
            message = f"The data comes sorted by its targets: {said}"
            cause = Cause("a loader that reads in the order of the data", 0.85, SAYS_ORDER)
        else:
            message = f"By `{name}` the data comes sorted by its labels: {said}"
            cause = Cause("data that is sorted by label and not shuffled", 0.7, said)
        return Claim(
            key="order",
            state="confirmed",
            severity="warning",
            confidence=0.7,
            message=message,
            advice=ADVICE,
            step=row.step,
            opened=opened,
            time=row.time,
            metric=name,
            causes=[cause],
        )

    def _claim(self, classes: float, expected: float, row: Points, *, neighbours: bool) -> Claim:
        in_order = self._sampler == IN_ORDER
        of = f"A batch holds {classes:.0f} of {self._all} classes where chance would bring {expected:.0f}"
        said = (
            f"{of}, and the next one holds the same: the data is sorted"
            if neighbours
            else f"{of}, {self._alone} batches in a row: the batches are made class by class"
        )
        if self._sampler:
            why = f"its sampler is a {self._sampler}"
        elif neighbours:
            why = "neighbouring batches share their few classes"
        else:
            why = "each batch holds one class, and the next one another"
        return Claim(
            key="order",
            state="confirmed",
            severity="warning",
            confidence=0.9 if in_order else 0.75,
            message=said,
            advice=ADVICE,
            step=row.step,
            opened=self._first,
            time=row.time,
            metric="batch/classes",
            evidence={
                "classes": classes,
                "expected": round(expected, 2),
                "shared": round(median(self._shared), 3) if self._shared else None,
            },
            causes=[
                Cause(
                    "a loader that reads in the order of the data"
                    if in_order
                    else "data that is sorted by label and not shuffled"
                    if neighbours
                    else "a sampler that groups the rows by their class",
                    0.9 if in_order else 0.7,
                    why,
                )
            ],
        )


def _alike(points: list[float]) -> float:
    """The correlation of each value with the one before; 0 of values that are all the same."""
    mean = sum(points) / len(points)
    off = [value - mean for value in points]
    square = sum(value * value for value in off)
    return sum(a * b for a, b in itertools.pairwise(off)) / square if square > 0 else 0.0


def deviation(values: list[float]) -> float:
    """The standard deviation."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
