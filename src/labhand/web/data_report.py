"""The report of a scan: one page that opens anywhere, with the rows, spans and values it speaks of."""

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.core.finding import Finding, Findings
from labhand.core.store import write_whole
from labhand.kit.scrub import scrub
from labhand.scan import open_data
from labhand.scan.texts import texts
from labhand.web.report import static, template

if TYPE_CHECKING:
    from labhand.scan.data import Data, Part

ROWS, COLUMNS, BINS, AROUND = 8, 8, 30, 90
"""Rows and columns that a finding shows, bars of a histogram, characters around a span."""
LETTERS = 120
PICTURES = 12
_SHOWABLE = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp"}
_LARGEST = 300_000
UNSEEN = "unreadable-image"
"""What is told of pictures that no browser shows either."""


class Histogram(NamedTuple):
    """The bars of a column; `hits` are the places of the rows that are told, from 0 to 100."""

    column: str
    bars: list[float]
    low: str
    high: str
    hits: list[float]


class Span(NamedTuple):
    """A piece of a text with what is around it."""

    row: int
    before: str
    inner: str
    after: str


class Told(NamedTuple):
    """One finding as the page shows it."""

    finding: Finding
    place: str
    head: list[str]
    lines: list[tuple[int, list[tuple[str, bool]]]]
    spans: list[Span]
    histogram: Histogram | None
    pictures: list[tuple[int, str]]
    facts: list[tuple[str, str]]
    commands: list[str]


def write(
    findings: Findings,
    out: Path,
    paths: Sequence[Path],
    splits: Mapping[str, Path],
    roles: Mapping[str, str],
    memory: int | None,
    home: Path,
) -> Path:
    """The path of the report, written as `report.html` into `out`. Reads the data once more."""
    data = open_data(paths, splits, roles, memory=memory, home=home).data
    told = [_told(finding, data) for finding in findings.findings]
    skipped: dict[str, list[str]] = {}
    for one in findings.skipped:
        skipped.setdefault(one.why, []).append(one.rule)
    page = template("scan.html.jinja").render(
        summary=findings.summary,
        diversity=findings.summary.get("diversity", []),
        counts={
            s: sum(t.finding.severity == s for t in told) for s in ("error", "warning", "note")
        },
        told=told,
        skipped=[(why, ", ".join(r for r in rules if r != "*")) for why, rules in skipped.items()],
        ran=len(findings.ran),
        style=static("app.css") + static("scan.css"),
    )
    path = out / "report.html"
    out.mkdir(parents=True, exist_ok=True)
    write_whole(path, str(page).encode())
    return path


def _told(finding: Finding, data: "Data") -> Told:
    where = finding.where
    part = next(
        (p for p in data.parts if (p.path, p.split) == (where.path, where.split)), data.parts[0]
    )
    rows = [int(r) for r in where.rows] if isinstance(where.rows, list) else []
    columns = [c for c in (where.columns or []) if c in part.names]
    head, lines = _table(part, rows[:ROWS], columns, where.cells) if rows else ([], [])
    facts = [
        (key.replace("_", " "), _words(value))
        for key, value in finding.evidence.items()
        if key not in ("likely_fine", "alike")
    ]
    fine, total = finding.evidence.get("likely_fine"), len(rows)
    if isinstance(where.rows_total, int):
        total = where.rows_total
    if fine:
        facts.insert(0, ("likely fine", f"about {fine:,} of these {total:,}"))
    place = f"{total:,} row{'' if total == 1 else 's'}" if total else ", ".join(columns[:3])
    return Told(
        finding,
        place + (f" of {where.split}" if where.split else ""),
        head,
        lines,
        _spans(data, part, where.spans),
        _histogram(part, columns, rows),
        _pictures(part, None if finding.rule == UNSEEN else data.role("image"), rows),
        facts,
        _commands(finding, part),
    )


