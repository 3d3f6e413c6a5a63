"""`labhand reject`: a patch is not wanted."""

from pathlib import Path

import click

from labhand.cli import looks


@click.command(epilog='Example: labhand reject last "the flag shall be called --smoothing"')
@click.argument("name", metavar="PATCH", default="last")
@click.argument("reason", metavar="[REASON]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON document (labhand.patch/1).")
def reject(name: str, reason: tuple[str, ...], as_json: bool) -> None:
    """Reject a patch, with a reason if you like; what was proposed is kept to learn from."""
    from labhand.cycle.proposal import reject as rejected

    patch = rejected(name, " ".join(reason) or None, Path.cwd())
    click.echo(looks.document(patch) if as_json else f"{patch.name} is rejected")
