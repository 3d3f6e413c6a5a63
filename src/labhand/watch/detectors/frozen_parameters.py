"""Weights that are meant to be trained and cannot be.

## What it does
Tells of weights that an optimizer holds and the loss does not depend on; of weights that get gradients, are
in no optimizer and stay as they are, of the trained model or of another model or loss beside it; of those that
lie in a plain list or dict that registers nothing; of weights handed to the optimizer with
`requires_grad=False` in a model that was not loaded from anywhere; and of a group of the optimizer that was made
with a learning rate of 0. Needs the probe.

## Why it is bad
A part of the model stays as it was made, at random, while the rest learns around it.

## Known problems
Freezing a pretrained part and handing all parameters to the optimizer is common and harmless: once a
checkpoint was loaded it is a note; so is a part that a library's own model does not call, such as the
pooler of a BERT whose tokens are used. What was loaded or trained before and gets gradients for nothing is
left alone, as are models in evaluation mode and those of a library. Parts that are used only in some steps
(experts, heads of other tasks) show up until they are used.

## Example
`features = self.encoder(x).detach()`

## Use instead
No `.detach()` or `no_grad()` on the way from the weights to the loss; all parts in the optimizer; what
is frozen on purpose is not handed to it; `nn.ModuleList`, `nn.ModuleDict` and `nn.ParameterList` in place of plain lists and dicts.

## References
PyTorch, *Autograd mechanics*, on locally disabling gradient computation.
"""

from collections.abc import Iterable, Sequence

from labhand.core.finding import Severity
from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.measures import layer_in
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.view import View

ROWS = 40
"""Rows of a log in which a layer had no gradient."""
SURE = 4
"""Looks after which it is told: a part may be used in every second step."""
LISTED = 2
"""Looks after which it is certain that what the loss depends on lies in a plain list."""
SMALL = 0.01
"""A share of the values below which frozen weights are nobody's worry."""


