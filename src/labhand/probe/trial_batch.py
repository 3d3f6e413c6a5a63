"""What the model makes of one batch: whether items leak into each other, and whether it can be learned."""

from __future__ import annotations

import contextlib
import inspect
import sys
from time import process_time

from .torch_calls import over_tensors, tensors_of
from .torch_replay import inner, sharded, untouched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple

    from .trial import Trial
    from .trial_losses import Call
    from .trial_passes import Pass

AT = 2
"""The step after which the batch is looked at: what is made lazily is there then."""
STEPS, SECONDS = 120, 5.0
"""Steps and seconds of work that the model gets for one batch, at each learning rate."""
RATES = (1e-3, 1e-2, 1e-1, 1e-4)
"""Learning rates after the script's own, which a warm-up may begin at next to nothing."""
APART = 3.0
"""A rate within this factor of one that was tried is not tried again."""
LEARNED = 0.1
"""The share of what the best constant answer costs, above the least there can be, that has to go."""
HALVED = 0.5
SOON = 0.4
"""A loss that has come down to this share of it is learned; no more steps are needed."""
NOTHING_LEFT = 0.01
SMALL = 1_000_000
"""Weights below which one thread is swift enough."""
FLOORED = ("cross_entropy", "nll_loss", "binary_cross_entropy_with_logits", "binary_cross_entropy",
           "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")  # fmt: skip
NEAR = 1e-4
LEAST_ROWS = 3
OPERATIONS_MAX = 20000


