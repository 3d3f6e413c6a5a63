"""`labhand verdict`: a person's answer to a finding."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labhand.core.errors import InputError, NotFoundError, UsageError
from labhand.core.store import Store

if TYPE_CHECKING:
    from labhand.core.finding import Finding

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
    given = [v for v in verdicts.read(store.home) if v.finding.startswith(finding)]
    if answer == "undo" and reference == "last" and len(given) == 1:
        reference = given[0].run  # a verdict that stands names its run
    run, name, meant = _meant(store, finding, reference)
    if answer == "undo" and not any((v.run, v.finding) == (run, meant.id) for v in given):
        raise UsageError(f"there is no verdict on {meant.rule} of {name} that could be undone")
    try:
        verdicts.add(store.home, meant, run, answer)
    except OSError as error:
        raise InputError(
            f"the verdict cannot be written in {store.home}: {error.strerror}; make room or set "
            "LABHAND_HOME to a folder that has some"
        ) from error
    told = "the verdict is taken back" if answer == "undo" else SAID[answer]
    click.echo(f"{meant.rule} of {name}: {told}")


def _meant(store: Store, beginning: str, reference: str) -> tuple[str, str, "Finding"]:
    """The finding with the id and name of its run; that of a scan, where no run is named and none has it."""
    from labhand.cycle import settle
    from labhand.kit import verdicts

    scanned, run = [], None
    if reference in ("", "last"):
        begins = beginning.lower()
        scanned = [f for f in verdicts.of_scans(store.home) if f.id.startswith(begins)]
    try:
        run = settle.settle(store, store.read(store.find(reference or "last")))
    except NotFoundError:
        if not scanned:
            raise
    if run is not None and (not scanned or any(f.id.startswith(begins) for f in run.findings)):
        return run.id, run.name, verdicts.find(run, beginning)
    if len(scanned) > 1:
        told = ", ".join(f.id for f in scanned)
        raise UsageError(
            f"`{beginning}` begins the ids of {len(scanned)} findings of scans: {told}; write more of it"
        )
    return "", str(scanned[0].where.path), scanned[0]


def _listing(standing: list[Any], store: Store) -> str:
    from labhand.core.errors import LabhandError

    if not standing:
        return "there is no verdict yet; `labhand verdict FINDING fine` gives one"
    lines = []
    for said in standing:
        try:
            name = store.read(said.run).name if said.run else "a scan"
        except LabhandError:
            name = said.run  # the run's folder may be gone; what was said of it stands
        lines.append([said.finding, said.rule, name, SAID[said.answer], said.time[:16]])
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