class Detector:
    """Watches which weights the loss reaches."""

    wants: Wants = ("layer-gradient", Fact)
    explained_by = ("non-finite", "weights-unchanged")

    def __init__(self, view: View) -> None:
        self._view = view
        self._rows = 0
        self._loaded = False
        self._open = ""
        self._seen = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """What the look at this step has found out of reach."""
        if isinstance(signal, Points):
            return self._by_log(signal)
        if not isinstance(signal, Fact):
            return ()
        if signal.kind == "loaded":
            self._loaded = self._loaded or bool(signal.data.get("taken"))
        if signal.kind == "still":
            return self._still(signal)
        if signal.kind == "unheld":
            return self._unheld(signal)
        if signal.kind != "reach" or not signal.data.get("trained"):
            return ()
        self._seen = True
        if signal.data.get("looks", 0) < (LISTED if signal.data.get("unregistered") else SURE):
            return ()
        return self._judged(signal)

    def blind(self) -> str | None:
        """Why it could not look."""
        if self._seen:
            return None
        return (
            "it needs the probe's look at the loss (PyTorch), or a log of the gradients of layers"
        )

    def _by_log(self, row: Points) -> Iterable[Claim]:
        """Layers whose logged gradient has always been exactly zero while others had one."""
        view = self._view
        names = [
            n
            for n in view.named("layer-gradient")
            if n in row.values and not n.startswith("layer/")
        ]
        zero = [n for n in names if view.tracks[n].lowest == view.tracks[n].highest == 0]
        self._rows += bool(names)
        if self._open or self._rows < ROWS or not zero or len(zero) == len(names):
            return ()
        self._seen, self._open = True, "log"
        layers = [layer_in(name) for name in zero]
        return (
            Claim(
                key="parameters",
                state="confirmed",
                severity="warning",
                confidence=0.7,
                message=f"{_several(layers)} had a gradient of exactly zero in all {view.tracks[zero[0]].count} "
                f"rows, {len(names) - len(zero)} others had one",
                advice="Look for `detach()`, `no_grad()` and `requires_grad = False` before those layers; if "
                "it is on purpose, hand the optimizer only what it is to train.",
                step=row.step,
                opened=view.tracks[zero[0]].first_step,
                time=row.time,
                metric=zero[0],
                layer=layers[0],
                causes=[
                    Cause(
                        "weights that are frozen, or out of the reach of the loss", 0.6, "the log"
                    ),
                    Cause("units that are all dead", 0.3, "the log"),
                ],
                unchecked=["which weights the optimizer holds: that needs the probe"],
            ),
        )

    def _judged(self, fact: Fact) -> Iterable[Claim]:
        data = fact.data
        lost = data.get("out_of_reach", [])
        frozen = data.get("frozen", []) if data.get("frozen_share", 0) >= SMALL else []
        hidden = data.get("unregistered", [])
        if hidden:
            yield self._unregistered(hidden, fact)
        elif self._open == "unheld":
            return
        elif lost:
            library = data.get("uncalled_by", [])
            yield self._claim(
                f"The loss does not depend on {_several(lost)}, which the optimizer is to train"
                + (f"; {_several(library)} itself leaves it out" if library else ""),
                lost,
                Cause(
                    "a `detach()`, a `no_grad()`, or a part that is never called on the way to the loss",
                    0.85,
                    f"they are in no graph of a loss, in {data.get('looks')} measured steps",
                ),
                "note" if library else "warning",
                fact,
            )
        elif frozen:
            share = data.get("frozen_share", 0)
            yield self._claim(
                f"{_several(frozen)} ({share:.0%} of the optimizer's values) have `requires_grad=False`"
                + ("" if self._loaded else ", and no checkpoint was loaded"),
                frozen,
                Cause(
                    "`requires_grad = False` left in from fine-tuning",
                    0.5 if self._loaded else 0.8,
                    "the optimizer was given them, so that they seem meant to be trained",
                ),
                "note" if self._loaded else "warning",
                fact,
            )
        elif self._open == "reach":
            yield self._claim(
                "All weights of the optimizer are reached now", [], None, "note", fact
            )

    def _still(self, fact: Fact) -> Iterable[Claim]:
        """Groups of the optimizer that get gradients and have a learning rate of 0."""
        names, groups = fact.data.get("names", []), fact.data.get("groups", [])
        if self._open or not names:
            return
        which = ", ".join(str(group) for group in groups[:4]) + (", …" if len(groups) > 4 else "")
        text = (
            f"{_several(names)} get gradients and never change: group {which} of the optimizer's {fact.data.get('of')} "
            "has had a learning rate of 0 from the start"
        )
        cause = Cause(
            "a learning rate that a group was given, or a factor it is multiplied with, that is 0",
            0.9,
            f"it was 0 in {fact.data.get('looks')} looks, and that of other groups was not",
        )
        yield self._claim(text, names, cause, "note" if self._loaded else "warning", fact, "still")

    def _unheld(self, fact: Fact) -> Iterable[Claim]:
        """What gets gradients and is in no optimizer, or no longer is such."""
        names, total = fact.data.get("names", []), int(fact.data.get("total", 0))
        if self._open == "list" or not (names or self._open == "unheld"):
            return
        if not names:
            yield self._claim(
                "All weights with gradients are in an optimizer now", [], None, "note", fact
            )
            return
        thawed = fact.data.get("thawed")
        cause = Cause(
            "weights that were thawed after the optimizer was made, which was never given them"
            if thawed
            else "an optimizer that was given a part of the parameters, or was made before these",
            0.9 if thawed else 0.8,
            f"{total} weights had a gradient and their old values in each look",
        )
        text = f"{_several([*names, *names[:1] * (total - len(names))])} get gradients and are in no optimizer"
        yield self._claim(text, names, cause, "warning", fact, "unheld")

    def _unregistered(self, hidden: Sequence[str], fact: Fact) -> Claim:
        """What is told of weights that the model uses and does not know."""
        kept = " and a plain ".join(fact.data.get("kept_in", ())) or "list"
        return self._claim(
            f"The loss depends on {_several(hidden)}, which lie in a plain {kept}: the model does not "
            "register them, and no optimizer has them",
            hidden,
            Cause(
                f"modules or weights kept in a plain {kept}, so that `parameters()` does not give them",
                0.95,
                f"{len(hidden)} weights get gradients and belong to no registered module",
            ),
            "warning",
            fact,
            "list",
        )

    def _claim(
        self, text: str, names: Sequence[str], cause: Cause | None, severity: Severity, fact: Fact, by: str = "reach"
    ) -> Claim:  # fmt: skip
        step = int(fact.data.get("step", 0))
        self._open = by if cause else ""
        return Claim(
            key="parameters",
            state="confirmed" if cause else "recovered",
            severity=severity,
            confidence=cause.confidence if cause else 0.8,
            message=text,
            advice="Look for `detach()`, `no_grad()`, `requires_grad = False` and the list of "
            "parameters that the optimizer is made of; if it is on purpose, hand the optimizer only "
            "what it is to train.",
            step=step,
            opened=0 if cause else None,
            time=fact.time,
            layer=_common(names) or None,
            evidence={"parameters": list(names)},
            causes=[cause] if cause else [],
        )


def _several(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _common(names: Sequence[str]) -> str:
    """The innermost module that all the names lie in; the first one's layer where there is none."""
    if not names:
        return ""
    parts = [name.split(".")[:-1] for name in names if not name.endswith(" more")]
    shared: list[str] = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return ".".join(shared) or ".".join(parts[0])
