"""What a training measures of itself and logs under names of its own: gradients of layers, times, batches.

The names are those that frameworks and people use; each stands for one of the roles here. What a log
tells in them is what the probe measures, so that the same detectors judge both.
"""

import re
from typing import Literal

from labhand.kit.patterns import pattern

Measure = Literal[
    "layer-gradient",
    "dead-share",
    "zero-share",
    "weight-norm",
    "update-size",
    "data-time",
    "step-time",
    "throughput",
    "memory",
    "batch-identity",
    "batch-classes",
    "label-mean",
    "input-mean",
    "input-deviation",
]

MEANING: dict[str, str] = {
    "layer-gradient": "the gradient of a layer",
    "dead-share": "the share of units that are dead",
    "zero-share": "the share of activations that are zero",
    "weight-norm": "a size of the weights",
    "update-size": "the size of an update",
    "data-time": "the time or the share of waiting for data",
    "step-time": "the time of a step",
    "throughput": "how much is done in a second",
    "memory": "memory in use",
    "batch-identity": "a fingerprint of the batch",
    "batch-classes": "the number of classes in a batch",
    "label-mean": "the mean of a batch's labels",
    "input-mean": "the mean of the inputs",
    "input-deviation": "the deviation of the inputs",
}

_GRADIENT = frozenset("grad grads gradient gradients gnorm gradnorm".split())
_LAYERS = frozenset(
    "layer layers block blocks conv fc linear dense embed embedding embeddings attn attention mlp ffn stem body "
    "head weight bias".split()
)
_NO_LAYER_BESIDE = frozenset("rank p penalty accum accumulation noise scale cosine steps".split())
_NUMBERED = pattern(r"(?<![pP\d])(?<!(?<![a-zA-Z])[lL](?=[12](?!\d)))\d+")
_WEIGHTS = frozenset("param params parameter parameters weight weights w".split())
_SIZE = frozenset("norm norms l2 l1 sum checksum hash sumsq rms mean std".split())
_UPDATE = frozenset("update updates delta change".split())
_UPDATE_SIZE = frozenset("norm ratio size rms magnitude l2".split()) | _WEIGHTS
_DATA = frozenset(
    "data dataloader dataloading loader loading load fetch fetching input dataset batchload".split()
)
_SPENT = frozenset("time times s sec secs second seconds ms t wait waiting dur duration".split())
_SHARE = frozenset("frac fraction ratio share percent pct".split())
_PRINT = frozenset("hash checksum fingerprint crc crc32 digest sha sha1 sha256 md5".split())
_WHICH = frozenset("id ids idx index indices".split())
_MEMORY = frozenset("memory mem rss vram ram".split())
_MEMORY_BESIDE = frozenset(
    "free available total bandwidth bank replay limit util utilization".split()
)
NO_USE = _MEMORY_BESIDE | {"percent"}
"""Beside memory in the name of a machine's measure: it is none that the run itself has in use."""
_STEP_TIME = pattern(
    r"(step|iter|iteration|batch|epoch)_(s|ms|sec|secs|seconds|time|avg|duration)(_(s|ms|sec|avg))?$"
    r"|(^|_)(time|s|ms|sec|secs|seconds)_per_(step|it|iter|iteration|batch|epoch)$|^dt(_ms|_s)?$"
)
_SLASH_STEP = pattern(r"(?i)(^|[/_. ])(time|t|s|ms|secs?|seconds)/(step|it|iter|iteration|batch)$")
_DONE = (
    "it its iter iters iteration iterations step steps update updates batch batches sample samples example "
    "examples token tokens tok image images img imgs frame frames sequence sequences word words tgs"
).split()
_PER_SECOND = pattern(
    rf"(^|_)({'|'.join(_DONE)})_per_(s|sec|secs|second)(_|$)"
    r"|(^|_)(throughput|tps|sps|wps|ups|fps|mfu|tflops)(_|$)"
)
_SLASH_SECOND = pattern(rf"(?i)(^|[/_. ])({'|'.join(_DONE)})\s*/\s*(s|sec|second)s?$")
_RANK = pattern(r"(?i)(?:^|[/_. -])rank[/_. -]?(\d+)(?=$|[/_. -])")
_NO_LAYER = pattern(
    r"(?i)(?<![a-z])(grads?|gradients?|gnorm|gradnorm|norms?|l2|dead|dying|relus?|neurons?|units?|frac(tion)?|"
    r"share|ratio|percent|pct|zeros?|sparsity|activations?|acts?|train|stats)(?![a-z])"
)


