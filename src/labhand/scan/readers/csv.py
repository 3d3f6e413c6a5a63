"""Tables of separated values: the delimiter, the encoding, the header and the types are found.

Facts: `delimiter`, `header` (whether there was one), `short` and `long` (rows with too few or too
many fields), `odd_delimiter` (rows that only `other` splits), `encoding`, `bad_bytes` (rows
with bytes of another encoding), `preamble` (how many lines stood before the table).
"""

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.core.errors import InputError
from labhand.scan.readers import Table
from labhand.scan.readers._content import SUFFIXES as PACKED
from labhand.scan.readers._content import Content, decoded, inner, is_text, pieces_of
from labhand.scan.readers._content import content as content_of

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = {".csv", ".tsv", ".tab", ".psv", ".data", ".txt"}
DELIMITERS = ",\t;|"
SMALL = 200_000_000
"""Bytes of a file every line of which is looked at."""
SHARE = 6
"""Part of the memory that a file may have as bytes, and still be read whole: a table takes more."""
PIECES = 40
"""Part of the memory that one piece of a larger file has."""
LONGEST = 100
"""Lines over which a cell in quotes may go."""
PREAMBLE = 10
"""Lines that may stand before a table."""
CODES = 0.9
"""The share of cells of nothing but digits from which on a column with zeros in front holds codes."""
_PLACES: list[tempfile.TemporaryDirectory[str]] = []
"""Where pieces of large files lie, kept as long as this process lives."""
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_AGAIN = re.compile(r"_duplicated_\d+$")
_COMMA = re.compile(rb"(?:^|;)\s*-?\d+,\d+\s*(?=;|\r?$)", re.M)
_POINT = re.compile(rb"(?:^|;)\s*-?\d+\.\d+\s*(?=;|\r?$)", re.M)
_PADDED = re.compile(rb"(?:^|[,;|\t])\s*\"?0\d+\"?\s*(?=[,;|\t]|\r?$)", re.M)
_NUMBER = re.compile(r"\s*[-+]?(\d+[.,]?\d*|\.\d+)([eE][-+]?\d+)?\s*")


class _Form(NamedTuple):
    delimiter: str
    header: bool
    fields: int


