"""`labhand compare`: what differs between runs."""

from pathlib import Path

import click

from labhand.cli import looks
from labhand.core.store import Store, project_root


@click.command(epilog="Example: labhand compare bold-heron last")
@click.argument("references", metavar="RUN RUN ...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def compare(references: tuple[str, ...], as_json: bool) -> None:
    """Compare two or more runs: code, settings, environment, results."""
    from labhand.cycle.compare import compare as compared

    if len(references) < 2:
        raise click.UsageError("compare takes two or more runs; `labhand runs` lists them")
    store = Store.at(Path.cwd())
    found = compared(store, project_root(Path.cwd()), [store.find(name) for name in references])
    if as_json:
        click.echo(looks.document(found))
        return
    from labhand.cli.summary import comparison

    click.echo(comparison(found))
