"""Tells what in the loss function was at fault, from the graph between the models and the loss."""

from __future__ import annotations

from .torch_blame import Culprit, bad_values, batch_size, rows_of
from .torch_calls import tensors_of
from .torch_replay import inner, run, untouched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from .torch_calls import Call

NODES_MAX = 500
EDGES_MAX = 30
EXTREME = 1e3
"""A row whose gradient is this many times the median row's is at fault."""


def in_loss(torch: Any, loss: Any, calls: List[Call]) -> Optional[Culprit]:
    """The rows and, where it can be told, the operation that made the loss non-finite.

    Call it before backward, when the calls' outputs are known to be finite: it reads the saved
    tensors, and asks for the gradient on the part of the graph between the last parameters and the
    loss alone, keeping that part for the script's own backward.
    """
    if not calls or loss.grad_fn is None:
        return None
    places, borders = part_of(loss.grad_fn)
    nodes = [node for node, _ in places]
    total = batch_size(torch, calls[-1])
    found = Culprit("loss", None, None, None, operation(torch, nodes) or "made outside the model")
    found.total = total
    edge = getattr(torch.autograd.graph, "GradientEdge", None)
    if edge is None:
        return found
    edges = [edge(*place) for place in [*places[1:EDGES_MAX], *borders]]
    gradients = torch.autograd.grad(loss, edges, retain_graph=True, allow_unused=True)
    for gradient in gradients:
        if gradient is None or not gradient.dim() or gradient.shape[0] != total:
            continue
        rows = rows_of(bad_values(torch, gradient, lenient=False), total)
        rows = rows or extreme(torch, gradient, total)
        if rows and (found.rows is None or len(rows) < len(found.rows)):
            found.rows = rows
    return found


def part_of(start: Any) -> Tuple[List[Tuple[Any, int]], List[Tuple[Any, int]]]:
    """The nodes from the loss to the first that use a parameter, and those; each with its output's number.

    Above them lies the end of the model, which is known to be fine, and the loss function.
    """
    nodes: List[Tuple[Any, int]] = []
    borders: List[Tuple[Any, int]] = []
    seen = set()
    waiting: List[Tuple[Any, int]] = [(start, 0)]
    while waiting and len(nodes) < NODES_MAX:
        node, number = waiting.pop(0)
        if node is None or node in seen:
            continue
        seen.add(node)
        below = node.next_functions
        if any(_is_parameter(n) for n, _ in below):
            borders.append((node, number))
            continue
        nodes.append((node, number))
        waiting += below
    return nodes, borders


def _is_parameter(node: Any) -> bool:
    """Whether a parameter, or the transposed view that a linear layer takes of it, comes next."""
    if node is not None and node.name() == "TBackward0":
        node = node.next_functions[0][0]
    return node is not None and hasattr(node, "variable")


def guessed(torch: Any, call: Call, weights: Optional[Dict[int, Any]] = None) -> Optional[Culprit]:
    """The loss function, where a run of the call with other gradients shows the model to be sound.

    The rows are those whose outputs are all exactly zero, where norms and roots have no gradient.
    """
    module = inner(call.module)
    with untouched(torch, module, weights), torch.no_grad():
        outputs = tensors_of(torch, run(torch, module, call, call.args, call.kwargs), 1)
    total = batch_size(torch, call)
    note = "the model passes finite gradients on, so the loss function made them"
    found = Culprit("loss", None, None, None, note)
    found.total = total
    if total and outputs and outputs[0].dim() and outputs[0].shape[0] == total:
        zero = (outputs[0].reshape(total, -1) == 0).all(1)
        found.rows = zero.nonzero().flatten().tolist() or None
    return found


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
        if saved and bool(
            (getattr(node, "_saved_" + saved) <= (-1 if name == "log1p" else 0)).any()
        ):
            return "made outside the model: %s of zero or less" % name
        divisor = getattr(node, "_saved_other", None) if name == "div" else None
        if isinstance(divisor, torch.Tensor) and bool((divisor == 0).any()):
            return "made outside the model: a division by zero"
        result = getattr(node, "_saved_result", None) if name in ("exp", "sqrt", "pow") else None
        if (
            isinstance(result, torch.Tensor)
            and bad_values(torch, result, lenient=False) is not None
        ):
            return "made outside the model: the result of %s" % name
    return ""
