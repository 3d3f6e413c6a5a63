"""Remembers how the script called its models in this step, so that one batch can be run again.

The models are found from the optimizers' parameters at the first call of any module after an
optimizer was made, and their calls are seen by a wrap of their class's `__call__`: no hook is put on
a module, so saving, copying, scripting or compiling a model finds nothing of ours in it.
"""

from __future__ import annotations

import functools
import gc
import sys
import weakref
from collections import deque
from time import perf_counter, thread_time

from .torch_dropping import Dropping
from .torch_replay import inner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

    from .torch_patches import Places
    from .torch_short import Short

CALLS_MAX = 8
INPUT_BYTES_MAX = 1 << 28
HELD_VALUES_MAX = 1 << 20
"""The gradient at an output is held only up to this many values (4 MB in float32)."""
OUTPUTS_MAX = 4
DESCENTS_MAX = 8
FRAMES_MAX = 30
"""Frames of the running code in which the script's names of its models are looked for."""
PATIENCE = 3
"""Steps that a module may stay uncalled before its children are watched instead."""
LEAN_BYTES_MAX = 1 << 22
"""Inputs up to this size are kept by a bare reference while steps are short."""


class Call:
    """One call of a model in training. Holds the inputs cut from the graph, never the graph."""

    __slots__ = (
        "args",
        "autocast",
        "epoch",
        "grads",
        "kwargs",
        "module",
        "rng",
        "versions",
    )  # fmt: skip

    def __init__(self, module: Any, args: Any, kwargs: Any, epoch: int) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.versions: List[Tuple[Any, int]] = []
        self.rng: List[Tuple[str, Any]] = []
        self.autocast: Optional[Tuple[str, Any]] = None
        self.grads: Dict[int, Any] = {}
        self.epoch = epoch

    def changed(self) -> bool:
        """Whether an input was changed in place since the call."""
        return any(tensor._version != version for tensor, version in self.versions)


