"""`labhand compare`: what differs between runs, and whether it is more than noise."""

from functools import partial
from pathlib import Path

import click

from labhand.cli import looks
from labhand.core.store import Store, project_root


@click.command(epilog="Example: labhand compare bold-heron last --confirm 3")
@click.argument("references", metavar="RUN RUN ...", nargs=-1, required=True)
@click.option(
    "--confirm",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Run each of the runs N times again first, with seeds that none of them has seen, and "
    "judge by those alone.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def compare(references: tuple[str, ...], confirm: int | None, as_json: bool) -> None:
    """Compare two or more runs: code, settings, environment, results.

    The results are held against the noise between like runs: pairs of seeds where there are, else
    the spread between seeds, else that of other runs of the same script.
    """
    from labhand.cycle.compare import compare as compared

    if len(references) < 2:
        raise click.UsageError("compare takes two or more runs; `labhand runs` lists them")
    store = Store.at(Path.cwd())
    ids = [store.find(name) for name in references]
    if confirm:
        from labhand.cycle.confirm import confirm as confirmed

        ids = confirmed(store, ids, confirm, partial(click.echo, err=True))
    found = compared(store, project_root(Path.cwd()), ids)
    if as_json:
        click.echo(looks.document(found))
        return
    from labhand.cli.summary import comparison

    click.echo(comparison(found))
