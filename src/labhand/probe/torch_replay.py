"""Runs a remembered call of a model again and leaves no trace of it.

Parameters and buffers are replaced by copies while it runs, not written and put back: a tensor that
the pending backward still needs must not even have its version counter moved. Random generators,
plain Python attributes of the modules (counters, lists), modes and hooks are put back afterwards;
what the model prints goes nowhere. What a forward changes outside the model cannot be undone.
"""

from __future__ import annotations

import contextlib
import copy
import io
import sys
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple

    from .torch_calls import Call

COPIED_BYTES_MAX = 1 << 30
"""Larger models are run on their own parameters, which a forward does not write to."""
_HOOKS = ("_forward_hooks", "_backward_hooks", "_backward_pre_hooks")
_CHANGEABLE = ("list", "dict", "set", "deque", "defaultdict", "OrderedDict", "Counter", "ndarray")
_OWN = ("_parameters", "_buffers", "_modules", "_forward_pre_hooks", *_HOOKS)


class TooLong(Exception):
    """The time allowed for the diagnosis is over."""


def inner(module: Any) -> Any:
    """The module that does the work: what torch.compile or a data-parallel wrapper holds."""
    while True:
        name = type(module).__name__
        if name == "OptimizedModule":
            module = module._orig_mod
        elif name in ("DistributedDataParallel", "DataParallel"):
            module = module.module
        else:
            return module


def sharded(module: Any) -> bool:
    """Whether the parameters are spread over ranks, so that running it alone would hang."""
    return any(
        type(m).__name__ in ("FullyShardedDataParallel", "DeepSpeedEngine") or _fsdp(type(m))
        for m in module.modules()
    ) or any(getattr(p, "_local_tensor", None) is not None for p in module.parameters())


def _fsdp(kind: type) -> bool:
    return any(base.__name__ == "FSDPModule" for base in kind.__mro__)


@contextlib.contextmanager
def untouched(torch: Any, module: Any, weights: Optional[Dict[int, Any]] = None) -> Iterator[None]:
    """Within it the module may be run as one likes; after it everything is as it was.

    `weights`, by the id of the parameter, take the place of the parameters' values.
    """
    modules = list(module.modules())
    kept = [(m, _attributes(torch, m)) for m in modules]
    randoms = _random_states(torch)
    try:
        _swap_tensors(torch, modules, weights or {})
        for m in modules:
            for name in _HOOKS:
                if name in m.__dict__:
                    m.__dict__[name] = type(m.__dict__[name])()
        with warnings.catch_warnings(), _eager(torch), _quiet():
            warnings.simplefilter("ignore")
            yield
    finally:
        for m, attributes in kept:
            for name in set(m.__dict__) - set(attributes):
                del m.__dict__[name]
            m.__dict__.update(attributes)
        _restore_random(torch, randoms)


def _attributes(torch: Any, module: Any) -> Dict[str, Any]:
    """The module's attributes, with what a forward might change in place put aside as a copy.

    Objects keep their identity: the copy goes to the run, the original stays here.
    """
    whole = dict(module.__dict__)
    for name, value in whole.items():
        if name in _OWN or type(value).__name__ in _CHANGEABLE:
            module.__dict__[name] = copy.copy(value)
        elif isinstance(value, torch.Tensor) and value.grad_fn is None:
            module.__dict__[name] = value.detach().clone()
    return whole


def _swap_tensors(torch: Any, modules: List[Any], weights: Dict[int, Any]) -> None:
    """Puts copies in the place of parameters and buffers; what is shared stays shared."""
    places: List[Tuple[Dict[str, Any], str, Any]] = []
    for m in modules:
        places += [(m._buffers, name, t) for name, t in m._buffers.items() if t is not None]
    size = sum(
        p.numel() * p.element_size()
        for m in modules
        for p in m._parameters.values()
        if p is not None
    )
    if size <= COPIED_BYTES_MAX:
        for m in modules:
            places += [
                (m._parameters, name, p)
                for name, p in m._parameters.items()
                if type(p) is torch.nn.Parameter
            ]
    copies: Dict[int, Any] = {}
    with torch.no_grad():
        for place, name, tensor in places:
            if id(tensor) not in copies:
                made = weights.get(id(tensor), tensor).detach().clone()
                if isinstance(tensor, torch.nn.Parameter):
                    made = torch.nn.Parameter(made, requires_grad=tensor.requires_grad)
                copies[id(tensor)] = made
            place[name] = copies[id(tensor)]
    for m in modules:  # recurrent layers keep a second list of their parameters
        flat = m.__dict__.get("_flat_weights")
        if isinstance(flat, list):
            m.__dict__["_flat_weights"] = [copies.get(id(w), w) for w in flat]


def _random_states(torch: Any) -> List[Tuple[str, Any]]:
    import random

    states: List[Tuple[str, Any]] = [("cpu", torch.get_rng_state()), ("python", random.getstate())]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states.append(("cuda", torch.cuda.get_rng_state_all()))
    if "numpy.random" in sys.modules:
        states.append(("numpy", sys.modules["numpy"].random.get_state()))
    return states


def _restore_random(torch: Any, states: List[Tuple[str, Any]]) -> None:
    import random

    for kind, state in states:
        if kind == "cpu":
            torch.set_rng_state(state)
        elif kind == "python":
            random.setstate(state)
        elif kind == "cuda":
            torch.cuda.set_rng_state_all(state)
        else:
            sys.modules["numpy"].random.set_state(state)


@contextlib.contextmanager
def _eager(torch: Any) -> Iterator[None]:
    """Compiled parts run uncompiled: a new compilation would take longer than the diagnosis may."""
    stance = getattr(getattr(torch, "compiler", None), "set_stance", None)
    if stance is None or "torch._dynamo" not in sys.modules:
        yield
        return
    with stance("force_eager"):
        yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def run(torch: Any, module: Any, call: Call, args: Any, kwargs: Any) -> Any:
    """The module's output for these inputs, with the call's random state and autocast."""
    for kind, state in call.rng:
        if kind == "cpu":
            torch.set_rng_state(state)
        else:
            torch.cuda.set_rng_state(state)
    if call.autocast is None:
        return module(*args, **kwargs)
    device, dtype = call.autocast
    with torch.autocast(device, dtype=dtype, cache_enabled=False):
        return module(*args, **kwargs)
