"""What becomes of the weights: gradients that pile up, weights that no loss reaches or no optimizer holds."""

from __future__ import annotations

import gc
import weakref

from .look_layers import leaves, sample, share

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from .trial import Trial

SAMPLED = 48
"""Weights of an optimizer that are compared, evenly spread."""
NAMES_MAX = 12


class Held:
    """An optimizer, and what its steps did."""

    def __init__(self, optimizer: Any, at: Any) -> None:
        self.optimizer = optimizer
        self.at = at
        self.step_at: Any = None
        self.backward_at: Any = None
        self.steps = self.moved = 0
        self.uncleared = self.emptied = self.without = 0
        self.carried: List[float] = []
        """The norms of the gradients that were there already when the next backward began."""
        self.left: List[Tuple[Any, Any]] = []
        self.cleared = True
        self.looked = False
        """Whether a backward has begun since the last step."""
        self.filled = False
        self.before: List[Tuple[Any, Any]] = []
        self.rates: List[float] = []

    def weights(self) -> List[Any]:
        """The weights it holds."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def sampled(self) -> List[Any]:
        """At most 48 of them that are trained."""
        every = [p for p in self.weights() if p.requires_grad]
        return every[:: max(1, -(-len(every) // SAMPLED))]


class Weights:
    """Events `measured` of `optimizer`, one for each, and `reach`."""

    name = "weights"

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.torch = trial.torch
        self.known: List[Held] = []
        self.old: Dict[int, Any] = {}
        """The weights that were there when an optimizer was made, by identity."""
        self.reached: Dict[int, Any] = {}
        self.filled: Dict[int, Any] = {}
        self.losses = 0
        self.whole = True
        self.backward_at: Any = None

    def optimizer_made(self, optimizer: Any, at: Any) -> None:
        """Notes which weights there are: those that come later are not in it."""
        self.known.append(Held(optimizer, at))
        kind = self.torch.nn.Parameter
        for thing in gc.get_objects():
            if type(thing) is kind:
                self.old[id(thing)] = weakref.ref(thing)

    def held(self, optimizer: Any) -> Optional[Held]:
        """What is known of an optimizer."""
        return next((h for h in self.known if h.optimizer is optimizer), None)

    # -- the points of a step

    def backward_begins(self, loss: Any, at: Any) -> None:
        """Looks whether the gradients of the last step are gone, and what the loss depends on."""
        if not self.trial.looking:
            return
        self.backward_at = at
        for held in self.known:
            if held.left and not held.cleared:
                # by a later backward what was left has grown: then it is cleared only where it is gone
                held.cleared = _gone(held.left) if held.looked else not _same(held.left)
            held.looked = True
        if loss is None or loss.grad_fn is None:
            return
        self.losses += 1
        found = variables(loss.grad_fn)
        self.whole = self.whole and found is not None
        self.reached.update(found or {})

    def backward_ends(self) -> None:
        """Notes which weights have got a gradient."""
        if not self.trial.looking:
            return
        for key, weight in self.reached.items():
            if (
                key not in self.filled
                and weight.grad is not None
                and bool((weight.grad != 0).any())
            ):
                self.filled[key] = weight
        for held in self.known:
            if _filled(held.sampled()):
                held.filled, held.backward_at = True, self.backward_at

    def step_begins(self, optimizer: Any, at: Any, closure: bool) -> None:
        """Looks at the gradients as the optimizer gets them; a closure makes them within the step."""
        held = self.held(optimizer)
        if held is None or not self.trial.looking:
            return
        held.step_at = held.step_at or at
        sampled = held.sampled()
        if not closure:
            self._judge(held, sampled)
        held.before = [(p, sample(p.detach()).clone()) for p in sampled]
        held.rates.append(float(max(group["lr"] for group in optimizer.param_groups)))

    def _judge(self, held: Held, sampled: List[Any]) -> None:
        """Whether the gradients of this step hold those of the step before, or are gone."""
        if not _filled(sampled):
            held.emptied += held.filled
            held.without += not held.filled
        elif held.steps and not held.cleared:
            held.uncleared += 1
            held.carried.append(_norm(held.left))

    def step_ends(self, optimizer: Any, closure: bool) -> None:
        """Looks which weights the step has moved, and keeps the gradients it has left."""
        held = self.held(optimizer)
        if held is None or not self.trial.looking:
            return
        if closure:
            self._judge(held, held.sampled())
        held.steps += 1
        held.moved += any(bool((sample(p.detach()) != old).any()) for p, old in held.before)
        held.before = []
        held.left = [
            (p, sample(p.grad).clone())
            for p in held.sampled()
            if p.grad is not None and p.grad.layout is self.torch.strided
        ]
        held.cleared = not any(bool((g != 0).any()) for _, g in held.left)
        held.looked = held.filled = False

    # -- what is said

    def report(self) -> None:
        """Says what every optimizer did, and which weights are out of its reach."""
        for number, held in enumerate(self.known):
            self.trial.measured(
                "optimizer", held.at, number=number, of=type(held.optimizer).__name__,
                step_at=held.step_at, backward_at=held.backward_at, steps=held.steps,
                moved=held.moved, uncleared=held.uncleared, carried=held.carried[:4],
                emptied=held.emptied, without=held.without, rate=max(held.rates or [0.0]),
                weights=len(held.weights()), trained=len(held.sampled()),
            )  # fmt: skip
        if self.losses and self.whole:
            self._reach()

    def _reach(self) -> None:
        """Which weights get a gradient and are held by no optimizer, and the other way round."""
        held: Dict[int, Any] = {id(p): p for h in self.known for p in h.weights()}
        names, owners = self._names()
        lost = [p for i, p in self.reached.items() if i not in held and _is_weight(self.torch, p)]
        sorts: Dict[str, List[str]] = {"unregistered": [], "late": [], "left_out": []}
        for weight in lost:
            known = self.old.get(id(weight))
            if id(weight) not in names:
                sorts["unregistered"].append(owners.get(id(weight)) or _shape(weight))
            elif known is None or known() is not weight:
                sorts["late"].append(names[id(weight)])
            else:
                sorts["left_out"].append(names[id(weight)])
        used = self.trial.passes.used
        dead = [i for i, p in held.items() if p.requires_grad and i not in self.reached]
        frozen = [i for i, p in held.items() if not p.requires_grad and i in names]
        at = self.known[0].at if self.known else None
        self.trial.measured(
            "reach", at, reached=len(self.reached), held=len(held), losses=self.losses,
            trained=len([i for i in held if i in self.filled]),
            dead=_few([names.get(i) or _shape(held[i]) for i in dead if i in used or not used]),
            unused=_few([names.get(i) or _shape(held[i]) for i in dead if used and i not in used]),
            frozen=_few([names[i] for i in frozen]), share=share([held[i] for i in frozen], held.values()),
            models=self.trial.passes.models(), **{k: _few(v) for k, v in sorts.items()},
        )  # fmt: skip

    def _names(self) -> Tuple[Dict[int, str], Dict[int, str]]:
        """The names of the weights of the models that were called; and of those that hide in a list."""
        names: Dict[int, str] = {}
        owners: Dict[int, str] = {}
        for model in self.trial.passes.roots():
            names.update({id(p): name for name, p in model.named_parameters()})
        for model in self.trial.passes.roots():
            for before, module in model.named_modules():
                for key, value in list(vars(module).items()):
                    if key.startswith("_") or not isinstance(value, (list, tuple, dict)):
                        continue
                    parts = value.values() if isinstance(value, dict) else value
                    for number, part in enumerate(parts):
                        whole = "%s.%s[%d]" % (before, key, number)
                        for weight in _within(self.torch, part):
                            owners[id(weight)] = whole.lstrip(".")
        # a module in a list was called on its own, and so seems a model of its own
        for key in list(names):
            if key in owners and not any(
                id(p) == key for m in self.trial.passes.outermost() for p in m.parameters()
            ):
                del names[key]
        return names, owners


def variables(root: Any) -> Optional[Dict[int, Any]]:
    """The tensors whose gradients are accumulated under a node; None where not all can be seen."""
    if root is None or not leaves(root):
        return None
    found: Dict[int, Any] = {}
    seen, waiting = {root}, [root]
    while waiting:
        node = waiting.pop()
        variable = getattr(node, "variable", None)
        if variable is not None:
            found[id(variable)] = variable
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return found


def _same(left: List[Tuple[Any, Any]]) -> bool:
    """Whether all gradients that a step has left are still there, and are what they were."""
    return all(
        p.grad is not None and p.grad.shape == p.shape and bool((sample(p.grad) == old).all())
        for p, old in left
    )


def _gone(left: List[Tuple[Any, Any]]) -> bool:
    """Whether all gradients that a step has left are cleared."""
    return not _filled([p for p, _ in left])


def _filled(weights: List[Any]) -> bool:
    """Whether any of them has a gradient other than zero."""
    return any(p.grad is not None and bool((p.grad != 0).any()) for p in weights)


def _norm(left: List[Tuple[Any, Any]]) -> float:
    return float(sum(float(g.float().norm()) ** 2 for _, g in left) ** 0.5)


def _is_weight(torch: Any, thing: Any) -> bool:
    return isinstance(thing, torch.nn.Parameter) and thing.requires_grad


def _within(torch: Any, part: Any) -> List[Any]:
    if isinstance(part, torch.nn.Module):
        return list(part.parameters())
    return [part] if isinstance(part, torch.nn.Parameter) else []


def _shape(weight: Any) -> str:
    return "unnamed %s" % (tuple(weight.shape),)


def _few(names: List[str]) -> Dict[str, Any]:
    """How many there are, and the names of the first."""
    return {"count": len(names), "names": names[:NAMES_MAX]}
