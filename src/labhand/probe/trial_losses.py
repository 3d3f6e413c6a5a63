"""What the loss functions are given: probabilities, shapes that broadcast, and the very first loss."""

from __future__ import annotations

import math

from .look_batches import doubled, shaped
from .torch_loss import part_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from .trial import Trial

ELEMENTWISE = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
BROADCASTS = ("Sub", "Mul", "Div", "Add", "RSub")
"""Operations of the graph, by the beginning of their names, that broadcast what they are given."""
CALLS_MAX = 64


class Losses:
    """Events `measured` of `loss-input` for each place of a loss function, `broadcast`, and `first-loss`."""

    name = "losses"

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.torch = trial.torch
        self.places: Dict[Tuple[str, Any], Dict[str, Any]] = {}
        self.calls: List[Call] = []
        self.broadcasts: Dict[Any, Dict[str, Any]] = {}
        self.first: Optional[Dict[str, Any]] = None

    def loss(self, name: str, function: Any, args: Any, kwargs: Any, result: Any, at: Any) -> None:
        """A loss function of PyTorch was called."""
        if not self.trial.looking or not result.requires_grad:
            return
        call = Call(name, function, args, kwargs, result, at)
        if call.input is None or call.target is None:
            return
        self.calls.append(call)
        del self.calls[:-CALLS_MAX]
        key = (name, at and (at["path"], at["line"]))
        known = self.places.setdefault(
            key, {"function": name, "at": at, "steps": 0, "shapes": None}
        )
        known["steps"] += 1
        call.known = known
        given = call.input.detach().float()
        known["classes"] = int(given.shape[1]) if given.dim() > 1 else None
        known["rows"] = int(given.shape[0]) if given.dim() else 1
        self._range(known, given)
        self._activation(known, call)
        if name in ELEMENTWISE:
            self._shapes(known, call)

    def _range(self, known: Dict[str, Any], given: Any) -> None:
        """The least and the largest of all values so far, and of their sums over the classes."""
        series = [("values", given)]
        if given.dim() > 1 and given.shape[1] > 1:
            series.append(("sums", given.sum(1)))
            series.append(("exp_sums", given.exp().sum(1)))
        for name, values in series:
            low, high = float(values.min()), float(values.max())
            before = known.get(name, [low, high])
            known[name] = [min(before[0], low), max(before[1], high)]

    def _activation(self, known: Dict[str, Any], call: Call) -> None:
        """The operation that made the input: a softmax or sigmoid with the place where it stands."""
        node = call.input.grad_fn
        if node is None or "activation" in known:
            return
        if doubled(call.result.grad_fn) or call.name in ("nll_loss", "kl_div"):
            made = node if node.name().startswith(("Softmax", "Sigmoid")) else shaped_from(node)
            if made is not None:
                known["activation"] = made.name().partition("Backward")[0].lower()
                known["activation_at"] = place_of(made)

    def _shapes(self, known: Dict[str, Any], call: Call) -> None:
        one, other = tuple(call.input.shape), tuple(call.target.shape)
        known["shapes"] = [list(one), list(other)]
        whole = self.torch.broadcast_shapes(one, other)
        known["broadcast"] = (
            list(whole) if math.prod(whole) > max(map(math.prod, (one, other))) else None
        )

    # -- the loss that is stepped on

    def backward_begins(self, loss: Any, at: Any) -> None:
        """Looks at the graph of the loss: which loss functions are in it, and what broadcasts."""
        if not self.trial.looking or loss is None or loss.grad_fn is None:
            return
        nodes = [node for node, _ in part_of(loss.grad_fn)[0]]
        for call in self.calls:
            call.stepped = call.result.grad_fn in nodes
            if call.stepped and call.known is not None:
                call.known["trained"] = True
        for node in nodes:
            self._broadcast(node)
        if self.first is None and not self.trial.steps:
            self._first_loss(loss, at)

    def _broadcast(self, node: Any) -> None:
        """A column of the model's outputs that meets a vector without a gradient."""
        below = node.next_functions
        if not node.name().startswith(BROADCASTS) or not hasattr(node, "_input_metadata"):
            return
        whole = tuple(node._input_metadata[0].shape)
        known = [(n, i) for n, i in below if n is not None]
        if len(whole) != 2 or len(known) != 1 or whole[0] != whole[1] or whole[0] < 2:
            return
        made, number = known[0]
        column = tuple(made._input_metadata[number].shape)
        if column == (whole[0], 1) and not made.name().startswith(("Unsqueeze", "View", "Reshape")):
            at = place_of(node)
            key = at and (at["path"], at["line"])
            told = {"at": at, "shapes": [list(column), [whole[0]]], "broadcast": list(whole)}
            self.broadcasts.setdefault(key, told)["steps"] = self.trial.steps + 1

    def _first_loss(self, loss: Any, at: Any) -> None:
        """The first loss of a classifier, against that of guessing among the classes it was shown."""
        call = next((c for c in self.calls if c.stepped and c.name == "cross_entropy"), None)
        if call is None or call.option("weight", 2) is not None:
            return
        target, scores = call.target, call.input
        if target.is_floating_point() or scores.dim() < 2:
            return
        ignored = call.option("ignore_index", 4)
        labels = target.reshape(-1)
        labels = labels[labels != (-100 if ignored is None else ignored)]
        if not labels.numel():
            return
        counts = self.torch.bincount(labels.cpu()).float()
        shares = counts[counts > 0] / counts.sum()
        value = self.torch.nn.functional.cross_entropy(
            scores.detach().float(), target, ignore_index=-100 if ignored is None else ignored
        )
        self.first = {
            "at": call.at, "value": float(value), "backward": float(loss), "rows": int(labels.numel()),
            "classes": int(scores.shape[1]), "entropy": float(-(shares * shares.log()).sum()),
        }  # fmt: skip

    def report(self) -> None:
        """Says what every loss function was given."""
        for known in self.places.values():
            told = {key: value for key, value in known.items() if key != "at"}
            self.trial.measured("loss-input", known["at"], **told)
        for told in self.broadcasts.values():
            self.trial.measured(
                "broadcast", told["at"], **{k: v for k, v in told.items() if k != "at"}
            )
        if self.first is not None:
            self.trial.measured(
                "first-loss", self.first["at"], **{k: v for k, v in self.first.items() if k != "at"}
            )


