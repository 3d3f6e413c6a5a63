"""A column that holds one value only."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.detectors._cells import shown
from labhand.scan.outputs import bookkeeping

LEAST = 5
"""Rows from which on one value is no chance."""
NEARLY = 0.999
MANY_ROWS = 1000
"""Rows from which on a column may be nearly constant."""


class Detector:
    """A column that holds one value only.

    ## What it does
    Finds columns whose cells are all the same, and, as notes, those in which all but one of a
    thousand are, and those of one value and empty cells, where an empty cell may say that it does not hold.

    ## Why is this bad
    Nothing can be learned from it; often a join, a filter or a sensor went wrong before.

    ## Known problems
    A column may be constant in this part and not in the next.

    ## Example
    `sensor: 0, 0, 0, 0, …`

    ## Use instead
    Drop the column, or look where its values were lost.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column."""
        for part in data.parts:
            apart = {data.role("split"), *bookkeeping(data, part)}
            # what every conversation is told first is the same on purpose
            apart |= {data.role("context"), data.role("prompt"), "system", "system_prompt"}
            for column in part.columns.values():
                if column.filled < LEAST or column.kind in ("vector", "other"):
                    continue
                if column.name in apart:
                    continue
                if column.unique > (100 if column.filled >= MANY_ROWS else 1):
                    continue
                counts = part.counts(column.name)
                if counts is None:
                    continue
                known = counts.drop_nulls("value")
                value, times = known.row(0)
                if len(known) > 1 and times < NEARLY * column.filled:
                    continue
                sure = len(known) == 1 and not column.nulls
                # a word in all rows says of which kind they are, as `lang: en` does
                said = column.kind in ("category", "text")
                yield Anomaly(
                    part,
                    f"`{column.name}` is {shown(value)} in {times:,} of {column.filled:,} cells",
                    "drop the column, or find out where its other values were lost",
                    0.95,
                    columns=[column.name],
                    severity="warning" if sure and not said else "note",
                    normal="values differ between rows",
                    evidence={"value": value if isinstance(value, int | float) else str(value)},
                    group="constant" if sure else "nearly constant",
                )
