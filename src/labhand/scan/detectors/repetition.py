"""Texts that repeat themselves."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._alike import WORD
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors._spans import settled
from labhand.scan.texts import Texts, prose, written

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

LONGEST = 48
"""Words of a phrase that is looked for again right behind itself."""
TIMES = 4
"""How often a phrase must follow itself."""
AGAIN = 0.5
"""The share of the words that stand in runs of eight that came before in the text."""
GRAM = 8
ANSWER, TWICE = 40, 0.1
"""Letters of an answer from which on it is not given twice by itself, and the share of rows that may do so by habit."""


class Detector:
    """Texts that repeat themselves.

    ## What it does
    Finds conversations in which the assistant gives one answer twice, loops, a word or phrase of up to 48
    words that follows itself four times or more, runs of one
    group of letters, and texts of which half and more stands in runs of eight words that came before
    in the same text (after the rules of Gopher, Rae et al. 2021). Each with the span.

    ## Why is this bad
    Degenerate samples of a model look so; training on them makes more of them.

    ## Known problems
    Songs, tables and code repeat on purpose. What three in ten rows do is left alone.

    ## Example
    `I am not sure. I am not sure. I am not sure. I am not sure. I am not sure.`

    ## Use instead
    Drop the rows, or cut the texts where the loop begins.
    """

    needs = ("texts",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column, and one of conversations in which the same is said twice."""
        for part in data.parts:
            for one in prose(data, written(data, part)):
                yield from _look(part, one)
                if one.spoken:
                    yield from _said_twice(part, one)


def _said_twice(part: Part, one: Texts) -> Iterable[Anomaly]:
    """Conversations in which the assistant gives the same long answer to two turns."""
    import polars as pl

    said = pl.col("text").str.strip_chars().str.to_lowercase().alias("same")
    long = (pl.col("speaker") == "assistant") & (pl.col("text").str.len_chars() >= ANSWER)
    turns = one.lazy.filter(long).select("row", "turn", said)
    again = turns.group_by("row", "same").agg(
        times=pl.len(), turn=pl.col("turn").max(), first=pl.col("turn").min()
    )
    found = again.filter(pl.col("times") > 1).sort("row").unique("row", keep="first").collect()
    if not 0 < len(found) <= TWICE * part.rows + 1:
        return
    found = found.sort("row")
    row = found.row(0, named=True)
    yield Anomaly(
        part,
        f"in {len(found):,} of {part.rows:,} conversations of `{one.column}` ({share(len(found), part.rows)}) the assistant "
        f"answers two turns word for word the same, as row {row['row']} at turns {row['first']} and {row['turn']}",
        "drop the rows, or the second answer",
        0.85,
        found.select("row", score=pl.lit(1.0), column=pl.lit(one.column), turn="turn"),
        [one.column],
        normal="each turn has an answer of its own",
        group="said twice",
    )


def _look(part: Part, one: Texts) -> Iterable[Anomaly]:
    import polars as pl

    text = pl.col("text")
    cut = text.str.to_lowercase().str.extract_all(WORD)
    frame = (
        one.lazy.filter(text.is_not_null() & (text.str.len_chars() >= 20))
        .with_row_index("line")
        .select("line", "row", "turn", word=cut)
        .collect(engine="streaming")
    )
    lengths = frame["word"].list.len().fill_null(0).to_numpy()
    ids = frame["word"].explode().drop_nulls().hash().to_numpy()
    del cut
    hits = {**_again(ids, lengths), **_loops(ids, lengths)}
    lines = [(*frame.row(line)[1:3], *hit) for line, hit in hits.items()]
    lines += _letters(one, {(row, turn) for row, turn, *_ in lines})
    if not lines or len({row for row, *_ in lines}) > 0.3 * part.rows + 2:
        return
    found = _found(one, lines)
    if len(found):
        yield _anomaly(part, one, found)


