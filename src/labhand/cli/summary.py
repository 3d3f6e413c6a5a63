"""What a run, a comparison and a list of runs look like in a terminal.

All of it can be read without colour. Where standard output or error is no terminal, click takes the
colours out as it prints.
"""

import shutil
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labhand.cli import looks
from labhand.core.finding import Finding
from labhand.core.run import Attempt, Run
from labhand.kit.metric_names import headlines, is_ours

if TYPE_CHECKING:
    from labhand.core.store import Store
    from labhand.cycle.compare import Comparison, Difference, MetricComparison
    from labhand.kit.catalog import RunRow
    from labhand.web.story import Sentence

STATUS = {"finished": "green", "failed": "red", "lost": "red", "stopped": "yellow"}
PARAGRAPH = 100
"""A paragraph is at most so many columns wide."""
FINDINGS = 4
"""The ending tells at most so many findings; the report tells all."""


def summary(
    run: Run,
    comparison: "Comparison | None",
    report: Path | None,
    width: int | None = None,
) -> str:
    """The ending of a run: about a dozen quiet lines, what is long wrapped once at `width` columns.

    The course of the headline metrics is drawn from the folder that the report lies in.
    """
    from labhand.web import words

    width = width or shutil.get_terminal_size().columns
    folder = report.parent if report else None
    lines = [_title(run), *_metrics(run, folder)]
    if comparison is not None:
        lines += _wrapped(*_changed(comparison), width)
    for attempt in [a for a in run.attempts if a.failure][-2:]:
        lines += _wrapped(*_attempt(attempt), width)
        lines += _wrapped("   ", _advice(attempt), width, 3) if _advice(attempt) else []
    lines += [f"    {line}" for line in [_acceptable(run)] if line]
    explained = any(attempt.failure for attempt in run.attempts)
    ranked = [f for f in words.ranked(run.findings) if not (explained and f.rule == "crashed")]
    for finding in ranked[:FINDINGS]:
        lines += _wrapped(*_finding(finding), width)
    if len(ranked) > FINDINGS:
        lines.append(
            click.style(f"  {len(ranked) - FINDINGS} more findings in the report", dim=True)
        )
    if report is not None:
        lines.append(f"  {click.style('report', dim=True)}  {looks.from_here(report)}")
    return "\n".join(lines)


def show(run: Run, store: "Store | None" = None) -> str:
    """A run in full: what ran, its settings, every metric, every finding, every attempt."""
    from labhand.kit.values import flat
    from labhand.web import story, words

    host = run.environment.host.get("name") or run.environment.host.get("hostname")
    facts = {
        "command": words.command_line(run.command),
        "folder": run.cwd,
        "started": words.moment(run.started) + (f" on {host}" if host else ""),
        "id": run.id,
        "code": run.code.commit or run.code.tree or "not kept",
        "report": _report(run, store),
    }
    parts = [_title(run), *_live(run, store), *_told(story.of_run(run))]
    parts += ["", *looks.columns([[f"  {key}", value] for key, value in facts.items() if value])]
    settings = flat(run.config)
    if settings:
        parts += ["", _heading("settings")]
        parts += looks.columns([[f"  {k}", words.value_of(v)] for k, v in settings.items()])
    if run.metrics:
        parts += ["", _heading("metrics"), *_metric_table(run)]
    if run.findings:
        parts += ["", _heading("findings")]
        said = _verdicts(run, store)
        for finding in words.ranked(run.findings):
            place = [words.place(finding), f"finding {finding.id[:8]}", said.get(finding.id, "")]
            where = " · ".join(filter(None, place))
            parts.append("  ".join(_finding(finding)))
            parts.append(click.style(f"    {where}", dim=True))
            parts += [f"    seen: {seen}" for seen in [words.measured(finding)] if seen]
            parts += [f"    cause: {reason}" for reason in words.reasons(finding)]
            parts += [
                click.style(f"    not checked: {sentence}", dim=True)
                for sentence in words.unchecked(finding)
            ]
            parts.append(f"    {finding.advice}")
    if len(run.attempts) > 1 or any(attempt.failure for attempt in run.attempts):
        parts += ["", _heading("attempts")]
        for attempt in run.attempts:
            parts.append(" ".join(_attempt(attempt)))
            if _advice(attempt):
                parts.append(f"    {_advice(attempt)}")
            if attempt.fix:
                parts += [f"    {line}" for line in attempt.fix.patch.splitlines()]
        parts += [f"  {line}" for line in [_acceptable(run)] if line]
    notes = store.notes(run.id) if store else []
    if notes:
        parts += ["", _heading("notes")]
        parts += [f"  {words.moment(note.time)}  {note.data['text']}" for note in notes]
    return "\n".join(parts)


