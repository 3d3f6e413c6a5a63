"""Finds where a non-finite value was born, by running the remembered calls again under hooks.

Forward: the first module, in the order in which they finish, that gives a non-finite output for finite
inputs. Where the children of a module are all fine and the next one gets a bad input, the code of the
module itself is at fault. Backward: the innermost module that gets finite gradients from above and
passes on, or gives to its parameters, non-finite ones; the gradient at the model's output is the one
that the script's own backward brought. The memory is that of a normal step at most: when gradients
turn out bad, the activations of the step are gone already, and the forward search keeps none.
"""

from __future__ import annotations

import re
from time import perf_counter

from .torch_calls import OUTPUTS_MAX, over_tensors, tensors_of
from .torch_replay import TooLong, inner, run, untouched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from .torch_calls import Call

ROWS_MAX = 1000
WEIGHT_TOO_LARGE = 1e6
_MASKED = re.compile(r"softmax|attention|attn|mask", re.I)


class Culprit:
    """What was found: `kind` as in the event; `rows` of the batch, None where they cannot be told."""

    def __init__(
        self,
        kind: str,
        layer: Optional[str],
        cls: Optional[str],
        rows: Optional[List[int]],
        note: str = "",
    ) -> None:
        self.kind = kind
        self.layer = layer
        self.cls = cls
        self.rows = rows
        self.note = note
        self.parameter: Optional[str] = None
        self.total: Optional[int] = None
        self.step: Optional[int] = None


class _Found(Exception):
    """Ends a run early: what was looked for has been seen."""


def batch_size(torch: Any, call: Call) -> Optional[int]:
    """The first dimension of the first input with one: the number of rows of the batch."""
    for tensor in tensors_of(torch, [call.args, call.kwargs], 8):
        if tensor.dim():
            return int(tensor.shape[0])
    return None


def bad_values(torch: Any, tensor: Any, lenient: bool) -> Any:
    """A mask of the bad values; None where there are none. Lenient: -inf, as in a mask, is fine."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return None
    total = tensor.detach().sum()
    if bool(total - total == 0):
        return None
    bad = ~torch.isfinite(tensor.detach())
    if lenient and not tensor.is_complex():
        bad &= tensor.detach() != -float("inf")
    return bad if bool(bad.any()) else None


def like_a_mask(torch: Any, tensor: Any) -> bool:
    """Whether the tensor holds nothing but 0 and -inf, which is how attention is told to look away."""
    return bool(((tensor == 0) | (tensor == -float("inf"))).all())


def rows_of(mask: Any, total: Optional[int]) -> Optional[List[int]]:
    """The rows of the batch that a mask of values touches; None where the shape does not tell.

    Besides the first dimension, understands rows folded into it (heads, tokens) and batch second.
    """
    if total is None or mask is None or not mask.dim():
        return None
    if mask.shape[0] % total == 0 and mask.shape[0]:
        folded = mask.reshape(total, -1)
    elif mask.dim() > 1 and mask.shape[1] == total:
        folded = mask.transpose(0, 1).reshape(total, -1)
    else:
        return None
    rows: List[int] = folded.any(1).nonzero().flatten().tolist()
    return rows


class Forward:
    """Watches one run of a model for the first bad output."""

    def __init__(
        self, torch: Any, module: Any, total: Optional[int], strict: bool, until: float
    ) -> None:
        self.torch = torch
        self.total = total
        self.strict = strict
        self.until = until
        self.names = {id(m): name for name, m in module.named_modules()}
        self.stack: List[Tuple[Any, bool]] = []
        self.culprit: Optional[Culprit] = None
        self.input_rows: Optional[List[int]] = None
        self.input_bad = False
        for m in module.modules():
            m.register_forward_pre_hook(self.begins, **_with_kwargs(torch))
            m.register_forward_hook(self.ends)

    def bad(self, tensor: Any, module: Any, given: bool) -> Any:
        """The bad values of an input or output of this module."""
        lenient = not self.strict and bool(_MASKED.search(type(module).__name__))
        bad = bad_values(self.torch, tensor, lenient)
        if bad is not None and given and like_a_mask(self.torch, tensor):
            return None
        return bad

    def begins(self, module: Any, args: Any, kwargs: Any = None) -> None:
        """The hook before each module."""
        if perf_counter() > self.until:
            raise TooLong
        bad = None
        for tensor in tensors_of(self.torch, [args, kwargs or {}]):
            bad = self.bad(tensor, module, True)
            if bad is not None:
                break
        if bad is not None and not self.stack:
            self.input_bad, self.input_rows = True, rows_of(bad, self.total)
        elif bad is not None and not self.stack[-1][1]:
            self.blame(self.stack[-1][0], bad)
        self.stack.append((module, bad is not None))

    def ends(self, module: Any, args: Any, output: Any) -> None:
        """The hook after each module."""
        given = self.stack.pop()[1] if self.stack else False
        if given:
            return
        for tensor in tensors_of(self.torch, output):
            bad = self.bad(tensor, module, False)
            if bad is not None:
                self.blame(module, bad)

    def blame(self, module: Any, bad: Any) -> None:
        """Settles on this module."""
        name = self.names.get(id(module), "")
        self.culprit = Culprit("forward", name, type(module).__name__, rows_of(bad, self.total))
        raise _Found


def _with_kwargs(torch: Any) -> Dict[str, bool]:
    return {} if torch.__version__.startswith("1.") else {"with_kwargs": True}


def in_forward(torch: Any, call: Call, until: float) -> Optional[Culprit]:
    """Who made a bad value in this call's forward; None where its outputs are finite."""
    module = inner(call.module)
    total = batch_size(torch, call)
    for strict in (False, True):
        with untouched(torch, module), torch.no_grad():
            watch = Forward(torch, module, total, strict, until)
            try:
                output = run(torch, module, call, call.args, call.kwargs)
            except _Found:
                output = None
        if watch.culprit is not None:
            break
        bad = first_bad(torch, output)
        if bad is not None and watch.input_bad:
            watch.culprit = Culprit("input", None, None, watch.input_rows)
            break
        if bad is None:
            return None
    culprit = watch.culprit
    if culprit is not None:
        culprit.total = total
        if culprit.rows is not None and total and total > 1 and len(culprit.rows) == total:
            narrow(torch, call, culprit, total, until)
    return culprit


