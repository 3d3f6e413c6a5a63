"""Tells what in the loss function was at fault, from the graph between the models and the loss."""

from __future__ import annotations

from .torch_blame import Culprit, bad_values, batch_size, rows_of
from .torch_calls import MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

NODES_MAX = 500
EXTREME = 1e3
"""A row whose gradient is this many times the median row's is at fault."""


def in_loss(torch: Any, loss: Any) -> Optional[Culprit]:
    """The rows and, where it can be told, the operation that made the loss non-finite.

    Call it before backward: it reads the saved tensors, and asks for the gradient at the model's
    output on that part of the graph alone, keeping it for the script's own backward.
    """
    nodes, marked = part_of(loss.grad_fn)
    if not marked:
        return None
    rows: Optional[List[int]] = None
    total: Optional[int] = None
    edge = getattr(torch.autograd.graph, "GradientEdge", None)
    for node in marked if edge is not None else ():
        call, _, output_nr = node.metadata[MARK]
        total = batch_size(torch, call)
        kept = dict(call.grads)
        (gradient,) = torch.autograd.grad(
            loss, edge(node, output_nr), retain_graph=True, allow_unused=True
        )
        call.grads.clear()
        call.grads.update(kept)
        if gradient is None:
            continue
        rows = rows_of(bad_values(torch, gradient, lenient=False), total)
        rows = extreme(torch, gradient, total) if not rows else rows
        if rows:
            break
    found = Culprit("loss", None, None, rows, operation(torch, nodes) or "made outside the model")
    found.total = total
    return found


def part_of(start: Any) -> Tuple[List[Any], List[Any]]:
    """The nodes from the loss down to the models' outputs, and the nodes of those outputs."""
    nodes: List[Any] = []
    marked: List[Any] = []
    seen = set()
    waiting = [start]
    while waiting and len(nodes) < NODES_MAX:
        node = waiting.pop(0)
        if node is None or node in seen:
            continue
        seen.add(node)
        if MARK in node.metadata:
            marked.append(node)
            continue
        nodes.append(node)
        waiting += [below for below, _ in node.next_functions]
    return nodes, marked


def extreme(torch: Any, gradient: Any, total: Optional[int]) -> Optional[List[int]]:
    """Rows whose gradient dwarfs that of the others."""
    if not total or not gradient.dim() or gradient.shape[0] != total:
        return None
    sizes = gradient.detach().abs().reshape(total, -1).amax(1)
    large = sizes > EXTREME * sizes.median()
    return large.nonzero().flatten().tolist() if bool(large.any()) else None


def operation(torch: Any, nodes: List[Any]) -> str:
    """The operation deepest in the loss function that got what it cannot take, in words; or ''."""
    for node in reversed(nodes):
        name = node.name().rstrip("0123456789").replace("Backward", "").lower()
        saved = {"log": "self", "log2": "self", "log10": "self", "log1p": "self"}.get(name)
        if saved and bool((getattr(node, "_saved_" + saved) <= (-1 if name == "log1p" else 0)).any()):
            return "made outside the model: %s of zero or less" % name
        divisor = getattr(node, "_saved_other", None) if name == "div" else None
        if isinstance(divisor, torch.Tensor) and bool((divisor == 0).any()):
            return "made outside the model: a division by zero"
        result = getattr(node, "_saved_result", None) if name in ("exp", "sqrt", "pow") else None
        if isinstance(result, torch.Tensor) and bad_values(torch, result, lenient=False) is not None:
            return "made outside the model: the result of %s" % name
    return ""