def table(rows: "Iterable[RunRow]") -> str:
    """Runs as a table, one a line, in the order they come in; `✗2 !1` counts findings."""
    from labhand.web import words

    cells = [["name", "status", "started", "took", "result", "command"]]
    for row in rows:
        marks = [
            f"{looks.MARKS[s]}{row.findings[s]}"
            for s in ("error", "warning")
            if row.findings.get(s)
        ]
        name, value = row.metric or ("", None)
        cells.append(
            [
                row.name,
                " ".join([row.status, *marks]),
                words.moment(row.started),
                words.duration(row.wall_s),
                f"{name} {words.number(value)}" if name else "",
                words.bare(
                    words.command_line([Path(w).name for w in row.command[:1]] + row.command[1:])
                ),
            ]
        )
    width = shutil.get_terminal_size().columns
    head, *lines = [_fit(line, width) for line in looks.columns(cells)]
    return "\n".join([click.style(head, dim=True), *lines])


def comparison(found: "Comparison") -> str:
    """What differs between runs: settings, code, environment, results, findings."""
    from labhand.cycle.compare import settings_told, setups_of
    from labhand.web import story, words

    names = [run.name for run in found.runs]
    parts = [click.style(" → ".join(names) if len(names) == 2 else ", ".join(names), bold=True)]
    parts += _told(story.of_runs(found))
    above = len(parts)
    setups = setups_of(found)
    by_id = {run.id: run for run in found.runs}
    ids = [setup[0] for setup in setups]
    names = [words.setup([by_id[i].name for i in setup]) for setup in setups]
    if found.command:
        parts += ["", _heading("command")]
        commands = [words.command_line(by_id[i].command) for i in ids]
        parts += looks.columns([[f"  {n}", c] for n, c in zip(names, commands, strict=True)])
    sections = {
        "settings": settings_told(found),
        "environment": found.environment,
        "packages": found.packages,
    }
    for title, rows in sections.items():
        if rows:
            parts += ["", _heading(title), *_differences(rows, names, ids)]
    parts += ["", *_code(found, ids)]
    if found.metrics:
        parts += ["", _heading("results"), *_results(found.metrics, found)]
        parts.append(f"  {found.caution}")
    if found.findings:
        parts += ["", _heading("findings")]
        for finding in found.findings:
            who = ", ".join(by_id[run].name for run in finding.runs)
            parts.append(
                f"  {_mark(finding.severity)} {finding.rule}, only in {who}: {words.bare(finding.message)}"
            )
    if len(parts) == above + 2 and not found.command:
        parts.append("  nothing else differs")
    return "\n".join(parts)


def _verdicts(run: Run, store: "Store | None") -> dict[str, str]:
    """What a person said of the run's findings, by their ids."""
    from labhand.kit import verdicts

    standing = verdicts.read(store.home) if store else []
    return {v.finding: f"you said: {v.answer}" for v in standing if v.run == run.id}


def _live(run: Run, store: "Store | None") -> list[str]:
    """The line that stands in the terminal of a run that goes on."""
    from labhand.cli.terminal import status_line
    from labhand.cycle.progress import live

    status = live(store, run) if store and run.status == "running" else None
    return [f"  {status_line(status, shutil.get_terminal_size().columns - 2)}"] if status else []