def first_bad(torch: Any, output: Any) -> Any:
    """The mask of bad values of the first output that has any; None where none has."""
    for tensor in tensors_of(torch, output):
        bad = bad_values(torch, tensor, lenient=False)
        if bad is not None:
            return bad
    return None


def narrow(torch: Any, call: Call, culprit: Culprit, total: int, until: float) -> None:
    """Where all rows are bad at once (a layer mixes them), finds by halves the row that spoils them."""

    def spoiled(rows: List[int]) -> bool:
        if perf_counter() > until:
            raise TooLong
        index = torch.tensor(rows)

        def part(t: Any) -> Any:
            return t[index.to(t.device)] if t.dim() and t.shape[0] == total else t

        args, kwargs = over_tensors(torch, call.args, part), over_tensors(torch, call.kwargs, part)
        module = inner(call.module)
        with untouched(torch, module), torch.no_grad():
            return first_bad(torch, run(torch, module, call, args, kwargs)) is not None

    rows = list(range(total))
    try:
        while len(rows) > 1:
            half = len(rows) // 2
            left, right = spoiled(rows[:half]), spoiled(rows[half:])
            if left == right:
                break
            rows = rows[:half] if left else rows[half:]
    except Exception:  # too long, or a layer that needs more rows: what is known so far stands
        pass
    if len(rows) < total:
        culprit.rows = rows
        culprit.note = "all rows came out bad; run by halves, these rows spoil them"


def bad_parameter(torch: Any, modules: List[Any]) -> Optional[Culprit]:
    """The first parameter that is itself not finite, in the order of the forward definition."""
    for module in modules:
        module = inner(module)
        for name, parameter in module.named_parameters():
            if bad_values(torch, parameter, lenient=False) is not None:
                return _of_parameter(module, name, "was not finite before this batch came")
    return None


def huge_parameter(torch: Any, module: Any) -> Optional[Culprit]:
    """The first parameter with a value beyond a million: the update before has blown it up."""
    module = inner(module)
    for name, parameter in module.named_parameters():
        if parameter.is_floating_point() and parameter.numel():
            largest = float(parameter.detach().abs().max())
            if largest > WEIGHT_TOO_LARGE:
                return _of_parameter(
                    module, name, "has grown to %.2g before this batch came" % largest
                )
    return None


def _of_parameter(module: Any, name: str, what: str) -> Culprit:
    layer = name.rpartition(".")[0]
    owner = dict(module.named_modules()).get(layer)
    found = Culprit(
        "parameter", layer, type(owner).__name__, None,
        "the parameter %s %s: the update before (or what was loaded) did it" % (name, what),
    )  # fmt: skip
    found.parameter = name
    return found


class Passage:
    """One call of a submodule in a run under gradient hooks."""

    def __init__(self, name: str, module: Any, parents: List[Passage]) -> None:
        self.name = name
        self.module = module
        self.parents = parents
        self.above: Any = None
        self.below: Any = None
        self.own: Any = None


