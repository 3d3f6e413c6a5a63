"""`labhand interpret`: what an instruction asks for, before anything is done."""

from pathlib import Path

import click

from labhand.cli import looks


@click.command(epilog='Example: labhand interpret "three seeds, lr 1e-3 and 3e-4, cosine"')
@click.argument("words", metavar="INSTRUCTION", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document (labhand.intent/1).")
def interpret(words: tuple[str, ...], as_json: bool) -> None:
    """Interpret an instruction: the settings, assumptions and questions in it. Changes nothing."""
    from labhand.interpret import interpret as interpreted

    reading = interpreted(" ".join(words), Path.cwd())
    if as_json:
        click.echo(looks.document(reading.intent))
        return
    click.echo(reading.line())
