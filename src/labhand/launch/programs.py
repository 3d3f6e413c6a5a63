"""Small programs that work, in several styles, for faults to be put into.

Each fits a line by seeded gradient descent with Python's own library alone, prints `step N loss X`, and
writes `result.json`: the settings, every loss, the fitted line and how well it fits.
"""

import random
import textwrap

PLACES = ("imports", "flags", "start", "step", "end")
"""Where code can be put: at the top, among the flags, before, in and after the training."""

_ARGPARSE = '''\
"""Fits a line to points."""

import argparse
import json
import random
#@imports


def loss_of(w, b, rows):
    return sum((w * x + b - y) ** 2 for x, y in rows) / len(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=8)
    #@flags
    args = parser.parse_args()
    lr, steps, seed, batch_size = args.lr, args.steps, args.seed, args.batch_size
    random.seed(seed)
    rows = [(x / 50, 3 * x / 50 - 1 + random.gauss(0, 0.1)) for x in range(100)]
    w = b = 0.0
    begin, losses = 0, []
    #@start
    for step in range(begin, steps):
        #@step
        batch = random.sample(rows, batch_size)
        loss = loss_of(w, b, batch)
        dw = sum(2 * (w * x + b - y) * x for x, y in batch) / len(batch)
        db = sum(2 * (w * x + b - y) for x, y in batch) / len(batch)
        w, b = w - lr * dw, b - lr * db
        losses.append(loss)
        print(f"step {step} loss {loss:.6f}", flush=True)
    #@end
    result = {"lr": lr, "steps": steps, "seed": seed, "batch_size": batch_size}
    result.update(losses=losses, w=w, b=b, accuracy=1 - loss_of(w, b, rows))
    with open("result.json", "w") as file:
        json.dump(result, file)
    print(f"accuracy {result['accuracy']:.4f}")


if __name__ == "__main__":
    main()
'''
_FLAT = """\
import json
import random
#@imports

lr = 0.05
steps = 40
seed = 0
batch_size = 8

random.seed(seed)
rows = [(x / 50, 3 * x / 50 - 1 + random.gauss(0, 0.1)) for x in range(100)]
w, b, begin = 0.0, 0.0, 0
losses = []


def loss_of(w, b, some):
    return sum((w * x + b - y) ** 2 for x, y in some) / len(some)


if __name__ == "__main__":
    #@start
    for step in range(begin, steps):
        #@step
        batch = random.sample(rows, batch_size)
        loss = loss_of(w, b, batch)
        dw = sum(2 * (w * x + b - y) * x for x, y in batch) / len(batch)
        db = sum(2 * (w * x + b - y) for x, y in batch) / len(batch)
        w -= lr * dw
        b -= lr * db
        losses += [loss]
        print("step", step, "loss", round(loss, 6), flush=True)
    #@end
    json.dump(
        dict(lr=lr, steps=steps, seed=seed, batch_size=batch_size, losses=losses, w=w, b=b,
             accuracy=1 - loss_of(w, b, rows)),
        open("result.json", "w"),
    )
    print("accuracy", 1 - loss_of(w, b, rows))
"""
_CLASS = """\
from __future__ import annotations

import json
import random
from dataclasses import dataclass
#@imports


@dataclass
class Config:
    lr: float = 0.05
    steps: int = 40
    seed: int = 0
    batch_size: int = 8


class Trainer:
    def __init__(self, config: Config):
        self.config = config
        random.seed(config.seed)
        self.rows = [(x / 50, 3 * x / 50 - 1 + random.gauss(0, 0.1)) for x in range(100)]

    def loss(self, w, b, rows):
        return sum((w * x + b - y) ** 2 for x, y in rows) / len(rows)

    def fit(self):
        rows, lr, steps, batch_size = self.rows, self.config.lr, self.config.steps, self.config.batch_size
        w = b = 0.0
        begin, losses = 0, []
        #@start
        for step in range(begin, steps):
            #@step
            batch = random.sample(rows, batch_size)
            loss = self.loss(w, b, batch)
            dw = sum(2 * (w * x + b - y) * x for x, y in batch) / len(batch)
            db = sum(2 * (w * x + b - y) for x, y in batch) / len(batch)
            w, b = w - lr * dw, b - lr * db
            losses.append(loss)
            print(f"step {step}: loss={loss:.6f}", flush=True)
        #@end
        result = {**vars(self.config), "losses": losses, "w": w, "b": b}
        result["accuracy"] = 1 - self.loss(w, b, rows)
        with open("result.json", "w") as file:
            file.write(json.dumps(result))
        print("accuracy", result["accuracy"])


if __name__ == "__main__":
    Trainer(Config()).fit()
"""
STYLES = {"argparse": _ARGPARSE, "flat": _FLAT, "class": _CLASS}


def program(style: str, put: dict[str, str]) -> str:
    """The program of a style with pieces of code put into its places; without any it works."""
    lines = []
    for line in STYLES[style].splitlines(keepends=True):
        place = line.strip().removeprefix("#@")
        if line.strip().startswith("#@"):
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(textwrap.indent(put.get(place, ""), indent))
        else:
            lines.append(line)
    return "".join(lines)


def style(generator: random.Random, *, flags: bool) -> str:
    """A style; one with flags where the fault needs them."""
    return "argparse" if flags else generator.choice(sorted(STYLES))
