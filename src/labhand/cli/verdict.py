"""`labhand verdict`: a person's answer to a finding."""

from pathlib import Path
from typing import Any

import click

from labhand.core.errors import InputError, UsageError
from labhand.core.store import Store

SAID = {"fine": "was fine", "real": "was right"}


@click.command(epilog="Example: labhand verdict 3fa fine")
@click.argument("finding", required=False)
@click.argument("answer", metavar="fine|real|undo", required=False,
                type=click.Choice(["fine", "real", "undo"]))  # fmt: skip
@click.argument("reference", metavar="RUN", default="last")
@click.option("--json", "as_json", is_flag=True, help="The verdicts that stand, as one JSON list.")
def verdict(finding: str | None, answer: Any, reference: str, as_json: bool) -> None:
    """Say of FINDING, by its id or the beginning of it, whether it was right; RUN: the last one.

    `fine`: nothing was off, tell its like less readily. `real`: it was right. `undo` takes the
    answer back. Without FINDING: lists the verdicts that stand.
    """
    from labhand.cli import looks
    from labhand.kit import verdicts

    store = Store.at(Path.cwd())
    if finding is None:
        standing = verdicts.read(store.home)
        click.echo(looks.document(standing) if as_json else _listing(standing, store))
        return
    if answer is None or as_json:
        raise UsageError(
            f"what about `{finding}`? give it one answer: `labhand verdict {finding} fine`, "
            "`real` or `undo`"
        )
    from labhand.cycle import settle

    given = [v for v in verdicts.read(store.home) if v.finding.startswith(finding)]
    if answer == "undo" and reference == "last" and len(given) == 1:
        reference = given[0].run  # a verdict that stands names its run
    run = settle.settle(store, store.read(store.find(reference)))
    meant = verdicts.find(run, finding)
    standing = [v for v in given if (v.run, v.finding) == (run.id, meant.id)]
    if answer == "undo" and not standing:
        raise UsageError(f"there is no verdict on {meant.rule} of {run.name} that could be undone")
    try:
        verdicts.add(store.home, meant, run.id, answer)
    except OSError as error:
        raise InputError(
            f"the verdict cannot be written in {store.home}: {error.strerror}; make room or set "
            "LABHAND_HOME to a folder that has some"
        ) from error
    told = "the verdict is taken back" if answer == "undo" else SAID[answer]
    click.echo(f"{meant.rule} of {run.name}: {told}")


def _listing(standing: list[Any], store: Store) -> str:
    from labhand.core.errors import LabhandError

    if not standing:
        return "there is no verdict yet; `labhand verdict FINDING fine` gives one"
    lines = []
    for said in standing:
        try:
            name = store.read(said.run).name
        except LabhandError:
            name = said.run  # the run's folder may be gone; what was said of it stands
        lines.append([said.finding, said.rule, name, SAID[said.answer], said.time[:16]])
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
