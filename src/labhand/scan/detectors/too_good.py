"""Scores that are too good, or too bad, to be true."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors._cells import share
from labhand.scan.outputs import Outputs, graded, of_runs

if TYPE_CHECKING:
    import polars as pl

LEAST = 10
"""Samples of a slice below which it is not looked at."""
EVERY = 30
"""Samples from which on it is told that every one is right; a warning from `MANY` on."""
MANY = 100
GAP = 0.9
"""The best of the other slices may be no better than this."""
LEVEL = 1e-3
PARTIAL = re.compile(r"format|valid|pars|syntax|style|length|penalty|compil|tag", re.I)
"""Scores of what is easily met: that all have them is no wonder."""
SLICES = ("step", "run")


class Detector:
    """Scores that are too good, or too bad, to be true.

    ## What it does
    Looks at every score that says right or wrong. Tells a slice (a step, a run, a task or category) whose
    samples are all right, where even the best of the other slices is far from it, so that chance would
    not do it (binomial, corrected for the number of slices); a slice whose samples are all wrong where
    even the worst of the others is far above; and a part where every single sample is right, or wrong.

    ## Why is this bad
    A grader that says yes to everything, a target that stands in the prompt, a test that was trained on; or
    a grader that broke. Such a slice raises the mean, and nobody looks at what scored well.

    ## Known problems
    Easy tests are solved. That every sample is right is a note below 100 of them.

    ## Example
    All 60 samples of run `seed-3` are right, of the others at most 52 %

    ## Use instead
    Read ten outputs of the slice; grade some wrong answers on purpose; search the target in the prompt.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a slice; those of one kind of slice go together."""
        looked = False
        for part in data.parts:
            if {"task", "metric", "score", "n"} <= set(part.names):
                looked = True
                yield from _results(part)
        for told in of_runs(data):
            for score in told.scores:
                values = graded(told, score)
                if values is not None:
                    looked = True
                    yield from _look(told, score, values)
        if not looked:
            raise CannotLook("no score says of each sample whether it is right")


def _results(part: Part) -> Iterator[Anomaly]:
    """Tasks of a table of results whose samples are all right, or all wrong."""
    import polars as pl

    is_share = pl.col("metric").str.contains(r"(?i)acc|exact|match|pass|\bem\b|correct")
    odd = is_share & pl.col("score").is_in([0.0, 1.0]) & (pl.col("n") >= EVERY)
    for row, task, metric, score, n in part.lazy.filter(odd).select(
        "__row__", "task", "metric", "score", "n"
    ).collect().iter_rows():  # fmt: skip
        said = "right" if score == 1 else "wrong"
        yield Anomaly(
            part,
            f"every one of {n:,} samples of `{task}` is {said} by `{metric}`",
            "grade an answer that is wrong on purpose, and one that is right; read ten of the outputs",
            0.6 if n >= MANY else 0.4,
            made([row]),
            ["task", "metric", "score"],
            "warning" if n >= MANY or score == 0 else "note",
            normal="models are right on some samples and wrong on others",
            evidence={"task": task, "metric": metric, "samples": n},
            group="results",
        )


class _Slice(NamedTuple):
    column: str
    name: Any
    rows: "pl.Series"
    right: bool
    other: float


def _look(told: Outputs, score: str, values: "pl.Series") -> Iterable[Anomaly]:
    import polars as pl

    frame = told.part.select(row=pl.col("__row__")).with_columns(right=values).drop_nulls()
    mean = float(frame["right"].mean() or 0.0)  # type: ignore[arg-type]
    if mean in (0.0, 1.0):
        if len(frame) >= EVERY and _is_of_samples(told) and not PARTIAL.search(score):
            yield _every(told, score, frame["row"], mean == 1.0)
        return
    for column, cell in _ways(told):
        keyed = told.part.select(row=pl.col("__row__"), key=cell)
        yield from (_anomaly(told, score, s) for s in _odd(column, frame.join(keyed, on="row")))


def _is_of_samples(told: Outputs) -> bool:
    """Whether rows are samples of a model, and not any table that has a score."""
    return {"output", "parsed", "run", "step"} & told.columns.keys() != set()


def _ways(told: Outputs) -> "Iterator[tuple[str, pl.Expr]]":
    """How the samples may be cut into slices: steps, runs, and categories of few values."""
    import polars as pl

    for what in SLICES:
        cell = told.cell(what)
        if cell is not None:
            yield str(told.get(what)), cell
    taken = {*told.columns.values(), *told.scores}
    for column in told.part.columns.values():
        if column.kind == "category" and column.name not in taken and 2 <= column.unique <= 50:
            yield column.name, pl.col(column.name)


def _odd(column: str, frame: "pl.DataFrame") -> Iterator[_Slice]:
    """The slices of one way that are all right or all wrong, and could not be by chance."""
    import polars as pl

    slices = frame.group_by("key", maintain_order=True).agg(
        n=pl.len(), right=pl.col("right").sum()
    ).filter(pl.col("n") >= LEAST, pl.col("key").is_not_null())  # fmt: skip
    if not 2 <= len(slices) <= 1000:
        return
    # the edge of each slice by the rule of succession: few samples say little
    rates = slices.with_columns(
        high=(pl.col("right") + 1) / (pl.col("n") + 2),
        mean=pl.col("right") / pl.col("n"),
    )
    usual = rates.filter(pl.col("mean").is_between(0, 1, closed="none"))
    if not len(usual):
        return
    best, worst = float(usual["mean"].max()), float(usual["mean"].min())  # type: ignore[arg-type]
    high, low = float(usual["high"].max()), float(usual["high"].min())  # type: ignore[arg-type]
    for key, n, _, _, mean in rates.iter_rows():
        rows = frame.filter(pl.col("key") == key)["row"]
        if mean == 1.0 and best <= GAP and high**n * len(slices) < LEVEL:
            yield _Slice(column, key, rows, True, best)
        elif mean == 0.0 and worst >= 1 - GAP and (1 - low) ** n * len(slices) < LEVEL:
            yield _Slice(column, key, rows, False, worst)


def _anomaly(told: Outputs, score: str, one: _Slice) -> Anomaly:
    said = "right" if one.right else "wrong"
    bound = "at most" if one.right else "at least"
    in_part = one.column in told.part.names
    return Anomaly(
        told.part,
        f"all {len(one.rows):,} samples where {one.column} is {one.name} are {said} by `{score}`, of the other "
        f"slices {bound} {share(one.other, 1)} are right",
        "read ten outputs of the slice and grade some of them by hand"
        + ("; search the target in the prompt" if one.right else "; look for outputs that could not be read"),
        0.8,
        made(one.rows.to_list()),
        [score, *([one.column] if in_part else [])],
        "warning",
        normal=f"of the other slices {bound} {share(one.other, 1)} of the samples are right",
        evidence={"slice": {one.column: str(one.name)}, "samples": len(one.rows)},
        group=f"{score} by {one.column}",
    )  # fmt: skip


def _every(told: Outputs, score: str, rows: "pl.Series", is_right: bool) -> Anomaly:
    said = "right" if is_right else "wrong"
    return Anomaly(
        told.part,
        f"every one of {len(rows):,} samples is {said} by `{score}`",
        "grade an answer that is wrong on purpose, and one that is right; read ten of the outputs",
        0.6 if len(rows) >= MANY else 0.4,
        made(rows.to_list()),
        [score],
        "warning" if len(rows) >= MANY or not is_right else "note",
        normal="models are right on some samples and wrong on others",
        evidence={"samples": len(rows)},
    )