def _table(
    part: "Part", rows: list[int], columns: list[str], cells: Any
) -> tuple[list[str], list[tuple[int, list[tuple[str, bool]]]]]:
    """The first rows with the columns in question, then others; the cells in question are marked."""
    head = [*columns, *(n for n in part.names if n not in columns)][:COLUMNS]
    marked = {(c["row"], c["column"]) for c in cells} if isinstance(cells, list) else set()
    frame = part.at(rows, head).drop("__row__")
    lines = []
    for row, values in zip(rows, frame.iter_rows(), strict=True):
        line = [(_words(v), (row, n) in marked) for n, v in zip(head, values, strict=True)]
        lines.append((row, line))
    return head, lines


def _spans(data: "Data", part: "Part", spans: Any) -> list[Span]:
    """The pieces of texts, and of the turns of conversations, with what is around; secrets are masked."""
    import polars as pl

    wanted = [s for s in spans[:ROWS] if s["start"] is not None] if isinstance(spans, list) else []
    rows = [span["row"] for span in wanted]
    said: dict[tuple[str, int, int | None], str] = {}
    for one in texts(data, part) if any(s.get("turn") is not None for s in wanted) else ():
        frame = one.lazy.filter(pl.col("row").is_in(rows)).select("row", "turn", "text").collect()
        said |= {(one.column, row, turn): text for row, turn, text in frame.iter_rows()}
    made = []
    for span in wanted:
        name, turn = span["column"], span.get("turn")
        if turn is None and name in part.names:
            text = part.at([span["row"]], [name])[name][0]
        else:
            text = said.get((name, span["row"], turn))
        if isinstance(text, str):
            start, end = int(span["start"]), int(span["end"])
            before = ("…" if start > AROUND else "") + text[max(0, start - AROUND) : start]
            after = text[end : end + AROUND] + ("…" if len(text) > end + AROUND else "")
            pieces = map(scrub, (before, text[start : min(end, start + 400)], after))
            made.append(Span(int(span["row"]), *pieces))
    return made


def _histogram(part: "Part", columns: list[str], rows: list[int]) -> Histogram | None:
    """How the first column of numbers lies, and where in it the rows that are told."""
    import numpy as np

    names = [c for c in columns if part.columns[c].kind == "number" and part.columns[c].unique > 8]
    if not names or not rows:
        return None
    values = part.numbers(names[:1])[:, 0]
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    if high <= low:
        return None
    bars, _ = np.histogram(values, bins=BINS, range=(low, high))
    told = part.at(rows[:200], names[:1])[names[0]].cast(float, strict=False).to_list()
    hits = [100 * (v - low) / (high - low) for v in told if v is not None and math.isfinite(v)]
    # a high bar must not hide that there are low ones
    heights = np.sqrt(bars / bars.max()) * 100
    return Histogram(names[0], heights.round(1).tolist(), f"{low:.4g}", f"{high:.4g}", hits)


def _pictures(part: "Part", column: str | None, rows: list[int]) -> list[tuple[int, str]]:
    """Small pictures of the rows, as data; only such that a browser shows as they are."""
    import base64

    if column is None or column not in part.names or not rows:
        return []
    made = []
    for row, name in zip(rows, part.at(rows[:PICTURES], [column])[column].to_list(), strict=False):
        for path in (
            Path(str(name)),
            Path(part.path) / str(name),
            Path(part.path).parent / str(name),
        ):
            kind = _SHOWABLE.get(path.suffix.lower())
            if kind and path.is_file() and path.stat().st_size <= _LARGEST:
                coded = base64.b64encode(path.read_bytes()).decode()
                made.append((row, f"data:image/{kind};base64,{coded}"))
                break
    return made


def _commands(finding: Finding, part: "Part") -> list[str]:
    if finding.fix is None or "\n" in finding.fix.patch:
        return []
    path = Path(part.path)
    copy = path.with_name(f"{path.stem}.mended{path.suffix}")
    patch, to = shlex.quote(finding.fix.patch), shlex.quote(str(copy))
    return [f"labhand scan --apply {patch} --to {to}", f"labhand scan --undo {to}"]


def _words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{k}: {_words(v)}" for k, v in list(value.items())[:ROWS])
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = scrub(text)
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
