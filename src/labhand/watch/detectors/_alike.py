"""A model that gives the same for every row, or whose outputs are each compared with all targets, by the probe."""

from collections.abc import Iterable

from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Fact, Signal

OUTPUTS, TARGETS, UNITS = "outputs", "targets", "units"
"""The keys of the incidents."""


class Alike:
    """Hears of it. `cause` is what it is to a run that does not learn; None where rows are told apart."""

    def __init__(self) -> None:
        self.cause: Cause | None = None

    def see(self, fact: Signal) -> Iterable[Claim]:
        """What outputs prove that hardly differ from row to row, or do again, or meet targets of another shape."""
        if not isinstance(fact, Fact) or fact.kind not in ("alike", "crossed", "symmetric"):
            return ()
        if fact.kind == "symmetric":
            claim = _symmetric(fact)
            self.cause = claim.causes[0]
            return (claim,)
        if fact.kind == "crossed":
            claim = _crossed(fact)
            self.cause = claim.causes[0]
            return (claim,)
        claim = _claim(fact)
        cause = Cause("outputs that are the same for every row", 0.5, claim.message)
        self.cause = None if claim.state == "recovered" else cause
        return (claim,)


def _claim(fact: Fact) -> Claim:
    data, passed = fact.data, bool(fact.data.get("passed"))
    since, spread, step = int(data.get("since") or 0), data.get("spread", 0.0), data.get("step")
    model = f"`{data['model']}`" if data.get("model") else "The model"
    message = (
        f"{model} tells the rows of a batch apart again: its outputs differ by {spread:.2g} of their size"
        if passed
        else f"{model} gives the same for every row, since step {since}: in {data.get('looks')} looks its outputs "
        f"differed by {spread:.1g} of their size at most, though the inputs differ"
    )
    causes = [
        Cause(
            "a loss that equal outputs make small: no negatives, no stopped gradient, or a divergence that weighs too much",
            0.4,
            "it falls as they become the same"
            if data.get("became")
            else "what is said of the loss",
        ),
        Cause(
            "the inputs do not arrive: units or an attention that let nothing through, features that are averaged away",
            0.45,
            "outputs that do not depend on the inputs",
        ),
    ]
    if data.get("became"):
        causes[0].confidence = 0.6
    else:
        causes.reverse()
    return Claim(
        key=OUTPUTS,
        state="recovered" if passed else "confirmed",
        severity="note" if passed else "warning",
        confidence=0.9,
        message=message,
        advice="Compare the outputs layer by layer for two different rows, to find where they become the same.",
        step=step,
        opened=since,
        time=fact.time,
        evidence={"spread": spread, "looks": data.get("looks")},
        causes=[] if passed else causes,
    )


def _symmetric(fact: Fact) -> Claim:
    """What is told of layers whose units are all the same."""
    layers = [str(layer) for layer in fact.data.get("layers", [])]
    shown = ", ".join(f"`{layer}`" for layer in layers[:3])
    shown += f" and {len(layers) - 3} more" if len(layers) > 3 else ""
    step = int(fact.data.get("step") or 0)
    message = (
        f"All units of {shown} have the same weights, and still have after {step} steps: they get the same gradients, so "
        "that each layer is as good as a single unit"
    )
    return Claim(
        key=UNITS,
        state="confirmed",
        severity="warning",
        confidence=0.95,
        message=message,
        advice="Draw the weights at random, as PyTorch does by itself, or by `nn.init.kaiming_uniform_`.",
        step=step,
        opened=0,
        time=fact.time,
        layer=layers[0] if layers else None,
        causes=[
            Cause(
                "weights initialised to a constant, so that all units are alike",
                0.95,
                "the weights",
            )
        ],
    )


def _crossed(fact: Fact) -> Claim:
    """What is told of a loss that compares each output with the targets of all rows."""
    shape, count = tuple(fact.data.get("shape", ())), int(fact.data.get("targets") or 0)
    targets = f"({count},)" if len(shape) > 1 else f"({count}, 1)"
    message = (
        f"Outputs of shape {shape} are compared with targets of shape {targets}: each with all {count}, so that "
        "no more than the mean of the targets can be learned"
    )
    return Claim(
        key=TARGETS,
        state="confirmed",
        severity="error",
        confidence=0.95,
        message=message,
        advice="Give both the same shape, by `outputs.squeeze(1)` or `targets.unsqueeze(1)`, and assert that they have it.",
        step=int(fact.data.get("step") or 0),
        opened=0,
        time=fact.time,
        alarm=True,
        causes=[
            Cause(
                "a column against a row: PyTorch broadcasts the two shapes to a square",
                0.95,
                f"the loss is the mean of {count} × {count} differences",
            )
        ],
    )
