"""A loss, a gradient norm or another metric that is NaN or infinite.

## What it does
Tells when a metric stops being a finite number: at once for a loss, after it persists for a gradient
norm or another metric. With the probe it names the layer, the direction and the rows of the batch
where the first non-finite value arose. In a table a loss whose cells go blank while the rows go on
counts too: many writers leave a NaN blank.

## Why it is bad
Once a NaN has reached the weights, every later step is NaN: the rest of the run is wasted.

## Known problems
Mixed precision makes single infinite gradient norms on purpose while it looks for its loss scale;
they are noted and never alarmed. A metric that is NaN by its definition (no positives in a batch) is
a note.

## Example
`loss 2.31`, `loss 2.29`, `loss nan`, `loss nan`

## Use instead
A lower learning rate or a warm-up, clipped gradients, `eps` in divisions, logarithms and square
roots, a look at the rows of the batch.

## References
NVIDIA, *Train With Mixed Precision*, on loss scaling; PyTorch, `torch.amp.GradScaler`.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from labhand.watch.detectors._blank import Blank
from labhand.watch.incidents import Claim
from labhand.watch.roles import Roles
from labhand.watch.signals import Ended, Fact, Points, Signal

TABLES = frozenset({"csv", "jsonl", "parquet", "files"})
"""Sources in which a missing number may stand for a NaN, and a NaN for a missing number."""

GRADIENT_ROWS = 25
"""A loss scale of 2^16 is halved at most 24 times before it is too small to be the reason."""
SPARSE_ROWS, SPARSE_STEPS = 5, 100
"""Where few steps are logged, as many rows over as many steps are enough."""
CALM_ROWS = 5
"""Finite rows after which it has passed by."""

TRAINING = "training"
GRADIENT = "gradient"
MILD_ADVICE = (
    "Nothing while it is rare: mixed precision makes single infinite gradients, and some metrics are "
    "undefined on some batches. If it stays, look at how the metric is computed."
)
ADVICE = (
    "Stop the run if the loss stays so: its weights are likely spoilt. Start again from the last "
    "good checkpoint with a lower learning rate or clipped gradients, and look at the batch of the "
    "first bad step."
)


class _Illness:
    """The non-finite values of metrics that belong together, while they last."""

    def __init__(self, step: int) -> None:
        self.opened = step
        self.bad: dict[str, int] = {}
        self.streaks: dict[str, int] = {}
        self.last: dict[str, float] = {}
        self.streak_step = step
        self.calm = 0
        self.fact: Mapping[str, Any] = {}

    def worse(self, name: str, value: float, step: int, rows: int = 1) -> None:
        """One more bad value, or `rows` that only now prove to be bad."""
        if not any(self.streaks.values()):
            self.streak_step = step
        self.calm = 0
        self.bad[name] = self.bad.get(name, 0) + rows
        self.streaks[name] = self.streaks.get(name, 0) + rows
        self.last[name] = value

    def better(self, name: str) -> None:
        """A finite value of a metric that was bad."""
        self.streaks[name] = 0
        self.calm += 1

    @property
    def in_a_row(self) -> int:
        """The longest present streak of a metric."""
        return max(self.streaks.values(), default=0)


class Detector:
    """Watches every metric for values that are not finite."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles
        self._good: dict[str, int] = {}
        self._blanks: dict[str, Blank] = {}
        self._losses: list[str] = []
        self._never: dict[str, int] = {}
        self._ill: dict[str, _Illness] = {}

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The incidents that the signal opens or changes."""
        if isinstance(signal, Points):
            return self._row(signal)
        if isinstance(signal, Fact) and signal.kind == "non-finite":
            return self._said(signal)
        if isinstance(signal, Ended):
            return self._over(signal)
        return ()

    def _row(self, row: Points) -> Iterable[Claim]:
        bad: dict[str, float] = {}
        good = self._good
        for name, value in row.values.items():
            if name not in good:
                self._new(name)
            if value - value == 0.0:
                good[name] += 1
            else:
                bad[name] = value
        tabular = row.source in TABLES
        if not (bad or self._ill or tabular):
            return ()
        return self._judged(row, self._in_table(row, bad) if tabular else dict.fromkeys(bad, 1))

    def _new(self, name: str) -> None:
        self._good[name] = 0
        if self._roles.of(name) == "train-loss":
            self._losses.append(name)

    def _in_table(self, row: Points, bad: Mapping[str, float]) -> dict[str, int]:
        """The metrics that are bad in a row of a table, with the number of rows that prove it."""
        proved = {name: 1 for name, value in bad.items() if math.isinf(value)}
        for name in {*self._losses, *bad} - proved.keys():
            value = row.values.get(name, math.nan)
            blank = self._blanks.setdefault(name, Blank())
            if value - value == 0.0:
                blank.alive(row.values)
                continue
            blank.missing(row.values, row.step)
            always_there = name in bad and blank.always and self._good[name] > 0
            if (always_there and blank.count) or self._never_was(row, name, bad):
                proved[name] = 1
            elif name in self._losses and blank.gone:
                known = self._ill.get(TRAINING)
                proved[name] = 1 if known and known.streaks.get(name) else blank.count
        return proved

    def _never_was(self, row: Points, name: str, bad: Mapping[str, float]) -> bool:
        """Whether the only loss of a log in text has been NaN from the very first row on."""
        if name not in bad or name not in self._losses or row.source == "parquet":
            return False
        self._never[name] = self._never.get(name, 0) + 1
        return self._never[name] >= 2 and not any(self._good[loss] for loss in self._losses)

    def _judged(self, row: Points, bad: Mapping[str, int]) -> Iterator[Claim]:
        touched = {}
        # with the loss the gradients go: they are evidence of the one incident, no second one
        lost = TRAINING in self._ill or any(self._key(name) == TRAINING for name in bad)
        for name, rows in bad.items():
            key = TRAINING if lost and self._key(name) == GRADIENT else self._key(name)
            blank = self._blanks.get(name)
            began = blank.first_step if blank and blank.first_step is not None else row.step
            illness = touched[key] = self._ill.setdefault(key, _Illness(began))
            if key == TRAINING and not illness.fact and GRADIENT in self._ill:
                illness.fact = self._ill[GRADIENT].fact  # a bad gradient spoils the next loss
            illness.worse(name, row.values.get(name, math.nan), began, rows)
        for key, illness in self._ill.items():
            for name, streak in illness.streaks.items():
                if (streak or illness.calm) and name not in bad and _finite(row.values.get(name)):
                    illness.better(name)
                    touched[key] = illness
        for key, illness in touched.items():
            yield from self._state(key, illness, row.step, row.time)

    def _key(self, name: str) -> str:
        role = self._roles.of(name)
        return {"train-loss": TRAINING, "gradient-norm": GRADIENT}.get(role, name)

    def _state(self, key: str, illness: _Illness, step: int, time: float) -> Iterator[Claim]:
        if illness.in_a_row:
            yield self._claim(key, illness, step, time)
            return
        passed = illness.calm >= (CALM_ROWS if key == TRAINING else 1)
        if passed:
            yield self._claim(key, illness, step, time, passed=True)
            if key == TRAINING:
                del self._ill[key]
            illness.calm = 0

    def _claim(
        self, key: str, illness: _Illness, step: int, time: float, *, passed: bool = False, over: bool = False
    ) -> Claim:  # fmt: skip
        sure, alarm = self._verdict(key, illness, step, over)
        first = illness.fact.get("first") or {}
        names = sorted(illness.bad, key=lambda n: (n not in self._losses, -illness.bad[n]))
        return Claim(
            key=key,
            state="recovered" if passed else "confirmed" if sure else "suspected",
            severity="note" if not sure else "error" if alarm and not passed else "warning",
            confidence=0.99 if alarm else 0.9 if sure else 0.3,
            message=_sentence(illness, names, passed),
            advice=ADVICE if key == TRAINING or alarm else MILD_ADVICE,
            step=step,
            opened=illness.opened,
            time=time,
            alarm=alarm and not passed,
            metric=names[0] if names else None,
            layer=first.get("layer"),
            batch_rows=illness.fact.get("batch_rows"),
            evidence=_evidence(illness),
            again=key == TRAINING,
        )

    def _verdict(self, key: str, illness: _Illness, step: int, over: bool) -> tuple[bool, bool]:
        """Whether it is sure that something is off, and whether a person should be told."""
        rows = illness.in_a_row
        if key == TRAINING:
            spoilt = illness.fact.get("what") == "parameter"
            return True, spoilt or rows >= 2 or (over and rows >= 1)
        if key == GRADIENT:
            sparse = rows >= SPARSE_ROWS and step - illness.streak_step >= SPARSE_STEPS
            stuck = rows >= GRADIENT_ROWS or sparse
            return stuck, stuck and TRAINING not in self._ill
        name = next(iter(illness.bad))
        lived = self._good[name] > 0
        if self._roles.of(name) == "validation-loss" and lived:
            return True, rows >= 2 and TRAINING not in self._ill
        return lived and self._good[name] >= 5 and rows >= 5, False

    def _said(self, fact: Fact) -> Iterator[Claim]:
        """The probe has found where the first bad value arose."""
        step = int(fact.data.get("step") or 0)
        what = fact.data.get("what")
        # A bad gradient by itself may be mixed precision at work: it waits for the loss.
        key = GRADIENT if what == "gradient" else TRAINING
        illness = self._ill.setdefault(key, _Illness(step))
        illness.fact = illness.fact or fact.data
        yield self._claim(key, illness, step, fact.time)

    def _over(self, end: Ended) -> Iterator[Claim]:
        """At the end nothing more will come: the last value decides."""
        illness = self._ill.get(TRAINING)
        if illness is not None and illness.in_a_row:
            yield self._claim(TRAINING, illness, illness.streak_step, end.time, over=True)


def _finite(value: float | None) -> bool:
    return value is not None and value - value == 0.0


def _sentence(illness: _Illness, names: list[str], passed: bool) -> str:
    fact = illness.fact
    said = [f"`{n}` {'was' if passed else 'is'} {_text(illness.last[n])}" for n in names[:3]]
    message = " and ".join(said) or f"the {fact.get('what', 'loss')} is not finite"
    rows = max(illness.bad.values(), default=1)
    message += f" from step {illness.opened} on" if rows > 1 else f" at step {illness.opened}"
    first = fact.get("first") or {}
    if first.get("layer"):
        where = {"forward": "in the forward pass", "backward": "in the backward pass"}
        way = where.get(str(first.get("kind")), f"as {first.get('kind')}")
        message += f"; it arose first in `{first['layer']}` ({first.get('class', '?')}) {way}"
    if bad_rows := fact.get("batch_rows"):
        shown = ", ".join(map(str, bad_rows[:5])) + (", …" if len(bad_rows) > 5 else "")
        total = fact.get("batch_rows_total")
        message += f", from row{'s' if len(bad_rows) > 1 else ''} {shown} of the batch"
        message += f" of {total}" if total else ""
    return message + ("; it passed by" if passed else "")


def _text(value: float) -> str:
    return "NaN" if value != value else "infinite" if value > 0 else "minus infinite"


def _evidence(illness: _Illness) -> dict[str, Any]:
    metrics = {n: {"non_finite": c, "last": str(illness.last[n])} for n, c in illness.bad.items()}
    return {"metrics": metrics, **({"probe": dict(illness.fact)} if illness.fact else {})}
