"""Findings, runs and comparisons as an agent reads them.

Counts first, the gravest next, then how to get the rest; plain text, for a context window is small.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from labhand.core.finding import SEVERITIES, Finding, Findings, Skipped
from labhand.core.run import Run
from labhand.core.store import Store
from labhand.cycle.compare import Comparison, settings_told
from labhand.kit.metric_names import headlines, is_ours
from labhand.web import story, words

LINE = 400
"""A sentence longer than this is cut."""
SKIPPED = 5
ROWS = 10


def counted(number: int, word: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def cut(text: str, most: int = LINE) -> str:
    """The text on one line, cut where it is longer."""
    line = words.visible(" ".join(text.split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def findings(found: Sequence[Finding], offset: int, limit: int) -> list[str]:
    """The gravest findings from `offset` on, each in two lines, and how to get the others."""
    grave = words.ranked(found)
    counts = [
        counted(number, s)
        for s in reversed(SEVERITIES)
        if (number := sum(f.severity == s for f in found))
    ]
    lines = [f"{counted(len(found), 'finding')}" + (f": {', '.join(counts)}" if counts else "")]
    for finding in grave[offset : offset + limit]:
        lines += _finding(finding)
    left = len(grave) - offset - limit
    if left > 0:
        lines.append(f"{left} more: the same call with offset={offset + limit}")
    return lines


def _finding(finding: Finding) -> list[str]:
    place = words.place(finding)
    where = finding.where
    if isinstance(where.rows, list) and where.rows:
        total = where.rows_total if isinstance(where.rows_total, int) else len(where.rows)
        part = f" of split {where.split}" if where.split else ""
        shown = ", ".join(map(str, where.rows[:ROWS]))
        place += f" rows {shown}" + (f", … ({total:,})" if total > ROWS else "") + part
    state = f" ({finding.state})" if isinstance(finding.state, str) else ""
    lines = [
        f"[{finding.id[:8]}] {finding.severity} {finding.rule} {place}{state}: {cut(finding.message)}"
    ]
    if told := words.causes(finding):
        lines.append(f"  likely cause: {cut(told[0])}")
    fix = f" Fix ({finding.fix.safety}): {cut(finding.fix.summary)}." if finding.fix else ""
    return [*lines, f"  → {cut(finding.advice)}{fix}"]


def skipped(entries: Sequence[Skipped]) -> list[str]:
    """What was not looked at, so that silence is not taken for a good word."""
    lines = [f"not looked at: {s.rule}: {cut(s.why)}" for s in entries[:SKIPPED]]
    if len(entries) > SKIPPED:
        lines.append(f"not looked at: {len(entries) - SKIPPED} more")
    return lines


def checked(found: Findings, offset: int, limit: int) -> str:
    """What check found."""
    files, silenced = found.summary["files"], found.summary["suppressed"]
    head, *lines = findings(found.findings, offset, limit)
    also = f"; {silenced} silenced by comments" if silenced else ""
    ran = f"{head} in {counted(files, 'file')}, by {counted(len(found.ran), 'rule')}{also}"
    return "\n".join([ran, *lines, *skipped(found.skipped)])


def scanned(found: Findings, offset: int, limit: int) -> str:
    """What scan found, and what it took the columns for."""
    head, *lines = findings(found.findings, offset, limit)
    parts = [
        f"{p['path']}" + (f" ({p['split']})" if p["split"] else "") + f": {p['rows']:,} rows, "
        f"{p['columns']:,} columns"
        for p in found.summary["parts"][:10]
    ]
    roles = ", ".join(f"{role} `{column}`" for role, column in found.summary["roles"].items())
    taken = f"columns taken for: {roles}" if roles else "no column was taken for a label or an id"
    ran = f"{head}, by {counted(len(found.ran), 'detector')}"
    return "\n".join([ran, *parts, taken, *lines, *skipped(found.skipped)])


def watched(found: Findings, offset: int, limit: int) -> str:
    """What watching a log tells."""
    head, *lines = findings(found.findings, offset, limit)
    ran = f"{head}, by {counted(len(found.ran), 'detector')}"
    return "\n".join([ran, *lines, *skipped(found.skipped)])


def standing(store: Store, run: Run) -> str:
    """How a run that goes on stands, in one line."""
    from labhand.cycle.progress import live

    status = live(store, run)
    told = [f"{run.name} runs", f"for {words.duration(run.wall_s)}"]
    if status is not None and status.step is not None:
        of = f" of {status.total:,}" if status.total is not None else ""
        told.append(f"step {status.step:,}{of}")
    if status is not None:
        for name, value in status.metrics.items():
            way = f" ({trend})" if (trend := status.trends.get(name)) else ""
            told.append(f"{name} {words.number(value)}{way}")
        if status.silent_s is not None:
            told.append(f"no step for {words.duration(status.silent_s)}")
        elif status.left_s is not None:
            told.append(f"{words.duration(status.left_s)} left")
    alarms = sum(f.alarm is True for f in run.findings)
    return ", ".join([*told, *([counted(alarms, "alarm")] if alarms else [])])


def run(store: Store, run: Run, limit: int) -> str:
    """A run: how it went, what is off, what was noted, and how to see more."""
    lines = [f"{run.name} ({run.id}) {run.status}"]
    if run.status == "running":
        lines.append(standing(store, run))
    lines += [cut(str(sentence), 2 * LINE) for sentence in story.of_run(run)]
    lines += _failure(run)
    if run.findings:
        lines += ["", *findings(run.findings, 0, limit)[: 3 * limit + 1]]
        if len(run.findings) > limit:
            lines.append('show(part="findings") lists them all')
    notes = store.notes(run.id)
    lines += [f"note {words.moment(n.time)}: {cut(n.data['text'])}" for n in notes[-5:]]
    report = store.folder(run.id) / "report.html"
    if report.exists():
        lines.append(f"report: {report}")
    return "\n".join(lines)


def _failure(run: Run) -> list[str]:
    last = run.attempts[-1] if run.attempts else None
    if run.status == "running" or last is None or last.failure is None:
        return []
    advice = last.failure.evidence.get("advice")
    told = [f"why: {last.failure.kind}: {cut(last.failure.message)}"]
    return [*told, *([f"  → {cut(str(advice))}"] if advice else [])]


def metrics(run: Run, limit: int) -> str:
    """Every metric of a run in a line, the researcher's own first."""
    first = headlines(run.metrics)
    ours_last = sorted(run.metrics.items(), key=lambda item: _place(item[0], first))
    lines = [f"{counted(len(run.metrics), 'metric')} of {run.name}: first, last, min, max, points"]
    for name, m in ours_last[:limit]:
        values = ", ".join(words.number(v) for v in (m.first, m.last, m.min, m.max))
        broken = f", {m.non_finite} not finite" if m.non_finite else ""
        lines.append(f"{name}: {values}, {m.points} to step {m.last_step}{broken}")
    left = len(run.metrics) - limit
    return "\n".join([*lines, *([f"{left} more: a larger limit"] if left > 0 else [])])


