"""Rows in which the answer is missing."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors import _choices, _extracts
from labhand.scan.detectors._cells import NOTHING, share
from labhand.scan.detectors._spans import settled
from labhand.scan.texts import Texts, texts

if TYPE_CHECKING:
    import polars as pl

HABIT = 0.3
"""The share of rows without an answer from which on the data is meant to have none."""


class Detector:
    """Rows in which the answer is missing.

    ## What it does
    Finds conversations that end before the assistant speaks, or whose assistant turns are blank without
    calling a tool, and rows whose answer, chosen or rejected text is blank or missing beside a prompt. Of
    items with choices it finds those whose right answer is none of them, and where nearly all answers stand
    word for word in their context, those that do not.

    ## Why is this bad
    There is nothing to learn in the row, or the model learns to say nothing.

    ## Known problems
    Data of prompts alone has no answers; where three in ten conversations have none, nothing is said.

    ## Example
    `[{"role": "user", "content": "How far is the moon?"}]`

    ## Use instead
    Drop the rows, or make the answers.
    """

    needs = ("texts",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column, and one of items or answers that what is given does not hold."""
        yield from _choices.not_offered(data)
        yield from _extracts.not_within(data)
        wanted = ("messages", "answer", "chosen", "rejected")
        every = [(p, t) for p in data.parts for t in texts(data, p) if t.role in wanted]
        if not every and not _choices.items(data):
            raise CannotLook("no column holds conversations or answers")
        for part, one in every:
            yield from _spoken(part, one) if one.spoken else _flat(part, one)


def _spoken(part: Part, one: Texts) -> Iterable[Anomaly]:
    import polars as pl

    turns = one.lazy.select(
        "row", "turn", "speaker", "said", "calls", blank=_blank(), length=pl.col("text").str.len_chars()
    ).collect(engine="streaming")  # fmt: skip
    last = turns.sort("row", "turn").group_by("row", maintain_order=True).last()
    speaker = pl.col("speaker")
    odd = last.filter(
        speaker.is_in(["user", "system", "tool"]) | (pl.col("calls") & pl.col("blank"))
    )
    odd = odd.with_columns(what=pl.format("ends with {}", "said"))
    if odd["row"].n_unique() > HABIT * len(last) + 1:
        odd = odd.clear()
    blank = turns.filter((speaker == "assistant") & pl.col("blank") & ~pl.col("calls"))
    blank = blank.with_columns(what=pl.lit("blank answer"))
    if blank["row"].n_unique() > HABIT * len(last) + 1:
        blank = blank.clear()
    missing = sorted(set(part.row_numbers.tolist()) - set(last["row"].to_list()))
    whole = pl.concat(
        [odd.select("row", "turn", "length", "what"), blank.select("row", "turn", "length", "what")]
    )
    if 0 < len(missing) <= HABIT * part.rows + 1:
        none = pl.DataFrame({"row": missing}).with_columns(
            turn=pl.lit(None, dtype=pl.Int64),
            length=pl.lit(0, dtype=pl.UInt32),
            what=pl.lit("no turns"),
        )
        whole = pl.concat([whole, none.select("row", "turn", "length", "what")])
    yield from _told(part, one, whole.unique(["row", "turn"], maintain_order=True))


def _flat(part: Part, one: Texts) -> Iterable[Anomaly]:
    import polars as pl

    odd = one.lazy.filter(_blank()).select(
        "row",
        "turn",
        length=pl.col("text").str.len_chars().fill_null(0),
        what=pl.lit("blank answer"),
    )
    found = odd.collect(engine="streaming")
    if len(found) <= HABIT * part.rows + 1:
        yield from _told(part, one, found)


def _blank() -> "pl.Expr":
    import polars as pl

    plain = pl.col("text").str.strip_chars().str.to_lowercase()
    nothing = [w for w in NOTHING if w in ("nan", "null", "n/a", "<na>", "undefined")]
    return pl.col("text").is_null() | (plain == "") | plain.is_in(nothing)


def _told(part: Part, one: Texts, odd: "pl.DataFrame") -> Iterable[Anomaly]:
    import polars as pl

    if not len(odd):
        return
    found = odd.select(
        "row",
        pl.lit(1.0).alias("score"),
        pl.lit(one.column).alias("column"),
        "turn",
        pl.lit(0, dtype=pl.Int64).alias("start"),
        pl.col("length").cast(pl.Int64).fill_null(0).alias("end"),
        "what",
    ).sort("row", "turn")
    rows, first = found["row"].n_unique(), found.row(0, named=True)
    kinds = ", ".join(
        f"{n:,} × {what}" for what, n in found["what"].value_counts(sort=True).rows()[:4]
    )
    yield Anomaly(
        part,
        f"{rows:,} of {part.rows:,} rows ({share(rows, part.rows)}) lack the answer in `{one.column}` ({kinds}), "
        f"as row {first['row']}",
        "drop the rows, or make the answers",
        0.95,
        settled(found),
        [one.column],
        "warning",
        normal="the assistant speaks last, and says something",
    )
