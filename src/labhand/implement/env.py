"""The environment of implement: changes to small trainings, told at five levels of detail.

An answer is the files of the project. It is graded in a fresh copy that holds those files and nothing
else, by `python -I`, at settings and seeds drawn when it is graded: with the new option left off every
printed value must be what it was before the change; with it on, what a reference makes of it. All of
it, or nothing: what is nearly right in training code is wrong.
"""

import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from labhand.core.task import Score, Task

NAME = "implement"
LEVELS = 5
"""1: the diff in words, 2: by the parts of the script, 3: one sentence, 4: the goal, 5: a commit's subject."""
SCRIPT = "train.py"
STARTS = 3
"""How often an answer is started with the option off, and as often with it on."""
TIMEOUT_S = 30.0
TOLERANCE = 1e-6
"""Relative: the order of a sum may differ, a method may not."""


class Change(NamedTuple):
    """A change of the template: the flag, its type, values to try, the edits, the instructions."""

    flag: str
    type: str
    values: tuple[float, ...]
    edits: tuple[tuple[str, str], ...]
    levels: tuple[str, str, str, str, str]


_TEMPLATE = """\
import argparse
import math
import random


def evaluate({w}, {b}, data):
    return sum(({w} * x + {b} - y) ** 2 for x, y in data) / len(data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default={lr})
    parser.add_argument("--steps", type=int, default={steps})
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random.seed(args.seed)
    data = [(x, {slope} * x + random.gauss(0, 0.2)) for x in [random.uniform(-1, 1) for _ in range({points})]]
    train, held_out = data[: {cut}], data[{cut} :]
    {w}, {b} = 0.0, 0.0
    for step in range(args.steps):
        x, y = random.choice(train)
        error = {w} * x + {b} - y
        gradients = [2 * error * x, 2 * error]
        lr = args.lr
        {w} -= lr * gradients[0]
        {b} -= lr * gradients[1]
        print(f"step {{step}} loss {{error**2:.9f}} val_loss {{evaluate({w}, {b}, held_out):.9f}}")


if __name__ == "__main__":
    main()
"""
_STEPS = '    parser.add_argument("--steps", type=int, default={steps})\n'
_GRADIENTS = "        gradients = [2 * error * x, 2 * error]\n"
_LR = "        lr = args.lr\n"
_DATA = "    train, held_out = data[: {cut}], data[{cut} :]\n"

CHANGES = {
    "weight-decay": Change(
        "--decay", "float", (0.03, 0.2, 0.7),
        ((_GRADIENTS, _GRADIENTS + "        gradients[0] += args.decay * {w}\n"),),
        (
            "In main(), after the flag --steps, add parser.add_argument(\"--decay\", type=float, default=0.0). After the line that computes gradients, add gradients[0] += args.decay * {w}.",
            "Give the parser a flag --decay (float, 0.0), and add decay times the weight {w} to its gradient, not to that of {b}.",
            "Add L2 weight decay as --decay, 0 by default: decay * {w} is added to the gradient of {w} alone.",
            "The weight grows too large; let me hold it back with --decay (0 leaves all as it is), added to the gradient of {w} only.",
            "train: --decay, coupled L2 on {w} (off at 0)",
        ),
    ),
    "clipping": Change(
        "--clip", "float", (0.05, 0.3, 0.9),
        ((_GRADIENTS, _GRADIENTS + "        norm = math.sqrt(sum(g * g for g in gradients))\n        if args.clip and norm > args.clip:\n            gradients = [g * args.clip / norm for g in gradients]\n"),),
        (
            "In main(), after the flag --steps, add parser.add_argument(\"--clip\", type=float, default=0.0). After gradients is computed, take norm = math.sqrt(sum(g * g for g in gradients)), and where args.clip is not 0 and norm is larger than it, multiply each gradient by args.clip / norm.",
            "Give the parser a flag --clip (float, 0.0), and scale the gradients down to that norm, both together, where their joint L2 norm is larger; 0 means no clipping.",
            "Add clipping of the joint L2 norm of the gradients as --clip, 0 (off) by default.",
            "Single steps are too wild; let me bound the norm of the gradients with --clip (0: not at all).",
            "train: --clip, gradient norm clipping (off at 0)",
        ),
    ),
    "cosine": Change(
        "--cosine", "flag", (1.0,),
        ((_LR, "        lr = args.lr\n        if args.cosine:\n            lr *= 0.5 * (1 + math.cos(math.pi * step / args.steps))\n"),),
        (
            "In main(), after the flag --steps, add parser.add_argument(\"--cosine\", action=\"store_true\"). After lr = args.lr, where args.cosine is set, multiply lr by 0.5 * (1 + math.cos(math.pi * step / args.steps)).",
            "Give the parser a switch --cosine, and in the loop scale lr by half of one plus the cosine of pi * step / steps where it is set.",
            "Add cosine decay of the learning rate to 0 over --steps, without warm-up, switched on by --cosine.",
            "The end of training is too noisy; let me anneal the learning rate by a cosine to 0 at --steps with --cosine.",
            "train: --cosine, lr annealed to 0 over all steps",
        ),
    ),
    "warmup": Change(
        "--warmup", "int", (3, 7, 12),
        ((_LR, "        lr = args.lr\n        if step < args.warmup:\n            lr *= (step + 1) / args.warmup\n"),),
        (
            "In main(), after the flag --steps, add parser.add_argument(\"--warmup\", type=int, default=0). After lr = args.lr, where step < args.warmup, multiply lr by (step + 1) / args.warmup.",
            "Give the parser a flag --warmup (int, 0), and for the first so many steps scale lr by (step + 1) / warmup.",
            "Add linear warm-up of the learning rate over the first --warmup steps (0: none): step counts from 0 and uses (step + 1) / warmup.",
            "The first steps are too large; let the learning rate rise linearly, (step + 1) / warmup, over --warmup steps (0: as before).",
            "train: --warmup N, linear from 1/N (off at 0)",
        ),
    ),
    "momentum": Change(
        "--momentum", "float", (0.3, 0.6, 0.9),
        (
            (_DATA, _DATA + "    velocity = [0.0, 0.0]\n"),
            (_GRADIENTS, _GRADIENTS + "        if args.momentum:\n            velocity = [args.momentum * v + g for v, g in zip(velocity, gradients)]\n            gradients = velocity\n"),
        ),
        (
            "In main(), after the flag --steps, add parser.add_argument(\"--momentum\", type=float, default=0.0). Before the loop, velocity = [0.0, 0.0]. After gradients is computed, where args.momentum is not 0, velocity becomes args.momentum * v + g for each, and is used in place of the gradients.",
            "Give the parser a flag --momentum (float, 0.0); keep a velocity for both parameters, momentum * velocity + gradient, and step along it.",
            "Add heavy-ball momentum as in torch.optim.SGD (no dampening, no Nesterov) as --momentum, 0 by default.",
            "Convergence is slow; give me SGD's usual momentum with --momentum (0: plain SGD, as before).",
            "train: --momentum, heavy ball (off at 0)",
        ),
    ),
}  # fmt: skip


