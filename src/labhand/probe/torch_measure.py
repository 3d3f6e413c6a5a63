"""Numbers about an optimizer's parameters, cheap and without touching them."""

from __future__ import annotations

import sys
import weakref

from .torch_short import nothing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

SAMPLE_TENSORS = 8
SAMPLE_VALUES = 4096
SENTINEL_VALUES = 1 << 16
EARLIER_BYTES_MAX = 1 << 26


def local(tensor: Any) -> Any:
    """The dense part of a tensor that lies in this process; no collective, no copy where dense.

    A sharded tensor (DTensor) would make all ranks meet, and ranks do not measure at the same steps.
    """
    tensor = tensor.detach()
    shard = getattr(tensor, "_local_tensor", None)
    if shard is not None:
        tensor = shard
    return tensor.coalesce().values() if tensor.is_sparse else tensor


def gradients(optimizer: Any) -> List[Any]:
    """The gradients that the optimizer will use."""
    return [
        local(p.grad) for g in optimizer.param_groups for p in g["params"] if p.grad is not None
    ]


def norm(torch: Any, tensors: List[Any]) -> Any:
    """The 2-norm over all tensors as a scalar tensor on the device of the first; None without any."""
    if not tensors:
        return None
    if not all(t.dtype in (torch.float32, torch.float64) for t in tensors):
        tensors = [t.float() if not t.is_complex() else torch.view_as_real(t) for t in tensors]
    foreach = getattr(torch, "_foreach_norm", None)
    norms = foreach(tensors) if foreach else [torch.linalg.vector_norm(t) for t in tensors]
    device = norms[0].device
    if any(n.device != device or n.dtype != norms[0].dtype for n in norms):
        norms = [n.to(device, norms[0].dtype) for n in norms]
    return torch.linalg.vector_norm(torch.stack(norms))


def learning_rates(optimizer: Any) -> Dict[str, float]:
    """`probe/lr` of the first group, and `probe/lr.<i>` of each where they differ."""
    rates = [float(g["lr"]) for g in optimizer.param_groups if "lr" in g]
    if not rates:
        return {}
    found = {"probe/lr": rates[0]}
    if any(rate != rates[0] for rate in rates):
        found.update(("probe/lr.%d" % i, rate) for i, rate in enumerate(rates))
    return found


