"""The seam for whatever else is measured at some steps: layers, batches. One class, one line in `LOOKS`.

A look is taken at few of the attended steps: at those of the opening of a training, and at as many others as
its part in the `Schedule` pays for. `Looks` calls it at the points of the step that it asks for, takes the time, and switches it off when it raises.
"""

from __future__ import annotations

import sys
from time import thread_time, time

from .torch_measure import Arriving
from .torch_replay import inner
from .torch_short import nothing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Type

    from .torch_schedule import Part, Purse, Schedule

SPREAD_MAX = 256
"""Steps from one turn of a look to the next, at most, where it could pay for more."""


class Look:
    """Measures something at the steps it is given. Subclasses define the points they want to see.

    Every point is called without gradients, on the thread of the training, and only in such a step. It
    may read, nothing else: no random numbers, no waiting for a device (`item` of a tensor on a GPU), no
    reference kept to a tensor that carries a graph. `torch` and `step` are there to use.
    """

    name = "look"
    pairs = False
    """Whether it wants to see two steps in a row each time."""
    weight = 1.0
    """How much of what the looks may take is for it, beside the others; 0: the opening tells it all."""

    def __init__(self, torch: Any, looks: Looks) -> None:
        self.torch = torch
        self.looks = looks
        self.step = self.due = 0
        self.took = 0.0
        self.second = False
        self.purse: Optional[Purse] = None

    # -- the points of a step, in their order; those that are not overridden cost nothing

    def batch(self, module: Any, args: Any, kwargs: Any) -> None:
        """The outermost module is called with these arguments."""

    def forward(self, name: str, module: Any, args: Any, output: Any) -> None:
        """A layer (a module without children, or with parameters of its own) has given this output.

        Never where anything is compiled: nobody's code but ours may be run in a compiled model.
        """

    def output(self, module: Any, args: Any, output: Any) -> None:
        """The outermost module has given this output for these arguments."""

    def loss(self, loss: Any) -> None:
        """Backward begins at this loss, a scalar not yet scaled by a GradScaler; its graph is whole."""

    def backward(self) -> None:
        """A backward has ended: gradients as accumulated so far, by a GradScaler's scale too large."""

    def weights(self, optimizer: Any) -> None:
        """The main optimizer is about to step: the weights as they still are. With a closure, before its calls."""

    def gradients(self, optimizer: Any) -> None:
        """The main optimizer is about to step: gradients as it sees them. After it, with a closure."""

    def stepped(self, optimizer: Any) -> None:
        """The main optimizer has stepped."""

    def evaluated(self, module: Any, args: Any, kwargs: Any) -> None:
        """The outermost module is called outside training: in evaluation mode, or without gradients.

        At any time, as far as the look can afford it.
        """

    # -- what it may say

    def point(self, name: str, value: Any) -> None:
        """A point of the series `name` at this step: a number, or a scalar tensor on any device."""
        self.looks.values.setdefault(self, {})[name] = value

    def points(self, names: Sequence[str], vector: Any) -> None:
        """A point of each series at this step, their values one tensor: one copy from a device."""
        about = (self.step, time(), list(names))
        self.looks.arriving.append(Arriving(self.torch, vector, about))

    def event(self, kind: str, **data: Any) -> None:
        """An event of the attempt, such as `facts`."""
        self.looks.session.event(kind, **data)

    def layers(self) -> Dict[str, Any]:
        """The layers of the watched models by name, as `forward` names them."""
        return {name: layer for name, layer in self.looks.layers()}