class Reader:
    """Reads CSV, TSV and tables with other delimiters, plain or packed (gz, bz2, xz, zst)."""

    fallback = True

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file is text, or is named as a table."""
        if path.suffix.lower() in PACKED:
            return bool(head) and inner(path) in SUFFIXES
        return is_text(head) and inner(path) in SUFFIXES | {""}

    memory: int | None = None
    """Bytes that a table may take; of a larger file the pieces are put on disk as Parquet."""

    def tables(self, path: Path) -> Iterator[Table]:
        """The one table in the file."""
        yield _together(path, self._pieces)

    def _pieces(self, path: Path) -> Iterable[Content]:
        small = self.memory is None or path.stat().st_size < self.memory / SHARE
        if self.memory is not None and not small and path.suffix.lower() not in PACKED:
            pieces = pieces_of(path, self.memory // PIECES)
            if pieces is not None:
                return map(decoded, pieces)
        return [content_of(path)]


class _Begun(NamedTuple):
    """What the first piece of a file says of all: its form, its header, what stood above the table."""

    form: _Form
    header: bytes
    before: int


def _together(
    path: Path, pieces: Callable[[Path], Iterable[Content]], words: frozenset[str] = frozenset()
) -> Table:
    """The table of a file that comes in one piece, or in several that are put on disk one by one.

    `words` are columns whose cells are kept as written: those that are numbers in some pieces alone.
    """
    import polars as pl

    begun, place, rows = None, None, 0
    frames: list[pl.DataFrame | pl.LazyFrame] = []
    facts: dict[str, Any] = {}
    troubles: list[str] = []
    encodings: list[str] = []
    for read in pieces(path):
        if begun is None:
            begun, content = _beginning(path, read.text)
        else:
            place = place or _place()
            frames[-1] = _on_disk(frames[-1], place)
            content = begun.header + read.text
        frame = _parsed(content, begun.form, path, words)
        for kind, value in _ragged(content, frame, begun.form).items():
            facts[kind] = (
                [*facts.get(kind, []), *(r + rows for r in value)] if kind != "other" else value
            )
        if read.bad:
            above = read.text.count(b"\n", 0, max(0, len(read.text) - len(content)))
            above -= begun.header.count(b"\n") if frames else 0
            bad = _rows_of(read.bad, content, above, begun.form.header)
            facts["bad_bytes"] = [*facts.get("bad_bytes", []), *(r + rows for r in bad)]
        rows += frame.height
        frames.append(frame)
        troubles += read.troubles
        encodings.append(read.encoding)
    assert begun is not None
    made = frames[0]
    if place is not None:
        on_disk = [_on_disk(frame, place) for frame in frames]
        if mixed := _mixed(on_disk) - words:
            return _together(path, pieces, words | mixed)
        made = pl.concat(on_disk, how="diagonal_relaxed")
    names = made.lazy().collect_schema().names()
    told = [*_told(facts, len(names)), *dict.fromkeys(troubles), *_odd_names(names, begun.form)]
    facts |= {"delimiter": begun.form.delimiter, "header": begun.form.header}
    facts["encoding"] = max(set(encodings), key=encodings.count)
    if begun.before:
        facts["preamble"] = begun.before
    return Table(made, troubles=tuple(told), facts=facts)


def _beginning(path: Path, content: bytes) -> tuple[_Begun, bytes]:
    lines = _first_lines(content)
    if not lines:
        raise InputError(f"{path} holds no line; nothing is to scan in it")
    content, before = _table_alone(content, lines)
    lines = lines[before:]
    form = _form(lines)
    header = content[: len(_first_lines(content)[0].encode())] + b"\n" if form.header else b""
    return _Begun(form, header, before), content


def _mixed(frames: "Sequence[pl.LazyFrame]") -> frozenset[str]:
    """The columns that are words in some pieces and something else in others."""
    import polars as pl

    kinds: dict[str, set[bool]] = {}
    for frame in frames:
        for name, dtype in frame.collect_schema().items():
            kinds.setdefault(name, set()).add(dtype == pl.String)
    return frozenset(name for name, seen in kinds.items() if len(seen) > 1)


def _place() -> Path:
    """A folder for pieces, gone when this process ends."""
    _PLACES.append(tempfile.TemporaryDirectory(prefix="labhand-scan-"))
    return Path(_PLACES[-1].name)


def _on_disk(frame: "pl.DataFrame | pl.LazyFrame", place: Path) -> "pl.LazyFrame":
    import polars as pl

    if isinstance(frame, pl.LazyFrame):
        return frame
    path = place / f"{len(list(place.iterdir())):06}.parquet"
    frame.write_parquet(path)
    return pl.scan_parquet(path)


def _first_lines(content: bytes) -> list[str]:
    head = content[: 1 << 17]
    lines = head.decode(errors="ignore").split("\n")
    whole = lines if len(head) == len(content) else lines[:-1] or lines
    return [line for line in _joined(whole) if line.strip()][:400]


def _joined(lines: list[str]) -> Iterator[str]:
    """The lines, those that end within quotes joined with the next ones up to the closing one."""
    at = 0
    while at < len(lines):
        end = at + 1
        if lines[at].count('"') % 2:
            later = range(at + 1, min(len(lines), at + LONGEST))
            end = next((n + 1 for n in later if lines[n].count('"') % 2), end)
        yield "\n".join(lines[at:end])
        at = end


def _table_alone(content: bytes, lines: list[str]) -> tuple[bytes, int]:
    """The content from the header on, and how many lines stood before; a name for R's row names."""
    plain = [_QUOTED.sub('""', line) for line in lines]
    sign = max(DELIMITERS, key=lambda d: _fit(plain, d))
    share, usual = _fit(plain[min(PREAMBLE, len(plain) // 2) :], sign)
    if share < 0.9 or not usual or len(plain) < 3:
        return content, 0
    counts = [line.count(sign) for line in plain]
    if counts[0] == usual - 1 and _is_header(plain[0].split(sign), plain[1:], sign):
        return (sign.encode() + content if min(counts[1:]) == usual else content), 0
    before = next((at for at, n in enumerate(counts[:PREAMBLE]) if n >= usual), 0)
    # titles, each alone in its line and padded with delimiters, above the names of the columns
    names = before
    while usual >= 2 and names < min(PREAMBLE, len(plain) - 1) and _filled(plain[names], sign) < 2:
        names += 1
    if counts[names] == usual and _filled(plain[names], sign) > 1:
        before = names
    for line in lines[:before]:
        content = content[content.index(line.encode()) + len(line.encode()) :].lstrip(b"\r\n")
    return content, before


def _filled(line: str, sign: str) -> int:
    """How many cells of a line, its quoted ones made `""`, hold anything."""
    return sum(bool(cell.strip()) for cell in line.replace('""', "x").split(sign))


def _form(lines: list[str]) -> _Form:
    plain = [_QUOTED.sub('""', line) for line in lines]
    best = max(DELIMITERS, key=lambda d: _fit(plain, d))
    counts = Counter(line.count(best) for line in plain)
    fields = counts.most_common(1)[0][0] + 1
    first = plain[0].split(best) if best in plain[0] else [plain[0]]
    return _Form(best, _is_header(first, plain[1:], best), max(fields, plain[0].count(best) + 1))


def _fit(lines: list[str], delimiter: str) -> tuple[float, int]:
    """How many lines a delimiter splits into the same number of fields, and into how many."""
    counts = Counter(line.count(delimiter) for line in lines)
    if counts[0] == len(lines):
        return 0.0, 0
    usual, times = max(((c, n) for c, n in counts.items() if c), key=lambda pair: pair[1])
    return times / len(lines), usual


def _is_header(first: list[str], others: list[str], delimiter: str) -> bool:
    cells = [cell.strip().strip('"') for cell in first]
    if any(_NUMBER.fullmatch(cell) for cell in cells):
        years = all(_NUMBER.fullmatch(c) is None or re.fullmatch(r"\d{1,4}", c) for c in cells)
        below = [line.split(delimiter) for line in others[:20]]
        words = any(_NUMBER.fullmatch(c) is None for c in cells)
        texts = below and all(_NUMBER.fullmatch(row[0].strip()) is None for row in below)
        return bool(years and words and len(set(cells)) == len(cells) and not texts)
    return len(cells) > 1 or bool(others)


def _parsed(content: bytes, form: _Form, path: Path, words: Iterable[str] = ()) -> "pl.DataFrame":
    """The table; columns whose cells are not all of one type, and `words`, stay strings."""
    import polars as pl

    given: dict[str, Any] = {
        "separator": form.delimiter,
        "has_header": form.header,
        "truncate_ragged_lines": True,
        "raise_if_empty": False,
    }
    if form.delimiter == ";" and _decimal_comma(content):
        given["decimal_comma"] = True
    words = {*words, *_codes(content, given)}
    as_written = {name: pl.String for name in words}
    try:
        return pl.read_csv(
            content, infer_schema_length=10_000, schema_overrides=as_written, **given
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pass
    for quote in ('"', None):
        try:
            frame = pl.read_csv(content, infer_schema=False, quote_char=quote, **given)
            return _typed(frame, words)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            told = str(error).split("\n")[0]
    raise InputError(f"{path} is no table of separated values that can be read: {told}")


def _codes(content: bytes, given: dict[str, Any]) -> Iterator[str]:
    """The columns of codes that begin with zeros, such as 01067: as numbers they would lose them."""
    import polars as pl

    head = content[: 1 << 16]
    head = head[: head.rfind(b"\n") + 1] if len(head) < len(content) else head
    if not _PADDED.search(head):
        return
    with suppress(pl.exceptions.PolarsError, pl.exceptions.PanicException):
        frame = pl.read_csv(head, infer_schema=False, **given)
        for cells in frame.iter_columns():
            known = cells.drop_nulls()
            padded = known.str.contains(r"^\s*0\d+\s*$")
            if padded.any() and known.str.contains(r"^\s*\d+\s*$").mean() > CODES:  # type: ignore[operator]
                yield cells.name


def _decimal_comma(content: bytes) -> bool:
    """Whether numbers are written as 3,14: many cells are so, and none with a point."""
    head = content[: 1 << 16]
    return len(_COMMA.findall(head)) > 3 and not _POINT.search(head)


def _typed(frame: "pl.DataFrame", words: Iterable[str]) -> "pl.DataFrame":
    """Strings as numbers or truth values where every cell of a column is one."""
    import polars as pl

    for name in set(frame.columns) - set(words):
        cells = frame[name]
        for dtype in (pl.Int64, pl.Float64):
            made = cells.cast(dtype, strict=False)
            if made.null_count() == cells.null_count():
                frame = frame.with_columns(made)
                break
    return frame


def _ragged(content: bytes, frame: "pl.DataFrame", form: _Form) -> dict[str, Any]:
    """What rows have too few or too many fields, by counting delimiters outside of quotes."""
    if frame.width < 2 or not frame.height or not _may_be_ragged(content, frame, form):
        return {}
    lines = _records(content)
    counts = lines.str.count_matches(form.delimiter, literal=True)[int(form.header) :]
    facts: dict[str, Any] = _other_delimiter(lines[int(form.header) :], counts, frame, form)
    for name, odd in (("short", counts < frame.width - 1), ("long", counts > frame.width - 1)):
        rows = odd.arg_true().to_list()
        if rows and len(counts) == frame.height:
            facts[name] = rows
    return facts


def _told(facts: dict[str, Any], width: int) -> Iterator[str]:
    for name, what in (("short", "few"), ("long", "many")):
        if rows := facts.get(name):
            yield (
                f"{len(rows)} {'row has' if len(rows) == 1 else 'rows have'} too {what} fields (the first: "
                f"row {rows[0]}); expected {width}"
            )


def _rows_of(bad: list[int], content: bytes, before: int, header: bool) -> list[int]:
    """The rows in which some lines of the file stand, of which `before` stood above the table."""
    lines, record = _numbered(content)
    first = 1 + int(header)
    inside = [line - before for line in bad if before <= line < before + len(lines)]
    return sorted({int(record[line]) - first for line in inside if record[line] >= first})


def _numbered(content: bytes) -> tuple["pl.Series", "pl.Series"]:
    """The lines of a table, and the number of the record, from 1, that each belongs to."""
    import polars as pl

    lines = pl.Series(content.decode(errors="replace").split("\n")).str.strip_chars_end("\r")
    quotes = lines.str.count_matches('"', literal=True).cast(pl.Int64)
    # a line that begins within quotes goes on with the record of the line before
    return lines, (((quotes.cum_sum() - quotes) % 2) == 0).cast(pl.Int64).cum_sum()


def _records(content: bytes) -> "pl.Series":
    """The records of a table, one string each, without what stands in quotes."""
    import polars as pl

    lines, record = _numbered(content)
    if record[-1] < len(lines):
        both = pl.DataFrame({"line": lines, "record": record})
        joined = both.group_by("record", maintain_order=True).agg(pl.col("line").str.join("\n"))
        lines = joined["line"]
    if b'"' in content:
        lines = lines.str.replace_all(_QUOTED.pattern, '""')
    return lines.filter(lines != "")


def _odd_names(names: list[str], form: _Form) -> list[str]:
    """What is off with the names of the columns, a sentence each."""
    if not form.header:
        return ["there is no header; columns are named column_1, column_2, …"]
    again = [n for n in names if _AGAIN.search(n) and _AGAIN.sub("", n) in names]
    told = ", ".join(f"`{n}`" for n in again[:3]) + (", …" if len(again) > 3 else "")
    return (
        [f"the header has a name more than once; the later ones are read as {told}"]
        if again
        else []
    )


def _other_delimiter(
    lines: "pl.Series", counts: "pl.Series", frame: "pl.DataFrame", form: _Form
) -> dict[str, Any]:
    """The rows that have none of the file's delimiters, and as many of another as they should."""
    none = counts == 0
    if not none.any():
        return {}
    for sign in DELIMITERS.replace(form.delimiter, ""):
        odd = none & (lines.str.count_matches(sign, literal=True) == frame.width - 1)
        if odd.any():
            return {"odd_delimiter": odd.arg_true().to_list(), "other": sign}
    return {}


def _may_be_ragged(content: bytes, frame: "pl.DataFrame", form: _Form) -> bool:
    """Of a big file lines are looked at only where the sum of all delimiters is off."""
    if len(content) < SMALL:
        return True
    lines = frame.height + int(form.header)
    return content.count(form.delimiter.encode()) != lines * (frame.width - 1)
