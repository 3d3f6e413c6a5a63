"""How fast is the queue, and how busy does a sweep keep the machine? Beside task-spooler, where installed.

    python benchmarks/sweeps.py [--runs N] [--true N] [--sweep N]

Prints for runs of `true` and of a Python script that does nothing: put into the queue a second, ended a
second (each with record, watch and report), and the processor time of one, all processes of labhand's and
the run's own together. Then how busy a sweep keeps its slots: of the time from its first start to its
last end, the share in which each slot held a training. Then the processor time of one run by itself.
The load of the machine is printed, since all but processor time depends on it.
"""

import argparse
import ctypes
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labhand.cli.queued import Carrier
from labhand.core import event
from labhand.core.store import Store
from labhand.cycle.needs import needs_of
from labhand.cycle.queue import Queue
from labhand.cycle.request import Request
from labhand.cycle.starter import ensure_started
from labhand.cycle.sweep import submit
from labhand.kit import slots

LABHAND = [sys.executable, "-P", "-m", "labhand"]
BUSY = (
    "s = 0\nimport time\nend, turns = time.process_time() + 3, 0\nwhile time.process_time() < end:\n"
    "    turns += 1\nprint('step 0 loss', s + turns)\n"
)
PR_SET_CHILD_SUBREAPER = 36


@contextmanager
def processor_time(told: dict[str, float]) -> Iterator[None]:
    """Counts the processor time of all that the block starts and that ends before it does."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    yield
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told["s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def queue(folder: Path, command: list[str], runs: int) -> None:
    """Puts so many runs of a command into the queue and waits until all have ended."""
    store = Store.at(folder)
    request = Request(command=command, cwd=folder, check=False, fix="off")
    began = time.perf_counter()
    many = submit(store, request, needs_of(request), [], None, [{} for _ in range(runs)])
    Queue(store).put(many, 0)
    put = time.perf_counter() - began
    used: dict[str, float] = {}
    began = time.perf_counter()
    with processor_time(used):
        ensure_started(store, Carrier())
    took = time.perf_counter() - began
    ids = store.ids()
    ended = sum(store.read(i).status == "finished" for i in ids)
    assert ended == len(ids) == runs, f"{ended} of {runs} finished"
    print(
        f"labhand, {command[0] if len(command) == 1 else 'python no_op.py'}: {runs / put:,.0f} queued a "
        f"second, {runs / took:.1f} ended a second, {1000 * used['s'] / runs:.0f} ms of processor time each"
    )


def sweep(folder: Path, runs: int) -> None:
    """How busy the slots are while a sweep of runs that compute for three seconds goes on."""
    (folder / "busy.py").write_text(BUSY)
    words = ["run", "--no-check", "--sweep", f"s=1..{runs}", "--", sys.executable, "busy.py"]
    subprocess.run([*LABHAND, *words], cwd=folder, check=True, capture_output=True)
    store = Store.at(folder)
    attempts = [store.read(run_id).attempts[-1] for run_id in store.ids()]
    spans = [
        (event.seconds(a.started), event.seconds(a.started) + (a.wall_s or 0)) for a in attempts
    ]
    length = max(end for _, end in spans) - min(start for start, _ in spans)
    held = sum(end - start for start, end in spans)
    cores = slots.all_cores()
    print(
        f"labhand: a sweep of {runs} keeps {cores} slots {100 * held / length / cores:.1f} % busy"
    )


def one_run(folder: Path) -> None:
    """The processor time of one run in front of a person, the start of Python in it."""
    used: dict[str, float] = {}
    with processor_time(used):
        words = ["run", "--no-check", "--", sys.executable, "no_op.py"]
        subprocess.run([*LABHAND, *words], cwd=folder, check=True, capture_output=True)
    print(f"labhand: {used['s']:.2f} s of processor time for one run by itself")


def task_spooler(folder: Path, command: list[str], runs: int) -> None:
    """The same jobs by task-spooler, if it is there: each is put in by a process of its own."""
    program = shutil.which("tsp")
    if program is None:
        print("task-spooler: not installed")
        return
    env = os.environ | {"TS_SOCKET": str(folder / "socket"), "TMPDIR": str(folder)}
    env["TS_MAXFINISHED"] = str(runs)
    subprocess.run([program, "-S", str(slots.all_cores())], env=env, check=True)
    used: dict[str, float] = {}
    began = time.perf_counter()
    with processor_time(used):
        for _ in range(runs):
            subprocess.run(
                [program, *command], cwd=folder, env=env, check=True, capture_output=True
            )
        while any(
            word in subprocess.run([program], env=env, capture_output=True, text=True).stdout
            for word in (" queued ", " running ")
        ):
            time.sleep(0.05)
        took = time.perf_counter() - began
        subprocess.run([program, "-K"], env=env, check=False)
    print(
        f"task-spooler, {command[0] if len(command) == 1 else 'python no_op.py'}: {runs / took:.1f} queued "
        f"and ended a second, {1000 * used['s'] / runs:.0f} ms of processor time each, unrecorded"
    )


def apart(part: Callable[..., None], *arguments: object) -> None:
    """Does one part in a project of its own."""
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_RUNTIME_DIR"] = name
        folder = Path(name, "project")
        folder.mkdir()
        (folder / "labhand.toml").touch()
        (folder / "no_op.py").write_text("x = 1\n")
        part(folder, *arguments)
        print(f"  load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="of a Python script")
    parser.add_argument("--true", type=int, default=1000, help="of `true`")
    parser.add_argument("--sweep", type=int, default=64)
    chosen = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else all is compiled anew each time
    python = [sys.executable, "no_op.py"]
    apart(queue, ["true"], chosen.true)
    apart(task_spooler, ["true"], chosen.true)
    apart(queue, python, chosen.runs)
    apart(task_spooler, python, chosen.runs)
    apart(one_run)
    if chosen.sweep:
        apart(sweep, chosen.sweep)


if __name__ == "__main__":
    main()
