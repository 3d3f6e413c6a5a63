"""`labhand scan`: anomalies in the data, down to the rows."""

import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labhand.cli import looks
from labhand.core.errors import UsageError
from labhand.core.finding import Severity
from labhand.core.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labhand.core.finding import Finding, Findings, Skipped

_FILE = click.Path(path_type=Path)
MOST_WORKERS = 64
"""Workers among which a Ray cluster divides the memory of a scan; it starts no more than it has processors."""
GROUPS = 8
"""Groups of a report that are shown; the page shows all."""
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def _roles(command: Any) -> Any:
    """Adds one option a role."""
    told = {
        "label": "what is to be learned", "id": "what names a row",
        "group": "what rows of one origin share", "time": "when a row came about",
        "text": "the text", "image": "the path of an image",
        "prediction": "what a model answered", "annotator": "who labelled a row",
    }  # fmt: skip
    for role, meaning in reversed(told.items()):
        option = click.option(f"--{role}", metavar="COL", help=f"The column that is {meaning}.")
        command = option(command)
    return command


@click.command(epilog="Example: labhand scan --split train=train.csv --split test=test.csv")
@click.argument("paths", metavar="[PATH ...]", nargs=-1, type=_FILE)
@click.option("--split", "splits", metavar="NAME=PATH", multiple=True, help="A part, and its name.")
@_roles
@click.option("--split-column", metavar="COL", help="The column that says which split a row is of.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "html"]), default="text",
    show_default=True, help="Text, one JSON document (labhand.findings/1), or the report as HTML.",
)  # fmt: skip
@click.option(
    "--probabilities", metavar="FILE.npy", type=_FILE,
    help="A model's out-of-sample probabilities, one line a row, one column a class.",
)  # fmt: skip
@click.option(
    "--embeddings", metavar="FILE.npy", type=_FILE, help="Vectors of the rows, one line a row."
)
@click.option("--select", metavar="NAMES", multiple=True, help="Only these detectors.")
@click.option("--ignore", metavar="NAMES", multiple=True, help="Not these detectors.")
@click.option(
    "--scores", metavar="FILE.parquet", type=_FILE, help="Write the outlier score of every row."
)
@click.option("--memory", metavar="SIZE", help="Memory to use, such as 4G; default: half of it.")
@click.option(
    "--workers", metavar="N", type=click.IntRange(1), default=1, show_default=True,
    help="Processes that look at once; what they find is the same.",
)  # fmt: skip
@click.option(
    "--on", "place", type=click.Choice(["local", "ray"]), default="local", show_default=True,
    help="Look here, or as a job on the workers of a Ray cluster that sees the same files.",
)  # fmt: skip
@click.option(
    "--apply", "patch", metavar="PATCH", type=_FILE,
    help="Show what a patch of an earlier scan changes; with --to, do it in a copy.",
)  # fmt: skip
@click.option("--to", metavar="FILE", type=_FILE, help="The copy that --apply writes.")
@click.option(
    "--undo", "undone", metavar="FILE", type=_FILE, help="Take a patch back out of a copy."
)
@looks.fail_on
def scan(
    paths: tuple[Path, ...],
    splits: tuple[str, ...],
    form: str,
    split_column: str | None,
    probabilities: Path | None,
    embeddings: Path | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    scores: Path | None,
    memory: str | None,
    workers: int,
    place: str,
    patch: Path | None,
    to: Path | None,
    undone: Path | None,
    fail_on: Severity,
    **roles: str | None,
) -> int:
    """Scan data for anomalies, down to the rows.

    PATH is a file, a folder, a pattern of files or a database: CSV, TSV, JSON, JSON Lines, Parquet,
    Arrow, NumPy, images, HF datasets on disk, Inspect logs, SQLite, DuckDB. The data is never
    changed; fixes are patches beside the report.
    """
    from labhand.scan import folder_of
    from labhand.scan import scan as look

    if patch is not None or undone is not None or to is not None:
        return _mend(patch, to, undone)
    if not paths and not splits:
        raise UsageError("say what to scan: a file, a folder, or `--split NAME=PATH`")
    if place == "ray" and (code := _carried()) is not None:
        return code
    named = dict(map(_pair, splits))
    said = {role: column for role, column in {**roles, "split": split_column}.items() if column}
    home = Store.at(Path.cwd()).home
    limit, out = _bytes(memory), folder_of(home, [*paths, *named.values()])
    findings = look(
        paths,
        named,
        said,
        probabilities=probabilities,
        embeddings=embeddings,
        select=looks.names(select),
        ignore=looks.names(ignore),
        scores=scores,
        memory=limit,
        workers=MOST_WORKERS if place == "ray" else workers,
        out=out,
        home=home,
        progress=_tell if sys.stderr.isatty() else None,
    )
    if form == "html":
        from labhand.web import data_report

        click.echo(data_report.write(findings, out, paths, named, said, limit, home))
    else:
        click.echo(looks.document(findings) if form == "json" else "\n".join(_text(findings)))
    return looks.exit_code(_kept(out, findings), fail_on)


def _kept(out: Path, findings: "Findings") -> "Findings":
    """The same findings, kept for a verdict."""
    from labhand.kit.verdicts import keep_scan

    with suppress(OSError):  # a folder that takes no file takes no verdict either
        keep_scan(out, findings)
    return findings


def _carried() -> int | None:
    """The exit code of the same command as a job on Ray; None where this is that job."""
    from labhand.cli.afar import carried
    from labhand.kit.crew import in_ray_job

    return None if in_ray_job() else carried(click.get_current_context())