def _loops(
    ids: "np.ndarray[Any, Any]", lengths: "np.ndarray[Any, Any]"
) -> dict[int, tuple[Any, ...]]:
    """Lines in which a phrase follows itself: score, what, the first and last word of the loop."""
    import numpy as np

    line = np.repeat(np.arange(len(lengths)), lengths)
    begins = np.cumsum(lengths) - lengths
    found: dict[int, tuple[Any, ...]] = {}
    for period in range(1, min(LONGEST, int(lengths.max(initial=0)) // TIMES) + 1):
        same = (ids[period:] == ids[:-period]) & (line[period:] == line[:-period])
        if not same.any():
            continue
        edges = np.diff(np.concatenate([[0], same.astype(np.int8), [0]]))
        start, end = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        run = end - start + period
        long = (run >= TIMES * period) & (run >= (8 if period == 1 else 12))
        for a, n in zip(start[long].tolist(), run[long].tolist(), strict=True):
            at = int(line[a])
            if at not in found or found[at][0] < n / max(1, lengths[at]):
                first = a - int(begins[at])
                score = n / float(lengths[at])
                found[at] = (score, f"{n // period} times {period} words", first, first + n - 1)
    return found


def _again(
    ids: "np.ndarray[Any, Any]", lengths: "np.ndarray[Any, Any]"
) -> dict[int, tuple[Any, ...]]:
    """Lines of which much stands in runs of eight words that came before in them."""
    import numpy as np

    if len(ids) < GRAM:
        return {}
    line = np.repeat(np.arange(len(lengths)), lengths)
    key = np.zeros(len(ids) - GRAM + 1, np.uint64)
    for place in range(GRAM):
        key = key * np.uint64(0x9E3779B97F4A7C15) + ids[place : len(ids) - GRAM + 1 + place]
        key ^= key >> np.uint64(31)
    inside = line[: len(key)] == line[GRAM - 1 :]
    key = (key ^ (line[: len(key)].astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)))[inside]
    where = np.flatnonzero(inside)
    if not len(where):
        return {}
    order = np.argsort(key, kind="stable")
    later = np.append(False, key[order][1:] == key[order][:-1])
    starts = where[order[later]]
    covered = np.zeros(len(ids) + 1, np.int32)
    np.add.at(covered, starts, 1)
    np.add.at(covered, starts + GRAM, -1)
    again = np.cumsum(covered)[:-1] > 0
    counts = np.bincount(line[again], minlength=len(lengths))
    begins = np.cumsum(lengths) - lengths
    found = {}
    for at in np.flatnonzero((counts >= AGAIN * lengths) & (lengths >= 40)).tolist():
        words = np.flatnonzero(again[begins[at] : begins[at] + lengths[at]])
        told = f"{share(int(counts[at]), int(lengths[at]))} of its words came before in it"
        found[at] = (0.9 * counts[at] / lengths[at], told, int(words[0]), int(words[-1]))
    return found


def _letters(one: Texts, known: set[tuple[int, int | None]]) -> list[tuple[Any, ...]]:
    """Texts with a run of one letter or a group of letters: `aaaaaaaa`, `hahahaha`; spans in characters."""
    import re

    import polars as pl

    long = pl.col("text").str.contains(r"[\p{L}\p{N}]{40}")
    frame = one.lazy.filter(long).select("row", "turn", "text").collect(engine="streaming")
    run = re.compile(r"([^\W_]{1,6}?)\1{15,}")
    lines = []
    for row, turn, text in frame.iter_rows():
        hit = next(
            (m for m in run.finditer(text) if len(m[0]) >= 40 and m[1] not in ("0", "f", "F")), None
        )
        if hit is not None and (row, turn) not in known:
            told = f"{len(hit[0]) // len(hit[1])} times `{hit[1]}`"
            lines.append(
                (row, turn, len(hit[0]) / len(text), told, -1 - hit.start(), -1 - hit.end())
            )
    return lines


def _found(one: Texts, lines: list[tuple[Any, ...]]) -> "pl.DataFrame":
    """The lines with spans in characters: words are counted again in the texts themselves."""
    import re

    import polars as pl

    schema = {"row": pl.Int64, "turn": pl.Int64, "score": pl.Float64, "why": pl.String}
    made = pl.DataFrame(lines, schema={**schema, "a": pl.Int64, "b": pl.Int64}, orient="row")
    whole = (
        one.lazy.filter(pl.col("row").is_in(made["row"].implode()))
        .select("row", "turn", "text")
        .collect()
    )
    made = made.join(whole, on=["row", "turn"], nulls_equal=True)
    cjk = "\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f"
    word = re.compile(rf"[{cjk}]|(?:(?![{cjk}])\w)+")
    spans: list[tuple[int, int]] = []
    for a, b, text in made.select("a", "b", "text").iter_rows():
        places = [m.span() for m in word.finditer(text)] if a >= 0 else []
        if a < 0:
            spans.append((-1 - a, -1 - b))
        else:
            spans.append((places[min(a, len(places) - 1)][0], places[min(b, len(places) - 1)][1]))
    # numbers, signs and rules of a table come again in a row by their nature
    worded = [
        2 * sum(c.isalpha() for c in text[s:e]) >= e - s
        for (s, e), text in zip(spans, made["text"], strict=True)
    ]
    made = made.with_columns(
        pl.Series("start", [s for s, _ in spans], dtype=pl.Int64),
        pl.Series("end", [e for _, e in spans], dtype=pl.Int64),
        pl.lit(one.column).alias("column"),
    )
    return made.filter(pl.Series(worded, dtype=pl.Boolean)).sort(
        "score", "row", descending=[True, False]
    )


def _anomaly(part: Part, one: Texts, found: "pl.DataFrame") -> Anomaly:
    first = found.row(0, named=True)
    rows = found["row"].n_unique()
    excerpt = first["text"][first["start"] : first["end"]]
    return Anomaly(
        part,
        f"{rows:,} of {part.rows:,} texts of `{one.column}` ({share(rows, part.rows)}) repeat themselves, as "
        f"row {first['row']} ({first['why']}): {shown(excerpt)}",
        "drop them, or cut them where the loop begins",
        0.88,
        settled(found.select("row", "score", "column", "turn", "start", "end", "why")),
        [one.column],
        "warning",
        normal="a text says a thing once or twice",
    )