def _place(name: str, first: Sequence[str]) -> tuple[int, bool]:
    return first.index(name) if name in first else len(first), is_ours(name)


def runs(rows: Iterable[Any], total: int) -> str:
    """Runs, newest first, one a line."""
    lines = []
    for row in rows:
        off = ", ".join(counted(row.findings[s], s) for s in SEVERITIES if row.findings.get(s))
        name, value = row.metric or ("", None)
        result = f"; {name} {words.number(value)}" if name else ""
        took = f" in {words.duration(row.wall_s)}" if row.wall_s is not None else ""
        command = cut(words.command_line(row.command), 120)
        lines.append(
            f"{row.name} {row.status}{took}{result}; {words.moment(row.started)}; {command}"
            + (f"; {off}" if off else "")
        )
    left = total - len(lines)
    more = [f"{left} older: a larger limit"] if left > 0 else []
    return "\n".join([counted(total, "run") + ", newest first", *lines, *more])


def comparison(found: Comparison) -> str:
    """What differs between runs and whether it is more than noise: the judgements first."""
    names = {run.id: run.name for run in found.runs}
    lines = [cut(str(sentence), 2 * LINE) for sentence in story.of_runs(found)]
    told = [
        "not known" if j.outcome == "noise" and j.effect is None else j.outcome
        for j in found.judgements
    ]
    head = f"outcome against {found.runs[0].name}: {', '.join(told)}" if told else ""
    for setting in settings_told(found)[:20]:
        values = ", ".join(
            f"{names[i]} {words.value_of(v)}" for i, v in list(setting.values.items())[:8]
        )
        lines.append(f"setting {setting.key}: {cut(values)}")
    for code in found.code[:8]:
        if code.diff:
            lines.append(
                f"code of {names[code.run]}: {cut(', '.join(code.files))} +{code.added} −{code.removed}"
            )
            lines += [f"  {line[:160]}" for line in code.diff.splitlines()[:30]]
            if code.cut or len(code.diff.splitlines()) > 30:
                lines.append("  … (labhand compare shows the whole)")
    if found.packages:
        lines.append(f"{counted(len(found.packages), 'package')} of another version")
    return "\n".join([*([head] if head else []), *lines])
