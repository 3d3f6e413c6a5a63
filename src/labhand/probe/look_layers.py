"""What goes on in the layers: gradients, updates, units that get no gradient, weights out of reach."""

from __future__ import annotations

import sys
import weakref

from .look_members import held_by
from .people import of_person
from .torch_loads import in_use, read_and_other, written_over
from .torch_looks import Look
from .torch_measure import local
from .torch_replay import inner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set, Tuple

LAYERS_MAX = 24
"""Layers that are measured: the first, the last, and evenly between."""
ROWS_MAX = COLUMNS_MAX = 64
"""Of a layer's weights so many rows (output units) and columns are looked at, evenly spread."""
ALIVE_LOOKS = 6
"""A unit is dead that had no gradient in so many looks in a row."""
NODES_MAX = 4000
"""Nodes of the loss's graph that are walked."""
WALKS, WALKED = (0, 1), 4
"""The looks at which the graph is walked, and then each so many: what is reached does not change often."""
NAMES_MAX = 20
ITEMS_MAX = 64
FIRST = 1
"""Up to this step weights are about what they were before the training."""
STILL_LOOKS, STILL_STEPS = 4, 30
"""Looks in a row at which a group has a rate of 0, and the step from which on that is told."""
UNITS, NEAR = 4, 1e-6
"""Units of a layer, at least, that are the same where their weights differ by no more than this share of the largest."""
SYMMETRIC_STEPS, SYMMETRIC_TURNS = 3, 8
"""Steps after which they must still be the same, and the looks in which that is looked for."""
DECAYED = 0.01
"""A weight decay that takes so large a share of every weight away in a step leaves nothing that is learned."""
STRONG, OUTDONE = 0.05, 5.0
"""A decay that is part of the gradient is looked at from here on; so many times the gradient it outdoes the loss."""


