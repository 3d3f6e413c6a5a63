"""What the curves of a report are drawn from: which lines share a chart, and the points of each.

The data (`labhand.curves/1`), as report.js reads it: `tick`, seconds a time unit; `marks`, one
`{number, kind, label, step, time}` a finding or attempt; `charts`, each `{unit, clock, marks,
lines}`. `clock`: over time only. A line is `{kind: now|old|before, colour, s, t, v}`: differences
of steps, differences of times in ticks since the run began, values (`"NaN"` and the like as text).
"""

import math
import re
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from labhand.core.finding import Finding
from labhand.core.run import Run
from labhand.kit.metric_names import LOOKS, TEST, TRAIN, VALIDATION, direction, is_ours
from labhand.web.page import Chart, Group, Key
from labhand.web.words import quantity

if TYPE_CHECKING:
    from labhand.kit.points import Curve

POINTS = 20_000
"""How many points a report holds in all, so that it stays a small file; each metric has at least
`LEAST` and at most `MOST` of them, the person's own metrics a larger share."""
LEAST, MOST = 160, 2000

OPEN = 24
"""So many charts are unfolded to begin with; the groups after them are folded."""

GHOSTS = 3
"""A chart of more lines than this does not show those of the run before as well."""

NEAR_START, MOST_PASSES = 0.1, 40
"""Steps that go back to within this share of what was passed begin anew; more beginnings are disorder."""

_COLOURS = {
    word: colour for colour, words in enumerate((TRAIN, VALIDATION, TEST), 1) for word in words
}
_STEP_PARTS = ("step_s", "data_s", "forward_s", "backward_s", "optimizer_s", "work_s")
_UNITS = {"_bytes": "bytes", "_percent": "percent", "_s": "seconds"}
_HINTS = {
    "Probe": "measured inside the training, by labhand",
    "Layers and batches": "looked at inside the training at a few steps, by labhand",
    "Machine": "measured on the machine, by labhand",
}
_TOLD_APART = 6
"""So many colours the lines of a chart have."""
_FOLDED = ("Layers and batches",)
_FOLD_FROM = 13


class Sketch(msgspec.Struct):
    """A chart to be: its lines by metric name with their labels and colours."""

    title: str
    lines: list[tuple[str, str, int]]
    words: str = ""

    @property
    def clock(self) -> bool:
        """Whether the chart runs over time only: the machine knows no steps."""
        return self.lines[0][0].startswith("system/")

    @property
    def unit(self) -> str:
        """What the values are measured in, where labhand measured them; empty otherwise."""
        name = self.lines[0][0]
        ends = (unit for end, unit in _UNITS.items() if name.endswith(end))
        return next(ends, "") if is_ours(name) else ""


class Curves(msgspec.Struct):
    """The charts of a run: their groups for the page, and the data they are drawn from."""

    groups: list[Group] = []
    data: dict[str, Any] = {}
    thinned: bool = False


def curves(
    folder: Path, run: Run, numbered: list[tuple[int, Finding]], before: tuple[Path, Run] | None
) -> Curves:
    """The charts of a run, with its findings marked and the run `before` drawn faint."""
    drawing = _Drawing(folder, run, before)
    plans = plan(drawing.now)
    out = Curves()
    entries: list[dict[str, Any]] = []
    several = len(plans) > 1
    for title, members in plans:
        charts = []
        for member in members:
            chart, entry = drawing.chart(len(entries), member)
            charts.append(chart)
            entries.append(entry)
        many = len(charts) >= _FOLD_FROM or len(entries) > OPEN
        folded = several and (many or title in _FOLDED)
        out.groups.append(
            Group(
                title=title,
                hint=_HINTS.get(title, f"{len(charts)} charts" if folded else ""),
                folded=folded,
                dense=title in _HINTS or len(charts) > 6,
                charts=charts,
            )
        )
    flat = [member for _, members in plans for member in members]
    out.data = {"tick": drawing.tick, "marks": [], "charts": entries}
    _mark(out.data, flat, numbered, run, drawing)
    out.thinned = drawing.thinned
    return out


