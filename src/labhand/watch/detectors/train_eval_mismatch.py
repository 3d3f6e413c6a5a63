"""Training and evaluation that do not see the model, or the data, in the same way.

## What it does
Tells of an evaluation that runs in training mode (with dropout, or batch norm that goes on learning), of
a training that goes on in evaluation mode, and of evaluation inputs with another mean and scale than
those of training, or with channels in another order; of a functional dropout that drops in evaluation, too. Needs the probe, or a log of the means and deviations of the inputs of both.

## Why it is bad
The validation figures are those of another model or of other data: they are noise to every decision
that is made by them, and batch norm even learns from the validation data.

## Known problems
Dropout that is left on to estimate uncertainty looks the same; a functional one that is told so is left alone. Only models that do something else in
training (dropout, batch norm) are told of. The inputs of a policy are not compared: what it meets changes
with what it does.

## Example
`with torch.no_grad(): logits = model(images)` without `model.eval()`

## Use instead
`model.eval()` before and `model.train()` after each evaluation; one function that prepares the inputs
of both.

## References
PyTorch, *Autograd mechanics*, on evaluation mode.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from labhand.kit.metric_names import HELD_OUT
from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.tracks import median
from labhand.watch.view import View

PROBED = {
    "batch/mean": (False, "mean"),
    "batch/std": (False, "std"),
    "eval/mean": (True, "mean"),
    "eval/std": (True, "std"),
}
"""What the probe measures: whether of evaluation, and what."""
CALLS = 2
"""Calls in the wrong mode after which it is told."""
LOOKS = 5
RATIO, SHIFT = 3.0, 1.5
"""Evaluation inputs so many times wider or narrower, or shifted by so many deviations, are others."""


class Detector:
    """Watches the modes of the calls and the inputs of both kinds."""

    wants: Wants = ("batch/", "eval/", "input-mean", "input-deviation", Fact)

    def __init__(self, view: View) -> None:
        self._view = view
        self._training: dict[str, list[float]] = {"mean": [], "std": []}
        self._evaluation: dict[str, list[float]] = {"mean": [], "std": []}
        self._told: set[str] = set()
        self._since: dict[str, int] = {}
        self._seen = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The mismatch that this signal proves."""
        if isinstance(signal, Fact):
            if signal.kind == "statistics":
                return (self._statistics(signal),)
            if signal.kind == "dropping":
                return (self._dropping(signal),)
            if signal.kind == "channels":
                return (self._channels(signal),)
            return self._modes(signal) if signal.kind == "modes" else ()
        if not isinstance(signal, Points):
            return ()
        evaluated = False
        for name, value in signal.values.items():
            told = self._of(name)
            if told is not None and value - value == 0:
                held, what = told
                values = (self._evaluation if held else self._training)[what]
                self._seen = True
                values.append(value)
                del values[:-LOOKS]
                evaluated = evaluated or (held and what == "std")
        return self._inputs(signal) if evaluated else ()

    def blind(self) -> str | None:
        """Why it could not look."""
        if self._seen:
            return None
        return "it needs the probe's look at the inputs (PyTorch, CPU), or a log of their mean and deviation"

    def _of(self, name: str) -> tuple[bool, str] | None:
        """Whether a metric is of the inputs of evaluation, and which of their measures; None of others."""
        if name in PROBED:
            return PROBED[name]
        role = self._view.roles.of(name)
        if role not in ("input-mean", "input-deviation"):
            return None
        held = not HELD_OUT.isdisjoint(re.split(r"[^a-z]+", name.lower()))
        return held, "mean" if role == "input-mean" else "std"

    def _modes(self, fact: Fact) -> Iterable[Claim]:
        self._seen = True
        data = fact.data
        for what in ("eval_in_training", "train_in_eval"):
            if data.get(what, 0) and what not in self._since:
                self._since[what] = int(data.get("step") or 0)
        if data.get("train_in_eval", 0) >= CALLS and "train_in_eval" not in self._told:
            return self._claim_mode("train_in_eval", fact)
        wrong = data.get("eval_in_training", 0)
        if wrong >= CALLS and wrong > data.get("eval_in_eval", 0) and not self._told:
            return self._claim_mode("eval_in_training", fact)
        return ()

    def _statistics(self, fact: Fact) -> Claim:
        """What is told of running statistics that are still those of the beginning."""
        self._seen = True
        data = fact.data
        text = (
            f"After {data.get('batches')} batches the running statistics of `{data.get('layer')}` are still "
            f"{float(data.get('weight', 1)):.0%} those that it was made with: evaluation sees other activations "
            "than training"
        )
        momentum = data.get("momentum")
        cause = Cause(
            f"a batch norm whose momentum is {momentum}: in PyTorch it is the weight of the newest batch, usually "
            "0.1, and not that of what was before",
            0.9,
            f"`{data.get('layer')}` follows its batches by {momentum} of what they differ",
        )
        advice = "Give batch norm a momentum of about 0.1, or one minus that of the framework it comes from."
        return self._claim(
            "statistics", text, cause, advice, fact.time, int(data.get("step") or 0), data
        )

    def _dropping(self, fact: Fact) -> Claim:
        """What is told of a function that drops whatever the mode of the model is."""
        self._seen = True
        data = fact.data
        where = f"`F.{data.get('what')}` in line {data.get('line')} of `{Path(str(data.get('path'))).name}`"
        text = (
            f"{where} drops {float(data.get('p', 0.5)):.0%} while the model is evaluated: it is not told whether the model "
            "trains, and `eval()` does not reach it"
        )
        cause = Cause(
            "a functional dropout without `training=self.training`",
            0.9,
            "it was called so in evaluation mode",
        )
        advice = "Give it `training=self.training`, or use an `nn.Dropout` layer."
        return self._claim(
            "dropping", text, cause, advice, fact.time, int(data.get("step") or 0), data
        )

    def _channels(self, fact: Fact) -> Claim:
        """What is told of images whose channels stand in another order."""
        self._seen = True
        order = [int(place) + 1 for place in fact.data.get("order", ())]
        text = (
            f"The channels of the images that are evaluated are channels {', '.join(map(str, order))} of those of the "
            "training: by their means and deviations they stand in another order"
        )
        cause = Cause(
            "two readers of images, of which one gives RGB and the other BGR",
            0.85,
            "in that order the channels agree, and as they stand they do not",
        )
        advice = "Read the images of both with one function, or turn the channels of one (`cv2.cvtColor`)."
        step = int(fact.data.get("step") or 0)
        return self._claim("channels", text, cause, advice, fact.time, step, fact.data)

    def _claim_mode(self, what: str, fact: Fact) -> Iterable[Claim]:
        layers = ", ".join(f"`{name}`" for name in fact.data.get("layers", []))
        training = what == "train_in_eval"
        message = (
            "The training goes on in evaluation mode"
            if training
            else "The evaluation runs in training mode"
        )
        cause = (
            Cause(
                "`model.train()` that is not called again after an evaluation",
                0.85,
                f"{fact.data.get('train_in_eval')} measured steps were made in evaluation mode",
            )
            if training
            else Cause(
                "`model.eval()` that is not called before the evaluation",
                0.85,
                f"{fact.data.get('eval_in_training')} calls without gradients were in training mode, "
                f"{fact.data.get('eval_in_eval')} in evaluation mode",
            )
        )
        advice = "Call `model.eval()` before and `model.train()` after each evaluation."
        text = f"{message}, with dropout or batch norm in {layers}"
        return (self._claim(what, text, cause, advice, fact.time, self._since[what], fact.data),)

    def _inputs(self, row: Points) -> Iterable[Claim]:
        if (
            "inputs" in self._told
            or self._view.course.rewards
            or len(self._evaluation["std"]) < CALLS
        ):
            return ()
        if len(self._training["std"]) < LOOKS:
            return ()
        of = {
            kind: (median(kept["mean"]), median(kept["std"]))
            for kind, kept in (("training", self._training), ("evaluation", self._evaluation))
        }
        (mean, std), (other, width) = of["training"], of["evaluation"]
        if not std > 0 or not width >= 0:
            return ()
        shift, ratio = abs(other - mean) / std, width / std
        if 1 / RATIO <= ratio <= RATIO and shift <= SHIFT:
            return ()
        text = (
            f"Evaluation inputs have mean {other:.3g} and deviation {width:.3g}, those of training "
            f"{mean:.3g} and {std:.3g}"
        )
        cause = Cause(
            "inputs that are normalised in one place and not, or otherwise, in the other",
            0.8,
            f"{ratio:.2g} times the deviation, a shift of {shift:.2g} deviations",
        )
        advice = "Let one function prepare the inputs of training and evaluation."
        evidence = {"shift": round(shift, 3), "ratio": round(ratio, 4)}
        return (self._claim("inputs", text, cause, advice, row.time, row.step, evidence),)

    def _claim(
        self, key: str, text: str, cause: Cause, advice: str, time: float, step: int,
        evidence: Mapping[str, Any],
    ) -> Claim:  # fmt: skip
        self._told.add(key)
        return Claim(
            key=key,
            state="confirmed",
            severity="warning",
            confidence=cause.confidence,
            message=text,
            advice=advice,
            step=step,
            time=time,
            evidence=dict(evidence),
            causes=[cause],
        )
