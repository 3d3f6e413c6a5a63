"""Pairs of a name and a number in a line of prose, and what is never one.

The guards decide by what stands around a number: `3.11.4`, `10.0.0.1`, `12:03:55`, `2026-01-02`,
`a/b/3`, `(64, 128)` hold no metric. The vocabulary decides by the name: `loss` is one wherever it
stands, `seed` never is, any other name is one only beside a step, an epoch or a sure metric.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from labhand.kit.metric_names import ERRORS, LOSSES, SCORES
from labhand.kit.patterns import pattern

NUMBER = r"[-+]?(?:\d[\d_]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|(?:nan|inf(?:inity)?)\b)"

_UNITS = r"(?:[num]?s|sec(?:onds?)?|min|h|%|x|[kKMB](?!\w)|(?:it|tok(?:ens?)?|samples?|img|steps?|ex|batch(?:es)?)/s(?:ec)?|/s|[mu]?s/(?:it|step|iter|batch))"
_KEY = r"[^\W\d_][\w./@%'\-]*(?:(?: |_| / )(?:[^\W\d_][\w@%'\-]*)){0,3}(?: ?\([A-Za-z%/]{1,8}\))?"
_PAIR = pattern(
    rf"(?<![\w./\\@#$-])['\"]?(?P<key>{_KEY})['\"]?(?P<sep>\s*[:=]\s*|\s+)['\"]?"
    rf"(?P<value>{NUMBER})(?P<unit>\s?{_UNITS}(?![\w/])|)['\"]?(?P<after>.{{0,3}})",
    re.IGNORECASE,
)
_BAD_AFTER = pattern(
    r"[\w\\°#\[(]|[.:/\-][\w/]|\s?->|,\d|\s?/\s?\d|\s?[*+^](?!/)|\s[KMGT]i?[Bb]\b|\s:\s?\d"
)
_ENDS = pattern(r"$|[,;|)\]}]|\s+[,;|(\[/-]|\s\s|\s+['\"]?[A-Za-z]")
_RATE = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9}

_METRIC = (
    LOSSES
    | ERRORS
    | SCORES
    | frozenset(
        "elbo cost objective kl entropy likelihood residual acc1 acc5 top1 top5 map50 rouge1 rouge2 "
        "rougel ndcg@10 chamfer mauve exact_match".split()
    )
)
_WITH_STEP = frozenset(
    "lr learning_rate rate norm grad_norm gnorm momentum wd weight_decay scale mfu fps speed "
    "throughput it/s tok/s time".split()
)
_NEVER = frozenset(
    "batchsize port pid line lines version seed rank world id ids uuid hash commit sha eta date day year memory "
    "mem vram ram gpu gpus cpu cpus cuda python torch numpy workers worker threads devices device "
    "params parameters size shape dim dims layers heads epochs steps iters iterations max min total "
    "remaining elapsed took file path host http https localhost ip code status exit errno weight "
    "weights coef coefficient smoothing threshold patience fn type lambda eps epsilon beta beta1 "
    "beta2 gamma alpha args warning v_num build level chunk shard file_size download downloaded "
    "downloading from to at in of for with after before than expected target step iter iteration "
    "epoch batch round every samples images rows examples classes vocab width height n num number "
    "count dropout hidden temperature accumulation rev revision release row column col page "
    "section figure table chapter question issue bug pr item option best_of top_k top_p "
    "improved improvement".split()
)
_OF_LOSSES = frozenset("total max min".split())
"""Words that make a size of a plain name, and leave a metric one: `total_loss`."""
_SPLIT = pattern(r"[\s_./\-@%'()]+")
_VARIABLE = pattern(r"[A-Z]+(?:_[A-Z0-9]+)+$")
"""What a variable of the environment looks like; beside a whole number it is no sure metric."""
_CAPITALISED = pattern(r"\b[A-Z][a-z]+(?![A-Za-z])")


class Pair(NamedTuple):
    """A name as the script printed it, its number, and how sure it is that it is a metric."""

    key: str
    value: float
    sure: bool
    start: int


def number(text: str) -> float | None:
    """The number that the text says: `1.5e-3`, `nan`, `-inf`, `1_000`; None for anything else."""
    try:
        return float(text)
    except ValueError:
        return None


@lru_cache(4096)
def name(key: str) -> str:
    """The metric's name for a printed key: `Train Loss` is `train_loss`, `mAP50` stays."""
    key = re.sub(r" ?\([A-Za-z%/]{1,8}\)$", "", key.strip(" '\""))
    key = _CAPITALISED.sub(lambda word: word.group().lower(), key)
    return re.sub(r"\s*/\s*", "/", key).replace(" ", "_")


def words(key: str) -> list[str]:
    """The words of a name in lower case: `val_loss/cls` is val, loss, cls."""
    return [word for word in _SPLIT.split(key.lower()) if word]


@lru_cache(4096)
def is_metric(key: str) -> bool:
    """Whether the name alone says that it is a metric."""
    parts = words(key)
    if not parts or any(word in _NEVER and word not in _OF_LOSSES for word in parts):
        return False
    return any(word in _METRIC or word.endswith("loss") for word in parts)


@lru_cache(4096)
def is_never(key: str) -> bool:
    """Whether the name says that its number is no metric: a port, a seed, a size, a setting."""
    parts = words(key)
    return not parts or any(word in _NEVER for word in parts)


@lru_cache(4096)
def is_setting(key: str) -> bool:
    """Whether the name is of a setting that is a metric only beside a step, as `lr` is."""
    return key.lower() in _WITH_STEP or any(word in _WITH_STEP for word in words(key))


def pairs(text: str) -> list[Pair]:
    """Every pair in the text that the guards let through, in order, settings included."""
    found: list[Pair] = []
    at = 0
    while match := _PAIR.search(text, at):
        at = match.end("value")
        key, unit, after = match["key"], match["unit"], match["after"]
        at = max(at, match.start() + 1)
        if _BAD_AFTER.match(after):
            at = _past_word(text, at)
            continue
        value = number(match["value"])
        if value is None:
            continue
        spaced = match["sep"].isspace()
        sure = is_metric(key) and not (match["value"].isdigit() and _VARIABLE.search(key))
        if spaced:
            key, sure = _last_words(key)
            if not (sure or is_setting(key)) or not _ENDS.match(text, match.end("unit")):
                continue
        if is_never(key) and not sure:
            continue
        value *= _RATE.get(unit.strip(), 1.0)
        found.append(Pair(name(key), value, sure, match.start()))
    return found


def _past_word(text: str, at: int) -> int:
    """The place after the run of characters that a refused number belongs to."""
    while at < len(text) and not text[at].isspace() and text[at] not in ",;|":
        at += 1
    return at


@lru_cache(4096)
def _last_words(key: str) -> tuple[str, bool]:
    """The end of a run of words that names a metric: of `then train loss`, `train loss`."""
    parts = key.split(" ")
    if not is_metric(parts[-1]):
        return parts[-1], False
    side = len(parts) > 1 and parts[-2].lower() in (
        "train", "training", "val", "valid", "validation", "test", "eval", "dev", "lm", "avg",
        "mean", "average", "total", "smooth", "aux", "best",
    )  # fmt: skip
    return " ".join(parts[-2:] if side else parts[-1:]), True
