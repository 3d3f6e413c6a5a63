"""`labhand show`: one run."""

import sys
from pathlib import Path

import click

from labhand.cli import looks
from labhand.core.store import Store, project_root


@click.command(epilog="Example: labhand show last --diff")
@click.argument("reference", metavar="RUN")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON document (labhand.run/1, or labhand.sweep-outcome/1).",
)
@click.option("--diff", is_flag=True, help="The code of the run against the code as it stands.")
@click.option("--output", is_flag=True, help="What the command printed, newest attempt.")
def show(reference: str, as_json: bool, diff: bool, output: bool) -> None:
    """Show RUN: an id, a name, or `last`; or a sweep: its setups, and what did not end well."""
    from labhand.cycle import settle
    from labhand.cycle.waiting import sweep_named

    store = Store.at(Path.cwd())
    many = sweep_named(store, reference)
    if many is not None and many.keys and not (diff or output):
        from labhand.cli.many import show_sweep

        show_sweep(store, many, as_json)
        return
    run = settle.settle(store, store.read(store.find(reference)))
    if as_json:
        click.echo(looks.document(run))
    elif output:
        log = store.attempt(run.id, max(1, len(run.attempts))) / "output.log"
        sys.stdout.buffer.write(log.read_bytes() if log.exists() else b"")
    elif diff:
        from labhand.kit.snapshot import diff_now

        root = project_root(Path(run.cwd))
        click.echo(diff_now(root, store.home, run.code) or "the code is as it was in this run")
    else:
        from labhand.cli.summary import show as shown

        click.echo(shown(run, store))
