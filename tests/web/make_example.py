"""Builds a project with two recorded runs of a small training, the second one eventful.

    python tests/web/make_example.py FOLDER     then open the report whose path it prints

The training is real: a two-layer network on scikit-learn's digits, in numpy, its numbers written as
the probe writes them; only the clock is made up. The first run is calm. Before the second, three
settings and the code were changed; its first attempt dies for want of a folder, the second meets a
broken batch and goes on.
"""

import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import numpy as np

from labhand.core import event
from labhand.core.finding import Finding, FindingFix, Related, in_code, in_run, stable_id
from labhand.core.run import Attempt, Environment, Failure, Fix, Resources, Run
from labhand.core.store import Store
from labhand.kit import points, snapshot
from labhand.kit.catalog import Catalog
from labhand.probe.points import Writer

COMMAND = ["python", "train.py", "--data", "digits", "--out", "runs/mlp"]
BERLIN = timezone(timedelta(hours=1))
SCRIPT = """\
import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader

from data import digits


class Net(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, width), nn.Tanh())
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.encoder(x))


def main(args):
    train, val = digits(args.data)
    net = Net(args.width)
    optimizer = torch.optim.SGD(net.parameters(), lr=args.lr)
    for step, (x, y) in enumerate(DataLoader(train, args.batch_size, shuffle=True)):
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            print(f"step {step} train/loss {loss.item():.4f}")
            torch.save(net.state_dict(), f"{args.out}/net.pt")
"""
EDITED = (
    SCRIPT.replace("nn.Tanh()", "nn.LayerNorm(width), nn.ReLU()")
    .replace("lr=args.lr)", "lr=args.lr, momentum=0.9)")
    .replace("        optimizer.zero_grad()\n", "")
)


@dataclass
class Training:
    """What a training does: its settings, and the steps at which something happens."""

    lr: float
    width: int
    batch_size: int
    seed: int = 0
    momentum: float = 0.0
    broken_step: int = -1
    hard_step: int = -1
    rows: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    slow: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    def carry(self, steps: int) -> "Training":
        """The training, carried out; a broken step leaves the weights alone."""
        from sklearn.datasets import load_digits

        rng = np.random.default_rng(self.seed)
        images, labels = load_digits(return_X_y=True)
        images = images / 16
        order = rng.permutation(len(images))
        train, held = order[:1400], order[1400:]
        w1 = rng.normal(0, 64**-0.5, (64, self.width))
        w2 = rng.normal(0, self.width**-0.5, (self.width, 10))
        v1, v2 = np.zeros_like(w1), np.zeros_like(w2)
        for step in range(steps):
            rate = self.lr * min(1.0, (step + 1) / 100) * (0.05 + 0.95 * (1 - step / steps))
            batch = rng.choice(train, self.batch_size)
            x, y = images[batch], labels[batch]
            if step == self.hard_step:
                y = rng.permutation(y)
            loss, g1, g2, _ = _gradients(w1, w2, x, y)
            norm = float(np.hypot(np.linalg.norm(g1), np.linalg.norm(g2)))
            if step == self.broken_step:
                loss, norm = float("nan"), float("nan")
            else:
                v1, v2 = self.momentum * v1 + g1, self.momentum * v2 + g2
                w1, w2 = w1 - rate * v1, w2 - rate * v2
            beat = 0.02 * (1 + 0.1 * rng.random()) + (0.05 if step % 200 == 199 else 0)
            ratio = float(rate * np.linalg.norm(v1) / np.linalg.norm(w1))
            self.rows.append(
                (
                    step,
                    {
                        "probe/loss": loss,
                        "probe/lr": rate,
                        "probe/grad_norm": norm,
                        "probe/update_ratio": ratio,
                        "probe/step_s": beat,
                        "probe/data_s": beat * 0.18,
                        "probe/forward_s": beat * 0.27,
                        "probe/backward_s": beat * 0.44,
                        "probe/optimizer_s": beat * 0.08,
                    },
                )
            )
            self.rows.append((step, {"train/loss": loss, "train/accuracy": _right(w1, w2, x, y)}))
            if step % 25 == 24:
                far, *_ = _gradients(w1, w2, images[held], labels[held])
                right = _right(w1, w2, images[held], labels[held])
                self.slow.append((step, {"val/loss": far, "val/accuracy": right}))
        return self


