"""Conversations whose turns are out of order."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data, Part
from labhand.scan.detectors import _tool_calls
from labhand.scan.detectors._cells import share
from labhand.scan.detectors._contrast import judged, surely_reversed
from labhand.scan.detectors._spans import settled
from labhand.scan.texts import Texts, texts

if TYPE_CHECKING:
    import polars as pl

CLEAR = 0.85
"""How often the speakers of an unseen conversation must be told apart before any is doubted."""
MOST = 50_000
"""Conversations that are held against each other without being asked for by name."""
HABIT = 0.2
"""The share of conversations from which on an order is how the data is written."""


class Detector:
    """Conversations whose turns are out of order.

    ## What it does
    Finds conversations in which one speaker has two turns in a row, that begin with the assistant,
    that have a system turn within or several of them, a tool's result without a call or with the number of
    none, a turn without a speaker or with one that the data hardly knows, and conversations without any turn of a user. Says
    which turn. Where words and form tell the speakers apart, it finds conversations in which each speaks as
    the other does elsewhere.

    ## Why is this bad
    Chat templates refuse such rows, or make of them a text that no conversation ever has.

    ## Known problems
    What one conversation in five does is taken for the data's own order. Calls of tools and their
    results may follow each other.

    ## Example
    `user, user, assistant`

    ## Use instead
    Merge the turns, or drop the rows.
    """

    needs = ("texts",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """Two anomalies a column at most, order and speakers exchanged, and one a part: results without a call."""
        from labhand.scan.data import CannotLook

        spoken = [(p, t) for p in data.parts for t in texts(data, p) if t.spoken]
        if not spoken:
            raise CannotLook("no column holds conversations")
        for part in data.parts:
            yield from _tool_calls.unanswered(data, part)
        for part, one in spoken:
            yield from _look(part, one)
            if part.rows > MOST and not data.thorough:
                data.left_out(f"whether speakers were exchanged in the {part.rows:,} rows of {part.name}; `--select role-order` looks")  # fmt: skip
                continue
            yield from _exchanged(part, one)


def _exchanged(part: Part, one: Texts) -> Iterable[Anomaly]:
    """Conversations in which user and assistant speak as the other does everywhere else."""
    import polars as pl

    some = one.lazy.filter(pl.col("speaker").is_in(["user", "assistant"]) & (pl.col("text") != ""))
    first = (
        some.sort("row", "turn").group_by("row", "speaker", maintain_order=True).first().collect()
    )
    sides = [first.filter(speaker=s).select("row", pl.col("text").alias(n)) for s, n in (("assistant", "chosen"), ("user", "rejected"))]  # fmt: skip
    nothing = pl.lit(None, dtype=pl.String)
    pairs = (
        sides[0].join(sides[1], on="row").with_columns(asked=nothing, prompt=nothing).sort("row")
    )
    told = judged(part, pairs)
    odd = [] if told is None else surely_reversed(told, CLEAR)
    if told is None or not len(odd):
        return
    found = made(told.rows[odd].tolist(), (-told.margin[odd]).tolist())
    yield Anomaly(
        part,
        f"in {len(odd):,} of {len(told.rows):,} conversations of `{one.column}` ({share(len(odd), len(told.rows))}) user and "
        f"assistant look swapped: each speaks as the other does elsewhere, as in row {int(found['row'][0])}",
        "read these conversations, and exchange the speakers",
        0.8,
        found,
        [one.column],
        "warning",
        normal=f"a model that never saw a conversation tells the two apart in {100 * told.right:.0f} %",
        group="exchanged",
    )


def _look(part: Part, one: Texts) -> Iterable[Anomaly]:
    import polars as pl

    speaker = pl.col("speaker")
    turns = one.lazy.select("row", "turn", "speaker", "said", "calls").collect(engine="streaming")
    turns = turns.sort("row", "turn").with_columns(
        before=speaker.shift(1).over("row"),
        called=(pl.col("calls") | (speaker == "call")).shift(1).over("row"),
        first=pl.col("turn") == pl.col("turn").min().over("row"),
        users=(speaker == "user").sum().over("row"),
    )
    begins = pl.col("first") | (
        (pl.col("before") == "system") & (pl.col("turn") == pl.col("turn").min().over("row") + 1)
    )
    known = turns.filter(speaker == "other")["said"].value_counts()
    rare = known.filter(pl.col("count") < max(3, 0.02 * len(turns)))["said"]
    again = (speaker == pl.col("before")) & ~pl.col("called").fill_null(False)
    faults = {
        "no speaker": pl.col("said").is_null() | (pl.col("said").str.strip_chars() == ""),
        "a speaker that the data hardly knows": pl.col("said").is_in(rare.implode()),
        "two turns of the user in a row": again & (speaker == "user"),
        "two turns of the assistant in a row": again & (speaker == "assistant"),
        "a system turn within": (speaker == "system") & ~pl.col("first"),
        "the assistant begins": begins & (speaker == "assistant") & (pl.col("users") > 0),
        "no turn of a user": pl.col("first") & (pl.col("users") == 0),
        "a tool's result without a call": (speaker == "tool")
        & (begins | pl.col("before").is_in(["user", "system"])),
    }
    conversations = turns["row"].n_unique()
    frames = []
    for what, is_odd in faults.items():
        frame = turns.filter(is_odd).select("row", "turn", what=pl.lit(what))
        if 0 < frame["row"].n_unique() <= HABIT * conversations + 1:
            frames.append(frame)
    if frames:
        yield _told(part, one, pl.concat(frames), turns)


def _told(part: Part, one: Texts, odd: "pl.DataFrame", turns: "pl.DataFrame") -> Anomaly:
    import polars as pl

    ends = one.lazy.select(
        "row", "turn", end=pl.col("text").str.len_chars().cast(pl.Int64)
    ).collect()
    found = odd.unique(["row", "turn"], keep="first", maintain_order=True).join(
        ends, on=["row", "turn"]
    )
    found = found.select(
        "row",
        pl.lit(1.0).alias("score"),
        pl.lit(one.column).alias("column"),
        "turn",
        pl.lit(0, dtype=pl.Int64).alias("start"),
        pl.col("end").fill_null(0),
        "what",
    ).sort("row", "turn")
    first = found.row(0, named=True)
    order = turns.filter(pl.col("row") == first["row"])["said"].to_list()
    rows = found["row"].n_unique()
    counts: list[tuple[Any, ...]] = found["what"].value_counts(sort=True).rows()
    kinds = ", ".join(f"{n:,} × {what}" for what, n in counts[:4])
    return Anomaly(
        part,
        f"{rows:,} of {part.rows:,} conversations ({share(rows, part.rows)}) are out of order ({kinds}), as row "
        f"{first['row']} at turn {first['turn']}: {', '.join(str(s) for s in order[:6])}"
        + (", …" if len(order) > 6 else ""),
        "merge the turns, or drop the rows",
        0.93,
        settled(found),
        [one.column],
        "warning",
        normal="a user and the assistant take turns, after at most one system turn",
    )
