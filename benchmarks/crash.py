"""Kill -9 of the training, of labhand, and of both, at random moments: is anything lost?

Each round starts `labhand run` around a script that logs as fast as it can and counts, in shared
memory, the calls that have returned. After a random time the victim is killed; then every call that
had returned must be on disk, and where labhand alone was killed the training must go on to its end.

    python benchmarks/crash.py --rounds 200
"""

import argparse
import json
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

VICTIMS = ("training", "labhand", "both")
SCRIPT = """
import mmap, os, struct, sys, time
import labhand
with open("acknowledged", "r+b") as file:
    seen = mmap.mmap(file.fileno(), 16)
end = time.monotonic() + float(sys.argv[1])
step = 0
while time.monotonic() < end:
    labhand.log({"loss": 1 / (step + 1), "accuracy": step * 0.5}, step=step)
    step += 1
    seen[:8] = struct.pack("<q", step)
    if step % 500 == 0:
        print(f"step {step}: printed {step}", flush=True)
seen[8:] = struct.pack("<q", 1)
"""


class Outcome(dict):
    """What one round showed: victim, acknowledged, lost, training_went_on, status."""


def one_round(folder: Path, victim: str, delay: float, length: float) -> Outcome:
    """Kills `victim` after `delay` seconds of logging and counts what is missing."""
    folder.mkdir(parents=True)
    (folder / "labhand.toml").touch()
    (folder / "train.py").write_text(SCRIPT, encoding="utf-8")
    (folder / "acknowledged").write_bytes(bytes(16))
    with (folder / "acknowledged").open("r+b") as file:
        seen = mmap.mmap(file.fileno(), 16)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "labhand",
            "run",
            "--no-check",
            "--",
            sys.executable,
            "train.py",
            str(length),
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: struct.unpack("<q", seen[:8])[0] > 0)
    attempt = next((folder / ".labhand" / "runs").glob("*/attempts/1"))
    training = wait_until(lambda: training_of(attempt))
    time.sleep(delay)
    if victim in ("labhand", "both"):
        process.kill()
    if victim in ("training", "both"):
        os.kill(training, signal.SIGKILL)
    process.wait(60)
    wait_until(lambda: not alive(training))
    acknowledged, finished = struct.unpack("<qq", seen[:])
    shown = json.loads(
        subprocess.check_output(
            [sys.executable, "-m", "labhand", "show", "last", "--json"], cwd=folder
        )
    )
    points = shown["metrics"].get("loss", {}).get("points", 0)
    return Outcome(
        victim=victim,
        acknowledged=acknowledged,
        lost=max(0, acknowledged - points),
        went_on=bool(finished),
        status=shown["status"],
        exit_code=shown["exit_code"],
    )


def training_of(attempt: Path) -> int | None:
    """The process number of the training, once the keeper has noted it."""
    try:
        return int(json.loads((attempt / "process.json").read_bytes())["pid"])
    except (OSError, ValueError, KeyError):
        return None


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds: float = 60.0):
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise TimeoutError("the condition did not come to hold")


def main() -> None:
    """Prints a line per victim and fails where anything was lost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--length", type=float, default=1.0, help="seconds of logging")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    generator = random.Random(arguments.seed)
    outcomes = []
    with tempfile.TemporaryDirectory() as place:
        for number in range(arguments.rounds):
            victim = VICTIMS[number % 3]
            delay = generator.uniform(0, arguments.length * 0.8)
            outcomes.append(one_round(Path(place) / str(number), victim, delay, arguments.length))
    for victim in VICTIMS:
        of = [o for o in outcomes if o["victim"] == victim]
        went_on = sum(o["went_on"] for o in of)
        print(
            f"{victim:9} killed {len(of):4} times: {sum(o['acknowledged'] for o in of):9,} calls "
            f"returned, {sum(o['lost'] for o in of)} lost; training went on {went_on} times; "
            f"status {dict(Counter(o['status'] for o in of))}"
        )
    sys.exit(
        any(o["lost"] for o in outcomes)
        or any(not o["went_on"] for o in outcomes if o["victim"] == "labhand")
    )


if __name__ == "__main__":
    main()
