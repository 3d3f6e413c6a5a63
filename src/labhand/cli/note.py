"""`labhand note`: a word of the researcher's on a run."""

from pathlib import Path

import click

from labhand.core.store import Store


@click.command(epilog='Example: labhand note last "the first one that beats the baseline"')
@click.argument("reference", metavar="RUN")
@click.argument("text", nargs=-1, required=True)
def note(reference: str, text: tuple[str, ...]) -> None:
    """Add the note TEXT to RUN."""
    from labhand.kit import notes

    store = Store.at(Path.cwd())
    run_id = store.find(reference)
    notes.add(store, run_id, " ".join(text))
    click.echo(f"noted on {store.read(run_id).name}")