def plan(names: Iterable[str]) -> list[tuple[str, list[Sketch]]]:
    """Which metrics share a chart, in groups: the person's own, then the probe's, then the machine's.

    What the probe saw of the loss is left out where the person's own metrics tell it.
    """
    names = list(names)
    own = _paired([n for n in names if not is_ours(n)])
    groups: list[tuple[str, list[Sketch]]] = []
    if len(own) < _FOLD_FROM:
        groups.append(("Metrics", own))
    else:
        parts: dict[str, list[Sketch]] = {}
        for chart in own:
            head, slash, _ = chart.lines[0][0].partition("/")
            parts.setdefault(head if slash else "Metrics", []).append(chart)
        groups += parts.items()
    told = any(re.search(r"(^|[/_])loss$", n) and not is_ours(n) for n in names)
    seen = [n for n in names if n.startswith("probe/") and not (told and n == "probe/loss")]
    groups.append(("Probe", _probe(seen)))
    groups.append(("Layers and batches", _looks([n for n in names if LOOKS.fullmatch(n)])))
    groups.append(("Machine", _system([n for n in names if n.startswith("system/")])))
    return [(title, charts) for title, charts in groups if charts]


def _paired(names: list[str]) -> list[Sketch]:
    """Train, validation and test of one metric in one chart."""
    charts: dict[str, Sketch] = {}
    for name in names:
        parts = re.split(r"([/_.\- ])", name)
        split = next((p for p in parts if p.lower() in _COLOURS), None)
        colour = _COLOURS[split.lower()] if split else 1
        rest = [p for p in parts if p is not split and p not in "/_.- "]
        key = "/".join(rest).lower() or name
        chart = charts.get(key)
        if chart is None or any(taken == colour for _, _, taken in chart.lines):
            key = key if chart is None else name
            chart = charts.setdefault(key, Sketch("", []))
        chart.lines.append((name, name, colour))
    for chart in charts.values():
        chart.lines.sort(key=lambda line: line[2])
    return list(charts.values())


def _probe(names: list[str]) -> list[Sketch]:
    rates = [n for n in names if n == "probe/lr" or n.startswith("probe/lr.")]
    times = [f"probe/{part}" for part in _STEP_PARTS if f"probe/{part}" in names]
    charts = [
        Sketch(n.removeprefix("probe/").removesuffix("_bytes").replace("_", " "), [(n, "", 1)])
        for n in names
        if n not in rates and n not in times
    ]
    if rates:
        labels = [n.removeprefix("probe/lr").lstrip(".") for n in rates]
        charts.append(Sketch("learning rate", _coloured(rates, labels)))
    if times:
        labels = [n.removeprefix("probe/").removesuffix("_s") for n in times]
        charts.append(Sketch("time of a step", _coloured(times, labels)))
    order = ["loss", "grad norm", "update ratio", "learning rate", "time of a step", "memory"]
    return sorted(charts, key=lambda c: order.index(c.title) if c.title in order else len(order))


def _looks(names: list[str]) -> list[Sketch]:
    """One measure of all layers in one chart, as long as they can be told apart; else one a layer."""
    measures: dict[str, list[str]] = {}
    for name in names:
        kind, _, rest = name.partition("/")
        measures.setdefault(rest.rpartition("/")[2] if kind == "layer" else name, []).append(name)
    charts = []
    for measure, members in measures.items():
        layers = [n[len("layer/") :].rpartition("/")[0] if n != measure else "" for n in members]
        title = measure.replace("_", " ").replace("/", ": ")
        if 1 < len(members) <= _TOLD_APART:
            charts.append(Sketch(title, _coloured(members, layers)))
        else:
            pairs = zip(members, layers, strict=True)
            charts += [Sketch(f"{layer} {title}".strip(), [(n, "", 1)]) for n, layer in pairs]
    return charts


def _system(names: list[str]) -> list[Sketch]:
    shares = [n for n in names if n.endswith("_percent")]
    charts = []
    if shares:
        labels = [n.removeprefix("system/").removesuffix("_percent") for n in shares]
        charts.append(Sketch("load", _coloured(shares, labels)))
    for name in names:
        if name not in shares:
            title = name.removeprefix("system/").removesuffix("_bytes").replace("_", " ")
            charts.append(Sketch(title, [(name, "", 1)]))
    return charts


def _coloured(names: list[str], labels: list[str]) -> list[tuple[str, str, int]]:
    return [(n, label, 1 + i % 6) for i, (n, label) in enumerate(zip(names, labels, strict=True))]


