"""`labhand note`: a word of the researcher's on a run."""

from pathlib import Path

import click

from labhand.core import event
from labhand.core.errors import InputError, UsageError
from labhand.core.store import Store


@click.command(epilog='Example: labhand note last "the first one that beats the baseline"')
@click.argument("reference", metavar="RUN")
@click.argument("text", nargs=-1, required=True)
def note(reference: str, text: tuple[str, ...]) -> None:
    """Add the note TEXT to RUN."""
    from labhand.kit.scrub import scrub

    said = " ".join(text).strip()
    if not said:
        raise UsageError("the note is empty; write what is to be kept: `labhand note last TEXT`")
    store = Store.at(Path.cwd())
    run_id = store.find(reference)
    path = store.folder(run_id) / "notes.jsonl"
    try:
        with path.open("ab") as file:
            file.write(event.encode("note", text=scrub(said)))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"noted on {store.read(run_id).name}")
