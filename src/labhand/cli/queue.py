"""`labhand queue`: what waits for a free slot."""

from pathlib import Path
from typing import Any

import click

from labhand.cli import looks
from labhand.core.errors import UsageError
from labhand.core.store import Store

SHOWN = 40


@click.command(epilog="Example: labhand queue first bold-heron")
@click.argument("what", metavar="[pause|resume|first]", required=False)
@click.argument("references", metavar="[RUN ...]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON document (labhand.queue/1).")
def queue(what: str | None, references: tuple[str, ...], as_json: bool) -> None:
    """Show the runs that wait, in the order in which they will start.

    `pause` lets no further run start, `resume` lets them again (also after the machine was
    restarted), `first` puts runs or whole sweeps before all others. `labhand stop RUN` takes one out.
    """
    from labhand.cli.queued import Carrier
    from labhand.cycle.queue import Queue
    from labhand.cycle.starter import ensure_started
    from labhand.cycle.waiting import named

    if what not in (None, "pause", "resume", "first") or (what == "first") != bool(references):
        raise UsageError(
            "queue takes nothing, `pause`, `resume`, or `first RUN ...`; see `labhand queue --help`"
        )
    store = Store.at(Path.cwd())
    standing = Queue(store)
    if what in ("pause", "resume"):
        standing.pause(on=what == "pause")
    if what == "first":
        standing.put_first([entry for name in references for entry in named(store, name)])
    if what is not None:
        ensure_started(store, Carrier())
    _show(store, as_json, begun=what is not None)


def _show(store: Store, as_json: bool, begun: bool) -> None:
    from labhand.cycle.waiting import listing

    told = listing(store)
    told.served |= begun and not told.paused  # who was just called may not be there yet
    if as_json:
        click.echo(looks.document(told))
        return
    for line in lines(told):
        click.echo(line)


def lines(told: Any) -> list[str]:
    """The queue for a person: a run a line, then how it stands."""
    cells = [
        [w.name, " ".join(f"{k}={v}" for k, v in w.settings.items()), w.said]
        for w in told.runs[:SHOWN]
    ]
    found = looks.columns([["waiting", "settings", ""], *cells]) if cells else []
    found[:1] = [click.style(line, dim=True) for line in found[:1]]
    if len(told.runs) > SHOWN:
        found.append(click.style(f"and {len(told.runs) - SHOWN} more", dim=True))
    found += told.problems
    if told.paused:
        found.append("paused; `labhand queue resume` lets runs start again")
    elif told.runs and not told.served:
        found.append("nothing starts them; `labhand queue resume` does")
    return found or ["nothing waits; `labhand run --detach` puts runs into the queue"]
