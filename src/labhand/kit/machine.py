"""The machine a run runs on: its environment, told once, and its load, sampled."""

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labhand.core.run import Environment
from labhand.kit.interpreter import Interpreter, ask, packages

if TYPE_CHECKING:
    import psutil

_SMI_TIMEOUT_S = 5.0
_SMI_EVERY_S = 5.0
_CGROUPS = Path("/sys/fs/cgroup")


def environment(
    python: str | None, variables: Mapping[str, str], home: Path | None = None
) -> Environment:
    """Where a command runs: its own interpreter's version and packages, the host, the GPUs.

    Never fails: what cannot be had is empty. Of the variables only the names are taken.

    Args:
        python: the interpreter's path, as `interpreter` tells it; None where there is none.
        variables: the command's environment variables.
        home: remembers what the interpreter said, so that the next run need not start it.
    """
    said: Interpreter | None = None
    if python is not None:
        with contextlib.suppress(OSError, ValueError):
            said = ask(python, home)
    version = ""
    installed: dict[str, str] = {}
    if said is not None:
        own = variables.get("PYTHONPATH", "").split(os.pathsep)
        installed = packages([place for place in own if place] + said.places)
        version = said.version
        if said.implementation != "cpython":
            version = f"{version} ({said.implementation})"
    return Environment(
        python=version,
        packages=installed,
        host=host() | ({"python": said.executable} if said else {}),
        gpus=gpus(),
        variables=sorted(variables),
    )


def host() -> dict[str, Any]:
    """The machine: name, os, kernel, cpu, cores, memory_bytes, and the limits of a container."""
    told: dict[str, Any] = {
        "name": socket.gethostname(),
        "os": _os_name(),
        "kernel": f"{platform.system()} {platform.release()}",
        "cpu": _cpu_model(),
        "cores": cores(),
        "memory_bytes": _memory_bytes(),
    }
    if container := _container():
        told["container"] = container
    if limited := _memory_limit():
        told["memory_limit_bytes"] = limited[0]
    return told


def cores() -> float:
    """The processor cores that this process may use, after affinity and a container's quota."""
    allowed = getattr(os, "sched_getaffinity", None)
    count = float(len(allowed(0)) if allowed else os.cpu_count() or 1)
    for folder in _cgroup_folders("cpu"):
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text()
                period = (folder / "cpu.cfs_period_us").read_text()
            if quota != "max" and int(quota) > 0:
                count = min(count, int(quota) / int(period))
    return round(count, 2)


def memory() -> tuple[int, int]:
    """The memory that this process may use, and what of it is free now, in bytes."""
    import psutil

    machine = psutil.virtual_memory()
    limited = _memory_limit()
    if limited is None:
        return machine.total, machine.available
    limit, folder = limited
    used = _number(folder, "memory.current", "memory.usage_in_bytes") or 0
    return limit, min(machine.available, limit - max(0, used - _reclaimable(folder)))


def gpus() -> list[dict[str, Any]]:
    """The NVIDIA GPUs: index, name, memory_bytes, driver. Empty where there are none."""
    with contextlib.suppress(Exception):  # without a driver every call of it raises its own error
        return _gpus_by_library()
    rows = _smi("index,name,memory.total,driver_version", _SMI_TIMEOUT_S)
    return [
        {
            "index": int(index),
            "name": name,
            "memory_bytes": int(float(memory)) << 20,
            "driver": driver,
        }
        for index, name, memory, driver in (row for row in rows if len(row) == 4)
    ]


class System:
    """Samples the load of a process tree and of the machine below it.

    Args:
        pid: the root of the tree.
        disk: a path on the disk whose free space is told.
    """

    def __init__(self, pid: int, disk: Path) -> None:
        self._pid = pid
        self._disk = disk
        self._seconds: dict[tuple[int, float], float] = {}
        self._sampled: float | None = None
        self._gpus = _GpuLoad()

    def sample(self) -> dict[str, float]:
        """The `system/…` metrics now; what cannot be had is not in it. Never raises.

        `cpu_percent` is of one core since the last sample, at first since the tree began, `rss_bytes` the
        sum over the tree.
        """
        told: dict[str, float] = {}
        now = time.monotonic()
        seconds, rss = self._cpu_seconds_since()
        if rss is not None:
            age = time.time() - min(began for _, began in self._seconds)
            passed = age if self._sampled is None else now - self._sampled
            told["system/cpu_percent"] = 100 * seconds / max(passed, 1e-3)
            told["system/rss_bytes"] = float(rss)
        self._sampled = now
        if (percent := _memory_percent()) is not None:
            told["system/memory_percent"] = percent
        with contextlib.suppress(OSError):
            told["system/disk_free_bytes"] = float(shutil.disk_usage(self._disk).free)
        return told | self._gpus.sample()

    def _cpu_seconds_since(self) -> tuple[float, int | None]:
        """Processor seconds of the tree since the last call, and its memory; None: it is gone."""
        spent = 0.0
        memory: int | None = None
        seen: dict[tuple[int, float], float] = {}
        for process in _tree(self._pid):
            with contextlib.suppress(Exception):  # it may end between any two looks
                with process.oneshot():
                    times, rss = process.cpu_times(), process.memory_info().rss
                    key = (process.pid, process.create_time())
                seen[key] = times.user + times.system
                spent += max(0.0, seen[key] - self._seconds.get(key, 0.0))
                memory = (memory or 0) + rss
        self._seconds = seen
        return spent, memory


