"""What the metrics of a run are, found from their names: an assumption, always told."""

import re
from collections.abc import Mapping
from typing import Literal, cast, get_args

from labhand.core.errors import UsageError
from labhand.kit.metric_names import ERRORS, HELD_OUT, LOSSES, SCORES

Role = Literal[
    "train-loss",
    "validation-loss",
    "validation-score",
    "validation-error",
    "train-score",
    "train-error",
    "gradient-norm",
    "learning-rate",
    "step-time",
    "memory",
    "other",
]
"""A score is better higher, a loss and an error lower."""

ROLES: tuple[str, ...] = get_args(Role)

MEANING: dict[str, str] = {
    "train-loss": "the training loss",
    "validation-loss": "a validation loss",
    "validation-score": "a validation metric, better higher",
    "validation-error": "a validation metric, better lower",
    "train-score": "a training metric, better higher",
    "train-error": "a training metric, better lower",
    "gradient-norm": "the gradient norm",
    "learning-rate": "a learning rate",
    "step-time": "the time of a step",
    "memory": "memory in use",
}

_TOKEN = re.compile(r"[A-Za-z]+|\d+")
_VALIDATION = HELD_OUT | {"oob"}
_LOSS = LOSSES | frozenset("elbo objective cost l1 l2 deviance".split())
_SCORE = SCORES | {"top"}
_BESIDE = frozenset(
    "aux scale scaler weight kl reg regularization regularisation balance z prox".split()
)
_MEMORY = frozenset("memory mem rss vram ram".split())
_MEMORY_BESIDE = frozenset("percent free available total bandwidth bank replay".split())
_PARTS = frozenset(
    "box cls dfl obj mask kpt rpn ctc d g gen disc critic actor policy value entropy".split()
)


def role(metric: str) -> Role:
    """The role that the name of a metric suggests."""
    words = [word.lower() for word in _TOKEN.findall(re.sub(r"([a-z])([A-Z])", r"\1 \2", metric))]
    known = set(words)
    joined = "_".join(words)
    if ("grad" in known or "gradient" in known or "gnorm" in known) and (
        "norm" in known or "gnorm" in known
    ):
        return "gradient-norm"
    if known & {"lr", "lrs"} or "learning_rate" in joined:
        return "learning-rate"
    if re.search(
        r"(step|iter|iteration|batch)_(s|ms|time|avg)$|^time_per_|sec_per_(step|it)", joined
    ):
        return "step-time"
    if known & _MEMORY and not known & _MEMORY_BESIDE:
        return "memory"
    if known & _BESIDE or words[:1] == ["system"]:
        return "other"
    return _measured(known, joined)


def _measured(known: set[str], joined: str) -> Role:
    validation = bool(known & _VALIDATION)
    loss = bool(known & _LOSS) or any(word.endswith("loss") for word in known)
    if loss and not validation:
        return "other" if known & _PARTS and not known & {"train", "training"} else "train-loss"
    if loss:
        return "validation-loss"
    if known & _SCORE or "average_precision" in joined:
        if joined == "score":  # of what, nobody knows
            return "other"
        return "validation-score" if validation else "train-score"
    if known & ERRORS:
        return "validation-error" if validation else "train-error"
    return "other"


class Roles:
    """The role of each metric of a run: as the person said, else as its name suggests.

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

    def of(self, metric: str) -> Role:
        """The role of a metric."""
        found = self._found.get(metric)
        if found is None:
            found = self._found[metric] = self._said.get(metric) or role(metric)
        return found

    def assumptions(self) -> list[str]:
        """What was assumed or said of the metrics that have been seen, a sentence each."""
        return [
            f"`{metric}` is {MEANING[found]} ({'said' if metric in self._said else 'by its name'})"
            for metric, found in self._found.items()
            if found != "other"
        ]

    def found(self) -> dict[str, str]:
        """The role of every metric that has one."""
        return {metric: found for metric, found in self._found.items() if found != "other"}
