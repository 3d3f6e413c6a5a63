"""Runs the command on all nodes of the Slurm job that labhand is in."""

import os
import re
import shutil
import socket
import sys

import msgspec

from labhand.core.errors import UsageError
from labhand.kit.process import capture
from labhand.launch import ranks
from labhand.launch.command import program_of
from labhand.launch.job import Job, Process
from labhand.launch.launchers import local


class Launcher:
    """Runs the command on all nodes of the Slurm job that labhand is in.

    ## What it does
    Each attempt is a step of the job: the command once a task, `ntasks-per-node` of them on each node
    (one where nothing is said). When one task fails, all end. The tasks find `MASTER_ADDR`,
    `MASTER_PORT`, `RANK`, `WORLD_SIZE`, `LOCAL_RANK` and `NODE_RANK` in their environment; torchrun
    takes the number of nodes and where they meet from `PET_…`, so that it needs no flag for that.

    `--on slurm` uses it for jobs of more than one task; within `salloc` it can be asked for.

    ## Known problems
    The tasks have no terminal. Their output comes line by line, each line whole up to the 1,024 bytes
    that Slurm hands on at once; other programs than Python may hold theirs back, as in any pipe.
    Where srun has to end the tasks, it tells 128 + signal or 1.

    ## Example
    `labhand run --on srun -- torchrun --nproc-per-node 8 train.py`

    ## References
    srun(1); torchrun (https://docs.pytorch.org/docs/stable/elastic/run.html).
    """

    def start(self, job: Job) -> Process:
        """The step, started.

        Raises:
            UsageError: there is no such command, or labhand is in no Slurm job.
        """
        program_of(job)
        if trouble := self.trouble():
            raise UsageError(trouble)
        command = [*_step(), sys.executable, "-I", "-S", ranks.__file__, _address(), _port()]
        return local.Launcher().start(
            msgspec.structs.replace(job, command=[*command, *job.command])
        )

    def trouble(self) -> str:
        """Why no step can be started here, and what to do; empty: one can."""
        if "SLURM_JOB_ID" in os.environ and shutil.which("srun"):
            return ""
        return (
            "labhand is in no Slurm job, so there are no nodes to run on; get some by salloc, or "
            "run with --on slurm"
        )


def tasks() -> tuple[int, int]:
    """The nodes of the Slurm job that this process is in, and the tasks on each; 1, 1 outside of one."""
    told = os.environ
    nodes = int(told.get("SLURM_JOB_NUM_NODES") or 1)
    # Not SLURM_TASKS_PER_NODE: of a job that has its nodes for itself it tells their cores.
    found = re.match(r"\d+", told.get("SLURM_NTASKS_PER_NODE") or "")
    each = int(found[0]) if found else int(told.get("SLURM_NTASKS") or nodes) // nodes
    return nodes, max(1, each)


def _step() -> list[str]:
    nodes, each = tasks()
    # Not --unbuffered: each task's output would come as it was read, cut within a line.
    step = ["srun", "--overlap", "--kill-on-bad-exit=1", "--export=ALL"]
    step += [f"--nodes={nodes}", f"--ntasks={nodes * each}", f"--ntasks-per-node={each}"]
    if cpus := os.environ.get("SLURM_CPUS_PER_TASK"):
        step.append(f"--cpus-per-task={cpus}")  # since 22.05 a step does not inherit it
    return step


def _address() -> str:
    """Where the other nodes reach this one, as Slurm itself does."""
    node = os.environ.get("SLURMD_NODENAME", "")
    told = capture(
        ["scontrol", "-o", "show", "node", node], cwd="/", env=dict(os.environ), timeout_s=60
    )
    found = re.search(r"\bNodeAddr=(\S+)", told.stdout)
    return found[1] if found else socket.gethostname()


def _port() -> str:
    with socket.socket() as free:
        free.bind(("", 0))
        return str(free.getsockname()[1])
