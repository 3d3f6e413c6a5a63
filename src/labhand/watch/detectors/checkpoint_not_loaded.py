"""A checkpoint that was read and did not arrive in the model that is trained.

## What it does
Tells when `load_state_dict` took none, or less than half, of what it was given, and when something was
loaded into a model of the same make that is not the one the optimizer trains; when a checkpoint of the
trained model was read and none of its values are in it, or they were loaded and are gone before the first
step, or a setting says `resume` and nothing was read at
all. That needs the probe; a log alone tells of a loss that jumps from what was won to where it began, where the steps go back or leave a
gap, a column marks a restart, or the loss then falls as it did at first.

## Why it is bad
The run is called fine-tuning and starts from random weights.

## Known problems
Taking only a body out of a larger checkpoint is common and told from this: a name or a half of what the
model wants arrived.

## Example
`model.load_state_dict(torch.load("ddp.pt"), strict=False)`, its keys beginning with `module.`

## Use instead
`strict=True`; or a look at the missing and unexpected keys that `load_state_dict` returns.

## References
PyTorch, `torch.nn.Module.load_state_dict`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from labhand.watch.detectors import Wants
from labhand.watch.detectors._restart import Lost, Restart
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

WHATEVER = frozenset("auto allow must never no none false 0 latest_if_any if_exists".split())
"""Values of a setting `resume` that ask for nothing, or for what there is."""


class Detector:
    """Watches what is loaded into models, and the loss where a training goes on."""

    wants: Wants = ("train-loss", Fact)
    explained_by = ("non-finite", "diverged", "learning-rate-jump")

    def __init__(self, view: View) -> None:
        self._view = view
        self._restart = Restart(view)
        self._bad: Fact | None = None
        self._good = False
        self._told = False
        self._seen = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The load that went wrong, told once the training has begun with it."""
        if isinstance(signal, Points):
            lost = None if self._told else self._restart.see(signal)
            self._told = self._told or lost is not None
            return () if lost is None else (_as_at_first(lost, signal),)
        if not isinstance(signal, Fact):
            return ()
        if signal.kind == "loaded":
            self._seen = True
            if _arrived(signal.data):
                self._good = True
            else:
                self._bad = signal
        elif signal.kind == "reach" and not self._told:
            return self._begun(signal)
        return ()

    def skim(self, stretch: "Stretch", start: int) -> int:
        """The first row that it must be shown."""
        return len(stretch) if self._told else self._restart.skim(stretch, start)

    def blind(self) -> str | None:
        """Why it could not look."""
        if self._seen or self._restart.looked:
            return None
        return "there is neither a training loss nor a load by `load_state_dict` (PyTorch)"

    def _begun(self, fact: Fact) -> Iterable[Claim]:
        if self._bad is not None and not self._good:
            self._told = True
            return (self._claim(*_lost(self._bad.data), fact),)
        if fact.data.get("written_over"):
            self._told = True
            return (self._claim(*_written_over(fact.data), fact),)
        if fact.data.get("unloaded") and not fact.data.get("loads"):
            self._told = True
            return (self._claim(*_unloaded(int(fact.data["unloaded"])), fact),)
        if not (self._good or self._bad or fact.data.get("loads") or fact.data.get("read", 1)):
            return self._from_nothing(fact)
        if fact.data.get("twins") and not fact.data.get("loads_in_use"):
            self._told = True
            cause = Cause(
                "a model that was built again after loading, or an optimizer of another one",
                0.85,
                "the names of its weights are those of the trained model, the weights are others",
            )
            return (
                self._claim(
                    "The checkpoint was loaded into a model that is not the one being trained", cause, fact
                ),
            )  # fmt: skip
        return ()

    def _from_nothing(self, fact: Fact) -> Iterable[Claim]:
        """A training that was asked to be resumed, before whose first step nothing was read."""
        asked = next((k for k, v in self._view.config.items() if _asks_to_resume(k, v)), None)
        if asked is None:
            return ()
        self._told = True
        value = self._view.config[asked]
        cause = Cause(
            "a checkpoint that was looked for in another place than it was written to, and not found",
            0.8,
            f"`{asked}` is {value}, and no file was read by `torch.load` or safetensors before the first step",
        )
        text = f"The training was to be resumed (`{asked}` is {value}), and began without reading any checkpoint"
        claim = self._claim(text, cause, fact)
        # the first run that is told to resume whatever there is has nothing to read
        known = value is not True or bool(self._view.earlier)
        return (msgspec.structs.replace(claim, severity="warning" if known else "note"),)

    def _claim(self, text: str, cause: Cause, fact: Fact) -> Claim:
        data = {} if self._bad is None else self._bad.data
        return Claim(
            key="checkpoint",
            state="confirmed",
            severity="error",
            confidence=cause.confidence,
            message=text,
            advice="Print what `load_state_dict` returns, rename the keys or load into the model that "
            "is trained, and start again: this run begins with random weights.",
            step=int(fact.data.get("step", 0)),
            opened=0,
            time=fact.time,
            evidence={
                name: data[name]
                for name in ("given", "taken", "missing", "unexpected")
                if name in data
            },
            causes=[cause],
        )


