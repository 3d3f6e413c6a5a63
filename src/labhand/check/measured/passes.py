"""What evaluation does to the model, in which mode it is trained, and whether items of a batch mix."""

import re
from collections.abc import Iterator

from labhand.check.measured.facts import Fact, Facts
from labhand.check.measured.proof import Proof

_SAMPLED = re.compile(r"(^|_)(mc|monte|bayes\w*|uncertain\w*|stochastic|dropout)(_|$)", re.I)
"""Names of functions that draw from a model on purpose."""
LEAST_AFTER = 2
OFTEN = 0.5
APART = 1e-6


def evaluates(fact: Fact) -> bool:
    """Whether a call is evaluation: what is met in most steps belongs to the training, as a teacher does."""
    return fact.number("looked") > 0 and fact.number("share") <= OFTEN


def evaluation(facts: Facts) -> Iterator[Proof]:
    """A model that is evaluated as in training, or with gradients that nothing uses."""
    for fact in facts.of("evaluation"):
        looked, training = int(fact.number("looked")), int(fact.number("training"))
        if (
            not evaluates(fact)
            or fact.at is None
            or any(map(_SAMPLED.search, (fact.function, *fact.outer)))
        ):
            continue
        apart, scale = fact.number("differs"), fact.number("scale")
        changed, layers = fact["changed"] or [], fact["layers"] or []
        differs = apart > APART * max(scale, 1e-6)
        if training == looked and layers and (differs or changed):
            seen = []
            if differs:
                seen.append(f"two passes over one batch differ by up to {apart:.3g}")
            if changed:
                seen.append(f"it changes {', '.join(f'`{n}`' for n in changed[:3])}")
            told = " and ".join(seen)
            yield Proof(
                "mode-eval-missing", True, fact.at, told,
                f"the model is evaluated in training mode: {told}, by {', '.join(layers[:3])}",
                "call `eval()` on the model before, and `train()` when training goes on",
                numbers={"differs": apart, "scale": scale, "changed": changed, "layers": layers},
            )  # fmt: skip
        elif not training or not layers:
            why = (
                "the model was in evaluation mode"
                if not training
                else "no layer of it depends on the mode"
            )
            same = (
                "two passes over one batch gave the same"
                if not differs
                else f"two passes differ by {apart:.3g}"
            )
            told = f"in {looked} evaluations {why} and changed no buffer; {same}"
            if not changed:
                yield Proof("mode-eval-missing", False, fact.at, told, reach="line")
        graphs = int(fact.number("graphs"))
        told = f"{graphs} of {looked} evaluations built a graph that no backward used"
        yield Proof("no-grad-missing", graphs == looked, fact.at, told, reach="line")


def mode(facts: Facts) -> Iterator[Proof]:
    """Training that goes on in the mode for evaluation."""
    fact = facts.one("mode")
    if fact is None or fact["evaluated"] is None:
        return
    after, layers = int(fact.number("eval_after")), fact["layers"] or []
    if after >= LEAST_AFTER and fact.number("train"):
        told = f"{after} training passes after an evaluation ran in evaluation mode, {int(fact.number('train'))} before it did not"
        yield Proof(
            "mode-train-not-restored", True, fact.at, told,
            f"the model is trained on in evaluation mode: {told} ({', '.join(layers[:3])})",
            "call `train()` on the model at the start of each pass over the training data",
            reach="file", numbers={"eval_after": after, "train": fact["train"], "layers": layers},
        )  # fmt: skip
    elif not fact.number("eval"):
        told = f"all {int(fact.number('train'))} training passes, those after an evaluation among them, ran in training mode"
        yield Proof("mode-train-not-restored", False, fact.at, told, reach="file")


def leaks(facts: Facts) -> Iterator[Proof]:
    """Items of a batch whose outputs depend on the other items."""
    fact = facts.one("leak")
    if fact is None or not fact["leaks"]:
        return
    rows, share = int(fact.number("rows")), fact.number("share")
    operation = str(fact["operation"] or "")
    softmax = "softmax" in operation
    seen = f"with one of {rows} items exchanged, {100 * share:.0f} % of the outputs change, where {100 / rows:.1f} % are that item's"
    note = " (batch norm, in evaluation mode here, has no part in it)" if fact["norm"] else ""
    where = f"; `{operation}` is the first to mix them" if operation else ""
    called = fact.place("called")
    yield Proof(
        "softmax-dim" if softmax else "view-instead-of-permute", True, fact.at, f"{seen}{note}",
        f"the items of a batch leak into each other: {seen}{note}{where}",
        "take the softmax along the classes: `dim=-1`" if softmax
        else "look for a `view` or `reshape` that should be a `transpose`, a `batch_first` that is missing, or an operation over dimension 0",
        numbers={"rows": rows, "share": round(share, 4), "operation": operation},
        related=[("the model is called here", called)] if called and called != fact.at else [],
    )  # fmt: skip


def one_batch(facts: Facts) -> Iterator[Proof]:
    """A model that cannot learn even one batch."""
    fact = facts.one("one-batch")
    if fact is None or fact["learned"]:
        return
    tries = fact["tries"]
    seen = "; ".join(f"{t['first']:.4g} → {t['least']:.4g} at {t['rate']:.2g}" for t in tries)
    steps = sum(int(t["steps"]) for t in tries)
    yield Proof(
        "not-learning", True, fact.at, f"loss at learning rates: {seen}",
        f"the model cannot learn one batch of {int(fact.number('rows'))} by heart: in {steps} steps on copies of "
        f"its weights the loss went {seen}, where the best constant answer costs {tries[0]['constant']:.4g}",
        "look at what lies between inputs and loss: dead units, a branch cut off, labels that do not belong",
        confidence=0.8, numbers={"tries": tries},
    )  # fmt: skip
