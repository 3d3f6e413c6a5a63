"""How fast is the queue? No-op runs put into it, started, recorded and reported; beside task-spooler.

    python benchmarks/sweeps.py [--runs N]

Prints runs queued a second; runs ended a second, each with its record, watch and report; the processor
time of one run, labhand's and its children's; and where `tsp` (task-spooler) is installed, the same jobs
by it. The load of the machine is printed, since all but the processor time depends on it.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from labhand.core.store import Store
from labhand.cycle.queue import Queue

LABHAND = [sys.executable, "-P", "-m", "labhand"]


def labhand(folder: Path, runs: int) -> None:
    """Queues the runs and waits until all have ended."""
    store = Store.at(folder)
    subprocess.run([*LABHAND, "queue", "pause"], cwd=folder, check=True, capture_output=True)
    began = time.perf_counter()
    words = [
        "run",
        "--no-check",
        "--detach",
        "--sweep",
        f"x=1..{runs}",
        "--",
        sys.executable,
        "no_op.py",
    ]
    subprocess.run([*LABHAND, *words], cwd=folder, check=True, capture_output=True)
    queued = time.perf_counter() - began
    began = time.perf_counter()
    subprocess.run([*LABHAND, "queue", "resume"], cwd=folder, check=True, capture_output=True)
    while Queue(store).waiting() or Queue(store).starting() or not _all_ended(store, runs):
        time.sleep(0.2)
    took = time.perf_counter() - began
    print(f"labhand: {runs / queued:,.0f} queued a second, {runs / took:.1f} ended a second")


def _all_ended(store: Store, runs: int) -> bool:
    ids = store.ids()
    return len(ids) == runs and all(store.read(i).status != "running" for i in ids)


def one_run(folder: Path) -> None:
    """The processor time of one run in front of a person, the start of Python in it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = ["run", "--no-check", "--", sys.executable, "no_op.py"]
    subprocess.run([*LABHAND, *words], cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"labhand: {used:.2f} s of processor time for one run by itself")


def task_spooler(folder: Path, runs: int) -> None:
    """The same jobs by task-spooler, if it is there."""
    program = shutil.which("tsp")
    if program is None:
        print("task-spooler: not installed")
        return
    env = os.environ | {"TS_SOCKET": str(folder / "socket"), "TMPDIR": str(folder)}
    subprocess.run([program, "-S", str(os.cpu_count())], env=env, check=True)
    began = time.perf_counter()
    for _ in range(runs):
        subprocess.run(
            [program, sys.executable, "no_op.py"],
            cwd=folder,
            env=env,
            check=True,
            capture_output=True,
        )
    subprocess.run([program, "-w"], env=env, check=False)
    print(
        f"task-spooler: {runs / (time.perf_counter() - began):.1f} queued and ended a second, unrecorded"
    )
    subprocess.run([program, "-K"], env=env, check=False)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_RUNTIME_DIR"] = name
        folder = Path(name, "project")
        folder.mkdir()
        (folder / "no_op.py").write_text("x = 1\n")
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        labhand(folder, runs)
        one_run(folder)
        task_spooler(folder, runs)


if __name__ == "__main__":
    main()
