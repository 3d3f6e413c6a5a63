"""What the commands share: how a finding is marked, a path shown, JSON printed, findings made an exit."""

from pathlib import Path
from typing import Any

import click
import msgspec

from labhand.core.finding import SEVERITIES, Findings, Severity

MARKS: dict[str, str] = {"error": "✗", "warning": "!", "note": "·"}
COLOURS: dict[str, str] = {"error": "red", "warning": "yellow", "note": "bright_black"}

fail_on = click.option(
    "--fail-on", type=click.Choice(list(reversed(SEVERITIES))), default="warning", show_default=True,
    help="Exit with 1 where a finding is at least so grave.",
)  # fmt: skip


def by_gravity(severity: str, text: str) -> str:
    """The text in the colour of a severity."""
    return click.style(text, fg=COLOURS[severity], bold=True)


def exit_code(findings: Findings, least: Severity) -> int:
    """1 where a finding is at least so grave, else 0."""
    worst = findings.worst()
    return int(worst is not None and SEVERITIES.index(worst) >= SEVERITIES.index(least))


def document(content: Any) -> str:
    """The content as one JSON document."""
    return msgspec.json.format(msgspec.json.encode(content)).decode()


def names(given: tuple[str, ...]) -> list[str]:
    """The names of an option that may be given again and may hold several, with commas."""
    return [name.strip() for part in given for name in part.split(",") if name.strip()]


def counted(number: int, word: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def from_here(path: Path) -> str:
    """The path as seen from the current folder, where it lies below that."""
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()


def columns(rows: list[list[str]], right: bool = False) -> list[str]:
    """Rows whose columns line up, two blanks between them; all but the first to the `right`."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(widths[i]) if right and 0 < i < len(row) - 1 else cell.ljust(widths[i])
            for i, cell in enumerate(row)
        ]
        lines.append(
            "  ".join(cell for cell, size in zip(cells, widths, strict=True) if size).rstrip()
        )
    return lines
