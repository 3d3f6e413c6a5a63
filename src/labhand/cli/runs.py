"""`labhand runs`: what ran in this project."""

from pathlib import Path

import click
import msgspec

from labhand.core.store import Store


@click.command(epilog="Example: labhand runs --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON document (labhand.runs/1).")
@click.option("-n", "limit", metavar="N", type=click.IntRange(min=1), help="At most N runs.")
def runs(as_json: bool, limit: int | None) -> None:
    """List the runs of this project, newest first."""
    from labhand.cycle.settle import listing

    rows = listing(Store.at(Path.cwd()), limit)
    if as_json:
        document = {"schema": "labhand.runs/1", "runs": rows}
        click.echo(msgspec.json.format(msgspec.json.encode(document)))
        return
    if not rows:
        click.echo("no runs yet; `labhand run -- COMMAND` makes the first")
        return
    from labhand.cli.summary import table

    click.echo(table(rows))