def _told(sentences: "Iterable[Sentence | str]") -> list[str]:
    """Sentences as a paragraph."""
    from labhand.web import words

    text = words.bare(" ".join(map(str, sentences)))
    width = min(shutil.get_terminal_size().columns, PARAGRAPH)
    return textwrap.wrap(
        text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )


def _title(run: Run) -> str:
    from labhand.web import words

    took = f" in {words.duration(run.wall_s)}" if run.wall_s is not None else ""
    if run.status == "running":
        took = took.replace(" in ", " for ")
    code = f", exit code {run.exit_code}" if run.exit_code else ""
    status = click.style(run.status, fg=STATUS.get(run.status))
    return f"{click.style(run.name, bold=True)}  {status}{took}{code}"


def _metrics(run: Run, folder: Path | None) -> list[str]:
    from labhand.web import words

    rows = []
    for name in _telling(run)[:3]:
        metric = run.metrics[name]
        values = _values(folder, name)
        last = values[-1] if values else metric.last
        broken = f"  {metric.non_finite} not finite" if metric.non_finite else ""
        told = f"{words.number(metric.first)} → {words.number(last)}{broken}"
        rows.append([f"  {name}", words.course(values), told])
    return looks.columns(rows)


def _telling(run: Run) -> list[str]:
    """The headline first, then curves before single points; what one tells, no second tells again."""
    different: dict[tuple[float | None, ...], str] = {}
    for name in headlines(run.metrics):
        metric = run.metrics[name]
        different.setdefault((metric.first, metric.last, metric.min, metric.max), name)
    first, *others = [*different.values()] or [""]
    return [*filter(None, [first]), *sorted(others, key=lambda name: run.metrics[name].points < 2)]


def _values(folder: Path | None, name: str) -> list[float]:
    if folder is None:
        return []
    from labhand.kit import points

    curve = points.curve(folder, name, 256)
    return [value for _, _, value in curve.points()]


def _changed(comparison: "Comparison") -> tuple[str, str]:
    from labhand.web import words

    told = words.changes(comparison)
    before = comparison.runs[0].name
    if not told:
        return f"  since {before}:", "nothing changed"
    return f"  changed since {before}:", ", ".join(told)


def _mark(severity: str) -> str:
    return looks.by_gravity(severity, looks.MARKS[severity])


def _finding(finding: Finding) -> tuple[str, str]:
    from labhand.web import words

    path = words.place(finding) if isinstance(finding.where.path, str) else ""
    state = " (recovered)" if finding.state == "recovered" else ""
    rule = click.style(finding.rule, bold=True)
    lead = f"  {_mark(finding.severity)} {rule}{f' {path}' if path else ''}"
    cause = "".join(f"; likely cause: {words.bare(c)}" for c in words.causes(finding)[:1])
    return lead, f"{words.bare(finding.message)}{cause}{state}"


def _attempt(attempt: Attempt) -> tuple[str, str]:
    lead = f"  attempt {attempt.number}"
    if attempt.failure is None:
        running = attempt.exit_code is None
        return f"{lead}:", "running" if running else f"exit code {attempt.exit_code}"
    told = attempt.failure.message
    if attempt.fix is not None:
        told = f"{told.rstrip('.')}; {attempt.fix.safety} fix: {attempt.fix.summary}"
    return f"{lead}, {attempt.failure.kind}:", told


def _acceptable(run: Run) -> str:
    """How what mended the code of a run becomes part of the person's own; nothing where none was."""
    mended = any(a.fix is not None and a.fix.changes_code for a in run.attempts)
    over = mended and run.status != "running"
    return (
        f"your files are as they were; to change them so: labhand accept {run.name}" if over else ""
    )


def _advice(attempt: Attempt) -> str:
    """What a person can do next about a failure; nothing where it was mended or is not known."""
    failure = attempt.failure
    if failure is None or attempt.fix is not None:
        return ""
    if failure.kind == "unknown" and "asked" not in failure.evidence:
        return ""
    return str(failure.evidence.get("advice", ""))


