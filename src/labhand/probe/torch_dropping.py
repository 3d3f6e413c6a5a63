"""Whether something is dropped while a model is evaluated: `F.dropout` that nobody tells the mode of."""

from __future__ import annotations

import sys

from .people import of_person
from .torch_looks import compiled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

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
        """What the call gives; while it goes on, functions that drop are ours."""
        self.wanted = False
        self.left -= 1
        looks = self.calls.looks
        heard: List[Any] = []
        before = looks.guard("dropping", self.put_in, module, heard)
        if not before:
            return call(module, *args, **kwargs)
        self.busy = True
        try:
            return call(module, *args, **kwargs)
        finally:
            for name, original in before.items():
                setattr(self.torch.nn.functional, name, original)
            self.busy = False
            if heard:
                self.left = 0
                looks.guard("dropping", self.tell, looks, heard[0])

    def put_in(self, module: Any, heard: List[Any]) -> Dict[str, Any]:
        """Puts functions of ours in the place of those that drop, which it gives; none where anything is compiled."""
        space = self.torch.nn.functional
        if compiled(module):
            return {}
        before = {name: vars(space)[name] for name in NAMES if name in vars(space)}
        for name, original in before.items():
            setattr(space, name, listening(name, original, heard))
        return before

    def tell(self, looks: Any, heard: Any) -> None:
        """Writes the fact."""
        looks.session.event("dropping", step=looks.now(), **heard)


def listening(name: str, original: Any, heard: List[Any]) -> Any:
    """The function, which notes where the person's own code calls it without saying whether it trains."""

    def ours(*args: Any, **kwargs: Any) -> Any:
        if len(args) < 3 and "training" not in kwargs and not heard:
            share = args[1] if len(args) > 1 else kwargs.get("p", 0.5)
            try:
                note(sys._getframe(1), name, share, heard)
            except Exception:  # it is only extra: what the model computes must not be stopped by it
                pass
        return original(*args, **kwargs)

    return ours


def note(frame: Any, name: str, share: Any, heard: List[Any]) -> None:
    """Notes a call that drops a share, made by the person's code in this frame."""
    path = frame.f_code.co_filename
    if isinstance(share, (int, float)) and share > 0 and of_person(path):
        heard.append({"path": path, "line": frame.f_lineno, "what": name, "p": float(share)})
