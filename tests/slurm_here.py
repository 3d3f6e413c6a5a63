"""A real Slurm of one machine with two nodes, for tests; nothing outlives it."""

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIGURATION = """
ClusterName=here
SlurmctldHost=localhost
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={place}/munge/socket
CredType=cred/munge
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool-%n
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd-%n.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
JobAcctGatherType=jobacct_gather/none
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
KillWait=5
GresTypes=gpu
MessageTimeout=5
SlurmdParameters=config_overrides
NodeName=here[1-2] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[{first}-{second}] CPUs=8 \
RealMemory=2000 Gres=gpu:2 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=here[1-2] Default=YES MaxTime=60 State=UP OverSubscribe=NO PriorityTier=1
PartitionName=urgent Nodes=here[1-2] MaxTime=60 State=UP OverSubscribe=NO PriorityTier=2
"""
DAEMONS = ("munged", "slurmctld", "slurmd")


def why_not() -> str:
    """Why no Slurm can be started here; empty: one can."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [name for name in (*DAEMONS, "sbatch") if shutil.which(name, path=path) is None]
    if missing:
        return f"no {', '.join(missing)} here: apt-get install slurmctld slurmd slurm-client munge"
    if importlib.util.find_spec("submitit") is None:
        return "no submitit here: pip install 'labhand[slurm]'"
    if os.geteuid() != 0:
        return "only root can start Slurm's daemons"
    return ""


@contextmanager
def slurm(place: Path) -> Iterator[str]:
    """The path of the configuration of a Slurm that runs within the block."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for name in ("munge", "state"):
        (place / name).mkdir(parents=True)
    (place / "munge" / "key").write_bytes(os.urandom(128))
    (place / "munge" / "key").chmod(0o600)
    ports = free_ports(3)
    conf = place / "slurm.conf"
    conf.write_text(
        CONFIGURATION.format(
            place=place, port=ports[0], first=ports[1], second=ports[2], user="root"
        )
    )
    # No GPU is there: any two devices serve to be counted and given out.
    (place / "gres.conf").write_text("Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n")
    env = os.environ | {"SLURM_CONF": str(conf)}
    munge = place / "munge"
    daemons = [
        ["munged", "-F", "-f", f"--key-file={munge}/key", f"--socket={munge}/socket",
         f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed"],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D", "-N", "here1"],
        ["slurmd", "-D", "-N", "here2"],
    ]  # fmt: skip
    running: list[subprocess.Popen] = []
    try:
        for command in daemons:
            running.append(
                subprocess.Popen(
                    command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
            if command[0] == "munged":
                _until(lambda: (munge / "socket").exists(), place)
        _until(lambda: _idle(env) == 2, place)
        yield str(conf)
    finally:
        empty(str(conf))
        for daemon in reversed(running):
            daemon.terminate()
        for daemon in reversed(running):
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _idle(env: dict[str, str]) -> int:
    said = subprocess.run(
        ["sinfo", "-h", "-N", "-p", "main", "-t", "idle"],
        env=env,
        check=False,
        capture_output=True,
        text=True,
    )
    return len(said.stdout.split("\n")) - 1


def empty(conf: str) -> None:
    """Ends all jobs, and waits until the last one has gone."""
    env = os.environ | {"SLURM_CONF": conf}
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        said = subprocess.run(["squeue", "-h"], env=env, check=False, capture_output=True)
        if not said.stdout.strip():
            return
        subprocess.run(["scancel", "-u", "root"], env=env, check=False, capture_output=True)
        time.sleep(0.2)


def _until(condition, place: Path) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            told = "\n".join(p.read_text(errors="replace")[-2000:] for p in place.glob("*.log"))
            raise RuntimeError(f"Slurm does not start:\n{told}")
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """The first of so many free ports in a row, each of them."""
    for first in range(20000 + os.getpid() % 1000 * 8, 32000, count):
        ports = list(range(first, first + count))
        if all(map(_free, ports)):
            return ports
    raise RuntimeError("no port is free")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
