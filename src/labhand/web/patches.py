"""Diffs, commands and source lines as the page shows them."""

from pathlib import Path
from typing import Literal

from msgspec import UNSET

from labhand.core.finding import Where
from labhand.web.page import Line, Patch

PATCH_LINES = 1500
"""More lines of one file's diff than this are left out, and the page says so."""

_AROUND = 2
_META = tuple(
    "diff |index |new file|deleted file|old mode|new mode|similarity |rename |copy |Binary ".split(
        "|"
    )
)
_KINDS: dict[str, Literal["add", "del"]] = {"+": "add", "-": "del"}


def patches(text: str) -> list[Patch]:
    """A diff, file by file; what is no diff is one patch, the command as it is."""
    lines = text.splitlines()
    if not any(line.startswith("@@") for line in lines):
        plain = [Line(text=line) for line in lines]
        return (
            [Patch(title="command" if len(lines) == 1 else "change", lines=plain)] if lines else []
        )
    return [_patch(part) for part in _by_file(lines)]


def source(where: Where, root: Path) -> list[Line]:
    """The lines around a place in code, as they stand now; empty where they cannot be read."""
    if where.path is UNSET or not isinstance(where.line, int) or isinstance(where.cell, int):
        return []
    try:
        lines = (root / where.path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    last = where.end_line if isinstance(where.end_line, int) else where.line
    last = min(last, where.line + 8)
    if where.line > len(lines):
        return []
    first = max(1, where.line - _AROUND)
    return [
        Line(text=text[:400], kind="hit" if where.line <= n <= last else "plain", number=n)
        for n, text in enumerate(lines[first - 1 : last + _AROUND], start=first)
    ]


def _by_file(lines: list[str]) -> list[list[str]]:
    parts: list[list[str]] = []
    for i, line in enumerate(lines):
        bare = line.startswith("--- ") and i + 1 < len(lines) and lines[i + 1].startswith("+++ ")
        headed = bool(parts) and all(old.startswith(_META) for old in parts[-1])
        if line.startswith("diff ") or (bare and not headed) or not parts:
            parts.append([])
        parts[-1].append(line)
    return parts


def _patch(lines: list[str]) -> Patch:
    names = [line[4:].split("\t")[0] for line in lines if line.startswith(("--- ", "+++ "))][:2]
    known = [name.removeprefix("a/").removeprefix("b/") for name in names if name != "/dev/null"]
    title = known[-1] if known else lines[0].rpartition(" b/")[2]
    told: list[Line] = []
    inside = False
    for line in lines:
        inside = inside or line.startswith("@@")
        if line.startswith("@@"):
            told.append(Line(text=line, kind="hunk"))
        elif inside:
            told.append(Line(text=line, kind=_KINDS.get(line[:1], "plain")))
        elif not line.startswith(("--- ", "+++ ", "diff ", "index ")):
            told.append(Line(text=line, kind="meta"))
    left_out = len(told) - PATCH_LINES
    if left_out > 0:
        told[PATCH_LINES:] = [Line(text=f"… {left_out} more lines", kind="meta")]
    return Patch(
        title=title,
        lines=told,
        added=sum(line.kind == "add" for line in told),
        removed=sum(line.kind == "del" for line in told),
    )
