"""What a run needs of the machine: cores, GPUs, memory."""

import os
import re
from pathlib import Path

from labhand.core.errors import UsageError
from labhand.core.store import Store, project_root
from labhand.cycle.queue import MIDDLE, Queue
from labhand.cycle.request import Request
from labhand.kit import configuration, slots

_PER_NODE = re.compile(r"--(?:nproc[_-]per[_-]node|num[_-]processes|num[_-]gpus)(?:=(.+))?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt])?(?:i?b)?", re.I)
_UNITS = {"k": 10, "m": 20, "g": 30, "t": 40}


def needs_of(request: Request) -> slots.Need:
    """What a run takes: what was asked for, else one core, and one GPU or as many as its launcher's processes.

    Raises:
        UsageError: this machine has not so much.
    """
    cores = 1 if request.cpus is None else request.cpus
    most = at_once(request.cwd)
    if cores > most:
        raise UsageError(
            f"{cores} CPUs are asked for and runs may use {most} here; ask for fewer by --cpus"
        )
    memory = size(request.memory) if request.memory else 0
    if memory and memory > (have := slots.all_memory()):
        raise UsageError(
            f"--memory {request.memory} is asked for and runs may use {have / 2**30:.1f}G here; ask for less"
        )
    return slots.Need(cores, _gpus(request), memory)


def size(text: str) -> int:
    """Bytes: `8G`, `500M`, `1.5GiB`, each unit 1024 of the one before, as in Slurm.

    Raises:
        UsageError: it is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    amount = int(float(found[1]) * 2 ** _UNITS.get((found[2] or "").lower(), 0)) if found else 0
    if amount <= 0:
        raise UsageError(f"--memory takes a size such as 8G or 500M; found: {text}")
    return amount


def at_once(folder: Path) -> int:
    """Cores that runs of the project may use at once."""
    return configuration.read(project_root(folder)).slots or slots.all_cores()


def _gpus(request: Request) -> int:
    have = len(slots.all_gpus())
    if request.gpus is not None:
        if request.gpus > have:
            raise UsageError(
                f"{request.gpus} GPUs are asked for and this machine has {have}; ask for fewer by --gpus"
            )
        return request.gpus
    words = request.command
    for at, word in enumerate(words):
        if found := _PER_NODE.fullmatch(word):
            given = found[1] or (words[at + 1] if at + 1 < len(words) else "")
            return min(int(given), have) if given.isdigit() else have
    return min(1, have)


def slots_for(request: Request, *, alone: bool, priority: int) -> slots.Held | None:
    """The slots of a run that shall start at once; None where others hold them, or wait before it.

    `alone`: a person waits before the screen, so that it takes no core unasked and queues behind
    nobody. Sets `CUDA_VISIBLE_DEVICES` where it gets GPUs of its own.

    Raises:
        UsageError: the machine has not so much.
    """
    queue = Queue(Store.at(request.cwd))
    need = needs_of(request)
    first = queue.waiting()[:1]
    if not alone and (queue.paused() or (first and first[0].rank <= MIDDLE - priority)):
        return None
    if alone and request.cpus is None:
        need = need._replace(cores=0)
    held = slots.take(need, at_once(request.cwd), slots.all_gpus())
    if held is not None and (held.gpus or request.gpus == 0):
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(held.gpus)
    return held