def _gradients(w1, w2, x, y):
    hidden = np.tanh(x @ w1)
    scores = hidden @ w2
    shares = np.exp(scores - scores.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    loss = float(-np.log(shares[np.arange(len(y)), y] + 1e-12).mean())
    error = shares.copy()
    error[np.arange(len(y)), y] -= 1
    error /= len(y)
    back = (error @ w2.T) * (1 - hidden**2)
    return loss, x.T @ back, hidden.T @ error, shares


def _right(w1, w2, x, y):
    return float((np.argmax(np.tanh(x @ w1) @ w2, 1) == y).mean())


def record(attempt: Path, training: Training, began: datetime, upto: int | None = None) -> float:
    """Seconds that the attempt took; its points stand in the folder as if it had just run."""
    attempt.mkdir(parents=True)
    probe, log = Writer(str(attempt), "probe"), Writer(str(attempt), "log")
    system = Writer(str(attempt), "system")
    clock = began.timestamp() + 2.0
    slow = dict(training.slow)
    rng = np.random.default_rng(7)
    for step, values in training.rows:
        if upto is not None and step >= upto:
            break
        if "probe/step_s" in values:
            clock += values["probe/step_s"]
            probe.row(values, step=step, time=clock)
        else:
            log.row(values, step=step, time=clock)
            if step in slow:
                log.row(slow[step], step=step, time=clock)
    seconds = clock - began.timestamp()
    for second in range(int(seconds) + 1):
        warm = min(1.0, second / 4)
        machine = {
            "system/cpu_percent": 96 * warm + 3 * rng.random(),
            "system/rss_bytes": (0.4 + 0.5 * warm) * 1e9 + 2e6 * second,
            "system/memory_percent": 31 + 6 * warm,
            "system/disk_free_bytes": 212e9 - 3e6 * second,
        }
        system.row(machine, step=second, time=began.timestamp() + second)
    for writer in (probe, log, system):
        writer.close()
    return round(seconds, 1)


def begin(store: Store, root: Path, name: str, began: datetime, config: dict[str, object]) -> Run:
    """A run that has just begun, its code kept."""
    run_id = f"{began:%Y%m%d-%H%M%S}-{'5eed' if name == 'calm-owl' else 'c0de'}"
    store.home.mkdir(exist_ok=True)
    store.folder(run_id).mkdir(parents=True)
    return Run(
        id=run_id,
        name=name,
        command=COMMAND,
        cwd="/home/ada/digits",
        started=began.isoformat(timespec="milliseconds"),
        config=config,
        code=snapshot.keep(root, run_id, store.home).code,
        environment=Environment(
            python="3.12.7",
            packages={"torch": "2.13.0", "numpy": "2.4.1", "scikit-learn": "1.8.0"},
            host={
                "name": "lovelace",
                "system": "Linux 6.12",
                "cpus": 16,
                "memory_bytes": 64 * 2**30,
            },
            gpus=[],
        ),
    )


def end(store: Store, run: Run, seconds: float, code: int) -> None:
    """The run, ended and written."""
    began = datetime.fromisoformat(run.started)
    run.wall_s, run.exit_code = seconds, code
    run.status = "finished" if code == 0 else "failed"
    run.ended = (began + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
    run.resources = Resources(cpu_s=seconds * 1.8, max_rss_bytes=912 * 2**20)
    run.metrics = points.metrics(store.folder(run.id))
    store.write(run)
    Catalog(store).put(run)


def calm(store: Store, root: Path) -> Run:
    """The run before: nothing happens in it."""
    (root / "train.py").write_text(SCRIPT)
    began = datetime(2026, 11, 21, 17, 2, 9, tzinfo=BERLIN)
    config = {"lr": 0.3, "width": 32, "batch_size": 32, "seed": 0, "data": "digits"}
    run = begin(store, root, "calm-owl", began, config | {"out": "runs/mlp"})
    training = Training(lr=0.3, width=32, batch_size=32).carry(1500)
    seconds = record(store.attempt(run.id, 1), training, began)
    _print(store.attempt(run.id, 1), training, 1500)
    run.attempts = [
        Attempt(number=1, command=COMMAND, exit_code=0, started=run.started, wall_s=seconds)
    ]
    end(store, run, seconds, 0)
    return run


def eventful(store: Store, root: Path) -> Run:
    """The run of the report: two attempts, a broken batch, a spike, a finding in the code."""
    (root / "train.py").write_text(EDITED)
    began = datetime(2026, 11, 22, 9, 41, 30, tzinfo=BERLIN)
    config = {"lr": 0.6, "width": 64, "batch_size": 64, "seed": 0, "data": "digits"}
    run = begin(store, root, "bold-heron", began, config | {"out": "runs/mlp", "momentum": 0.9})
    run.environment.packages["numpy"] = "2.4.2"
    training = Training(
        lr=0.15, width=64, batch_size=64, momentum=0.9, broken_step=812, hard_step=1130
    ).carry(1500)
    first = record(store.attempt(run.id, 1), training, began, upto=401)
    _print(store.attempt(run.id, 1), training, 401)
    again = began + timedelta(seconds=first + 1.4)
    second = record(store.attempt(run.id, 2), training, again)
    _print(store.attempt(run.id, 2), training, 1500)
    run.attempts = _attempts(run, again, first, second)
    when = (again + timedelta(seconds=2 + 812 * 0.0213)).isoformat(timespec="milliseconds")
    run.findings = [_in_code(), _non_finite(run.id, when), _spike(run.id)]
    (store.attempt(run.id, 2) / "events.jsonl").write_bytes(
        event.encode("finding", finding=msgspec.to_builtins(run.findings[1]))
    )
    end(store, run, round(first + 1.4 + second, 1), 0)
    return run


def _attempts(run: Run, again: datetime, first: float, second: float) -> list[Attempt]:
    message = "The folder runs/mlp does not exist: torch.save cannot write runs/mlp/net.pt"
    return [
        Attempt(
            number=1,
            command=COMMAND,
            exit_code=1,
            started=run.started,
            wall_s=first,
            failure=Failure("missing-folder", message),
            fix=Fix("missing-folder", "Make the folder runs/mlp", "neutral", "mkdir -p runs/mlp"),
        ),
        Attempt(
            number=2,
            command=COMMAND,
            exit_code=0,
            started=again.isoformat(timespec="milliseconds"),
            wall_s=second,
        ),
    ]


def _in_code() -> Finding:
    line = EDITED.splitlines().index("        loss.backward()") + 1
    patch = (
        f"--- a/train.py\n+++ b/train.py\n@@ -{line},2 +{line},3 @@\n         loss.backward()\n"
        "         optimizer.step()\n+        optimizer.zero_grad()\n"
    )
    return Finding(
        id=stable_id("check", "grad-zero-missing", "train.py", "loss.backward()"),
        job="check",
        rule="grad-zero-missing",
        severity="warning",
        confidence=0.97,
        message="Gradients are never set to zero in this loop: each step adds to those before it.",
        where=in_code("train.py", line, 9),
        advice="Call optimizer.zero_grad() once a step, unless you mean to accumulate.",
        fix=FindingFix("scientific", "Set the gradients to zero after each step", patch),
    )


def _non_finite(run: str, when: str) -> Finding:
    return Finding(
        id=stable_id("watch", "non-finite", "train/loss"),
        job="watch",
        rule="non-finite",
        severity="error",
        confidence=0.99,
        message="Loss became NaN at step 812, first in `encoder.1` going forward, from batch rows 7 and 21.",
        where=in_run(
            run, 2, step=812, time=when, metric="train/loss", layer="encoder.1", batch_rows=[7, 21]
        ),
        evidence={"last finite loss": 0.0412, "class": "LayerNorm", "finite again at step": 813},
        related=[
            Related("The input of rows 7 and 21 holds NaN", in_run(run, 2, step=812)),
            Related("The gradient norm is NaN too", in_run(run, 2, step=812)),
        ],
        advice="Look at samples 7 and 21 of this batch: their input is not finite before any layer.",
        state="recovered",
        opened_step=812,
        confirmed_step=812,
        recovered_step=813,
        alarm=True,
    )


def _spike(run: str) -> Finding:
    return Finding(
        id=stable_id("watch", "spike", "train/loss"),
        job="watch",
        rule="spike",
        severity="note",
        confidence=0.9,
        message="train/loss rose from 0.03 to 5.1 at step 1130 and was back after 9 steps.",
        where=in_run(run, 2, step=1130, metric="train/loss"),
        evidence={"times the usual spread": 41.3, "steps until back": 9},
        advice="Nothing to do if it stays alone; a batch of wrong labels looks like this.",
        state="closed",
        opened_step=1130,
        confirmed_step=1131,
        recovered_step=1139,
        alarm=False,
    )


def _print(attempt: Path, training: Training, steps: int) -> None:
    lines = [
        f"\x1b[2mstep\x1b[0m {step:5d}  train/loss {values['train/loss']:.4f}"
        for step, values in training.rows
        if "train/loss" in values and step % 50 == 0 and step < steps
    ]
    if steps < 1500:
        lines += ["Traceback (most recent call last):", '  File "train.py", line 32, in main']
        lines += ["RuntimeError: Parent directory runs/mlp does not exist."]
    (attempt / "output.log").write_text("\n".join(lines) + "\n")


def build(root: Path) -> tuple[Store, Run]:
    """The store and the eventful run, in a git project made in `root`."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "data.py").write_text("def digits(name):\n    ...\n")
    (root / ".gitignore").write_text(".labhand/\n")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "A start"]):
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=root, check=True)
    store = Store(root / ".labhand")
    calm(store, root)
    return store, eventful(store, root)


if __name__ == "__main__":
    from labhand.web.report import write

    here = Path(sys.argv[1]).resolve()
    made, shown = build(here)
    print(write(made, here, shown.id))
