"""What became of the weights."""

from collections.abc import Iterator

from labhand.check.measured.facts import Fact, Facts
from labhand.check.measured.proof import Proof

SURE = 3
"""Steps after which what never happened is told."""
SHOWN = 3
"""Names that are told."""
LARGE = 0.01
"""A share of the weights below which frozen ones are nobody's worry."""


def gradients(facts: Facts) -> Iterator[Proof]:
    """Gradients that pile up, and steps that get none."""
    for fact in facts.of("optimizer"):
        steps, at = int(fact.number("steps")), fact.place("step_at")
        if steps < SURE or at is None:
            continue
        name = str(fact["of"])
        backward = fact.place("backward_at")
        related = [("gradients are added here", backward)] if backward else []
        if fact.number("uncleared") >= steps - 1:
            carried = ", ".join(f"{n:.3g}" for n in fact["carried"])
            told = (
                f"in {int(fact.number('uncleared'))} of {steps} steps the gradients of the step before were still "
                f"there when the next backward began (norms {carried})"
            )
            yield Proof(
                "grad-zero-missing", True, at, told,
                f"{name} steps on gradients that nothing clears: {told}",
                "call `zero_grad()` once for each step, before the first `backward()`",
                reach="file", numbers={"steps": steps, "carried": fact["carried"]}, related=related,
            )  # fmt: skip
        elif fact.number("emptied") >= SURE:
            told = f"in {int(fact.number('emptied'))} of {steps} steps all gradients were gone when {name} stepped"
            yield Proof(
                "grad-zero-misplaced", True, at, told,
                f"gradients are cleared between `backward()` and `step()`: {told}",
                "call `zero_grad()` before `backward()` or after `step()`",
                reach="file", numbers={"steps": steps, "emptied": fact["emptied"]}, related=related,
            )  # fmt: skip
        else:
            told = f"in {steps} steps of {name} no gradient of the step before was left when the next backward began"
            for rule in ("grad-zero-missing", "grad-zero-misplaced"):
                if not fact.number("uncleared") and not fact.number("emptied"):
                    yield Proof(rule, False, at, told, reach="line")


def reach(facts: Facts) -> Iterator[Proof]:
    """Weights that are out of the loss's reach, or in no optimizer."""
    fact = facts.one("reach")
    if fact is None or fact.number("losses") < SURE:
        return
    if fact["unregistered"]["count"]:
        yield _lost(fact, "unregistered", "param-not-registered",
                    "are in no module that registers them, so that no optimizer has them",
                    "keep modules in an `nn.ModuleList` or `nn.ModuleDict`, weights in an `nn.ParameterList`")  # fmt: skip
    if fact["late"]["count"]:
        yield _lost(fact, "late", "optim-before-change",
                    "were made after the optimizer, which does not train them",
                    "make the optimizer after the model is as it will be trained")  # fmt: skip
    yield from _optimizers(facts, fact)
    if fact["dead"]["count"] and fact.number("trained"):
        yield _lost(fact, "dead", "frozen-parameters",
                    "are used and in the optimizer, but no loss depends on them: they get no gradient",
                    "look for a `detach`, `.data`, `no_grad` or `item` on the way from them to the loss")  # fmt: skip
    if fact["left_out"]["count"] and fact.number("trained") and not facts.loaded:
        yield _lost(fact, "left_out", "frozen-parameters",
                    "get gradients and are in no optimizer: they stay as they were made",
                    "hand all of the model's parameters to the optimizer, or freeze those on purpose",
                    confidence=0.7)  # fmt: skip
    if fact["frozen"]["count"] and fact.number("share") > LARGE and not facts.loaded:
        yield _lost(fact, "frozen", "frozen-parameters",
                    "are handed to the optimizer with `requires_grad=False`, and no weights were loaded: they "
                    "stay as they were made, at random",
                    "let them be trained, or load what they should hold",
                    confidence=0.75)  # fmt: skip


def _optimizers(facts: Facts, reached: Fact) -> Iterator[Proof]:
    for fact in facts.of("optimizer"):
        steps = int(fact.number("steps"))
        if steps < SURE or fact.at is None:
            continue
        if fact.number("moved"):
            told = f"{int(fact.number('moved'))} of {steps} steps moved its weights"
            yield Proof("nothing-trainable", False, fact.at, told, reach="line")
        elif fact.number("without") == steps and not reached["late"]["count"]:
            what = f"none of the {int(fact.number('weights'))} weights it holds got a gradient in {steps} steps"
            yield Proof(
                "nothing-trainable", True, fact.at, what,
                f"{fact['of']} trains nothing: {what}",
                "hand it the parameters of the model that the loss is taken of, and let them be trained",
                numbers={"steps": steps, "weights": fact["weights"], "reached": reached["reached"]},
            )  # fmt: skip


def _lost(
    fact: Fact, which: str, rule: str, what: str, advice: str, confidence: float = 0.96
) -> Proof:  # fmt: skip
    names, count = sorted(set(fact[which]["names"])), int(fact[which]["count"])
    shown = ", ".join(f"`{n}`" for n in names[:SHOWN])
    more = ", …" if len(names) > SHOWN else ""
    told = f"{count} parameter{'s' * (count > 1)} ({shown}{more}) {what}"
    return Proof(
        rule, True, fact.at, f"in {int(fact.number('losses'))} backward passes, {told}", told, advice,
        confidence=confidence, reach="file", numbers={"count": count, "names": names},
    )  # fmt: skip
