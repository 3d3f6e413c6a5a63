"""Items of an evaluation in the data that is learned from."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly, Repair, drops
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors._quoting import items, quoted
from labhand.scan.texts import texts

if TYPE_CHECKING:
    import polars as pl

_EVAL = re.compile(
    r"(?<![a-z])(eval|test|bench|holdout|held.?out|valid|dev(?![a-z])|gsm.?8k|mmlu|human.?eval|mbpp|hella.?swag|truthful"
    r"|arc.?(c|e|challenge)|winogrande|gpqa|ifeval|math.?500|aime|squad|boolq|piqa|bbh|drop(?![a-z])|trivia)",
    re.I,
)
"""Names of parts that are evaluations."""


class Detector:
    """Items of an evaluation in the data that is learned from.

    ## What it does
    Looks for the items (questions, prompts, texts) of one part in the rows of another: word for word, by
    the runs of words they share, with words edited, by their sets of words, and reworded, by the rare
    words, names and numbers they keep. Each row comes with the item it matches and how.

    ## Why is this bad
    The score on the evaluation is that of memory.

    ## Known problems
    Reworded items are a guess: the score says how much of the item's rare words is kept, and how far it
    stands above what unrelated rows keep. Which part is the evaluation is told by `--split`, by its name,
    or else it is the smaller one.

    ## Example
    `Natalia sold clips to 48 of her friends in April` in a chat of the training data

    ## Use instead
    Drop the rows from the training data, or report without the items.
    """

    needs = ("splits", "texts")

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a pair of parts and kind: those that quote, and those that reword."""
        for learned, asked in _pairs(data):
            if texts(data, learned) and texts(data, asked):
                yield from _look(data, learned, asked)


def _pairs(data: Data) -> Iterable[tuple[Part, Part]]:
    """Each part that is learned from with each evaluation."""
    train = data.train
    if train is not None:
        return [(train, part) for part in data.parts if part is not train]
    asked = [p for p in data.parts if _EVAL.search(p.split or p.path.rpartition("/")[2])]
    if not asked or len(asked) == len(data.parts):
        asked = [min(data.parts, key=lambda p: p.rows)]
    # what answers the items of an evaluation was not learned from
    runs = [part for part in data.parts if "runs" in part.facts.get("holds", ())]
    return [(part, one) for one in asked for part in data.parts if part not in [*asked, *runs]]


def _look(data: Data, learned: Part, asked: Part) -> Iterable[Anomaly]:
    import polars as pl

    found = quoted(data, learned, asked)
    told = {n: item for n, item in items(data, asked).select("row", "text").iter_rows()}
    for kinds, confidence in ((("exact", "edited"), 0.95), (("reworded",), 0.7), (("mould",), 0.3)):
        some = found.filter(pl.col("how").is_in(kinds))
        if len(some):
            yield _anomaly(learned, asked, some, told, confidence)


def _anomaly(
    learned: Part, asked: Part, found: "pl.DataFrame", told: dict[int, str], confidence: float
) -> Anomaly:
    rows, reached = found["row"].n_unique(), found["partner"].n_unique()
    first: dict[str, Any] = found.row(0, named=True)
    counts = ", ".join(f"{n:,} {how}" for how, n in found["how"].value_counts(sort=True).rows())
    matched = [
        [r, p, how, told[p][:300]]
        for r, p, how in found.select("row", "partner", "how").head(50).iter_rows()
    ]
    if first["how"] == "mould":
        return _of_mould(learned, asked, found)
    return Anomaly(
        learned,
        f"{rows:,} of {learned.rows:,} rows of {learned.name} ({share(rows, learned.rows)}) hold {reached:,} of "
        f"{asked.rows:,} items of {asked.name} ({counts}), as row {first['row']} holds item {first['partner']}: "
        f"{shown(told[first['partner']])}",
        f"drop these rows, or report on {asked.name} without these items",
        confidence,
        found,
        sorted(set(found["column"].to_list())),
        "error" if confidence > 0.9 else "warning",
        normal=f"no item of {asked.name} is in what is learned from",
        evidence={"with": asked.name, "items": reached, "matched": matched},
        repair=Repair(
            "scientific",
            f"drop {rows:,} rows of {learned.name}",
            drops(found["row"].unique().sort()),
        ),
    )


def _of_mould(learned: Part, asked: Part, found: "pl.DataFrame") -> Anomaly:
    rows, first = found["row"].n_unique(), found.row(0, named=True)
    return Anomaly(
        learned,
        f"{rows:,} of {learned.rows:,} rows of {learned.name} ({share(rows, learned.rows)}) share much with items of "
        f"{asked.name}, as row {first['row']} with item {first['partner']}, and so do rows of {learned.name} with each "
        "other: one mould made them",
        "nothing, if the data is meant to be so; else split by what fills the mould",
        0.3,
        found,
        sorted(set(found["column"].to_list())),
        "note",
        normal="a copy has its wording for itself",
        group="mould",
    )
