"""A loss, a gradient norm or another metric that is NaN or infinite.

## What it does
Tells when a metric stops being a finite number: at once for a loss, after it persists for a gradient
norm or another metric. What turns non-finite with a loss or after it is no incident of its own: it is
listed as evidence of the loss's. With the probe it names the layer, the direction and the rows of the
batch where the first non-finite value arose. In a table a loss whose cells go blank while the rows go on
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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from labhand.watch.causes import causes_of
from labhand.watch.detectors._blank import Blank
from labhand.watch.detectors._illness import Illness
from labhand.watch.incidents import Claim
from labhand.watch.signals import Ended, Fact, Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

TABLES = frozenset({"csv", "jsonl", "parquet", "files"})
"""Sources in which a missing number may stand for a NaN, and a NaN for a missing number."""

GRADIENT_ROWS = 25
"""A loss scale of 2^16 is halved at most 24 times before it is too small to be the reason."""
SPARSE_ROWS, SPARSE_STEPS = 5, 100
"""Where few steps are logged, as many rows over as many steps are enough."""
CALM_ROWS = 5
"""Finite rows after which it has passed by."""

OFTEN = 2
"""Times that the same cause has come again, after which the next is taken for it unseen: the probe looks no more."""
SOONER = 5
"""Values of a metric that was bad before the loss, up to which both are one: more of them were undefined."""

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


class Detector:
    """Watches every metric for values that are not finite."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._roles = view.roles
        self._blanks: dict[str, Blank] = {}
        self._never: dict[str, int] = {}
        self._ill: dict[str, Illness] = {}
        self._past: Illness | None = None
        self._numbers: dict[str, int] = {}

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
        bad = {name: value for name, value in row.values.items() if value - value != 0.0}
        tabular = row.source in TABLES
        proved = self._in_table(row, bad) if tabular else dict.fromkeys(bad, 1)
        return self._judged(row, proved) if proved or self._ill else ()

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown, of rows whose values are all finite."""
        if any(ill.in_a_row or ill.calm for ill in self._ill.values()):
            return start
        if stretch.source not in TABLES:
            return len(stretch)
        named, found = self._view.named, len(stretch)
        names = [*self._losses, *named("validation-loss"), *named("gradient-norm")]
        for name in names:
            blank = self._blanks.setdefault(name, Blank())
            tells = name in self._losses
            found = min(found, blank.skim(stretch, name, start, tells=tells))
        for name in names:
            self._blanks[name].pass_over(stretch, name, start, found)
        return found

    @property
    def _losses(self) -> Sequence[str]:
        return self._view.named("train-loss")

    def _good(self, name: str) -> int:
        """How many finite values a metric has had."""
        track = self._view.tracks.get(name)
        return 0 if track is None else track.count

    def _in_table(self, row: Points, bad: Mapping[str, float]) -> dict[str, int]:
        """The metrics that are bad in a row of a table, with the number of rows that prove it."""
        proved = {name: 1 for name, value in bad.items() if math.isinf(value)}
        named = self._view.named
        losses = (*self._losses, *named("validation-loss"), *named("gradient-norm"))
        others = [name for name in bad if name not in losses] if bad else ()
        for name in (*losses, *others):
            value = row.values.get(name, math.nan)
            blank = self._blanks.get(name)
            if blank is None:
                blank = self._blanks[name] = Blank()
            if value - value == 0.0:
                blank.alive(row.values)
                continue
            if name in proved:
                continue
            blank.missing(row.values, row.step)
            always_there = name in bad and blank.always and self._good(name) > 0
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
        return self._never[name] >= 2 and not any(self._good(loss) for loss in self._losses)

    def _judged(self, row: Points, bad: Mapping[str, int]) -> Iterator[Claim]:
        touched: dict[str, Illness] = {}
        self._settle(row)
        # a loss first: what else is bad in its row has the same cause
        for name in sorted(bad, key=self._weight):
            if self._told_before(name, row) or self._hidden(name):
                continue
            blank = self._blanks.get(name)
            began = blank.first_step if blank and blank.first_step is not None else row.step
            key, leads = self._place(name)
            illness = self._ill.get(key) or self._opened(key, Illness(began, row.time, row.source))
            touched[key] = illness
            if leads:
                illness.worse(name, row, began, bad[name])
            else:
                illness.beside.setdefault(name, began)
        for key, illness in self._ill.items():
            for name, streak in illness.streaks.items():
                if (streak or illness.calm) and name not in bad and _finite(row.values.get(name)):
                    illness.better(name)
                    touched[key] = illness
        for key, illness in touched.items():
            yield from self._state(key, illness, row.step, row.time)

    def _weight(self, name: str) -> int:
        """How early in a row a metric is looked at: what can explain others comes before them."""
        return {"train-loss": 0, "validation-loss": 1}.get(self._roles.of(name), 2)

    def _key(self, name: str) -> str:
        role = self._roles.of(name)
        return {"train-loss": TRAINING, "gradient-norm": GRADIENT}.get(role, name)

    def _place(self, name: str) -> tuple[str, bool]:
        """The illness that a bad metric belongs to, and whether that is judged by it."""
        own = self._key(name)
        if TRAINING in self._ill and own in (TRAINING, GRADIENT):
            return TRAINING, True
        if own in (TRAINING, GRADIENT) or (own in self._ill and self._ill[own].in_a_row):
            return own, True
        if TRAINING in self._ill:
            return TRAINING, False
        lead = next((key for key, ill in self._ill.items() if self._spoils(key, ill)), None)
        return (own, True) if lead is None else (lead, False)

    def _spoils(self, key: str, illness: Illness) -> bool:
        """Whether it is a validation loss that was fine and is bad now."""
        validation = self._roles.of(key) == "validation-loss"
        return validation and illness.in_a_row > 0 and self._good(key) > 0

    def _opened(self, key: str, illness: Illness) -> Illness:
        """The illness, now open; that of the training takes over what has the same cause."""
        past = self._past
        if key == TRAINING and past is not None and len(past.times) > OFTEN:
            past.comes_again(illness.opened, None)
            illness, self._past = past, None
        if key == TRAINING:
            for other, known in list(self._ill.items()):
                if self._same_cause(other, known, illness):
                    illness.join(other, self._ill.pop(other))
        self._ill[key] = illness
        return illness

    def _same_cause(self, key: str, known: Illness, training: Illness) -> bool:
        if key == GRADIENT:  # a bad gradient spoils the next loss
            return known.unbroken or (bool(known.fact) and not known.settled)
        if not known.unbroken or self._spoils(key, known):
            return known.unbroken
        # What only got there sooner: an evaluation after the first update, the update of a layer.
        if known.in_a_row <= SOONER or self._good(key):
            return True
        # steps of two sources may count different things, and rows of two come in no order
        if known.source == training.source:
            return known.opened >= training.opened
        return known.time >= training.time

    def _settle(self, row: Points) -> None:
        """A bad gradient after which the loss is finite does not explain a later one that is not."""
        known = self._ill.get(GRADIENT)
        if known is None or not known.fact or row.source != "probe":
            return
        if row.step <= int(known.fact.get("step") or 0):
            return
        if any(_finite(row.values.get(name)) for name in self._losses):
            known.settled = True

    def _told_before(self, name: str, row: Points) -> bool:
        """Whether it is the value of an incident that is over, now from another source."""
        if TRAINING in self._ill or self._past is None or self._key(name) != TRAINING:
            return False
        return row.source != self._past.source and self._in_past(row.step)

    def _hidden(self, name: str) -> bool:
        """Whether a bad gradient norm stands beside a loss of exactly 0: `hidden-nan` tells that."""
        gradient = name == GRADIENT or self._key(name) == GRADIENT
        return gradient and any(self._view.tracks[loss].last == 0.0 for loss in self._losses)

    def _in_past(self, step: int) -> bool:
        return self._past is not None and self._past.opened <= step <= self._past.last_step

    def _state(self, key: str, illness: Illness, step: int, time: float) -> Iterator[Claim]:
        if illness.in_a_row or not illness.calm:
            yield self._claim(key, illness, step, time)
        elif illness.calm >= (CALM_ROWS if key == TRAINING else 1):
            yield self._claim(key, illness, step, time, passed=True)
            if key == TRAINING:
                self._past = self._ill.pop(key)
            illness.calm = 0

    def _claim(
        self, key: str, illness: Illness, step: int, time: float, *, passed: bool = False, over: bool = False
    ) -> Claim:  # fmt: skip
        sure, alarm = self._verdict(key, illness, step, over)
        first = illness.fact.get("first") or {}
        main = self._main(illness)
        joined, illness.joined = illness.joined, ()
        if not illness.key:
            self._numbers[key] = number = self._numbers.get(key, 0) + 1
            illness.key = f"{key} {number}" if number > 1 else key
        if key == TRAINING and not illness.asked:
            illness.causes, illness.unchecked = causes_of(self._view, illness.opened)
            illness.asked = True
        return Claim(
            key=illness.key,
            state="recovered" if passed else "confirmed" if sure else "suspected",
            severity="note" if not sure else "error" if alarm and not passed else "warning",
            confidence=0.99 if alarm else 0.9 if sure else 0.3,
            message=illness.sentence(main, passed=passed),
            advice=ADVICE if key == TRAINING or alarm else MILD_ADVICE,
            step=step,
            opened=illness.opened,
            time=time,
            alarm=alarm and not passed,
            metric=main,
            layer=first.get("layer"),
            # Weights that were spoilt before spoil every row: none of them is at fault.
            batch_rows=None if first.get("kind") == "parameter" else illness.fact.get("batch_rows"),
            evidence=illness.evidence(),
            again=False,
            joined=joined,
            causes=illness.likely(),
            unchecked=illness.unchecked,
        )

    def _main(self, illness: Illness) -> str | None:
        """The metric to name: a loss, one that was bad at the start, the person's own."""
        return min(
            illness.bad,
            key=lambda name: (
                name not in self._losses,
                illness.first[name] != illness.opened,
                name.startswith("probe/"),
            ),
            default=None,
        )

    def _verdict(self, key: str, illness: Illness, step: int, over: bool) -> tuple[bool, bool]:
        """Whether it is sure that something is off, and whether a person should be told."""
        rows = illness.in_a_row
        if key == TRAINING:
            spoilt = illness.fact.get("what") == "parameter"
            return True, spoilt or rows >= 2 or (over and rows >= 1)
        if key == GRADIENT:
            sparse = rows >= SPARSE_ROWS and step - illness.streak_step >= SPARSE_STEPS
            stuck = rows >= GRADIENT_ROWS or sparse
            return stuck, stuck and not self._hidden(GRADIENT) and TRAINING not in self._ill
        name = next(iter(illness.bad))
        good = self._good(name)
        lived = good > 0
        if self._roles.of(name) == "validation-loss" and lived:
            return True, rows >= 2 and TRAINING not in self._ill
        return lived and good >= 5 and rows >= 5, False

    def _said(self, fact: Fact) -> Iterator[Claim]:
        """The probe has found where the first bad value arose."""
        step = int(fact.data.get("step") or 0)
        if TRAINING not in self._ill and self._in_past(step):
            return
        self._revive(step, fact)
        gradient = fact.data.get("what") == "gradient"
        # A bad gradient by itself may be mixed precision at work: it waits for the loss.
        key = GRADIENT if gradient and TRAINING not in self._ill else TRAINING
        illness = self._ill.get(key) or self._opened(key, Illness(step, fact.time))
        if not illness.fact or illness.settled:
            illness.fact, illness.settled = fact.data, False
        yield self._claim(key, illness, step, fact.time)

    def _revive(self, step: int, fact: Fact) -> None:
        """Takes up the illness before this one, where the probe finds the same cause."""
        past, new = self._past, self._ill.get(TRAINING)
        if past is None or (new is not None and new.fact):
            return
        found = Illness(step)
        found.fact = fact.data
        if found.origin and found.origin == past.origin:
            past.comes_again(step, new)
            self._ill[TRAINING], self._past = past, None

    def _over(self, end: Ended) -> Iterator[Claim]:
        """At the end nothing more will come: the last value decides."""
        illness = self._ill.get(TRAINING)
        if illness is not None and illness.in_a_row:
            yield self._claim(TRAINING, illness, illness.streak_step, end.time, over=True)


def _finite(value: float | None) -> bool:
    return value is not None and value - value == 0.0
