"""Texts that are far longer than the others, or longer than models read."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import ROW, Data, Part
from labhand.scan.detectors._cells import share
from labhand.scan.texts import written

if TYPE_CHECKING:
    import polars as pl

CONTEXT = 32_768
"""Tokens that many models read at most."""
PER_TOKEN = 4.0
"""Characters of a token of English prose, roughly; of scripts without blanks one."""
APART = 4.0
"""How many times longer than nearly all others a text must be."""
LEAST, TURNS = 50, 8
"""Conversations below which nobody knows how many turns are usual, and turns below which none has too many."""
MANY = 6
"""Of a hundred rows so many may be too long at most."""


class Detector:
    """Texts that are far longer than the others, or longer than models read.

    ## What it does
    Measures rows in characters, all turns together, and finds those that are four times longer than
    nearly all others and stand apart from them, conversations of three times as many turns, and, as a note, those of more than 32,768 tokens by a
    rough count.

    ## Why is this bad
    They are cut at training time, or fill a batch alone; often two documents ran into one.

    ## Known problems
    Tokens are counted without a tokenizer. Lengths of documents vary widely: what goes on from the
    others without a gap is left alone.

    ## Example
    A review of 60,000 characters among reviews of 600

    ## Use instead
    Look at the rows; cut them into pieces, or drop them.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """Two anomalies a part of texts at most, and of a column of tokens."""
        import polars as pl

        for part in data.parts:
            if holds := [t.column for t in written(data, part)]:
                yield from _look(part, _lengths(data, part), holds, "characters")
                yield from _turns(data, part)
            for name in _lists(part):
                size = pl.col(name).list.len().cast(pl.Int64)
                sizes = part.select(
                    row=pl.col(ROW), letters=size.fill_null(0), alone=size.fill_null(0)
                )
                ordered = sizes.sort("letters", "row", descending=[True, False])
                yield from _look(part, ordered, [name], "items")


def _turns(data: Data, part: Part) -> Iterable[Anomaly]:
    """Conversations of far more turns than all others, as of several that ran into one."""
    import polars as pl

    for one in written(data, part):
        if not one.spoken:
            continue
        turns = one.lazy.group_by("row").agg(n=pl.len().cast(pl.Int64)).collect(engine="streaming")
        usual = turns["n"].quantile(0.97, "higher")
        if usual is None or len(turns) < LEAST:
            continue
        odd = turns.filter(pl.col("n") >= max(TURNS, 3 * usual))
        if not len(odd):
            continue
        found = odd.sort("n", "row", descending=[True, False]).select(
            "row", score=pl.col("n") / usual
        )
        yield Anomaly(
            part,
            f"{len(odd):,} of {part.rows:,} conversations of `{one.column}` ({share(len(odd), part.rows)}) have far more turns "
            f"than the others, as row {int(found['row'][0])} with {int(odd['n'].max()):,}; 97 % have at most {usual:.0f}",  # type: ignore[arg-type]
            "look whether several conversations ran into one",
            0.8,
            found,
            [one.column],
            "warning",
            normal=f"97 % of the conversations have at most {usual:.0f} turns",
            group="turns",
        )


def _lists(part: Part) -> list[str]:
    """The columns of lists of whole numbers: tokens, masks, labels of tokens; of several the first."""
    import polars as pl

    dtypes = {name: part.columns[name].dtype for name in part.names}
    return [n for n, d in dtypes.items() if isinstance(d, pl.List) and d.inner.is_integer()][:1]


def _lengths(data: Data, part: Part) -> "pl.DataFrame":
    """The characters of each row, and how many of them are tokens of their own."""
    import polars as pl

    text = pl.col("text")
    alone = text.str.count_matches(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]")
    frames = [
        one.lazy.filter(text.is_not_null())
        .group_by("row")
        .agg(letters=text.str.len_chars().sum(), alone=alone.sum())
        for one in written(data, part)
    ]
    summed = pl.concat(frames).group_by("row").agg(pl.col("letters").sum(), pl.col("alone").sum())
    return summed.collect(engine="streaming").sort("letters", "row", descending=[True, False])


def _look(part: Part, lengths: "pl.DataFrame", columns: list[str], what: str) -> Iterable[Anomaly]:
    import polars as pl

    letters = lengths["letters"].to_numpy()
    tokens = (pl.col("letters") - pl.col("alone")) / PER_TOKEN + pl.col("alone")
    far = _apart(letters.tolist())
    if far:
        rest = float(letters[far]) if far < len(letters) else 0.0
        middle = float(lengths["letters"].median())  # type: ignore[arg-type]
        found = lengths.head(far).select("row", score=pl.col("letters") / max(rest, 1.0))
        first = lengths.row(0, named=True)
        yield Anomaly(
            part,
            f"{far:,} of {part.rows:,} rows ({share(far, part.rows)}) are far longer than all others, as row "
            f"{first['row']} with {first['letters']:,} {what}; the longest of the others has {rest:,.0f}",
            "look at them; cut them into pieces, or drop them",
            0.8,
            found,
            columns,
            "warning",
            normal=f"half of the rows have at most {middle:,.0f} {what}",
        )
    long = lengths.with_columns(tokens=tokens).filter(pl.col("tokens") > CONTEXT)
    if len(long):
        first = long.row(0, named=True)
        yield Anomaly(
            part,
            f"{len(long):,} of {part.rows:,} rows have more than {CONTEXT:,} tokens, as row {first['row']} "
            f"with about {first['tokens']:,.0f}",
            "see that they fit what the model reads, or cut them",
            0.7,
            long.select("row", score=pl.col("tokens") / CONTEXT),
            columns,
            "note",
            normal="rows fit into what a model reads at once",
        )


def _apart(lengths: list[int]) -> int:
    """How many of the longest (lengths come longest first) stand apart from the others; 0 for none."""
    number = len(lengths)
    if number < 20:
        return 0
    half = lengths[number // 2]
    best = 0
    for place in range(min(max(3, number * MANY // 100), number - 1)):
        longer, shorter = lengths[place], max(lengths[place + 1], 1)
        gap = longer / shorter
        typical = lengths[min(number - 1, place + 1 + number // 50)]
        if gap >= 2 and longer >= APART * max(typical, 1) and longer > 8 * half and longer > 400:
            best = place + 1
    return best
