"""The report of a sweep: its setups by their results, the curves of its runs, what did not end well."""

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from labhand.core.store import Store, project_root, write_whole
from labhand.cycle.budget import used_up
from labhand.cycle.outcome import Outcome, Outcomes, outcome
from labhand.cycle.sweep import Sweep, folder
from labhand.cycle.sweeping import Row, rows
from labhand.kit import configuration
from labhand.web import words
from labhand.web.curves import began, line, tick_of, wide
from labhand.web.page import Chart, Fact, Key
from labhand.web.report import inert, script, static, template

REPORT = "report.html"
DRAWN = 60
"""Runs whose curves are drawn at most, those of the best setups first."""
POINTS = 20_000
"""Points that the curves of a report hold in all."""
COLOURS = 6
SETUPS, RUNS, TROUBLES = 200, 1000, 20
"""Rows of the tables at most."""
_PLACES = {"best": "best", "tied": "tied with the best", "worse": "worse", "unknown": ""}


class SetupRow(NamedTuple):
    """A setup as the table shows it; `at`, `low`, `high` are places from 0 to 100 in its strip."""

    settings: list[str]
    runs: str
    results: list[str]
    behind: str
    place: str
    place_said: str
    colour: int
    at: float | None
    low: float | None
    high: float | None


class RunRow(NamedTuple):
    """A run as the table shows it."""

    name: str
    href: str
    settings: list[str]
    status: str
    step: str
    results: list[str]
    took: str


class Trouble(NamedTuple):
    """Runs that have no result for one reason."""

    runs: int
    status: str
    names: str
    why: str


class SweepPage(NamedTuple):
    """What the template gets."""

    id: str
    name: str
    status: str
    standing: str
    verdict: str
    command: str
    facts: list[Fact]
    said: list[str]
    keys: list[str]
    metrics: list[str]
    setups: list[SetupRow]
    scale: Fact | None
    note: str
    charts: list[Chart]
    drawn: str
    troubles: list[Trouble]
    runs: list[RunRow]
    runs_said: str
    run_keys: list[str]
    written: str


def write(store: Store, many: Sweep) -> Path:
    """The path of the report, written anew into the folder of the sweep. Raises OSError."""
    path = folder(store, many.id) / REPORT
    page, data = made(store, many)
    told = template("sweep.html.jinja").render(
        page=page,
        data=inert(msgspec.json.encode(data).decode()),
        style=static("vendor/uPlot.min.css") + static("app.css") + static("sweep.css"),
        script=script(),
    )
    write_whole(path, str(told).encode())
    return path


def made(store: Store, many: Sweep) -> tuple[SweepPage, dict[str, Any]]:
    """What the report of a sweep says, and the data of its curves."""
    found = outcome(store, many)
    standing = rows(store, many)
    ended = sum(row.ended for row in standing)
    fine = all(row.status == "finished" for row in standing)
    shown = found.setups[:SETUPS]
    scale = _Scale(shown, found.metrics[0]) if found.metrics else None
    charts, data, drawn = _curves(store, found, standing)
    run_keys = list(many.keys)
    page = SweepPage(
        id=many.id,
        name=many.name,
        status="finished" if fine else "running" if ended < len(standing) else "partly",
        standing=f"{sum(r.status == 'finished' for r in standing)} of {len(standing)} finished",
        verdict=_capital(found.said[0]) + "." if found.said else "No run has a result yet.",
        command=words.command_line(many.command),
        facts=_facts(many, standing),
        said=[_capital(sentence) + "." for sentence in found.said[1:]],
        keys=found.keys or ["setup"],
        metrics=found.metrics,
        setups=[_setup(s, found, scale, place) for place, s in enumerate(shown)],
        scale=scale.ends() if scale and scale.drawable else None,
        note=_note(found),
        charts=charts,
        drawn=drawn,
        troubles=_troubles(store, many, standing),
        runs=[_run(row, run_keys, found.metrics) for row in standing[:RUNS]],
        runs_said=_runs_said(standing),
        run_keys=run_keys,
        written=f"{datetime.now().astimezone():%Y-%m-%d %H:%M}",
    )
    return page, data


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _facts(many: Sweep, standing: list[Row]) -> list[Fact]:
    price = configuration.read(project_root(Path(many.cwd))).price
    spent = sum(row.seconds or 0.0 for row in standing)
    values = {
        key: list(dict.fromkeys(settings.get(key, "") for settings in many.settings))
        for key in many.keys
    }
    told = {
        "Queued": words.moment(many.queued),
        "Runs": f"{len(standing):,}",
        "Run time together": words.duration(spent) if spent else "",
        "Cost": f"{spent / 3600 * price:.3g}" if price else "",
        "Budget": many.budget or "",
        "Limit of a run": many.limit or "",
        **{key: _values(found) for key, found in values.items()},
        "Folder": many.cwd,
    }
    return [Fact(label=label, value=value) for label, value in told.items() if value]


