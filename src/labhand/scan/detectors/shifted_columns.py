"""Rows whose cells stand in the wrong columns."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly, found
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import counted, displaced


class Detector:
    """Rows whose cells stand in the wrong columns.

    ## What it does
    Finds lines before the table, lines with too few or too many fields, and rows in which words stand where all others have
    numbers and numbers where all others have words.

    ## Why is this bad
    Every cell after the shift is in the wrong column, and most still look like values.

    ## Known problems
    A shift among columns of one kind cannot be told from its cells.

    ## Example
    `Oslo,59.9,10.7` and, after a comma too many, `Oslo,,59.9,10.7`

    ## Use instead
    Mend the lines: quote what holds a delimiter.
    """

    needs = ()

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One or two anomalies a part."""
        for part in data.parts:
            yield from _preamble(part)
            yield from _ragged(part)
            yield from _mixed(part)


def _ragged(part: Part) -> Iterable[Anomaly]:
    apart = set(part.facts.get("odd_delimiter", []))
    for name, what in (("short", "few"), ("long", "many")):
        rows = [row for row in part.facts.get(name, []) if row not in apart]
        if rows:
            yield Anomaly(
                part,
                f"{len(rows):,} of {part.rows:,} rows have too {what} fields for the {len(part.names)} "
                f"columns; the first: row {rows[0]}",
                "mend these lines; quote what holds a delimiter",
                0.97,
                found(rows),
                severity="error",
                normal=f"each row has {len(part.names)} fields",
            )


def _preamble(part: Part) -> Iterable[Anomaly]:
    if before := part.facts.get("preamble"):
        yield Anomaly(
            part,
            f"{counted(before, 'line')} before the table {'is' if before == 1 else 'are'} no part of it: "
            "who takes the first line for the header reads every column wrong",
            f"skip {before} when reading, or remove them",
            0.9,
            severity="warning",
            normal="the first line names the columns",
        )


def _mixed(part: Part) -> Iterable[Anomaly]:
    told = displaced(part)
    if len(told):
        yield Anomaly(
            part,
            f"{len(told):,} of {part.rows:,} rows hold words in columns of numbers and numbers in columns "
            f"of words, as row {told['row'][0]}: their cells are shifted",
            "mend these lines",
            0.85,
            told,
            severity="error",
            normal="each column holds one kind of value",
        )
