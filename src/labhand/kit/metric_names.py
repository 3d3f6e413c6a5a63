"""What the name of a metric tells: which way is better, on which data, and which one to show first."""

import re
from collections.abc import Iterable
from typing import Literal

from labhand.core.run import Metric

Direction = Literal["down", "up"]

LOOKS = re.compile(
    r"layer/.+/(grad_norm|dead|update)|batch/(labels|classes|shared|repeated|(target_)?(mean|std))"
    r"|eval/(mean|std)|rank/(weights|size)"
)
"""The metrics of the probe's looks, at a few steps, into layers, batches and ranks."""

LOSSES = frozenset(
    "loss losses nll ce bce mse mae rmse rmsle logloss xent crossentropy perplexity ppl bpb bpc bpd "
    "bpt".split()
)
ERRORS = frozenset("error err wer cer eer mape smape wape mase fid kid lpips regret".split())
SCORES = frozenset(
    "acc accuracy f1 fscore auc auroc auprc ap map iou miou dice bleu rouge meteor chrf psnr ssim "
    "score precision recall r2 kappa mcc ndcg mrr hits em reward rewards rew return returns winrate "
    "spearman pearson ari nmi silhouette".split()
)
_DOWN = LOSSES | ERRORS | frozenset("kl brier ece latency".split())
_UP = SCORES | frozenset("roc win success top1 top5 throughput".split())
RETURNS = frozenset("reward rewards return returns rew".split())
"""What reinforcement learning is after, whatever its losses do."""
_MEANS = frozenset("mean avg average median ema smoothed".split())
_NEUTRAL = frozenset(
    "std stdev stddev sd var variance scale weight coef coeff threshold time count chosen rejected".split()
)
"""Last words of metrics that say how much of something there is, and not how good it is."""

TRAIN = frozenset("train training trn tr".split())
VALIDATION = frozenset("val valid validation eval evaluation dev heldout holdout valset".split())
TEST = frozenset(["test"])
HELD_OUT = VALIDATION | TEST


def is_ours(metric: str) -> bool:
    """Whether labhand measured it itself, on the machine or inside the training."""
    return metric.startswith(("probe/", "system/")) or LOOKS.fullmatch(metric) is not None


def direction(metric: str) -> Direction | None:
    """Which way a metric gets better, told by its name; None where the name does not tell."""
    group, _, name = metric.rpartition("/")
    if group.lower() == "losses" and not {*_words(name)} <= HELD_OUT | TRAIN:
        metric = name  # a heading, which diagnostics stand under too
    parts = re.split(r"[^A-Za-z0-9]+", metric)
    if parts[-1].lower() in _NEUTRAL:
        return None
    if re.search(r"cross[^A-Za-z]?entropy", metric, re.I):  # any other entropy is no aim
        return "down"
    for part in reversed(parts):
        camel = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", part)
        # "mAP50" is one word, "valLoss" two; the last word says what the others are about
        for word in (part, part.rstrip("0123456789"), *reversed(camel)):
            if word.lower() in _DOWN:
                return "down"
            if word.lower() in _UP:
                return "up"
    return None


def best(name: str, metric: Metric) -> float | None:
    """The best value of a metric; None where its direction is unknown."""
    return {"down": metric.min, "up": metric.max}.get(direction(name) or "")


def headlines(names: Iterable[str]) -> list[str]:
    """The metrics to show, the one that tells most first: held out before trained on, losses first.

    Where there are rewards and no scores, rewards come before losses. Of the person's own those whose
    direction is known, else all; without any, the probe's loss.
    """
    names = list(names)
    own = [n for n in names if not is_ours(n)]
    own = [n for n in own if direction(n)] or own
    if not own:
        return [n for n in names if n == "probe/loss"]
    rewards = {n for n in own if _is_return(n)}
    if any(direction(n) == "up" for n in own if RETURNS.isdisjoint(_words(n))):
        rewards = set()
    return sorted(own, key=lambda n: (not _held_out(n), n not in rewards, direction(n) == "up"))


def _is_return(name: str) -> bool:
    last = next((w for w in reversed(_words(name)) if w not in _MEANS), "")
    return last in RETURNS


def _words(name: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", name.lower())


def _held_out(name: str) -> bool:
    return not HELD_OUT.isdisjoint(_words(name))
