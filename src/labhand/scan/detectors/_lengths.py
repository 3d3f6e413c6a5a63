"""What goes with a length: lists beside lists, masks beside what they mask, numbers beside the text they count."""

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import ROW, Data, Part, number
from labhand.scan.detectors._cells import counted, share, shown
from labhand.scan.texts import texts

if TYPE_CHECKING:
    import polars as pl

LEAST = 50
MOST = 0.05
"""The share of rows up to which those that break the rule are the mistakes."""
COUNTED = 0.9
"""The share of rows whose number must be the count of something for the others to be wrong."""
MOST_ITEMS = 5_000_000
"""Items of lists up to which masks are held against what they mask."""
TIGHT, TOGETHER = 0.3, 0.4
"""How little a number may vary beside the length of its text, by logarithms, and how well their ranks must agree."""
FAR, TIMES = 8.0, 2.2
"""How many deviations, and how many times, a number must be off the length of its text."""


def broken(data: Data, part: Part) -> Iterator[Anomaly]:
    """Lists, masks and numbers whose length is not that of what they belong to."""
    if part.rows < LEAST:
        return
    lists = [n for n in part.names if _is_list(part.columns[n].dtype)]
    for left, right in itertools.combinations(lists[:12], 2):
        yield from _unlike(part, left, right)
    for name in lists:
        yield from _twice(part, name)
    for mask, other in itertools.permutations([n for n in lists if _is_whole(part, n)][:12], 2):
        yield from _masked(part, mask, other)
    words = [t.column for t in texts(data, part) if not t.spoken]
    numbers = [c for c in part.columns.values() if c.kind == "number" and c.unique > 5 and not c.is_id]  # fmt: skip
    for text, column in itertools.product(words[:8], numbers[:30]):
        yield from _beside(part, text, column)


def _is_list(dtype: Any) -> bool:
    import polars as pl

    return isinstance(dtype, pl.List)


def _is_whole(part: Part, name: str) -> bool:
    inner = getattr(part.columns[name].dtype, "inner", None)
    return inner is not None and inner.is_integer()


def _unlike(part: Part, left: str, right: str) -> Iterator[Anomaly]:
    import polars as pl

    long, other = (pl.col(n).list.len() for n in (left, right))
    found = part.where((long != other) & (long > 0) & (other > 0), column=pl.lit(right))
    if not 0 < len(found) <= MOST * part.rows:
        return
    row = int(found["row"][0])
    here = part.at([row], [left, right]).row(0, named=True)
    yield _claim(
        part,
        found,
        [left, right],
        f"`{left}` and `{right}` are of one length in all but {counted(len(found), 'row')} of {part.rows:,}, as row "
        f"{row}: {len(here[left]):,} and {len(here[right]):,}",
        f"`{left}` and `{right}` have as many items",
    )


def _twice(part: Part, name: str) -> Iterator[Anomaly]:
    """Lists that hold an item twice where those of all other rows hold each once."""
    import polars as pl

    inner: Any = getattr(part.columns[name].dtype, "inner", None)
    if inner is None or inner.is_nested() or inner.is_float():
        return
    cell = pl.col(name)
    long = cell.list.len() >= 3
    found = part.where(long & (cell.list.n_unique() < cell.list.len()), column=pl.lit(name))
    rows = int(part.select(long.sum()).item() or 0)
    if rows < LEAST or not 0 < len(found) <= MOST * rows:
        return
    yield _claim(
        part,
        found,
        [name],
        f"{counted(len(found), 'row')} of {part.rows:,} hold an item twice in `{name}`, as row {int(found['row'][0])}; in "
        f"the other {rows - len(found):,} lists each item stands once",
        f"an item stands once in `{name}`",
    )


def _masked(part: Part, mask: str, other: str) -> Iterator[Anomaly]:
    """Rows whose mask covers items, or leaves out fillings, that it does not elsewhere."""
    import polars as pl

    head = part.lazy.select(pl.col(mask).head(200).explode()).collect()[mask].drop_nulls()
    if set(head.unique().to_list()) != {0, 1}:
        return
    long = pl.col(mask).list.len()
    same = part.lazy.filter(long == pl.col(other).list.len()).select(ROW, mask, other)
    if float(same.select(long.sum()).collect().item() or 0) > MOST_ITEMS:
        return
    items = same.explode(mask, other).collect()
    filling = items.filter(pl.col(mask) == 0)[other].value_counts(sort=True)
    if not len(filling) or float(filling["count"][0]) < COUNTED * float(filling["count"].sum()):
        return
    value = filling[other][0]
    wrong = (pl.col(mask) == 0) != (pl.col(other) == value)
    rows = items.group_by(ROW).agg(score=wrong.sum().cast(pl.Float64)).filter(pl.col("score") > 0)
    if not 0 < len(rows) <= MOST * part.rows:
        return
    found = rows.select(row=pl.col(ROW), score="score", column=pl.lit(mask))
    found = found.sort("score", "row", descending=[True, False])
    first = found.row(0, named=True)
    yield _claim(
        part,
        found,
        [mask, other],
        f"`{mask}` is 0 where `{other}` is filled up with {shown(value)}, in all but {counted(len(found), 'row')} of "
        f"{part.rows:,}, as row {first['row']} with {first['score']:,.0f} items that differ",
        f"`{mask}` is 0 for fillings alone",
    )


