"""A small training, changes of it, and a way to have labhand make them with scripted answers."""

import json
import os
import subprocess
import sys

from labhand.implement.scripted import Scripted

TRAIN = """\
import argparse
import random


def evaluate(w, data):
    return sum((w * x - y) ** 2 for x, y in data) / len(data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random.seed(args.seed)
    data = [(x, 3 * x + random.gauss(0, 0.1)) for x in [random.random() for _ in range(40)]]
    train, held_out = data[:30], data[30:]
    w = 0.0
    for step in range(args.steps):
        x, y = random.choice(train)
        loss = (w * x - y) ** 2
        gradient = 2 * x * (w * x - y)
        w -= args.lr * gradient
        print(f"step {step} loss {loss:.6f} val_loss {evaluate(w, held_out):.6f}")


if __name__ == "__main__":
    main()
"""
FLAG = '    parser.add_argument("--steps", type=int, default=20)\n'
UPDATE = "        w -= args.lr * gradient\n"
DECAY = TRAIN.replace(
    FLAG, FLAG + '    parser.add_argument("--decay", type=float, default=0.0)\n'
).replace(UPDATE, "        w -= args.lr * (gradient + args.decay * w)\n")
INSTRUCTION = "add weight decay as an option --decay, off by default"


def whole(text, name="train.py", done="DONE added an option"):
    return f"{name}\n```python\n{text}```\n{done}"


def git(folder, *arguments):
    settings = ["-c", "user.name=A Person", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def project(folder, *, in_git=True, text=TRAIN):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.py").write_text(text)
    if in_git:
        git(folder, "init", "-q")
        git(folder, "config", "user.name", "A Person")
        git(folder, "config", "user.email", "a@example.org")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "first")
    return folder


def labhand(folder, *arguments, **env):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LABHAND_")}
    return subprocess.run(
        [sys.executable, "-m", "labhand", *arguments],
        cwd=folder,
        env=clean | env,
        capture_output=True,
        text=True,
        timeout=250,
    )


def implement(folder, lines, *arguments, verb="implement", instruction=INSTRUCTION):
    """The process, its document (None where there is none), and what the model was asked."""
    with Scripted(lines) as model:
        done = labhand(
            folder, verb, instruction, "--json", *arguments,
            LABHAND_MODEL="scripted", LABHAND_BASE_URL=model.url, LABHAND_API_KEY="k",
        )  # fmt: skip
    return done, json.loads(done.stdout) if done.stdout else None, model.requests


def rungs(patch):
    return {rung["name"]: rung["status"] for rung in patch["proof"]}
