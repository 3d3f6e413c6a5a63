"""Runs that are carried elsewhere: a sweep, of one run or of many, handed to the engine of a launcher.

What goes there is labhand with the run: it checks, watches, mends and records beside the training,
into the same home. So no fix waits in the engine's queue, and nothing depends on the machine that
the run was asked for on.
"""

import os
import shutil
import sys

from labhand.core.home import make_folder
from labhand.core.run import Run
from labhand.core.store import Store, project_root
from labhand.cycle import limit, placed
from labhand.cycle.needs import size
from labhand.cycle.request import Request
from labhand.cycle.run import Prepared
from labhand.cycle.sweep import Sweep
from labhand.kit import configuration, settings, slots
from labhand.launch.distant import Distant
from labhand.launch.job import Job
from labhand.launch.launchers.srun import tasks
from labhand.launch.places import hand_in


def needs(request: Request) -> slots.Need:
    """What a run was asked to get; 0: what the settings of the engine say.

    Raises:
        UsageError: `--memory` is no size.
    """
    memory = size(request.memory) if request.memory else 0
    return slots.Need(request.cpus or 0, request.gpus or 0, memory)


def place(
    store: Store, many: Sweep, terminal: tuple[int, int] | None, *, seen: bool
) -> list[Distant]:
    """The jobs that carry the runs of a sweep, handed in. `seen`: a person looks at the output.

    Raises:
        LabhandError: the launcher refuses, or nobody answers; then no run was started.
    """
    folder = placed.folder(store, many)
    jobs = []
    for number in range(len(many.settings)):
        attempt = folder / str(number)
        make_folder(str(attempt))
        jobs.append(
            Job(
                command=[
                    *(sys.executable, "-m", "labhand.cli.carried"),
                    *(str(store.home), many.id, str(number), "seen" if seen else "unseen"),
                ],
                cwd=many.cwd,
                env=dict(os.environ),
                attempt_dir=str(attempt),
                terminal=terminal,
                on_terminal=("stdin", "stdout", "stderr") if terminal else None,
                name=many.name,
                gpus=many.gpus or None,
                cpus=many.cpus or None,
                memory=many.memory or None,
            )
        )
    try:
        return hand_in(jobs, many.launcher, store.home)
    except BaseException:
        shutil.rmtree(folder.parent, ignore_errors=True)
        raise


def launcher_there() -> str:
    """The launcher that starts the command where labhand went with the run."""
    return "srun" if tasks() != (1, 1) else "local"


def prepare_again(request: Request, begun: Run) -> Prepared:
    """A run that had begun, prepared as it was, to be taken up again.

    Raises:
        LabhandError: the call is wrong by now; nothing was changed.
    """
    root = request.laid_out.project if request.laid_out else project_root(request.cwd)
    place = request.laid_out.place if request.laid_out else root
    store, chosen = Store.at(root), configuration.read(root)
    applied = settings.apply(request.settings, request.command, request.cwd, place)
    limit_s = limit.seconds(request.limit, chosen.price) if request.limit else None
    return Prepared(request, root, store, chosen, applied, begun, limit_s)


def waits_again(store: Store, run: Run) -> None:
    """Notes of a run whose job was put back into the engine's queue that it has not ended."""
    run.status, run.ended, run.exit_code = "running", None, None
    store.write(run)
