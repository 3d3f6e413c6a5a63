"""Where a script begins another training, with its optimizer or without one, and where none ever steps."""

from __future__ import annotations

import weakref

from .look_layers import leaves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List

LEAST = 100
"""Steps of one training after which another may begin: what adapts a copy for a few steps is none."""
MOST = 50
"""Trainings that are told apart in one process."""
CLEARED = 20
"""So often must gradients have been cleared with no step taken."""
BACKWARD, EVALUATED = 32, 3
"""So often must backward have been called, and the model evaluated between, with no step taken."""
TRIED = 8
"""How often it is looked whether a loss has left the weights of an optimizer that gets no gradient any more."""
CLEAR_LOOKS = 8
"""Steps before which gradients must all have been there still."""
VALUES = 64


class Trainings:
    """Knows the weights that are trained; `event` tells of what begins, or never does."""

    def __init__(self, event: Callable[..., None]) -> None:
        self.event = event
        self.began = self.count = 0
        self.known: List[Any] = []
        self.made_at: Any = weakref.WeakKeyDictionary()
        self.cleared = self.evaluated = self.heard = self.looked = self.uncleared = 0
        self.watched: Any = None
        self.first: List[float] = []
        self.told = self.fed = self.starved = False
        self.tried = 0

    # -- another training

    def made(self, optimizer: Any, step: int) -> None:
        """An optimizer was made at this step."""
        self.made_at[optimizer] = step

    def leads(self, optimizer: Any, step: int) -> bool:
        """Whether another training begins with this optimizer, which leads from now on.

        It was made while another one led, and holds none of the weights that were trained before.
        """
        weights = parameters(optimizer)
        before = {id(weight) for weight in (known() for known in self.known) if weight is not None}
        anew = (
            bool(self.known)
            and self.count < MOST
            and step - self.began >= LEAST
            and self.made_at.get(optimizer, 0) > self.began
            and not any(id(weight) in before for weight in weights)
        )
        if anew:
            self.known, self.began, self.count = [], step, self.count + 1
            self.looked = self.uncleared = 0
            self.event("begun", step=step)
        self.known += [weakref.ref(weight) for weight in weights]
        return anew

    def stepping(self, optimizer: Any, main: bool) -> None:
        """An optimizer is about to step: without any gradient, the loss may have left its weights."""
        if main:
            fed = any(weight.grad is not None for weight in parameters(optimizer))
            self.starved, self.fed = self.fed and not fed, self.fed or fed

    def left(self, loss: Any, optimizer: Any, step: int) -> bool:
        """Whether this loss depends on other weights, and on none of the optimizer's, as it did before."""
        if not self.starved or self.tried >= TRIED or loss.grad_fn is None or optimizer is None:
            return False
        self.starved, self.tried = False, self.tried + 1
        reached, held = leaves(loss.grad_fn), parameters(optimizer)
        if not reached or any(id(weight) in reached for weight in held):
            return False
        self.fed, self.began = False, step
        self.looked = self.uncleared = 0
        self.event("begun", step=step)
        self.event("left", held=len(held), reached=len(reached), step=step)
        return True

    # -- gradients are never cleared

    def continued(self, optimizer: Any, step: int) -> None:
        """The first backward of a step is about to be called: is the gradient of the one before still there?"""
        if self.looked >= CLEAR_LOOKS or optimizer is None:
            return
        weight = next((p for p in parameters(optimizer) if p.device.type == "cpu"), None)
        gradient = None if weight is None else weight.grad
        self.looked += 1
        self.uncleared += gradient is not None and bool(gradient.any())
        if self.looked == CLEAR_LOOKS == self.uncleared:
            self.event("uncleared", steps=self.looked, step=step)

    # -- no step is ever taken

    def backward(self, optimizers: Any) -> None:
        """Backward is about to be called, and no optimizer has stepped so far."""
        if self.told:
            return
        weight = self.weight(optimizers)
        if weight is None:
            return
        gradient = weight.grad
        self.cleared += gradient is None or not bool(gradient.any())
        if self.cleared > CLEARED and self.unchanged(weight):
            self.tell(backward=self.cleared, evaluations=self.evaluated)

    def elsewhere(self, optimizers: Any, backward: int) -> None:
        """The model is evaluated after so many calls of backward, and no optimizer has stepped so far."""
        if self.told or backward == self.heard:
            return
        weight = self.weight(optimizers)
        if weight is None:
            return
        self.heard = backward
        self.evaluated += 1
        if self.evaluated >= EVALUATED and backward >= BACKWARD and self.unchanged(weight):
            self.tell(backward=backward, evaluations=self.evaluated)

    def weight(self, optimizers: Any) -> Any:
        """The weight that is watched: the first of an optimizer, on the CPU; its values are noted at first."""
        known = self.watched and self.watched()
        if known is not None:
            return known
        every = [p for o in optimizers for p in parameters(o) if p.device.type == "cpu"]
        if every:
            self.watched, self.first = weakref.ref(every[0]), values(every[0])
        return every[0] if every else None

    def unchanged(self, weight: Any) -> bool:
        """Whether it is what it was: nobody changes it in another way either."""
        return values(weight) == self.first

    def tell(self, **data: int) -> None:
        """Tells of it, once."""
        self.told = True
        self.event("unstepped", **data)


def parameters(optimizer: Any) -> List[Any]:
    """The weights that an optimizer holds and is to train."""
    return [p for g in optimizer.param_groups for p in g["params"] if p.requires_grad]


def values(weight: Any) -> List[float]:
    """Some of a weight's values."""
    found: List[float] = weight.detach().reshape(-1)[:VALUES].tolist()
    return found
