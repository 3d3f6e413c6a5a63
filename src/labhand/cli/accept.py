"""`labhand accept`: a patch becomes a commit."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labhand.cli import looks

if TYPE_CHECKING:
    from labhand.core.patch import Patch


def _accepted(name: str, start: Path) -> "Patch":
    """The patch of that name, or what mended the run of that name; `last`: a patch first, if one waits."""
    from labhand.core.errors import NotFoundError, UsageError
    from labhand.cycle import mended, proposal

    try:
        return proposal.accept(name, start)
    except (NotFoundError, UsageError) as no_patch:
        if isinstance(no_patch, UsageError) and name != "last":
            raise
        try:
            return mended.accept(name, start)
        except NotFoundError:
            raise no_patch from None


@click.command(epilog="Example: labhand accept last")
@click.argument("name", metavar="PATCH|RUN", default="last")
@click.option("--json", "as_json", is_flag=True, help="One JSON document (labhand.patch/1).")
def accept(name: str, as_json: bool) -> None:
    """Accept a patch: its changes are applied to your files and committed.

    What you edited in its worktree since it was proposed is taken as well. What you changed in your
    own files and did not commit stays so. A patch that no longer applies changes nothing. Of a run, what
    its fixes changed in its own copy of the code is accepted.
    """
    patch = _accepted(name, Path.cwd())
    if as_json:
        click.echo(looks.document(patch))
        return
    files = ", ".join(file.path for file in patch.files)
    where = (
        f"commit {patch.commit[:10]}" if patch.commit else "applied; there is no git to commit to"
    )
    click.echo(f"{patch.name}: {where} ({files})")
    for note in patch.notes:
        click.echo(f"  {note}")
    if patch.command:
        click.echo(patch.command)