def _mend(patch: Path | None, to: Path | None, undone: Path | None) -> int:
    from labhand.scan import diff, mend, undo

    if undone is not None and patch is None and to is None:
        undo(undone)
        click.echo(f"{undone} is as the data was, byte for byte")
        return 0
    if patch is None or undone is not None:
        raise UsageError("`--to` goes with `--apply PATCH`; `--undo FILE` stands alone")
    if to is None:
        click.echo("\n".join(diff(patch)))
        return 0
    rows = mend(patch, to, Store.at(Path.cwd()).home)
    click.echo(
        f"{looks.counted(rows, 'row')} changed in {to}; `labhand scan --undo {to}` undoes it"
    )
    return 0


def _pair(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise UsageError(f"`--split {text}` names no part; write NAME=PATH, as train=train.csv")
    return name, Path(path)


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.I)
    if not match:
        raise UsageError(f"`--memory {text}` is no size; write one as 4G or 500M")
    return int(float(match[1]) * _SIZES[match[2].upper()])


def _tell(name: str, number: int, total: int) -> None:
    click.echo(f"\r\x1b[2K{number + 1}/{total} {name}\r", nl=False, err=True)


def _text(findings: "Findings") -> list[str]:
    summary = findings.summary
    lines = [
        click.style(p["path"] + (f" ({p['split']})" if p["split"] else ""), bold=True)
        + f"  {p['rows']:,} rows, {p['columns']:,} columns"
        for p in summary["parts"]
    ]
    roles = ", ".join(f"{role} `{column}`" for role, column in summary["roles"].items())
    lines += [
        f"  taken for: {roles}" if roles else "  no column was taken for a label or an id",
        "",
    ]
    for path, rows in summary.get("appended", {}).items():
        beside = summary["beside"][path]
        lines += [
            f"  {looks.counted(rows, 'new row')} of {path} looked at beside {beside:,} earlier ones; the findings "
            "of before stand, and a scan of the same data again looks at all",
            "",
        ]
    for report in summary.get("diversity", ()):
        lines += [*_diversity(report), ""]
    for finding in findings.findings:
        lines += _finding(finding)
    lines += [click.style(line, dim=True) for line in _unlooked(findings.skipped)]
    number = len(findings.findings)
    told = looks.counted(number, "finding") if number else "no findings"
    return [*lines, f"{told} of {looks.counted(len(findings.ran), 'detector')}"]


def _diversity(report: "Mapping[str, Any]") -> list[str]:
    """How diverse the outputs of each group are, the least diverse first, with their likest pair."""
    of = ", ".join(f"`{c}`" for c in report["of"])
    lines = [
        click.style(f"diversity of {of} by `{report['by']}`", bold=True)
        + click.style(
            "  Vendi score of what it could be (95 %) · distinct-2 · repeated · p", dim=True
        )
    ]
    ranked = sorted(report["groups"], key=lambda g: float(g["vendi"]))
    width = max(len(g["group"]) for g in ranked[:GROUPS])
    for one in ranked[:GROUPS]:
        distinct = "–" if one["distinct"] is None else f"{one['distinct']:.2f}"
        line = (
            f"  {one['group']:<{width}}  {one['number']:>4}  {one['vendi']:.2f} ({one['vendi_low']:.2f}–{one['vendi_high']:.2f})"
            f"  {distinct}  {100 * one['repeated']:.0f} %  p {one['p']:.2g}"
        )
        near = next(iter(one["nearest"]), None)
        pair = f"  rows {near['row']} and {near['partner']} ({near['cosine']:.2f})" if near else ""
        lines.append(line + click.style(pair, dim=True))
    if len(ranked) > GROUPS:
        lines.append(click.style(f"  {len(ranked) - GROUPS} more groups in the report", dim=True))
    return lines


def _unlooked(skipped: "Sequence[Skipped]") -> list[str]:
    """What was not looked at, once a reason; several detectors that want one thing are counted."""
    lines: list[str] = []
    whys: dict[str, list[str]] = {}
    for one in skipped:
        if one.rule == "*":
            lines.append(f"not looked at: {one.why}")
        else:
            whys.setdefault(one.why, []).append(one.rule)
    if whys:
        lines.append("not looked at:")
    for why, rules in sorted(whys.items(), key=lambda pair: -len(pair[1])):
        lines.append(f"  {rules[0] if len(rules) == 1 else f'{len(rules)} detectors'}: {why}")
    return lines


def _finding(finding: "Finding") -> list[str]:
    head = looks.by_gravity(finding.severity, f"{looks.MARKS[finding.severity]} {finding.rule}")
    where = finding.where
    lines = [f"{head}  {finding.message}"]
    rows = where.rows if isinstance(where.rows, list) else []
    total = where.rows_total if isinstance(where.rows_total, int) else len(rows)
    if rows:
        shown = ", ".join(map(str, rows[:10])) + (f", … of {total:,}" if total > 10 else "")
        lines.append(f"    rows {shown}" + (f" of {where.split}" if where.split else ""))
    lines += [f"    {related.message}" for related in finding.related[:3]]
    fine = finding.evidence.get("likely_fine")
    if fine and finding.severity != "note":
        lines.append(f"    about {fine:,} of these {total:,} are likely fine")
    lines.append(f"    → {finding.advice}" + click.style(f"  {finding.id[:6]}", dim=True))
    if finding.fix is not None:
        lines.append(f"      {finding.fix.summary}: {finding.fix.patch.splitlines()[0]}")
    return [*lines, ""]
