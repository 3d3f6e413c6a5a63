"""What the metrics of a run are, found from their names: an assumption, always told."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Literal, cast, get_args

from labhand.core.errors import UsageError
from labhand.kit.metric_names import ERRORS, HELD_OUT, LOSSES, SCORES, TRAIN
from labhand.watch.measures import MEANING as MEASURED
from labhand.watch.measures import NO_USE, Measure, measure

Role = Literal[
    "train-loss",
    "validation-loss",
    "validation-score",
    "validation-error",
    "train-score",
    "train-error",
    "reward",
    "gradient-norm",
    "learning-rate",
    Measure,
    "other",
]
"""A score and a reward are better higher, a loss and an error lower."""

ROLES: tuple[str, ...] = get_args(Role)

MEANING: dict[str, str] = {
    "train-loss": "the training loss",
    "validation-loss": "a validation loss",
    "validation-score": "a validation metric, better higher",
    "validation-error": "a validation metric, better lower",
    "train-score": "a training metric, better higher",
    "train-error": "a training metric, better lower",
    "reward": "a reward, better higher",
    "gradient-norm": "the gradient norm",
    "learning-rate": "a learning rate",
    **MEASURED,
}

LEAST = 15
"""Values before a metric has a behaviour."""
UNEVEN = 0.1
"""What is learned goes the other way at so large a share of its moves at least."""
_TELLS_NOTHING = frozenset(
    "elbo x y z v f m l value values metric metrics result results out output col column var series data".split()
)
_TOKEN = re.compile(r"[A-Za-z]+|\d+")
_WORD = re.compile(r"[A-Za-z]+\d*")
_VALIDATION = HELD_OUT | {"oob"}
_LOSS = LOSSES | frozenset("nelbo objective cost l1 l2 deviance huber hinge infonce".split())
_SCORE = SCORES | {"top"}
_BESIDE = frozenset(
    "best aux scale scaler weight kl reg regularization regularisation balance z prox".split()
)
_REWARD = frozenset("reward rewards return returns rew success winrate".split())
_REWARD_BESIDE = frozenset(
    "chosen rejected margin margins accuracy accuracies std var min max model len length".split()
)
_GRADIENT = frozenset("grad grads gradient gradients".split())
_PARTS = frozenset(
    "box cls dfl obj mask kpt rpn ctc d g gen disc critic actor policy value entropy".split()
)


def role(metric: str) -> Role:
    """The role that the name of a metric suggests."""
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", metric)
    words = [word.lower() for word in _TOKEN.findall(split)]
    joined = "_".join(words)
    # `mIoU`, `f1` and `top5` are words as they stand
    whole = {word.lower() for word in _WORD.findall(f"{metric} {split}")}
    known = {*words, *whole, *(word.rstrip("0123456789") for word in whole)}
    if "held_out" in joined or "hold_out" in joined:
        known.add("val")
    if "neg_elbo" in joined or "negative_elbo" in joined:
        known.add("nelbo")  # by itself the bound is to rise, and as many log its negative
    if "cross_entropy" in joined or "bits_per_" in joined:
        known = known - {"entropy"} | {"loss"}
    if words[:1] == ["system"]:
        return "memory" if known & {"memory", "rss"} and not known & NO_USE else "other"
    if known & {"lr", "lrs"} or "learning_rate" in joined:
        return "learning-rate"
    measured = measure(metric, words, known, held_out=bool(known & _VALIDATION))
    if measured is not None:
        return measured
    if known & {"gnorm", "gradnorm"} or (known & {"norm", "l2"} and known & _GRADIENT):
        return "gradient-norm"
    if known & _BESIDE:
        return "other"
    return _learned(known, joined)


def _learned(known: set[str], joined: str) -> Role:
    validation = bool(known & _VALIDATION)
    loss = bool(known & _LOSS) or any(word.endswith("loss") for word in known)
    if loss and not validation:
        return "other" if known & _PARTS and not known & {"train", "training"} else "train-loss"
    if loss:
        return "validation-loss"
    if known & ERRORS:
        return "validation-error" if validation else "train-error"
    if known & _REWARD or "win_rate" in joined:
        return "other" if known & _REWARD_BESIDE else "reward"
    if known & _SCORE or "average_precision" in joined:
        if joined == "score":  # of what, nobody knows
            return "other"
        return "validation-score" if validation else "train-score"
    return "other"


def _tells_nothing(name: str) -> bool:
    """Whether a name is that of a part of the data and of nothing else, or of anything at all."""
    words = {word.lower() for word in _TOKEN.findall(name) if not word.isdigit()}
    return words <= _TELLS_NOTHING or (len(words) == 1 and words <= TRAIN | _VALIDATION)


def _way(values: Sequence[float]) -> Literal["falls", "rises"] | None:
    """Whether a series falls or rises as a metric does that is learned; None of any other.

    A schedule or a clock moves smoothly, what is learned has ups and downs.
    """
    if len(values) < LEAST or min(values) < 0:
        return None
    third = len(values) // 3
    first, last = sorted(values[:third])[third // 2], sorted(values[-third:])[third // 2]
    ups = sum(b > a for a, b in itertools.pairwise(values))
    downs = sum(b < a for a, b in itertools.pairwise(values))
    if min(ups, downs) < UNEVEN * len(values):
        return None
    return "falls" if last < 0.9 * first else "rises" if last > 1.1 * first else None


def _is_step_time(name: str, values: Sequence[float]) -> bool:
    """Whether it is a time by its name that goes up as often as down, about."""
    if {word.lower() for word in _TOKEN.findall(name)} - TRAIN != {"time"}:
        return False
    moves = [b - a for a, b in itertools.pairwise(values)]
    return min(sum(m > 0 for m in moves), sum(m < 0 for m in moves)) > 0.25 * max(
        LEAST, len(values)
    )


class Roles:
    """The role of each metric of a run: as the person said, else as its name suggests, or its behaviour.

    Raises:
        UsageError: a role that does not exist.
    """

    def __init__(self, said: Mapping[str, str] | None = None) -> None:
        for metric, given in (said or {}).items():
            if given not in ROLES:
                raise UsageError(
                    f"`{given}` is no role for `{metric}`; the roles are {', '.join(ROLES)}"
                )
        self._said = cast("dict[str, Role]", dict(said or {}))
        self._found: dict[str, Role] = {}
        self._behaved: set[str] = set()

    def of(self, metric: str) -> Role:
        """The role of a metric."""
        found = self._found.get(metric)
        if found is None:
            found = self._found[metric] = self._said.get(metric) or role(metric)
        return found

    def by_behaviour(self, values: Mapping[str, Sequence[float]]) -> dict[str, Role]:
        """Gives roles to metrics whose names tell none: those that have one now and had none.

        `values` are the values so far of each metric. A metric named after training or validation alone
        is a loss where it falls and a score where it rises. Where still no metric is a training loss, the
        only one that falls as losses do, with ups and downs, is taken for it. A `time` that goes up and down is
        that of a step; one that only grows is that of the run.
        """
        unknown = {
            name: moves for name, series in values.items()
            if name not in self._said and _tells_nothing(name) and (moves := _way(series))
        }  # fmt: skip
        given: dict[str, Role] = {}
        for name, way in unknown.items():
            if name.lower() in _VALIDATION:
                given[name] = "validation-loss" if way == "falls" else "validation-score"
            elif name.lower() in TRAIN:
                given[name] = "train-loss" if way == "falls" else "train-score"
        if "train-loss" not in {*self._found.values(), *given.values()}:
            falling = [n for n, way in unknown.items() if way == "falls" and n not in given]
            if len(falling) == 1:
                given[falling[0]] = "train-loss"
        given |= {
            name: "step-time" for name, series in values.items()
            if name not in self._said and self._found[name] == "other" and _is_step_time(name, series)
        }  # fmt: skip
        self._found |= given
        self._behaved |= given.keys()
        return given

    def _why(self, metric: str) -> str:
        if metric in self._said:
            return "said"
        return "by how it behaves" if metric in self._behaved else "by its name"

    def assumptions(self) -> list[str]:
        """What was assumed or said of the metrics that have been seen, a sentence each."""
        return [
            f"`{metric}` is {MEANING[found]} ({self._why(metric)})"
            for metric, found in self._found.items()
            if found != "other"
        ]

    def found(self) -> dict[str, str]:
        """The role of every metric that has one."""
        return {metric: found for metric, found in self._found.items() if found != "other"}
