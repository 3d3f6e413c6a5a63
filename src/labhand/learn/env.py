"""The environment of learn: a simulated researcher with hidden preferences, who changes taste once.

In each episode the researcher asks for something in part; the answer is a whole choice of settings;
the researcher changes what is not to their liking, and no more. What that costs over all episodes is
the score (cumulative edit cost, as in PRELUDE; Gao et al. 2024, arXiv 2404.15269): 0 where it costs
as much as the defaults of the code, 1 where nothing had to be changed.
"""

import random
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

from labhand.core.task import Score, Task
from labhand.kit.habits import usual
from labhand.learn.history import Trial
from labhand.learn.learning import of_trials
from labhand.learn.predict import complete

NAME = "learn"
EPISODES = 60
SLIPS = 0.1
"""How often the researcher wants something for once that no preference tells."""

Settings = dict[str, Hashable]
Answer = Callable[[Sequence[Settings], Settings, Settings], Mapping[str, Hashable]]
"""From the settings that earlier episodes ended with, the defaults and what is asked for: all settings."""

VALUES: dict[str, tuple[Hashable, ...]] = {
    "optimizer": ("adamw", "sgd", "lion"),
    "lr": (1e-3, 3e-4, 0.1, 0.03, 1e-4),
    "batch_size": (32, 64, 128, 256),
    "weight_decay": (0.0, 0.01, 0.1),
    "dropout": (0.0, 0.1, 0.2),
    "warmup_steps": (0, 100, 500),
    "schedule": ("constant", "cosine", "linear"),
    "precision": ("fp32", "bf16"),
}
"""The settings of the project; the first of each is its default."""
_ASKED = ("optimizer", "batch_size", "dropout")


class Episode(NamedTuple):
    """What is asked for, and all the settings that are wanted."""

    asked: Settings
    wanted: Settings


class Problem(NamedTuple):
    """A task with its episodes; their `wanted` is hidden from an answer until the episode is over."""

    task: Task
    defaults: Settings
    episodes: list[Episode]


def make(seed: int) -> Problem:
    """A problem, the same for the same seed."""
    draw = random.Random(seed)
    defaults = {key: values[0] for key, values in VALUES.items()}
    first = _taste(draw)
    second = {**first, **{k: v for k, v in _taste(draw).items() if draw.random() < 0.5}}
    turn = draw.randrange(EPISODES * 2 // 5, EPISODES * 3 // 5)
    episodes = [_episode(draw, defaults, first if n < turn else second) for n in range(EPISODES)]
    task = Task(
        id=f"learn-{seed}",
        environment=NAME,
        prompt="Propose all settings for what is asked for, as this researcher would have them.",
        expected=[episode.wanted for episode in episodes],
        facts={"defaults": defaults, "turn": turn},
    )
    return Problem(task, defaults, episodes)


_Taste = dict[str, Hashable]


def _taste(draw: random.Random) -> _Taste:
    """A hidden preference program: values for some settings, and a learning rate for each optimizer."""
    kept = draw.sample(["weight_decay", "warmup_steps", "schedule", "precision"], 3)
    taste: _Taste = {key: draw.choice(VALUES[key][1:]) for key in kept}
    rates = draw.sample(VALUES["lr"][1:], len(VALUES["optimizer"]))
    return taste | {f"lr of {o}": lr for o, lr in zip(VALUES["optimizer"], rates, strict=True)}


def _episode(draw: random.Random, defaults: Settings, taste: _Taste) -> Episode:
    asked = {k: draw.choice(VALUES[k]) for k in draw.sample(_ASKED, draw.choice([1, 2]))}
    wanted = {**defaults, **{k: v for k, v in taste.items() if k in defaults}, **asked}
    wanted["lr"] = taste[f"lr of {wanted['optimizer']}"]
    if draw.random() < SLIPS:
        key = draw.choice([k for k in VALUES if k not in asked])
        wanted[key] = draw.choice(VALUES[key])
    return Episode(asked, wanted)


def play(problem: Problem, answer: Answer) -> tuple[Score, list[int]]:
    """The score of an answer, and how many settings had to be changed in each episode."""
    past: list[Settings] = []
    costs: list[int] = []
    plain = 0
    for asked, wanted in problem.episodes:
        given = answer(list(past), dict(problem.defaults), dict(asked))
        costs.append(sum(given.get(key) != value for key, value in wanted.items()))
        plain += sum({**problem.defaults, **asked}[k] != v for k, v in wanted.items())
        past.append(wanted)
    value = max(0.0, 1 - sum(costs) / plain) if plain else 1.0
    right = len(VALUES) * len(costs) - sum(costs)
    score = Score(
        task=problem.task.id, value=value, hits=right, misses=sum(costs), false_alarms=0
    )  # fmt: skip
    return score, costs


def solve(past: Sequence[Settings], defaults: Settings, asked: Settings) -> Settings:
    """What labhand proposes: what is asked for, what the habits tell, else what is likeliest."""
    found = [learned.habit for learned in of_trials(as_trials(past, defaults))]
    given = {**complete(past, defaults), **asked}
    for key in defaults:
        habit = usual(found, key, given, "") if key not in asked else None
        if habit is not None:
            given[key] = habit.then[key]
    return given


def as_trials(past: Sequence[Settings], defaults: Settings) -> list[Trial]:
    """Choices of settings as the trials that they would have made."""
    made: list[Trial] = []
    for number, values in enumerate(past):
        old = past[number - 1] if number else values
        changed = {k: (old[k], v) for k, v in values.items() if old[k] != v}
        given = frozenset(k for k, v in values.items() if v != defaults[k])
        time = f"2026-01-01T{number // 60 % 24:02d}:{number % 60:02d}:00+00:00"
        made.append(Trial((f"e{number}",), time, "", values, given, changed, frozenset()))
    return made
