"""Outputs of a model that say the same again and again."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data
from labhand.scan.detectors._diversity import (
    ALIKE,
    Diversity,
    diversity,
    similarities,
    vectors_of,
)
from labhand.scan.outputs import Outputs, outputs

LEAST = 8
"""Outputs of a step or group below which nothing is told."""
SOME = 300
"""Outputs of a step or group that are compared with each other."""
GROUPS = 200
SHARE = 0.5
"""The share of outputs that repeat another from which on they have collapsed."""
LESS = 0.55
"""The part of the usual diversity below which a group has lost it."""
WORDS = 3
DRAWS = 400
LEVEL = 0.05


class _Group(NamedTuple):
    name: Any
    rows: Any
    similar: Any
    told: Diversity


class Detector:
    """Outputs of a model that say the same again and again.

    ## What it does
    Measures for every step, or for every run or group where there are no steps, how different the
    outputs are: Vendi score, distinct-2 and the share that another output repeats, over equally many.
    Over steps it tells from which one on they have collapsed, against the steps before. Of groups it
    tells those that are far less diverse than the others, with a permutation test (Holm-corrected over
    the groups). The rows are those of the largest cluster of like outputs, each with one it is like.

    ## Why is this bad
    A policy that found one answer that pays, or a generator that forgot its modes, scores well and is
    worth little.

    ## Known problems
    Outputs of one or two words are not looked at; what is to be said in one way only is alike by right.

    ## Example
    From step 800 on, 54 of 64 samples are the same story

    ## Use instead
    Take an earlier checkpoint; raise the temperature, the KL penalty or the entropy bonus.

    ## References
    Friedman and Dieng, *The Vendi Score*, 2023. Li et al., *A diversity-promoting objective*, 2016.
    """

    needs = ("texts",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """At most one anomaly a part for steps, and one a group."""
        for told in outputs(data):
            column = told.get("output")
            if column is None or told.part.columns[column].words < WORDS:
                continue
            if told.get("step") is not None:
                yield from _steps(told, _groups(data, told, str(told.get("step"))))
            elif by := _by(data, told):
                yield from _sides(told, by, _groups(data, told, by))
            else:
                yield from _whole(told, _groups(data, told, None))


def _by(data: Data, told: Outputs) -> str | None:
    """What the outputs are grouped by: a named group, else the run, else an attribute of few values."""
    group = data.role("group")
    if group in told.part.names and group != told.get("item"):
        return group
    return (
        told.get("run")
        if told.part.columns[told.get("run") or told.part.names[0]].unique > 1
        else None
    )


def _groups(data: Data, told: Outputs, by: str | None) -> list[_Group]:
    import numpy as np
    import polars as pl

    key = pl.col(by) if by else pl.lit(0)
    text = pl.col(str(told.get("output"))).cast(pl.String, strict=False)
    plain = text.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    frame = told.part.select(row=pl.col("__row__"), key=key, text=plain)
    frame = frame.filter(pl.col("text").str.len_chars() > 0, pl.col("key").is_not_null())
    sizes = frame.group_by("key").len().filter(pl.col("len") >= LEAST).sort("key")
    if not len(sizes):
        raise CannotLook(f"no step or group has {LEAST} outputs")
    names = sizes["key"].to_list()
    if len(names) > GROUPS:
        data.left_out(
            f"{GROUPS} of the {len(names):,} steps or groups were looked at, evenly spread"
        )
        names = [names[i] for i in np.linspace(0, len(names) - 1, GROUPS).astype(int)]
    size = int(min(SOME, max(LEAST, sizes["len"].quantile(0.1) or LEAST)))
    parts = frame.partition_by("key", as_dict=True)
    made_ = []
    for name in names:
        some = parts[(name,)]
        take = np.linspace(0, len(some) - 1, min(size, len(some))).astype(int)
        texts = some["text"].gather(take).to_list()
        similar = similarities(vectors_of(texts))
        rows = some["row"].gather(take).to_numpy()
        made_.append(_Group(name, rows, similar, diversity(texts, similar)))
    return made_


def _steps(told: Outputs, groups: list[_Group]) -> Iterable[Anomaly]:
    """The first step from which on the outputs stay collapsed, against those before."""
    import numpy as np

    if len(groups) < 2:
        yield from _whole(told, groups)
        return
    vendi = np.array([g.told.vendi for g in groups])
    usual = float(np.median(np.sort(vendi)[-max(1, (len(vendi) + 1) // 2) :]))
    repeated = np.array([g.told.repeated for g in groups])
    least = float(np.min(repeated))
    odd = (vendi < LESS * usual) & (repeated >= max(SHARE, least + 0.3))
    at = np.flatnonzero(odd)
    if not len(at):
        if usual < 0.5 and float(np.median(repeated)) >= 0.8:
            yield from _whole(told, groups)
        return
    first = groups[at[0]]
    stays = bool(odd[at[0] :].all())
    column = str(told.get("step"))
    end = f"from {column} {first.name} on" if stays and len(at) > 1 else f"at {column} {first.name}"
    if not stays and len(at) > 1:
        end = f"at {len(at)} of {len(groups)} values of {column}, the first {first.name}"
    found, share = _cluster([groups[i] for i in at])
    yield Anomaly(
        told.part,
        f"outputs collapse {end}: {100 * share:.0f} % of them are one of a kind of the same, and the Vendi score "
        f"falls from {usual:.2f} to {np.median(vendi[at]):.2f} of what it could be",
        "take a checkpoint before it; raise the temperature, the KL penalty or the entropy bonus",
        0.9,
        found,
        [str(told.get("output")), column],
        "warning",
        normal=f"at the other values of {column} {100 * float(np.median(repeated[~odd]) if (~odd).any() else 0):.0f} % repeat another output",
        evidence={
            "first": first.name,
            "by_step": {str(g.name): g.told.told() for g in groups[:GROUPS]},
        },
        group="steps",
    )


def _whole(told: Outputs, groups: list[_Group]) -> Iterable[Anomaly]:
    every = max(groups, key=lambda g: g.told.repeated)
    found, share = _cluster(groups)
    if every.told.repeated < SHARE or share < SHARE:
        return
    yield Anomaly(
        told.part,
        f"{100 * share:.0f} % of the outputs are one of a kind of the same (Vendi score {every.told.vendi:.2f} of "
        f"what it could be, distinct-2 {every.told.distinct:.2f})",
        "take an earlier checkpoint; raise the temperature, the KL penalty or the entropy bonus",
        0.75,
        found,
        [str(told.get("output"))],
        "warning",
        normal="outputs differ",
        evidence=every.told.told(),
        group="whole",
    )


def _cluster(groups: list[_Group]) -> tuple[Any, float]:
    """The rows like the output that most others are like, each with that one; and their share."""
    rows, scores, partners, total = [], [], [], 0
    for group in groups:
        centre = int((group.similar >= ALIKE).sum(axis=1).argmax())
        total += len(group.rows)
        for place in (group.similar[centre] >= ALIKE).nonzero()[0]:
            rows.append(int(group.rows[place]))
            scores.append(float(group.similar[centre, place]))
            partners.append(int(group.rows[centre if place != centre else _second(group, centre)]))
    return made(rows, scores, partner=partners), len(rows) / max(1, total)


def _second(group: _Group, centre: int) -> int:
    line = group.similar[centre].copy()
    line[centre] = -1
    return int(line.argmax())


def _sides(told: Outputs, by: str, groups: list[_Group]) -> Iterable[Anomaly]:
    """Groups far less diverse than the others, tested by exchanging outputs between groups."""
    import numpy as np

    if len(groups) < 2:
        yield from _whole(told, groups)
        return
    vendi = np.array([g.told.vendi for g in groups])
    chances = _chances(told, groups)
    order = np.argsort(chances)
    holm = np.maximum.accumulate(chances[order] * (len(groups) - np.arange(len(groups))))
    corrected = np.empty(len(groups))
    corrected[order] = np.minimum(holm, 1.0)
    table = {
        str(g.name): g.told.told() | {"p": round(float(corrected[i]), 4)}
        for i, g in enumerate(groups)
    }
    for at, group in enumerate(groups):
        usual = float(np.median(np.delete(vendi, at)))
        if vendi[at] >= LESS * usual or corrected[at] > LEVEL:
            continue
        found, share = _cluster([group])
        yield Anomaly(
            told.part,
            f"the outputs of `{by}` = {group.name} are far less diverse than the others: Vendi score "
            f"{vendi[at]:.2f} of what it could be, the others {usual:.2f} (p = {max(corrected[at], 0.0001):.2g}, "
            f"Holm); {100 * share:.0f} % are like one output",
            f"look at the outputs of this group; compare how often each `{by}` was trained on",
            0.85,
            found,
            [str(told.get("output")), by],
            "warning",
            normal=f"the Vendi score of a group is about {usual:.2f} of what it could be",
            evidence={"groups": table, "test": f"permutation, {DRAWS} draws"},
            group=f"group {group.name}",
        )


def _chances(told: Outputs, groups: list[_Group]) -> Any:
    """The chance that so much likeness within a group comes about where outputs belong to any group."""
    import numpy as np
    import polars as pl

    text = pl.col(str(told.get("output"))).cast(pl.String, strict=False).str.to_lowercase()
    rows = np.concatenate([g.rows[:80] for g in groups])
    frame = told.part.select(row=pl.col("__row__"), text=text)
    wanted = pl.DataFrame({"row": rows}).join(frame, on="row", how="left", maintain_order="left")
    similar = similarities(vectors_of(wanted["text"].fill_null("").to_list()))
    sizes = [min(80, len(g.rows)) for g in groups]
    generator = np.random.default_rng(0)
    chances, start = [], 0
    for size in sizes:
        inside = similar[start : start + size, start : start + size].mean()
        draws = [generator.choice(len(rows), size, replace=False) for _ in range(DRAWS)]
        over = sum(similar[np.ix_(d, d)].mean() >= inside for d in draws)
        chances.append((over + 1) / (DRAWS + 1))
        start += size
    return np.array(chances)
