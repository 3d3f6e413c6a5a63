"""Answers that stand word for word below many questions which have nothing in common."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.outputs import of_runs
from labhand.scan.texts import Texts, texts

if TYPE_CHECKING:
    import polars as pl

WORDS = 8
"""Words of an answer, and half as many of a question, from which on its return is no matter of course."""
LEAST = 8
"""Different questions that must have the answer."""
USUAL = 0.3
"""The share of answers that come back from which on they are to be chosen from."""
NEARER = 0.15
"""How much more than any two questions those of one answer may have in common (Jaccard index of words)."""
APART = 2.5
"""How much oftener than the next an answer must return."""
SOME = 40


def canned(data: Data) -> Iterator[Anomaly]:
    """At most one anomaly for each column of answers that no model gave."""
    ran = [told.part for told in of_runs(data)]
    for part in data.parts:
        for one in texts(data, part):
            if part not in ran and one.role in ("messages", "answer", "chosen"):
                yield from _of(data, part, one)


def _of(data: Data, part: Part, one: Texts) -> Iterator[Anomaly]:
    import polars as pl

    frame = _asked(data, part, one)
    if frame is None:
        return
    words = [pl.col(n).str.count_matches(r"\S+") for n in ("answer", "asked")]
    frame = frame.filter((words[0] >= WORDS) & (words[1] >= WORDS // 2))
    plain = pl.col("answer").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    frame = frame.with_columns(key=plain)
    frame = frame.with_columns(n=pl.col("asked").n_unique().over("key"))
    often = frame.filter(pl.col("n") >= LEAST)
    if not len(often) or (frame["n"] > 1).mean() > USUAL:  # type: ignore[operator]
        return
    usual = _alike(
        frame["asked"].unique(maintain_order=True).gather_every(max(1, len(frame) // SOME))
    )
    often = often.filter(pl.col("n") >= _apart(frame.unique("key")["n"].to_list()))
    if not len(often):
        return
    groups = often.partition_by("key", maintain_order=True)
    kept = [g for g in groups if _alike(g["asked"].unique(maintain_order=True)) <= usual + NEARER]
    if not kept:
        return
    found = pl.concat(kept).sort("n", "row", descending=[True, False])
    first, answers = found.row(0, named=True), len(kept)
    rows = found["row"].unique(maintain_order=True)
    what = "the same answer stands" if answers == 1 else f"{answers} answers stand"
    yield Anomaly(
        part,
        f"{what} word for word below different questions, in {len(rows):,} of {part.rows:,} rows "
        f"({share(len(rows), part.rows)}): {shown(first['answer'])} below {first['n']:,} of them, as row {first['row']}",
        "drop the rows, or answer each question by itself: a canned answer teaches a model to say it to anything",
        0.9,
        made(found["row"].to_list(), found["n"].cast(float).to_list()),
        [one.column],
        "warning",
        normal=f"{share(int((frame['n'] == 1).sum()), len(frame))} of the answers stand below one question only",
        evidence={"answers": [g["answer"][0][:200] for g in kept[:20]]},
        group=f"canned {one.column}",
    )


def _asked(data: Data, part: Part, one: Texts) -> "pl.DataFrame | None":
    """Row, what was asked and the last answer to it."""
    import polars as pl

    if one.spoken:
        turns = one.lazy.filter(
            pl.col("speaker").is_in(["user", "assistant"]) & pl.col("text").is_not_null()
        )
        turns = turns.with_columns(asked=pl.col("text").shift(1).over("row", order_by="turn"),
                                   asker=pl.col("speaker").shift(1).over("row", order_by="turn"))  # fmt: skip
        said = turns.filter((pl.col("speaker") == "assistant") & (pl.col("asker") == "user"))
        return said.select("row", "asked", answer="text").drop_nulls().collect()
    prompt = next((t for t in texts(data, part) if t.role == "prompt" and not t.spoken), None)
    context = next((t for t in texts(data, part) if t.role == "context" and not t.spoken), None)
    if prompt is None:
        return None
    whole = prompt.lazy.select("row", asked="text")
    if context is not None:
        whole = whole.join(context.lazy.select("row", more="text"), on="row", how="left")
        whole = whole.select(
            "row", asked=pl.concat_str("asked", "more", separator=" ", ignore_nulls=True)
        )
    return one.lazy.select("row", answer="text").join(whole, on="row").drop_nulls().collect()


def _apart(counts: list[int]) -> int:
    """How often an answer must return to do so far oftener than the next; answers of a mould thin out slowly."""
    ordered = sorted(counts, reverse=True)
    steps = [n for n, after in pairwise([*ordered, 1]) if n >= LEAST and n >= APART * after]
    return min(steps, default=ordered[0] + 1)


def _alike(questions: "pl.Series") -> float:
    """How much any two of some questions have in common."""
    each = [set(str(q).lower().split()) for q in questions.head(SOME)]
    told = [len(a & b) / len(a | b) for i, a in enumerate(each) for b in each[:i] if a | b]
    return sum(told) / len(told) if told else 1.0