class _Drawing:
    """Reads points and turns them into lines of the data."""

    def __init__(self, folder: Path, run: Run, before: tuple[Path, Run] | None) -> None:
        self.run, self.before = run, before[1] if before else None
        self.tick = tick_of(run.wall_s)
        names = sorted(run.metrics, key=_order)
        share = POINTS / max(1.0, sum(map(_weight, names)))
        self.now = _read(folder, names, share)
        shared = [n for n in self.now if before and n in before[1].metrics and _weight(n) > 1]
        self._then = _read(before[0], shared, share / 4) if before else {}
        self.start = began(run, self.now)
        self.thinned = any(len(c.steps) < c.total for c in self.now.values())
        self.first_steps: dict[int, int] = {}
        self.knots: list[tuple[int, float]] = []
        for name, curve in self.now.items():
            if not name.startswith("system/"):
                self._learn(curve)

    def chart(self, index: int, member: Sketch) -> tuple[Chart, dict[str, Any]]:
        """A chart for the page and its entry in the data; faint lines come first, so lie below."""
        keys: list[Key] = []
        lines: list[dict[str, Any]] = []
        ghosts: dict[str, int] = {}
        for name, _, colour in member.lines if len(member.lines) <= GHOSTS else []:
            ghost = self._ghost(name, colour)
            if ghost is not None:
                ghosts[name] = len(lines)
                lines.append(ghost)
        for name, label, colour in member.lines:
            drawn = self._lines(name, colour)
            lines += drawn
            keys.append(
                Key(
                    line=len(lines) - 1,
                    name=name,
                    label=label,
                    value=quantity(name, self._last(name)),
                    colour=colour,
                    line_before=ghosts.get(name),
                    before=self._last_before(name) if name in ghosts else "",
                )
            )
        names = [name for name, _, _ in member.lines]
        chart = Chart(
            index=index,
            title=member.title,
            summary="; ".join(map(self._told, names)),
            words=" ".join([member.title, *names]).lower(),
            keys=keys,
            log=not member.unit and wide(lines),
        )
        return chart, {"unit": member.unit, "clock": member.clock, "marks": [], "lines": lines}

    def _told(self, name: str) -> str:
        m = self.run.metrics[name]
        return (
            f"{name}: {quantity(name, m.first)} to {quantity(name, m.last)}, "
            f"between {quantity(name, m.min)} and {quantity(name, m.max)}, {m.points} points"
        )

    def _lines(self, name: str, colour: int) -> list[dict[str, Any]]:
        curve = self.now[name]
        parts = passes(curve.points())
        now = [line("now", colour, part, self.start, self.tick) for part in parts]
        if all(curve.shown):
            return now
        return [line("old", colour, curve.points(shown=False), self.start, self.tick), *now]

    def _last(self, name: str) -> float | None:
        shown = self.now[name].points()
        return shown[-1][2] if shown else None

    def _last_before(self, name: str) -> str:
        return quantity(name, self.before.metrics[name].last) if self.before else ""

    def _ghost(self, name: str, colour: int) -> dict[str, Any] | None:
        curve = self._then.get(name)
        if curve is None or self.before is None:
            return None
        last = passes(curve.points())[-1]
        return line("before", colour, last, began(self.before, self._then), self.tick)

    def _learn(self, curve: "Curve") -> None:
        """Keeps what tells the step of an attempt's start and the time of a step."""
        for attempt, step in zip(curve.attempt, curve.steps, strict=True):
            self.first_steps[attempt] = min(step, self.first_steps.get(attempt, step))
        if len(curve.steps) > len(self.knots):
            self.knots = sorted((step, time) for step, time, _ in curve.points())

    def since(self, moment: str) -> float | None:
        """Seconds from the run's start to a time in ISO 8601; None where it is none."""
        then = _unix(moment)
        return None if then is None else then - self.start

    def step_at(self, member: Sketch, seconds: float | None, step: int | None) -> int | None:
        """The step that the metrics of a chart had reached so long after the run's start."""
        shown = self.now[member.lines[0][0]].points()
        if seconds is None or not shown:
            return step
        reached = sum(time < self.start + seconds for _, time, _ in shown)
        return shown[min(reached, len(shown) - 1)][0]

    def time_of(self, step: int) -> float | None:
        """Seconds after the run's start at which a step was logged, to the nearest known one."""
        if not self.knots:
            return None
        return min(self.knots, key=lambda knot: abs(knot[0] - step))[1] - self.start


