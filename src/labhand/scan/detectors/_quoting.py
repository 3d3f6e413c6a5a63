"""Which rows hold which items of an evaluation: word for word, edited, or in other words."""

import re
from typing import TYPE_CHECKING, Any

from labhand.scan.data import Data, Part
from labhand.scan.detectors._alike import WORD, Words
from labhand.scan.detectors._moulds import copies
from labhand.scan.texts import Texts, texts, written

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

_ASKS = re.compile(
    r"question|prompt|problem|instruction|query|input|goal|premise|ctx|sentence1?", re.I
)
GRAM = 8
"""Words of a run that is compared."""
LEAST = 0.42
"""The weight of an item's words that a line must keep to hold it in other words."""
PLACEBOS = 200
"""Rows that are learned from which are looked for among the others, as the items are."""
BY_THEMSELVES = 0.5
"""How often, beside the items, rows must reword each other for it to be their mould."""
LIKEST = 0.95
"""The share of these rows that are less alike than the bar above which an item of a mould is edited all the same."""
FEWEST = 6
"""Different words below which an item is too short to be known again."""
_SUFFIX = r"(?:ies|ing|ings|edly|ed|es|s|ly|er|ers|ment|ments|ation|ations)$"
_COMMON = (
    "the a an of and or but to in on at by for with from as is are was were be been that which who whose this "
    "these those their his her its my your our it he she they we you i me him them not no do does did has have had "
    "will would can could should may might must if when while how many much what each every all some any more most "
    "than then there here so very just also into out up down over about after before between per one"
).split()


def items(data: Data, part: Part) -> "pl.DataFrame":
    """The items of an evaluation, `row` and `text`: what is asked, or the whole text."""
    import polars as pl

    def look() -> pl.DataFrame:
        every = [t for t in written(data, part) if t.role not in ("rejected",)]
        asks = [t for t in every if t.role in ("prompt", "messages")] or [
            t for t in every if _ASKS.fullmatch(t.column)
        ]
        chosen = [t.only("user") for t in asks] or every
        return _joined(chosen)

    return data.shared(f"items of {part.name}", look)


def _joined(some: list[Texts]) -> "pl.DataFrame":
    """Row and text: the texts of each row one after the other."""
    import polars as pl

    frames = [t.lazy.filter(pl.col("text").is_not_null()).select("row", "text") for t in some]
    whole = pl.concat(frames).collect(engine="streaming").sort("row", maintain_order=True)
    return whole.group_by("row", maintain_order=True).agg(pl.col("text").str.join("\n"))


class _Bags:
    """Lines of words with ids in common: `ids`, `starts`, `rows`."""

    def __init__(self, frame: "pl.DataFrame", keys: "np.ndarray[Any, Any]") -> None:
        import numpy as np

        self.rows = frame["row"].to_numpy()
        lengths = frame["word"].list.len().fill_null(0).to_numpy().astype(np.int64)
        words = frame["word"].explode().drop_nulls().hash().to_numpy()
        self.ids = np.searchsorted(keys, words)
        self.starts = np.concatenate([[0], np.cumsum(lengths)])
        self.lines = np.repeat(np.arange(len(lengths)), lengths)

    def grams(self) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
        """The line and a hash of each run of `GRAM` words."""
        import numpy as np

        number = max(0, len(self.ids) - GRAM + 1)
        key = np.zeros(number, np.uint64)
        for place in range(GRAM):
            key = key * np.uint64(0x9E3779B97F4A7C15) + self.ids[place : place + number].astype(
                np.uint64
            )
            key ^= key >> np.uint64(29)
        inside = self.lines[:number] == self.lines[GRAM - 1 :][:number]
        return self.lines[:number][inside], key[inside]


def quoted(data: Data, learned: Part, asked: Part) -> "pl.DataFrame":
    """Rows that hold an item: row, score, partner (the item), partner_part, how, kept, column; strongest first.

    `how` is exact (the item word for word), edited (most of its words, or runs of eight), reworded, or mould:
    as alike as rows of what is learned from are among themselves.
    """
    import polars as pl

    key = f"quoted {learned.name} {asked.name}"
    return data.shared(
        key, lambda: _quoted(data, learned, asked).with_columns(partner_part=pl.lit(asked.name))
    )


