"""Slices on which predictions are much worse than on the rest."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import ROW, CannotLook, Data, Part
from labhand.scan.detectors._cells import counted, share, shown

if TYPE_CHECKING:
    import polars as pl

LEAST = 20
"""Rows of a slice."""
DEVIATIONS = 5.0
TIMES = 1.8
"""How much more often wrong a slice must be."""


class Detector:
    """Slices on which predictions are much worse than on the rest.

    ## What it does
    Takes the column of predictions, or `--probabilities`, and looks in which values of which column, and
    in which quarter of which numbers, they are wrong far more often, corrected for how many slices were
    looked at.

    ## Why is this bad
    One number over all rows hides it.

    ## Known problems
    Slices overlap: only the worst of each column is told.

    ## Example
    6 % wrong over all, 41 % where `camera` is `b`

    ## Use instead
    Look whether the slice's labels are right and whether it is in the training split; then collect more
    of it.
    """

    needs = ("label",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column."""
        if data.role("prediction") is None and data.probabilities is None:
            raise CannotLook(
                "there are no predictions; name their column by `--prediction`, or give `--probabilities`"
            )
        for part in data.parts:
            wrong = _wrong(data, part)
            if wrong is not None:
                yield from _look(data, part, wrong)


def _wrong(data: Data, part: Part) -> "pl.DataFrame | None":
    """Of each row whether the prediction is not the label."""
    import polars as pl

    label, told = data.role("label"), data.role("prediction")
    if label not in part.names:
        return None
    if told in part.names:
        if part.columns[label].kind == "number" and not part.columns[label].whole:
            return None
        same = pl.col(str(label)).cast(pl.String, strict=False) == pl.col(str(told)).cast(
            pl.String, strict=False
        )
        return part.lazy.select(ROW, wrong=~same).collect().drop_nulls()
    if data.probabilities is None:
        return None
    from labhand.scan.believing import beliefs

    known = beliefs(data, part)
    return pl.DataFrame(
        {ROW: known.rows, "wrong": known.probabilities.argmax(axis=1) != known.given}
    )


def _look(data: Data, part: Part, wrong: "pl.DataFrame") -> Iterator[Anomaly]:
    import polars as pl

    total, bad = len(wrong), int(wrong["wrong"].sum())
    apart = {data.role(r) for r in ("label", "prediction", "id", "split")}
    columns = [c for c in part.columns.values() if c.name not in apart and not c.is_id]
    if not bad or bad == total or total < 4 * LEAST:
        return
    for column in columns:
        slices = _slices(part, column)
        if slices is not None:
            rows = part.lazy.select(ROW, s=slices).collect().join(wrong, on=ROW)
            each = rows.drop_nulls("s").group_by("s").agg(n=pl.len(), bad=pl.col("wrong").sum())
            yield from _worst(part, column, rows, each, (total, bad), len(columns))


def _slices(part: Part, column: Column) -> Any:
    import polars as pl

    cell = pl.col(column.name)
    if column.kind in ("category", "flag") and 2 <= column.unique <= 100:
        return cell.cast(pl.String, strict=False)
    if column.kind == "number" and column.unique > 10 and column.dtype.is_numeric():
        assert column.q25 is not None and column.median is not None and column.q75 is not None
        value = cell.cast(pl.Float64)
        made: Any = pl.when(value.is_null()).then(None)
        for cut in (column.q25, column.median, column.q75):
            made = made.when(value <= cut).then(pl.lit(f"up to {cut:.4g}"))
        return made.otherwise(pl.lit(f"above {column.q75:.4g}"))
    if column.kind == "number" and column.unique >= 2:
        return cell.cast(pl.String, strict=False)
    return None


def _worst(
    part: Part, column: Column, rows: "pl.DataFrame", each: "pl.DataFrame",
    whole: tuple[int, int], looked: int,
) -> Iterator[Anomaly]:  # fmt: skip
    import math

    import polars as pl

    total, bad = whole
    need = max(DEVIATIONS, 2 + math.sqrt(2 * math.log(max(1, looked * len(each)))))
    worst = None
    for value, n, wrong in each.iter_rows():
        rest = (bad - wrong + 1) / (total - n + 2)
        spread = math.sqrt(rest * (1 - rest) / n)
        away = (wrong / n - rest) / spread
        if n >= LEAST and n <= total / 2 and away > need and wrong / n > TIMES * rest:
            worst = max(worst or (0.0, "", 0, 0, 0.0), (away, str(value), n, wrong, rest))
    if worst is None:
        return
    _, value, n, wrong, rest = worst
    inside = rows.filter((pl.col("s") == value) & pl.col("wrong"))
    found = inside.sort(ROW).select(row=ROW, score=pl.lit(1.0))
    yield Anomaly(
        part,
        f"{share(wrong, n)} of the {counted(n, 'row')} in which `{column.name}` is {shown(value)} are "
        f"predicted wrong, {share(rest, 1)} of the others",
        "look at the labels of this slice, and whether training rows are like it",
        0.85,
        found,
        [column.name],
        "warning",
        normal=f"{share(rest, 1)} are wrong elsewhere",
    )
