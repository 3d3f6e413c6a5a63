"""What the probe costs a PyTorch training.

    python benchmarks/probe.py [--processes N] [--pairs N] [--script NAME]...
    python benchmarks/probe.py --whole [--pairs N] [--blocks N]

Within one process: the probe's places in PyTorch are put in and taken out in blocks of about 30 ms, two
at a time in random order, one with and one without. That the two run in the same memory, a moment
apart, is what resolves a few µs a step. A process gives the ratio of each pair and the ratio of its
sums; the median over all pairs holds what every step costs, the ratio of the sums (5 % of the pairs
trimmed at either end) also what comes seldom. The interval is a bootstrap over processes and, within
them, pairs. `off` has the probe out in both blocks: the floor of the noise.

`--whole` compares two fresh processes that take turns, one with the probe: it sees what the first does
not (start-up aside), and is off by some percent, since two processes of the same code are.
CPU time is the process's own; wall time is beside it.
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
SECONDS_WARM = 3.0
SECONDS_BLOCK = 0.03
STEPS_WARM = 4
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


def small(torch):
    nn = torch.nn
    model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 10))
    return model, torch.randn(32, 16), torch.randint(0, 10, (32,))


MODELS = {"small": small, "mlp": mlp, "cnn": cnn, "transformer": transformer}


def trained(name: str) -> tuple:
    """One step of the script as a function, and the probe of this process, if there is one."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, x, y = MODELS[name](torch)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    probes = [o for o in gc.get_objects() if type(o).__name__ == "Probe"]
    return step, probes[0] if probes else None


def train(name: str, block: int) -> None:
    """A side of `--whole`: a block for each line read, its CPU time printed."""
    step, probe = trained(name)
    for _ in sys.stdin:
        began = time.process_time()
        for _ in range(block):
            step()
        print((time.process_time() - began) / block, flush=True)
    if probe is not None:
        print(json.dumps({"share": probe.schedule.share, "gap": probe.schedule.gap}), flush=True)


def swap(name: str, pairs: int, probed: bool) -> None:
    """A process of the first kind: prints, for each pair, CPU and wall seconds a step, with and without."""
    step, probe = trained(name)
    began = time.perf_counter()
    count = 0
    while time.perf_counter() - began < SECONDS_WARM:
        step()
        count += 1
    block = max(4, round(SECONDS_BLOCK * count / SECONDS_WARM))
    found = []
    for _ in range(pairs):
        pair = {}
        for on in random.sample([True, False], 2):
            # both ways through the swap: it makes the interpreter forget what it knows of the classes
            probe.take_out()
            probe.put_in()
            if not (on and probed):
                probe.take_out()
            for _ in range(STEPS_WARM):
                step()
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(block):
                step()
            pair[on] = (time.process_time() - cpu) / block, (time.perf_counter() - wall) / block
        found.append((*pair[True], *pair[False]))
    told = {"share": probe.schedule.share, "gap": probe.schedule.gap, "block": block}
    print(json.dumps({"pairs": found, **told}))


def swapped(name: str, pairs: int, probed: bool) -> dict:
    """What `swap` prints in a fresh process."""
    with tempfile.TemporaryDirectory() as attempt:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LABHAND_")}
        environment.update(PYTHONPATH=str(BOOT), LABHAND_ATTEMPT=attempt)
        command = [sys.executable, __file__, "--swap", name, "--pairs", str(pairs)]
        command += [] if probed else ["--off"]
        return json.loads(subprocess.run(command, env=environment, stdout=-1, check=True).stdout)


def median_ratio(pairs: list, at: int) -> float:
    return statistics.median(p[at] / p[at + 2] for p in pairs)


def sum_ratio(pairs: list, at: int) -> float:
    kept = sorted(pairs, key=lambda p: p[at] / p[at + 2])
    cut = len(kept) // 20
    kept = kept[cut : len(kept) - cut]
    return sum(p[at] for p in kept) / sum(p[at + 2] for p in kept)


def bootstrap(processes: list[list], of, at: int) -> str:
    """The figure over all pairs in percent, with its 95 % interval."""
    draw = random.Random(0)
    values = []
    for _ in range(1000):
        chosen = draw.choices(processes, k=len(processes))
        values.append(of([p for pairs in chosen for p in draw.choices(pairs, k=len(pairs))], at))
    values.sort()
    low, high = values[25] - 1, values[974] - 1
    value = of([p for pairs in processes for p in pairs], at) - 1
    return f"{value:+.2%} ({low:+.2%} … {high:+.2%})"


def within(names: list[str], processes: int, pairs: int) -> None:
    """Prints the table of the first kind."""
    print("| script | step (ms) | CPU, median | CPU, sums | wall, median | looks at |")
    print("|---|---|---|---|---|---|")
    for name in names:
        for probed in (False, True):
            found = [swapped(name, pairs, probed) for _ in range(processes)]
            lists = [f["pairs"] for f in found]
            step = statistics.median(p[2] for pairs in lists for p in pairs) * 1e3
            looks = f"1 step in {found[0]['gap']}" if probed else "–"
            print(
                f"| {name}{'' if probed else ', off'} | {step:.2f} "
                f"| {bootstrap(lists, median_ratio, 0)} | {bootstrap(lists, sum_ratio, 0)} "
                f"| {bootstrap(lists, median_ratio, 1)} | {looks} |",
                flush=True,
            )


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


def whole(pairs: int, count: int) -> None:
    """Prints the table of the second kind."""
    print("| script | step without (ms) | with / without | 95 % | by its own clock | looks at |")
    print("|---|---|---|---|---|---|")
    for name, block, probe in [
        ("mlp", 40, False), ("mlp", 40, True), ("cnn", 4, True), ("transformer", 4, True)
    ]:  # fmt: skip
        ratios, steps, told = [], [], {}
        for _ in range(pairs):
            results, told = blocks(name, block, count, probe)
            ratios.append(statistics.median(a / b for a, b in results))
            steps += [b for _, b in results]
        low, high = interval(ratios)
        step = statistics.median(steps) * 1e3
        own = f"{told['share']:.2%} | 1 step in {told['gap']}" if told else "- | -"
        print(
            f"| {name if probe else 'neither (mlp)'} | {step:.2f} | {statistics.median(ratios):.4f} "
            f"| {low:.4f}–{high:.4f} | {own} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--script", choices=MODELS, action="append")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--blocks", type=int, default=16)
    parser.add_argument("--train", choices=MODELS)
    parser.add_argument("--block", type=int)
    parser.add_argument("--swap", choices=MODELS)
    parser.add_argument("--off", action="store_true")
    arguments = parser.parse_args()
    if arguments.train:
        train(arguments.train, arguments.block)
    elif arguments.swap:
        swap(arguments.swap, arguments.pairs, not arguments.off)
    elif arguments.whole:
        whole(arguments.pairs, arguments.blocks)
    else:
        names = arguments.script or ["mlp", "cnn", "transformer"]
        within(names, arguments.processes, arguments.pairs)


if __name__ == "__main__":
    main()