class Call:
    """One call of a loss function."""

    def __init__(
        self, name: str, function: Any, args: Any, kwargs: Any, result: Any, at: Any
    ) -> None:
        self.name = name
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.result = result
        self.at = at
        self.input = args[0] if args else kwargs.get("input")
        self.target = args[1] if len(args) > 1 else kwargs.get("target")
        self.stepped = False
        self.known: Optional[Dict[str, Any]] = None

    def option(self, name: str, position: int) -> Any:
        """One of its further arguments; None where it is not given."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name)

    def again(self, given: Any) -> Any:
        """The loss of another input."""
        if self.args:
            return self.function(given, *self.args[1:], **self.kwargs)
        return self.function(**dict(self.kwargs, input=given))


def shaped_from(node: Any) -> Optional[Any]:
    """The softmax or sigmoid below operations that only give another shape; None where there is none."""
    below = shaped(node)
    return below if below is not None and below.name().startswith(("Softmax", "Sigmoid")) else None


def place_of(node: Any) -> Optional[Dict[str, Any]]:
    """The innermost place in the person's code from which an operation was called, by anomaly mode."""
    import re

    from .people import of_person

    for entry in reversed(node.metadata.get("traceback_", [])):
        found = re.match(r'\s*File "(.+)", line (\d+), in (.+)', entry)
        if found and of_person(found.group(1)):
            line = int(found.group(2))
            return {
                "path": found.group(1), "line": line, "function": found.group(3).strip(),
                "first": line, "last": line, "outer": [],
            }  # fmt: skip
    return None
