"""Samples on which graders do not agree."""

import re
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data
from labhand.scan.detectors._cells import share
from labhand.scan.outputs import SHORT, Outputs, answered, graded, outputs, plain, right

if TYPE_CHECKING:
    import polars as pl

LEAST = 12
"""Samples that two graders both judged below which they are not compared."""
KAPPA = 0.4
"""Cohen's kappa from which on two scores judge the same thing."""
APART = 0.5
"""The part of its range by which two scores must differ to disagree."""
MATCHES = 0.8
"""How often a score must follow from the answer and the target before one that does not is told."""


class Detector:
    """Samples on which graders do not agree.

    ## What it does
    Tells the same output for the same item that got two different scores; answers that are scored against
    what answer and target say, where the score follows from these otherwise; and the samples on which two
    graders disagree, side by side in columns or below each other, if they judge the same thing (Cohen's kappa)
    or are called alike. Where one grader only ever is milder than the other it is a note.

    ## Why is this bad
    One of the two is wrong, and the mean of a score hides it. A grader that changes its mind adds noise
    that no seed explains.

    ## Known problems
    Scores of different things (helpful, short) may well differ; they are compared only if they go together.

    ## Example
    `judge_a` and `judge_b` disagree on 9 of 200 samples (kappa 0.87)

    ## Use instead
    Grade these samples by hand; mend or drop the grader that is wrong.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """At most one anomaly of each sort a part."""
        looked = False
        for told in outputs(data):
            scores = {s: v for s in told.scores if (v := _values(told, s)) is not None}
            if not scores:
                continue
            looked = True
            yield from _itself(told, scores)
            yield from _against_target(told)
            yield from _pairs(told, scores)
        if not looked:
            raise CannotLook("no column holds scores of samples")


def _values(told: Outputs, score: str) -> "pl.Series | None":
    import polars as pl

    values = told.part.select(right(pl.col(score)).alias(score))[score].fill_nan(None)
    return values if len(values.drop_nulls()) >= LEAST else None


def _itself(told: Outputs, scores: "dict[str, pl.Series]") -> Iterator[Anomaly]:
    """The same output, judged twice and not alike."""
    import polars as pl

    output, item = (
        told.columns.get("output"),
        told.columns.get("item") or told.columns.get("prompt"),
    )
    if output is None or item is None:
        return
    keys = [item, output, *([told.columns["target"]] if "target" in told.columns else [])]
    frame = told.part.select(pl.col("__row__").alias("row"), *(pl.col(k).cast(pl.String, strict=False) for k in keys))  # fmt: skip
    by = [told.columns["grader"]] if "grader" in told.columns else []
    if by:
        frame = frame.with_columns(told.part.select(by)[by[0]])
    frame = frame.filter(pl.col(output).str.len_chars() > 0)
    for score, values in scores.items():
        if graded(told, score) is None:
            continue
        judged = frame.join(
            told.part.select(row=pl.col("__row__")).with_columns(s=values), on="row"
        )
        judged = judged.drop_nulls("s").filter(pl.col("s").n_unique().over(*keys, *by) > 1)
        if len(judged):
            first = judged["row"][0]
            groups = judged.select(*keys, *by).n_unique()
            yield Anomaly(
                told.part,
                f"`{score}` judges the same output for the same item in two ways, {groups:,} times "
                f"({len(judged):,} rows, the first row {first})",
                "make the grader deterministic, or grade several times and take the majority",
                0.9,
                made(judged["row"].to_list()),
                [output, score],
                "warning",
                normal="the same output gets the same score",
                group="itself",
            )


def _against_target(told: Outputs) -> Iterator[Anomaly]:
    """Scores that do not follow from the answer and the target, where others do."""
    import polars as pl

    answer = told.columns.get("parsed") or told.columns.get("output")
    target = told.columns.get("target")
    score = next((s for s in told.scores if graded(told, s) is not None), None)
    if not answer or not target or not score or told.part.columns[target].words > SHORT:
        return
    said = answered(told)
    if said is None:
        return
    frame = told.part.select(row=pl.col("__row__"), t=plain(pl.col(target)))
    frame = frame.with_columns(a=said, right=graded(told, score)).drop_nulls()
    frame = frame.with_columns(same=pl.col("a") == pl.col("t"))
    odd = frame.filter(pl.col("same").cast(pl.Float64) != pl.col("right"))
    if len(frame) < LEAST or not len(odd) or len(odd) > (1 - MATCHES) * len(frame):
        return
    denied = int(odd["same"].sum())
    # words may say the same in two ways, numbers and letters hardly
    exact = odd.select(pl.col("a", "t").str.contains(r"^(-?[\d.]+|[a-j])$").all()).row(0)
    sure = denied > 0 or all(exact)
    yield Anomaly(
        told.part,
        f"`{score}` goes against answer and target in {len(odd):,} of {len(frame):,} samples "
        f"({share(len(odd), len(frame))}): {denied:,} answers that equal the target are wrong by it, "
        f"{len(odd) - denied:,} that differ are right",
        "compare these answers with their targets by hand; mend the grader, or the form of the targets",
        0.85 if sure else 0.5,
        made(odd["row"].to_list(), (odd["same"].cast(pl.Float64) / 2 + 0.5).to_list()),
        [answer, target, score],
        "warning" if sure else "note",
        normal=f"in {share(len(frame) - len(odd), len(frame))} of the samples the score follows from both",
        group="target",
    )


class _Pair(NamedTuple):
    """Two graders, and what both said of the same samples: row, one, other."""

    one: str
    other: str
    frame: "pl.DataFrame"
    columns: list[str]


def _pairs(told: Outputs, scores: "dict[str, pl.Series]") -> Iterator[Anomaly]:
    found = [a for pair in _of_graders(told, scores) if (a := _compared(told, pair))]
    if found:
        yield max(found, key=lambda a: (a.severity == "warning", a.confidence))


def _of_graders(told: Outputs, scores: "dict[str, pl.Series]") -> Iterator[_Pair]:
    import polars as pl

    rows = told.part.select(row=pl.col("__row__"))
    for one, other in combinations(list(scores)[:20], 2):
        frame = rows.with_columns(one=scores[one], other=scores[other]).drop_nulls()
        yield _Pair(one, other, frame, [one, other])
    grader, item = (
        told.columns.get("grader"),
        told.columns.get("item") or told.columns.get("prompt"),
    )
    if grader is None or item is None or not 2 <= told.part.columns[grader].unique <= 20:
        return
    score = next(iter(scores))
    keys = [c for c in (item, *(told.columns.get(n) for n in ("run", "step", "repeat"))) if c]
    frame = told.part.select(pl.col("__row__").alias("row"), pl.col(grader).alias("by"), *keys)
    frame = frame.with_columns(score=scores[score]).drop_nulls("score").unique([*keys, "by"], keep="first", maintain_order=True)  # fmt: skip
    names = [str(n) for n in frame["by"].unique(maintain_order=True).drop_nulls()]
    for first, second in combinations(names, 2):
        a, b = (frame.filter(pl.col("by").cast(pl.String) == n) for n in (first, second))
        both = a.join(b, on=keys, suffix="_of_other", nulls_equal=True)
        yield _Pair(
            first,
            second,
            both.select("row", pl.col("score").alias("one"), pl.col("score_of_other").alias("other"), partner="row_of_other"),
            [score, grader],
        )  # fmt: skip


def _compared(told: Outputs, pair: _Pair) -> Anomaly | None:
    import polars as pl

    frame = pair.frame
    below_each_other = pair.one not in pair.columns
    alike = below_each_other or _alike(pair.one, pair.other)
    if len(frame) < LEAST:
        return None
    both = frame.select("one", "other").to_numpy()
    low, high = float(both.min()), float(both.max())
    if high <= low or max(frame["one"].n_unique(), frame["other"].n_unique()) > 21:
        return None
    scaled = frame.with_columns((pl.col("one", "other") - low) / (high - low))
    kappa = _kappa(scaled)
    gap = (pl.col("one") - pl.col("other")).abs()
    odd = scaled.with_columns(gap=gap).filter(pl.col("gap") > APART)
    if not len(odd) or (kappa < KAPPA and not alike):
        return None
    milder = odd.select((pl.col("one") > pl.col("other")).mean()).item() in (0.0, 1.0)
    is_note = (milder and len(odd) > 2 and kappa >= KAPPA and not alike) or kappa >= 0.98
    hardly = "; they agree hardly more than by chance" if kappa < 0.2 else ""
    extra = {"partner": odd["partner"].to_list()} if "partner" in odd.columns else {}
    return Anomaly(
        told.part,
        f"`{pair.one}` and `{pair.other}` disagree on {len(odd):,} of {len(frame):,} samples "
        f"({share(len(odd), len(frame))}, Cohen's kappa {kappa:.2f}){hardly}",
        "grade these samples by hand; mend or drop the grader that is wrong",
        0.8 if kappa >= KAPPA else 0.7,
        made(odd["row"].to_list(), odd["gap"].to_list(), **extra),
        [c for c in pair.columns if c in told.part.names],
        "note" if is_note else "warning",
        normal=f"on {share(len(frame) - len(odd), len(frame))} of the samples they agree",
        evidence={"kappa": round(kappa, 3), "graders": [pair.one, pair.other]},
        group="graders",
    )  # fmt: skip


def _kappa(scaled: "pl.DataFrame") -> float:
    """Cohen's kappa with squared weights: 1 where two scores always agree, 0 where no better than chance."""
    one, other = scaled.select("one", "other").to_numpy().T
    by_chance = float(one.var() + other.var() + (one.mean() - other.mean()) ** 2)
    return 1 - float(((one - other) ** 2).mean()) / by_chance if by_chance > 0 else 1.0


def _alike(one: str, other: str) -> bool:
    """Whether two scores are called alike but for a number or letter at their end."""
    stems = {
        re.sub(r"([_\-/ ]?(\d+|[a-e]|first|second)|again)$", "", n.lower()) for n in (one, other)
    }
    return len(stems) == 1
