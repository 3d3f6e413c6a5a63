"""Runs once more, with seeds that nobody has seen, so that a claim is judged on fresh results."""

import secrets
from collections.abc import Callable

from labhand.core.errors import LabhandError, UsageError
from labhand.core.run import Run
from labhand.core.store import Store, project_root
from labhand.cycle.request import Request, Silent
from labhand.cycle.rerun import request_again
from labhand.cycle.run import run as carry
from labhand.kit import settings
from labhand.kit.metric_names import headlines


def confirm(store: Store, ids: list[str], times: int, tell: Callable[[str], None]) -> list[str]:
    """The ids of `times` new runs of each run, those of the first one first.

    All sides get the same seeds, in turn, so that the results come in pairs. Blocks until all have
    ended; each is told in a line.

    Raises:
        LabhandError: the code of one was not kept, or its command cannot be run again.
        UsageError: a person stopped it.
    """
    seeds = [secrets.randbelow(2**31) for _ in range(times)]
    made: dict[str, list[str]] = {run_id: [] for run_id in ids}
    for number, seed in enumerate(seeds):
        for place, run_id in enumerate(ids):
            request = _with_seed(request_again(store, run_id, None, tell), seed, tell)
            done = carry(request, Silent())
            made[run_id].append(done.id)
            count = number * len(ids) + place + 1
            tell(f"{count} of {times * len(ids)}: {_line(store, run_id, done)}")
            if done.exit_code == 130:
                raise UsageError("stopped before all runs were confirmed; `labhand runs` has them")
    return [new for run_id in ids for new in made[run_id]]


def _with_seed(request: Request, seed: int, tell: Callable[[str], None]) -> Request:
    """The request with that seed; as it is, and said so, where the script has no setting for it."""
    root = request.laid_out.place if request.laid_out else project_root(request.cwd)
    try:
        script, _ = settings.script_of(request.command, request.cwd, root)
        setting = settings.seed_setting(settings.discover(script, root))
    except LabhandError:
        setting = None
    if setting is None:
        tell(
            f"{' '.join(request.command)} has no setting for its seed that labhand can see; it runs "
            "as it is, which tells the noise only where the script draws a seed of its own"
        )
        return request
    request.settings = request.settings | {setting.name: str(seed)}
    return request


def _line(store: Store, run_id: str, done: Run) -> str:
    name = next(iter(headlines(done.metrics)), None)
    last = done.metrics[name].last if name else None
    told = f", {name} {last:.4g}" if last is not None else ""
    return f"{store.read(run_id).name} again as {done.name}: {done.status}{told}"