class Batch:
    """Events `measured` of `leak` and `one-batch`."""

    name = "batch"

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.torch = trial.torch
        self.done = False

    def step_ends(self, optimizer: Any, closure: bool) -> None:
        """After some steps: looks at the batch of this one."""
        call = self.trial.passes.train
        if self.done or self.trial.steps < AT or call is None or call.output is None:
            return
        self.done = True
        if sharded(call.module):
            for what in ("leak", "one-batch"):
                self.trial.unseen(what, "the model is spread over several processes")
            return
        try:
            why = self._leak(call)
        except Exception as error:
            why = "the model cannot be run again by itself: %s" % _short(error)
        if why:
            self.trial.unseen("leak", why)
        try:
            why = self._one_batch(call, optimizer)
        except Exception as error:
            why = "the model cannot be trained again by itself: %s" % _short(error)
        if why:
            self.trial.unseen("one-batch", why)

    # -- do items leak into each other

    def _leak(self, call: Pass) -> str:
        """Changes one item of the batch and looks which outputs change. Why it cannot, else ''."""
        torch, module = self.torch, inner(call.module)
        rows = self._rows(call)
        if not rows or rows < LEAST_ROWS:
            return "which dimension of the inputs counts the items of a batch is not known"
        tensors = tensors_of(torch, (call.args, call.kwargs), 16)
        related = any(tuple(t.shape[:2]) == (rows, rows) for t in tensors[1:])
        if related or any(t.layout is not torch.strided for t in tensors):
            return "the inputs relate the items to each other, as a graph does"
        outputs = [t for t in tensors_of(torch, call.output, 4) if comparable(t, rows)]
        if not outputs:
            return "no output of the model has a part for each item"
        if any(tuple(t.shape) == (rows, rows) for t in outputs):
            return "the model's output compares the items with each other"
        if any(_own_statistics(torch, m) for m in module.modules()):
            return "batch norm without running statistics mixes the items by design"
        with untouched(torch, module):
            modes(module, training=False)
            worst: Tuple[float, int] = (0.0, 0)
            for row in (0, rows // 2):
                base, other = self._twice(module, call, rows, row)
                if base is None:
                    return "two items of the batch cannot be exchanged"
                for a, b in zip(base, other):  # noqa: B905
                    if comparable(a, rows):
                        worst = max(worst, (changed(a, b), row))
            leaks = worst[0] > 1.5 / rows
            found = self._culprit(module, call, rows, worst[1]) if leaks else None
        at, operation = found or (call.at, "")
        norm = any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in module.modules())
        self.trial.measured(
            "leak", at or call.at, rows=rows, share=worst[0], leaks=leaks, operation=operation,
            called=call.at, norm=norm, model=type(module).__name__,
        )  # fmt: skip
        return ""

    def _rows(self, call: Pass) -> Optional[int]:
        """The number of items in the batch, where the first dimension surely counts them."""
        first = next(
            (t for t in tensors_of(self.torch, (call.args, call.kwargs), 16) if t.dim()), None
        )
        if first is None:
            return None
        rows = int(first.shape[0])
        sizes = {known.rows for known in self.trial.loading.known if known.trained}
        targets = {
            int(c.target.shape[0])
            for c in self.trial.losses.calls
            if c.stepped and c.target is not None and c.target.dim()
        }
        return rows if rows in sizes or rows in targets else None

    def _twice(self, module: Any, call: Pass, rows: int, row: int) -> Tuple[Any, Any]:
        """The outputs for the batch as it is, and with another item in the place of `row`."""
        torch = self.torch
        for other in range(1, rows):
            args, kwargs, differs = self._exchanged(call, rows, row, (row + other) % rows)
            if differs:
                break
        else:
            return None, None
        state = torch.get_rng_state()
        base = tensors_of(torch, module(*call.args, **call.kwargs), 4)
        torch.set_rng_state(state)
        return base, tensors_of(torch, module(*args, **kwargs), 4)

    def _exchanged(self, call: Pass, rows: int, row: int, other: int) -> Tuple[Any, Any, bool]:
        differs = False

        def change(tensor: Any) -> Any:
            nonlocal differs
            if not tensor.dim() or tensor.shape[0] != rows:
                return tensor
            differs = differs or not bool(self.torch.equal(tensor[row], tensor[other]))
            changed = tensor.detach().clone()
            changed[row] = tensor[other]
            return changed

        args = over_tensors(self.torch, call.args, change)
        return args, over_tensors(self.torch, call.kwargs, change), differs

    def _culprit(self, module: Any, call: Pass, rows: int, row: int) -> Optional[Tuple[Any, str]]:
        """The place and the name of the first operation whose result mixes the items."""
        runs: List[List[Tuple[str, Any, Any]]] = []
        args, kwargs, _ = self._exchanged(call, rows, row, (row + 1) % rows)
        state = self.torch.get_rng_state()
        for given, named in ((call.args, call.kwargs), (args, kwargs)):
            self.torch.set_rng_state(state)
            with _recorder(self.torch)(sys._getframe()) as recorder:
                module(*given, **named)
            runs.append(recorder.seen)
        for (name, at, one), (_, _, other) in zip(*runs):  # noqa: B905
            if (
                one.shape == other.shape
                and one.numel() >= rows
                and changed(one, other) > 1.5 / rows
            ):
                return at, name
        return None

    # -- can it learn one batch

    def _one_batch(self, call: Pass, optimizer: Any) -> str:
        """Trains copies of the weights on the batch. Why it cannot, else ''."""
        torch = self.torch
        loss = next((c for c in reversed(self.trial.losses.calls) if c.stepped), None)
        outputs = tensors_of(torch, call.output, 8)
        if loss is None or loss.name not in FLOORED:
            return "the loss is none of the loss functions of PyTorch that cannot fall below a known number"
        source = next((n for n, t in enumerate(outputs) if _views(loss.input, t)), None)
        if source is None:
            return "the loss is not taken of the model's output as it is"
        weights = sum(p.numel() for p in call.module.parameters() if p.requires_grad)
        if weights < loss.input.numel():
            return "the model has fewer weights (%d) than the batch has outputs (%d)" % (weights, loss.input.numel())  # fmt: skip
        tries: List[Dict[str, Any]] = []
        for rate in (None, *RATES):
            if rate and any(1 / APART < t["rate"] / rate < APART for t in tries):
                continue
            tries.append(self._learned(call, optimizer, loss, source, rate))
            if tries[-1]["learned"]:
                break
            if tries[-1]["cut"]:
                return "%d steps on it take more than %.0f s of work" % (STEPS, SECONDS)
        self.trial.measured(
            "one-batch", call.at, rows=int(loss.input.shape[0]) if loss.input.dim() else 1,
            tries=tries, learned=any(t["learned"] for t in tries), function=loss.name,
        )  # fmt: skip
        return ""

    def _learned(
        self, call: Pass, optimizer: Any, loss: Call, source: int, rate: Optional[float]
    ) -> Dict[str, Any]:  # fmt: skip
        torch, module = self.torch, inner(call.module)
        until = process_time() + SECONDS
        losses: List[float] = []
        floor = _floor(torch, loss)
        names = {id(p): name for name, p in module.named_parameters()}
        with untouched(torch, module), torch.enable_grad(), _swift(torch, module):
            _without_dropout(torch, module)
            copies = dict(module.named_parameters())
            own = _rebuilt(optimizer, names, copies, rate)
            while len(losses) < STEPS and process_time() < until:
                own.zero_grad()
                made = tensors_of(torch, module(*call.args, **call.kwargs), 8)[source]
                given = made.as_strided(loss.input.size(), loss.input.stride(), loss.input.storage_offset())  # fmt: skip
                value = loss.again(given)
                value = value if value.dim() == 0 else value.mean()
                losses.append(float(value.detach()))
                if not losses[-1] < float("inf"):
                    break
                if losses[-1] < floor + SOON * (losses[0] - floor):
                    break
                value.backward()
                own.step()
        least = min(losses[-20:]) if losses[-1] < float("inf") else losses[-1]
        base = min(losses[0], _constant(torch, loss))
        # weights thrown far off by the first steps may only have begun to come back
        halved = least - floor < HALVED * (losses[0] - floor)
        falls = losses[-1] < float("inf") and base - least > LEARNED * (base - floor)
        learned = falls or halved or base - floor < NOTHING_LEFT * (abs(floor) + 1)
        return {
            "rate": float(own.param_groups[0]["lr"]), "steps": len(losses), "first": losses[0],
            "least": least, "learned": bool(learned), "floor": floor, "constant": base,
            "cut": len(losses) < STEPS and losses[-1] < float("inf"),
        }  # fmt: skip


