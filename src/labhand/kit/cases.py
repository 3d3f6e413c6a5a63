"""Literate cases: Markdown whose code blocks say which findings they must, and must not, bring.

A line that ends in `  # finding: name[, name]` expects these findings on that line; a block without
marks expects silence. A block whose fence says `fixed` holds the text of the block before it, mended.
A block with a file's name in its fence (`python helper.py`) stands beside the next unnamed one.
"""

import ast
import re
from typing import NamedTuple

from labhand.core.errors import InputError
from labhand.core.registry import Extension, source_of

_FENCE = re.compile(r"^(?P<marks>`{3,}|~{3,})\s*(?P<info>[^`]*?)\s*$")
_HEADING = re.compile(r"^(#+)\s+(.*?)\s*#*$")
_MARK = re.compile(r"\s*(?:#|//|;)\s*finding:\s*(?P<names>[\w-]+(?:\s*,\s*[\w-]+)*)\s*$")

SECTIONS: dict[str, tuple[str, ...]] = {
    "rule": (
        "What it does",
        "Why is this bad",
        "Known problems",
        "Example",
        "Use instead",
        "Fix safety",
        "References",
    ),
    "detector": ("What it does", "References"),
    "failure": ("What it does",),
    "fixer": ("What it does",),
    "launcher": ("What it does",),
    "agent": ("What it does", "Known problems"),
    "reader": (),
    "scan-detector": ("What it does", "Known problems"),
    "scan-reader": (),
}
"""The sections that the documentation of each kind of extension must have, beside its first sentence."""


class Case(NamedTuple):
    """One block of a case file.

    `title` is the nearest heading above it, `prose` the text between; `text` is without marks;
    `expected` pairs of rule and line, lines counting from 1; `fixed` the mended text; `line` where
    the block begins in the file; `beside` other files by name.
    """

    title: str
    prose: str
    language: str
    text: str
    expected: list[tuple[str, int]]
    fixed: str | None
    line: int
    beside: dict[str, str]


class _Block(NamedTuple):
    title: str
    prose: str
    info: list[str]
    lines: list[str]
    line: int


def parse(text: str) -> list[Case]:
    """The cases of a file, in order.

    Raises:
        InputError: a fence is never closed, or a `fixed` block follows no other.
    """
    cases: list[Case] = []
    beside: dict[str, str] = {}
    for block in _blocks(text):
        body = "".join(f"{line}\n" for line in block.lines)
        if "fixed" in block.info:
            if not cases:
                raise InputError(f"the `fixed` block at line {block.line} follows no other block")
            cases[-1] = cases[-1]._replace(fixed=body)
            continue
        named = next((word for word in block.info[1:] if "." in word), None)
        if named is not None:
            beside[named] = body
            continue
        cases.append(_case(block, beside))
        beside = {}
    return cases


def documentation(extension: Extension) -> str:
    """The docstring of an extension's class, or of its file where only that has sections. Runs nothing."""
    tree = ast.parse(source_of(extension).read_text(encoding="utf-8"))
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef)]
    own = [c for c in classes if c.name == extension.kind.symbol]
    nodes: list[ast.ClassDef | ast.Module] = [*own, tree]
    written = [ast.get_docstring(node) or "" for node in nodes]
    return next((text for text in written if sections(text)), written[-1])


def summary(documentation: str) -> str:
    """The first line of an extension's documentation."""
    return documentation.strip().partition("\n")[0].strip()


def sections(documentation: str) -> dict[str, str]:
    """The sections of an extension's documentation by their titles."""
    found: dict[str, str] = {}
    title = ""
    fenced = False
    for line in documentation.split("\n"):
        fenced ^= bool(_FENCE.match(line))
        heading = None if fenced else _HEADING.match(line)
        if heading:
            title = heading[2].rstrip("?:")
            found[title] = ""
        elif title:
            found[title] += f"{line}\n"
    return {name: body.strip() for name, body in found.items()}


def missing_sections(kind: str, documentation: str) -> list[str]:
    """The sections that an extension of a kind must have and that are absent or empty."""
    found = sections(documentation)
    return [name for name in SECTIONS[kind] if not found.get(name)]


def _blocks(text: str) -> list[_Block]:
    found: list[_Block] = []
    title, prose = "", list[str]()
    lines = text.split("\n")
    position = 0
    while position < len(lines):
        line = lines[position]
        fence, heading = _FENCE.match(line), _HEADING.match(line)
        if fence:
            close = _closing(lines, position, fence["marks"])
            body = lines[position + 1 : close]
            told = "\n".join(prose).strip()
            found.append(_Block(title, told, fence["info"].split(), body, position + 1))
            position, prose = close, []
        elif heading:
            title, prose = heading[2], []
        else:
            prose.append(line)
        position += 1
    return found


def _closing(lines: list[str], start: int, marks: str) -> int:
    for position in range(start + 1, len(lines)):
        line = lines[position].strip()
        if line.startswith(marks) and not line.strip(marks[0]):
            return position
    raise InputError(f"the block that begins at line {start + 1} is never closed; add `{marks}`")


def _case(block: _Block, beside: dict[str, str]) -> Case:
    lines: list[str] = []
    expected: list[tuple[str, int]] = []
    for number, line in enumerate(block.lines, 1):
        mark = _MARK.search(line)
        if mark:
            expected += [(name.strip(), number) for name in mark["names"].split(",")]
            line = line[: mark.start()]
        lines.append(f"{line}\n")
    return Case(
        title=block.title,
        prose=block.prose,
        language=block.info[0] if block.info else "",
        text="".join(lines),
        expected=expected,
        fixed=None,
        line=block.line,
        beside=beside,
    )