class Calls:
    """The calls of the current step, oldest first. `began` is told when a model's call begins."""

    def __init__(
        self, torch: Any, began: Callable[[Any, float], bool], places: Places, short: Short
    ) -> None:
        self.torch = torch
        self.dropping = Dropping(torch, self)
        self.places = places
        self.short = short
        self.began = began
        self.calls: List[Call] = []
        self.roots: Dict[int, weakref.ref[Any]] = {}
        self.paths: Dict[int, str] = {}
        self.names: Dict[int, str] = {}
        self.called: Dict[int, bool] = {}
        self.parted: Optional[bool] = None
        self.wrapped: Dict[type, Any] = {}
        self.unwaited: Any = None
        self.found: Callable[[], None] = lambda: None
        self.looks: Any = None
        self.depth = 0
        self.own = 0.0
        self.attend = True
        self.rich = True
        self.simple = True
        self.first, self.aim = (0, 0), 0
        self.leans: Deque[Tuple[int, Any, Any, Any]] = deque(maxlen=CALLS_MAX)
        self.descents = self.waited = 0
        self.compiling: Callable[[], bool] = getattr(
            getattr(torch, "compiler", None), "is_compiling", lambda: False
        )

    # -- which modules are called

    def wait(self, look: Callable[[], None]) -> None:
        """Has `look` called right before the next call of a module in training, or by `stop_waiting`."""
        self.stop_waiting()
        base, compiling = self.torch.nn.Module, self.compiling
        self.unwaited = original = base.__call__
        self.found = look

        @functools.wraps(original)
        def __call__(self_: Any, *args: Any, **kwargs: Any) -> Any:
            if compiling() or not self_.training or not self.stop_waiting():
                return original(self_, *args, **kwargs)
            look()
            return self_(*args, **kwargs)

        base.__call__ = __call__

    def stop_waiting(self) -> bool:
        """Whether a call was still waited for; it no longer is."""
        if self.unwaited is None:
            return False
        self.torch.nn.Module.__call__, self.unwaited = self.unwaited, None
        return True

    def joins(self, module: Any) -> bool:
        """Whether this is a model of a class that is wrapped already, and was waited for: it now was looked for."""
        if self.unwaited is None or not module.training or not self.stop_waiting():
            return False
        self.found()
        return True

    def look(self, optimizers: List[Any]) -> None:
        """Finds the outermost modules that own the optimizers' parameters, and wraps their classes.

        Walks all objects of the process once: about 0.1 s for a large one.
        """
        base = self.torch.nn.Module
        wanted = {id(p) for o in optimizers for g in o.param_groups for p in g["params"]}
        modules = [m for m in gc.get_objects() if issubclass(type(m), base)]
        whole = [m for m in modules if "_modules" in m.__dict__]
        children = {id(c) for m in whole for c in m._modules.values() if c is not None}
        found = [
            m
            for m in whole
            if id(m) not in children and any(id(p) in wanted for p in m.parameters())
        ]
        for module in found:
            self.add(module)
        names = variables(found) if len(self.roots) > 1 else {}
        self.names = {key: names.get(key) or self.names.get(key, "") for key in self.roots}
        self.descents = 0
        del self.calls[:]
        self.leans.clear()

    def path_of(self, module: Any) -> str:
        """What stands before the names of its layers: its path in a model that is not called itself.

        Where several models are watched, the script's own name for it, or its class.
        """
        key = id(module)
        path = self.paths.get(key)
        if path is None and len(self.roots) > 1:
            path = self.names.get(key) or type(inner(module)).__name__
        return path or ""

    def add(self, module: Any) -> None:
        """Watches the calls of this module."""
        if id(module) in self.roots or not self.may_wrap(module):
            return
        key = id(module)
        self.roots[key] = weakref.ref(module, lambda _: self.forget(key))
        self.parted = None
        self.called[key] = False
        kind = type(module)
        if not any(issubclass(kind, known) for known in self.wrapped):
            self.wrapped[kind] = wrapped = self.wrap(kind.__call__)
            self.places.attribute(kind, "__call__", wrapped)

    def forget(self, key: int) -> None:
        """Stops watching a module, which may be gone already."""
        self.roots.pop(key, None)
        self.called.pop(key, None)
        self.paths.pop(key, None)
        self.names.pop(key, None)

    def modules(self) -> List[Any]:
        """The modules that are watched and still there."""
        return [m for m in (r() for r in list(self.roots.values())) if m is not None]

    def alone(self) -> bool:
        """Whether no part of a watched module is of a watched class, and no new module is waited for."""
        if self.parted is None:
            kinds = tuple(self.wrapped)
            parts = (part for module in self.modules() for part in module.modules())
            self.parted = any(isinstance(p, kinds) and id(p) not in self.roots for p in parts)
        return not self.parted and self.unwaited is None

    def may_wrap(self, module: Any) -> bool:
        """Whether the calls are ordinary Python: code that was compiled must not see a change."""
        if isinstance(module, self.torch.jit.ScriptModule):
            return False
        if type(module).__name__ == "OptimizedModule":
            return True
        if getattr(module, "_compiled_call_impl", None) is not None:
            return False
        dynamo = sys.modules.get("torch._dynamo.utils")
        counters = getattr(dynamo, "counters", None)
        return not (counters and counters["frames"]["total"])

    def settle(self) -> None:
        """After a step: a module that is never called itself gives its place to its children."""
        if self.descents >= DESCENTS_MAX or all(self.called.values()):
            return
        self.waited += 1
        if self.waited % PATIENCE:
            return
        self.descents += 1
        for module in self.modules():
            if self.called.get(id(module), True):
                continue
            before = self.paths.get(id(module), "")
            children = [
                (".".join(filter(None, (before, name))), c)
                for name, c in module.named_children()
                if any(True for _ in c.parameters())
            ]
            if children:
                self.forget(id(module))
            for path, child in children:
                self.add(child)
                self.paths[id(child)] = path

    def wrap(self, original: Any) -> Any:
        """The class's `__call__` with our eyes on it."""
        calls, compiling, roots = self, self.compiling, self.roots

        @functools.wraps(original)
        def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
            if short.calls and self.training and graphs() and (short.alone or id(self) in roots):
                if short.cut:
                    leans.append((short.left, self, *cut(args, kwargs)))
                else:
                    leans.append((short.left, self, args, kwargs))
                if plain:  # what torch's own `__call__` does, with one function less to enter
                    return self._call_impl(*args, **kwargs)
                return original(self, *args, **kwargs)
            if tracing() or compiling():
                return original(self, *args, **kwargs)
            if id(self) not in roots and not calls.joins(self):
                return original(self, *args, **kwargs)
            call = before(self, args, kwargs)
            if call is None:
                if dropping.wanted:
                    return dropping.listen(original, self, args, kwargs)
                return original(self, *args, **kwargs)
            try:
                output = original(self, *args, **kwargs)
            except BaseException:
                after(call, args, None)
                raise
            after(call, args, output)
            return output

        before, after, leans, short = self.before, self.after, self.leans, self.short
        dropping = self.dropping
        tracing = getattr(getattr(self.torch, "compiler", None), "is_dynamo_compiling", compiling)
        cut, graphs = self.cut, self.torch.is_grad_enabled
        plain = original is getattr(self.torch.nn.Module, "_wrapped_call_impl", None)
        return __call__

    def held(self) -> List[Call]:
        """The calls that are remembered of the steps that were not looked at."""
        found: List[Call] = []
        for left, module, args, kwargs in self.leans:
            if id(module) in self.roots:
                found.append(Call(module, *self.cut(args, kwargs), self.aim - left))
        return found

    def cut(self, args: Any, kwargs: Any) -> Tuple[Any, Any]:
        """A call's arguments, the tensors among them cut from the graph."""
        detach = self.torch.Tensor.detach
        return over_tensors(self.torch, args, detach), over_tensors(self.torch, kwargs, detach)

    def began_at(self, step: int) -> None:
        """From `step` on steps are not looked at."""
        self.first = (step, self.short.moment + 1)
        self.aim = self.short.epoch + self.short.goal + 1
        self.leans.clear()

    def step_of(self, call: Call, now: int) -> int:
        """The step of a held call, at step `now`: backward is called equally often in each."""
        step, epoch = self.first
        passed = self.short.moment - epoch
        if not passed or call.epoch < epoch:
            return step - (call.epoch < epoch)
        return step + (call.epoch - epoch) * (now - step) // passed

    def of_step(self) -> List[Call]:
        """The calls of the step under way, oldest first, of each model those since its last backward."""
        found = [c for c in self.calls if c.args is not None] + self.held()
        found.sort(key=lambda call: call.epoch)
        newest = {id(call.module): call.epoch for call in found}
        return [call for call in found if call.epoch == newest[id(call.module)]]

    # -- one call

    def before(self, module: Any, args: Any, kwargs: Any) -> Optional[Call]:
        """Notes a call that begins; None where it is none of a training step."""
        if self.depth or id(module) not in self.roots:
            return None
        now = perf_counter() if self.attend else 0.0
        began = thread_time() if self.attend else 0.0
        self.called[id(module)] = True
        if not self.began(module, now):
            self.looks.model_elsewhere(module, args, kwargs)
            self.dropping.asked(module)
            return None
        try:
            call = self.note(module, args, kwargs)
        except Exception:
            call = Call(
                module, None, None, self.short.moment
            )  # inputs of a kind we cannot hold: timing goes on
        self.depth = 1
        if self.attend:
            self.own += thread_time() - began
            self.looks.model_called(module, args, kwargs)
        return call

    def note(self, module: Any, args: Any, kwargs: Any) -> Call:
        """The call with its inputs, cut from the graph."""
        torch = self.torch
        epoch = self.short.moment
        if self.calls:
            self.calls = [c for c in self.calls if c.epoch == epoch or c.module is not module]
            if len(self.calls) >= CALLS_MAX:
                del self.calls[0]
        call = Call(module, None, None, epoch)
        size = 0

        def keep(tensor: Any) -> Any:
            nonlocal size
            size += tensor.numel() * tensor.element_size()
            kept = tensor
            if tensor.requires_grad:
                kept, self.short.cut = tensor.detach(), True
            call.versions.append((kept, kept._version))
            return kept

        call.args = over_tensors(torch, args, keep)
        call.kwargs = over_tensors(torch, kwargs, keep) if kwargs else {}
        if size > INPUT_BYTES_MAX:
            call.args, call.kwargs, call.versions = None, None, []
            self.simple = False
            return call
        device = call.versions[0][0].device.type if call.versions else "cpu"
        if self.rich:
            call.rng.append(("cpu", torch.get_rng_state()))
            if device == "cuda":
                call.rng.append(("cuda", torch.cuda.get_rng_state()))
        call.autocast = autocast_of(torch, device)
        self.simple = self.simple and call.autocast is None and size <= LEAN_BYTES_MAX
        self.calls.append(call)
        return call

    def after(self, call: Call, args: Any, output: Any) -> None:
        """Has the gradients told that will reach the call's outputs: about 20 µs, so not in short steps."""
        self.depth = 0
        if self.attend:
            self.looks.model_returned(call.module, args, output)
        if output is None or call.args is None or not self.rich:
            return
        began = thread_time() if self.attend else 0.0
        number = 0
        for tensor in tensors_of(self.torch, output, OUTPUTS_MAX):
            node = tensor.grad_fn
            if node is None:
                continue
            if tensor.numel() <= HELD_VALUES_MAX:
                catch(node, call, number, tensor.output_nr)
            number += 1
        if self.attend:
            self.own += thread_time() - began


