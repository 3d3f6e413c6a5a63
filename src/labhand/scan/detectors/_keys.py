"""Keys that name one row each, but a few: an id that was given twice, a time that a sensor has twice."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.columns import Column
from labhand.scan.data import ROW, Data, Part
from labhand.scan.detectors._cells import counted, shown
from labhand.scan.detectors._order import is_day
from labhand.scan.detectors._rows import pairs_of

if TYPE_CHECKING:
    import polars as pl

LEAST = 100
ALONE = 0.97
"""The share of different values from which on a column names rows."""
FEW = 0.02
"""The share of rows up to which those with a key of another are slips."""
DIGITS = 0.9
GROUPS = 200
MOST = 1_000_000
ORPHANS = 0.1
"""The share of rows without a partner up to which these are the mistakes."""


def repeated(data: Data, part: Part) -> Iterator[Anomaly]:
    """One anomaly a key. Rows that are equal in all other columns are no matter of their key."""
    if part.rows > MOST:
        data.left_out(f"keys that are there twice, in more than {MOST:,} rows")
    if not LEAST <= part.rows <= MOST:
        return
    told = 0
    for column in part.columns.values():
        if _is_key(data, part, column):
            for anomaly in _look(part, [column.name]):
                told += 1
                yield anomaly
    days = (c.name for c in part.columns.values() if is_day(part, c))
    time = data.role("time") if data.role("time") in part.names else next(days, None)
    if told or time is None:
        return
    for group in part.groupings(GROUPS, 2, (data.role("label"), data.role("prediction"))):
        if part.columns[time].unique < 0.9 * part.rows:
            yield from _look(part, [group, time])


def orphans(data: Data) -> Iterator[Anomaly]:
    """Rows of one table whose key is in no row of the table that has one row for each."""
    import polars as pl

    alike = [{a.name, b.name} for a, b in pairs_of(data)]
    for many in data.parts:
        for one in data.parts:
            if many is one or {many.name, one.name} in alike or max(many.rows, one.rows) > MOST:
                continue
            for name in set(many.names) & set(one.names):
                known = one.columns[name]
                if known.unique < max(20, known.filled) or known.nulls:
                    continue
                keys = one.select(pl.col(name).cast(pl.String))[name]
                lost = (
                    ~pl.col(name).cast(pl.String).is_in(keys.implode()) & pl.col(name).is_not_null()
                )
                found = many.where(lost, column=pl.lit(name), value=pl.col(name).cast(pl.String))
                if 0 < len(found) <= ORPHANS * many.rows:
                    yield _orphan(many, one, name, found)


def _orphan(many: Part, one: Part, name: str, found: "pl.DataFrame") -> Anomaly:
    return Anomaly(
        many,
        f"{counted(len(found), 'row')} of {many.rows:,} have a `{name}` that is in no row of `{one.name}`, as "
        f"{shown(found['value'][0])} of row {found['row'][0]}: a join loses them",
        f"look whether `{one.name}` is whole, or leave the rows out",
        0.85,
        found,
        [name],
        "warning",
        normal=f"a `{name}` is one of `{one.name}`",
        group="dependency-violation orphan",
    )


def _is_key(data: Data, part: Part, column: Column) -> bool:
    """Whether nearly every row has a value of its own, of letters and digits without blanks."""
    import polars as pl

    if column.kind not in ("category", "text") or column.dtype != pl.String:
        return False
    if column.name == data.role("time") or column.words >= 1.2 or column.letters > 60:
        return False
    if not ALONE * column.filled <= column.unique < column.filled or column.filled < LEAST:
        return False
    cell = pl.col(column.name)
    coded = part.select((cell.str.contains(r"\d") & ~cell.str.contains(r"^\d{4}-\d\d-\d\d")).mean())
    return float(coded.item() or 0) > DIGITS


def _look(part: Part, key: list[str]) -> Iterator[Anomaly]:
    import polars as pl

    others = [
        n for n in part.names if n not in key and part.columns[n].kind not in ("vector", "other")
    ]
    same = pl.concat_str([pl.col(n).cast(pl.String).fill_null("") for n in key], separator="\0")
    rest = pl.struct([pl.col(n).cast(pl.String) for n in others]).hash() if others else pl.lit(0)
    frame = part.select(
        pl.col(ROW), key=same, rest=rest, known=pl.all_horizontal(pl.col(key).is_not_null())
    )
    frame = frame.filter("known")
    if frame["key"].n_unique() < ALONE * len(frame) or len(frame) < LEAST:
        return
    twice = frame.filter((pl.len().over("key") > 1) & (pl.col("rest").n_unique().over("key") > 1))
    if not 0 < len(twice) <= 2 * FEW * len(frame):
        return
    found = twice.sort("key", ROW).with_columns(partner=pl.col(ROW).first().over("key"))
    found = found.filter(pl.col(ROW) != pl.col("partner"))
    yield _anomaly(part, key, found)


def _anomaly(part: Part, key: list[str], found: "pl.DataFrame") -> Anomaly:
    import polars as pl

    first = found.row(0, named=True)
    names = " and ".join(f"`{name}`" for name in key)
    said = " ".join(shown(value) for value in first["key"].split("\0"))
    return Anomaly(
        part,
        f"{names} {'name' if len(key) > 1 else 'names'} one row each, but {counted(len(found), 'row')} of "
        f"{part.rows:,} have those of another and say something else, as row {first[ROW]} and row {first['partner']}: "
        f"{said}",
        "look which of the two is right, or give one another key: joins by it multiply rows",
        0.8,
        found.select(row=ROW, score=pl.lit(1.0), partner="partner", partner_part=pl.lit(part.name)),
        key,
        "warning",
        normal="a key names one row",
        group="dependency-violation key",
    )
