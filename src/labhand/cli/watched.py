"""What `labhand watch` shows a person: a curve a run, what is off marked on it, why, what to do."""

import shutil
import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from labhand.cli import looks
from labhand.cli.chart import Course, Mark, chart
from labhand.core.finding import Finding, Findings
from labhand.kit.metric_names import headlines
from labhand.watch.rows import Row

if TYPE_CHECKING:
    from labhand.watch.stretch import Stretch

DRAWN = 6
"""Of more runs than this none is drawn large: one line a run."""
METRICS = 48
"""Courses are kept of so many metrics a run."""


class Courses:
    """The courses of the metrics of every run, as they are replayed."""

    def __init__(self) -> None:
        self._runs: dict[str, dict[str, Course]] = {}
        self.last: dict[str, int] = {}

    def see(self, run: str, piece: "Row | Stretch") -> None:
        """Takes a row, or many."""
        courses = self._runs.setdefault(run, {})
        if isinstance(piece, Row):
            self.last[run] = piece.step
            for name, value in piece.values.items():
                if (course := _course(courses, name)) is not None:
                    course.add(piece.step, value)
            return
        self.last[run] = int(piece.steps[-1])
        for name, column in piece.columns.items():
            if (course := _course(courses, name)) is not None:
                course.extend(piece.steps[column.rows].tolist(), column.values.tolist())

    def of(self, run: str) -> dict[str, Course]:
        """The courses of a run by metric."""
        return self._runs.get(run, {})


def _course(courses: dict[str, Course], name: str) -> Course | None:
    """The course of a metric; None of one too many."""
    if name not in courses and len(courses) < METRICS:
        courses[name] = Course()
    return courses.get(name)


def watched(findings: Findings, courses: Courses, width: int | None = None) -> str:
    """All that is to be shown of a replay."""
    width = width or shutil.get_terminal_size().columns
    runs = findings.summary["runs"]
    by_run = {run: [f for f in findings.findings if f.where.run == run] for run in runs}
    lines: list[str] = []
    if len(runs) <= DRAWN:
        for run in runs:
            lines += [*_whole(run, runs[run], by_run[run], courses, width), ""]
    else:
        lines += [*_table(by_run, runs, courses, width), ""]
    lines += _skipped(findings, width)
    incidents, alarms = findings.summary["incidents"], findings.summary["alarms"]
    lines.append(
        f"{looks.counted(incidents, 'incident')} in {looks.counted(len(runs), 'run')}; "
        f"a person would have been told of {alarms or 'none'}"
    )
    return "\n".join(lines)


def _whole(
    run: str, told: dict[str, Any], found: list[Finding], all_courses: Courses, width: int
) -> Iterator[str]:
    from labhand.web import words

    courses, last = all_courses.of(run), all_courses.last[run]
    ranked = words.ranked(found)
    numbered = list(enumerate(ranked, start=1))
    yield click.style(run, bold=True) + click.style(
        f"  {told['rows']:,} row{'' if told['rows'] == 1 else 's'}", dim=True
    )
    metric = _drawn(ranked, told, courses)
    if metric is not None:
        signs = [
            Mark(step, str(number % 10), looks.COLOURS[finding.severity])
            for number, finding in numbered
            if (step := _begin(finding)) is not None
        ]
        yield from (f"  {line}" for line in chart(metric, courses[metric], signs, width - 2, last))
    for number, finding in numbered:
        yield from _finding(number, finding, width)
    if not found and _measured(told):
        yield click.style("  ✓ ", fg="green") + "nothing is off"
    elif not found:
        said = f"no name tells which metric is a loss; say it: --role {metric or 'NAME'}=train-loss"
        yield from _wrapped("  ! ", said, width)
    yield from _wrapped("  assumed  ", _assumed(told), width, dim=True)


def _drawn(found: list[Finding], told: dict[str, Any], courses: dict[str, Course]) -> str | None:
    """The metric to draw: that of the gravest incident, else the training loss, else the headline."""
    roles: dict[str, str] = told["roles"]
    ours = [f.where.metric for f in found if isinstance(f.where.metric, str)]
    losses = [name for name, role in roles.items() if role == "train-loss"]
    for name in [*ours[:1], *losses, *headlines(courses), *courses]:
        if name in courses:
            return name
    return None


def _measured(told: dict[str, Any]) -> bool:
    """Whether a metric is known to tell how good the run is."""
    return any(
        role.startswith(("train-", "validation-", "reward")) for role in told["roles"].values()
    )


def _begin(finding: Finding) -> int | None:
    step = finding.opened_step if isinstance(finding.opened_step, int) else finding.where.step
    return step if isinstance(step, int) else None


