"""One file of code as a thing to ask about: text, tree, notebook cells, and what could not be read."""

import ast
import io
import json
import re
import tokenize
import warnings
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from labhand.core.errors import InputError
from labhand.kit.code.model import Index
from labhand.kit.code.paths import Names

_CELL_LANGUAGE = re.compile(r"^%%(?!time|timeit|capture|prun|snakeviz|memit)\w+")
_MAGIC = re.compile(r"^(\s*)(?:%|!|\?|\w[\w.]*\?\??\s*$)")
_MAGIC_VALUE = re.compile(r"^(\s*[\w, ]+=\s*)[!%].*$")


MOST_CHARACTERS = 1_000_000
"""Longer files are data or generated, and would take seconds to look at."""


class Cell(NamedTuple):
    """A code cell of a notebook: its place among all cells (from 0), its first line in the text.

    `ran` is the number that the kernel gave its last execution; None where it is not known.
    """

    number: int
    first_line: int
    ran: int | None = None


class Source:
    """A Python file or notebook. `text` of a notebook is its code cells one after the other.

    `error` is one sentence where the file cannot be analysed; then `tree` is empty.
    """

    def __init__(self, path: Path, text: str, cells: list[Cell] | None = None) -> None:
        self.path = path
        self.folder = str(path.parent)
        self.text = text
        self.cells = cells or []
        self.error: str | None = None
        self.tree = ast.Module(body=[], type_ignores=[])
        if len(text) > MOST_CHARACTERS:
            size = len(text) / 1e6
            self.error = f"it holds {size:.1f} million characters, more than a person writes"
            return
        try:
            self.tree = _parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self.error = _why_unparsable(error)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text, without their ends."""
        return re.split(r"\r\n|\r|\n", self.text)

    @cached_property
    def index(self) -> Index:
        """Scopes, classes, bindings and parents of the tree."""
        return Index(self.tree)

    @cached_property
    def names(self) -> Names:
        """Which bindings reach which uses, and the ways through each function."""
        return Names(self.index)

    def place(self, line: int) -> tuple[int, int | None]:
        """Line and cell of a line of `text`: within its cell in a notebook, else as it is."""
        cell = next((c for c in reversed(self.cells) if c.first_line <= line), None)
        return (line - cell.first_line + 1, cell.number) if cell else (line, None)

    @cached_property
    def disorder(self) -> tuple[Cell, Cell] | None:
        """The first two cells of a notebook that last ran the other way round than they stand."""
        ran = [cell for cell in self.cells if cell.ran is not None]
        for upper, lower in pairwise(ran):
            if (lower.ran or 0) < (upper.ran or 0):
                return upper, lower
        return None

    def column(self, node: ast.expr | ast.stmt) -> int:
        """The column where a node begins, from 1, in characters."""
        return self._characters(node.lineno, node.col_offset) + 1

    def end_column(self, node: ast.expr | ast.stmt) -> int:
        """The column after a node's last character, from 1, in characters."""
        return self._characters(node.end_lineno or node.lineno, node.end_col_offset or 0) + 1

    def _characters(self, line: int, offset: int) -> int:
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return offset if text.isascii() else len(text.encode()[:offset].decode(errors="replace"))


def load(path: Path) -> Source:
    """The source in a file; a file that cannot be decoded or parsed comes with its `error` set.

    Raises:
        InputError: the file cannot be read at all.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; check the path and its permissions"
        ) from error
    if path.suffix == ".ipynb":
        return _notebook(path, raw)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        return Source(path, raw.decode(encoding).removeprefix("\ufeff"))
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        return _unreadable(path, f"its bytes are no text in the encoding it declares ({error})")


def _notebook(path: Path, raw: bytes) -> Source:
    try:
        cells = json.loads(raw)["cells"]
        texts = [
            (number, _without_magics("".join(cell["source"])), _ran(cell))
            for number, cell in enumerate(cells)
            if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = "its JSON is broken" if isinstance(error, ValueError) else "its cells cannot be found"
        return _unreadable(path, f"it is no notebook of format 4 ({why}); save it again in Jupyter")
    source = _joined(path, texts)
    if source.error:
        source = _joined(path, [(n, t if _parses(t) else _blank(t), ran) for n, t, ran in texts])
    return source


def _ran(cell: dict[str, object]) -> int | None:
    count = cell.get("execution_count")
    return count if isinstance(count, int) else None


def _joined(path: Path, texts: list[tuple[int, str, int | None]]) -> Source:
    line, cells, parts = 1, [], []
    for number, text, ran in texts:
        cells.append(Cell(number, line, ran))
        parts.append(text.rstrip("\n") + "\n")
        line += parts[-1].count("\n")
    return Source(path, "".join(parts), cells)


def _without_magics(text: str) -> str:
    if _CELL_LANGUAGE.match(text):
        return _blank(text)
    kept = []
    for line in text.split("\n"):
        magic = _MAGIC.match(line)
        if magic:
            kept.append(f"{magic[1]}pass")
        else:
            kept.append(_MAGIC_VALUE.sub(r"\1None", line))
    return "\n".join(kept)


def _blank(text: str) -> str:
    return "\n" * text.count("\n")


def _parses(text: str) -> bool:
    try:
        _parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes in the checked code are not ours to tell
        return ast.parse(text)


def _unreadable(path: Path, why: str) -> Source:
    source = Source(path, "")
    source.error = f"it cannot be analysed: {why}"
    return source


def _why_unparsable(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        hint = "; it looks like Python 2" if "Missing parentheses" in (error.msg or "") else ""
        return f"line {error.lineno} is no Python that this interpreter reads: {error.msg}{hint}"
    if isinstance(error, RecursionError | MemoryError):
        return "it cannot be parsed: it nests too deeply; split its longest expression or branches"
    return f"it cannot be parsed: {type(error).__name__}: {error}"