def measure(name: str, words: list[str], known: set[str], *, held_out: bool) -> Measure | None:
    """What a metric of this name measures, None of anything else.

    `words` are those of the name in lower case, `known` those and such as `l2`, which hold digits.
    """
    joined = "_".join(words)
    if known & _GRADIENT and not held_out:
        return "layer-gradient" if _names_layer(name, known) else None
    if known & {"dead", "dying"} and not known & _SPENT:
        return "dead-share"
    if "sparsity" in known or ("zero" in known and known & _SHARE):
        inside = known & {"act", "acts", "activation", "activations", "relu", "hidden"}
        return "zero-share" if inside or known & _SHARE else None
    return _of_batch(known, joined) or _of_time(name, known, joined, held_out) or _of_state(known)


def _names_layer(name: str, known: set[str]) -> bool:
    """Whether the name of a gradient says of which layer; a rank or a percentile is none."""
    layer = bool(known & _LAYERS) or bool(_NUMBERED.search(name))
    return layer and not known & _NO_LAYER_BESIDE


def _of_batch(known: set[str], joined: str) -> Measure | None:
    samples = known & {"sample", "samples"}
    if ("batch" in known or samples) and (known & _PRINT or ("first" in known and known & _WHICH)):
        return "batch-identity"
    mean = known & {"mean", "avg"}
    some = known & {"unique", "distinct"} or "batch" in known
    if known & {"classes", "labels"} and some and not mean and not known & {"std", "all", "total"}:
        return "batch-classes"
    if known & {"label", "labels"} and mean and known <= _LABEL_MEAN:
        return "label-mean"
    inputs = known & {"input", "inputs", "image", "images", "pixel", "pixels", "batch"}
    if inputs and known <= inputs | {"mean", "std"} | _PARTS:
        return "input-mean" if "mean" in known else "input-deviation" if "std" in known else None
    return None


_LABEL_MEAN = frozenset("label labels mean avg batch train data in of".split())
_PARTS = frozenset("train training tr val valid validation eval evaluation dev test".split())


def _of_time(name: str, known: set[str], joined: str, held_out: bool) -> Measure | None:
    if held_out:
        return None
    if _SLASH_SECOND.search(name) or _PER_SECOND.search(joined):
        return "throughput"
    if known & _DATA and known & (_SPENT | _SHARE) and not known & {"std", "total", "epoch"}:
        return "data-time" if known & _SPENT or "wait" in known else None
    timed = _STEP_TIME.search(joined) or _SLASH_STEP.search(name)
    return "step-time" if timed else None


def _of_state(known: set[str]) -> Measure | None:
    if known & _MEMORY and not known & _MEMORY_BESIDE:
        return "memory"
    if known & {"decay", "loss", "class", "sample", "lr", "kl", "scale", "best", "act", "logit"}:
        return None
    if known & _UPDATE and known & _UPDATE_SIZE:
        return "update-size"
    if known & _WEIGHTS and known & _SIZE and "ratio" not in known:
        return "weight-norm"
    return None


def layer_in(name: str) -> str:
    """The layer that the name of a measure tells; the whole name where nothing else is in it."""
    if name.startswith("layer/"):
        return name.removeprefix("layer/").rpartition("/")[0]
    bare = _NO_LAYER.sub("", name)
    return re.sub(r"[/_. -]{2,}", "/", bare).strip("/_. -") or name


def rank_in(name: str) -> tuple[str, int] | None:
    """The name without its rank, and the rank that it tells; None where it tells none."""
    found = _RANK.search(name)
    if found is None:
        return None
    return (name[: found.start()] + "/" + name[found.end() :]).strip("/_. -"), int(found[1])


def is_share(name: str) -> bool:
    """Whether a name tells a share or a percentage, not an amount."""
    return bool(set(re.findall(r"[a-z]+", name.lower())) & _SHARE)
