"""The record of points, side by side with its peers and with the raw append as the limit.

    python benchmarks/record.py --python PYTHON_WITH_PEERS [--only raw,labhand] [--cap 15]

Each recorder logs the same random walk of float64, 20 metrics a step, from a process of its own: 1 M
points in 50,000 calls (TensorBoard and Aim have no call for several metrics: 20 calls), or as far as
it comes in `--cap` seconds. µs are of one step of 20 metrics. Killed: 200 steps a second, kill -9 of
the process and its children after 4 s; lost are steps whose call had returned. At the end one curve
of a 10 M-point run, raw and packed. Prints Markdown.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEERS = Path(__file__).parent / "peers_record.py"
OURS = ("raw", "labhand")
EVERY = (*OURS, "trackio", "wandb", "tensorboard", "mlflow", "aim")
METRIC = "train/metric_7"
KILL_AFTER_S = 4.0


def run(python, *arguments, timeout=400):
    """What a recorder's process tells, or why there is nothing."""
    done = subprocess.run(
        [python, str(PEERS), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    told = (done.stderr.strip().splitlines() or ["no result"])[-1]
    raise RuntimeError(told)


def killed(python, name, folder):
    """Steps whose call had returned and that are not there after kill -9 of the process group."""
    counter = folder.parent / f"{name}.counter"
    counter.write_bytes(bytes(8))

    def seen():
        return int.from_bytes(counter.read_bytes(), "little")

    process = subprocess.Popen(
        [python, str(PEERS), "kill", name, str(folder), str(counter)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while seen() < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(KILL_AFTER_S)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    acknowledged = seen()
    try:
        there = run(python, "read", name, folder, METRIC, time.time())["points"]
    except RuntimeError:
        there = 0
    return {"acknowledged": acknowledged, "lost": max(acknowledged - there, 0)}


def measure(python, name, home, steps, cap):
    folder = home / name
    folder.mkdir()
    told = run(python, "write", name, folder, steps, cap)
    back = run(python, "read", name, folder, METRIC, time.time())
    assert back["points"] == told["steps"], f"{name}: {back['points']} of {told['steps']} read back"
    told |= back
    if name == "labhand":
        from labhand.kit import points

        points.pack(folder)
        size = (folder / "points.parquet").stat().st_size
        told["packed_bytes_per_point"] = size / (told["steps"] * 20)
        told["packed_read_s"] = run(python, "read", name, folder, METRIC, time.time())["read_s"]
    shutil.rmtree(folder)
    folder.mkdir()
    return told | killed(python, name, folder)


def against_the_limit(home, steps):
    """Our time a call and points/s over those of the raw append, taken in turn for a fair ratio."""
    calls, rates = [], []
    for turn in range(9):
        told = {}
        for name in OURS:
            folder = home / f"{name}-{turn}"
            folder.mkdir()
            told[name] = run(sys.executable, "write", name, folder, steps, 60)
            shutil.rmtree(folder)
        calls.append(told["labhand"]["p50_us"] / told["raw"]["p50_us"])
        rates.append(told["labhand"]["points_per_s"] / told["raw"]["points_per_s"])
    return statistics.median(calls), statistics.median(rates)


def first_call(home):
    """Seconds of `import labhand` and the first call, in processes of their own, as milliseconds."""
    code = (
        "import time; t = time.perf_counter(); import labhand; labhand.log({'loss': 1.0})\n"
        "print((time.perf_counter() - t) * 1e3)"
    )
    told = {}
    for where in ("under labhand run", "alone"):
        folder = home / where
        (folder / "attempt").mkdir(parents=True)
        environment = dict(os.environ)
        if where != "alone":
            environment["LABHAND_ATTEMPT"] = str(folder / "attempt")
        told[where] = statistics.median(
            float(
                subprocess.check_output([sys.executable, "-c", code], cwd=folder, env=environment)
            )
            for _ in range(9)
        )
    return told


def large(home, count=500_000):
    """Milliseconds for one curve of a run of 20 x `count` points, raw and packed, and its sizes."""
    import numpy as np

    from labhand.kit import points
    from labhand.probe.points import Writer

    folder = home / "large" / "attempts" / "1"
    folder.mkdir(parents=True)
    writer = Writer(str(folder), "log")
    names = [f"train/metric_{i}" for i in range(20)]
    values = np.cumsum(np.random.default_rng(0).normal(0, 0.01, (count, 20)), axis=0) + 2
    for step in range(0, count, 1000):
        for at, row in enumerate(values[step : step + 1000].tolist(), step):
            writer.row(dict(zip(names, row, strict=True)), at)
    writer.close()
    told = {}
    for state in ("raw", "packed"):
        if state == "packed":
            began = time.perf_counter()
            points.pack(home / "large")
            told["pack_s"] = time.perf_counter() - began
        spent, cpu = [], []
        for name in random.Random(0).sample(names, 15):
            began, worked = time.perf_counter(), time.process_time()
            points.curve(home / "large", name)
            spent.append((time.perf_counter() - began) * 1e3)
            cpu.append((time.process_time() - worked) * 1e3)
        size = sum(p.stat().st_size for p in (home / "large").rglob("*") if p.is_file())
        told[state] = {"ms": spent[1:], "cpu": cpu[1:], "bytes": size / (20 * count)}
    return told


def table(found, missing):
    print(
        "| recorder | start, s | points/s | µs a step, median | p99 | bytes a point | read one metric, s | lost at kill -9 | steps measured |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, told in found.items():
        print(
            f"| {name} | {told['start_s']:.2f} | {told['points_per_s']:,.0f} | {told['p50_us']:.1f} |"
            f" {told['p99_us']:.1f} | {told['bytes_per_point']:.1f} | {told['read_s']:.2f} |"
            f" {told['lost']} of {told['acknowledged']} | {told['steps']:,} |"
        )
    for name, why in missing.items():
        print(f"\n{name}: not measured ({why})")


def ratios(found, limit):
    ours = found.get("labhand")
    if ours is None:
        return
    print(
        f"\nPacked: {ours['packed_bytes_per_point']:.2f} bytes a point, one metric read in "
        f"{ours['packed_read_s']:.2f} s."
    )
    print(
        f"\nAgainst the raw append, nine times in turn: {limit[0]:.2f}x its time a call, "
        f"{limit[1]:.2f}x its points/s (medians of the ratios)."
    )
    for name, told in found.items():
        if name not in OURS:
            print(
                f"\nAgainst {name}: a call takes 1/{told['p50_us'] / ours['p50_us']:.0f} (p99 1/{told['p99_us'] / ours['p99_us']:.0f}),",
                end=" ",
            )
            print(f"{ours['points_per_s'] / told['points_per_s']:.0f}x the points/s.")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--python", default=sys.executable, help="a Python that has the peers")
    parser.add_argument("--only", default=",".join(EVERY), help="names, separated by commas")
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--cap", type=float, default=15.0, help="seconds a recorder may take")
    options = parser.parse_args()
    found, missing = {}, {}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        for name in options.only.split(","):
            python = sys.executable if name in OURS else options.python
            try:
                found[name] = measure(python, name, home, options.steps, options.cap)
            except (RuntimeError, AssertionError, subprocess.TimeoutExpired) as error:
                missing[name] = str(error)
        limit = against_the_limit(home, options.steps)
        table(found, missing)
        ratios(found, limit)
        for where, spent in first_call(home).items():
            print(f"\nImport and first call {where}: {spent:.0f} ms (median of 9 processes).")
        told = large(home)
        print(f"\nOne curve of a 10 M-point run (packing it took {told.pop('pack_s'):.1f} s):")
        for state, curve in told.items():
            print(
                f"{state} {statistics.median(curve['ms']):.0f} ms (median of 14 curves, "
                f"{min(curve['ms']):.0f} to {max(curve['ms']):.0f}; of the processor "
                f"{statistics.median(curve['cpu']):.0f} ms), {curve['bytes']:.2f} bytes a point;"
            )
    print(
        f"\nOther work on the machine: load {load:.1f} before, {os.getloadavg()[0]:.1f} after, "
        f"on {os.cpu_count()} cores."
    )


if __name__ == "__main__":
    main()