def catch(node: Any, call: Call, number: int, output_nr: int) -> None:
    """Keeps the gradient that reaches an output, when backward comes by (torch ≥ 2.0)."""
    register = getattr(node, "register_prehook", None)
    if register is None:
        return
    grads = call.grads

    def kept(gradients: Any) -> None:
        gradient = gradients[output_nr]
        if gradient is not None:
            grads[number] = gradient.detach() if gradient.requires_grad else gradient

    register(kept)


def autocast_of(torch: Any, device: str) -> Optional[Tuple[str, Any]]:
    """The device type and dtype of the autocast that is on for `device`; None where none is."""
    if device == "cuda":
        return (device, torch.get_autocast_gpu_dtype()) if torch.is_autocast_enabled() else None
    if device == "cpu" and autocast_query(torch)():
        newer = getattr(torch, "get_autocast_dtype", None)
        return device, newer("cpu") if newer else torch.get_autocast_cpu_dtype()
    return None


def autocast_query(torch: Any) -> Callable[[], bool]:
    """The function that says whether autocast is on for the CPU."""
    if hasattr(torch, "get_autocast_dtype"):  # torch ≥ 2.4, where the older name is deprecated
        return functools.partial(torch.is_autocast_enabled, "cpu")
    return getattr(torch, "is_autocast_cpu_enabled", lambda: False)


