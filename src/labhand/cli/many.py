"""Many runs at once: a sweep before the person's eyes, and what waits in the queue."""

import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labhand.cli import looks

if TYPE_CHECKING:
    from labhand.core.store import Store
    from labhand.cycle.request import Request
    from labhand.cycle.sweep import Sweep
    from labhand.cycle.sweeping import Row

LOOK_S = 1.0
ROWS = 30
"""Runs that the live table shows at most."""


def sweep(
    request: "Request", axes: tuple[str, ...], seeds: str | None, priority: int, *, detach: bool
) -> int:
    """Queues the runs of a sweep, and where not detached shows how they go and what came of them."""
    from labhand.cycle.sweep import runs_of

    keys, seed, grid = runs_of(axes, seeds, request)
    store, many = _queued(request, keys, seed, grid, priority)
    what = looks.counted(len(grid), "run")
    if detach:
        click.echo(f"{many.name}: {what} in the queue; `labhand queue` shows them")
        return 0
    click.echo(click.style(f"labhand · {many.name} · {what}", dim=True), err=True)
    return _shown(store, many)


def wait(request: "Request", priority: int) -> int:
    """Lets one run wait in the queue."""
    many = _queued(request, [], None, [{}], priority)[1]
    click.echo(f"{many.name} waits in the queue for a free slot; `labhand queue` shows it")
    return 0


def _queued(
    request: "Request", keys: list[str], seed: str | None, grid: list[dict[str, str]], priority: int
) -> "tuple[Store, Sweep]":
    from labhand.cli.run import carry_claimed
    from labhand.core.store import Store
    from labhand.cycle.queue import Queue, ensure_started
    from labhand.cycle.sweep import submit

    store = Store.at(request.cwd)
    many = submit(store, request, keys, seed, grid)
    Queue(store).put(many, priority)
    ensure_started(store, carry_claimed)
    return store, many


def _shown(store: "Store", many: "Sweep") -> int:
    from labhand.cycle.sweeping import rows, withdraw

    with _stopping() as asked:
        table = _Live(many)
        told: dict[int, Row] = {}
        while True:
            standing = rows(store, many, told)
            table.draw(standing)
            if all(row.ended for row in standing):
                break
            if asked:
                click.echo("labhand: stopping the runs of the sweep", err=True)
                withdraw(store, many)
                asked.clear()
                table.stopped = True
            time.sleep(LOOK_S)
    table.close()
    return _concluded(store, many, standing, stopped=table.stopped)


def _concluded(store: "Store", many: "Sweep", standing: "list[Row]", *, stopped: bool) -> int:
    from labhand.core.errors import LabhandError
    from labhand.core.store import project_root
    from labhand.cycle.sweeping import outcome

    try:
        found = outcome(store, project_root(Path(many.cwd)), many)
        for line in results(found):
            click.echo(line, err=True)
    except LabhandError as error:
        click.echo(f"labhand: {error}", err=True)
    for row in standing:
        if row.refused:
            click.echo(f"labhand: {row.name} could not start: {row.refused}", err=True)
    if stopped:
        return 130
    return 0 if all(row.status == "finished" for row in standing) else 1


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """The signals that asked for an end, as they come; nothing else is interrupted by them."""
    asked: list[int] = []
    ours = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, lambda number, frame: asked.append(number)) for n in ours}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Live:
    """The table of a sweep, drawn over itself in a terminal; else a line for each run that ended."""

    def __init__(self, many: "Sweep") -> None:
        self.many = many
        self.stopped = False
        self._drawn = 0
        self._told: set[int] = set()
        self._here = sys.stderr.isatty()

    def draw(self, rows: "list[Row]") -> None:
        """Shows how the runs stand."""
        if not self._here:
            for row in rows:
                if row.ended and row.number not in self._told:
                    self._told.add(row.number)
                    click.echo(_line(row, self.many), err=True)
            return
        self.close()
        lines = table(rows, self.many)
        size = shutil.get_terminal_size()
        lines = [_cut(line, size.columns - 1) for line in lines[: size.lines - 2]]
        click.echo("\n".join(lines), err=True)
        self._drawn = len(lines)

    def close(self) -> None:
        """Wipes the table."""
        if self._drawn:
            click.echo(f"\x1b[{self._drawn}A\x1b[J", err=True, nl=False)
            self._drawn = 0


def _cut(line: str, width: int) -> str:
    return line if len(click.unstyle(line)) <= width else click.unstyle(line)[: width - 1] + "…"


def _line(row: "Row", many: "Sweep") -> str:
    from labhand.web import words

    values = " ".join(f"{key}={row.settings[key]}" for key in many.keys)
    result = " ".join(f"{name} {words.number(value)}" for name, value in row.metrics.items())
    took = words.duration(row.seconds) if row.seconds is not None else ""
    return "  ".join(filter(None, [row.name, values, row.status, took, result]))


def table(rows: "list[Row]", many: "Sweep") -> list[str]:
    """The runs of a sweep, those that go on first, and a line of counts with the time that is left."""
    from labhand.web import words

    counts = {
        s: sum(row.status == s for row in rows) for s in dict.fromkeys(r.status for r in rows)
    }
    head = " · ".join(f"{number} {status}" for status, number in counts.items())
    left = _left(rows)
    head += f" · {words.duration(left)} left" if left is not None else ""
    order = {"running": 0, "failed": 1, "waiting": 3}
    shown = sorted(rows, key=lambda row: order.get(row.status, 2))[:ROWS]
    metrics = list(dict.fromkeys(name for row in shown for name in row.metrics))[:3]
    cells: list[list[Any]] = [["name", *many.keys, "status", "step", *metrics, "took"]]
    for row in shown:
        cells.append(
            [
                row.name,
                *(row.settings.get(key, "") for key in many.keys),
                row.status,
                "" if row.step is None else f"{row.step:,}",
                *(words.number(row.metrics[m]) if m in row.metrics else "" for m in metrics),
                words.duration(row.seconds) if row.seconds is not None else "",
            ]
        )
    lines = looks.columns(cells)
    lines[0] = click.style(lines[0], dim=True)
    if len(rows) > len(shown):
        lines.append(click.style(f"and {len(rows) - len(shown)} more", dim=True))
    return [*lines, click.style(f"labhand · {many.name} · {head}", dim=True)]


def _left(rows: "list[Row]") -> float | None:
    """Seconds until all have ended, from those that have: None before the first."""
    took = [row.seconds for row in rows if row.ended and row.seconds is not None]
    going = [row for row in rows if row.status == "running"]
    if not took or not going:
        return None
    mean = sum(took) / len(took)
    rest = sum(max(0.0, mean - (row.seconds or 0.0)) for row in going)
    waiting = sum(row.status == "waiting" for row in rows)
    return (rest + waiting * mean) / len(going)


def results(found: Any) -> list[str]:
    """What came of a sweep: the setups with their results, the best first, and what is more than noise."""
    from labhand.web import words

    if not found.setups:
        return ["no run of the sweep has a result"]
    metrics = found.metrics
    cells = [[*found.keys, *metrics, "runs"]]
    for setup in found.setups:
        values = [words.estimate(setup.results.get(name)) for name in metrics]
        cells.append([*(setup.settings.get(k, "") for k in found.keys), *values, str(setup.told)])
    lines = [f"  {line}" for line in looks.columns(cells)]
    lines[0] = click.style(lines[0], dim=True)
    return [*lines, *(f"  {words.bare(sentence)}" for sentence in found.said)]