def _as_at_first(lost: Lost, row: Points) -> Claim:
    """What a loss tells that is back at its beginning."""
    how = lost.mark or "it falls from there as it did at first"
    return Claim(
        key="checkpoint",
        state="confirmed",
        severity="error" if lost.mark else "warning",
        confidence=0.85 if lost.mark else 0.6,
        message=f"`{lost.metric}` went from {lost.before:.4g} to {lost.after:.4g} at step {lost.step}, about "
        f"where it began ({lost.first:.4g}): the training was begun again from its first weights",
        advice="Look at what is loaded when the run is resumed: print what `load_state_dict` returns, and the "
        "path of the checkpoint; go on from the last good one.",
        step=row.step,
        opened=lost.step,
        time=row.time,
        metric=lost.metric,
        evidence={"before": lost.before, "after": lost.after, "first": lost.first},
        causes=[
            Cause("a checkpoint that was not loaded when the training was resumed", 0.75, how),
        ],
        unchecked=["what was loaded: that needs the probe"],
    )


def _unloaded(tensors: int) -> tuple[str, Cause]:
    """What is said of a checkpoint that was read and then left alone, and why."""
    text = (
        f"A checkpoint was read, and of its {tensors} tensors with the names and shapes of the trained model's "
        "weights none is in the model"
    )
    cause = "a dict of weights that was read or updated, and never given to `load_state_dict`"
    return text, Cause(cause, 0.85, "nothing was loaded, and the weights have other values")


def _written_over(data: Mapping[str, Any]) -> tuple[str, Cause]:
    """What is said of a checkpoint that was loaded and is gone before the first step, and why."""
    text = (
        f"A checkpoint was loaded, and before the first step {data['written_over']} of {data.get('loaded')} matrices of "
        "the trained model have other values again"
    )
    cause = (
        "weights that are initialised, or loaded from elsewhere, after the checkpoint was loaded"
    )
    return text, Cause(
        cause, 0.9, "they differ from what was loaded by more than a tenth of their size"
    )


def _asks_to_resume(name: str, value: object) -> bool:
    """Whether a setting says that the training goes on from an earlier one, whatever there is."""
    if not {"resume", "resuming"} & set(re.findall(r"[a-z]+", name.lower())):
        return False
    if isinstance(value, str):
        return bool(value) and value.lower() not in WHATEVER
    return value is True or (isinstance(value, int) and value > 0)


def _arrived(data: Mapping[str, Any]) -> bool:
    """Whether enough arrived: half of what was given, or half of what the model wants."""
    given, taken = int(data.get("given", 0)), int(data.get("taken", 0))
    wanted = taken + int(data.get("missing_total", 0))
    return taken > 0 and (2 * taken >= given or 2 * taken >= wanted)


def _lost(data: Mapping[str, Any]) -> tuple[str, Cause]:
    """What was lost, in a sentence, and why."""
    given, taken = data.get("given", 0), data.get("taken", 0)
    text = f"`load_state_dict` took {taken or 'none'} of the {given} tensors of the checkpoint"
    missing, unexpected = data.get("missing", []), data.get("unexpected", [])
    prefix = _prefix(missing, unexpected)
    if prefix:
        longer, where = prefix
        evidence = f"`{unexpected[0]}` in the checkpoint, `{missing[0]}` in the model"
        return text, Cause(f"keys that begin with `{longer}` in the {where} only", 0.95, evidence)
    shown = ", ".join(f"`{key}`" for key in unexpected[:3]) or "none is unexpected"
    return text, Cause("keys of another model", 0.7, f"in the checkpoint: {shown}")


def _prefix(missing: list[str], unexpected: list[str]) -> tuple[str, str] | None:
    """What the keys of the one begin with more than those of the other, and which one that is."""
    for longer, shorter, where in (
        (unexpected, missing, "checkpoint"),
        (missing, unexpected, "model"),
    ):
        for key in longer[:3]:
            for other in shorter:
                if key.endswith(other) and key != other:
                    return key[: -len(other)], where
    return None