def _wrapped(lead: str, text: str, width: int, most: int = 2) -> list[str]:
    """The text after its lead, over `most` lines of at most `width` columns."""
    room = max(20, width)
    taken = len(click.unstyle(lead))
    first, *rest = textwrap.wrap(
        f"{'x' * taken}  {' '.join(text.split())}",
        room,
        subsequent_indent="    ",
        break_on_hyphens=False,
        max_lines=most,
        placeholder=" …",
    )
    return [lead + first[taken:], *rest]


def _report(run: Run, store: "Store | None") -> str:
    path = store.folder(run.id) / "report.html" if store else None
    return looks.from_here(path) if path and path.exists() else ""


def _metric_table(run: Run) -> list[str]:
    from labhand.web import words

    rows = [["  metric", "first", "last", "min", "max", "points", ""]]
    own_first = sorted(run.metrics.items(), key=lambda item: is_ours(item[0]))
    for name, m in own_first:
        values = [words.quantity(name, value) for value in (m.first, m.last, m.min, m.max)]
        broken = f"{m.non_finite} not finite" if m.non_finite else ""
        rows.append([f"  {name}", *values, f"{m.points:,}", broken])
    return looks.columns(rows, right=True)


def _differences(rows: "list[Difference]", names: list[str], ids: list[str]) -> list[str]:
    from labhand.web import words

    lines = [["", *names]]
    for row in rows:
        values = [words.fact(row.key, row.values[i]) if i in row.values else "–" for i in ids]
        lines.append([f"  {row.key}", *values])
    return looks.columns(lines)


def _code(found: "Comparison", ids: list[str]) -> list[str]:
    """The code of each of these runs against the first one's."""
    names = {run.id: run.name for run in found.runs}
    told = [code for code in found.code if code.run in ids]
    if told and all(code.diff == "" for code in told):
        return [_heading("code"), "  the same"]
    lines = []
    for code in told:
        who = f"  {names[code.run]}: " if len(told) > 1 else "  "
        if code.diff is None:
            lines.append(f"{who}not there for one of the runs")
        elif not code.diff:
            lines.append(f"{who}the same")
        else:
            lines.append(f"{who}{', '.join(code.files)}  +{code.added} −{code.removed}")
            if len(told) == 1:
                lines += [_diff_line(line) for line in code.diff.splitlines()]
                lines += ["    …"] if code.cut else []
    return [_heading("code"), *lines]


def _diff_line(line: str) -> str:
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    return "    " + click.style(line, fg=colour)


def _results(metrics: "list[MetricComparison]", found: "Comparison") -> list[str]:
    from labhand.web import words

    names = {run.id: run.name for run in found.runs}
    ids = list(names)
    own = [m for m in metrics if not is_ours(m.name)] or metrics
    grouped = any(len(group) > 1 for group in found.groups)
    heads = [words.setup([names[i] for i in group]) for group in found.groups]
    rows = [["", *(heads if grouped else names.values()), ""]]
    for metric in own:
        if grouped:
            values = [words.estimate(e) for e in metric.groups]
            rows.append([f"  {metric.name}", *values, ""])
            continue
        values = [words.result(metric.values.get(i)) for i in ids]
        last = metric.values.get(ids[-1]) if len(ids) == 2 else None
        change = ""
        if last is not None and last.difference is not None:
            word = last.change if last.change in ("better", "worse") else ""
            change = f"{words.signed(last.difference)} {word}".rstrip()
        rows.append([f"  {metric.name}", *values, change])
    return looks.columns(rows)


def _heading(text: str) -> str:
    return click.style(text, bold=True)


def _fit(line: str, width: int) -> str:
    """The line cut to `width` columns, its styles closed."""
    plain = click.unstyle(line)
    if len(plain) <= width:
        return line
    kept, seen, at = [], 0, 0
    while at < len(line) and seen < width - 1:
        if line[at] == "\x1b":
            end = line.index("m", at) + 1
            kept.append(line[at:end])
            at = end
        else:
            kept.append(line[at])
            seen, at = seen + 1, at + 1
    closing = "\x1b[0m" if "\x1b" in line else ""
    return "".join(kept) + "…" + closing
