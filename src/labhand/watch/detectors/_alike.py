"""A model that gives the same for every row, told by what the probe sees of its outputs."""

from collections.abc import Iterable

from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Fact, Signal

OUTPUTS = "outputs"
"""The key of the incident."""


class Alike:
    """Hears of it. `cause` is what it is to a run that does not learn; None where rows are told apart."""

    def __init__(self) -> None:
        self.cause: Cause | None = None

    def see(self, fact: Signal) -> Iterable[Claim]:
        """What outputs prove that hardly differ from row to row, or do again."""
        if not isinstance(fact, Fact) or fact.kind != "alike":
            return ()
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
