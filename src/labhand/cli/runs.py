"""`labhand runs`: what ran in this project."""

from pathlib import Path

import click

from labhand.cli import looks
from labhand.core.store import Store


@click.command(epilog="Example: labhand runs --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON document (labhand.runs/1).")
@click.option("-n", "limit", metavar="N", type=click.IntRange(min=1), help="At most N runs.")
def runs(as_json: bool, limit: int | None) -> None:
    """List the runs of this project, newest first."""
    from labhand.cycle.settle import listing
    from labhand.cycle.waiting import listing as queued

    store = Store.at(Path.cwd())
    rows, waiting = listing(store, limit), queued(store)
    if as_json:
        document = {"schema": "labhand.runs/1", "runs": rows, "waiting": waiting.runs}
        click.echo(looks.document(document))
        return
    if waiting.runs:
        what = looks.counted(len(waiting.runs), "run")
        told = "`labhand queue` shows them"
        if not waiting.served:
            told = "nothing starts them until `labhand queue resume`"
        click.echo(f"{what} in the queue; {told}", err=True)
    if not rows:
        click.echo("no runs yet; `labhand run -- COMMAND` makes the first")
        return
    from labhand.cli.summary import table

    click.echo(table(rows))
