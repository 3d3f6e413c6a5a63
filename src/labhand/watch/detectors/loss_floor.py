"""A loss that cannot fall below a known number, by the activation that the model ends in.

## What it does
Tells when the training loss began at ln k, as a guess among k classes has it, and has flattened just
above ln(e + k - 1) - 1: the least cross-entropy there is where the outputs went through a softmax
before the loss function took one of its own. For 10 classes that is 1.461. Numbers of classes are
those that the probe or the settings name, or usual ones. With the probe the graph of the first loss
tells it at once: of a softmax before cross-entropy, of a sigmoid before the loss that has its own, of a tanh,
sigmoid or ReLU before a cross-entropy, or before a mean squared error whose targets lie beyond what it gives, and
of a softmax that is taken over the rows of the batch.

## Why it is bad
The gradient is a fraction of what it should be, and probabilities are far too even: accuracy suffers,
and the loss says nothing.

## Known problems
Label smoothing has a floor of its own, which lies lower.

## Example
`loss 2.303, 1.72, 1.53, 1.49, 1.472, 1.469, 1.468` with 10 classes

## Use instead
Outputs without a softmax at the end of the model: `CrossEntropyLoss` takes logits.

## References
PyTorch, `torch.nn.CrossEntropyLoss`: the input is expected to contain unnormalised logits.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from labhand.watch.chance import USUAL, classes, softmax_twice
from labhand.watch.detectors import Wants
from labhand.watch.incidents import Cause, Claim
from labhand.watch.signals import Fact, Points, Signal
from labhand.watch.view import View

if TYPE_CHECKING:
    from labhand.watch.ahead import Ahead, Marks

BOUNDS = {"tanh": "between -1 and 1", "sigmoid": "between 0 and 1", "relu": "never below 0"}
LEAST_BLOCKS = 8
AT_START = 0.05
"""The first level is within so much of ln k, in its logarithm."""
ABOVE, FLAT = 0.18, 0.1
"""Shares of the way from ln k to the floor: what is left of it, and what was gone in the latter half."""
LOOKED_FOR = range(10, 101)
"""Fewer or more classes count only where they are named: losses pass by the floors of many."""
BELOW = 0.002
"""No single value of it may be further below the floor: that of a loss without one would be, at times."""


class Detector:
    """Watches the training loss."""

    waits = True
    wants: Wants = ("train-loss", Fact)
    explained_by = ("non-finite", "not-learning")

    def __init__(self, view: View) -> None:
        self._view = view
        self._told = False

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The floor that this row proves."""
        if isinstance(signal, Fact):
            known = _KNOWN.get(signal.kind)
            if known is None or self._told:
                return ()
            self._told = True
            return (known(signal),)
        course = self._view.course
        if not course.block or self._told or not isinstance(signal, Points):
            return ()
        count = self._floor()
        if not count:
            return ()
        self._told = True
        assert course.loss is not None
        floor = softmax_twice(count)
        level = course.levels.plain(course.levels.blocks[-1])
        return [
            Claim(
                key="loss",
                state="confirmed",
                severity="warning",
                confidence=0.8,
                message=f"`{course.loss.name}` began at ln {count} = {math.log(count):.4g} and stays at "
                f"{level:.4g}, just above {floor:.4g}: the least it can be for {count} classes where the "
                "softmax is taken twice",
                advice="Take the softmax off the end of the model: the loss function expects logits.",
                step=signal.step,
                time=signal.time,
                metric=course.loss.name,
                evidence={"classes": count, "floor": round(floor, 4), "level": level},
                causes=[
                    Cause(
                        "the softmax is taken twice",
                        0.85,
                        f"the loss lies {100 * (level / floor - 1):.1f} % above {floor:.4g}",
                    )
                ],
            )
        ]

    def concern(self, coming: "Ahead") -> "Marks":
        """The levels of a loss that began at what guessing costs."""
        levels = self._view.course.levels
        if self._told or levels.raw or not any(self._began(k) for k in self._counts):
            return coming.none()
        return coming.whole & (coming.number >= LEAST_BLOCKS)

    @property
    def _counts(self) -> list[int]:
        """The numbers of classes that may be those of the loss."""
        return [*classes(self._view), *(k for k in USUAL if k in LOOKED_FOR)]

    def _began(self, count: int) -> bool:
        """Whether the loss began at what guessing among so many classes costs."""
        levels = self._view.course.levels
        return abs(levels.scaled(levels.first) - math.log(math.log(count))) < AT_START

    def _floor(self) -> int:
        """The number of classes whose floor the loss has come to; 0 where there is none."""
        course = self._view.course
        levels, blocks = course.levels, course.levels.blocks
        if (
            len(blocks) < LEAST_BLOCKS
            or levels.raw
            or course.loss is None
            or course.loss.lowest <= 0
        ):
            return 0
        lowest = math.log(course.loss.lowest)
        latter = blocks[len(blocks) // 2 :]
        for count in filter(self._began, self._counts):
            floor = math.log(softmax_twice(count))
            way = math.log(math.log(count)) - floor
            there = max(latter) < floor + ABOVE * way and latter[0] - latter[-1] < FLAT * way
            if there and lowest > floor - BELOW:
                return count
        return 0


def _doubled(fact: Fact) -> Claim:
    """What the graph of the loss proves."""
    what, count = fact.data.get("what"), int(fact.data.get("classes") or 0)
    message = f"The model ends in a {what}, and the loss function takes a {what} of its own"
    cause = Cause(f"the {what} is taken twice", 0.95, "both stand in the graph of the loss")
    advice = f"Take the {what} off the end of the model: the loss function expects logits."
    if what == "softmax" and count > 1:
        message += f": for {count} classes the loss cannot fall below {softmax_twice(count):.4g}"
    elif what == "probabilities":
        message = (
            "`nll_loss` expects logarithms of probabilities and is given the probabilities themselves, as a "
            "softmax makes them: the loss lies between -1 and 0, and learns least from what is most wrong"
        )
        cause = Cause("a softmax where a log-softmax belongs", 0.95, "the graph of the loss")
        advice = "End the model in `log_softmax`, or give its logits to `cross_entropy`."
    return _claim(fact, message, cause, advice, {"classes": count or None})


def _cut(fact: Fact) -> Claim:
    """What a model ends in that leaves its loss without some of the scores that it takes."""
    what, count = str(fact.data.get("what")), int(fact.data.get("classes") or 0)
    if what == "rows":
        rows = int(fact.data.get("rows") or 0)
        message = (
            f"The softmax is taken over the rows of the batch (`dim=0`) and not over the {count} classes: "
            f"the loss begins near ln {rows} = {math.log(max(1, rows)):.4g}, by the size of the batch"
        )
        cause = Cause("a softmax over the wrong dimension", 0.95, "the graph of the loss")
        return _claim(
            fact, message, cause, "Take the softmax over the last dimension: `dim=1`.", {}
        )
    message = f"The model ends in a {what}, and its loss function takes scores of any size"
    if what == "ReLU":
        message += ": those below 0 are cut off and get no gradient, so that a class can fall silent for good"
    elif count > 1:
        apart = {"sigmoid": 1.0, "tanh": 2.0}[what]
        floor = math.log1p((count - 1) * math.exp(-apart))
        message += f": for {count} classes the loss cannot fall below {floor:.4g}"
    cause = Cause(f"a {what} after the last layer", 0.9, "it stands in the graph of the loss")
    advice = f"Take the {what} off the end of the model: the loss function expects logits."
    return _claim(fact, message, cause, advice, {"classes": count or None})


def _range(fact: Fact) -> Claim:
    """What the last activation cannot give."""
    data, what = fact.data, str(fact.data.get("what"))
    low, high = data.get("lowest", 0.0), data.get("highest", 0.0)
    share = data.get("lost", 0.0) / max(data.get("variance", 0.0), 1e-12)
    bound = BOUNDS.get(what, "within a bounded range")
    message = (
        f"The model ends in a {what}, which is {bound}, and the targets reach from {low:.4g} to {high:.4g}: "
        f"{data.get('outside', 0.0):.0%} of them are out of its reach, so that the mean squared error of the batch "
        f"cannot fall below {data.get('lost', 0.0):.4g}"
    )
    told = f"that is {share:.3g} times the variance of the targets in a batch"
    cause = Cause(f"a {what} at the end of a model for other targets", 0.95, told)
    advice = f"Take the {what} off the end of the model, or scale the targets into its range."
    evidence = {"floor": data.get("lost"), "outside": data.get("outside")}
    return _claim(fact, message, cause, advice, evidence)


def _claim(fact: Fact, message: str, cause: Cause, advice: str, evidence: dict[str, Any]) -> Claim:
    return Claim(
        key="loss",
        state="confirmed",
        severity="warning",
        confidence=cause.confidence,
        message=message,
        advice=advice,
        step=int(fact.data.get("step") or 0),
        time=fact.time,
        evidence=evidence,
        causes=[cause],
    )


_KNOWN = {"doubled": _doubled, "cut": _cut, "range": _range}