def over_tensors(torch: Any, value: Any, change: Callable[[Any], Any], depth: int = 3) -> Any:
    """The same nest of tuples, lists and dicts with `change` applied to every tensor in it."""
    kind = type(value)
    if kind is torch.Tensor or isinstance(value, torch.Tensor):
        return change(value)
    if depth and kind in (tuple, list):
        return kind(over_tensors(torch, v, change, depth - 1) for v in value)
    if depth and kind is dict:
        return {k: over_tensors(torch, v, change, depth - 1) for k, v in value.items()}
    return value


def tensors_of(torch: Any, value: Any, most: int = 64, depth: int = 3) -> List[Any]:
    """The tensors in an output: a tensor, a nest of tuples, lists and mappings, or a dataclass."""
    if isinstance(value, torch.Tensor):
        return [value]
    if not depth:
        return []
    if isinstance(value, (tuple, list)):
        parts = list(value)
    elif hasattr(value, "values") and hasattr(value, "keys"):
        parts = list(value.values())
    elif hasattr(value, "__dataclass_fields__"):
        parts = [getattr(value, name) for name in value.__dataclass_fields__]
    else:
        return []
    found: List[Any] = []
    for part in parts:
        found += tensors_of(torch, part, most - len(found), depth - 1)
        if len(found) >= most:
            break
    return found[:most]


def variables(modules: List[Any]) -> Dict[int, str]:
    """By their ids, the names by which the code that is running, innermost first, knows these modules."""
    wanted = {id(m) for m in modules}
    found: Dict[int, str] = {}
    frame: Any = sys._getframe()
    for _ in range(FRAMES_MAX):
        package = str(frame.f_globals.get("__package__"))
        if package != __package__ and package.partition(".")[0] != "torch":
            here = dict(frame.f_locals)
            for place in (here, getattr(here.get("self"), "__dict__", {}), frame.f_globals):
                for name, value in list(place.items()):
                    if id(value) in wanted and name != "self":
                        found.setdefault(id(value), name)
        frame = frame.f_back
        if frame is None:
            break
    return found
