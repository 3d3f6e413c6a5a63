"""`labhand rerun`: the same code, command and settings again."""

from functools import partial
from pathlib import Path

import click

from labhand.cli import looks
from labhand.core.errors import UsageError
from labhand.core.store import Store


@click.command(epilog="Example: labhand rerun bold-heron --resume")
@click.argument("reference", metavar="RUN")
@click.option("--name", metavar="N", help="A name for the new run.")
@click.option("--resume", is_flag=True, help="Go on from the newest whole checkpoint of RUN.")
@click.option(
    "--resume-flag",
    metavar="FLAG",
    help="The script's own switch for that, where it is not found.",
)
@click.option("--detach", is_flag=True, help="Run in the background and return at once.")
def rerun(
    reference: str, name: str | None, resume: bool, resume_flag: str | None, detach: bool
) -> int:
    """Run RUN again with the code it had, wherever the code stands now.

    Of a sweep, the runs that were lost or ended from outside go back into the queue, each to go on from
    its newest whole checkpoint where it has one.
    """
    from labhand.cli.run import carry
    from labhand.cycle.rerun import request_again, taken_up
    from labhand.cycle.waiting import sweep_named

    store = Store.at(Path.cwd())
    many = sweep_named(store, reference)
    if many is not None and many.keys:
        from labhand.cli.queued import Carrier
        from labhand.cycle.starter import ensure_started
        from labhand.cycle.sweeping import take_up

        count = take_up(store, many)
        if not count:
            raise UsageError(
                f"no run of {many.name} was lost; `labhand show {many.name}` has them all"
            )
        ensure_started(store, Carrier())
        click.echo(f"{many.name}: {looks.counted(count, 'run')} in the queue again")
        return 0
    tell = partial(click.echo, err=True)
    run_id = store.find(reference)
    request = request_again(store, run_id, name, tell)
    request.resume_flag = resume_flag
    if resume:
        request = taken_up(store, run_id, request, tell)
    return carry(request, detach=detach)
