"""The places in PyTorch where the probe looks in. Each patch does its work through `Probe.guard`."""

from __future__ import annotations

import functools
import sys
from time import perf_counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple

    from .torch_hooks import Probe


class Places:
    """What of ours stands in PyTorch; it can be taken out, and put in again."""

    def __init__(self) -> None:
        self.out = False
        self._all: List[Tuple[Callable[[], Any], Callable[[], Any]]] = []

    def add(self, put: Callable[[], Any], take: Callable[[], Any]) -> None:
        """Puts something in; `take` undoes it."""
        put()
        self._all.append((put, take))

    def attribute(self, owner: Any, name: str, ours: Any) -> None:
        """Puts `ours` in the place of an attribute."""
        own, original = name in vars(owner), vars(owner).get(name)

        def take() -> None:
            if own:
                setattr(owner, name, original)
            else:
                delattr(owner, name)

        self.add(lambda: setattr(owner, name, ours), take)

    def take_out(self) -> None:
        """Leaves PyTorch as if we had never been there, from the next call on."""
        for _, take in reversed(self._all):
            take()
        self.out = True

    def put_in(self) -> None:
        """Puts everything back."""
        for put, _ in self._all:
            put()
        self.out = False


def backward(probe: Probe) -> None:
    """Wraps `torch.autograd.backward`, which `Tensor.backward` calls too.

    The first branch is the short way through a step that is not looked at, where every line is felt.
    A finite value needs no question whether it is the loss.
    """
    original = probe.torch.autograd.backward
    compiling, guard, incidents = probe.compiling, probe.guard, probe.incidents
    short, nan = probe.short, float("nan")

    @functools.wraps(original)
    def backward(  # noqa: PLR0913 - with *args and **kwargs a call takes twice the time
        tensors: Any, grad_tensors: Any = None, retain_graph: Any = None, create_graph: Any = False,
        grad_variables: Any = None, inputs: Any = None,
    ) -> Any:  # fmt: skip
        if short.on:
            glance = short.glance
            try:
                value = tensors.item()
            except Exception:  # several tensors, or one that is no scalar
                value = nan
            if value - value == 0:
                original(tensors, grad_tensors, retain_graph, create_graph, grad_variables, inputs)
                if glance is not None and not guard("backward", glance):
                    guard("backward", probe.look_at_gradients)
                return
        given = tensors, grad_tensors, retain_graph, create_graph, grad_variables, inputs
        # Checkpointing calls backward within backward, possibly from a thread of the engine.
        if short.busy or compiling() or incidents.busy:
            original(*given)
            return
        told = grad_variables if grad_tensors is None else grad_tensors
        guard("backward", probe.before_backward, tensors, told)
        short.busy = True
        try:
            original(*given)
        finally:
            short.busy = False
        guard("backward", probe.after_backward)

    probe.places.attribute(probe.torch.autograd, "backward", backward)


def optimizer(probe: Probe) -> None:
    """Sees every `Optimizer.step`: by the global hooks of torch ≥ 2, else by a wrap of `step`."""
    module = sys.modules[probe.torch.optim.Optimizer.__module__]
    hooks = hasattr(module, "register_optimizer_step_post_hook")
    if hooks:
        _hook(probe, module)
    created = module.Optimizer.__init__

    @functools.wraps(created)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if not hooks:
            _wrap_step(type(self), probe)
        created(self, *args, **kwargs)
        probe.guard("models", probe.optimizer_made, self)

    probe.places.attribute(module.Optimizer, "__init__", __init__)


def _hook(probe: Probe, module: Any) -> None:
    """Registers the hook after each step, and lets the probe have that before it where it needs it."""
    short, ended = probe.short, probe.step_ends
    compiler = getattr(probe.torch, "compiler", None)
    tracing = getattr(compiler, "is_dynamo_compiling", probe.compiling)
    handles: Dict[str, Any] = {}

    def stepped(optimizer: Any, args: Any, kwargs: Any) -> None:
        left = short.left
        if left and (short.only or short.main() is optimizer):
            short.left = left - 1
            return
        if tracing():
            return
        ended(optimizer, args, kwargs)

    def listen(on: bool) -> None:
        """Whether the hook before each step is wanted."""
        if on and "before" not in handles:
            handles["before"] = module.register_optimizer_step_pre_hook(probe.step_begins)
        elif not on and "before" in handles:
            handles.pop("before").remove()

    def put() -> None:
        handles["after"] = module.register_optimizer_step_post_hook(stepped)
        listen(probe.attend)

    def take() -> None:
        handles.pop("after").remove()
        listen(False)

    probe.listen = listen
    probe.places.add(put, take)


def compiler(probe: Probe) -> None:
    """Knows that something is compiled: what may be traced goes the long way from then on, where that is asked."""
    original = getattr(probe.torch, "compile", None)
    if original is None:
        return

    @functools.wraps(original)
    def compile(*args: Any, **kwargs: Any) -> Any:
        probe.compiles = True
        probe.short.close()
        return original(*args, **kwargs)

    probe.places.attribute(probe.torch, "compile", compile)


def _wrap_step(kind: Any, probe: Probe) -> None:
    """Puts the hooks around an optimizer class's `step`, once."""
    original = kind.step
    if getattr(original, "labhand", False):
        return

    @functools.wraps(original)
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        probe.step_begins(self, (self, *args), kwargs)
        result = original(self, *args, **kwargs)
        probe.step_ends(self, (self, *args), kwargs)
        return result

    step.labhand = True  # type: ignore[attr-defined]
    kind.step = step


def loader(probe: Probe) -> None:
    """Times the wait for each batch of a DataLoader."""
    iterator = sys.modules["torch.utils.data.dataloader"]._BaseDataLoaderIter
    original = iterator.__next__
    clock, guard, looks = probe.clock, probe.guard, probe.looks

    @functools.wraps(original)
    def __next__(self: Any) -> Any:
        if not probe.attend:
            return original(self)
        if looks.wants_loading:
            looks.loading = self
        guard("loader", clock.loader_begins, perf_counter())
        batch = original(self)
        guard("loader", clock.loader_ends, perf_counter())
        return batch

    probe.places.attribute(iterator, "__next__", __next__)


def scaler(probe: Probe) -> None:
    """Knows a scaled loss from the true one, and steps that a GradScaler skips from others."""
    torch = probe.torch
    kind = getattr(getattr(torch, "amp", None), "GradScaler", None) or torch.cuda.amp.GradScaler
    scale, step = kind.scale, kind.step

    @functools.wraps(scale)
    def scaled(self: Any, outputs: Any) -> Any:
        result = scale(self, outputs)
        if result is not outputs and isinstance(result, torch.Tensor):
            probe.scaled = (result, outputs)
            probe.short.close()
        return result

    @functools.wraps(step)
    def stepped(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        probe.stepped = False
        result = step(self, optimizer, *args, **kwargs)
        if self.is_enabled():
            probe.guard("scaler", probe.scaler_stepped)
        return result

    probe.places.attribute(kind, "scale", scaled)
    probe.places.attribute(kind, "step", stepped)


def seeds(probe: Probe) -> None:
    """Counts how often the random generators are seeded."""
    torch, looks = probe.torch, probe.looks
    original = torch.random.manual_seed

    @functools.wraps(original)
    def manual_seed(seed: Any) -> Any:
        looks.seeded += 1
        return original(seed)

    # both names: a function is pickled by the one that it says it has
    probe.places.attribute(torch.random, "manual_seed", manual_seed)
    probe.places.attribute(torch, "manual_seed", manual_seed)
