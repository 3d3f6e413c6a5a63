"""Measures a training on PyTorch from inside, by a handful of global hooks.

What it sees: `torch.autograd.backward` (the loss), `Optimizer.step` (gradients, learning rates,
weights), the DataLoader's `__next__` (waiting), `GradScaler` (the loss before scaling), and the calls
of the models themselves (`torch_calls`). It only reads: no hook stands on a module or a parameter.

A step is one step of the *main* optimizer, counted from 0: the values at step k belong to the weights
after k updates. The main optimizer is the first that steps; another one takes its place, the count
going on, when it steps `SILENT` times with no step of the main one between.

The loss is read at every step, since on the CPU `item()` costs 0.2 µs and a non-finite value is to be
seen at once; it is written at the steps that are attended (`torch_schedule`): all of them where steps
take about 50 ms and more. On a GPU nothing waits for the device: values are copied asynchronously and
looked at when they have come.
"""

from __future__ import annotations

import math
import os
import weakref
from time import perf_counter, thread_time

from . import torch_measure, torch_patches
from .look_batches import Batches
from .look_layers import Layers
from .look_members import Members
from .look_outputs import Outputs
from .look_ranks import Ranks
from .torch_calls import Calls
from .torch_clock import Clock
from .torch_incident import Incidents
from .torch_looks import Look, Looks
from .torch_measure import Arriving, Sentinel, Weights
from .torch_schedule import Schedule, passing
from .torch_short import Short
from .torch_trainings import Trainings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple, Type

LOOKS: Tuple[Type[Look], ...] = (Layers, Batches, Members, Outputs, Ranks)
"""What else is measured at some steps."""
SILENT, SKIPPED_IN_A_ROW, ARRIVING_MAX = 50, 5, 2


def arm(torch: Any, session: Any) -> Probe:
    """Starts measuring in this process; call it when torch is imported whole. Never raises.

    Writes points of the source `probe` and events `non-finite` and `fault` through `session`.
    """
    probe = Probe(torch, session)
    for where in ("backward", "optimizer", "compiler", "loader", "scaler", "seeds"):
        probe.guard(where, getattr(torch_patches, where), probe)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=probe.forked)
    return probe


