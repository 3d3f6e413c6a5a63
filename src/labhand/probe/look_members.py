"""Which weights get gradients while no optimizer holds them."""

from __future__ import annotations

import gc
import sys
import weakref

from . import torch_loads
from .people import of_person
from .torch_calls import variables
from .torch_looks import Look
from .torch_replay import inner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Set, Tuple

LOOKS, THAWED, STEPS = 3, 2, 8
"""Looks in which a weight must have had a gradient and its old values, those of one that was thawed, and the
steps from the first of them."""
WALKS = 3
"""How often all objects of the process are walked for the models that unknown weights belong to."""
VALUES = 64
NAMES_MAX = 20


class Member:
    """A weight that got a gradient and is in no optimizer; what it was when that was first seen."""

    __slots__ = ("looks", "moved", "name", "step", "values", "weight")

    def __init__(self, name: str, weight: Any, step: int) -> None:
        self.name, self.weight, self.step = name, weakref.ref(weight), step
        self.values, self.looks, self.moved = some(weight), 1, False

    def seen_again(self) -> None:
        """It has a gradient in another look."""
        weight = self.weight()
        self.looks += 1
        self.moved = self.moved or weight is None or some(weight) != self.values

    def proves(self, step: int, looks: int) -> bool:
        """Whether it is sure by now, after so many looks, that nobody trains it."""
        return not self.moved and self.looks >= looks and step - self.step >= STEPS


class Members(Look):
    """Tells as facts `unheld` of weights that get gradients and are in no optimizer.

    Weights that change though no optimizer holds them are changed by hand; what was trained before, was loaded
    and never frozen, runs in evaluation mode or is of a library's own model is meant to stay as it is.
    """

    name = "members"
    weight = 0.5

    def __init__(self, torch: Any, looks: Any) -> None:
        super().__init__(torch, looks)
        self.frozen: Set[int] = set()
        self.thawed: Set[int] = set()
        self.found: Dict[int, Member] = {}
        self.homes: Dict[int, Tuple[str, Any, Any]] = {}
        self.walks = 0
        self.told: Tuple[int, ...] = ()

    def gradients(self, optimizer: Any) -> None:
        """Looks for them among the models, and the weights that the loss was seen to depend on."""
        held = held_by(self.looks.optimizers())
        reached, self.looks.reached = self.looks.reached, {}
        for i, weight in held.items():
            if i not in self.looks.trained or self.looks.trained[i]() is not weight:
                self.looks.trained[i] = weakref.ref(weight)
        for name, weight in self.without_optimizer(held, reached):
            known = self.found.get(id(weight))
            if known is None or known.weight() is not weight:
                self.found[id(weight)] = Member(name, weight, self.step)
            else:
                known.seen_again()
        for i in [i for i, m in self.found.items() if i in held or m.weight() is None]:
            del self.found[i]
        looks = {i: THAWED if i in self.thawed else LOOKS for i in self.found}
        every = self.found.items()
        self.tell({i: member.name for i, member in every if member.proves(self.step, looks[i])})

    def tell(self, proven: Dict[int, str]) -> None:
        """Writes the fact, where it is another than the last."""
        if tuple(proven) == self.told:
            return
        self.told = tuple(proven)
        self.event(
            "unheld",
            names=list(proven.values())[:NAMES_MAX],
            total=len(proven),
            thawed=bool(self.thawed & proven.keys()),
            step=self.step,
        )

    def without_optimizer(
        self, held: Dict[int, Any], reached: Dict[int, Any]
    ) -> Iterator[Tuple[str, Any]]:
        """The weights that have a gradient and are in no optimizer though they seem meant to be, with their names."""
        own: Set[int] = set()
        for model in self.looks.models():
            before = self.looks.path_of(model)
            for name, weight in inner(model).named_parameters():
                own.add(id(weight))
                if not weight.requires_grad:
                    self.frozen.add(id(weight))
                elif id(weight) in self.frozen:
                    self.thawed.add(id(weight))
                fit = weight.requires_grad and weight.grad is not None and id(weight) not in held
                if fit and self.is_meant(weight):
                    yield ".".join(filter(None, (before, name))), weight
        self.look_for({i: w for i, w in reached.items() if i not in held and i not in own})
        for i, (name, module, reference) in self.homes.items():
            whole, weight = module(), reference()
            if whole is None or weight is None or not whole.training or i in held or i in own:
                continue
            if weight.grad is not None and self.is_meant(weight):
                yield name, weight

    def is_meant(self, weight: Any) -> bool:
        """Whether it was never trained before, and not loaded either, or else frozen for a time."""
        known = self.looks.trained.get(id(weight))
        if id(weight) in self.thawed:
            return True
        return (known is None or known() is not weight) and not torch_loads.was_loaded(weight)

    def look_for(self, weights: Dict[int, Any]) -> None:
        """Finds the outermost modules of these weights, where they are not of a library's model, and names both.

        Walks all objects of the process: about 0.1 s for a large one.
        """
        new = {i: w for i, w in weights.items() if i not in self.homes and self.is_meant(w)}
        if not new or self.walks >= WALKS:
            return
        self.walks += 1
        base = self.torch.nn.Module
        every = [
            m for m in gc.get_objects() if issubclass(type(m), base) and "_modules" in m.__dict__
        ]
        inside = {id(c) for m in every for c in m._modules.values() if c is not None}
        outer = [m for m in every if id(m) not in inside and of_script(type(m))]
        holding = [m for m in outer if any(id(p) in new for p in m.parameters())]
        called = variables(holding)
        for module in holding:
            before = called.get(id(module)) or type(module).__name__
            for name, weight in module.named_parameters():
                if id(weight) in new:
                    home = ("%s.%s" % (before, name), weakref.ref(module), weakref.ref(weight))
                    self.homes[id(weight)] = home


def held_by(optimizers: List[Any]) -> Dict[int, Any]:
    """The parameters of optimizers, by identity."""
    return {id(p): p for o in optimizers for g in o.param_groups for p in g["params"]}


def of_script(kind: type) -> bool:
    """Whether a class of modules is PyTorch's own or the person's, and no library's."""
    if kind.__module__.partition(".")[0] == "torch":
        return True
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file is None or of_person(str(file))


def some(weight: Any) -> List[float]:
    """Some of its values; on a GPU, for which nobody waits, how often it was changed in place."""
    if weight.device.type != "cpu":
        return [weight._version]
    found: List[float] = weight.detach().reshape(-1)[:VALUES].tolist()
    return found
