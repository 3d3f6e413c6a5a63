"""Outputs of a model that say the same again and again."""

import re
from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors._diversity import Samples, samples
from labhand.scan.detectors._grouped import Group, attributes, cluster, compared, groups
from labhand.scan.outputs import Outputs, of_runs

SHARE = 0.5
"""The share of outputs that repeat another from which on they have collapsed."""
LESS = 0.55
"""The part of the usual diversity below which a step has lost it."""
_GENERATED = re.compile(
    r"(?i).*(output|completion|generat|response|sample|portrait|description|caption|story|stories|drawing).*"
)


class Detector:
    """Outputs of a model that say the same again and again.

    ## What it does
    Measures how different outputs are, over equally many each: Vendi score, distinct-2 and the share that
    another output repeats. Outputs are texts, or vectors (`--embeddings`, or a column), or images. Over
    steps it tells from which one on they have collapsed, against the steps before. By every attribute
    (`--group`, the run, columns of few values) it makes a report of the groups: each with an interval,
    its likest pairs and a permutation test, Holm-corrected over the groups; it tells those that are far
    less diverse than the others. The rows are those of the largest cluster, each with one it is like.

    ## Why is this bad
    A policy that found one answer that pays, or a generator that forgot its modes, scores well and is
    worth little.

    ## Known problems
    Outputs of one or two words are not looked at; what is to be said in one way only is alike by right: where
    there are targets, a group is told only if these are more diverse.

    ## Example
    From step 800 on, 54 of 64 samples are the same story

    ## Use instead
    Take an earlier checkpoint; raise the temperature, the KL penalty or the entropy bonus.

    ## References
    Friedman and Dieng, *The Vendi Score*, 2023. Li et al., *A diversity-promoting objective*, 2016.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """At most one anomaly a part for steps, and one a group of each attribute."""
        data.reports.pop("diversity", None)
        known = {id(told.part): told for told in of_runs(data)}
        looked = False
        for part in data.parts:
            told = known.get(id(part))
            if told is None and not _is_generated(data, part):
                continue
            some = samples(data, part, told.columns.get("output") if told else None)
            if some is None:
                continue
            looked = True
            yield from _look(data, told, some)
        if not looked:
            raise CannotLook(
                "no part holds outputs of a model: texts, vectors or images by step, run or `--group`"
            )


def _is_generated(data: Data, part: Part) -> bool:
    """Whether a table that is of no run may hold what a model made, with attributes."""
    by = data.role("group") in part.names or bool(attributes(data, part, None))
    return by and (
        data.role("group") in part.names or any(_GENERATED.fullmatch(n) for n in part.names)
    )


def _look(data: Data, told: Outputs | None, some: Samples) -> Iterable[Anomaly]:
    step = told.cell("step") if told else None
    by = attributes(data, some.part, told)
    if told is not None and step is not None:
        found = groups(data, some, step)
        yield from _steps(told, some, found) if len(found) > 1 else _whole(some, found)
        by = [b for b in by if b == data.role("group")]
    elif told is not None and not by:
        yield from _whole(some, groups(data, some, None))
    said = (
        told is not None
        or "group" in data.said
        or any(_GENERATED.fullmatch(c) for c in some.columns)
    )
    target = told.columns.get("target") if told else None
    asked = samples(data, some.part, target) if target and some.kind == "texts" else None
    yield from compared(data, some, by, sure=said, wanted=asked)


def _steps(told: Outputs, some: Samples, groups: list[Group]) -> Iterable[Anomaly]:
    """The first step from which on the outputs stay collapsed, against those before."""
    import numpy as np

    vendi = np.array([g.told.vendi for g in groups])
    usual = float(np.median(np.sort(vendi)[-max(1, (len(vendi) + 1) // 2) :]))
    repeated = np.array([g.told.repeated for g in groups])
    least = float(np.min(repeated))
    odd = (vendi < LESS * usual) & (repeated >= max(SHARE, least + 0.3))
    at = np.flatnonzero(odd)
    if not len(at):
        if usual < 0.5 and float(np.median(repeated)) >= 0.8:
            yield from _whole(some, groups)
        return
    first = groups[at[0]]
    stays = bool(odd[at[0] :].all())
    column = str(told.get("step"))
    end = f"from {column} {first.name} on" if stays and len(at) > 1 else f"at {column} {first.name}"
    if not stays and len(at) > 1:
        end = f"at {len(at)} of {len(groups)} values of {column}, the first {first.name}"
    found, share = cluster(some, [groups[i] for i in at])
    yield Anomaly(
        told.part,
        f"outputs collapse {end}: {100 * share:.0f} % of them are one of a kind of the same, and the Vendi score "
        f"falls from {usual:.2f} to {np.median(vendi[at]):.2f} of what it could be",
        "take a checkpoint before it; raise the temperature, the KL penalty or the entropy bonus",
        0.9,
        found,
        [*some.columns, *([column] if column in told.part.names else [])],
        "warning",
        normal=f"at the other values of {column} {100 * float(np.median(repeated[~odd]) if (~odd).any() else 0):.0f} % repeat another output",
        evidence={
            "first": first.name,
            "by_step": {str(g.name): g.told.told() for g in groups},
        },
        group="steps",
    )


def _whole(some: Samples, groups: list[Group]) -> Iterable[Anomaly]:
    every = max(groups, key=lambda g: g.told.repeated, default=None)
    found, share = cluster(some, groups)
    if every is None or every.told.repeated < SHARE or share < SHARE:
        return
    yield Anomaly(
        some.part,
        f"{100 * share:.0f} % of the outputs are one of a kind of the same (Vendi score {every.told.vendi:.2f} of "
        f"what it could be, {100 * every.told.repeated:.0f} % repeat another one)",
        "take an earlier checkpoint; raise the temperature, the KL penalty or the entropy bonus",
        0.75,
        found,
        some.columns,
        "warning",
        normal="outputs differ",
        evidence=every.told.told(),
        group="whole",
    )
