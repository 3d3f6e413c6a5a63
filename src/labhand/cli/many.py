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
    store, many = queued(request, keys, seed, grid, priority)
    what = looks.counted(len(grid), "run")
    if detach:
        click.echo(f"{many.name}: {what} in the queue; `labhand queue` shows them")
        return 0
    click.echo(click.style(f"labhand · {many.name} · {what}", dim=True), err=True)
    return shown(store, many)


def wait(request: "Request", priority: int) -> int:
    """Lets one run wait in the queue."""
    many = queued(request, [], None, [{}], priority)[1]
    click.echo(f"{many.name} waits in the queue for a free slot; `labhand queue` shows it")
    return 0


def queued(
    request: "Request", keys: list[str], seed: str | None, grid: list[dict[str, str]], priority: int
) -> "tuple[Store, Sweep]":
    """The sweep, its runs in the queue, and somebody who starts them."""
    from labhand.cli.queued import Carrier
    from labhand.core.store import Store
    from labhand.cycle.needs import needs_of
    from labhand.cycle.queue import Queue
    from labhand.cycle.starter import ensure_started
    from labhand.cycle.sweep import submit

    store = Store.at(request.cwd)
    many = submit(store, request, needs_of(request), keys, seed, grid)
    Queue(store).put(many, priority)
    ensure_started(store, Carrier())
    return store, many


def shown(store: "Store", many: "Sweep") -> int:
    """Shows how the runs of a sweep go until all have ended, and what came of them; the exit code."""
    standing, stopped = watched(store, many)
    for line in ending(store, many, standing):
        click.echo(line, err=True)
    if stopped:
        return 130
    return 0 if all(row.status == "finished" for row in standing) else 1


def watched(store: "Store", many: "Sweep", *, quiet: bool = False) -> "tuple[list[Row], bool]":
    """How the runs of a sweep ended, and whether the person stopped them. Shows them meanwhile."""
    from labhand.cycle.sweeping import Standing, withdraw

    stopped = False
    with _stopping() as asked:
        table = None if quiet else _Live(many, _price(many))
        looked = Standing(store, many)
        while True:
            standing = looked.rows()
            if table is not None:
                table.draw(standing)
            if all(row.ended for row in standing):
                break
            if asked:
                click.echo("labhand: stopping the runs of the sweep", err=True)
                withdraw(store, many)
                asked.clear()
                stopped = True
            time.sleep(LOOK_S)
    if table is not None:
        table.close()
    return standing, stopped


def show_sweep(store: "Store", many: "Sweep", as_json: bool) -> None:
    """A sweep as it stands: a table of its runs while some go on, then what came of it."""
    from labhand.cycle.outcome import outcome
    from labhand.cycle.sweeping import rows

    if as_json:
        click.echo(looks.document(outcome(store, many)))
        return
    standing = rows(store, many)
    if not all(row.ended for row in standing):
        for line in table(standing, many, _price(many)):
            click.echo(line)
    for line in ending(store, many, standing):
        click.echo(line)


def ending(store: "Store", many: "Sweep", standing: "list[Row]") -> list[str]:
    """What came of a sweep, what did not, and where its report lies, which is written."""
    from labhand.core.store import project_root
    from labhand.cycle.outcome import outcome
    from labhand.kit import configuration

    lines = results(outcome(store, many))
    lines += [f"labhand: {sentence}" for sentence in not_ended_well(store, many, standing)]
    if configuration.read(project_root(Path(many.cwd))).report:
        from labhand.web.sweep_report import write

        try:
            lines.append(click.style(f"  {looks.from_here(write(store, many))}", dim=True))
        except OSError as error:
            lines.append(f"labhand: the report of {many.name} cannot be written: {error.strerror}")
    return lines


def not_ended_well(store: "Store", many: "Sweep", standing: "list[Row]") -> list[str]:
    """A sentence for each kind of end that is none: what could not start, what was stopped, and why."""
    from labhand.cycle.budget import used_up
    from labhand.web import words

    said = []
    if used_up(store, many):
        left = sum(row.status == "withdrawn" for row in standing)
        said.append(
            f"the budget of {many.budget} is used up: {looks.counted(left, 'run')} not started"
        )
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in standing:
        if row.why:
            reasons.setdefault((row.status, row.why), []).append(row.name)
    for (status, why), names in list(reasons.items())[:ROWS]:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        said.append(f"{names[0]}{more} {status}: {words.bare(why)}")
    return said


def _price(many: "Sweep") -> float:
    from labhand.core.store import project_root
    from labhand.kit import configuration

    return configuration.read(project_root(Path(many.cwd))).price


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

    def __init__(self, many: "Sweep", price: float) -> None:
        self.many = many
        self.price = price
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
        lines = table(rows, self.many, self.price)
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

    values = " ".join(f"{key}={row.settings[key]}" for key in many.keys if key in row.settings)
    result = " ".join(f"{name} {words.number(value)}" for name, value in row.metrics.items())
    took = words.duration(row.seconds) if row.seconds is not None else ""
    return "  ".join(filter(None, [row.name, values, row.status, took, result]))


def table(rows: "list[Row]", many: "Sweep", price: float = 0.0) -> list[str]:
    """The runs of a sweep, those that go on first, and a line: counts, the time left, the cost."""
    from labhand.web import words

    counts = {
        s: sum(row.status == s for row in rows) for s in dict.fromkeys(r.status for r in rows)
    }
    head = " · ".join(f"{number} {status}" for status, number in counts.items())
    left = _left(rows)
    head += f" · {words.duration(left)} left" if left is not None else ""
    head += _cost(rows, price)
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


def _cost(rows: "list[Row]", price: float) -> str:
    """What the runs have cost so far, and will in all if the others are like those that ended."""
    spent = sum(row.seconds or 0.0 for row in rows) / 3600 * price
    if not spent:
        return ""
    took = [row.seconds for row in rows if row.ended and row.seconds is not None]
    open_ones = [row for row in rows if not row.ended]
    if not took or not open_ones:
        return f" · cost {spent:.3g}"
    mean = sum(took) / len(took)
    rest = sum(max(0.0, mean - (row.seconds or 0.0)) for row in open_ones) / 3600 * price
    return f" · cost {spent:.3g}, about {spent + rest:.3g} in all"


def results(found: Any) -> list[str]:
    """What came of a sweep: the setups with their results, the best first, and what is more than noise."""
    from labhand.web import words

    if not found.setups:
        return ["no run of the sweep has a result"]
    metrics = found.metrics
    cells = [[*found.keys, *metrics, "runs"]]
    for setup in found.setups[:ROWS]:
        values = [words.estimate(setup.results.get(name)) for name in metrics]
        cells.append([*(setup.settings.get(k, "") for k in found.keys), *values, str(setup.told)])
    lines = [f"  {line}" for line in looks.columns(cells)]
    lines[0] = click.style(lines[0], dim=True)
    if len(found.setups) > ROWS:
        lines.append(click.style(f"  and {len(found.setups) - ROWS} more", dim=True))
    return [*lines, *(f"  {words.bare(sentence)}" for sentence in found.said)]
