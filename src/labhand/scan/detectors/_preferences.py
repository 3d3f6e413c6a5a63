"""What several detectors need of preference pairs: prompt, chosen and rejected of each row."""

from typing import TYPE_CHECKING

from labhand.scan.data import Data, Part
from labhand.scan.texts import Texts, texts

if TYPE_CHECKING:
    import polars as pl

MARK = r"(?s)^(.*(?:^|\n)\s*(?:Assistant|ASSISTANT|AI|Bot|### Response|<\|assistant\|>|<\|im_start\|>assistant) ?:?)(.*)$"
"""A conversation written as text: what comes before the last answer, and that answer."""


def preferences(data: Data, part: Part) -> "pl.DataFrame | None":
    """Row, prompt of each side (null where it has none), chosen and rejected answer; None without pairs."""
    return data.shared(f"preferences of {part.name}", lambda: _preferences(data, part))


def _preferences(data: Data, part: Part) -> "pl.DataFrame | None":
    import polars as pl

    some = {t.role: t for t in texts(data, part) if t.role in ("prompt", "chosen", "rejected")}
    if "chosen" not in some or "rejected" not in some:
        return None
    chosen, rejected = _side(some["chosen"]), _side(some["rejected"])
    made = chosen.join(rejected, on="row", suffix="_rejected")
    if "prompt" in some:
        made = made.join(_whole(some["prompt"]).rename({"text": "asked"}), on="row", how="left")
    else:
        made = made.with_columns(asked=pl.lit(None, dtype=pl.String))
    return made.select(
        "row",
        "asked",
        prompt="prompt",
        prompt_rejected="prompt_rejected",
        chosen="answer",
        rejected="answer_rejected",
    ).sort("row")


def _whole(one: Texts) -> "pl.DataFrame":
    import polars as pl

    if not one.spoken:
        return one.lazy.select("row", "text").collect(engine="streaming")
    said = one.lazy.sort("row", "turn").group_by("row", maintain_order=True)
    return said.agg(pl.col("text").str.join("\n")).collect(engine="streaming")


def _side(one: Texts) -> "pl.DataFrame":
    """Row, prompt and answer of one side: the last turn is the answer, what comes before the prompt."""
    import polars as pl

    text = pl.col("text")
    if one.spoken:
        ordered = one.lazy.sort("row", "turn").group_by("row", maintain_order=True)
        turns = ordered.agg(text.fill_null(""), pl.col("speaker")).with_columns(
            ends=pl.col("speaker").list.last() == "assistant"
        )
        before = (
            pl.when("ends")
            .then(text.list.head(text.list.len() - 1))
            .otherwise(text)
            .list.join("\n")
        )
        several = pl.when(text.list.len() > pl.col("ends").cast(pl.UInt32)).then(before)
        answer = pl.when("ends").then(text.list.last()).otherwise(pl.lit(""))
        return turns.select("row", prompt=several, answer=answer).collect(engine="streaming")
    groups = text.str.extract_groups(MARK)
    first, second = groups.struct.field("1"), groups.struct.field("2")
    return one.lazy.select(
        "row", prompt=first, answer=pl.when(first.is_null()).then(text).otherwise(second)
    ).collect(engine="streaming")  # fmt: skip


def plainly(name: str) -> "pl.Expr":
    """A text for comparing: lower case, one blank between words, none around."""
    import polars as pl

    return pl.col(name).str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
