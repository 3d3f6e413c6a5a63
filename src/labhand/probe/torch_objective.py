"""What the graph of a loss proves to be wrong with it, by the shapes and the last operation of the model."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, Tuple

NODES_MAX = 12
"""Nodes from the loss down that are looked at: the loss function, and not the model."""
ROWS_LEAST = 4
COLUMN_ROWS, COLUMN_VALUES, COLUMN_OFF = 8, 1 << 18, 1e-8
"""Rows of a batch by which a column is compared with the targets, values of it at most, and what is left of the
variance of the targets where it tells them: the last digits of a float."""
TOKENS_LEAST, TOKENS_MAX = 4, 4096
"""Distinct tokens of a batch by which inputs are told to be the targets, and how many are compared."""
ENDS = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "ReLU"}
"""Activations that leave a loss without some of the scores that it takes."""


def crossed(loss: Any) -> Optional[Tuple[Tuple[int, ...], int]]:
    """The shape of outputs of which each is compared with every target, and how many targets; None of any other.

    So it is where a column of outputs meets a row of targets: the result has a row for each output and a column
    for each target. Only where the other side has no gradient, and nobody made the column for it: distances
    between all are meant.
    """
    waiting, seen = [(loss.grad_fn, None)], 0
    while waiting and seen < NODES_MAX:
        node, above = waiting.pop(0)
        if node is None:
            continue
        seen += 1
        whole, expands = shape_of(node), node.name().startswith("Expand")
        comparing = above if expands else node
        if whole is not None and len(whole) == 2 and whole[0] == whole[1] >= ROWS_LEAST:
            sides = [] if comparing is None else [side for side, _ in comparing.next_functions]
            below = node.next_functions[0][0] if expands else next(filter(None, sides), None)
            compares = expands or node.name().startswith("Sub")
            if compares and len(sides) == 2 and None in sides and below is not None:
                shape = shape_of(below)
                meant = below.name().startswith("Unsqueeze")
                if shape in ((whole[0], 1), (whole[0],)) and not meant:
                    return shape, whole[0]
        waiting += [(below, node) for below, _ in node.next_functions]
    return None


def same_column(given: Any, target: Any) -> Optional[int]:
    """The column of a matrix of inputs that is the targets up to scale and shift; None where none is.

    Only of several columns, and of targets that are one number a row, some of them different.
    """
    fit = given.dim() == 2 and given.is_floating_point() and given.shape[1] > 1
    if not fit or target.numel() != len(given) or len(given) < COLUMN_ROWS:
        return None
    inputs, values = given.double(), target.detach().reshape(-1).double()
    if target.device != given.device or given.numel() > COLUMN_VALUES:
        return None
    inputs, values = inputs - inputs.mean(0), values - values.mean()
    sizes = inputs.square().sum(0) * values.square().sum()
    along = (inputs * values[:, None]).sum(0).square()
    told = (along > (1 - COLUMN_OFF) * sizes) & (sizes > 0)
    return int(told.nonzero()[0, 0]) if bool(told.any()) else None


def copied(given: Any, target: Any) -> bool:
    """Whether the targets are the inputs themselves, at the same places, of sequences of several tokens."""
    if given.is_floating_point() or target.is_floating_point() or given.dim() != 2:
        return False
    if target.numel() != given.numel() or target.device != given.device or given.shape[1] < 2:
        return False
    tokens = target.detach().reshape(-1)[:TOKENS_MAX]
    if len(set(tokens.tolist())) < TOKENS_LEAST:
        return False
    return bool((given.reshape(-1)[:TOKENS_MAX] == tokens).all())


def cut(node: Any, below: Any) -> str:
    """What leaves a loss function without the scores that it takes: an activation by name, `rows`, or ''.

    `node` is that of the loss function, `below` what its logarithm of a softmax was taken of, both as the graph
    remembers them. `rows`: the softmax is taken over the rows of the batch.
    """
    name = node.name()
    if name.startswith("NllLoss"):
        softmax = node.next_functions[0][0]
        if softmax is not None and softmax.name().startswith("LogBackward"):
            softmax = softmax.next_functions[0][0]
        if softmax is None or not softmax.name().startswith(("LogSoftmax", "Softmax")):
            return ""
        shape = shape_of(softmax)
        if getattr(softmax, "_saved_dim", 1) == 0 and shape is not None and len(shape) == 2:
            return "rows"
    elif not name.startswith("BinaryCrossEntropyWithLogits"):
        return ""
    kind = "" if below is None else below.name().partition("Backward")[0]
    return ENDS.get(kind, "")


def shape_of(node: Any) -> Optional[Tuple[int, ...]]:
    """The shape of what a node made; None where this PyTorch does not say."""
    told = getattr(node, "_input_metadata", None)
    return tuple(int(size) for size in told[0].shape) if told else None
