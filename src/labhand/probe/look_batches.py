"""What the batches are made of: whether they repeat, come sorted, and whether evaluation sees the like."""

from __future__ import annotations

import math
import weakref

from .look_channels import Channels
from .look_frequencies import Frequencies
from .look_rows import Rows
from .torch_calls import tensors_of
from .torch_loads import KNOWN
from .torch_looks import Look
from .torch_objective import copied, crossed, cut, same_column
from .torch_short import nothing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set, Tuple

ROWS_MAX = 8
"""Rows of a batch that its fingerprint is made of, evenly spread, and values of each."""
VALUES_MAX = 48
DISTINCT = 4
"""Fewer distinct values tell no batch from another."""
LATELY = 64
"""Fingerprints that are remembered."""
LABELS_MAX = 2048
ALONE_LEAST = 6
"""So many labels of one class are no accident."""
NODES_MAX = 40
SHAPES_MAX = 8
SHAPES = tuple(
    "View UnsafeView Reshape Squeeze Unsqueeze Transpose Permute TBackward Alias Clone Slice Select ToCopy".split()
)
STATISTICS_MAX = 1 << 16
ROWS_SHARE = 4
"""An evaluation whose batches are smaller than this part of those of training is not compared with it."""
APART = 3
"""Steps between two evaluations, at least: a model that is asked within each step makes its own targets."""
DROPS_ALL = 0.85
"""A share that no layer drops on purpose."""
COPIED = 0.1
"""A loss below this share of its first has learned to copy."""
CONSTANT_LOOKS = RESEEDED_LOOKS = GIVEN_LOOKS = 3
SEEN_LEAST, MOSTLY = 200, 0.5
"""Batches after which running statistics should be those of the data, and a share that is none of them."""
RANGES = {"Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0), "Relu": (0.0, None)}
"""What the last activation of a model can give."""
OUT_OF_RANGE = 0.05
"""What lies beyond it, as a share of the variance of the targets, that is told."""
EVALUATIONS = (1, 2, 4, 8, 16, 64, 256)
"""Calls in a suspicious mode at which that is told."""


class Batches(Look):
    """Series `batch/<what>` and `eval/<what>`, and facts.

    These are `loader`, `objective`, `doubled`, `cut`, `crossed`, `modes`, `statistics`, `dropout`, `inputs`,
    `range`, `reseeded`, `given`, `copied`, `channels` and `leak`.

    `repeated`: how many steps ago the same batch was seen, 0 for never. `classes` of `labels` labels:
    how many are distinct; `only`: which one, where it is the only one of six or more; `shared`: the share of them that the step before had too. `target_mean`,
    `target_std`: of targets that are floats; `unexplained`: the mean squared error as a share of their variance, or a cross-entropy of that of guessing by the frequencies of the labels; `mean`, `std`: of the first input of floats. Only
    on the CPU: nothing waits for a device.
    """

    name = "batches"
    pairs = True

    def __init__(self, torch: Any, looks: Any) -> None:
        super().__init__(torch, looks)
        self.seen: Dict[int, int] = {}
        self.labels: Tuple[int, Set[Any]] = (-2, set())
        self.first = -1
        self.rows = 0
        self.fed: Any = nothing
        self.known, self.channels, self.often = Rows(), Channels(), Frequencies()
        self.told: Set[str] = set()
        self.counts = {"eval_in_training": 0, "eval_in_eval": 0, "train_in_eval": 0}
        self.without_training = self.constant = self.reseeded = 0
        self.before: Tuple[int, int, Any] = (-2, 0, None)
        self.given: Any = None
        self.column, self.copies = -1, 0
        self.first_loss = math.nan

    def batch(self, module: Any, args: Any, kwargs: Any) -> None:
        """Measures the inputs of the first call of the step."""
        if self.first == self.step:
            return
        self.first = self.step
        tensor = self.input_of(args, kwargs)
        if tensor is None:
            return
        self.rows, self.fed = tensor.shape[0], weakref.ref(module)
        spread = self.statistics("batch", tensor)
        if len(tensors_of(self.torch, (args, kwargs), 2)) == 1:
            self.tell_constant(tensor, spread)
        self.known.trained(tensor)
        self.channels.trained(tensor)
        self.given = tensor
        print_ = fingerprint(tensor)
        if print_ is not None:
            ago = self.step - self.seen.pop(print_, self.step)
            self.seen[print_] = self.step
            if len(self.seen) > LATELY:
                del self.seen[next(iter(self.seen))]
            self.point("batch/repeated", ago)
            self.tell_seeded(print_)
        self.tell_loader()

    def loss(self, loss: Any) -> None:
        """Finds the labels in the graph of the loss."""
        node, target, classes = target_of(loss)
        function = node.name() if node is not None else ""
        if "doubled" not in self.told and node is not None:
            self.told.add("doubled")
            self.tell_ending(node, classes)
        if "crossed" not in self.told:
            self.told.add("crossed")
            self.tell_crossed(loss)
        if target is None:
            return
        if "dropout" not in self.told:
            self.told.add("dropout")
            self.tell_dropout()
        if "objective" not in self.told and classes:
            self.told.add("objective")
            rows = len(target)
            self.event("objective", function=function, classes=classes, rows=rows, step=self.step)
        self.tell_given(target, loss)
        most = STATISTICS_MAX if target.is_floating_point() else LABELS_MAX
        if target.device.type != "cpu" or target.numel() > most:
            return
        if target.is_floating_point():
            self.tell_unexplained(node, loss, target)
            self.tell_range(node, target)
            if target.numel() > 1:
                self.point("batch/target_mean", target.mean().item())
                self.point("batch/target_std", target.std().item())
            return
        labels = target.reshape(-1).tolist()
        share = self.often.share(node, loss, labels, classes) if classes else None
        if share is not None:
            self.point("batch/unexplained", share)
        self.tell_labels(labels)

    def tell_crossed(self, loss: Any) -> None:
        """Tells of outputs that are each compared with all targets."""
        found = crossed(loss)
        if found is not None:
            self.event("crossed", shape=list(found[0]), targets=found[1], step=self.step)

    def tell_given(self, target: Any, loss: Any) -> None:
        """Tells once of a column of the inputs that is the target itself, or tells it, in each look so far."""
        given, self.given = self.given, None
        if given is None or "given" in self.told:
            return
        if copied(given, target):
            self.tell_copied(loss.item())
            return
        column = same_column(given, target)
        if column is None:
            self.told.add("given")
            return
        self.copies = self.copies + 1 if column == self.column or not self.copies else 0
        self.column = column
        if self.copies == GIVEN_LOOKS:
            self.told.add("given")
            self.event("given", column=column, of=given.shape[1], looks=self.copies, step=self.step)

    def tell_copied(self, loss: float) -> None:
        """Tells once of tokens that are to be told from themselves, in each look so far, and by now are."""
        if not self.copies:
            self.first_loss = loss
        self.copies += 1
        if self.copies >= GIVEN_LOOKS and loss < COPIED * self.first_loss:
            self.told.add("given")
            about = dict(first=self.first_loss, loss=loss, looks=self.copies)
            self.event("copied", step=self.step, **about)

    def tell_ending(self, node: Any, classes: Optional[int]) -> None:
        """Tells of an activation at the end of the model that the loss function takes again, or cannot do with."""
        what = doubled(node)
        if what:
            self.event("doubled", what=what, classes=classes, step=self.step)
            return
        logits = below_of(node) if classes else node
        what = "" if logits is None else cut(node, shaped(logits))
        if what:
            rows = len(node._saved_target)
            self.event("cut", what=what, classes=classes, rows=rows, step=self.step)

    def tell_labels(self, labels: List[Any]) -> None:
        """How many labels are distinct, and how many the step before had too."""
        values = set(labels)
        step, before = self.labels
        self.point("batch/labels", len(labels))
        self.point("batch/classes", len(values))
        if len(values) == 1 and len(labels) >= ALONE_LEAST:
            self.point("batch/only", float(next(iter(values))))
        if step == self.step - 1 and before:
            self.point("batch/shared", len(values & before) / len(values | before))
        self.labels = (self.step, values)

    def tell_dropout(self) -> None:
        """Tells of a layer that drops nearly all."""
        kind = self.torch.nn.modules.dropout._DropoutNd
        drops = [
            (layer.p, name) for name, layer in self.layers().items() if isinstance(layer, kind)
        ]
        if drops and max(drops)[0] >= DROPS_ALL:
            share, name = max(drops)
            self.event("dropout", layer=name, p=float(share), step=self.step)

    def tell_unexplained(self, node: Any, loss: Any, target: Any) -> None:
        """Where the loss is the mean squared error itself: its share of what the mean of the targets would cost."""
        if node is not loss.grad_fn or not node.name().startswith("MseLoss"):
            return
        if len(target) >= ROWS_MAX:
            variance = target.float().var(0, unbiased=False).mean().item()
            if variance > 0:
                self.point("batch/unexplained", loss.item() / variance)

    def tell_range(self, node: Any, target: Any) -> None:
        """Tells once of a model whose last activation cannot give what the targets are, and how much that costs."""
        if "range" in self.told or not node.name().startswith("MseLoss"):
            return
        below = shaped(node)
        name = "" if below is None else below.name().partition("Backward")[0]
        if name not in RANGES or len(target) < ROWS_MAX:
            return
        values, (low, high) = target.float(), RANGES[name]
        near = values.clamp(low, high)
        lost, variance = (values - near).square().mean().item(), values.var().item()
        if lost <= OUT_OF_RANGE * variance:
            return
        self.told.add("range")
        self.event(
            "range",
            what=name.lower(),
            outside=float((values != near).float().mean().item()),
            lost=lost,
            variance=variance,
            lowest=values.min().item(),
            highest=values.max().item(),
            step=self.step,
        )

    def gradients(self, optimizer: Any) -> None:
        """A step of the optimizer: was the model in training mode?"""
        self.given = None
        if self.first != self.step and self.without_training and self.sensitive(trained=True):
            self.count("train_in_eval")
        self.without_training = 0

    def evaluated(self, module: Any, args: Any, kwargs: Any) -> None:
        """A call that is no part of a training step, or one in the mode for evaluation."""
        if self.looks.graphs:
            self.without_training += not module.training
            return
        if not module.training:
            self.counts["eval_in_eval"] += 1
            if self.counts["eval_in_eval"] in EVALUATIONS and "statistics" not in self.told:
                self.stale()
        elif self.sensitive():
            self.count("eval_in_training")
        tensor = self.input_of(args, kwargs)
        # a few rows are no sample: a policy is asked for one action at a time
        same = self.fed() is module  # the inputs of different parts of a model are not alike
        if tensor is not None and same and 0 < self.rows <= ROWS_SHARE * tensor.shape[0]:
            self.statistics("eval", tensor)
        order = self.channels.evaluated(tensor) if tensor is not None and same else None
        if order is not None:
            self.event("channels", order=order, step=self.step)
        apart = self.looks.apart >= APART
        leak = self.known.evaluated(tensor) if tensor is not None and same and apart else None
        if leak is not None:
            self.event("leak", **dict(leak, step=self.step))

    def count(self, what: str) -> None:
        """Counts a call in a suspicious mode, and tells it now and then."""
        self.counts[what] += 1
        if self.counts[what] in EVALUATIONS:
            self.event(
                "modes",
                layers=self.sensitive(what == "train_in_eval")[:4],
                step=self.step,
                **self.counts,
            )

    def stale(self) -> None:
        """Tells of batch norm whose running statistics are mostly still those that it was made with."""
        kind, found = self.torch.nn.modules.batchnorm._BatchNorm, []
        for name, layer in self.layers().items():
            seen = getattr(layer, "num_batches_tracked", None)
            if not isinstance(layer, kind) or seen is None or seen.device.type != "cpu":
                continue
            batches, momentum = int(seen), layer.momentum
            if batches >= SEEN_LEAST and momentum is not None:
                found.append(((1 - momentum) ** batches, momentum, batches, name))
        if found and not KNOWN and min(found)[0] > MOSTLY:
            weight, momentum, batches, name = min(found)
            about = dict(layer=name, weight=weight, momentum=momentum, batches=batches)
            self.told.add("statistics")
            self.event("statistics", step=self.step, **about)

    def sensitive(self, trained: bool = False) -> List[str]:
        """The layers that do something else in training than in evaluation; or those in trained parts.

        A part that is frozen is run in evaluation mode on purpose.
        """
        layers = self.layers()
        nn = self.torch.nn
        found = [
            name
            for name, layer in layers.items()
            if (isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p)
            or (isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.track_running_stats)
        ]
        if not trained:
            return found
        parts = {part_of(name) for name, layer in layers.items() if is_trained(layer)}
        return [
            name
            for name in found
            if (is_trained(layers[name]) if layers[name]._parameters else part_of(name) in parts)
        ]

    def input_of(self, args: Any, kwargs: Any) -> Optional[Any]:
        """The first tensor on the CPU that the model is called with."""
        for tensor in tensors_of(self.torch, (args, kwargs), 4):
            fit = tensor.device.type == "cpu" and tensor.dim() and tensor.numel()
            if fit and tensor.layout is self.torch.strided:
                return tensor.detach()
        return None

    def statistics(self, which: str, tensor: Any) -> Optional[float]:
        """The mean and deviation of the inputs; the latter."""
        if not tensor.is_floating_point() or tensor.numel() < 2:
            return None
        values = tensor.reshape(-1)
        values = values[:: max(1, values.numel() // STATISTICS_MAX)].float()
        self.point(which + "/mean", values.mean().item())
        spread: float = values.std().item()
        self.point(which + "/std", spread)
        return spread

    def tell_constant(self, tensor: Any, spread: Optional[float]) -> None:
        """Tells once of inputs that are the same number throughout, in each look so far."""
        self.constant = (
            self.constant + 1 if spread == 0 and tensor.numel() >= VALUES_MAX else -LATELY
        )
        if self.constant == CONSTANT_LOOKS:
            self.event(
                "inputs", value=tensor.reshape(-1)[0].item(), looks=self.constant, step=self.step
            )

    def tell_seeded(self, print_: int) -> None:
        """Tells once of generators that are seeded anew before each batch, which so is the same one."""
        step, seeded, same = self.before
        self.before = (self.step, self.looks.seeded, print_)
        if step != self.step - 1:
            return
        again = same == print_ and self.looks.seeded > seeded
        self.reseeded = self.reseeded + 1 if again else -LATELY
        if self.reseeded == RESEEDED_LOOKS:
            self.event("reseeded", looks=self.reseeded, step=self.step)

    def tell_loader(self) -> None:
        """Tells once of the DataLoader that the batches come from."""
        iterator, self.looks.loading = self.looks.loading, None
        if iterator is None:
            return
        self.looks.wants_loading = False
        sampler = getattr(iterator, "_index_sampler", None)
        batches = sized(sampler)
        inner = getattr(sampler, "sampler", sampler)
        self.event(
            "loader",
            batches=batches,
            rows=sized(getattr(iterator, "_dataset", None)),
            sampler=type(inner).__name__,
            workers=getattr(iterator, "_num_workers", 0),
            step=self.step,
        )


def part_of(name: str) -> str:
    """The name of the module that holds this layer."""
    return name.rpartition(".")[0]


def is_trained(layer: Any) -> bool:
    """Whether any parameter of its own takes a gradient."""
    return any(p is not None and p.requires_grad for p in layer._parameters.values())


def sized(thing: Any) -> Optional[int]:
    """Its length, where it has one."""
    try:
        return len(thing)
    except Exception:  # anybody's dataset
        return None


def fingerprint(tensor: Any) -> Optional[int]:
    """What tells this batch from others; None where it holds too little for that."""
    rows = tensor[:: max(1, tensor.shape[0] // ROWS_MAX)][:ROWS_MAX]
    if tensor.dim() > 1:
        rows = rows.flatten(1)
        rows = rows[:, :: max(1, rows.shape[1] // VALUES_MAX)]
    values = rows.reshape(-1).tolist()
    if len(set(values)) < DISTINCT or len(values) < 2 * DISTINCT:
        return None
    return hash((tuple(tensor.shape), tuple(values)))


def doubled(node: Any) -> str:
    """The activation that the loss function takes and the model has taken already; or ''.

    `probabilities` where a loss that expects logarithms of probabilities is given them as they are.
    """
    below = below_of(node)
    name = node.name()
    if name.startswith("NllLoss") and below is not None and below.name().startswith("LogSoftmax"):
        below, sought = shaped(below), "Softmax"
    elif name.startswith("NllLoss"):
        below = shaped(node)
        return "probabilities" if below is not None and below.name().startswith("Softmax") else ""
    elif name.startswith("BinaryCrossEntropyWithLogits"):
        below, sought = shaped(node), "Sigmoid"
    else:
        return ""
    return sought.lower() if below is not None and below.name().startswith(sought) else ""


def shaped(node: Any) -> Optional[Any]:
    """What a node takes, past those that only give it another shape or type."""
    for _ in range(SHAPES_MAX):
        node = below_of(node)
        if node is None or not node.name().startswith(SHAPES):
            break
    return node


def below_of(node: Any) -> Optional[Any]:
    """What the first input of a node was made by."""
    return node.next_functions[0][0] if node.next_functions else None


def target_of(loss: Any) -> Tuple[Any, Any, Optional[int]]:
    """The node of the loss function, the targets and the number of classes of the loss, as its graph remembers them."""
    waiting, seen = [loss.grad_fn], 0
    while waiting and seen < NODES_MAX:
        node = waiting.pop(0)
        if node is None:
            continue
        seen += 1
        target = getattr(node, "_saved_target", None)
        if target is not None and target.dim():
            scores = getattr(node, "_saved_self", None)
            if scores is None or target.is_floating_point() or scores.dim() < 2:
                return node, target, None
            return node, target, int(scores.shape[1])
        waiting += [following for following, _ in node.next_functions]
    return None, None, None