def comparable(tensor: Any, rows: int) -> bool:
    """Whether a tensor has an equal part for each item."""
    return bool(
        tensor.is_floating_point() and tensor.numel() >= rows and tensor.numel() % rows == 0
    )  # fmt: skip


def changed(one: Any, other: Any) -> float:
    """The share of the values that differ by more than rounding does."""
    one, other = one.detach().float(), other.detach().float()
    return float(((one - other).abs() > NEAR * one.abs().max().clamp_min(1e-12)).float().mean())


def modes(module: Any, training: bool) -> None:
    """Sets the mode of all modules without calling anybody's `train`."""
    for part in module.modules():
        part.__dict__["training"] = training


def _without_dropout(torch: Any, module: Any) -> None:
    for part in module.modules():
        if isinstance(part, torch.nn.modules.dropout._DropoutNd):
            part.__dict__["training"] = False


def _own_statistics(torch: Any, module: Any) -> bool:
    return isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.running_mean is None


def _views(given: Any, output: Any) -> bool:
    """Whether a tensor is an output, or a view of it."""
    if given is output:
        return True
    base = output._base if output._base is not None else output
    return bool(
        given._base is not None and (given._base is output or given._base is base)
        and output.is_contiguous() and output.storage_offset() == 0
    )  # fmt: skip


def _rebuilt(
    optimizer: Any, names: Dict[int, str], copies: Dict[str, Any], rate: Optional[float]
) -> Any:  # fmt: skip
    """The same kind of optimizer over the copies of the weights it holds, at its own learning rate or this one."""
    groups = []
    for group in optimizer.param_groups:
        own = [copies[names[id(p)]] for p in group["params"] if id(p) in names]
        if own:
            own_rate = float(group.get("initial_lr", group["lr"]))
            kept = {k: v for k, v in group.items() if k in optimizer.defaults and k != "lr"}
            groups.append(dict(kept, params=own, lr=own_rate if rate is None else rate))
    taken = inspect.signature(type(optimizer)).parameters
    return type(optimizer)(groups, **{k: v for k, v in optimizer.defaults.items() if k in taken})


def _floor(torch: Any, loss: Call) -> float:
    """The least that the loss can be: not 0 where the targets are probabilities or smoothed."""
    target = loss.target
    if loss.name == "cross_entropy" and target.is_floating_point() and target.dim() > 1:
        return float(-(target * target.clamp_min(1e-12).log()).sum(1).mean())
    if loss.name.startswith("binary"):
        inside = target.float().clamp(1e-6, 1 - 1e-6)
        return float(-(inside * inside.log() + (1 - inside) * (1 - inside).log()).mean())
    return 0.0


@contextlib.contextmanager
def _swift(torch: Any, module: Any) -> Iterator[None]:
    """Within it nothing is written down of operations, and a small model has one thread.

    Anomaly mode takes longer than the operation, and so does the waiting of threads for each other.
    """
    threads = torch.get_num_threads()
    if sum(p.numel() for p in module.parameters()) < SMALL:
        torch.set_num_threads(1)
    try:
        with torch.autograd.set_detect_anomaly(False):
            yield
    finally:
        torch.set_num_threads(threads)


def _constant(torch: Any, loss: Call) -> float:
    """What the best answer costs that is the same for all items; infinite where that is not known."""
    target = loss.target
    if loss.name in ("cross_entropy", "nll_loss") and not target.is_floating_point():
        labels = target.reshape(-1)[target.reshape(-1) >= 0]
        counts = torch.bincount(labels).float()
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * shares.log()).sum())
    if loss.name == "mse_loss" and target.dim():
        return float((target - target.mean(0)).pow(2).mean())
    return float("inf")


def _recorder(torch: Any) -> Any:
    """A mode that keeps the result of every operation with the place it was called from."""
    from .trial import here

    class Recorder(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __init__(self, stop: Any) -> None:
            super().__init__()
            self.stop = stop
            self.seen: List[Tuple[str, Any, Any]] = []

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            result = func(*args, **(kwargs or {}))
            name = getattr(func, "__name__", str(func))
            if not name.startswith("__") and len(self.seen) < OPERATIONS_MAX:
                for tensor in tensors_of(torch, result, 2):
                    if tensor.is_floating_point():
                        self.seen.append((name, here(self.stop), tensor.detach().clone()))
            return result

    return Recorder


def _short(error: BaseException) -> str:
    return ("%s: %s" % (type(error).__name__, error)).split("\n")[0][:200]
