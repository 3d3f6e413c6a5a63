"""What a column holds, found in one pass over the data."""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from labhand.scan.matrices import wide

if TYPE_CHECKING:
    import polars as pl

    from labhand.scan.data import Part

Kind = Literal["number", "category", "text", "flag", "time", "vector", "other"]

AT_ONCE = 400
"""Columns that are looked at in one query: the plan of a wider one takes longer than its run."""
EXACTLY = 2_000_000
"""Rows up to which different values are counted, and not estimated."""
FEW = 50
"""Different values up to which numbers that are whole may be codes."""


class Column(NamedTuple):
    """What a column holds. Statistics are over finite numbers; None where there are none.

    kind: number, category (words that repeat), text (words that hardly repeat), flag (two values),
    time, vector (lists of numbers), other. `unique` counts different values without null; above
    `EXACTLY` rows it is an estimate, and so are the quantiles. `numeric` is the share of the non-null cells that are numbers.
    """

    name: str
    kind: Kind
    dtype: Any
    rows: int
    nulls: int
    unique: int
    numeric: float = 0.0
    whole: bool = False
    min: float | None = None
    q01: float | None = None
    q25: float | None = None
    median: float | None = None
    q75: float | None = None
    q99: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    odd: int = 0
    """Numbers that are not finite."""
    letters: float = 0.0
    """Mean length of a string in characters."""
    words: float = 0.0
    """Mean number of words of a string."""

    @property
    def filled(self) -> int:
        """Rows that have a value."""
        return self.rows - self.nulls

    @property
    def is_id(self) -> bool:
        """Whether nearly every row has a value of its own, as a number of the row or a key has."""
        if self.filled < 20 or self.unique < 0.98 * self.filled:
            return False
        if self.kind == "number":
            assert self.min is not None and self.max is not None
            return self.whole and self.max - self.min < 1.05 * self.filled
        return self.kind in ("category", "text") and self.words < 1.5 and self.letters < 40


def profiled(part: "Part") -> dict[str, Column]:
    """Every column of a part, profiled."""
    schema = part.lazy.collect_schema()
    told: dict[str, dict[str, Any]] = {}
    if part.kept is not None and len(part.names) > AT_ONCE:
        told = wide(part.kept, [n for n in part.names if schema[n].is_numeric()])
    rest = [n for n in part.names if n not in told]
    for start in range(0, len(rest), AT_ONCE):
        some = rest[start : start + AT_ONCE]
        expressions = [e for name in some for e in _expressions(name, schema[name], part.rows)]
        row = part.select(*expressions).row(0, named=True) if expressions else {}
        told |= {name: {k: row.get(f"{name}\0{k}") for k in _KEYS} for name in some}
    return {name: _column(name, schema[name], part.rows, told[name]) for name in part.names}


_KEYS = (
    "nulls unique numeric whole min q01 q25 median q75 q99 max mean std odd letters words".split()
)


def _expressions(name: str, dtype: Any, rows: int) -> list["pl.Expr"]:
    import polars as pl

    cell = pl.col(name)
    made = {"nulls": cell.null_count()}
    if not dtype.is_nested() and dtype != pl.Null:
        made["unique"] = cell.drop_nulls().n_unique() if rows <= EXACTLY else cell.approx_n_unique()
    if dtype == pl.String:
        made["letters"] = cell.str.len_chars().mean()
        made["words"] = (cell.str.count_matches(r"\s+", literal=False) + 1).mean()
        numbers = cell.str.strip_chars().cast(pl.Float64, strict=False)
        made["numeric"] = numbers.count()
        made |= _numbers(numbers, rows)
    elif dtype.is_numeric():
        made["numeric"] = cell.count()
        made |= _numbers(cell.cast(pl.Float64), rows)
        if dtype.is_integer():
            made["whole"] = pl.lit(True)
    elif dtype.is_temporal() and dtype not in (pl.Time, pl.Duration):
        made |= {"min": cell.dt.epoch("s").min(), "max": cell.dt.epoch("s").max()}
    return [expression.alias(f"{name}\0{key}") for key, expression in made.items()]


def _numbers(cell: "pl.Expr", rows: int) -> dict[str, "pl.Expr"]:
    some = cell.gather_every(max(1, rows // EXACTLY))
    ordered = some.filter(some.is_finite())
    finite = cell.filter(cell.is_finite())
    quantiles = {"q01": 0.01, "q25": 0.25, "median": 0.5, "q75": 0.75, "q99": 0.99}
    return {
        "whole": (finite == finite.round()).all(),
        "min": finite.min(),
        "max": finite.max(),
        "mean": finite.mean(),
        "std": finite.std(),
        "odd": (~cell.is_finite()).sum(),
        **{k: ordered.quantile(q, interpolation="lower") for k, q in quantiles.items()},
    }


def _column(name: str, dtype: Any, rows: int, told: dict[str, Any]) -> Column:
    nulls = int(told["nulls"] or 0)
    filled = rows - nulls
    numeric = (told["numeric"] or 0) / filled if filled else 0.0
    given = {k: v for k, v in told.items() if k not in ("nulls", "numeric") and v is not None}
    given["unique"] = min(int(given.get("unique", 0)), filled)
    column = Column(name, "other", dtype, rows, nulls, numeric=numeric, **given)
    return column._replace(kind=_kind(column))


def _kind(column: Column) -> Kind:
    import polars as pl

    dtype = column.dtype
    if dtype.is_temporal():
        return "time"
    if dtype == pl.Boolean:
        return "flag"
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, pl.List | pl.Array):
        return "vector" if dtype.inner is not None and dtype.inner.is_numeric() else "other"
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return "category"
    if dtype != pl.String:
        return "other"
    return _kind_of_strings(column)


def _kind_of_strings(column: Column) -> Kind:
    if column.numeric >= 0.75 and column.filled:
        return "number"
    repeats = column.unique <= max(20, column.filled // 3)
    if column.words >= 3 and (column.letters >= 20 or not repeats):
        return "text"
    return "text" if column.letters > 60 and not repeats else "category"