def _quoted(data: Data, learned: Part, asked: Part) -> "pl.DataFrame":
    import numpy as np
    import polars as pl

    cut = pl.col("text").str.to_lowercase().str.replace_all("['’]", "").str.extract_all(WORD)
    long = pl.col("word").list.n_unique() >= FEWEST
    wanted = items(data, asked).with_columns(word=cut).filter(long)
    rows = _joined(written(data, learned)).with_columns(word=cut)
    if not len(wanted) or not len(rows):
        return pl.DataFrame(schema=_SCHEMA)
    hashed = [f["word"].explode().drop_nulls().hash() for f in (wanted, rows)]
    keys = np.sort(pl.concat(hashed).unique().to_numpy())
    runs = _runs(_Bags(wanted, keys), _Bags(rows, keys))
    kept = _kept(_stems(wanted), _stems(rows))
    made = _told(pl.concat([runs, kept], how="diagonal_relaxed"))
    made = _without_moulds(made, wanted, rows, items(data, learned).with_columns(word=cut), keys)
    found = made.select(
        row=pl.Series(rows["row"].to_numpy()[made["line"].to_numpy()]),
        score=_score(),
        partner=pl.Series(wanted["row"].to_numpy()[made["item"].to_numpy()]),
        how="how",
        kept="kept",
        column=pl.lit(texts(data, learned)[0].column),
    )
    ordered = found.sort("score", "row", "partner", descending=[True, False, False])
    return ordered.unique("row", keep="first", maintain_order=True)


def _without_moulds(
    made: "pl.DataFrame",
    wanted: "pl.DataFrame",
    rows: "pl.DataFrame",
    like: "pl.DataFrame",
    keys: "np.ndarray[Any, Any]",
) -> "pl.DataFrame":
    """The pairs, where those that one mould made, and no copying, are called so."""
    import polars as pl

    how = pl.col("how")
    mould = pl.lit("mould")
    edited = made.filter(how == "edited")
    if len(edited):
        words = _as_words(pl.concat([wanted.select("word"), rows.select("word")]))
        left, right = edited["item"].to_numpy(), len(wanted) + edited["line"].to_numpy()
        copied = pl.Series("copied", copies(words, left, right, many=False))
        moulded = edited.filter(~copied).select("item", "line", mould=pl.lit(True))
        made = made.join(moulded, on=["item", "line"], how="left", maintain_order="left")
        made = made.with_columns(pl.when("mould").then(mould).otherwise(how).alias("how"))
    among: pl.DataFrame | None = None
    for kind in ("edited", "reworded"):
        share = made.filter(how == kind)["item"].n_unique() / len(wanted)
        if not share:
            continue
        among = _among_themselves(like, rows, keys) if among is None else among
        bar = among[kind].quantile(LIKEST, interpolation="lower") if len(among) else None
        if bar is not None and (among[kind] > 0).mean() >= BY_THEMSELVES * share:  # type: ignore[operator]
            # what is no more alike than rows are among themselves
            no_more = (how == kind) & (pl.lit(kind == "reworded") | (_score() <= bar))
            made = made.with_columns(pl.when(no_more).then(mould).otherwise(how).alias("how"))
    return made


def _as_words(frame: "pl.DataFrame") -> Words:
    """The words of lines, each line called by its number."""
    import numpy as np

    long = frame.with_row_index("line").explode("word").drop_nulls("word")
    known = long["word"].unique().sort()
    ids = known.search_sorted(long["word"]).to_numpy().astype(np.int32)
    counts = np.bincount(long["line"].to_numpy(), minlength=len(frame))
    return Words(
        ids,
        np.concatenate([[0], np.cumsum(counts)]),
        np.arange(len(frame)),
        np.zeros(len(ids), np.int32),
        known.str.contains(r"\d").to_numpy(),
    )


def _score() -> "pl.Expr":
    """How much of an item a line holds, from 0 to 1."""
    import polars as pl

    return pl.max_horizontal("run", 0.99 * pl.col("kept"))


