"""Whether something is dropped while a model is evaluated: `F.dropout` that nobody tells the mode of."""

from __future__ import annotations

import sys

from .people import of_person
from .torch_looks import compiled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List

NAMES = ("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout")
"""Functions of `torch.nn.functional` that drop unless they are told not to."""
CALLS = 3
"""Calls of a model in evaluation mode that are listened to."""


class Dropping:
    """Listens to the first calls in evaluation mode; what it hears of is told once, as a fact `dropping`."""

    def __init__(self, torch: Any, calls: Any) -> None:
        self.torch, self.calls = torch, calls
        self.left = CALLS
        self.wanted = self.busy = False

    def asked(self, module: Any) -> None:
        """A model is called outside training."""
        self.wanted = bool(self.left) and not module.training and not self.busy

    def listen(self, call: Callable[..., Any], module: Any, args: Any, kwargs: Any) -> Any:
        """What the call gives; while it goes on, functions that drop are ours. Not where anything is compiled."""
        self.wanted = False
        self.left -= 1
        if compiled(module):
            return call(module, *args, **kwargs)
        space = self.torch.nn.functional
        heard: List[Any] = []
        before = {name: getattr(space, name) for name in NAMES if name in vars(space)}
        self.busy = True
        try:
            for name, original in before.items():
                setattr(space, name, listening(name, original, heard))
            return call(module, *args, **kwargs)
        finally:
            for name, original in before.items():
                setattr(space, name, original)
            self.busy = False
            if heard:
                self.left = 0
                looks = self.calls.looks
                looks.guard("dropping", self.tell, looks, heard[0])

    def tell(self, looks: Any, heard: Any) -> None:
        """Writes the fact."""
        looks.session.event("dropping", step=looks.now(), **heard)


def listening(name: str, original: Any, heard: List[Any]) -> Any:
    """The function, which notes where the person's own code calls it without saying whether it trains."""

    def ours(*args: Any, **kwargs: Any) -> Any:
        if len(args) < 3 and "training" not in kwargs and not heard:
            frame = sys._getframe(1)
            share = args[1] if len(args) > 1 else kwargs.get("p", 0.5)
            path = frame.f_code.co_filename
            if of_person(path) and isinstance(share, (int, float)) and share > 0:
                heard.append(
                    {"path": path, "line": frame.f_lineno, "what": name, "p": float(share)}
                )
        return original(*args, **kwargs)

    return ours
