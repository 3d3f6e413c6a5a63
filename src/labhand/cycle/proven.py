"""One finding, not two: what check claims of a run's code and the watch then sees is told once, and proven."""

from collections.abc import Sequence

import msgspec

from labhand.core.finding import Finding

PROVEN = 0.99
SAME: dict[str, tuple[str, ...]] = {
    "loss-floor": ("loss-double-softmax", "loss-double-sigmoid"),
    "train-eval-mismatch": ("mode-eval-missing", "mode-train-not-restored"),
    "frozen-parameters": ("param-not-registered", "optim-before-change"),
    "weights-unchanged": ("nothing-trainable", "optim-before-change"),
    "repeated-batches": ("worker-numpy-seed",),
    "unshuffled-data": ("shuffle-off-train",),
}
"""The rules of check that claim of code what a detector of watch sees of the run."""
_SAYS = {
    "loss-double-softmax": "softmax is taken twice",
    "loss-double-sigmoid": "sigmoid is taken twice",
    "mode-eval-missing": "evaluation runs in training mode",
    "mode-train-not-restored": "training goes on in evaluation mode",
}
"""What the live finding has to say, in its message or its causes, where it may be of something else."""


def joined(static: Sequence[Finding], live: Sequence[Finding]) -> list[Finding]:
    """The findings of check, watch and scan of one run, each fault once.

    A finding of check that the watch has seen too is raised, and keeps its place and its fix; what was seen
    becomes its evidence, and its step and alarm stand there. What scan says again, of files that a later
    attempt wrote anew, takes the place of what it said.
    """
    again = {seen.id for seen in live if seen.job == "scan"}
    kept = [f for f in static if f.job != "scan" or f.id not in again]
    rest: list[Finding] = []
    for seen in live:
        at = next((n for n, f in enumerate(kept) if _same(f, seen)), None)
        if at is None:
            rest.append(seen)
        else:
            kept[at] = _raised(kept[at], seen)
    return kept + rest


def _same(finding: Finding, seen: Finding) -> bool:
    if finding.job != "check" or finding.rule not in SAME.get(seen.rule, ()):
        return False
    told = " ".join([seen.message, *(r.message for r in seen.related), str(seen.evidence)])
    sure = isinstance(seen.confirmed_step, int) and seen.state != "recovered"
    return sure and _SAYS.get(finding.rule, "").lower() in told.lower()


def _raised(finding: Finding, seen: Finding) -> Finding:
    live = {
        "rule": seen.rule,
        "step": seen.where.step if isinstance(seen.where.step, int) else None,
        "severity": seen.severity,
        "alarm": seen.alarm is True,
    }
    evidence = finding.evidence | {"measured": seen.message, "live": live}
    confidence = max(finding.confidence, PROVEN)
    return msgspec.structs.replace(finding, confidence=confidence, evidence=evidence)