class Problem(NamedTuple):
    """A task with its project, and the reference that nobody who solves it may see."""

    task: Task
    files: dict[str, str]
    solution: dict[str, str]


def make(seed: int, level: int = 3) -> Problem:
    """A problem, the same for the same seed and level (1 to 5, the least detail last)."""
    draw = random.Random(seed)
    points = draw.randrange(40, 80)
    names = draw.choice([("w", "b"), ("weight", "bias"), ("slope", "offset"), ("theta", "phi")])
    fields = {
        "w": names[0],
        "b": names[1],
        "lr": draw.choice([0.02, 0.05, 0.1]),
        "steps": draw.randrange(15, 40),
        "slope": draw.choice([-2.5, 1.5, 3.0, 4.2]),
        "points": points,
        "cut": points * 3 // 4,
    }
    kind = draw.choice(sorted(CHANGES))
    change = CHANGES[kind]
    before = _TEMPLATE.format(**fields)
    task = Task(
        id=f"{kind}:{seed}:{level}",
        environment=NAME,
        prompt=change.levels[level - 1].format(**fields),
        expected={"flag": change.flag},
        facts={"change": kind, "level": level, "seed": seed},
    )
    return Problem(task, {SCRIPT: before}, {SCRIPT: _changed(before, change, fields)})


def _changed(text: str, change: Change, fields: Mapping[str, object]) -> str:
    kind = 'action="store_true"' if change.type == "flag" else f"type={change.type}, default=0{'.0' if change.type == 'float' else ''}"  # fmt: skip
    steps = _STEPS.format(**fields)
    text = text.replace(steps, f'{steps}    parser.add_argument("{change.flag}", {kind})\n')
    for old, new in change.edits:
        text = text.replace(old.format(**fields), new.format(**fields))
    return text


def score(problem: Problem, answer: Mapping[str, str], hidden: int | None = None) -> Score:
    """How an answer, files by name, does: 1 where every hidden start of it is right, else 0.

    Starts processes, which takes seconds. `hidden` seeds what it is started with; None: by chance.
    """
    draw = random.Random(hidden)
    change = CHANGES[problem.task.facts["change"]]
    taken = {name: text for name, text in answer.items() if name in problem.files}
    right = wrong = 0
    for number in range(2 * STARTS):
        words = ["--seed", str(draw.randrange(10**6)), "--steps", str(draw.randrange(12, 60))]
        words += ["--lr", f"{draw.uniform(0.01, 0.15):.4f}"]
        on = number >= STARTS
        if on:
            value = f"{draw.choice(change.values):g}"
            words += [change.flag] if change.type == "flag" else [change.flag, value]
        known = _start(problem.solution if on else problem.files, words)
        if known is not None and _same(_start(taken, words), known):
            right += 1
        else:
            wrong += 1
    return Score(
        task=problem.task.id, value=float(not wrong), hits=right, misses=wrong, false_alarms=0
    )


def _start(files: Mapping[str, str], words: list[str]) -> list[list[str]] | None:
    """The words of each line that a fresh copy prints; None where it fails."""
    with tempfile.TemporaryDirectory(prefix="labhand-env-") as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-I", SCRIPT, *words], cwd=folder, capture_output=True, text=True,
                timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"}, check=False,
            )  # fmt: skip
        except (subprocess.TimeoutExpired, OSError):
            return None
    if done.returncode:
        return None
    return [line.split() for line in done.stdout.splitlines() if re.search(r"\bloss\b", line)]


def _same(given: list[list[str]] | None, known: list[list[str]]) -> bool:
    if given is None or len(given) != len(known):
        return False
    return all(
        len(a) == len(b) and all(map(_near, a, b)) for a, b in zip(given, known, strict=True)
    )


def _near(given: str, known: str) -> bool:
    try:
        a, b = float(given), float(known)
    except ValueError:
        return given == known
    return abs(a - b) <= TOLERANCE * max(1.0, abs(b))