class Backward:
    """Watches the gradients of one run of a model at the borders of its modules."""

    def __init__(self, torch: Any, module: Any, until: float) -> None:
        self.torch = torch
        self.until = until
        self.names = {id(m): name for name, m in module.named_modules()}
        self.stack: List[Passage] = []
        self.passages: List[Passage] = []
        self.on = True
        for m in module.modules():
            m.register_forward_pre_hook(self.begins)
            m.register_forward_hook(self.ends)

    def begins(self, module: Any, args: Any) -> Any:
        """Gives the module aliases of its inputs, so that the gradient of each use can be told."""
        if not self.on:
            return None
        if perf_counter() > self.until:
            raise TooLong
        passage = Passage(self.names.get(id(module), ""), module, list(self.stack))
        self.stack.append(passage)

        def alias(tensor: Any) -> Any:
            if not tensor.requires_grad:
                return tensor
            tensor = tensor.view_as(tensor)
            tensor.register_hook(lambda g: self.note(passage, "below", g))
            return tensor

        return over_tensors(self.torch, args, alias)

    def ends(self, module: Any, args: Any, output: Any) -> None:
        """Listens to the gradients that will come from above."""
        if not self.on:
            return
        passage = self.stack.pop()
        self.passages.append(passage)
        for tensor in tensors_of(self.torch, output):
            if tensor.requires_grad:
                tensor.register_hook(lambda g: self.note(passage, "above", g))

    def note(self, passage: Passage, side: str, gradient: Any) -> None:
        """Keeps where a gradient is bad."""
        if perf_counter() > self.until:
            raise TooLong
        bad = bad_values(self.torch, gradient, lenient=False)
        if bad is not None and getattr(passage, side) is None:
            setattr(passage, side, bad)

    def culprit(self) -> Optional[Passage]:
        """The innermost passage, latest in forward order, that turned good gradients bad."""
        guilty = [p for p in self.passages if p.above is None and (p.below, p.own) != (None, None)]
        outer = {id(parent) for p in guilty for parent in p.parents}
        innermost = [p for p in guilty if id(p) not in outer]
        return innermost[-1] if innermost else None


def in_backward(
    torch: Any, call: Call, until: float, weights: Optional[Dict[int, Any]] = None
) -> Optional[Culprit]:
    """Who made a bad gradient in this call's backward; None where they are all finite."""
    module = inner(call.module)
    total = batch_size(torch, call)
    for gradient in call.grads.values():
        bad = bad_values(torch, gradient, lenient=False)
        if bad is not None:
            found = Culprit("loss", None, None, rows_of(bad, total))
            found.note = (
                "the gradient is bad already where it enters the model: the loss function made it"
            )
            found.total = total
            return found
    with untouched(torch, module, weights), torch.enable_grad():
        watch = Backward(torch, module, until)
        leaves: List[Any] = []

        def leaf(tensor: Any) -> Any:
            if not tensor.is_floating_point():
                return tensor
            leaves.append(tensor.detach().clone().requires_grad_())
            return leaves[-1].clone()

        args = over_tensors(torch, call.args, leaf)
        kwargs = over_tensors(torch, call.kwargs, leaf)
        outputs = tensors_of(torch, run(torch, module, call, args, kwargs), OUTPUTS_MAX)
        watch.on = False
        backward(torch, call, watch, module, leaves, outputs)
    passage = watch.culprit()
    if passage is None:
        return None
    bad = passage.below
    found = Culprit("backward", passage.name, type(passage.module).__name__, rows_of(bad, total))
    if not call.grads:
        found.note = "found with a gradient of ones at the model's output"
    found.total = total
    return found


def backward(
    torch: Any, call: Call, watch: Backward, module: Any, leaves: List[Any], outputs: List[Any]
) -> None:
    """Sends the gradients that the script's backward brought through the new run."""
    sent: List[Tuple[Any, Any]] = [
        (t, call.grads.get(i)) for i, t in enumerate(t for t in outputs if t.grad_fn is not None)
    ]
    if call.grads:
        sent = [(t, g) for t, g in sent if g is not None and g.shape == t.shape]
    else:
        sent = [(t, torch.ones_like(t)) for t, _ in sent]
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(
        [t for t, _ in sent],
        [*trained.values(), *leaves],
        [g.to(t.dtype) for t, g in sent],
        allow_unused=True,
    )
    owners: Dict[str, List[Passage]] = {}
    for passage in watch.passages:
        owners.setdefault(passage.name, []).append(passage)
    for name, gradient in zip(trained, gradients):  # noqa: B905
        if gradient is not None:
            bad = bad_values(torch, gradient, lenient=False)
            for passage in owners.get(name.rpartition(".")[0], []) if bad is not None else []:
                passage.own = bad
