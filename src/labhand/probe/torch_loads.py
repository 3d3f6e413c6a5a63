"""Tells what was loaded into models, and whether it is what is trained."""

from __future__ import annotations

import sys
import weakref

from .wrap import around

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Set, Tuple

    from .session import Session

TENSORS_MAX = 5000
KEYS_MAX = 20
LOADS_MAX = 50
KNOWN: List[Load] = []
"""The loads of this process, the first 50."""


READ: Dict[int, Any] = {}
"""The tensors that were read from files, by identity: copies of living models are no checkpoints."""
VALUES: Dict[str, Tuple[Tuple[int, ...], List[float]]] = {}
"""Shapes and some values of matrices that were read from files, by their keys."""
VALUES_MAX, LEAST = 200, 2
KEPT_MAX, OTHER, MOSTLY = 24, 0.1, 0.75
"""Matrices of a load that are looked at before the first step; the share of their size by which those that were
written over are others, and the share of them that must be."""
STEP_RATES = 3.0
"""So many learning rates a step may move a weight by."""
ALIKE = 0.2
"""Weights are those of the file where they differ from it by less than this share of their size, on average."""


class Load:
    """One call of `load_state_dict` of a module: which module it was, and which keys arrived."""

    def __init__(self, module: Any, arrived: Set[str]) -> None:
        self.module = weakref.ref(module)
        self.arrived = arrived
        self.weights = {id(p): weakref.ref(p) for p in module.parameters()}
        kept = [p for n, p in module.named_parameters() if n in arrived and p.dim() > 1]
        self.values = [(weakref.ref(p), some(p)) for p in kept[:KEPT_MAX] if p.device.type == "cpu"]


def arm(torch: Any, session: Session) -> None:
    """Tells each call of a module's `load_state_dict` as an event `loaded`."""

    def read(result: Any, *_: Any, **__: Any) -> None:
        remember(torch, result, 3)

    def loaded(result: Any, module: Any, state: Any = None, strict: bool = True, **_: Any) -> None:
        if not state or len(KNOWN) >= LOADS_MAX:
            return
        missing = list(getattr(result, "missing_keys", ()))
        unexpected = list(getattr(result, "unexpected_keys", ()))
        arrived = set(state).difference(unexpected)
        if any(is_read(value) for value in list(state.values())[:5]):
            KNOWN.append(Load(module, arrived))
        session.event(
            "loaded",
            model=type(module).__name__,
            given=len(state),
            taken=len(arrived),
            missing=missing[:KEYS_MAX],
            missing_total=len(missing),
            unexpected=unexpected[:KEYS_MAX],
            unexpected_total=len(unexpected),
            strict=bool(strict),
        )

    around(session, torch.nn.Module, "load_state_dict", after=loaded)
    around(session, torch, "load", after=read)


def arm_safetensors(module: Any, session: Session) -> None:
    """Remembers what is read from safetensors files."""
    torch = sys.modules.get("torch")

    def read(result: Any, *_: Any, **__: Any) -> None:
        if torch is not None:
            remember(torch, result, 1)

    around(session, module, "load_file", after=read)


def remember(torch: Any, found: Any, depth: int) -> None:
    """Remembers the tensors in what was read from a file."""
    if isinstance(found, torch.Tensor):
        if len(READ) < TENSORS_MAX:
            READ[id(found)] = weakref.ref(found)
    elif isinstance(found, dict) and depth:
        for key, value in list(found.items()):
            remember(torch, value, depth - 1)
            if len(VALUES) < VALUES_MAX and is_matrix(torch, value):
                VALUES[str(key)] = tuple(value.shape), some(value)


def is_matrix(torch: Any, value: Any) -> bool:
    """Whether it is a tensor of floats on the CPU with two dimensions or more."""
    matrix = isinstance(value, torch.Tensor) and value.dim() > 1
    return bool(matrix and value.device.type == "cpu" and value.is_floating_point())


def some(tensor: Any) -> List[float]:
    """Some values of a tensor, from its beginning."""
    found: List[float] = tensor.detach().reshape(-1)[:16].tolist()
    return found


def read_and_other(weights_of: Callable[[], Dict[str, Any]]) -> int:
    """How many matrices were read from a file whose names and shapes are those of weights, and values of none.

    0 where any weight has the values of the file, or anything was loaded into a module.
    """
    if KNOWN or not VALUES:
        return 0
    other = 0
    for name, weight in weights_of().items():
        shape, values = VALUES.get(name, ((), []))
        if shape != tuple(weight.shape) or weight.device.type != "cpu":
            continue
        size = sum(map(abs, values))
        apart = sum(abs(a - b) for a, b in zip(some(weight), values))  # noqa: B905
        if apart < ALIKE * size or not size:
            return 0
        other += 1
    return other if other >= LEAST else 0


def written_over(held: Set[int], rate: float) -> Tuple[int, int]:
    """How many matrices have other values than were loaded into them, and of how many; of those that are `held`.

    To be asked before more than a step was trained, at a learning rate of `rate`. Nothing where most are what was
    loaded: a new head is meant.
    """
    other = of = 0
    for load in KNOWN:
        for reference, values in load.values:
            weight = reference()
            size = sum(map(abs, values))
            if weight is None or id(weight) not in held or not size:
                continue
            of += 1
            apart = sum(abs(a - b) for a, b in zip(some(weight), values))  # noqa: B905
            other += apart > OTHER * size + STEP_RATES * rate * len(values)
    return (other, of) if other >= LEAST and other >= MOSTLY * of else (0, of)


def is_read(tensor: Any) -> bool:
    """Whether this very tensor was read from a file."""
    known = READ.get(id(tensor))
    return known is not None and known() is tensor


def was_loaded(weight: Any) -> bool:
    """Whether this very weight was in a module when something was loaded into that."""
    known = [load.weights.get(id(weight)) for load in KNOWN]
    return any(reference is not None and reference() is weight for reference in known)


def in_use(held: Dict[int, Any], names: Set[str]) -> Dict[str, Any]:
    """How many modules something was loaded into, and whether these are the ones that are trained.

    `held` are the optimizers' parameters by identity, `names` those of the trained models. `twins`:
    loads into modules that are not trained, whose keys are mostly the names of one that is.
    """
    arrivals = [load for load in KNOWN if load.arrived]
    used = twins = 0
    for load in arrivals:
        module = load.module()
        if module is not None and any(id(p) in held for p in module.parameters()):
            used += 1
        elif 2 * len(load.arrived & names) >= max(1, len(load.arrived)):
            twins += 1
    return {"loads": len(arrivals), "loads_in_use": used, "twins": twins, "read": len(READ)}
