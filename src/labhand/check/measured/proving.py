"""All proofs of one run, and what it could not show."""

from collections.abc import Callable, Iterator

from labhand.check.measured import loading, losses, passes, weights
from labhand.check.measured.facts import Facts
from labhand.check.measured.proof import Measured, Proof
from labhand.core.finding import Skipped

_Prove = Callable[[Facts], Iterator[Proof]]

_MATTERS: tuple[tuple[_Prove, tuple[str, ...]], ...] = (
    (losses.given, ("loss-double-softmax", "loss-double-sigmoid", "loss-missing-activation", "loss-kl-not-log", "loss-broadcast")),
    (losses.first_loss, ("initial-loss",)),
    (weights.gradients, ("grad-zero-missing", "grad-zero-misplaced")),
    (weights.reach, ("nothing-trainable", "param-not-registered", "optim-before-change", "frozen-parameters")),
    (passes.evaluation, ("mode-eval-missing", "no-grad-missing")),
    (passes.mode, ("mode-train-not-restored",)),
    (passes.leaks, ("view-instead-of-permute", "softmax-dim")),
    (passes.one_batch, ("not-learning",)),
    (loading.order, ("shuffle-off-train",)),
    (loading.workers, ("worker-numpy-seed",)),
)  # fmt: skip
"""What is looked at, and the rules that it settles."""

_LOOKS = {
    "losses": "loss-double-softmax", "weights": "grad-zero-missing", "passes": "mode-eval-missing",
    "loading": "shuffle-off-train", "batch": "not-learning", "leak": "view-instead-of-permute",
    "one-batch": "not-learning",
}  # fmt: skip
"""The rule that is told of where the probe could not look."""


def measured(facts: Facts) -> Measured:
    """What a run has shown: for and against findings, and what could not be looked at, with the reason."""
    proofs = [proof for prove, _ in _MATTERS for proof in prove(facts)]
    real = {proof.rule for proof in proofs if proof.proven}
    # a batch that cannot be learned has a cause; where that is known it is no finding of its own
    causes = real - {"not-learning", "initial-loss", "shuffle-off-train", "no-grad-missing"}
    if causes:
        proofs = [proof for proof in proofs if proof.rule != "not-learning"]
    skipped = list(_skipped(facts))
    without = {entry.rule for entry in skipped}
    ran = sorted({r for _, rules in _MATTERS for r in rules} - without)
    return Measured(proofs, ran, skipped)


def _skipped(facts: Facts) -> Iterator[Skipped]:
    for look, why in facts.unseen.items():
        yield Skipped(_LOOKS.get(look, look), f"not by the probe: {why}")
    seen = f"within {facts.steps} steps"
    if not any(map(passes.evaluates, facts.of("evaluation"))):
        yield Skipped("mode-eval-missing", f"not by the probe: no evaluation was seen {seen}")
    if not any(facts.of("loss-input")):
        yield Skipped(
            "loss-double-softmax",
            f"not by the probe: no loss function of PyTorch was called {seen}",
        )
    if facts.one("first-loss") is None:
        yield Skipped(
            "initial-loss", "not by the probe: the loss is not that of a classifier, or is weighted"
        )
    if not any(facts.of("loader")):
        yield Skipped("shuffle-off-train", "not by the probe: no batch came from a DataLoader")
    elif any(f.number("workers") > 1 for f in facts.of("loader")) and not facts.workers:
        yield Skipped("worker-numpy-seed", "not by the probe: the workers told nothing")