def _among_themselves(
    like: "pl.DataFrame", rows: "pl.DataFrame", keys: "np.ndarray[Any, Any]"
) -> "pl.DataFrame":
    """Of some of what is asked in the rows themselves, how much of each another row holds: `edited`, `reworded`.

    0 where no other row seems to; without those that stand there twice, word for word.
    """
    import polars as pl

    some = like.filter(pl.col("word").list.n_unique() >= FEWEST)
    some = some.gather_every(max(1, -(-len(some) // PLACEBOS)))
    own = pl.DataFrame({"item": range(len(some)), "own": some["row"]})
    if not len(some):
        return own.with_columns(edited=0.0, reworded=0.0)
    runs, kept = _runs(_Bags(some, keys), _Bags(rows, keys)), _kept(_stems(some), _stems(rows))
    met = _told(pl.concat([runs, kept], how="diagonal_relaxed"))
    line = pl.DataFrame({"line": range(len(rows)), "other": rows["row"]})
    others = met.join(own, on="item").join(line, on="line").filter(pl.col("own") != pl.col("other"))
    twice = others.filter(pl.col("how") == "exact").select("item")
    best = others.with_columns(score=_score()).group_by("item", "how").agg(pl.col("score").max())
    told = own.join(twice, on="item", how="anti")
    for kind in ("edited", "reworded"):
        scores = best.filter(pl.col("how") == kind).select("item", pl.col("score").alias(kind))
        told = told.join(scores, on="item", how="left")
    return told.fill_null(0.0)


_SCHEMA: Any = {
    "row": int,
    "score": float,
    "partner": int,
    "how": str,
    "kept": float,
    "column": str,
}


def _stems(frame: "pl.DataFrame") -> "pl.DataFrame":
    """The words of each line that tell what it is about, without their endings."""
    import polars as pl

    stem = pl.element().filter(~pl.element().is_in(_COMMON)).str.replace(_SUFFIX, "")
    return frame.select("row", word=pl.col("word").list.eval(stem))


def _told(pairs: "pl.DataFrame") -> "pl.DataFrame":
    """The pairs of item and line that say the same, and how."""
    import polars as pl

    made = pairs.group_by("item", "line").agg(
        pl.col("run").max().fill_null(0.0),
        pl.col("kept").max().fill_null(0.0),
        pl.col("both").max().fill_null(0.0),
        pl.col("bar").max().fill_null(1.0),
    )
    edited = (pl.col("run") >= 0.5) | ((pl.col("kept") >= 0.8) & (pl.col("both") >= 0.5))
    reworded = (pl.col("kept") >= pl.col("bar")) & (pl.col("both") >= 0.3)
    how = pl.when(pl.col("run") >= 0.999).then(pl.lit("exact")).when(edited).then(pl.lit("edited"))
    return made.with_columns(how=how.when(reworded).then(pl.lit("reworded"))).drop_nulls("how")


def _runs(items_: _Bags, rows: _Bags) -> "pl.DataFrame":
    """Of each item and line the share of the item's runs of words that stand in the line."""
    import numpy as np
    import polars as pl

    item, key = items_.grams()
    line, other = rows.grams()
    known = np.unique(key)
    there = np.searchsorted(known, other)
    hit = known[np.minimum(there, len(known) - 1)] == other if len(known) else np.zeros(0, bool)
    mine = pl.DataFrame({"item": item, "key": key}).unique()
    theirs = pl.DataFrame(
        {
            "line": line[hit] if len(known) else line[:0],
            "key": other[hit] if len(known) else other[:0],
        }
    ).unique()
    # a run that stands in very many items is a form, not an item
    mine = mine.filter(pl.len().over("key") <= 20)
    total = mine.group_by("item").len("all")
    met = mine.join(theirs, on="key").group_by("item", "line").len("n").join(total, on="item")
    return met.select("item", "line", run=pl.col("n") / pl.col("all"))


def _kept(items_: "pl.DataFrame", rows: "pl.DataFrame") -> "pl.DataFrame":
    """Of each item and its likest lines: the weight of its words that is kept, of both, and the bar.

    Words weigh by their rarity. What the tenth likest line keeps of an item cannot mean that it holds
    it; a line that does must stand well above: that is the bar.
    """
    import numpy as np
    import polars as pl
    from scipy import sparse

    words = pl.concat([f["word"].explode().drop_nulls() for f in (items_, rows)]).unique().sort()
    mine, theirs = _matrix(items_, words), _matrix(rows, words)
    times = np.asarray(mine.sum(axis=0)).ravel() + np.asarray(theirs.sum(axis=0)).ravel()
    weight = np.maximum(np.log((len(rows) + len(items_) + 1) / (times + 0.5)), 0.0)
    asked, had = mine @ weight, theirs @ weight
    weighed = theirs.T.tocsr()
    out: list[tuple[float, ...]] = []
    for at in range(0, mine.shape[0], 256):
        met = sparse.csr_matrix(mine[at : at + 256].multiply(weight[None, :]).tocsr() @ weighed)
        for i in range(met.shape[0]):
            cut = slice(met.indptr[i], met.indptr[i + 1])
            shared, lines = met.data[cut], met.indices[cut]
            likest = np.argsort(-shared, kind="stable")[:11]
            whole = max(float(asked[at + i]), 1e-9)
            bar = shared[likest[10]] / whole if len(likest) > 10 else 0.0
            for j in likest[:8]:
                union = max(asked[at + i] + had[lines[j]] - shared[j], 1e-9)
                told = (shared[j] / whole, shared[j] / union, max(LEAST, 1.25 * bar))
                out.append((at + i, int(lines[j]), *map(float, told)))
    schema = {"item": pl.Int64, "line": pl.Int64, "kept": pl.Float64, "both": pl.Float64}
    return pl.DataFrame(out, schema={**schema, "bar": pl.Float64}, orient="row")


def _matrix(frame: "pl.DataFrame", words: "pl.Series") -> Any:
    """Which line has which word, as a sparse matrix of ones."""
    import numpy as np
    import polars as pl
    from scipy import sparse

    long = frame.with_row_index("line").select("line", "word").explode("word").drop_nulls().unique()
    place = words.to_frame("word").with_row_index("id")
    met = long.join(place, on="word").select(
        pl.col("line").cast(pl.Int64), pl.col("id").cast(pl.Int64)
    )
    ones = np.ones(len(met))
    shape = (len(frame), len(words))
    return sparse.csr_matrix((ones, (met["line"].to_numpy(), met["id"].to_numpy())), shape=shape)
