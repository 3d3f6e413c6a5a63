"""The environment of interpret: instructions with details left out, and how well an intent fills them in.

A problem begins as a full instruction for a small project with a record. Some of its details are then
taken out, each with a value that is known here and a way to get it back: `convention` (the code has
it), `history` (the run that is referred to had it), `standard` (the field's usual value), or
`unknowable` (nothing tells it: asking is right, guessing is not). What was never in the instruction
is a detail too: it must stay as it is.
"""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from labhand.core.intent import Choice, Intent, Question
from labhand.core.run import Run
from labhand.core.store import Store
from labhand.core.task import Score, Task
from labhand.interpret.reading import interpret

NAME = "interpret"
QUESTION = 0.5
"""What a question costs beyond those that nothing else answers, in details."""
OVERREACH = 0.5
"""What each setting costs that is changed or swept without cause, in details."""

Recoverable = Literal["convention", "history", "standard", "unknowable"]


class Detail(NamedTuple):
    """A setting that the instruction does not tell, its value, and how it can be had back."""

    key: str
    value: Any
    recoverable: Recoverable


class Problem(NamedTuple):
    """A task, the files of its project by name, and the settings of its last run."""

    task: Task
    files: dict[str, str]
    last: dict[str, Any]


_SETTINGS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "lr": (1e-3, (1e-4, 3e-4, 3e-3, 1e-2)),
    "batch_size": (64, (16, 32, 128, 256)),
    "epochs": (10, (3, 7, 23, 41)),
    "hidden": (128, (32, 64, 256, 512)),
    "weight_decay": (0.01, (1e-4, 1e-3, 0.05, 0.1)),
    "dropout": (0.0, (0.2, 0.3, 0.5)),
    "label_smoothing": (0.0, (0.05, 0.2)),
    "momentum": (0.9, (0.8, 0.95, 0.99)),
    "num_workers": (2, (0, 4, 8)),
    "warmup_steps": (100, (50, 200, 500)),
    "grad_clip": (1.0, (0.5, 2.0)),
    "seed": (0, (1, 2, 3)),
}
"""Each setting of the project: its default, and values that a researcher may want instead."""
_SAID = {"lr": "lr {}", "batch_size": "batch size {}", "hidden": "{} hidden units", "weight_decay": "wd {}", "grad_clip": "grad clip {}", "momentum": "momentum {}"}  # fmt: skip
_STANDARD = {"dropout": (0.1, "use dropout"), "label_smoothing": (0.1, "use label smoothing")}
_UNKNOWABLE = {"epochs": ("train longer", "train for {} epochs"), "lr": ("a smaller lr", "lr {}"), "hidden": ("a larger hidden size", "{} hidden units")}  # fmt: skip


def make(seed: int) -> Problem:
    """A problem, the same for the same seed."""
    draw = random.Random(seed)
    free = list(_SETTINGS)
    free.remove("seed")
    draw.shuffle(free)
    unknowable = next(k for k in free if k in _UNKNOWABLE)
    standard = next(k for k in free if k in _STANDARD)
    others = [k for k in free if k not in (unknowable, standard)]
    stated = {k: draw.choice(_SETTINGS[k][1]) for k in [k for k in others if k in _SAID][:2]}
    history = next(k for k in others if k not in stated)
    convention = next(k for k in others if k not in stated and k != history)
    last = {k: default for k, (default, _) in _SETTINGS.items()}
    last[history] = draw.choice(_SETTINGS[history][1])
    truth = draw.choice(_SETTINGS[unknowable][1])
    details = [
        Detail(convention, _SETTINGS[convention][0], "convention"),
        Detail(history, last[history], "history"),
        Detail(standard, _STANDARD[standard][0], "standard"),
        Detail(unknowable, truth, "unknowable"),
    ]
    wishes = [_SAID[k].format(v) for k, v in stated.items()]
    wishes += [_STANDARD[standard][1], _UNKNOWABLE[unknowable][0]]
    draw.shuffle(wishes)
    full = [
        *(_SAID[k].format(v) for k, v in stated.items()),
        *(f"{d.key} {d.value}" for d in details),
    ]
    task = Task(
        id=f"{NAME}-{seed}",
        environment=NAME,
        prompt=f"like the last run but {', '.join(wishes)}",
        expected={"stated": stated, "details": [d._asdict() for d in details]},
        facts={"full": ", ".join(full), "defaults": {k: d for k, (d, _) in _SETTINGS.items()}},
    )
    return Problem(task, {"train.py": _script(), "labhand.toml": ""}, last)