class Layers(Look):
    """Series `layer/<name>/grad_norm|update|dead`, and facts about weights that are out of reach.

    `grad_norm` is the mean size of the gradient's sampled values, `update` the share by which
    the sampled weights changed, `dead` the share of sampled output units without any gradient in the
    last looks. A fact `reach` says which weights the loss depends on and which the optimizers hold, a fact
    `decay` of a weight decay that outdoes the loss.
    """

    name = "layers"

    def __init__(self, torch: Any, looks: Any) -> None:
        super().__init__(torch, looks)
        self.turns = 0
        self.chosen: List[Tuple[str, Any]] = []
        self.of: Any = None
        self.before: List[Tuple[str, Any, Any]] = []
        self.alive: Dict[str, List[Any]] = {}
        self.biases: Dict[str, Any] = {}
        self.reached: Set[int] = set()
        self.decay: Dict[str, Any] = {}
        self.known: Set[int] = set()
        self.unloaded = 0
        self.written_over = (0, 0)
        self.still: Dict[int, int] = {}
        self.symmetric: Dict[str, int] = {}
        self.told: Set[str] = set()

    def loss(self, loss: Any) -> None:
        """Notes the weights that the loss depends on."""
        if self.walks and loss.grad_fn is not None:
            found, kind = leaves(loss.grad_fn), self.torch.nn.Parameter
            self.reached |= found.keys()
            self.looks.reached.update(
                {i: leaf for i, leaf in found.items() if isinstance(leaf, kind)}
            )

    @property
    def walks(self) -> bool:
        """Whether the graph is walked in this look."""
        return self.turns in WALKS or self.turns % WALKED == WALKED - 1

    def weights(self, optimizer: Any) -> None:
        """Remembers the weights as they are."""
        if not self.turns:
            self.unloaded = read_and_other(self.own_names)
            if self.step <= FIRST:
                rates = [float(group.get("lr") or 0.0) for group in optimizer.param_groups]
                self.written_over = written_over(set(self.held()), max(rates))
        self.before = [(n, w, sample(w).clone()) for n, w in self.layers_of(optimizer)]

    def gradients(self, optimizer: Any) -> None:
        """Measures the gradients."""
        walked, self.turns = self.walks, self.turns + 1
        self.reached |= {i for i, p in self.held().items() if p.grad is not None}
        names, values = [], []
        for name, weight in self.layers_of(optimizer):
            if weight.grad is None:
                continue
            gradient = sample(local(weight.grad))
            names.append("layer/%s/grad_norm" % name)
            values.append(gradient.float().abs().mean())  # a square would underflow
            if gradient.dim() > 1:
                names.append("layer/%s/dead" % name)
                values.append(self.dead(name, gradient, self.biases.get(name)))
        if names:
            self.points(names, self.torch.stack([v.float() for v in values]))
        if walked:
            self.tell_reach()
        self.tell_still(optimizer)
        self.tell_symmetric(optimizer)
        if not self.decay:
            self.decay = decay_of(optimizer)
            if self.decay:
                self.event("decay", **dict(self.decay, step=self.step))

    def tell_still(self, optimizer: Any) -> None:
        """Tells once of groups whose rate was made 0 and stays so, beside others that are trained."""
        groups = optimizer.param_groups
        rates = [float(group.get("initial_lr", group.get("lr", 1.0))) for group in groups]
        still = [
            i
            for i, group in enumerate(groups)
            if rates[i] == 0 == group.get("lr") and any(p.grad is not None for p in group["params"])
        ]
        self.still = {i: self.still.get(i, 0) + 1 for i in still if any(rates)}
        sure = [i for i, looks in self.still.items() if looks >= STILL_LOOKS]
        if sure and self.step >= STILL_STEPS and "still" not in self.told:
            self.told.add("still")
            named, inside = self.names(), [p for i in sure for p in groups[i]["params"]]
            names = texts([id(p) for p in inside], named, {id(p): p for p in inside})
            about = dict(names=names, groups=sure, of=len(groups), step=self.step)
            self.event("still", looks=min(self.still[i] for i in sure), **about)

    def tell_symmetric(self, optimizer: Any) -> None:
        """Tells once of layers whose units all have the same weights, and still have after steps that changed them."""
        if "symmetric" in self.told or self.turns > SYMMETRIC_TURNS:
            return
        found = {}
        for name, weight in self.layers_of(optimizer):
            rows = sample_rows(local(weight)).flatten(1)
            fit = len(rows) >= UNITS and rows.device.type == "cpu"
            if fit and alike(rows[:: len(rows) - 1]) and alike(rows):
                found[name] = self.symmetric.get(name, self.step)
        self.symmetric = {
            n: at for n, at in found.items() if self.turns == 1 or n in self.symmetric
        }
        if self.symmetric and self.step - min(self.symmetric.values()) >= SYMMETRIC_STEPS:
            self.told.add("symmetric")
            self.event("symmetric", layers=list(self.symmetric), step=self.step)

    def stepped(self, optimizer: Any) -> None:
        """Measures by how much the weights have changed."""
        names, values = [], []
        for name, weight, before in self.before:
            change = (sample(weight) - before).float().norm()
            names.append("layer/%s/update" % name)
            values.append(change / before.float().norm().clamp_min(1e-12))
        self.before = []
        if names:
            self.points(names, self.torch.stack(values))

    def dead(self, name: str, gradient: Any, bias: Any) -> Any:
        """The share of units that had no gradient in this look and the last ones."""
        alive = (gradient != 0).any(1)
        bias = bias() if bias is not None else None
        if bias is not None and bias.grad is not None:
            alive = alive | (sample_rows(local(bias.grad)) != 0)
        lately = self.alive.setdefault(name, [])
        # a unit may be silent for a batch, a whole layer is not
        if lately and (lately[0].shape != alive.shape or self.is_silent(alive)):
            del lately[:]
        lately.append(alive)
        del lately[:-ALIVE_LOOKS]
        return 1 - self.torch.stack(lately).any(0).float().mean()

    def is_silent(self, alive: Any) -> bool:
        """Whether no unit is alive; never so on a GPU, for which nobody waits."""
        return alive.device.type == "cpu" and not bool(alive.any())

    def layers_of(self, optimizer: Any) -> List[Tuple[str, Any]]:
        """The layers to measure with their weights, in the order of the model."""
        if self.of is None or self.of() is not optimizer:
            self.of = weakref.ref(optimizer)
            self.chosen = self.choose({id(p) for g in optimizer.param_groups for p in g["params"]})
        found = [(name, weight()) for name, weight in self.chosen]
        return [(name, weight) for name, weight in found if weight is not None]

    def choose(self, held: Set[int]) -> List[Tuple[str, Any]]:
        """Layers with weights of two or more dimensions among those that this optimizer trains, at most 24."""
        every = []
        for name, layer in self.layers().items():
            weight = layer._parameters.get("weight")
            fit = (
                weight is not None
                and weight.dim() > 1
                and weight.requires_grad
                and id(weight) in held
            )
            if fit and not isinstance(layer, (self.torch.nn.Embedding, self.torch.nn.EmbeddingBag)):
                every.append((name, weakref.ref(weight)))
                bias = layer._parameters.get("bias")
                if bias is not None and bias.shape[0] == weight.shape[0]:
                    self.biases[name] = weakref.ref(bias)
        if len(every) <= LAYERS_MAX:
            return every
        last = len(every) - 1
        return [every[i * last // (LAYERS_MAX - 1)] for i in range(LAYERS_MAX)]

    # -- what the loss depends on and the optimizers hold

    def tell_reach(self) -> None:
        """Writes the fact `reach`."""
        held = self.held()
        gone, self.known = self.known - held.keys(), set(held)
        if (
            gone
        ):  # another training in the same script: what the one before reached says nothing of it
            self.reached, self.turns = set(), 0
            return
        named = self.names()
        trained = [i for i in held if i in self.reached]
        strangers = {i for i in self.reached if i not in held and i not in named}
        out_of_reach = [i for i, p in held.items() if p.requires_grad and i not in self.reached]
        fact = {
            "reached": len(self.reached),
            "held": len(held),
            "trained": len(trained),
            "out_of_reach": texts(out_of_reach, named, held),
            "uncalled_by": self.uncalled_by(set(out_of_reach)),
            "left_out": texts([i for i in self.reached if i not in held], named, held),
            "frozen": texts([i for i, p in held.items() if not p.requires_grad], named, held),
            "frozen_share": share([p for p in held.values() if not p.requires_grad], held.values()),
        }
        fact.update(self.unregistered(strangers) if strangers else {})
        fact.update(in_use(held, set(named.values())), unloaded=self.unloaded)
        fact.update(zip(("written_over", "loaded"), self.written_over))  # noqa: B905
        self.event("reach", **dict(fact, looks=self.turns, step=self.step))

    def uncalled_by(self, lost: Set[int]) -> List[str]:
        """The library classes that leave out of the loss what is lost; empty where the person's code does."""
        owners: Dict[int, type] = {}
        for model in self.looks.models() if lost else ():
            for module in inner(model).modules():
                for part in module.children():
                    weights = {id(p) for p in part.parameters()}
                    if weights <= lost:  # the outermost comes first
                        owners = {**dict.fromkeys(weights, type(module)), **owners}
        kinds = {owners.get(i) for i in lost}
        if not all(kind is not None and of_library(kind) for kind in kinds):
            return []
        return sorted(kind.__name__ for kind in kinds if kind is not None)

    def unregistered(self, strangers: Set[int]) -> Dict[str, Any]:
        """Which of these weights lie in plain lists or dicts of the watched models, which do not register them."""
        found: List[str] = []
        kinds: Set[str] = set()
        module_of, weight_of = self.torch.nn.Module, self.torch.nn.Parameter
        for model in self.looks.models():
            for owner, module in inner(model).named_modules():
                for key, value in list(vars(module).items()):
                    if key.startswith("_") or not isinstance(value, (list, tuple, dict)):
                        continue
                    items = list(value.items() if isinstance(value, dict) else enumerate(value))
                    for at, item in items[:ITEMS_MAX]:
                        name, lost = ".".join(filter(None, (owner, key, str(at)))), []
                        if isinstance(item, module_of):
                            inside = [n for n, p in item.named_parameters() if id(p) in strangers]
                            lost = ["%s.%s" % (name, n) for n in inside]
                        elif isinstance(item, weight_of) and id(item) in strangers:
                            lost = [name]
                        found += lost
                        kinds.update([type(value).__name__] if lost else [])
        return {"unregistered": found[:NAMES_MAX], "kept_in": sorted(kinds)} if found else {}

    def own_names(self) -> Dict[str, Any]:
        """The weights of the watched models by the names that their own `state_dict` gives them."""
        return {n: p for model in self.looks.models() for n, p in inner(model).named_parameters()}

    def held(self) -> Dict[int, Any]:
        """The parameters of all optimizers."""
        return held_by(self.looks.optimizers())

    def names(self) -> Dict[int, str]:
        """The names of the parameters of the watched models."""
        return {
            id(p): name + "." + key
            for name, layer in self.layers().items()
            for key, p in layer._parameters.items()
            if p is not None
        }


def alike(rows: Any) -> bool:
    """Whether all rows are the same, and not zero."""
    largest = float(rows.abs().max())
    return largest > 0 and float((rows - rows[:1]).abs().max()) <= NEAR * largest


def decay_of(optimizer: Any) -> Dict[str, Any]:
    """The weight decay of an optimizer where it outdoes the loss, and how; nothing of any other.

    By the `share` of every weight that a step takes away (SGD, and Adam where it is decoupled), else by how many
    times the `pull` to zero is the gradient's. Only of weights on the CPU.
    """
    name = type(optimizer).__name__
    for group in optimizer.param_groups:
        decay, rate = group.get("weight_decay") or 0.0, group.get("lr") or 0.0
        about = {"optimizer": name, "lr": float(rate), "weight_decay": float(decay)}
        if name.endswith("W") or name == "SGD" or group.get("decoupled_weight_decay"):
            if rate * decay >= DECAYED:
                return dict(about, share=float(rate * decay))
        elif decay >= STRONG:
            pulls = [pull(p) for p in group["params"] if p.dim() > 1 and p.device.type == "cpu"]
            least = min((value for value in pulls if value is not None), default=0.0)
            if decay * least > OUTDONE:
                return dict(about, pull=float(decay * least))
    return {}


def pull(weight: Any) -> Optional[float]:
    """How many times as large as its gradient a weight is; None without one."""
    if weight.grad is None:
        return None
    gradient = float(sample(local(weight.grad)).float().norm())
    return float(sample(weight).float().norm()) / gradient if gradient else None


def sample(tensor: Any) -> Any:
    """At most 64 rows and 64 columns of a tensor as a matrix, evenly spread; a view where it can be."""
    values = local(tensor)
    if values.dim() < 2:
        return values.reshape(-1)[:: max(1, values.numel() // (ROWS_MAX * COLUMNS_MAX))]
    rows = sample_rows(values).flatten(1)
    return rows[:, :: max(1, -(-rows.shape[1] // COLUMNS_MAX))]


def sample_rows(values: Any) -> Any:
    """At most 64 entries along the first dimension, evenly spread."""
    return values[:: max(1, -(-values.shape[0] // ROWS_MAX))]


def leaves(root: Any) -> Dict[int, Any]:
    """The tensors whose gradients are accumulated under a node of the graph, by identity."""
    found: Dict[int, Any] = {}
    seen, waiting = {root}, [root]
    while waiting and len(seen) < NODES_MAX:
        node = waiting.pop()
        if "Checkpoint" in type(node).__name__:
            return {}  # what is recomputed hides its weights
        variable = getattr(node, "variable", None)
        if variable is not None:
            found[id(variable)] = variable
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return found if not waiting else {}


def of_library(kind: type) -> bool:
    """Whether a class is of an installed library whose `forward` decides what it calls."""
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    return bool(file) and not of_person(str(file)) and not kind.__module__.startswith("torch.nn.")


def texts(which: List[int], named: Dict[int, str], held: Dict[int, Any]) -> List[str]:
    """The names of parameters, or their shapes; at most 20, then how many more."""
    told = []
    for i in which[:NAMES_MAX]:
        shape = tuple(held[i].shape) if i in held else None
        told.append(named.get(i) or ("unnamed" if shape is None else "unnamed %s" % (shape,)))
    return told + (["%d more" % (len(which) - NAMES_MAX)] if len(which) > NAMES_MAX else [])


def share(some: List[Any], of: Any) -> float:
    """The share of values that these tensors hold."""
    whole = sum(p.numel() for p in of)
    return round(sum(p.numel() for p in some) / whole, 4) if whole else 0.0