def _beside(part: Part, text: str, column: Column) -> Iterator[Anomaly]:
    import polars as pl

    said = pl.col(text)
    blank = said.str.strip_chars().str.len_chars() == 0
    frame = part.select(
        row=pl.col(ROW),
        n=number(column),
        letters=said.str.len_chars().cast(pl.Float64),
        bytes=said.str.len_bytes().cast(pl.Float64),
        words=said.str.count_matches(r"\S+").cast(pl.Float64),
        blank=blank,
    ).drop_nulls()
    if len(frame) < LEAST:
        return
    for what in ("letters", "words", "bytes"):
        equal = frame.select((pl.col("n") == pl.col(what)).mean()).item()
        if equal >= COUNTED:
            odd = frame.filter(pl.col("n") != pl.col(what))
            if len(odd):
                yield _miscounted(part, text, column.name, what, odd)
            return
    yield from _out_of_step(part, text, column, frame.filter(~pl.col("blank") & (pl.col("n") > 0)))


def _miscounted(part: Part, text: str, name: str, what: str, odd: "pl.DataFrame") -> Anomaly:
    import polars as pl

    found = odd.select(
        "row",
        score=(pl.col("n") - pl.col(what)).abs(),
        column=pl.lit(name),
        value=pl.col("n").cast(pl.String),
        suggested=pl.col(what).cast(pl.String),
    ).sort("score", "row", descending=[True, False])
    first = found.row(0, named=True)
    return _claim(
        part,
        found,
        [text, name],
        f"`{name}` is the number of {what} of `{text}` in all but {counted(len(found), 'row')} of {part.rows:,}, as row "
        f"{first['row']}: {first['value']} where there are {first['suggested']}",
        f"`{name}` counts the {what} of `{text}`",
    )


def _out_of_step(part: Part, text: str, column: Column, frame: "pl.DataFrame") -> Iterator[Anomaly]:
    """Numbers that go along with the length of a text, as seconds of speech do, and those that do not."""
    import polars as pl

    if len(frame) < 2 * LEAST:
        return
    logs = frame.with_columns(r=(pl.col("n") / pl.col("letters")).log())
    logs = logs.with_columns(away=pl.col("r") - pl.col("r").median())
    spread = 1.4826 * float(logs["away"].abs().median() or 0.0)  # type: ignore[arg-type]
    usual = logs.filter(pl.col("away").abs() <= 3 * spread)
    together = usual.select(pl.corr("n", "letters", method="spearman")).item()
    if not 0 < spread <= TIGHT or not together >= TOGETHER:
        return
    odd = logs.filter(pl.col("away").abs() > max(FAR * spread, math.log(TIMES)))
    if not 0 < len(odd) <= MOST * part.rows:
        return
    found = odd.select(
        "row", score=pl.col("away").abs(), column=pl.lit(column.name), value=pl.col("n").cast(pl.String)
    ).sort("score", "row", descending=[True, False])  # fmt: skip
    first = odd.sort(pl.col("away").abs(), "row", descending=[True, False]).row(0, named=True)
    rate = math.exp(float(logs["r"].median()))  # type: ignore[arg-type]
    yield _claim(
        part,
        found,
        [text, column.name],
        f"`{column.name}` goes with the length of `{text}` in all but {counted(len(found), 'row')} of {part.rows:,} "
        f"({share(len(found), part.rows)}), as row {first['row']}: {shown(first['n'])} beside {first['letters']:,.0f} "
        f"letters, where {shown(first['letters'] * rate)} would be usual",
        f"`{column.name}` is about {rate:.3g} a letter of `{text}`",
    )


def _claim(
    part: Part, found: "pl.DataFrame", columns: list[str], message: str, normal: str
) -> Anomaly:
    return Anomaly(
        part,
        message,
        f"look which of {' and '.join(f'`{c}`' for c in columns)} is wrong in these rows",
        0.85,
        found,
        columns,
        "warning",
        normal=normal,
        group="length",
    )
