"""Training rows from after the test began."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.columns import Column
from labhand.scan.data import Data, Part, number
from labhand.scan.detectors._cells import share
from labhand.scan.detectors._rows import pairs_of

if TYPE_CHECKING:
    import polars as pl

MOSTLY = 0.75
"""The share of training rows from before the test that says that the split is meant to be by time."""


class Detector:
    """Training rows from after the test began.

    ## What it does
    Compares the times of the splits. Where most training rows are from before the test and some are
    not, these are found; where the splits are of the same time altogether, that is a note.

    ## Why is this bad
    A model that has seen the future predicts it well, and only there.

    ## Known problems
    Where the order of time does not matter to the question, a random split is right.

    ## Example
    A row of May in `train.csv`, where `test.csv` begins in April

    ## Use instead
    Split at a day: everything before it trains, everything after it tests.
    """

    needs = ("time", "splits")

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a pair of splits."""
        time = str(data.role("time"))
        for early, late in pairs_of(data):
            if time in early.names and time in late.names:
                yield from _look(early, late, time)


def moment(column: Column) -> "pl.Expr":
    """A column of times as seconds; null where none can be read."""
    import polars as pl

    if column.dtype != pl.String:
        return number(column)
    cell = pl.col(column.name).str.strip_chars()
    forms = (
        "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y-%m", "%Y%m%d", "%d-%m-%Y",
        "%d %b %Y", "%b %d %Y", "%B %d, %Y",
    )  # fmt: skip
    moments = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")
    plain = cell.str.replace(r"(Z|[+-]\d{2}:?\d{2})$", "")
    read = [plain.str.to_datetime(form, strict=False, time_unit="us") for form in moments]
    read += [cell.str.to_date(form, strict=False).cast(pl.Datetime("us")) for form in forms]
    return pl.coalesce(read).dt.epoch("us").cast(pl.Float64) / 1e6


def _look(early: Part, late: Part, time: str) -> Iterable[Anomaly]:
    import polars as pl

    mine, theirs = moment(early.columns[time]), moment(late.columns[time])
    begin, end, known = late.select(a=theirs.min(), b=theirs.max(), n=theirs.count()).row(0)
    if begin is None or known < 0.5 * late.rows or begin == end:
        return
    before = early.select(((mine < begin).sum() / mine.count()).alias("s")).item()
    odd = mine >= begin
    shown = pl.col(time).cast(pl.String, strict=False)
    found = early.where(odd, score=mine - begin + 1, column=pl.lit(time), value=shown)
    if before is None or not len(found):
        return
    start = late.lazy.select(t=theirs, v=pl.col(time).cast(pl.String, strict=False))
    first = start.sort("t", nulls_last=True).first().collect().row(0)[1]
    told = (
        f"{len(found):,} of {early.rows:,} rows of {early.name} ({share(len(found), early.rows)}) are from "
        f"after {late.name} begins (`{time}` {first})"
    )
    if before >= MOSTLY:
        yield Anomaly(
            early,
            told,
            f"leave these rows out of {early.name}, or begin {late.name} later",
            0.85,
            found,
            [time],
            "error",
            normal=f"{100 * before:.0f} % of {early.name} are from before",
            repair=Repair("scientific", f"drop {len(found):,} rows", drops(found["row"])),
        )
        return
    yield Anomaly(
        early,
        f"{told}: the splits are of the same time",
        "split by time, if what comes later is to be predicted",
        0.5,
        found,
        [time],
        "note",
        normal="what trains is from before what tests, where time matters",
    )
