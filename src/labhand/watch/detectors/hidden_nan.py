"""A loss of exactly 0.0 behind which there is a NaN.

## What it does
Tells when a training loss that was well above zero is exactly 0.0 in row after row, from one row to the
next. A gradient norm or a validation loss that is not finite makes it certain.

## Why it is bad
HF's Trainer (`logging_nan_inf_filter=True`, its default) leaves losses that are NaN out of the mean that
it logs: when all of them are, it logs 0.0, and a ruined run looks perfect.

## Known problems
Losses with a margin (hinge, triplet) are exactly zero once everything is far enough: they go there by
and by, or the gradient norm is zero with them. A loss without gradient norm beside it needs more rows.

## Example
`{'loss': 1.842, …}`, `{'loss': 0.0, 'grad_norm': nan, …}`, `{'loss': 0.0, 'grad_norm': nan, …}`

## Use instead
`logging_nan_inf_filter=False`; a lower learning rate, bf16 in place of fp16.

## References
Hugging Face, `TrainingArguments.logging_nan_inf_filter`; transformers issue 31391.
"""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Points, Signal
from labhand.watch.tracks import median
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Column, Stretch

ZEROS, SURE = 3, 5
WELL_ABOVE = 0.05
"""What the loss was, in the median of its last values, before it was zero."""
LATELY = 10


class Detector:
    """Watches the training losses for exact zeros."""

    wants: Wants = ("train-loss", "gradient-norm", "validation-loss")
    explained_by = ("non-finite",)

    def __init__(self, view: View) -> None:
        self._view = view
        self._before: dict[str, deque[float]] = {}
        self._zeros: dict[str, int] = {}
        self._since: dict[str, int] = {}
        self._norm: float | None = None
        self._proof = ""
        self._open: str | None = None

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The zeros that this row proves to be no loss, and their end."""
        if not isinstance(signal, Points):
            return ()
        claims: list[Claim] = []
        values, view = signal.values, self._view
        for name in (*view.named("gradient-norm"), *view.named("validation-loss")):
            value = values.get(name)
            if value is None:
                continue
            if value - value != 0:
                self._proof = f"`{name}` is not finite"
            if view.roles.of(name) == "gradient-norm":
                self._norm = value
        for name in view.named("train-loss"):
            value = values.get(name)
            if value is not None:
                claims += self._loss(name, value, signal)
        return claims

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown: one whose loss is exactly 0, or ends that."""
        losses = list(self._view.named("train-loss"))
        found = start if self._open else len(stretch)
        for name in losses:
            column = stretch.column(name).since(start)
            zeros = column.rows[column.values == 0]
            found = min(found, int(zeros[0]) if len(zeros) else found)
        for name in losses:
            values = stretch.column(name).between(start, found).values
            if len(values):
                self._before.setdefault(name, deque(maxlen=LATELY + 1)).extend(
                    values[-LATELY - 1 :].tolist()
                )
                self._zeros[name] = 0
        norms = [
            (c.rows[-1], i) for i, c in enumerate(self._norms(stretch, start, found)) if len(c.rows)
        ]
        if norms:
            self._norm = float(self._norms(stretch, start, found)[max(norms)[1]].values[-1])
        return found

    def _norms(self, stretch: "Stretch", start: int, stop: int) -> "list[Column]":
        return [
            stretch.column(name).between(start, stop) for name in self._view.named("gradient-norm")
        ]

    def _loss(self, name: str, value: float, row: Points) -> Iterable[Claim]:
        if value != 0.0:
            if value - value == 0:
                if name not in self._before:
                    self._before[name] = deque(maxlen=LATELY + 1)
                self._before[name].append(value)
            self._zeros[name] = 0
            if self._open == name:
                self._open = None
                yield self._claim(name, row, sure=True, passed=True)
            return
        before = list(self._before.get(name, ()))
        if len(before) < 3 or median(before[-5:]) < WELL_ABOVE or before[-1] < WELL_ABOVE / 5:
            return
        zeros = self._zeros[name] = self._zeros.get(name, 0) + 1
        if zeros == 1:
            self._since[name] = row.step
            if self._norm == self._norm and not any(
                n in row.values for n in self._view.named("gradient-norm")
            ):
                self._norm = None  # it tells of an earlier step
            self._proof = self._proof if self._norm is not None and self._norm != self._norm else ""
        if zeros < ZEROS or self._open not in (None, name):
            return
        # a finite, living gradient says that the zero is what was computed
        if self._norm is not None and self._norm - self._norm == 0 and not self._proof:
            return
        self._open = name
        yield self._claim(name, row, sure=bool(self._proof) or zeros >= SURE)

    def _claim(self, name: str, row: Points, *, sure: bool, passed: bool = False) -> Claim:
        since, usual = self._since[name], median(list(self._before[name])[-5:])
        message = f"`{name}` is exactly 0 since step {since}, where it was about {usual:.3g}: a NaN is hidden"
        if passed:
            message = f"`{name}` was exactly 0 from step {since} on and is a number again"
        return Claim(
            key=name,
            state="recovered" if passed else "confirmed" if sure else "suspected",
            severity="note" if passed else "error" if sure else "warning",
            confidence=0.97 if self._proof else 0.8,
            message=message,
            advice="Set `logging_nan_inf_filter=False` to see it, stop the run and go on from the last "
            "good checkpoint with a lower learning rate, or with bf16 in place of fp16.",
            step=row.step,
            opened=since,
            time=row.time,
            alarm=sure and not passed,
            metric=name,
            evidence={"usual": usual, "zeros": self._zeros.get(name, 0)},
            causes=[]
            if passed
            else [
                Cause(
                    "a loss that is NaN and is left out of the logged mean",
                    0.95 if self._proof else 0.75,
                    self._proof or f"{self._zeros[name]} exact zeros in a row after {usual:.3g}",
                )
            ],
            unchecked=[] if self._proof or passed else ["the gradient norm: it is not logged"],
        )