class _GpuLoad:
    """The load of each GPU, by NVIDIA's library, else by `nvidia-smi` every few seconds."""

    def __init__(self) -> None:
        self._handles: list[Any] | None = None
        self._asked = -_SMI_EVERY_S
        self._told: dict[str, float] = {}
        with contextlib.suppress(Exception):
            import pynvml

            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]
        self._by_command = self._handles is None and shutil.which("nvidia-smi") is not None

    def sample(self) -> dict[str, float]:
        told: dict[str, float] = {}
        for i, handle in enumerate(self._handles or []):
            with contextlib.suppress(Exception):
                import pynvml

                load, memory = f"system/gpu{i}_percent", f"system/gpu{i}_memory_bytes"
                told[load] = float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
                told[memory] = float(pynvml.nvmlDeviceGetMemoryInfo(handle).used)
        if not self._by_command:
            return told
        if time.monotonic() - self._asked >= _SMI_EVERY_S:
            self._asked = time.monotonic()
            rows = _smi("index,utilization.gpu,memory.used", 2.0)
            self._told = {}
            for index, load, used in (row for row in rows if len(row) == 3):
                with contextlib.suppress(ValueError):
                    self._told[f"system/gpu{index}_percent"] = float(load)
                    self._told[f"system/gpu{index}_memory_bytes"] = float(used) * (1 << 20)
            self._by_command = bool(self._told)
        return dict(self._told)


def _gpus_by_library() -> list[dict[str, Any]]:
    import pynvml

    pynvml.nvmlInit()
    driver = _decoded(pynvml.nvmlSystemGetDriverVersion())
    found = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        found.append(
            {
                "index": index,
                "name": _decoded(pynvml.nvmlDeviceGetName(handle)),
                "memory_bytes": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                "driver": driver,
            }
        )
    return found


def _decoded(text: Any) -> str:
    return text.decode() if isinstance(text, bytes) else str(text)


def _smi(fields: str, timeout_s: float) -> list[list[str]]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, f"--query-gpu={fields}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]


def _tree(pid: int) -> "list[psutil.Process]":
    import psutil

    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return f"{platform.system()} {platform.mac_ver()[0]}".strip()


def _cpu_model() -> str:
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as file:
        for line in file:
            if line.lower().startswith(("model name", "hardware")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def _container() -> str | None:
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    if Path("/.dockerenv").exists():
        return "docker"
    if Path("/run/.containerenv").exists():
        return "podman"
    if "APPTAINER_CONTAINER" in os.environ or "SINGULARITY_CONTAINER" in os.environ:
        return "apptainer"
    return None


def _memory_percent() -> float | None:
    """Memory in use, of the container's limit where there is one, else of the machine."""
    with contextlib.suppress(Exception):
        if limited := _memory_limit():
            limit, folder = limited
            used = _number(folder, "memory.current", "memory.usage_in_bytes")
            if used is not None:
                return 100 * max(0, used - _reclaimable(folder)) / limit
        import psutil

        return float(psutil.virtual_memory().percent)
    return None


def _memory_limit() -> tuple[int, Path] | None:
    """The least memory limit of our control groups, and the folder of the group that sets it."""
    limits = [
        (limit, folder)
        for folder in _cgroup_folders("memory")
        if (limit := _number(folder, "memory.max", "memory.limit_in_bytes"))
    ]
    machine = _memory_bytes()
    least = min(limits, default=None)
    return None if least is None or (machine and least[0] >= machine) else least


def _number(folder: Path, name: str, old_name: str) -> int | None:
    """A number of a control group of version 2 or 1; None where there is none."""
    for file in (folder / name, folder / old_name):
        with contextlib.suppress(OSError, ValueError):
            return int(file.read_text())
    return None


def _reclaimable(folder: Path) -> int:
    """Bytes of a group's file cache that the kernel gives back when memory is short."""
    with contextlib.suppress(OSError):
        for line in (folder / "memory.stat").read_text().splitlines():
            name, _, value = line.partition(" ")
            if name in ("inactive_file", "total_inactive_file"):
                return int(value)
    return 0


def _cgroup_folders(controller: str) -> list[Path]:
    """Our control group and those around it; within a container often only the outermost."""
    folders: list[Path] = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                root = _CGROUPS
            elif controller in controllers.split(","):
                root = _CGROUPS / controller
            else:
                continue
            here = root / path.lstrip("/")
            folders += [f for f in (here, *here.parents) if f == root or root in f.parents]
    return folders
