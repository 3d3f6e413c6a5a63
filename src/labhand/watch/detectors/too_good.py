"""A validation result that is better than it can be.

## What it does
Tells of a validation metric that is perfect, or nearly so, while the training's own is far from it, of a
validation loss of exactly zero, and of a result that leaves all earlier runs of this command far behind. With
the probe, also of rows that are evaluated and were trained on, in every call of the evaluation, of a column
of the inputs that is the target itself, and of tokens that are to be told from themselves.

## Why it is bad
The usual reason is a leak: rows of the validation part in the training part, the label among the inputs,
or an evaluation that compares something with itself.

## Known problems
Small or easy validation parts are learned to the last row, and then the training part is too. A model that
reconstructs its tokens on purpose is told of once it does so well.

## Example
`train_acc 0.91`, `val_acc 1.0`

## Use instead
`labhand scan --split train=… --split val=…` finds the rows that are in both; a model without inputs
should do no better than chance.

## References
S. Kapoor and A. Narayanan, *Leakage and the Reproducibility Crisis in ML-based Science*, Patterns 2023.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from labhand.watch.course import RAN
from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.tracks import median
from labhand.watch.view import View

EVALUATIONS = 2
BEHIND = 0.95
"""A training score below this share of perfect, beside a perfect validation score: what drops units in training is
a little behind by right."""
NEARLY, TRAIN_WRONG, NEARLY_FOR = 0.005, 0.1, 5
"""A score wrong in less than the first, beside a training wrong in more than the second, for so many
evaluations."""
RUNS = 3
SPREADS, GAP = 5.0, 0.8
"""Better than the best run by so many spreads, and nearer to perfect by this share of what was left."""


class Detector:
    """Watches the validation metrics for what is too good."""

    wants: Wants = ("validation-score", "validation-loss", "validation-error", Fact)

    def __init__(self, view: View) -> None:
        self._view = view
        self._perfect: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._best: dict[str, list[float]] = {}
        self._told = False
        self._leak: Fact | None = None

    def see(self, signal: Signal) -> Iterable[Claim]:
        """What this evaluation shows."""
        if isinstance(signal, Fact):
            self._leak = signal if signal.kind == "leak" else self._leak
            if signal.kind in ("given", "copied") and not self._told:
                self._told = True
                return (self._given(signal) if signal.kind == "given" else self._copied(signal),)
        if self._leak is not None and not self._told and (held := self._view.course.held):
            self._told = True
            return (self._leaks(next(iter(held)), self._leak),)
        if not isinstance(signal, Points) or self._told:
            return ()
        for name in [name for role in RAN for name in self._view.named(role)]:
            value, up = (
                signal.values.get(name, math.nan),
                self._view.roles.of(name) == "validation-score",
            )
            if value - value != 0:
                continue
            perfect = value in (1.0, 100.0) if up else value == 0.0
            if up and self._nearly(name, value):
                perfect = True
            self._perfect[name] = self._perfect.get(name, 0) + 1 if perfect else 0
            if perfect:
                self._first.setdefault(name, signal.step)
            claim = self._alone(name, value, signal, up=up) or self._among(
                name, value, signal, up=up
            )
            if claim is not None:
                self._told = True
                return (claim,)
        return ()

    def _given(self, fact: Fact) -> Claim:
        """What the probe has found: the target among the inputs."""
        column, of, step = (int(fact.data.get(key) or 0) for key in ("column", "of", "step"))
        text = (
            f"Column {column} of the {of} columns of the inputs is the target itself, up to scale and shift, in each of "
            f"{fact.data.get('looks')} batches: what is to be predicted is given away"
        )
        cause = Cause(
            "the target, or what is reckoned from it, among the features",
            0.85,
            "their correlation is 1 to the last digits",
        )
        claim = self._claim("", text, cause, 0, Points(fact.time, "probe", step, {}))
        return msgspec.structs.replace(claim, unchecked=[], metric=None)

    def _copied(self, fact: Fact) -> Claim:
        """What the probe has found: the targets are the inputs."""
        first, loss = (float(fact.data.get(key) or 0) for key in ("first", "loss"))
        step = int(fact.data.get("step") or 0)
        text = (
            f"The targets are the inputs themselves, token by token, in each of {fact.data.get('looks')} batches, and the "
            f"loss has come from {first:.4g} to {loss:.3g} by step {step}: the model copies what it is given"
        )
        cause = Cause(
            "targets that are not shifted by one: each position is asked for the token that it sees",
            0.8,
            "all tokens that were compared are the same",
        )
        claim = self._claim("", text, cause, 0, Points(fact.time, "probe", step, {}))
        advice = (
            "Shift the targets by one (`x = ids[:-1]`, `y = ids[1:]`); where it is to reconstruct its inputs "
            "through something narrow, this is meant."
        )
        return msgspec.structs.replace(claim, unchecked=[], metric=None, advice=advice)

    def _leaks(self, name: str, fact: Fact) -> Claim:
        """What the probe has found: rows of the evaluation that were trained on."""
        found, of, share = (fact.data.get(key, 0) for key in ("rows", "of", "share"))
        text = (
            f"{found} of {of} rows that were evaluated are rows of training batches that were looked at: about "
            f"{share:.0%} of what `{name}` is measured on was trained on"
        )
        cause = Cause(
            "rows that are in both parts: split after they were multiplied, or not taken out of the training",
            0.8,
            "the very same values, in every call of the evaluation",
        )
        step = int(fact.data.get("step") or 0)
        claim = self._claim(name, text, cause, 0, Points(fact.time, "probe", step, {}))
        return msgspec.structs.replace(claim, unchecked=[])

    def _alone(self, name: str, value: float, row: Points, *, up: bool) -> Claim | None:
        """Whether it is perfect while training is not."""
        exact, whole = value in (0.0, 1.0, 100.0), 100.0 if up and value > 1.0 else 1.0
        soon = exact and (not up or self._wrong(whole) > TRAIN_WRONG)
        if self._perfect[name] < (EVALUATIONS if soon else NEARLY_FOR):
            return None
        if not up:
            losses = [t for t in self._view.having("train-loss") if t.count >= 3]
            if not losses or min(track.median() for track in losses) < 0.01:
                return None
            beside = f"`{losses[0].name}` is {losses[0].median():.3g}"
        else:
            scores = [t for t in self._view.having("train-score") if t.count >= 2]
            if not scores or self._wrong(whole) < 1 - BEHIND:
                return None
            beside = f"`{scores[0].name}` is {scores[0].median(3):.4g}"
        exactly = "exactly " if value in (0.0, 1.0, 100.0) else ""
        text = f"`{name}` is {exactly}{value:.6g} since step {self._first[name]}, while {beside}"
        cause = Cause(
            "an evaluation that compares something with itself, or sees the labels",
            0.6,
            f"{self._perfect[name]} perfect evaluations while the training is not",
        )
        return self._claim(name, text, cause, self._first[name], row)

    def _nearly(self, name: str, value: float) -> bool:
        """Whether a score is nearly perfect, and the training's own has ten times as much wrong, or more."""
        whole = 100.0 if self._view.tracks[name].highest > 1.0 else 1.0
        wrong = 1 - value / whole
        return 0 <= wrong < NEARLY and self._wrong(whole) > max(TRAIN_WRONG, 10 * wrong)

    def _wrong(self, whole: float) -> float:
        """The share that the best of the training's own scores has wrong lately; 0 where there is none."""
        scores = [t.median(3) / whole for t in self._view.having("train-score") if t.count >= 2]
        return 1 - max(scores, default=1.0)

    def _among(self, name: str, value: float, row: Points, *, up: bool) -> Claim | None:
        """Whether it leaves all earlier runs far behind."""
        best = self._best.get(name)
        if best is None:
            best = self._best[name] = self._bests(name, up=up)
        if len(best) < RUNS:
            return None
        top, typical = (max(best), median(best)) if up else (min(best), median(best))
        spread = max(abs(b - typical) for b in best)
        ahead = value - top if up else top - value
        left = (_whole(best) - top) if up else top
        if ahead <= SPREADS * spread or left <= 0 or ahead < GAP * left:
            return None
        text = (
            f"`{name}` is {value:.4g}, where the best of {len(best)} earlier runs of this command came "
            f"to {top:.4g}"
        )
        cause = Cause(
            "a leak that is new since those runs: in the split, the inputs or the evaluation",
            0.7,
            f"those runs lie within {spread:.2g} of each other",
        )
        return self._claim(name, text, cause, row.step, row)

    def _bests(self, name: str, *, up: bool) -> list[float]:
        """The best value of the metric in each earlier run that went well."""
        found: list[float] = []
        for before in self._view.earlier:
            values = [v for _, v in before.curve(name) if v - v == 0] if before.fine else []
            if values:
                found.append(max(values) if up else min(values))
        return found[:10]

    def _claim(self, name: str, text: str, cause: Cause, opened: int, row: Points) -> Claim:
        return Claim(
            key="validation",
            state="confirmed",
            severity="warning",
            confidence=cause.confidence,
            message=text,
            advice="Look for rows that are in both parts (`labhand scan --split`), for the label among "
            "the inputs, and at what the evaluation compares.",
            step=row.step,
            opened=opened,
            time=row.time,
            metric=name,
            causes=[cause],
            unchecked=[] if self._view.earlier else ["earlier runs: this command has none"],
        )


def _whole(values: Sequence[float]) -> float:
    """What a perfect score is: 1, or 100 for per cent."""
    return 1.0 if max(values) <= 1.0 else 100.0
