"""Preference pairs whose two sides were exchanged."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import ROW, CannotLook, Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors._contrast import Judged, judged, learned, surely_reversed
from labhand.scan.detectors._preferences import preferences

if TYPE_CHECKING:
    import polars as pl

LEAST = 8
CLEAR = 0.95
"""How often an unseen pair must be told right before single ones are doubted."""
GROUPS = 500
ATTRIBUTES = 12
BLOCK = 50
"""Rows of a block, where no column groups the pairs."""
MORE = 0.4
"""By how much more of a group than of the others must be told the other way round."""
LEVEL = 1e-6


class Detector:
    """Preference pairs whose two sides were exchanged.

    ## What it does
    Learns from the other pairs what is preferred here (words, length, form of the two answers) and judges
    each pair by a model that never saw it. Where that works, it tells the groups (batch, source, annotator,
    any column of few values) and the runs of rows in which most pairs are the other way round, by a
    binomial test; and single pairs, where nearly all others follow what was learned.

    ## Why is this bad
    A reward model learns the opposite from them, and a policy what nobody wanted.

    ## Known problems
    A group of annotators may prefer something else for good reasons; read some of its pairs. Where words
    and form do not tell what is preferred, nothing is said.

    ## Example
    In 76 of 80 pairs of batch 7 what looks like the rejected answer is the chosen one

    ## Use instead
    Exchange the two sides of these pairs, or leave the group out.
    """

    needs = ("chosen", "rejected")

    def look(self, data: Data) -> Iterable[Anomaly]:
        """At most one anomaly a part for groups or runs, and one for single pairs."""
        judged = [told for part in data.parts if (told := _judged(data, part))]
        if not judged:
            raise CannotLook(
                "words and form of the answers do not tell which is preferred, or there are too few pairs"
            )
        for told in judged:
            grouped = list(_grouped(data, told))
            yield from grouped
            known = {int(r) for a in grouped if a.found is not None for r in a.found["row"]}
            yield from _single(data, told, known)


def _judged(data: Data, part: Part) -> Judged | None:
    pairs = preferences(data, part)
    return None if pairs is None else judged(part, pairs)


def _grouped(data: Data, told: Judged) -> Iterator[Anomaly]:
    """The groups, or else the runs of rows, that are mostly the other way round."""
    import polars as pl

    frame = pl.DataFrame({"row": told.rows, "margin": told.margin})
    best: tuple[str | None, pl.DataFrame] | None = None
    for name in [*_attributes(data, told.part), None]:
        key = pl.col(name).cast(pl.String) if name else pl.col(ROW) // BLOCK
        keys = told.part.select(row=pl.col(ROW), key=key)
        odd = _reversed(frame.join(keys, on="row", how="left").drop_nulls("key"))
        if len(odd) and (best is None or len(odd) > 1.2 * len(best[1])):
            best = (name, odd)
    if best is not None:
        yield _of_group(data, told, best[0], _anew(told, best[1]))


def _attributes(data: Data, part: Part) -> list[str]:
    """The columns whose values may group pairs."""
    apart = {data.role("chosen"), data.role("rejected"), data.role("prompt")}
    few = [
        c.name
        for c in part.columns.values()
        if c.name not in apart
        and c.kind in ("category", "flag", "number", "text")
        and 2 <= c.unique <= min(GROUPS, c.filled // LEAST)
    ]
    return few[:ATTRIBUTES]


def _reversed(frame: "pl.DataFrame") -> "pl.DataFrame":
    """The pairs of the other way round in groups where they are far more common than in the others."""
    import polars as pl
    from scipy.stats import binom

    sizes = frame.group_by("key").agg(n=pl.len(), wrong=(pl.col("margin") < 0).sum())
    every, wrong = len(frame), int(sizes["wrong"].sum())
    odd = []
    for key, n, mine in sizes.iter_rows():
        usual = (wrong - mine + 1) / (every - n + 2)
        chance = float(binom.sf(mine - 1, n, min(0.95, usual + 0.05))) * len(sizes)
        if n >= LEAST and n < 0.5 * every and mine >= (usual + MORE) * n and chance < LEVEL:
            odd.append(key)
    found = frame.filter(pl.col("key").is_in(odd))
    return found.with_columns(n=pl.col("key").replace_strict(dict(sizes.select("key", "n").iter_rows())))  # fmt: skip


def _anew(told: Judged, odd: "pl.DataFrame") -> "pl.DataFrame":
    """The pairs of these groups that are the other way round for a model that saw none of the groups."""
    import polars as pl

    inside = pl.Series(told.rows).is_in(odd["row"].implode()).to_numpy()
    model = learned(told.differ[~inside])
    margin = model.decision_function(told.differ[inside])
    judged = pl.DataFrame({"row": told.rows[inside], "margin": margin})
    made_ = odd.drop("margin").join(judged, on="row", how="left")
    return made_.filter(pl.col("margin") < 0)


def _of_group(data: Data, told: Judged, name: str | None, odd: "pl.DataFrame") -> Anomaly:
    import polars as pl

    keys = odd["key"].unique(maintain_order=True).to_list()
    size = int(odd.unique("key")["n"].sum())
    if name is None:
        rows = odd["row"].to_list()
        where = f"in rows {min(rows)} to {max(rows)}"
    else:
        where = f"where `{name}` is {', '.join(shown(k) for k in keys[:4])}" + ", …" * (
            len(keys) > 4
        )
    sorted_ = odd.sort(pl.col("margin"))
    return Anomaly(
        told.part,
        f"chosen and rejected look swapped {where}: in {len(odd):,} of {size:,} pairs ({share(len(odd), size)}) what "
        f"the other pairs reject is the chosen side; of all pairs so in {share(int((told.margin < 0).sum()), len(told.rows))}",
        "read some of these pairs, and exchange their two sides",
        0.9,
        made(sorted_["row"].to_list(), (-sorted_["margin"]).to_list()),
        [*_columns(data), *([name] if name else [])],
        "error",
        normal=f"a model that never saw a pair tells {100 * told.right:.0f} % of them right",
        evidence={"groups": [str(k) for k in keys[:200]], "right": round(told.right, 4)},
        group="groups",
    )


def _columns(data: Data) -> list[str]:
    return [str(data.role("chosen")), str(data.role("rejected"))]


def _single(data: Data, told: Judged, known: set[int]) -> Iterator[Anomaly]:
    """Single pairs that are surely the other way round, where nearly all others are told right."""
    odd = surely_reversed(told, CLEAR, known)
    if not len(odd):
        return
    columns = _columns(data)
    found = made(told.rows[odd].tolist(), (-told.margin[odd]).tolist())
    yield Anomaly(
        told.part,
        f"{len(odd):,} of {len(told.rows):,} pairs look swapped: what nearly all others reject is the chosen side, as row "
        f"{int(found['row'][0])}",
        "read these pairs, and exchange their two sides where the rejected one is better",
        0.75,
        found,
        columns,
        "warning",
        normal=f"a model that never saw a pair tells {100 * told.right:.0f} % of them right",
        group="single",
    )
