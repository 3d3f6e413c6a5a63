"""Several processes that do one kind of task each after the other: on this machine, or in a Ray cluster."""

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from labhand.core.errors import InputError, LabhandError, UsageError

Member = Callable[[str], bytes]
"""What does a task, by its name."""

_member: "_Worker | None" = None


def here(
    maker: str, given: bytes, tasks: Sequence[str], number: int
) -> Iterator[tuple[str, bytes]]:
    """Each task and what came of it, in the order of their ends, by so many processes of this machine.

    `maker` is `module:function`; it makes a member of `given` once in each process. Blocks.
    """
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    threads = max(1, (os.cpu_count() or 1) // number)
    with ProcessPoolExecutor(number, get_context("spawn"), _join, (maker, given, threads)) as pool:
        try:
            for done in as_completed([pool.submit(_do, task) for task in tasks]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def in_ray_job() -> bool:
    """Whether this process was started as a Ray job, and so may ask its cluster for workers."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def in_ray(maker: str, given: bytes, tasks: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """As `here`, by one worker for each processor of the Ray cluster that this process is in.

    The modules of labhand and what `given` names must lie where every node sees them. Blocks.

    Raises:
        UsageError: Ray is missing.
        InputError: no cluster answers.
    """
    try:
        import ray
        from ray.util import ActorPool
    except ImportError as error:
        raise UsageError(
            "Ray needs its package, which is missing: pip install 'labhand[ray]'"
        ) from error
    try:
        ray.init(address="auto", log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError) as error:
        raise InputError(f"Ray does not answer: {error}; start it (`ray start --head`)") from error
    number = int(ray.cluster_resources().get("CPU", 1))
    # what carries the job has a processor too: a worker must not wait for it for ever
    worker = ray.remote(num_cpus=0.5)(_Worker)
    members = [worker.remote(maker, given, str(Path.cwd())) for _ in range(min(number, len(tasks)))]
    pool = ActorPool(members)
    try:
        yield from pool.map_unordered(_ask, list(tasks))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, LabhandError):
            raise error.cause from None
        raise
    finally:
        for member in members:
            ray.kill(member)


def _ask(member: Any, task: str) -> Any:
    return member.do.remote(task)


class _Worker:
    """A member, made for its first task: what stops it is raised where the task was asked for."""

    def __init__(self, maker: str, given: bytes, cwd: str) -> None:
        self._asked = maker, given, cwd
        self._member: Member | None = None

    def do(self, task: str) -> tuple[str, bytes]:
        """The task and what came of it."""
        if self._member is None:
            maker, given, cwd = self._asked
            os.chdir(cwd)
            module, _, name = maker.partition(":")
            self._member = getattr(importlib.import_module(module), name)(given)
        return task, self._member(task)


def _join(maker: str, given: bytes, threads: int) -> None:
    global _member
    # polars reads it when it is first imported: all processes together use the machine once
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    _member = _Worker(maker, given, str(Path.cwd()))


def _do(task: str) -> tuple[str, bytes]:
    assert _member is not None
    return _member.do(task)