class Probe:
    """The state of the measuring; one a process."""

    def __init__(self, torch: Any, session: Any) -> None:
        self.torch = torch
        self.session = session
        self.writer: Any = None
        self.places = torch_patches.Places()
        self.off: set[str] = set()
        self.clock = Clock()
        self.schedule = Schedule(passing())
        self.short = Short()
        self.calls = Calls(torch, self.model_begins, self.places, self.short)
        self.incidents = Incidents(torch, session, self.calls)
        self.looks = Looks(torch, session, LOOKS, self.calls.modules, self.guard, self.schedule)
        self.calls.looks = self.looks
        self.looks.path_of = self.calls.path_of
        self.looks.optimizers = lambda: list(self.optimizers)
        self.looks.now = session.counted = lambda: self.step
        self.looks.writer = self.points
        self.trainings = Trainings(session.event)
        self.compiling = self.calls.compiling
        self.own = self.beside = self.over = self.whole = self.glance = self.full_cost = 0.0
        self.worked, self.passing, self.mixed, self.elsewhere = thread_time(), 0.0, False, False
        self.paused = (0.0, 0.0)
        self.gap = 1
        self.looked = 0
        self.optimizers: Any = weakref.WeakSet()
        self.others = 0
        self.outer: Optional[Any] = None
        self.evaluations = 0
        self.attend, self.compiles = True, False
        self.listen: Callable[[bool], None] = lambda on: None
        self.losses: List[Any] = []
        self.loss_used = False
        self.scaled: Optional[Tuple[Any, Any]] = None
        self.was_scaled = False
        self.skipped, self.stepped = 0, False
        self.arriving: List[Arriving] = []
        self.device = "cpu"
        self.sentinel: Optional[Sentinel] = None
        self.weights: Optional[Weights] = None
        self.values: Optional[Dict[str, Any]] = None

    @property
    def step(self) -> int:
        """The number of the step under way."""
        return self.short.step

    # -- safety

    def guard(self, part: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """What the call returns. When it raises, that is told once and the part is switched off."""
        if part in self.off:
            return None
        try:
            return call(*arguments)
        except Exception as error:
            self.off.add(part)
            try:
                self.session.event(
                    "fault", where="probe/" + part, message="%s: %s" % (type(error).__name__, error)
                )
            except Exception:  # nothing is left to tell it to
                pass
            return None

    def forked(self) -> None:
        """In a forked child: its own points file, and nothing of the step under way."""
        self.writer = None
        self.outer = None
        self.short.busy = False
        self.worked = thread_time()
        self.clock.next_step(perf_counter())

    def optimizer_made(self, optimizer: Any) -> None:
        """Its models are looked for when the next module is called: wrapping and moving is done by then."""
        self.optimizers.add(optimizer)
        self.short.close()
        self.trainings.made(optimizer, self.step)
        self.calls.wait(lambda: self.guard("models", self.calls.look, list(self.optimizers)))

    def take_out(self) -> None:
        """Leaves PyTorch as it was, until `put_in`: a benchmark compares the two."""
        if not self.places.out:
            self.places.take_out()
            self.paused = perf_counter(), thread_time()

    def put_in(self) -> None:
        """Goes on where `take_out` broke off; the time between does not count."""
        if not self.places.out:
            return
        gap = perf_counter() - self.paused[0]
        self.worked += thread_time() - self.paused[1]
        self.clock.began += gap
        self.clock.last += gap
        self.places.put_in()

    # -- what happens in a step, in its order

    def model_begins(self, module: Any, now: float) -> bool:
        """Whether the call is part of a training step. Evaluation makes the step's times worthless."""
        if self.incidents.busy:
            return False
        self.clock.calls += 1
        if not module.training or not self.torch.is_grad_enabled():
            self.clock.evaluated = self.clock.evaluated or not module.training
            self.elsewhere = True
            if not (self.step or self.stepped):
                self.guard("trainings", self.trainings.elsewhere, self.optimizers, self.short.epoch)
            return False
        if self.attend:
            self.clock.model_begins(now)
        return True

    def before_backward(self, tensors: Any, given: Any) -> None:
        """Reads the loss while its graph is still whole."""
        now, began = perf_counter(), thread_time()
        if not (self.step or self.stepped):
            self.trainings.backward(self.optimizers)
        if self.attend:
            if self.loss_used and self.step and not self.outer:
                self.trainings.continued(self.short.main(), self.step)
            looks, calls, self.calls.own = self.looks.taken_inside(), self.calls.own, 0.0
            self.beside += looks
            self.own += calls
            self.whole += calls
            self.clock.last += looks + calls
            self.clock.backward_begins(now)
        torch = self.torch
        loss = tensors if isinstance(tensors, torch.Tensor) else None
        if loss is None and isinstance(tensors, (list, tuple)) and len(tensors) == 1:
            loss = tensors[0]
        self.was_scaled = False
        if loss is not None and self.scaled is not None:
            if self.scaled[0] is loss:
                loss, self.was_scaled = self.scaled[1], True
            self.scaled = None
        if loss is not None and given is None and loss.numel() == 1:
            if self.guard("trainings", self.trainings.left, loss, self.short.main(), self.step):
                self.begin_again()
            self.loss_seen(loss)
        if self.attend:
            self.mark(began)

    def loss_seen(self, loss: Any) -> None:
        """A loss of the step under way."""
        if self.outer is not None:
            self.evaluations += 1
            if self.evaluations > 1:
                return  # a closure called again: a line search tries weights that are not kept
        if self.loss_used:
            self.losses = []
            self.loss_used = False
        self.looks.call("loss", loss)
        self.device = loss.device.type
        if self.device == "cpu":
            value = loss.item()
            self.losses.append(value)
            if value - value != 0:
                if not (self.attend or self.incidents.open):
                    self.points().row({"probe/loss": value}, self.step)
                self.incidents.loss(self.step, value, loss, self.schedule)
            else:
                self.incidents.loss_fine()
        elif self.device == "cuda" and self.may_measure():
            self.losses.append(loss.detach())
            if len(self.arriving) < ARRIVING_MAX:
                about = (self.step, self.calls.of_step())
                self.arriving.append(Arriving(self.torch, loss, about))
        elif self.device != "cuda" and self.attend:
            self.losses.append(loss.detach())

    def after_backward(self) -> None:
        """Looks whether the gradients are finite, before anything is done with them."""
        began = thread_time() if self.attend else 0.0
        if self.attend:
            self.clock.backward_ends(perf_counter())
        self.look_at_gradients()
        if self.attend:
            self.glance = thread_time() - began
        self.short.epoch += 1
        if self.arriving:
            self.look_at_arrivals()
        if self.attend:
            self.looks.call("backward")
            self.mark(began)

    def look_at_gradients(self) -> None:
        """Looks into gradients that are not finite."""
        sentinel = self.sentinel
        if sentinel is None or self.device != "cpu" or self.was_scaled:
            return
        if not sentinel.finite():
            self.incidents.gradient(self.step, self.schedule)
        elif self.incidents.open:
            self.incidents.gradient_fine()

    def look_at_arrivals(self) -> None:
        """Reads the losses that have come from the GPU."""
        while self.arriving and self.arriving[0].ready():
            arrived = self.arriving.pop(0)
            step, calls = arrived.about
            value = arrived.read()
            if value - value != 0:
                self.incidents.late(step, self.step, value, calls, self.schedule)
            else:
                self.incidents.loss_fine()

    def step_begins(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """The hook before `Optimizer.step`."""
        if self.attend and not self.compiling():
            self.guard("optimizer", self.before_step, optimizer, args, kwargs)

    def step_ends(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """The hook after `Optimizer.step`."""
        if not self.compiling():
            self.guard("optimizer", self.after_step, optimizer, args, kwargs)

    def before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Measures the gradients as the optimizer sees them."""
        if self.outer is not None and self.outer is not optimizer:
            return  # an optimizer that wraps another one: the outer step is the step
        self.outer = optimizer
        self.evaluations = 0
        if self.arriving:
            self.look_at_arrivals()
        began = thread_time()
        main = self.is_main(optimizer, count=False)
        self.trainings.stepping(optimizer, main)
        if main and self.looks.on:
            self.looks.call("weights", optimizer)
            if not torch_measure.has_closure(args, kwargs):
                self.looks.call("gradients", optimizer)
            self.mark(began)
            began = thread_time()
        if main and self.schedule.numbers.ready and self.may_measure():
            self.values = {}
            if self.weights is None:
                self.weights = Weights(optimizer)
            self.weights.remember()
            if not torch_measure.has_closure(args, kwargs):
                self.measure_gradients(optimizer)
            self.full_cost = thread_time() - began
            self.clock.last = perf_counter()
        else:
            self.mark(began)

    def may_measure(self) -> bool:
        """Whether extra kernels may be started: not while a CUDA graph is recorded."""
        return self.device != "cuda" or not self.torch.cuda.is_current_stream_capturing()

    def measure_gradients(self, optimizer: Any) -> None:
        """Puts the gradient norm into the values of this step; non-finite gradients are looked into."""
        with self.torch.no_grad():
            found = torch_measure.gradients(optimizer)
            total = torch_measure.norm(self.torch, found)
        if total is None or self.values is None:
            return
        scale = getattr(optimizer, "grad_scale", None)  # a fused optimizer unscales by itself
        if scale is not None:
            total = total / scale.to(total.device)
        if total.device.type != "cpu":
            self.values["probe/grad_norm"] = total
            return
        value = total.item()
        self.values["probe/grad_norm"] = value
        if not math.isfinite(value) and getattr(optimizer, "found_inf", None) is None:
            if torch_measure.all_finite(self.torch, found):
                del self.values["probe/grad_norm"]  # the norm's own overflow
            else:
                self.incidents.gradient(self.step, self.schedule)

    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Ends the step when it was the main optimizer's."""
        self.stepped = True
        if self.attend:
            if self.outer is not optimizer:
                return
            self.outer = None
            now = perf_counter()
            self.clock.optimizer_ends(now)
            self.loss_used = True
            if not self.is_main(optimizer):
                self.clock.last = now
                return
            self.end_step(optimizer, now, torch_measure.has_closure(args, kwargs))
        elif not self.is_main(optimizer):
            return
        self.loss_used = True
        self.short.goal += 1
        if self.step >= self.looked + self.gap:
            began = thread_time()
            self.attending(True)
            self.calls.simple, self.short.cut = True, False
            self.looks.begin(self.step)
            passed, worked = self.step - self.looked - 1, thread_time()
            self.passing = (worked - self.worked) / passed if passed else 0.0
            self.mixed, self.elsewhere = self.elsewhere, False
            self.worked = worked
            self.over += worked - began
            self.clock.next_step(perf_counter())

    def end_step(self, optimizer: Any, now: float, closure: bool) -> None:
        """Writes the row of the step and begins the next."""
        values = self.values
        aside = self.own + self.beside + (self.full_cost if values is not None else 0.0)
        seconds = self.clock.total(now) - aside
        began = thread_time()
        worked = began - self.worked - aside
        if values is not None:
            self.finish_measuring(optimizer, values, closure)
            self.full_cost += thread_time() - began
            self.schedule.pay(self.schedule.numbers, self.full_cost)
            began = thread_time()
        if closure:
            self.looks.call("gradients", optimizer)
        self.looks.call("stepped", optimizer)
        # a step that is attended finds the caches emptied by that: those before tell better
        work = self.passing or worked
        self.write(optimizer, values or {}, seconds, work)
        self.values = None
        if self.calls.stop_waiting():  # no module was called outside compiled code
            self.guard("models", self.calls.look, list(self.optimizers))
        self.guard("models", self.calls.settle)
        if self.sentinel is None:
            self.sentinel = Sentinel(self.torch, optimizer)
        self.losses = []
        again = self.looks.end(self.points, self.step)
        last = thread_time()
        own = self.own + self.calls.own + last - began - self.looks.taken_outside() + self.over
        untypical = self.clock.evaluated or not self.step  # from what moment on would step 0 count?
        schedule = self.schedule
        schedule.bore(self.whole, self.glance)
        schedule.pay(schedule.rows, own)
        schedule.passed(work, self.step - self.looked, untypical)
        self.own = self.beside = self.calls.own = self.whole = 0.0
        self.looked = self.step
        self.gap = 1 if again else schedule.gap
        if self.gap > 1:
            self.attending(False)
        self.worked = thread_time()
        self.over = self.worked - last

    def finish_measuring(self, optimizer: Any, values: Dict[str, Any], closure: bool) -> None:
        """The values that are known only when the step is done."""
        if closure:
            self.measure_gradients(optimizer)
        if self.weights is not None and self.weights.before is not None:
            with self.torch.no_grad():
                ratio = self.weights.ratio(self.torch)
            if ratio is not None:
                values["probe/update_ratio"] = ratio.item() if ratio.device.type == "cpu" else ratio
        if self.device == "cpu" and not self.schedule.glances:
            self.incidents.earlier.take(self.step + 1)

    def write(self, optimizer: Any, values: Dict[str, Any], seconds: float, work: float) -> None:
        """Adds what every row has and writes it."""
        if values or self.device == "cpu":  # to ask a GPU takes far longer than to ask the system
            values.update(torch_measure.memory_bytes(self.torch, self.device))
        if self.losses:
            mean = self.losses[0]
            if len(self.losses) > 1:
                mean = sum(self.losses) / len(self.losses)
            values["probe/loss"] = mean
        values.update(torch_measure.learning_rates(optimizer))
        clock = self.clock
        if self.step and not clock.evaluated:
            values.update(clock.parts(seconds, None if self.mixed else work))
        self.points().row(values, self.step)

    def points(self) -> Any:
        """The writer of this process, made at its first row."""
        if self.writer is None:
            self.writer = self.session.writer("probe")
        return self.writer

    def scaler_stepped(self) -> None:
        """Counts the steps that a GradScaler skipped in a row; a few are its normal work."""
        if self.stepped:
            self.skipped = 0
            return
        self.skipped += 1
        self.loss_used = True
        if self.skipped == SKIPPED_IN_A_ROW:
            self.incidents.gradient(
                self.step, self.schedule, "the GradScaler skipped %d steps in a row" % self.skipped
            )

    # -- small things

    def is_main(self, optimizer: Any, count: bool = True) -> bool:
        """Whether this optimizer's steps are the steps of the run; `count` once for each step."""
        main = self.short.main()
        if main is optimizer:
            self.others = 0
            return True
        self.optimizers.add(optimizer)
        self.others += count
        if main is not None and self.others <= SILENT * (len(self.optimizers) - 1):
            return False
        self.short.main, self.others = weakref.ref(optimizer), 0
        self.sentinel = self.weights = None
        if self.guard("trainings", self.trainings.leads, optimizer, self.step):
            self.begin_again()
        return True

    def begin_again(self) -> None:
        """Another training has begun: its first steps are looked at as those of the first."""
        self.schedule.begin_again()
        self.looks.begin_again(self.step)
        self.gap = 1

    def attending(self, on: bool) -> None:
        """Turns looking at the step on or off; in short steps only the least is done while it is off."""
        self.attend = self.calls.attend = on
        self.calls.rich = on or self.schedule.whole
        sound = self.device == "cpu" and not self.incidents.open and not self.was_scaled
        short = self.short
        able = not on and not self.calls.rich and sound and not self.off
        short.on = able
        sentinel = self.sentinel if able and self.schedule.glances else None
        short.glance = None if sentinel is None else sentinel.finite
        plain = able and not self.compiles
        short.calls = plain and self.calls.simple
        short.alone = short.calls and self.calls.alone()
        short.only = len(self.optimizers) == 1
        short.pass_by(self.gap - 2 if plain else 0)
        if not on:
            self.calls.began_at(self.step + 1)
        self.listen(on)

    def mark(self, began: float) -> None:
        """Books this thread's time since `began` as the probe's own, and in no part of the step."""
        self.own += thread_time() - began
        if self.incidents.took:
            self.own -= self.incidents.took
            self.incidents.took = 0.0
            self.clock.evaluated = True
        self.clock.last = perf_counter()
