"""What several detectors need to find and tell spans of characters in texts."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.data import Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.texts import Texts

if TYPE_CHECKING:
    import polars as pl

USUAL = 0.3
"""The share of rows from which on a thing is how the data is written."""
MOST_SPANS = 20
"""Spans of one text that are told, the surest."""


class Span(NamedTuple):
    """A span of characters of a text, what it is, and how surely it is off (0 to 1)."""

    start: int
    end: int
    what: str
    weight: float = 1.0


Finder = Callable[[str], Iterable[Span]]


def spans(some: Iterable[Texts], rough: "pl.Expr", finder: Finder) -> "pl.DataFrame":
    """The spans that `finder` gives in the texts for which `rough` holds, strongest first.

    `rough` is an expression over the column `text` that may be true too often; `finder` decides.
    The columns are row, score (the weight), column, turn, start, end, what, excerpt.
    """
    import polars as pl

    lines: list[tuple[Any, ...]] = []
    for one in some:
        some_texts = one.lazy.filter(pl.col("text").is_not_null() & rough)
        frame = some_texts.select("row", "turn", "text").collect(engine="streaming")
        for row, turn, text in frame.iter_rows():
            lines += [
                (row, s.weight, one.column, turn, s.start, s.end, s.what, text[s.start : s.end])
                for s in sorted(finder(text), key=lambda s: -s.weight)[:MOST_SPANS]
            ]
    schema = {"row": pl.Int64, "score": pl.Float64, "column": pl.String, "turn": pl.Int64}
    more = {"start": pl.Int64, "end": pl.Int64, "what": pl.String, "excerpt": pl.String}
    made = pl.DataFrame(lines, schema={**schema, **more}, orient="row")
    return made.sort("score", "row", "start", descending=[True, False, False])


def settled(found: "pl.DataFrame") -> "pl.DataFrame":
    """Spans as the `found` of an anomaly: without `turn` where no text has turns."""
    import polars as pl

    empty = found["turn"].null_count() == len(found)
    return found.drop("turn") if empty else found.with_columns(pl.col("turn"))


def columns_of(found: "pl.DataFrame") -> list[str]:
    """The columns that the spans are in."""
    return found["column"].unique(maintain_order=True).to_list()


def kinds(found: "pl.DataFrame", most: int = 4) -> str:
    """`3 email addresses, 1 phone number`: what the spans are, the commonest first."""
    import polars as pl

    counts = (
        found.group_by("what").agg(pl.len().alias("n")).sort("n", "what", descending=[True, False])
    )
    told = [f"{n:,} × {what}" for what, n in counts.head(most).iter_rows()]
    return ", ".join(told) + (", …" if len(counts) > most else "")


def rows_hold(part: Part, found: "pl.DataFrame", what: str) -> str:
    """`12 of 500 rows (2.4 %) hold <what>, as row 7 in `text`: `…``."""
    rows = found["row"].n_unique()
    first = found.row(0, named=True)
    turn = "" if first["turn"] is None else f", turn {first['turn']}"
    return (
        f"{rows:,} of {part.rows:,} rows ({share(rows, part.rows)}) hold {what}, as row "
        f"{first['row']} in `{first['column']}`{turn}: {shown(first['excerpt'])}"
    )


def is_usual(part: Part, found: "pl.DataFrame") -> bool:
    """Whether so many rows have it that it is how the data is written."""
    return found["row"].n_unique() > USUAL * part.rows + 2


def each(found: "pl.DataFrame", *names: str) -> Iterator[tuple[Any, ...]]:
    """The lines of some columns."""
    yield from found.select(names).iter_rows()
