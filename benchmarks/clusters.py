"""What a run on Slurm costs beside submitit alone: the same no-op script, one at a time and as an array.

    python benchmarks/clusters.py [--rounds N] [--array N]

Takes the Slurm that `sbatch` speaks to, or starts one of this machine as the tests do (root, Debian's
slurmctld, slurmd, munge). Prints the seconds from the command to the result and the processor seconds of all that
ran meanwhile under Slurm and here. In turn, so that both see the same machine; the load is printed,
since seconds depend on it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import slurm_here  # noqa: E402

SCRIPT = "import sys\nprint('loss 0.5')\n"
SUBMITIT = """
import sys, time, submitit
executor = submitit.SlurmExecutor("submitit")
executor.update_parameters(time=5)
command = submitit.helpers.CommandFunction([sys.executable, "no_op.py"], verbose=False)
jobs = executor.submit_array([command] * int(sys.argv[1]))
# sacct says nothing without an accounting service: the results themselves are looked for
while not all(job.paths.result_pickle.exists() for job in jobs):
    time.sleep(0.05)
"""


def timed(command: list[str], folder: Path, spent: "Spent") -> tuple[float, float]:
    """Seconds until the command has ended, and processor seconds until Slurm has nothing left to do."""
    before, began = spent.seconds(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
    took = time.perf_counter() - began
    while subprocess.run(["squeue", "-h"], capture_output=True, check=True).stdout:
        time.sleep(0.1)
    return took, spent.seconds() - before


class Spent:
    """Processor seconds of this process and all that comes of it, daemons too, by a control group."""

    def __init__(self) -> None:
        first = Path("/sys/fs/cgroup/cpuacct")
        self.place = (
            first if first.is_dir() else Path("/sys/fs/cgroup")
        ) / f"labhand-{os.getpid()}"
        self.home = self.place.parent / "cgroup.procs"

    def __enter__(self) -> "Spent":
        self.place.mkdir()
        (self.place / "cgroup.procs").write_text(str(os.getpid()))
        return self

    def __exit__(self, *_: object) -> None:
        for pid in (self.place / "cgroup.procs").read_text().split():
            with suppress(OSError):
                self.home.write_text(pid)
        self.place.rmdir()

    def seconds(self) -> float:
        old, new = self.place / "cpuacct.usage", self.place / "cpu.stat"
        if old.exists():
            return int(old.read_text()) / 1e9
        return int(new.read_text().split("usage_usec ")[1].split()[0]) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--array", type=int, default=8)
    args = parser.parse_args()
    with ExitStack() as stack:
        spent = stack.enter_context(Spent())
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if "SLURM_CONF" not in os.environ:
            os.environ["SLURM_CONF"] = stack.enter_context(slurm_here.slurm(place / "slurm"))
        (place / "no_op.py").write_text(SCRIPT)
        (place / "alone.py").write_text(SUBMITIT)
        labhand = [sys.executable, "-P", "-m", "labhand", "run", "--on", "slurm", "--no-check"]
        for count in (1, args.array):
            sweep = ["--sweep", f"x=1..{count}"] if count > 1 else []
            peers = {
                "submitit": [sys.executable, "alone.py", str(count)],
                "labhand": [*labhand, *sweep, "--", sys.executable, "no_op.py"],
            }
            if count > 1:
                (place / "no_op.py").write_text("x = 1\n" + SCRIPT)
            took: dict[str, list[tuple[float, float]]] = {name: [] for name in peers}
            for _ in range(args.rounds):
                for name, command in peers.items():
                    took[name].append(timed(command, place, spent))
            for name, pairs in took.items():
                wall, cpu = (sorted(column) for column in zip(*pairs, strict=True))
                print(
                    f"{count} jobs, {name}: median {statistics.median(wall):.2f} s "
                    f"({wall[0]:.2f} to {wall[-1]:.2f}), processor {statistics.median(cpu):.2f} s "
                    f"({cpu[0]:.2f} to {cpu[-1]:.2f})"
                )
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
