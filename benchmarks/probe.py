"""What the probe costs a PyTorch training: the same script with and without it, taking turns.

    python benchmarks/probe.py [--pairs N] [--blocks N]

A pair is two fresh processes, one with the probe, that run blocks of steps in turns, never at once, so
that both meet the same noise; who goes first alternates. Compared is the CPU time of adjacent blocks
(one thread), which a busy machine disturbs less than wall time. A pair gives the median ratio of its
blocks; since two processes of the same code differ by some percent (where their memory lies), several
pairs are needed. Reported: the median over pairs, its 95 % bootstrap interval, and the share of the
time that the probe itself booked for looking and measuring. `neither` has no probe on either side:
what the method itself is off by.
"""

import argparse
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WARM = 5
BOOT = Path(__file__).resolve().parents[1] / "src" / "labhand" / "probe" / "boot"


def mlp(torch):
    nn = torch.nn
    model = nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
    )
    return model, torch.randn(128, 64), torch.randint(0, 10, (128,))


def cnn(torch):
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(4),
        nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip
    return model, torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))


def transformer(torch):
    nn = torch.nn
    layer = nn.TransformerEncoderLayer(64, 4, 256, batch_first=True)
    model = nn.Sequential(
        nn.Embedding(100, 64), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
        nn.Flatten(), nn.Linear(32 * 64, 100),
    )  # fmt: skip
    return model, torch.randint(0, 100, (16, 32)), torch.randint(0, 100, (16,))


MODELS = {"mlp": mlp, "cnn": cnn, "transformer": transformer}


def train(name: str, block: int) -> None:
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, x, y = MODELS[name](torch)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in sys.stdin:
        began = time.process_time()
        for _ in range(block):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        print((time.process_time() - began) / block, flush=True)
    for probe in (o for o in gc.get_objects() if type(o).__name__ == "Probe"):
        print(json.dumps({"share": probe.budget.share, "stride": probe.budget.stride}), flush=True)


class Side:
    """One of the two processes; it works only when asked, so the two take turns."""

    def __init__(self, name: str, block: int, attempt: str | None) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LABHAND_")}
        if attempt is not None:
            environment.update(PYTHONPATH=str(BOOT), LABHAND_ATTEMPT=attempt)
        command = [sys.executable, __file__, "--train", name, "--block", str(block)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, env=environment, text=True, bufsize=1, **pipes)

    def step(self) -> float:
        self.process.stdin.write("go\n")
        return float(self.process.stdout.readline())

    def end(self) -> dict:
        output = self.process.communicate()[0]
        return json.loads(output) if output.strip() else {}


def blocks(
    name: str, block: int, count: int, probe: bool
) -> tuple[list[tuple[float, float]], dict]:
    with tempfile.TemporaryDirectory() as attempt:
        first, second = Side(name, block, attempt if probe else None), Side(name, block, None)
        found = []
        for turn in range(count + WARM):
            if turn % 2:
                b, a = second.step(), first.step()
            else:
                a, b = first.step(), second.step()
            found.append((a, b))
        told = first.end()
        second.end()
        return found[WARM:], told


def interval(values: list[float]) -> tuple[float, float]:
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(2000))
    return medians[50], medians[1949]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", choices=MODELS)
    parser.add_argument("--block", type=int)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--blocks", type=int, default=16)
    arguments = parser.parse_args()
    if arguments.train:
        train(arguments.train, arguments.block)
        return
    print("| script | step without (ms) | with / without | 95 % | by its own clock | looks at |")
    print("|---|---|---|---|---|---|")
    for name, block, probe in [
        ("mlp", 40, False), ("mlp", 40, True), ("cnn", 4, True), ("transformer", 4, True)
    ]:  # fmt: skip
        ratios, steps, told = [], [], {}
        for _ in range(arguments.pairs):
            results, told = blocks(name, block, arguments.blocks, probe)
            ratios.append(statistics.median(a / b for a, b in results))
            steps += [b for _, b in results]
        low, high = interval(ratios)
        step = statistics.median(steps) * 1e3
        own = f"{told['share']:.2%} | 1 step in {told['stride']}" if told else "- | -"
        print(
            f"| {name if probe else 'neither (mlp)'} | {step:.2f} | {statistics.median(ratios):.4f} "
            f"| {low:.4f}–{high:.4f} | {own} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
