"""`labhand stop`: ends a run that goes on."""

from pathlib import Path

import click

from labhand.core.store import Store


@click.command(epilog="Example: labhand stop last")
@click.argument("reference", metavar="RUN")
@click.option(
    "--grace",
    metavar="S",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="Seconds the run may take to end by itself before it is killed.",
)
def stop(reference: str, grace: float) -> None:
    """Stop RUN: it is asked to end, and killed when it does not within the grace.

    One that waits in the queue is taken out of it. The name of a sweep means all its runs.
    """
    from labhand.cycle.settle import stop_run
    from labhand.cycle.sweeping import stop_named

    store = Store.at(Path.cwd())
    stopped = stop_named(store, reference, grace)
    if stopped is not None:
        click.echo(stopped)
        return
    run = stop_run(store, store.find(reference), grace)
    click.echo(f"{run.name} {run.status}")