def passes(points: list[tuple[int, float, float]]) -> list[list[tuple[int, float, float]]]:
    """The points of each training where one attempt holds several, by when they were logged.

    A new one begins where the steps go back to about where they began. Each is in the order of its
    steps, as the points are.
    """
    found: list[list[tuple[int, float, float]]] = [[]]
    first = reached = 0
    for point in sorted(points, key=lambda point: point[1]):
        back = point[0] < reached and point[0] <= first + NEAR_START * (reached - first)
        if not found[-1] or back:
            found += [[]] if back else []
            first = reached = point[0]
        found[-1].append(point)
        reached = max(reached, point[0])
    if len(found) > MOST_PASSES:
        return [points]
    return [sorted(part, key=lambda point: point[0]) for part in found]


def line(
    kind: str, colour: int, points: list[tuple[int, float, float]], start: float, tick: float
) -> dict[str, Any]:
    """Points of a curve as a line of the data; `start` is when its run began, unix seconds."""
    return {
        "kind": kind,
        "colour": colour,
        "s": _differences(step for step, _, _ in points),
        "t": _differences(round((time - start) / tick) for _, time, _ in points),
        "v": [float(f"{v:.6g}") if math.isfinite(v) else _word(v) for _, _, v in points],
    }


def _differences(numbers: Iterable[int]) -> list[int]:
    told = [0, *numbers]
    return [after - before for before, after in pairwise(told)]


def tick_of(wall_s: float | None) -> float:
    """Seconds of a time unit: 20,000 of them are more than a screen shows."""
    return float(f"{max((wall_s or 60) / 20_000, 1e-4):.1g}")


def _unix(moment: str) -> float | None:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return None


def began(run: Run, curves: "dict[str, Curve]") -> float:
    """When the run began, unix seconds; an imported one may only tell by its first point."""
    told = _unix(run.started)
    firsts = [min(curve.times) for curve in curves.values() if curve.times]
    return told if told is not None else min(firsts, default=0.0)


def _order(name: str) -> tuple[bool, bool, str]:
    """Losses first, then scores, then the rest."""
    return direction(name) is None, direction(name) == "up", name


def _weight(name: str) -> int:
    return 1 if name.startswith("system/") else 2 if is_ours(name) else 5


def _read(folder: Path, names: list[str], share: float) -> "dict[str, Curve]":
    """The curves of the metrics, in their order, each with its share of points."""
    from labhand.kit import points

    found: dict[str, Curve] = {}
    for weight in {_weight(name) for name in names}:
        wanted = [name for name in names if _weight(name) == weight]
        found |= points.curves(folder, wanted, int(min(MOST, max(LEAST, share * weight))))
    return {name: found[name] for name in names if name in found}


def wide(lines: list[dict[str, Any]]) -> bool:
    """Whether a linear axis would press nearly all of the values onto its foot."""
    values = sorted(v for line in lines for v in line["v"] if isinstance(v, float))
    return bool(values) and values[0] > 0 and values[-1] > 30 * values[len(values) // 2]


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _mark(
    data: dict[str, Any],
    plans: list[Sketch],
    numbered: list[tuple[int, Finding]],
    run: Run,
    drawing: _Drawing,
) -> None:
    marks = data["marks"]
    training = [i for i, member in enumerate(plans) if not member.clock]
    for attempt in run.attempts[1:]:
        since = drawing.since(attempt.started)
        step = drawing.first_steps.get(attempt.number)
        if step is not None and step <= min(drawing.first_steps.values()):
            step = None  # it began anew: a line at the left edge would tell nothing
        marks.append(_entry(None, "attempt", f"attempt {attempt.number}", step, since))
        for i in range(len(plans)):
            data["charts"][i]["marks"].append(len(marks) - 1)
    for number, finding in numbered:
        where = finding.where
        step = where.step if isinstance(where.step, int) else None
        seconds = drawing.since(where.time) if isinstance(where.time, str) else None
        if seconds is None and step is not None:
            seconds = drawing.time_of(step)
        named = [
            i
            for i, member in enumerate(plans)
            if any(n == where.metric for n, _, _ in member.lines)
        ]
        for i in named or training:
            # Another metric may count other steps, epochs say: there the time tells the place.
            told = step if named else drawing.step_at(plans[i], seconds, step)
            entry = _entry(number, finding.severity, finding.rule, told, seconds)
            if entry not in marks:
                marks.append(entry)
            data["charts"][i]["marks"].append(marks.index(entry))


def _entry(
    number: int | None, kind: str, label: str, step: int | None, seconds: float | None
) -> dict[str, Any]:
    told = None if seconds is None else round(seconds, 3)
    return {"number": number, "kind": kind, "label": label, "step": step, "time": told}
