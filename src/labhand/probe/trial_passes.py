"""The calls of the models: which are training, which evaluation, and what an evaluation does to the model."""

from __future__ import annotations

from .torch_calls import tensors_of
from .torch_replay import inner, untouched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set

    from .trial import Trial

EVALUATIONS = 3
"""Calls of an evaluation that are looked at, at one place."""
SHARE = 0.5
"""A place that is come by in a larger share of the steps belongs to the training, as a teacher does."""
NAMES_MAX = 6
RECENT_MAX = 32


class Pass:
    """One call of an outermost module."""

    def __init__(self, module: Any, args: Any, kwargs: Any, at: Any, graphs: bool) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.at = at
        self.graphs = graphs
        self.training = bool(module.training)
        self.output: Any = None
        self.buffers: Dict[str, Any] = {}

    @property
    def key(self) -> Any:
        """Where it is called, and how: a framework trains and evaluates from one line of the script."""
        return self.at and (self.at["path"], self.at["line"]), self.training, self.graphs

    @property
    def aside(self) -> bool:
        """Whether it surely is no training step by itself."""
        return not self.graphs or not self.training


class Passes:
    """Events `measured` of `evaluation`, one for each place, and of `mode`."""

    name = "passes"

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.torch = trial.torch
        self.depth = 0
        self.called_modules: Dict[int, Any] = {}
        self.used: Set[int] = set()
        self.under_way: Optional[Pass] = None
        self.recent: List[Pass] = []
        self.train: Optional[Pass] = None
        self.places: Set[Any] = set()
        """Where the model is called for training."""
        self.evaluations: Dict[Any, Dict[str, Any]] = {}
        self.evaluated_at: Optional[int] = None
        self.modes: Dict[str, Any] = {"train": 0, "eval": 0, "eval_after": 0, "at": None}

    # -- calls

    def call_begins(self, module: Any, args: Any, kwargs: Any, at: Any) -> None:
        """The script calls a module; a pass is what has weights."""
        self.inside(module)
        if not any(True for _ in module.parameters()):
            return
        made = self.under_way = Pass(module, args, kwargs, at, self.graphs())
        self.called_modules.setdefault(id(module), module)
        if made.aside and self._wanted(made):
            made.buffers = {n: b.clone() for n, b in module.named_buffers() if b is not None}

    def inside(self, module: Any) -> None:
        """Notes the weights of a module that is called, by the script or by another module."""
        self.used.update(id(p) for p in module._parameters.values() if p is not None)

    def call_ends(self, module: Any, output: Any) -> None:
        """The outermost module has returned."""
        call, self.under_way = self.under_way, None
        if call is None or call.module is not module:
            return
        call.output = output
        if call.graphs:
            self.recent.append(call)
            del self.recent[:-RECENT_MAX]
        if call.aside and self.trial.steps and self._wanted(call):
            self._look(call)

    def graphs(self) -> bool:
        """Whether gradients are followed in the script; here they are not."""
        return self.trial.graphs

    def _wanted(self, call: Pass) -> bool:
        known = self.evaluations.get(call.key)
        fresh = known is None or known["looked"] < EVALUATIONS or known["step"] != self.trial.steps
        return fresh and call.key not in self.places

    def _look(self, call: Pass) -> None:
        """Runs an evaluation's call once more, to see whether the answer is the same."""
        known = self.evaluations.setdefault(
            call.key,
            {
                "at": call.at, "steps": [], "calls": 0, "looked": 0, "step": -1, "training": 0,
                "graphs": 0, "differs": 0.0, "changed": [], "layers": [], "scale": 0.0,
                "model": type(inner(call.module)).__name__,
            },
        )  # fmt: skip
        known["calls"] += 1
        if known["step"] != self.trial.steps:
            known["step"] = self.trial.steps
            known["steps"].append(self.trial.steps)
        if known["looked"] >= EVALUATIONS or not owned(self.trial, call.module):
            return
        known["looked"] += 1
        known["training"] += call.training
        known["graphs"] += call.graphs
        changed = [n for n, b in call.module.named_buffers() if n in call.buffers and _other(self.torch, b, call.buffers[n])]  # fmt: skip
        known["changed"] = sorted({*known["changed"], *changed})[:NAMES_MAX]
        known["layers"] = sensitive(self.torch, call.module)[:NAMES_MAX]
        module = inner(call.module)
        with untouched(self.torch, module):
            again = tensors_of(self.torch, module(*call.args, **call.kwargs), 4)
        first = tensors_of(self.torch, call.output, 4)
        for one, other in zip(first, again):  # noqa: B905
            if one.shape == other.shape and one.is_floating_point() and one.numel():
                apart = float((one.detach() - other.detach()).abs().max())
                known["differs"] = max(known["differs"], apart)
                known["scale"] = max(known["scale"], float(one.detach().abs().max()))

    # -- steps

    def backward_begins(self, loss: Any, at: Any) -> None:
        """What was called last with a graph is training."""
        if not self.recent:
            return
        # the last one may be a loss with weights of its own
        call = max(self.recent[-2:], key=lambda c: sum(p.numel() for p in c.module.parameters()))
        self.places.add(call.key)
        self.train = call
        if call.training:
            self.modes["train"] += 1
        else:
            self.modes["eval"] += 1
            evaluated = self.evaluated_at is not None
            if evaluated and self.modes["train"] and sensitive(self.torch, call.module):
                self.modes["eval_after"] += 1
                self.modes["at"] = call.at
                self.modes["layers"] = sensitive(self.torch, call.module)[:NAMES_MAX]
        self.recent = []

    def stepped(self) -> None:
        """Settles which of the places that looked like an evaluation are one."""
        if self.evaluated_at is None and self.trial.steps > 2:
            for known in self.found():
                if known["calls"] and known["steps"][-1] < self.trial.steps:
                    self.evaluated_at = known["steps"][-1]

    def found(self) -> List[Dict[str, Any]]:
        """The places where models are evaluated."""
        steps = max(1, self.trial.steps)
        return [
            known
            for key, known in self.evaluations.items()
            if key not in self.places and len(known["steps"]) <= max(1, SHARE * steps)
        ]

    def report(self) -> None:
        """Says what evaluation does, and in which mode the model is trained."""
        for key, known in self.evaluations.items():
            told = {k: v for k, v in known.items() if k not in ("at", "steps", "step")}
            told["share"] = (
                1.0 if key in self.places else len(known["steps"]) / max(1, self.trial.steps)
            )
            self.trial.measured("evaluation", known["at"], **told)
        at = self.modes["at"] or (self.train.at if self.train is not None else None)
        self.trial.measured(
            "mode",
            at,
            evaluated=self.evaluated_at,
            **{k: v for k, v in self.modes.items() if k != "at"},
        )

    # -- the models

    def roots(self) -> List[Any]:
        """The modules that were called by the script itself."""
        return list(self.called_modules.values())

    def outermost(self) -> List[Any]:
        """Those of them that are not part of another."""
        every = self.roots()
        parts = {id(c) for m in every for c in m.modules() if c is not m}
        return [m for m in every if id(m) not in parts]

    def models(self) -> List[str]:
        """The classes of the models."""
        return sorted({type(inner(m)).__name__ for m in self.outermost()})


def owned(trial: Trial, module: Any) -> bool:
    """Whether an optimizer holds any of the module's weights."""
    held = {id(p) for h in trial.weights.known for p in h.weights()}
    return any(id(p) in held for p in module.parameters())


def sensitive(torch: Any, model: Any) -> List[str]:
    """The layers that do something else in training than in evaluation."""
    nn = torch.nn.modules
    return [
        "%s (%s)" % (name or "itself", type(layer).__name__)
        for name, layer in model.named_modules()
        if (isinstance(layer, nn.dropout._DropoutNd) and layer.p)
        or (isinstance(layer, nn.batchnorm._BatchNorm) and layer.track_running_stats)
    ]


def _other(torch: Any, one: Any, before: Any) -> bool:
    return one.shape != before.shape or not bool(torch.equal(one, before))