def _finding(number: int, finding: Finding, width: int) -> Iterator[str]:
    from labhand.web import words

    alarm = click.style("  alarm", fg="red", bold=True) if finding.alarm is True else ""
    head = looks.by_gravity(
        finding.severity, f"{looks.MARKS[finding.severity]} {number} {finding.rule}"
    )
    yield f"  {head}{alarm}{click.style(_life(finding), dim=True)}"
    yield from _wrapped("      ", words.bare(finding.message), width)
    if finding.severity == "note":
        return
    for place, cause in enumerate(words.reasons(finding)[:3]):
        yield from _wrapped(
            "      cause  " if not place else "         or  ", words.bare(cause), width
        )
    yield from _wrapped("      next   ", words.bare(finding.advice), width)
    unchecked = "; ".join(sentence.rstrip(".") for sentence in words.unchecked(finding))
    yield from _wrapped("      not checked  ", unchecked, width, dim=True)


def _life(finding: Finding) -> str:
    """`  since step 800, confirmed at 812, recovered at 900`."""
    told = []
    if (begin := _begin(finding)) is not None:
        told.append(f"since step {begin:,}")
    if isinstance(finding.confirmed_step, int) and finding.confirmed_step != begin:
        told.append(f"confirmed at {finding.confirmed_step:,}")
    if isinstance(finding.recovered_step, int):
        told.append(f"recovered at {finding.recovered_step:,}")
    if finding.state == "suspected":
        told.append("only suspected")
    return f"  {', '.join(told)}" if told else ""


def _assumed(told: dict[str, Any]) -> str:
    """What the metrics were taken for, those of one meaning together."""
    sentences: list[str] = told["assumptions"]
    together: dict[str, list[str]] = {}
    for sentence in sentences:
        metric, _, meaning = sentence.replace("`", "").partition(" is ")
        together.setdefault(meaning, []).append(metric)
    said = []
    for meaning, metrics in together.items():
        more = f" and {len(metrics) - 4} more" if len(metrics) > 4 else ""
        said.append(f"{', '.join(metrics[:4])}{more}: {meaning}")
    return "; ".join(said)


def _table(
    by_run: dict[str, list[Finding]],
    runs: dict[str, dict[str, Any]],
    courses: Courses,
    width: int,
) -> Iterator[str]:
    """Of many runs a line each, those that have something to tell; the others are counted."""
    from labhand.web import words

    ill = {run: found for run, found in by_run.items() if any(f.severity != "note" for f in found)}
    longest = min(40, max(map(len, ill), default=0))
    for run, findings in ill.items():
        first, *others = words.ranked(findings)
        metric = _drawn([first], runs[run], courses.of(run))
        course = courses.of(run)[metric].values if metric else []
        name = run if len(run) <= longest else f"{run[: longest - 1]}…"
        alarm = click.style("alarm", fg="red", bold=True) if first.alarm is True else "     "
        mark = looks.by_gravity(first.severity, f"{looks.MARKS[first.severity]} {first.rule}")
        lead = f"{name.ljust(longest)}  {words.course(course, 16).ljust(16)}  {alarm}  {mark}"
        more = f" (and {len(others)} more)" if others else ""
        room = width - len(click.unstyle(lead)) - 2
        said = textwrap.shorten(
            words.bare(first.message), max(20, room - len(more)), placeholder=" …"
        )
        yield f"{lead}  {said}{more}" if room > 30 else f"{lead}{more}"
    healthy = len(by_run) - len(ill)
    if healthy:
        counted = looks.counted(healthy, "run")
        every = "" if ill else "all "
        yield click.style("✓ ", fg="green") + f"{every}{counted} with nothing off"
    if ill:
        yield click.style("name one log alone to see its curve, causes and advice", dim=True)


def _skipped(findings: Findings, width: int) -> Iterator[str]:
    """What was not looked at and why, in one paragraph; what only the probe can see at its end."""
    blind = [s for s in findings.skipped if "probe" in s.why or "PyTorch" in s.why]
    by_why = sorted((s for s in findings.skipped if s not in blind), key=lambda s: s.why)
    said = [
        f"{', '.join(skipped.rule for skipped in several)} ({why})"
        for why, several in groupby(by_why, key=lambda skipped: skipped.why)
    ]
    if blind:
        names = ", ".join(skipped.rule for skipped in blind)
        said.append(
            f"{names} (the probe is needed, that is PyTorch under `labhand run`, or columns that measure it)"
        )
    yield from _wrapped("not looked at  ", "; ".join(said), width, dim=True)


def _wrapped(lead: str, text: str, width: int, *, dim: bool = False) -> Iterator[str]:
    """The text after its lead, what is long below itself."""
    if not text:
        return
    room = max(30, min(width, 110) - len(lead))
    first, *others = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
    blank = " " * len(lead)
    yield click.style(lead, dim=True) + click.style(first, dim=dim)
    yield from (blank + click.style(line, dim=dim) for line in others)
