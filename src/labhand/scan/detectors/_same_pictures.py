"""Images that are there more than once: in one part, over parts, and with different labels."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.data import ROW, CannotLook, Data, Part
from labhand.scan.detectors._pictures import pairs

if TYPE_CHECKING:
    import polars as pl

USUAL = 0.3
"""The share of images from which on likeness is how they were made, as frames of a film are."""


def repeats(data: Data, *, exact: bool) -> Iterable[Anomaly]:
    """Images of one part that show what an earlier one shows, with the same label or none."""
    import polars as pl

    for part, told in _by_part(data):
        found = told.filter((pl.col("left_part") == part.name) & (pl.col("exact") == exact))
        found = _labelled(data, part, found).filter(pl.col("agree"))
        if not exact:
            same = told.filter(pl.col("exact") & (pl.col("left_part") == part.name))
            found = found.join(same, on="right", how="anti")
        found = _found(found).drop("partner_part")
        if not len(found):
            continue
        usual = len(found) > USUAL * part.rows + 2
        what = (
            "repeat an earlier one pixel for pixel"
            if exact
            else "show nearly what an earlier one shows"
        )
        yield Anomaly(
            part,
            f"{len(found):,} of {part.rows:,} images {what}, as {_names(data, part, found, part)}",
            "keep one of each, or give them a common group and split by that",
            0.97 if exact else 0.6 if usual else 0.85,
            found,
            [str(data.role("image"))],
            "note" if usual and not exact else "warning",
            normal="images differ",
            repair=None
            if usual
            else Repair("scientific", f"drop {len(found):,} images", drops(found["row"])),
            group="images",
        )


def overlaps(data: Data) -> Iterable[Anomaly]:
    """Images of a later part that show what one of an earlier part shows."""
    import polars as pl

    for part, told in _by_part(data):
        for early in data.parts:
            across = told.filter((pl.col("left_part") == early.name) & (early.name != part.name))
            found = _found(across)
            if not len(found):
                continue
            exact = int(across.filter(pl.col("exact"))["right"].n_unique())
            yield Anomaly(
                part,
                f"{len(found):,} of {part.rows:,} images of {part.name} are also in {early.name}, {exact:,} of "
                f"them pixel for pixel, as {_names(data, part, found, early)}",
                f"drop them from {early.name}, or split anew by what images have in common",
                0.95 if exact == len(found) else 0.88,
                found,
                [str(data.role("image"))],
                "error",
                normal="no image is in two splits",
                evidence={"pixel_for_pixel": exact},
                group=f"images of {early.name}",
            )


def conflicts(data: Data) -> Iterable[Anomaly]:
    """Images that show the same and have different labels."""
    import polars as pl

    label = data.role("label")
    for part, told in _by_part(data):
        inside = told.filter(pl.col("left_part") == part.name)
        pairs_ = _labelled(data, part, inside).filter(~pl.col("agree"))
        if not len(pairs_):
            continue
        turned = pairs_.rename(
            {"left": "right", "right": "left", "label": "x", "label_left": "label"}
        )
        columns = ["left", "right", "left_part", "score", "label"]
        both = pl.concat([pairs_.select(columns), turned.select(columns)])
        best = both.sort("score", descending=True, maintain_order=True)
        best = best.unique("right", keep="first", maintain_order=True)
        found = best.select(
            "score",
            row="right",
            column=pl.lit(label),
            value=pl.col("label").cast(pl.String),
            partner="left",
        ).select("row", "score", "column", "value", "partner")
        yield Anomaly(
            part,
            f"{len(found):,} images have another `{label}` than one that shows the same, as "
            f"{_names(data, part, found, part)}",
            "decide on one label for what shows the same",
            0.9,
            found,
            [str(label)],
            "warning",
            normal="images that show the same have equal labels",
            group="images",
        )


def _by_part(data: Data) -> "Iterable[tuple[Part, pl.DataFrame]]":
    import polars as pl

    if data.role("image") is None:
        return
    try:
        every = pairs(data)
    except CannotLook as error:
        data.left_out(f"images were not compared: {error}")
        return
    for part in data.parts:
        yield part, every.filter(pl.col("right_part") == part.name)


def _found(told: "pl.DataFrame") -> "pl.DataFrame":
    best = told.sort("exact", "score", "left", descending=[True, True, False])
    best = best.unique("right", keep="first", maintain_order=True)
    found = best.select("score", row="right", partner="left", partner_part="left_part")
    return found.select("row", "score", "partner", "partner_part").sort(
        "score", "row", descending=[True, False]
    )


def _labelled(data: Data, part: Part, told: "pl.DataFrame") -> "pl.DataFrame":
    """The pairs with their labels, and whether these agree; they do where there are none."""
    import polars as pl

    label = data.role("label")
    if label is None or label not in part.names:
        return told.with_columns(
            agree=pl.lit(True), label=pl.lit(None, pl.String), label_left=pl.lit(None, pl.String)
        )
    labels = part.select(right=pl.col(ROW), label=pl.col(label))
    theirs = labels.rename({"right": "left", "label": "label_left"})
    joined = told.join(labels, on="right").join(theirs, on="left")
    return joined.with_columns(agree=pl.col("label").eq_missing(pl.col("label_left")))


def _names(data: Data, part: Part, found: "pl.DataFrame", other: Part) -> str:
    """The first pair, with the names of its files."""
    column = str(data.role("image"))
    row, partner = int(found["row"][0]), int(found["partner"][0])
    mine: Any = part.at([row], [column])[column][0]
    theirs: Any = other.at([partner], [column])[column][0]
    names = [f" ({Path(n).name})" if isinstance(n, str) else "" for n in (mine, theirs)]
    return f"row {row}{names[0]} and row {partner}{names[1]}" + (
        "" if other is part else f" of {other.name}"
    )
