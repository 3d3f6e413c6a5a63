"""What the loss functions were given."""

import math
from collections.abc import Iterator

from labhand.check.measured.facts import Fact, Facts
from labhand.check.measured.proof import Place, Proof

NEAR = 2e-3
"""Sums of probabilities are so near to 1, in half precision too."""
LEAST_STEPS = 2
FACTOR, MORE = 1.6, 1.0
"""A first loss is too high that is above so many times the guess's, and by so much."""
KNOWS = 0.5
"""Weights that nobody loaded cannot begin below this share of what a guess by the labels' frequencies costs."""
LEAST_ROWS = 16


def given(facts: Facts) -> Iterator[Proof]:
    """Probabilities where logits belong, and the other way round; and shapes that broadcast."""
    for fact in facts.of("loss-input"):
        if fact["values"] is None or fact.number("steps") < LEAST_STEPS:
            continue
        match fact["function"]:
            case "cross_entropy":
                yield from _softmax(fact)
            case "binary_cross_entropy_with_logits":
                yield from _sigmoid(fact)
            case "nll_loss":
                yield from _log_probabilities(fact, "loss-missing-activation", "NLLLoss")
            case "kl_div":
                yield from _log_probabilities(fact, "loss-kl-not-log", "kl_div")
            case "mse_loss" | "l1_loss" | "smooth_l1_loss" | "huber_loss":
                yield from _shapes(fact)
    for fact in facts.of("broadcast"):
        yield _broadcast(fact)


def _softmax(fact: Fact) -> Iterator[Proof]:
    low, high = fact["values"]
    sums = fact["sums"]
    if sums is None:
        return
    summed = (
        "each row summing to 1"
        if _ones(sums)
        else f"rows summing to {sums[0]:.3g} up to {sums[1]:.3g}"
    )
    seen = f"values from {low:.3g} to {high:.3g}, {summed}"
    told = f"in {_steps(fact)} it was given {seen}"
    classes = int(fact.number("classes"))
    if low >= -NEAR and _ones(sums):
        floor = math.log(math.e + classes - 1) - 1
        yield Proof(
            "loss-double-softmax", True, fact.at, told,
            f"the loss takes a softmax of its own and is given probabilities: {seen}, so that for {classes} "
            f"classes it cannot fall below {floor:.3f}",
            "give it the logits: take the softmax out of what leads to the loss",
            reach="function",
            numbers={"values": [low, high], "sums": sums, "classes": classes, "floor": round(floor, 4)},
            related=_made(fact),
        )  # fmt: skip
    else:
        yield Proof("loss-double-softmax", False, fact.at, told, reach="line")


def _sigmoid(fact: Fact) -> Iterator[Proof]:
    low, high = fact["values"]
    told = f"in {_steps(fact)} it was given values from {low:.3g} to {high:.3g}"
    if low < -NEAR or high > 1 + NEAR:
        yield Proof("loss-double-sigmoid", False, fact.at, told, reach="line")
    elif fact["activation"] == "sigmoid":
        yield Proof(
            "loss-double-sigmoid", True, fact.at, f"{told}, straight from a sigmoid",
            f"the loss takes a sigmoid of its own and is given the output of one (values from {low:.3g} to "
            f"{high:.3g}): what it makes of them lies between 0.5 and 0.731",
            "give it the logits: take the sigmoid out of what leads to the loss",
            numbers={"values": [low, high]}, related=_made(fact),
        )  # fmt: skip


def _log_probabilities(fact: Fact, rule: str, name: str) -> Iterator[Proof]:
    low, high = fact["values"]
    sums, exp_sums = fact["sums"], fact["exp_sums"]
    if exp_sums is None:
        return
    seen = f"values from {low:.3g} to {high:.3g}, whose exponentials sum to {exp_sums[0]:.4g} to {exp_sums[1]:.4g}"
    told = f"in {_steps(fact)} it was given {seen}"
    if _ones(exp_sums):
        yield Proof(rule, False, fact.at, told, reach="line")
        return
    probabilities = low >= 0 and _ones(sums)
    if probabilities or high > NEAR:
        what = "probabilities" if probabilities else "raw outputs"
        yield Proof(
            rule, True, fact.at, told,
            f"{name} takes log-probabilities and is given {what}: {seen}, where log-probabilities give 1",
            "apply `log_softmax` to the logits before it",
            numbers={"values": [low, high], "exp_sums": exp_sums}, related=_made(fact),
        )  # fmt: skip


def _shapes(fact: Fact) -> Iterator[Proof]:
    one, other = fact["shapes"] or ([], [])
    if fact["broadcast"]:
        yield _broadcast(fact)
    elif one == other:
        told = f"in {_steps(fact)} both sides had the shape {_shape(one)}"
        yield Proof("loss-broadcast", False, fact.at, told, reach="line")


def _broadcast(fact: Fact) -> Proof:
    one, other = fact["shapes"]
    whole = math.prod(fact["broadcast"])
    seen = f"{_shape(one)} beside {_shape(other)}"
    return Proof(
        "loss-broadcast", True, fact.at, f"shapes met as {seen} and became {_shape(fact['broadcast'])}",
        f"the shapes broadcast: {seen} becomes {_shape(fact['broadcast'])}, so that {whole} differences are "
        f"taken where there are {max(math.prod(one), math.prod(other))} items",
        "give both sides one shape: `squeeze(-1)` the prediction or `unsqueeze(-1)` the target",
        numbers={"shapes": [one, other], "broadcast": fact["broadcast"]},
    )  # fmt: skip


def first_loss(facts: Facts) -> Iterator[Proof]:
    """The loss of the first step against that of a guess."""
    fact = facts.one("first-loss")
    if fact is None or fact.number("classes") < 2:
        return
    classes, value = int(fact.number("classes")), fact.number("value")
    guess, entropy = math.log(classes), fact.number("entropy")
    numbers = {"first": value, "classes": classes, "guess": guess, "entropy": entropy}
    told = f"the first loss is {value:.4g}; guessing among {classes} classes costs ln {classes} = {guess:.4g}"
    if value > max(FACTOR * guess, guess + MORE) and not facts.loaded:
        yield Proof(
            "initial-loss", True, fact.at, told,
            f"the loss begins at {value:.4g}, where guessing among {classes} classes costs ln {classes} = "
            f"{guess:.4g}: the output layer begins with large weights, or its inputs are not normalised",
            "make the weights of the last layer small at the start, and normalise its inputs",
            confidence=0.85, numbers=numbers,
        )  # fmt: skip
    elif value < KNOWS * entropy and fact.number("rows") >= LEAST_ROWS and not facts.loaded:
        yield Proof(
            "initial-loss", True, fact.at, told,
            f"the loss begins at {value:.4g} before anything was learned or loaded, where the labels of the batch "
            f"alone hold {entropy:.4g}: the answer is among the inputs",
            "look whether the label, or what is made of it, is in the inputs",
            confidence=0.85, numbers=numbers,
        )  # fmt: skip


def _ones(sums: list[float]) -> bool:
    return all(abs(s - 1) < NEAR for s in sums)


def _made(fact: Fact) -> list[tuple[str, Place]]:
    place = fact.place("activation_at")
    return [(f"the {fact['activation']} is taken here", place)] if place else []


def _steps(fact: Fact) -> str:
    steps = int(fact.number("steps"))
    return f"{steps} calls" if steps != 1 else "one call"


def _shape(sizes: list[int]) -> str:
    return f"({', '.join(map(str, sizes))}{',' * (len(sizes) == 1)})"
