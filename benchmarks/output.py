"""What a script that prints a flood is slowed: in a plain terminal, and in one under labhand run.

    python benchmarks/output.py [--turns 3] [--share 1.0]

Each script notes how long its own printing took. The terminal is that of `script -qc` (util-linux),
whose output goes nowhere. *Twice*: a `script` inside `script`, since whatever records in a terminal
is one more relay; labhand is inside `script` too. Turn by turn, one after the other. *Reading* is what labhand still does after the script has ended, until the prompt
is back. `--share` prints less. Prints Markdown.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPT = """
import sys, time
kind, share, told = sys.argv[1], float(sys.argv[2]), sys.argv[3]
began = time.perf_counter()
write = sys.stdout.write
if kind == "metrics":
    for i in range(int(1_000_000 * share)):
        write(f"step {i} loss {1 / (i + 1) + 0.1:.3f} acc {i / 1e6:.3f}\\n")
elif kind == "text":
    line = "reading shard of the corpus, nothing to be told of it but that it goes on and on\\n"
    for i in range(int(100_000_000 * share) // len(line)):
        write(line)
else:
    for i in range(int(300_000 * share)):
        write(f"\\r {i // 3000}%|####      | {i}/300000 [00:10<00:12, 44.1it/s, loss={1 / (i + 1):.3f}]")
        sys.stdout.flush()
    write("\\n")
sys.stdout.flush()
with open(told, "w") as file:
    file.write(f"{time.perf_counter() - began} {time.time()}")
"""
KINDS = {
    "metrics": "1 M lines of metrics",
    "text": "100 MB of plain text",
    "bar": "300,000 states of a bar",
}


LINES = (
    "step {n} loss {a:.3f} acc {b:.3f}",
    "iter {n}: loss {a:.4f}, time 93.12ms, mfu 1.20%",
    "Train Epoch: {e} [{n}/60000 ({s}%)] Loss: {a:.6f}",
    "Epoch: {e} | Train Loss: {a:.4f} | Val Acc: {b}",
    "2024-01-01 12:00:{s:02d},123 - INFO - step {n} - loss: {a:.4f} - lr: {b:.2e}",
)


def printed(folder, kind, share, way):
    """Seconds the script took to print, and seconds from then until the prompt was back."""
    told = folder / "told"
    command = [sys.executable, "flood.py", kind, str(share), str(told)]
    if way == "twice":
        command = ["script", "-qc", shlex.join(command), os.devnull]
    elif way == "labhand":
        command = [sys.executable, "-m", "labhand", "run", "--no-check", "--", *command]
    subprocess.run(
        ["script", "-qc", shlex.join(command), os.devnull],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    seconds, ended = map(float, told.read_text().split())
    return seconds, time.time() - ended


def kept(folder):
    """How many points of a metric the last run has, and the bytes of its output."""
    shown = subprocess.check_output(
        [sys.executable, "-m", "labhand", "show", "last", "--json"], cwd=folder
    )
    run = json.loads(shown)
    log = folder / ".labhand" / "runs" / run["id"] / "attempts" / "1" / "output.log"
    return run["metrics"].get("loss", {}).get("points", 0), log.stat().st_size


def reading():
    """CPU time of a line of metrics that comes again, by its form and without forms."""
    from labhand.kit.lines import Lines

    print("\n| line | by its form, µs | the long way, µs |\n|---|---|---|")
    for line in LINES:
        data = "".join(
            line.format(n=n, e=1 + n // 500, s=n % 60, a=1 / (n + 1), b=n / 7) + "\n"
            for n in range(5000)
        ).encode()
        spent = []
        for by_form in (True, False):
            lines = Lines()
            if not by_form:
                lines._forms.learn = lambda raw, memory: None
            began = time.process_time()
            assert len(lines.feed(data)) == 5000
            spent.append((time.process_time() - began) / 5000 * 1e6)
        shown = line.replace("|", "\\|")
        print(f"| `{shown}` | {spent[0]:.1f} | {spent[1]:.1f} |")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    heads = ("what is printed", "plain, s", "twice, s", "labhand run, s", "to plain", "to twice")
    print("|", " | ".join([*heads, "reading, s", "points", "output.log"]), "|")
    print("|---" * 9 + "|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "flood.py").write_text(SCRIPT)
        for kind, name in KINDS.items():
            turns = []
            for _ in range(options.turns):
                plain, _ = printed(folder, kind, options.share, "plain")
                twice, _ = printed(folder, kind, options.share, "twice")
                ours, reading = printed(folder, kind, options.share, "labhand")
                turns.append((plain, twice, ours, ours / plain, ours / twice, reading))
            medians = [statistics.median(column) for column in zip(*turns, strict=True)]
            points, size = kept(folder)
            print(
                f"| {name} | {' | '.join(f'{m:.2f}' for m in medians)} | {points:,} | "
                f"{size / 1e6:.1f} MB |",
                flush=True,
            )
    reading()
    print(
        f"\nOther work on the machine: load {load:.1f} before, {os.getloadavg()[0]:.1f} after, "
        f"on {os.cpu_count()} cores."
    )


if __name__ == "__main__":
    main()
