"""`labhand rerun`: the same code, command and settings again."""

from functools import partial
from pathlib import Path

import click

from labhand.core.store import Store


@click.command(epilog="Example: labhand rerun bold-heron")
@click.argument("reference", metavar="RUN")
@click.option("--name", metavar="N", help="A name for the new run.")
@click.option("--detach", is_flag=True, help="Run in the background and return at once.")
def rerun(reference: str, name: str | None, detach: bool) -> int:
    """Run RUN again with the code it had, wherever the code stands now."""
    from labhand.cli.run import carry
    from labhand.cycle.rerun import request_again

    store = Store.at(Path.cwd())
    tell = partial(click.echo, err=True)
    request = request_again(store, store.find(reference), name, tell)
    return carry(request, detach=detach)