def _values(found: list[str]) -> str:
    found = [value or "as it is" for value in found]
    shown = ", ".join(found[:6])
    return shown if len(found) <= 6 else f"{shown} … {len(found)} values"


def _note(found: Outcomes) -> str:
    told = []
    if any(e.standard_error is not None for s in found.setups for e in s.results.values()):
        told.append("Mean ± standard error over the runs of a setup.")
    if any(setup.behind for setup in found.setups):
        told.append(
            "Behind the best: the difference with an interval that holds for all pairs of setups at once "
            "in 95 of 100 sweeps, since the best was chosen by these results (Bonferroni)."
        )
    if len(found.setups) > SETUPS:
        told.append(f"{len(found.setups) - SETUPS} more setups are not shown.")
    return " ".join(told)


class _Scale:
    """Where results stand in a strip from 0 to 100; the far outliers stand at its end."""

    def __init__(self, setups: Sequence[Outcome], metric: str) -> None:
        self.metric = metric
        found = [s.results[metric] for s in setups if metric in s.results]
        ends = [
            e.mean + sign * (e.standard_error or 0.0)
            for e in found
            for sign in (-1, 1)
            if math.isfinite(e.mean)
        ]
        middle = sorted(e.mean for e in found if math.isfinite(e.mean))
        self.low = self.high = 0.0
        if middle:
            half = middle[len(middle) // 2]
            reach = 4 * max(
                (abs(m - half) for m in middle[: (3 * len(middle) + 3) // 4]), default=0
            )
            self.low = max(min(ends), half - reach) if reach else min(ends)
            self.high = min(max(ends), half + reach) if reach else max(ends)
        self.drawable = self.high > self.low and len(middle) > 1

    def at(self, value: float) -> float:
        """The place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(2 + 96 * min(1.0, max(0.0, share)), 2)

    def ends(self) -> Fact:
        """Its two ends, in words."""
        return Fact(label=words.number(self.low, 3), value=words.number(self.high, 3))


def _setup(setup: Outcome, found: Outcomes, scale: _Scale | None, place: int) -> SetupRow:
    first = setup.results.get(found.metrics[0]) if found.metrics else None
    at = low = high = None
    if scale and scale.drawable and first and math.isfinite(first.mean):
        at = scale.at(first.mean)
        if first.standard_error is not None:
            low = scale.at(first.mean - first.standard_error)
            high = scale.at(first.mean + first.standard_error)
    behind = ""
    if setup.behind is not None:
        near, far = sorted((setup.behind.low, setup.behind.high), key=abs)
        behind = (
            f"{words.signed(setup.behind.difference)} ({words.number(near, 3)} to "
            f"{words.number(far, 3)})"
        )
    return SetupRow(
        settings=[setup.settings[key] for key in found.keys] or ["as it is"],
        runs=str(setup.told)
        if setup.told == len(setup.runs)
        else f"{setup.told} of {len(setup.runs)}",
        results=[words.estimate(setup.results.get(name)) for name in found.metrics],
        behind=behind,
        place=setup.place,
        place_said=_PLACES.get(setup.place, "no result"),
        colour=place + 1 if place < COLOURS else 0,
        at=at,
        low=low,
        high=high,
    )


def _curves(
    store: Store, found: Outcomes, standing: list[Row]
) -> tuple[list[Chart], dict[str, Any], str]:
    """A chart for each metric with a line a run; the best setups in colour, the others grey."""
    from labhand.kit import points

    seconds = {row.run: row.seconds or 0.0 for row in standing if row.run}
    tick = tick_of(max(seconds.values(), default=60.0))
    chosen = [(run_id, place) for place, setup in enumerate(found.setups) for run_id in setup.runs]
    drawn = chosen[:DRAWN]
    charts: list[Chart] = []
    entries: list[dict[str, Any]] = []
    if drawn:
        share = max(40, POINTS // (len(drawn) * max(1, len(found.metrics))))
        read = {r: points.curves(store.folder(r), found.metrics, share) for r, _ in drawn}
        for name in found.metrics:
            lines: list[tuple[int, dict[str, Any]]] = []
            for run_id, place in drawn:
                curve = read[run_id].get(name)
                if curve is not None and any(curve.shown):
                    start = began(store.read(run_id), {name: curve})
                    kind, colour = ("now", place + 1) if place < COLOURS else ("old", 1)
                    lines.append((place, line(kind, colour, curve.points(), start, tick)))
            lines.reverse()  # the best lie on top
            if lines:
                charts.append(_chart(len(entries), name, found, lines))
                entries.append(
                    {
                        "unit": "",
                        "clock": False,
                        "marks": [],
                        "lines": [entry for _, entry in lines],
                    }
                )
    data = {"tick": tick, "marks": [], "charts": entries}
    said = "One line a run; the setups in colour are the first of the table, the others grey."
    if len(drawn) < len(chosen):
        said += f" Drawn are {len(drawn)} of {len(chosen):,} runs, those of the best setups."
    return charts, data, said


def _chart(
    index: int, name: str, found: Outcomes, lines: list[tuple[int, dict[str, Any]]]
) -> Chart:
    keys = []
    for place, setup in enumerate(found.setups[:COLOURS]):
        at = next((i for i, (of, _) in reversed(list(enumerate(lines))) if of == place), None)
        if at is not None:
            label = " ".join(setup.settings.values()) or found.name
            value = words.number(setup.results[name].mean) if name in setup.results else "–"
            keys.append(Key(line=at, name=name, label=label, value=value, colour=place + 1))
    return Chart(
        index=index,
        title=name,
        summary=f"{name} of {len(lines)} runs",
        words=name.lower(),
        log=wide([entry for _, entry in lines]),
        keys=keys,
    )


def _troubles(store: Store, many: Sweep, standing: list[Row]) -> list[Trouble]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in standing:
        if row.ended and row.status != "finished":
            why = row.why or ("it was taken out of the queue" if row.status == "withdrawn" else "")
            grouped.setdefault((row.status, why), []).append(row.name)
    told = [
        Trouble(len(names), status, ", ".join(names[:4]) + (" …" if len(names) > 4 else ""), why)
        for (status, why), names in grouped.items()
    ]
    if used_up(store, many):
        told.insert(0, Trouble(0, "budget", "", f"the budget of {many.budget} was used up"))
    return told[:TROUBLES]


def _run(row: Row, keys: list[str], metrics: list[str]) -> RunRow:
    return RunRow(
        name=row.name,
        href=f"../../runs/{row.run}/report.html" if row.run else "",
        settings=[row.settings.get(key, "") for key in keys],
        status=row.status,
        step="" if row.step is None else f"{row.step:,}",
        results=[words.number(row.metrics[m]) if m in row.metrics else "" for m in metrics],
        took=words.duration(row.seconds) if row.seconds is not None else "",
    )


def _runs_said(standing: list[Row]) -> str:
    if len(standing) <= RUNS:
        return f"All {len(standing):,} runs"
    return f"The first {RUNS:,} of {len(standing):,} runs; `labhand show` has all"
