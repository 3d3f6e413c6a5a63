"""Training data that comes sorted by its labels.

## What it does
Compares how many classes a batch holds with how many it would hold if the batches were drawn at random
from what was seen so far, and whether neighbouring batches hold the same few. Needs the probe and a
loss over classes.

## Why it is bad
The model learns one class after the other and forgets the one before: the loss saws, the last class of
an epoch wins.

## Known problems
Samplers that put few classes into a batch on purpose (metric learning, few-shot episodes) choose other
classes for the next batch; that is what tells them from sorted data.

## Example
`DataLoader(dataset, batch_size=32)` over folders of classes, without `shuffle=True`

## Use instead
`shuffle=True`, or a shuffle buffer larger than a class for streams.

## References
Y. Bengio, *Practical Recommendations for Gradient-Based Training of Deep Architectures*, 2012, on
shuffling.
"""

from collections.abc import Iterable

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.tracks import median
from labhand.watch.view import View

LOOKS, PAIRS = 5, 2
FEW = 0.4
"""Classes in a batch, as a share of what chance would bring."""
SAME = 0.5
"""The share of their classes that neighbouring batches have in common."""


class Detector:
    """Watches the labels that are in a batch."""

    wants: Wants = ("batch/", Fact)

    def __init__(self, view: View) -> None:
        self._all = 0
        self._sampler = ""
        self._shares: list[float] = []
        self._shared: list[float] = []
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
            return ()
        if not isinstance(signal, Points) or self._told or self._all < 2:
            return ()
        classes, labels = signal.values.get("batch/classes"), signal.values.get("batch/labels")
        if classes is None or labels is None or not 0 < classes <= labels < 1e9:
            return ()
        self._seen = True
        expected = self._all * (1 - (1 - 1 / self._all) ** labels)
        if expected < 3:
            return ()
        if self._first is None:
            self._first = signal.step
        self._shares = [*self._shares[-30:], classes / expected]
        if (shared := signal.values.get("batch/shared")) is not None:
            self._shared = [*self._shared[-30:], shared]
        few = len(self._shares) >= LOOKS and median(self._shares) < FEW
        same = len(self._shared) >= PAIRS and median(self._shared) > SAME
        if not (few and same):
            return ()
        self._told = True
        return (self._claim(classes, expected, signal),)

    def blind(self) -> str | None:
        """Why it could not look."""
        return None if self._seen else "it needs the probe and a loss over classes (PyTorch, CPU)"

    def _claim(self, classes: float, expected: float, row: Points) -> Claim:
        in_order = self._sampler == "SequentialSampler"
        return Claim(
            key="order",
            state="confirmed",
            severity="warning",
            confidence=0.9 if in_order else 0.75,
            message=f"A batch holds {classes:.0f} of {self._all} classes where chance would bring "
            f"{expected:.0f}, and the next one holds the same: the data is sorted",
            advice="Shuffle: `DataLoader(..., shuffle=True)`; for a stream use a buffer that is larger "
            "than a class.",
            step=row.step,
            opened=self._first,
            time=row.time,
            metric="batch/classes",
            evidence={
                "classes": classes,
                "expected": round(expected, 2),
                "shared": round(median(self._shared), 3),
            },
            causes=[
                Cause(
                    "a loader that reads in the order of the data"
                    if in_order
                    else "data that is sorted by label and not shuffled",
                    0.9 if in_order else 0.7,
                    f"its sampler is a {self._sampler}"
                    if self._sampler
                    else "neighbouring batches share their few classes",
                )
            ],
        )
