"""The fixes of findings as unified diffs, and their application to files."""

import difflib
import io
import re
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

from labhand.check.claim import Change
from labhand.core.errors import InputError
from labhand.core.finding import Finding, Safety

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
_NO_END = "\\ No newline at end of file\n"


def diff(path: str, text: str, change: Change) -> str:
    """The unified diff of a change of the file's text."""
    lines = _lines(text)
    starts = [0, *accumulate(len(line) for line in lines)]
    after = text
    for edit in sorted(change.edits, key=lambda e: (e.line, e.column), reverse=True):
        begin = starts[edit.line - 1] + edit.column
        end = begin
        if edit.end_line is not None:
            end = starts[edit.end_line - 1] + (edit.end_column or 0)
        line = lines[edit.line - 1] if edit.line <= len(lines) else ""
        after = after[:begin] + _same_ends(edit.text, line) + after[end:]
    return unified(path, text, after)


def unified(path: str, before: str, after: str) -> str:
    """The unified diff between two texts of one file."""
    a, b = _lines(before), _lines(after)
    found = difflib.unified_diff(a, b, f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_END}" for line in found)


def mend(findings: Iterable[Finding], root: Path, safeties: Iterable[Safety]) -> dict[Path, str]:
    """The new text of each file that fixes of these safeties change. Writes nothing.

    Of two fixes that touch the same lines the first is taken; checking again finds the other.

    Raises:
        InputError: a file has changed since it was checked.
    """
    wanted = set(safeties)
    changes: dict[Path, list[str]] = {}
    for finding in findings:
        if finding.fix is not None and finding.fix.safety in wanted:
            changes.setdefault(root / str(finding.where.path), []).append(finding.fix.patch)
    return {path: applied(read(path), diffs, path) for path, diffs in changes.items()}


def read(path: Path) -> str:
    """The text of a file with its line ends as they are.

    Raises:
        InputError: it cannot be read as UTF-8.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be mended: {error}; save it as UTF-8 first") from error


def _lines(text: str) -> list[str]:
    """The lines as Python and editors count them, with their ends; str.splitlines knows more ends."""
    return list(io.StringIO(text, newline=""))


def applied(text: str, diffs: Iterable[str], path: Path) -> str:
    """The text with unified diffs of it applied; `path` is for the message.

    Raises:
        InputError: a diff does not fit the text.
    """
    lines = _lines(text)
    found = sorted({edit for one in diffs for edit in edits(one)}, reverse=True)
    top = len(lines) + 1
    for start, old, new in found:
        end = start + len(old)
        if tuple(lines[start:end]) != old:
            raise InputError(f"{path} has changed since it was checked; check it again")
        if end <= top:
            lines[start:end] = new
            top = start
    return "".join(lines)


def edits(text: str) -> Iterable[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    """The changed stretches of a diff, without context: index of the first line, old, new lines."""
    position, old, new = 0, list[str](), list[str]()
    for line in _lines(text)[2:]:
        hunk = _HUNK.match(line)
        if line.startswith(("-", "+")):
            (old if line.startswith("-") else new).append(line[1:])
            continue
        if line == _NO_END:
            (new or old)[-1:] = [((new or old)[-1]).removesuffix("\n")] if new or old else []
            continue
        if old or new:
            yield position, tuple(old), tuple(new)
            position += len(old)
            old, new = [], []
        if hunk:
            position = int(hunk[1]) - (0 if hunk[2] == "0" else 1)
        else:
            position += 1
    if old or new:
        yield position, tuple(old), tuple(new)


def _same_ends(text: str, line: str) -> str:
    return text.replace("\n", "\r\n") if line.endswith("\r\n") else text