def _script() -> str:
    flags = "\n".join(
        f'parser.add_argument("--{key.replace("_", "-")}", type={type(default).__name__}, default={default!r})'
        for key, (default, _) in _SETTINGS.items()
    )
    return (
        "import argparse\n\nimport torch\n\nparser = argparse.ArgumentParser()\n"
        f"{flags}\nargs = parser.parse_args()\ntorch.manual_seed(args.seed)\n"
    )


def lay_out(problem: Problem, place: Path) -> None:
    """Writes the project and the record of its last run into an empty folder."""
    for name, text in problem.files.items():
        (place / name).write_text(text, encoding="utf-8")
    store = Store(place / ".labhand")
    run_id, name = store.create("calm-heron")
    store.write(
        Run(
            id=run_id,
            name=name,
            status="finished",
            exit_code=0,
            command=["python", "train.py"],
            cwd=str(place),
            started="2026-01-05T10:00:00+00:00",
            wall_s=1800.0,
            config=problem.last,
        )
    )


def solve(problem: Problem, place: Path) -> Intent:
    """What labhand itself answers; the problem is laid out in `place`, an empty folder."""
    lay_out(problem, place)
    return interpret(problem.task.prompt, place).intent


def oracle(problem: Problem) -> Intent:
    """The intent of somebody who knows what can be known, and asks for the rest."""
    expected = problem.task.expected
    known = dict(expected["stated"])
    questions = []
    for entry in expected["details"]:
        if entry["recoverable"] == "unknowable":
            text = f"Which value shall `{entry['key']}` have?"
            now = problem.task.facts["defaults"][entry["key"]]
            questions.append(Question(text=text, options=[now, "another"], default=now, worth=2.0))
        elif entry["recoverable"] != "convention":
            known[entry["key"]] = entry["value"]
    return Intent(
        instruction=problem.task.prompt,
        goal=problem.task.prompt,
        settings=[
            Choice(key=k, value=v, origin="said", confidence=1.0, why="known")
            for k, v in known.items()
        ],
        questions=questions,
    )


def score(task: Task, intent: Intent) -> Score:
    """How well an intent meets a problem, from 0 to 1.

    The share of stated settings that are right times what the details earn: one for each that is
    right (an unknowable one: asked), less the price of needless questions and of over-reach.
    """
    stated: Mapping[str, Any] = task.expected["stated"]
    details = [Detail(**entry) for entry in task.expected["details"]]
    given = {c.key: c.value for c in intent.settings}
    asked = [q.text for q in intent.questions]
    right = sum(given.get(key) == value for key, value in stated.items())
    hits, cost = 0.0, 0.0
    for detail in details:
        is_asked = any(f"`{detail.key}`" in text for text in asked)
        value = given.get(detail.key, task.facts["defaults"][detail.key])
        if detail.recoverable == "unknowable":
            hits += is_asked and detail.key not in intent.sweep
        else:
            hits += value == detail.value and detail.key not in intent.sweep
    told = {*stated, *(d.key for d in details)}
    others = {*given, *intent.sweep} - told
    swept = set(intent.sweep) & told
    cost += OVERREACH * len(others | swept)
    needed = sum(d.recoverable == "unknowable" for d in details)
    cost += QUESTION * max(0, len(asked) - needed)
    earned = max(0.0, hits - cost) / len(details)
    value = earned * right / len(stated)
    return Score(
        task=task.id,
        value=round(value, 4),
        hits=int(right + hits),
        misses=int(len(stated) - right + len(details) - hits),
        false_alarms=len(others | swept),
    )
