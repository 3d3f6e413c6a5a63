"""What a column holds, found in one pass over the data."""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from labhand.scan.matrices import wide

if TYPE_CHECKING:
    import polars as pl

    from labhand.scan.data import Part

Kind = Literal["number", "category", "text", "flag", "time", "vector", "other"]

AT_ONCE = 400
"""Columns that are looked at in one query: the plan of a wider one takes longer than its run."""
FEW = 20
"""Different strings up to which, each in as many rows, they are names of categories however long."""
EXACTLY = 2_000_000
"""Rows up to which different values are counted, and not estimated."""
SORTED = 1_000_000
"""Rows of which quantiles are taken: every second of two million, and so on."""
QUANTILES = {"q01": 0.01, "q25": 0.25, "median": 0.5, "q75": 0.75, "q99": 0.99}


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
        told |= _profiles(part, {name: schema[name] for name in rest[start : start + AT_ONCE]})
    return {name: _column(name, schema[name], part.rows, told[name]) for name in part.names}


def _profiles(part: "Part", dtypes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the cells of some columns say, in one pass; two more for numbers among strings, quantiles."""
    import polars as pl

    told: dict[str, dict[str, Any]] = {name: {} for name in dtypes}
    _ask(part, told, {name: _cells(name, dtype, part.rows) for name, dtype in dtypes.items()})
    strings = [n for n, t in told.items() if dtypes[n] == pl.String and t["numeric"]]
    _ask(part, told, {name: _numbers(_number(name)) for name in strings})
    numbers = {n: _number(n) for n in strings}
    numbers |= {n: pl.col(n).cast(pl.Float64) for n, d in dtypes.items() if d.is_numeric()}
    if numbers:
        # sorting a part of the rows in memory takes a quarter of the time of the streaming engine
        every = max(1, part.rows // SORTED)
        some = part.select(
            *(cell.gather_every(every).alias(name) for name, cell in numbers.items())
        )
        for name in numbers:
            told[name] |= _quantiles(some[name])
    return told


def _ask(
    part: "Part", told: dict[str, dict[str, Any]], asked: dict[str, dict[str, "pl.Expr"]]
) -> None:
    """Puts into `told` what these expressions give, all by one query."""
    flat = [e.alias(f"{name}\0{key}") for name, some in asked.items() for key, e in some.items()]
    if flat:
        for key, value in part.select(*flat).row(0, named=True).items():
            name, _, which = key.rpartition("\0")
            told[name][which] = value


def _number(name: str) -> "pl.Expr":
    import polars as pl

    return pl.col(name).str.strip_chars().cast(pl.Float64, strict=False)


def _cells(name: str, dtype: Any, rows: int) -> "dict[str, pl.Expr]":
    import polars as pl

    cell = pl.col(name)
    made = {"nulls": cell.null_count()}
    if not dtype.is_nested() and dtype != pl.Null:
        made["unique"] = cell.drop_nulls().n_unique() if rows <= EXACTLY else cell.approx_n_unique()
    if dtype == pl.String:
        made["letters"] = cell.str.len_chars().mean()
        made["words"] = (cell.str.count_matches(r"\s+", literal=False) + 1).mean()
        made["numeric"] = _number(name).count()
    elif dtype.is_numeric():
        made["numeric"] = cell.count()
        made |= _numbers(cell.cast(pl.Float64))
        if dtype.is_integer():
            made["whole"] = pl.lit(True)
    elif dtype.is_temporal() and dtype not in (pl.Time, pl.Duration):
        made |= {"min": cell.dt.epoch("s").min(), "max": cell.dt.epoch("s").max()}
    return made


def _numbers(cell: "pl.Expr") -> "dict[str, pl.Expr]":
    finite = cell.filter(cell.is_finite())
    return {
        "whole": (finite == finite.round()).all(),
        "min": finite.min(),
        "max": finite.max(),
        "mean": finite.mean(),
        "std": finite.std(),
        "odd": (~cell.is_finite()).sum(),
    }


def _quantiles(cells: "pl.Series") -> dict[str, float]:
    """The finite number below which each share lies; nothing where there is none."""
    import numpy as np

    values = cells.drop_nulls().to_numpy()
    values = np.sort(values[np.isfinite(values)])
    last = len(values) - 1
    return {key: float(values[int(q * last)]) for key, q in QUANTILES.items()} if last >= 0 else {}


def _column(name: str, dtype: Any, rows: int, told: dict[str, Any]) -> Column:
    nulls = int(told["nulls"] or 0)
    filled = rows - nulls
    numeric = (told.get("numeric") or 0) / filled if filled else 0.0
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
        return "vector" if _holds_measures(dtype, dtype.inner) else "other"
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return "category"
    if dtype != pl.String:
        return "other"
    return _kind_of_strings(column)


def _holds_measures(dtype: Any, inner: Any) -> bool:
    """Whether lists hold measures: whole numbers in lists are tokens, masks and places."""
    import polars as pl

    if inner is None or isinstance(dtype, pl.Array):
        return inner is not None and inner.is_numeric()
    return bool(inner.is_float() or inner in (pl.Int8, pl.UInt8))


def _kind_of_strings(column: Column) -> Kind:
    if column.numeric >= 0.75 and column.filled:
        return "number"
    repeats = column.unique <= max(20, column.filled // 3)
    if is_few(column):
        return "category"  # long names of a few answers or places
    if column.words >= 3 and (column.letters >= 20 or not repeats):
        return "text"
    return "text" if column.letters > 60 and not repeats else "category"


def is_few(column: Column) -> bool:
    """Whether few values stand in many rows each."""
    return column.unique <= FEW and column.filled >= FEW * column.unique