class Looks:
    """All looks of the process, and those that the step under way is given to."""

    def __init__(
        self, torch: Any, session: Any, kinds: Sequence[Type[Look]],
        models: Callable[[], List[Any]], fault: Callable[..., Any], schedule: Schedule,
    ) -> None:  # fmt: skip
        self.torch = torch
        self.session = session
        self.models = models
        self.optimizers: Callable[[], List[Any]] = list
        self.path_of: Callable[[Any], str] = str
        self.writer: Callable[[], Any] = nothing
        self.now: Callable[[], int] = int
        self.loading: Any = None
        self.seeded = 0
        self.trained: Dict[int, Any] = {}
        """Weights that an optimizer held in any training of the process, by identity: references to them."""
        self.wants_loading = True
        self.graphs = True
        self.apart, self.aside = 0, -1_000_000
        """Steps between the last two steps at which the outermost module was called outside training, and the last."""
        self.reached: Dict[int, Any] = {}
        """The parameters that losses were seen to depend on since this was last asked, by identity."""
        self.guard = fault
        self.schedule = schedule
        self.parts: Dict[Look, Part] = {}
        paying = sum(kind.weight for kind in kinds) or 1.0
        for kind in kinds:
            look = fault("looks", kind, torch, self)
            if look is not None:
                self.parts[look] = schedule.part(kind.weight / paying)
        self.began, self.opening = 0, 1
        """The step at which the training began, and how many later the next step of its opening is."""
        self.on: List[Look] = []
        self.values: Dict[Look, Dict[str, Any]] = {}
        self.arriving: List[Arriving] = []
        self.names: Dict[int, str] = {}
        self.handle: Any = None
        self.inside = self.outside = 0.0

    def begin(self, step: int) -> None:
        """A step that is attended to begins: settles which looks it is given to."""
        since = step - self.began
        opening = since >= self.opening
        while since >= self.opening:
            self.opening *= 2
        for look, part in self.parts.items():
            if not look.second:
                look.purse = self.payer(look, part, step, opening)
        self.on = [look for look in self.parts if look.purse is not None]
        for look in self.on:
            look.step = step
            look.second = look.pairs and not look.second
            # dense at the start, where most goes wrong, and spread out after it
            look.due = step + 1 + min(since // 3, SPREAD_MAX)

    def payer(self, look: Look, part: Part, step: int, opening: bool) -> Optional[Purse]:
        """What a turn of a look at this step is paid out of; None where it is not given the step."""
        needs = (1 + look.pairs) * part.cost
        if look.weight and step >= look.due and part.affords(needs):
            return part
        purse = self.schedule.opening
        free = not look.weight  # it costs next to nothing, and all ranks must see the same steps
        return purse if opening and (free or purse.affords(needs)) else None

    def begin_again(self, step: int) -> None:
        """Another training begins at this step: what was seen so far says nothing of it."""
        parts, self.parts = self.parts, {}
        for look, part in parts.items():
            made = self.guard("looks", type(look), self.torch, self)
            if made is not None:
                self.parts[made] = part
        self.began, self.opening, self.on = step, 1, []
        self.wants_loading = True

    def call(self, point: str, *arguments: Any) -> None:
        """Calls the looks of this step at a point. The time counts as `outside` the model's call."""
        if self.on:
            self.outside += self.pass_on(point, *arguments)

    def pass_on(self, point: str, *arguments: Any) -> float:
        """Calls the looks of this step at a point; the seconds that took."""
        began = last = thread_time()
        with self.torch.no_grad():
            for look in self.on:
                method = getattr(type(look), point)
                if method is getattr(Look, point):
                    continue
                self.guard("looks/" + look.name, method, look, *arguments)
                # of this thread: on a busy machine the wall clock counts the others' work too
                now = thread_time()
                look.took += now - last
                last = now
        return thread_time() - began

    def taken_inside(self) -> float:
        """Seconds taken while the model ran, since this was last asked."""
        took, self.inside = self.inside, 0.0
        return took

    def taken_outside(self) -> float:
        """Seconds taken elsewhere, since this was last asked."""
        took, self.outside = self.outside, 0.0
        return took

    def end(self, writer: Callable[[], Any], step: int) -> bool:
        """The step is over: writes and pays. Whether the next one is wanted as the second of a pair."""
        began = thread_time()
        for look in self.on:
            values = self.values.pop(look, None)
            last = thread_time()
            if values:
                writer().row(values, step)
            look.took += thread_time() - last
            self.pay(look, look.purse)
        while self.arriving and self.arriving[0].ready():
            arrived = self.arriving.pop(0)
            at, when, names = arrived.about
            writer().row(dict(zip(names, arrived.value.tolist())), at, when)  # noqa: B905
        again = any(look.second for look in self.on)
        self.on = []
        self.outside += thread_time() - began
        return again

    def pay(self, look: Look, purse: Optional[Purse]) -> None:
        """Has the look's turn paid for, out of this purse."""
        self.schedule.pay(self.parts[look], look.took, purse)
        look.took = 0.0

    # -- the layers

    def model_called(self, module: Any, args: Any, kwargs: Any) -> None:
        """The outermost module is called: its layers are listened to while it runs."""
        if not self.on:
            return
        self.inside += self.pass_on("batch", module, args, kwargs)
        wanted = any(type(look).forward is not Look.forward for look in self.on)
        if wanted and self.handle is None and not compiled(module):
            began = thread_time()
            self.names = {id(layer): name for name, layer in self.layers()}
            register = self.torch.nn.modules.module.register_module_forward_hook
            self.handle = register(self.layer_called)
            self.inside += thread_time() - began

    def model_elsewhere(self, module: Any, args: Any, kwargs: Any) -> None:
        """The outermost module is called outside training."""
        step = self.now()
        if step != self.aside:
            if self.aside < self.began < step:
                self.opening = (
                    1  # the first epoch is over: its next step is one of the opening, too
                )
            self.apart, self.aside = step - self.aside, step
        paid = {
            look: purse
            for look, part in self.parts.items()
            if type(look).evaluated is not Look.evaluated
            for purse in [part if part.ready else self.schedule.asked]
            if purse.affords(part.cost)
        }
        if not paid:
            return
        on, self.on = self.on, list(paid)
        self.graphs = self.torch.is_grad_enabled()
        for look in self.on:
            look.step = step
        self.pass_on("evaluated", module, args, kwargs)
        for look, purse in paid.items():
            if values := self.values.pop(look, None):
                self.writer().row(values, look.step)
            self.pay(look, purse)
        self.on = on

    def model_returned(self, module: Any, args: Any, output: Any) -> None:
        """The outermost module has returned this output, or raised, which leaves None."""
        if self.on and output is not None:
            self.inside += self.pass_on("output", module, args, output)
        if self.handle is not None:
            self.handle.remove()
            self.handle = None

    def layer_called(self, module: Any, args: Any, output: Any) -> None:
        """The forward hook of all modules, in place only while the outermost runs in a step like this."""
        name = self.names.get(id(module))
        if name is not None:
            self.inside += self.pass_on("forward", name, module, args, output)

    def layers(self) -> Iterator[Tuple[str, Any]]:
        """The layers of the watched models by their names, with what tells the models apart before them."""
        for model in self.models():
            before, whole = self.path_of(model), inner(model)
            for name, layer in whole.named_modules():
                if layer._parameters or not layer._modules:
                    yield ".".join(filter(None, (before, name))) or type(whole).__name__, layer


def compiled(model: Any) -> bool:
    """Whether any of it is compiled, or anything else was: a hook would be compiled into it."""
    dynamo = sys.modules.get("torch._dynamo.utils")
    counters: Optional[Any] = getattr(dynamo, "counters", None)
    if counters and counters["frames"]["total"]:
        return True
    return any(
        type(m).__name__ == "OptimizedModule" or getattr(m, "_compiled_call_impl", None) is not None
        for m in model.modules()
    )
