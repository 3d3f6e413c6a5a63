"""What the reference pages take from the code; called by cog inside docs/reference/*.md."""

import inspect
import re
import textwrap
from pathlib import Path

import click
import msgspec

from labhand.cli import COMMANDS, cli
from labhand.core import registry
from labhand.kit.cases import documentation
from labhand.kit.configuration import Configuration

MOST_LINES, LEAST_CUT, WIDEST = 14, 5, 240
"""Lines of a block of data in a case that the pages show, those that are worth a cut, letters of a line."""
CASES = Path(__file__).parent.parent / "cases"


def commands() -> str:
    """Every command with its help text."""
    parts = []
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        parts.append(_help(command, f"labhand {name}", "##"))
        if isinstance(command, click.Group):
            parts += [
                _help(sub, f"labhand {name} {n}", "###") for n, sub in command.commands.items()
            ]
    return "\n".join(parts)


def settings() -> str:
    """Every setting with its default and meaning."""
    source = inspect.getsource(Configuration)
    meanings = dict(re.findall(r'^    (\w+): .*\n    """(.*?)"""', source, re.M))
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for field in msgspec.structs.fields(Configuration):
        default = field.default_factory() if callable(field.default_factory) else field.default
        rows.append(f"| `{field.encode_name}` | `{default!r}` | {meanings[field.name]} |")
    return "\n".join(rows) + "\n"


def extensions(verb: str) -> str:
    """Every extension of a room: its documentation and its cases."""
    parts = []
    for kind in registry.KINDS.values():
        if kind.verb != verb:
            continue
        parts.append(f"## {kind.folder.rpartition('/')[2].capitalize()}\n")
        for extension in registry.extensions(kind.name):
            parts.append(f"### {extension.name} {{#{kind.name}-{extension.name}}}\n")
            parts.append(_demoted(documentation(extension), 4))
            case = CASES / verb / f"{extension.name}.md"
            if case.exists() and kind.name != "fixer":
                text = case.read_text(encoding="utf-8").partition("\n")[2]
                parts.append(f"#### Cases of {extension.name}\n")
                parts.append(_shortened(_demoted(text, 5)))
    return "\n".join(parts)


def _shortened(text: str) -> str:
    """The text with long blocks of data cut: a reader sees how they begin, the case file holds them whole."""
    lines: list[str] = []
    block: list[str] | None = None
    for line in text.splitlines():
        fence = line.startswith("```")
        if block is None:
            lines.append(line)
            block = [] if fence and line != "```python" else None
            continue
        if not fence:
            block.append(line if len(line) <= WIDEST else f"{line[:WIDEST]} …")
            continue
        shown = [n for n, row in enumerate(block) if n < MOST_LINES or "finding:" in row]
        if len(block) - len(shown) <= LEAST_CUT:
            shown = list(range(len(block)))
        cut = len(block) - len(shown)
        lines += [*(block[n] for n in shown), *([f"… {cut} more"] if cut else []), line]
        block = None
    return "\n".join(lines) + "\n"


def _help(command: click.Command, title: str, level: str) -> str:
    context = click.Context(command, info_name=title, terminal_width=90)
    text = re.sub(r"\[default: \S+\]", lambda m: m.group(), command.get_help(context))
    return f"{level} {title}\n\n```text\n{text}\n```\n"


def _demoted(text: str, level: int) -> str:
    """The text with its headings at `level` or below, code blocks untouched."""
    lines, inside = [], False
    for line in textwrap.dedent(text).splitlines():
        inside ^= line.lstrip().startswith("```")
        if not inside and (match := re.match(r"#+ ", line)):
            line = "#" * level + " " + line[match.end() :]
        lines.append(line.rstrip())
    return "\n".join(lines).strip() + "\n"
