"""A training whose weights stay exactly as they are.

## What it does
Tells when the optimizer holds none of the weights that the loss depends on, or when not one measured
weight has changed in many steps. Needs the probe; or a log of the sizes of updates, told where all are
exactly zero, of the weights, told where it stays the same to its last digit and the loss does not fall, or
of a validation loss that does.

## Why it is bad
Nothing is learned: the loss moves with the batches alone.

## Known problems
Weights that have come to their optimum stand still as well (full-batch L-BFGS); it is told apart by the
gradients, of which hardly anything is left then.

## Example
`optimizer = Adam(model.parameters())`, and then `model = build(width=256)`

## Use instead
The optimizer is made last, of the model that is trained; its learning rate is not zero and not so
small that an update is lost in rounding.

## References
PyTorch, `torch.optim`, on constructing an optimizer after moving or changing a model.
"""

from collections.abc import Iterable

from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.view import View

LOOKS = 4
LEAST_STEPS = 20
ROWS, FALLEN = 40, 0.2
"""Rows of a log that prove it, where the loss has fallen by less, in its logarithm."""
EVALUATIONS = 6
"""Evaluations in which the very same loss proves that no weight has changed."""
ARRIVED = 0.01
"""The share of the largest gradient that is left where there is nothing more to be won."""
SURE = 4
"""Looks after which it is certain that the optimizer holds other weights."""
OPENING = 2
"""The first look of a run is at one of its first steps, that of a further training in it later."""
END = "/update"


