"""Which groups of outputs are far less diverse than the others: a report, and what stands out in it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share
from labhand.scan.detectors._diversity import (
    ALIKE,
    Diversity,
    Matrix,
    Samples,
    diversity,
    nearest,
    vendi,
)
from labhand.scan.outputs import Outputs, bookkeeping

LEAST = 8
"""Outputs of a group below which nothing is told of it."""
SOME = 300
"""Outputs of a group that are compared with each other; groups are compared over equally many."""
GROUPS = 200
ATTRIBUTES = 8
LESS = 0.55
"""The part of the usual diversity below which a group has lost it."""
LEVEL = 0.05
TESTED = 80
DRAWS = 4000
HALVES = 40
"""Half samples of a group from which its interval comes."""


class Group(NamedTuple):
    """The outputs of one group: their places among the samples, their cosines, how diverse they are."""

    name: Any
    places: Matrix
    similar: Matrix
    told: Diversity


def groups(data: Data, told: Samples, key: "Any | None") -> list[Group]:
    """The groups by the values of an expression, over equally many each; one of all without a key."""
    import numpy as np
    import polars as pl

    order = pl.DataFrame({"row": told.rows}).with_row_index("place")
    keys = told.part.select(row=pl.col("__row__"), key=pl.lit(0) if key is None else key)
    frame = order.join(keys, on="row", maintain_order="left").filter(pl.col("key").is_not_null())
    sizes = frame.group_by("key").len().filter(pl.col("len") >= LEAST).sort("key")
    names = sizes["key"].to_list()
    if len(names) > GROUPS:
        data.left_out(f"{GROUPS} of the {len(names):,} groups were looked at, evenly spread")
        names = [names[i] for i in np.linspace(0, len(names) - 1, GROUPS).astype(int)]
    if not names:
        return []
    size = int(min(SOME, max(LEAST, sizes["len"].quantile(0.1) or LEAST)))
    parts = frame.partition_by("key", as_dict=True)
    made_ = []
    for name in names:
        places = parts[(name,)]["place"].to_numpy()
        places = places[np.linspace(0, len(places) - 1, min(size, len(places))).astype(int)]
        similar = told.similar(places)
        made_.append(Group(name, places, similar, diversity(told, places, similar)))
    return made_


def attributes(data: Data, part: Part, told: Outputs | None) -> list[str]:
    """The columns that outputs may be grouped by: the group, the run, then categories of few values."""
    group, run = data.role("group"), told.columns.get("run") if told else None
    first = [c for c in (group, run) if c in part.names]
    apart = {*first, *bookkeeping(data, part), *data.roles.values()}
    few = [
        c.name
        for c in part.columns.values()
        if c.name not in apart
        and (c.kind in ("category", "flag") or (c.kind == "number" and c.whole))
        and 2 <= c.unique <= 20
        and c.filled >= LEAST * c.unique
    ]
    return [str(c) for c in first if part.columns[str(c)].unique > 1] + few[:ATTRIBUTES]


def compared(
    data: Data, told: Samples, by: list[str], *, sure: bool, wanted: Samples | None = None
) -> Iterator[Anomaly]:
    """The anomalies of every attribute; the whole table of groups goes into the data's reports.

    `sure`: the outputs are known for such; where they are not, what stands out is a note. `wanted` are
    the targets of the outputs: a group that is to say less is less diverse by right.
    """
    import polars as pl

    for column in by:
        found = groups(data, told, pl.col(column))
        if len(found) < 2:
            continue
        corrected = _holm(_chances(told, found))
        table = [_line(told, g, p) for g, p in zip(found, corrected, strict=True)]
        less = _less(found, corrected)
        if less and wanted is not None:
            right = {str(g.name): g.told.vendi for g in groups(data, wanted, pl.col(column))}
            less = {
                at: usual
                for at, usual in less.items()
                if found[at].told.vendi < LESS * right.get(str(found[at].name), 1.0)
            }
        for at, line in enumerate(table):
            line["far_less"] = at in less
        kept = data.reports.setdefault("diversity", [])
        report = {"part": told.part.name, "of": told.columns or [told.kind], "by": column, "groups": table,
                  "test": f"permutation over {DRAWS:,} draws, Holm-corrected for {len(found)} groups"}  # fmt: skip
        if not any((r["part"], r["by"]) == (told.part.name, column) for r in kept):
            kept.append(report)
        for at, usual in less.items():
            yield _anomaly(told, column, found[at], table[at], usual, sure)


def _line(told: Samples, group: Group, chance: float) -> dict[str, Any]:
    low, high = _interval(group)
    pairs = [
        {
            "row": int(told.rows[group.places[a]]),
            "partner": int(told.rows[group.places[b]]),
            "cosine": round(cosine, 4),
            "text": told.shown(int(group.places[a])),
            "partner_text": told.shown(int(group.places[b])),
        }
        for a, b, cosine in nearest(group.similar)
    ]
    line = {"group": str(group.name), **group.told.told(), "vendi_low": low, "vendi_high": high}
    return {**line, "p": round(float(chance), 5), "nearest": pairs}


def _interval(group: Group) -> tuple[float, float]:
    """A 95 % interval of the Vendi score, from half samples (delete-half jackknife, Shao and Wu 1989)."""
    import numpy as np

    generator = np.random.default_rng(0)
    number = min(TESTED, len(group.similar))
    some = generator.choice(len(group.similar), number, replace=False)
    halves = [generator.choice(some, number // 2, replace=False) for _ in range(HALVES)]
    scores = np.array([vendi(group.similar[np.ix_(h, h)]) for h in halves])
    wide = 1.96 * float(scores.std()) * (number / len(group.similar)) ** 0.5
    middle = group.told.vendi
    return round(max(0.0, middle - wide), 4), round(min(1.0, middle + wide), 4)


def _chances(told: Samples, found: list[Group]) -> Matrix:
    """The chance of so much likeness within a group where outputs belong to any group."""
    import numpy as np

    size = min(TESTED, *(len(g.places) for g in found))
    places = np.concatenate([g.places[:size] for g in found])
    generator = np.random.default_rng(0)
    if len(places) > 3000:
        places = np.sort(generator.choice(places, 3000, replace=False))
    similar = told.similar(places)
    drawn = np.empty(DRAWS)
    for at in range(DRAWS):
        some = generator.choice(len(places), size, replace=False)
        drawn[at] = similar[np.ix_(some, some)].mean()
    inside = [g.similar[:size, :size].mean() for g in found]
    return np.array([((drawn >= one - 1e-9).sum() + 1) / (DRAWS + 1) for one in inside])


def _holm(chances: Matrix) -> Matrix:
    import numpy as np

    order = np.argsort(chances)
    stepped = np.maximum.accumulate(chances[order] * (len(chances) - np.arange(len(chances))))
    made_ = np.empty(len(chances))
    made_[order] = np.minimum(stepped, 1.0)
    return made_


def _less(found: list[Group], corrected: Matrix) -> dict[int, float]:
    """The places of groups far less diverse than the middle one of the others, and the score of that one."""
    import numpy as np

    scores = np.array([g.told.vendi for g in found])
    usual = [float(np.median(np.delete(scores, at))) for at in range(len(found))]
    is_less = (scores < LESS * np.array(usual)) & (corrected <= LEVEL)
    return {at: usual[at] for at in np.flatnonzero(is_less).tolist()}


def _anomaly(
    told: Samples, by: str, group: Group, line: dict[str, Any], usual: float, sure: bool
) -> Anomaly:
    rows, alike = cluster(told, [group])
    return Anomaly(
        told.part,
        f"the {told.kind} where `{by}` is {group.name} are far less diverse than the others: Vendi score "
        f"{line['vendi']:.2f} of what it could be (95 % interval {line['vendi_low']:.2f} to {line['vendi_high']:.2f}), "
        f"the others {usual:.2f} (p = {line['p']:.2g}, corrected); {share(alike, 1)} are like one of them",
        f"look at the outputs of this group side by side; compare how often each `{by}` was trained on",
        0.85,
        rows,
        [*told.columns, by],
        "warning" if sure else "note",
        normal=f"the Vendi score of a group is about {usual:.2f} of what it could be",
        evidence=line,
        group=f"by {by}",
    )


def cluster(told: Samples, found: list[Group]) -> tuple[Any, float]:
    """The rows like the output that most others are like, each with that one; and their share.

    Where none is like another, the likest pairs.
    """
    rows, scores, partners, total = [], [], [], 0
    for group in found:
        near = group.similar >= ALIKE[told.kind]
        centre = int(near.sum(axis=1).argmax())
        total += len(group.places)
        if near[centre].sum() < 2:
            continue
        for place in near[centre].nonzero()[0]:
            other = centre if place != centre else _second(group.similar, centre)
            rows.append(int(told.rows[group.places[place]]))
            scores.append(float(group.similar[centre, place]))
            partners.append(int(told.rows[group.places[other]]))
    alike = len(rows) / max(1, total)
    if not rows:
        for group in found:
            for one, other, cosine in nearest(group.similar):
                rows.append(int(told.rows[group.places[one]]))
                partners.append(int(told.rows[group.places[other]]))
                scores.append(cosine)
    return made(rows, scores, partner=partners), alike


def _second(similar: Matrix, centre: int) -> int:
    line = similar[centre].copy()
    line[centre] = -2
    return int(line.argmax())