class Weights:
    """A fixed sample of an optimizer's weights, to see how far a step moves them.

    At most 8 tensors, spread evenly over the optimizer's matrices (over all its parameters where it
    has none), and of each at most 4,096 values, evenly spaced: the ratio ‖Δθ‖ / ‖θ‖ of a model of any size costs the same.
    """

    def __init__(self, optimizer: Any) -> None:
        trained = [p for g in optimizer.param_groups for p in g["params"] if p.requires_grad]
        plain = [p for p in trained if local(p).is_contiguous() and p.is_floating_point()]
        chosen = [p for p in plain if p.dim() > 1] or plain
        stride = max(1, len(chosen) // SAMPLE_TENSORS)
        self.parameters = [weakref.ref(p) for p in chosen[::stride][:SAMPLE_TENSORS]]
        self.before: Optional[List[Any]] = None

    def values(self) -> List[Any]:
        """Views of the sample."""
        flat = [local(p).view(-1) for p in (r() for r in self.parameters) if p is not None]
        return [f[:: max(1, f.numel() // SAMPLE_VALUES)][:SAMPLE_VALUES] for f in flat]

    def remember(self) -> None:
        """Copies the sample as it is before the step."""
        self.before = [v.clone() for v in self.values()]

    def ratio(self, torch: Any) -> Any:
        """Norm of the change since `remember` over the norm before, a scalar tensor; or None.

        Weights that were all zero have no ratio: 0 is told.
        """
        before, self.before = self.before, None
        if not before:
            return None
        moved = norm(torch, [a - b for a, b in zip(self.values(), before)])  # noqa: B905
        size = norm(torch, before)
        return torch.where(size > 0, moved / size, torch.zeros_like(size))


class Earlier:
    """The weights of the models as they were some steps ago; of small models only.

    Where steps are too short to look at a gradient in each, a bad one shows in the next loss, when the
    weights are spoiled already: with these the batch that did it can be run again.
    """

    def __init__(self, torch: Any, models: Callable[[], List[Any]]) -> None:
        self.torch = torch
        self.models = models
        self.step = 0
        self.parameters: List[Any] = []
        self.copies: List[Any] = []

    def take(self, step: int) -> None:
        """Copies the weights with which `step` begins."""
        found = [p for model in self.models() for p in model.parameters()]
        if sum(p.numel() * p.element_size() for p in found) > EARLIER_BYTES_MAX:
            found = []
        kept = [p for p in (r() for r in self.parameters) if p is not None]
        self.step = step
        with self.torch.no_grad():
            if len(kept) == len(found) and all(a is b for a, b in zip(kept, found)):  # noqa: B905
                for copy, p in zip(self.copies, found):  # noqa: B905
                    copy.copy_(p)
                return
            self.parameters = [weakref.ref(p) for p in found]
            self.copies = [local(p).clone() for p in found]

    def weights(self) -> Dict[int, Any]:
        """The copies by the id of their parameter."""
        pairs = zip([r() for r in self.parameters], self.copies)  # noqa: B905
        return {id(p): copy for p, copy in pairs if p is not None}


class Sentinel:
    """One small gradient that a non-finite value from later layers reaches on its way back.

    The first parameter, in the order of the optimizer, that is not large; of its layer the bias.
    """

    def __init__(self, torch: Any, optimizer: Any) -> None:
        self.torch = torch
        parameters = [p for g in optimizer.param_groups for p in g["params"]]
        trained = [p for p in parameters if p.grad is not None and not p.grad.is_sparse]
        plain = [p for p in trained if getattr(p, "_local_tensor", None) is None]
        small = [p for p in plain if p.numel() <= SENTINEL_VALUES]
        chosen = small[0] if small else None
        if len(small) > 1 and small[1].dim() == 1 and small[1].shape[0] == small[0].shape[0]:
            chosen = small[1]  # the bias of the same layer
        self.dot = torch.dot
        self.flat = chosen is not None and chosen.dim() == 1
        self.parameter = nothing if chosen is None else weakref.ref(chosen)

    def finite(self) -> bool:
        """Whether the gradient is finite now; True where there is none. Only for the CPU: it waits."""
        parameter = self.parameter()
        if parameter is None:
            return True
        gradient = parameter.grad
        if gradient is None:
            return True
        # A product with itself costs two thirds of a sum; where it overflows, the values are looked at.
        total = self.dot(gradient, gradient).item() if self.flat else gradient.sum().item()
        if total - total == 0:
            return True
        return bool(self.torch.isfinite(gradient).all())  # in half precision a sum overflows


def all_finite(torch: Any, tensors: List[Any]) -> bool:
    """Whether every value is finite; a sum or norm may overflow over values that are."""
    return all(bool(torch.isfinite(t).all()) for t in tensors)


def memory_bytes(torch: Any, device: str) -> Dict[str, float]:
    """`probe/memory_bytes`, peak memory so far: of the GPU where the model is on one, else of the process."""
    if device == "cuda":
        return {"probe/memory_bytes": float(torch.cuda.max_memory_allocated())}
    try:
        import resource
    except ImportError:
        return {}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"probe/memory_bytes": float(peak if sys.platform == "darwin" else peak * 1024)}


class Arriving:
    """A scalar on its way from a device, read without waiting for the device."""

    def __init__(self, torch: Any, value: Any, about: Tuple[Any, ...]) -> None:
        self.about = about
        self.value = (
            value.detach().to("cpu", non_blocking=True) if value.is_cuda else value.detach()
        )
        self.event = None
        if value.is_cuda:
            self.event = torch.cuda.Event()
            self.event.record()

    def ready(self) -> bool:
        """Whether it can be read now. Only CUDA can tell; other devices are read a step later."""
        return self.event is None or bool(self.event.query())

    def read(self) -> float:
        """The number."""
        return float(self.value.item())


def has_closure(args: Any, kwargs: Any) -> bool:
    """Whether `step` was called with a closure, so that the gradients are made inside it."""
    return (len(args) > 1 and args[1] is not None) or kwargs.get("closure") is not None