class Detector:
    """Watches whether any weight changes."""

    wants: Wants = ("layer/", "update-size", "weight-norm", "validation-loss", Fact)
    explained_by = ("non-finite", "dead-units", "learning-rate-exhausted")

    def __init__(self, view: View) -> None:
        self._view = view
        self._rows = self._looks = 0
        self._moved = False
        self._since = 0
        self._first = 0
        self._open = ""
        self._measured = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The standstill that this signal proves, or that has ended."""
        if isinstance(signal, Fact):
            if signal.kind == "unstepped":
                return (self._unstepped(signal),)
            return self._reach(signal) if signal.kind in ("reach", "left") else ()
        if not isinstance(signal, Points):
            return ()
        updates = [v for name, v in signal.values.items() if name.endswith(END)]
        return (
            self._row(updates, signal)
            if updates
            else self._by_log(signal) or self._by_evaluations(signal)
        )

    def blind(self) -> str | None:
        """Why it could not look."""
        if self._measured:
            return None
        return (
            "it needs the probe's look at the layers (PyTorch), or a log of the size of the updates"
        )

    def _by_log(self, row: Points) -> Iterable[Claim]:
        """What the person's own measures of updates or weights prove; the probe's are asked before them."""
        view = self._view
        names = [
            n for n in view.named("update-size") if n in row.values and not n.startswith("probe/")
        ]
        still = [n for n in names if view.tracks[n].lowest == view.tracks[n].highest == 0]
        if not names:
            names = [n for n in view.named("weight-norm") if n in row.values]
            still = [n for n in names if view.tracks[n].lowest == view.tracks[n].highest]
        if not names or self._open not in ("", "log"):
            return ()
        self._measured = True
        if len(still) == len(names) and not view.tracks[names[0]].bad and not self._learns():
            self._rows += 1
            if self._rows < ROWS or self._open:
                return ()
            self._open = "log"
            zero = view.tracks[names[0]].last == 0
            text = (
                f"`{names[0]}` {'is 0' if zero else f'stays at {view.tracks[names[0]].last:.6g}'}"
            )
            said = f"in {self._rows} rows"
            cause = Cause(
                "an optimizer that does not hold the weights, or steps that are skipped", 0.7, said
            )
            step = view.tracks[names[0]].first_step
            told = f"{text} since step {step}: the weights do not change"
            return (self._claim(told, cause, row.step, row.time, sure=True, opened=step),)
        if self._open:
            self._open = ""
            text = f"The weights change, from step {row.step} on"
            return (
                self._claim(text, Cause("", 0, ""), row.step, row.time, sure=True, passed=True),
            )
        return ()

    def _by_evaluations(self, row: Points) -> Iterable[Claim]:
        """What validation losses prove that are the same to their last digit, each time."""
        held = [e for e in self._view.course.held.values() if e.role == "validation-loss"]
        still = [
            e for e in held if e.count == e.same >= EVALUATIONS and e.plain != round(e.plain, 2)
        ]
        named = any(e.name in row.values for e in still)
        if not named or len(still) < len(held) or self._open or self._moved or self._learns():
            return ()
        self._measured, self._open = True, "evaluations"
        name, count, value = still[0].name, still[0].count, still[0].plain
        cause = Cause(
            "an `optimizer.step()` that is never reached, a learning rate of 0, or an optimizer of other weights",
            0.8,
            f"`{name}` was {value:.6g} in all {count} evaluations, and the training loss does not fall",
        )
        text = f"`{name}` is {value:.6g} to its last digit in each of {count} evaluations: the weights do not change"
        return (self._claim(text, cause, row.step, row.time, sure=True, opened=0),)

    def _learns(self) -> bool:
        """Whether the loss falls, and so the weights do change."""
        levels = self._view.course.levels
        return bool(levels.blocks) and levels.start - min(levels.blocks) > max(
            FALLEN, 6 * levels.noise
        )

    def _reach(self, fact: Fact) -> Iterable[Claim]:
        self._measured = True
        step = int(fact.data.get("step", 0))
        self._first = self._first or (step if step > OPENING else 0)
        held, reached = fact.data.get("held", 0), fact.data.get("reached", 0)
        trained = fact.data.get("trained", fact.kind == "reach")
        if trained or not held or not reached or self._open == "rows":
            return ()
        self._open = "reach"
        sure = fact.kind == "left" or fact.data.get("looks", 0) >= SURE
        left_out = fact.data.get("left_out", [])
        return (
            self._claim(
                f"The optimizer holds {held} parameters and the loss depends on {reached} others: "
                "none of the weights that it changes is in use",
                Cause(
                    "an optimizer made of another model than the one that is trained",
                    0.95,
                    f"in use and in no optimizer: {', '.join(left_out[:4]) or reached}",
                ),
                step,
                fact.time,
                sure=sure,
                opened=self._first,
            ),
        )

    def _unstepped(self, fact: Fact) -> Claim:
        """What is told of a training whose optimizer is never stepped."""
        self._measured = True
        self._open = "unstepped"
        backward, evaluations = fact.data.get("backward"), fact.data.get("evaluations")
        evidence = f"{backward} backward passes, {evaluations} evaluations, and a weight that is what it was"
        cause = Cause(
            "an `optimizer.step()` that is missing, or behind a condition that never holds",
            0.9,
            evidence,
        )
        text = f"No optimizer has taken a step in {backward} backward passes: the weights are what they were"
        return self._claim(text, cause, 0, fact.time, sure=True, opened=0)

    def _row(self, updates: list[float], row: Points) -> Iterable[Claim]:
        self._measured = True
        if any(update != 0 for update in updates):
            self._looks, self._moved = 0, True
            if self._open != "rows":
                return ()
            self._open = ""
            cause = Cause("", 0, "")
            text = f"The weights change again, from step {row.step} on"
            return (self._claim(text, cause, row.step, row.time, sure=True, passed=True),)
        if not self._looks:
            self._since = row.step
        self._looks += 1
        if self._looks < LOOKS or row.step - self._since < LEAST_STEPS or self._open == "reach":
            return ()
        if self._moved and self._has_arrived():
            return ()
        self._open = "rows"
        text = f"Not one of the measured weights has changed since step {self._since}"
        return (self._claim(text, self._cause(), row.step, row.time, sure=True),)

    def _has_arrived(self) -> bool:
        """Whether hardly anything is left of the gradients: weights at their optimum stand still, too."""
        tracks = [
            t
            for t in self._view.having("layer-gradient")
            if t.name.startswith("layer/") and t.count
        ]
        return bool(tracks) and all(t.last < ARRIVED * t.highest for t in tracks)

    def _cause(self) -> Cause:
        rate = self._view.tracks.get("probe/lr")
        if rate is not None and rate.last == 0:
            return Cause("a learning rate of 0", 0.95, "`probe/lr` is 0")
        norms = [
            track.last
            for name, track in self._view.tracks.items()
            if name.startswith("layer/") and name.endswith("/grad_norm")
        ]
        if norms and not any(norms):
            return Cause("gradients of exactly zero", 0.9, "no measured layer has a gradient")
        told = f"the learning rate is {rate.last:.2g}" if rate is not None and rate.count else ""
        return Cause(
            "updates too small for the precision of the weights, or steps that are skipped",
            0.6,
            told or "gradients are there, changes are not",
        )

    def _claim(
        self, text: str, cause: Cause, step: int, time: float, *, sure: bool,
        opened: int | None = None, passed: bool = False,
    ) -> Claim:  # fmt: skip
        return Claim(
            key="weights",
            state="recovered" if passed else "confirmed" if sure else "suspected",
            severity="note" if passed else "error" if sure else "warning",
            confidence=0.97 if sure else 0.7,
            message=text,
            advice="Make the optimizer last, of the very model that is trained, and look at its "
            "learning rate; then start again: nothing was learned so far.",
            step=step,
            opened=self._since if opened is None else opened,
            time=time,
            alarm=sure and not passed,
            causes=[] if passed else [cause],
        )
