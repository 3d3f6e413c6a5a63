"""Patches: operations on rows, written beside the data and never into it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from labhand.core.errors import InputError
from labhand.scan.anomaly import Repair
from labhand.scan.data import ROW, Data, Part

if TYPE_CHECKING:
    import polars as pl

MOST_OF_A_CLASS = 0.3
"""The share of a class or a source that a fix may remove unasked."""
SCHEMA = "labhand.patch/1"


def patch_text(part: Part, repair: Repair) -> str:
    """The patch as JSON Lines: a header with the data's path, then one operation a line."""
    header = {"schema": SCHEMA, "path": part.path, "split": part.split, "rows": part.rows}
    lines = [msgspec.json.encode(header)]
    for operation in repair.operations.sort("row").to_dicts():
        lines.append(msgspec.json.encode({k: v for k, v in operation.items() if v is not None}))
    return b"\n".join(lines).decode() + "\n"


def operations(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header and the operations of a patch file.

    Raises:
        InputError: the file is no patch.
    """
    try:
        header, *rest = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no patch that can be read: {error}") from error
    if header.get("schema") != SCHEMA:
        raise InputError(f"{path} is no patch: expected the schema `{SCHEMA}`")
    return header, rest


def refused(data: Data, part: Part, done: "pl.DataFrame") -> str | None:
    """Why a fix is not offered: it would remove too much of a class, a group or the whole."""
    import polars as pl

    rows = done.filter(pl.col("op") == "drop")["row"]
    if not len(rows):
        return None
    if len(rows) > MOST_OF_A_CLASS * part.rows:
        return f"it would remove {len(rows):,} of {part.rows:,} rows"
    for role in ("label", "group"):
        column = data.role(role)
        if column is None or column not in part.names or part.counts(column) is None:
            continue
        if why := _guts(part, column, rows):
            return why
    return None


def _guts(part: Part, column: str, rows: "pl.Series") -> str | None:
    import polars as pl

    whole = part.counts(column)
    assert whole is not None
    gone = part.at(rows.to_list(), [column])[column].value_counts(name="gone")
    both = gone.rename({column: "value"}).join(whole, on="value", nulls_equal=True)
    worst = both.with_columns(share=pl.col("gone") / pl.col("count")).filter(
        (pl.col("share") > MOST_OF_A_CLASS) & (pl.col("count") >= 5)
    )
    if not len(worst):
        return None
    value, left, total, _ = worst.sort("share", descending=True).row(0)
    return f"it would remove {left:,} of {total:,} rows in which `{column}` is `{value}`"


def as_filter(header: dict[str, Any], done: list[dict[str, Any]]) -> str:
    """The dropping part of a patch as a polars expression, as text to paste."""
    del header
    rows = sorted(o["row"] for o in done if o["op"] == "drop")
    return f"df.with_row_index('row').filter(~pl.col('row').is_in({rows})).drop('row')"


def applied(frame: "pl.DataFrame", done: list[dict[str, Any]]) -> "pl.DataFrame":
    """The table with the operations done; a merged row goes, the row it merged into stays."""
    import polars as pl

    numbered = frame if ROW in frame.columns else frame.with_row_index(ROW)
    gone = [o["row"] for o in done if o["op"] in ("drop", "merge")]
    for column, some in _edits(done):
        text = numbered[column].cast(pl.String).to_list()
        place = {row: at for at, row in enumerate(numbered[ROW])}
        for row, value in some:
            text[place[row]] = value
        numbered = numbered.with_columns(
            pl.Series(column, text, dtype=pl.String).cast(numbered[column].dtype)
        )
    kept = numbered.filter(~pl.col(ROW).is_in(pl.Series(gone, dtype=pl.Int64).implode()))
    return kept if ROW in frame.columns else kept.drop(ROW)


def _edits(done: list[dict[str, Any]]) -> Iterator[tuple[str, list[tuple[int, str | None]]]]:
    columns = dict.fromkeys(o["column"] for o in done if o["op"] == "edit")
    for column in columns:
        yield (
            column,
            [
                (o["row"], o.get("value"))
                for o in done
                if o["op"] == "edit" and o["column"] == column
            ],
        )
