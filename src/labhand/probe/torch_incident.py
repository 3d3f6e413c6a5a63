"""When a value first turns non-finite: looks into it, once an incident, and tells what was found."""

from __future__ import annotations

from time import perf_counter, thread_time

from .torch_blame import ROWS_MAX, Culprit, bad_parameter, huge_parameter, in_backward, in_forward
from .torch_loss import guessed, in_loss
from .torch_measure import Earlier
from .torch_replay import TooLong, inner, sharded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    from .torch_calls import Call, Calls
    from .torch_schedule import Schedule

INCIDENTS_MAX = 3
SECONDS_MAX = 10.0
STEPS_MAX = 20


class Incidents:
    """The non-finite incidents of this process: the first and at most two more are looked into.

    An incident lasts until loss and gradients have been finite again; what follows from a bad value
    is no new incident. `took` counts the seconds spent; whoever keeps time takes them out.
    """

    def __init__(self, torch: Any, session: Any, calls: Calls) -> None:
        self.torch = torch
        self.session = session
        self.calls = calls
        self.earlier = Earlier(torch, calls.modules)
        self.told = 0
        self.open = False
        self.busy = False
        self.took = 0.0
        self.loss_was_fine = False

    def loss_fine(self) -> None:
        """A finite loss was seen."""
        self.loss_was_fine = True

    def gradient_fine(self) -> None:
        """Finite gradients were seen; after a finite loss that ends an incident."""
        if self.open and self.loss_was_fine:
            self.open = False

    def loss(self, step: int, value: float, loss: Any, schedule: Schedule) -> None:
        """A loss is not finite; its graph is still whole."""

        def search(until: float) -> Optional[Culprit]:
            calls = self.calls.of_step()
            spoiled = bad_parameter(self.torch, self.calls.modules())
            before = self.before(step, until) if spoiled is not None else None
            return before or self.forward(calls, until) or in_loss(self.torch, loss, calls)

        self.look(step, "loss", schedule, search, "the loss is %r" % value)

    def late(
        self, step: int, now: int, value: float, calls: List[Call], schedule: Schedule
    ) -> None:
        """A loss of an earlier step has come from the GPU and is not finite."""
        note = "the loss of step %d is %r, seen at step %d" % (step, value, now)
        self.look(step, "loss", schedule, lambda until: self.forward(calls, until), note)

    def gradient(self, step: int, schedule: Schedule, note: str = "") -> None:
        """A gradient is not finite though the loss is."""

        def search(until: float) -> Optional[Culprit]:
            calls = self.calls.of_step()
            for call in reversed(calls):
                found = in_backward(self.torch, call, until)
                if found is not None:
                    return self.named(found, call)
            return guessed(self.torch, calls[-1]) if calls else None

        self.look(
            step, "gradient", schedule, search, note or "the loss is finite, its gradient is not"
        )

    def before(self, now: int, until: float) -> Optional[Culprit]:
        """Who made the gradient of a step before that has spoiled the weights; None where not known."""
        weights = self.earlier.weights()
        calls = (
            [c for c in self.calls.held() if c.epoch < self.calls.short.moment] if weights else []
        )
        if not calls:
            return None
        for call in calls:
            found = in_backward(self.torch, call, until, weights)
            if found is not None:
                break
        else:
            found = guessed(self.torch, call, weights)
            if found is None or found.rows is None:
                return None
        found = self.named(found, call)
        found.step = self.calls.step_of(call, now)
        note = "its gradient spoiled the weights; run again with those of step %d"
        found.note = "; ".join(filter(None, [note % self.earlier.step, found.note]))
        return found

    def forward(self, calls: List[Call], until: float) -> Optional[Culprit]:
        """Who made a bad value on the way to the loss; None where the models' outputs are finite."""
        spoiled = bad_parameter(self.torch, self.calls.modules())
        for call in calls:
            if perf_counter() > until:
                raise TooLong
            found = in_forward(self.torch, call, until)
            if found is None:
                continue
            if found.kind == "forward":
                blown = spoiled or huge_parameter(self.torch, call.module)
                if blown is not None:
                    blown.rows, blown.total = found.rows, found.total
                    return self.named(blown, call)
            if call.changed():
                found.note += " (an input was changed in place after the call)"
            return self.named(found, call)
        return spoiled

    def named(self, found: Culprit, call: Call) -> Culprit:
        """The layer's name as a person would look for it."""
        if found.layer is None:
            return found
        before = self.calls.path_of(call.module)
        whole = ".".join(filter(None, (before, found.layer)))
        found.layer = whole or type(inner(call.module)).__name__
        return found

    def look(
        self, step: int, what: str, schedule: Schedule,
        search: Callable[[float], Optional[Culprit]], note: str,
    ) -> None:  # fmt: skip
        """Looks into an incident and writes the event, unless it goes on from before."""
        self.loss_was_fine = False
        if self.open or self.told >= INCIDENTS_MAX:
            return
        self.open = True
        self.told += 1
        began = thread_time()
        until = perf_counter() + min(SECONDS_MAX, max(2.0, STEPS_MAX * schedule.typical))
        self.busy = True
        depth, self.calls.depth = self.calls.depth, 1  # what is run here is no call of the script's
        self.calls.short.close()
        bounded, found = False, None
        try:
            if any(sharded(m) for m in self.calls.modules()):
                bounded, note = (
                    True,
                    note + "; the model is spread over ranks, so it was not run again",
                )
            else:
                found = search(until)
        except TooLong:
            bounded, note = True, note + "; the search was ended: it took too long"
        except Exception as error:
            bounded = True
            note += "; running the batch again failed: %s: %s" % (type(error).__name__, error)
        finally:
            self.busy, self.calls.depth = False, depth
            self.took += thread_time() - began
        self.tell(step, what, found, bounded, note)

    def tell(
        self, step: int, what: str, found: Optional[Culprit], bounded: bool, note: str
    ) -> None:
        """Writes the event."""
        first: Dict[str, Optional[str]] = {"layer": None, "kind": None, "class": None}
        rows = total = None
        if found is not None:
            first = {"layer": found.layer, "kind": found.kind, "class": found.cls}
            if found.parameter:
                first["parameter"] = found.parameter
                what = "parameter"
            if found.step is not None:
                note += ", seen at step %d" % step
                step, what = found.step, "gradient"
            rows, total = found.rows, found.total
            note += "; " + found.note if found.note else ""
        elif not bounded and not self.calls.of_step():
            note += "; no call of a model was seen, so nothing could be run again"
        elif not bounded:
            note += "; it could not be reproduced by running the batch again"
        if rows is not None and len(rows) > ROWS_MAX:
            rows, bounded = rows[:ROWS_MAX], True
        self.session.event(
            "non-finite", step=step, what=what, first=first, batch_rows=rows,
            batch_rows_total=total, bounded=bounded, note=note,
        )  # fmt: skip
