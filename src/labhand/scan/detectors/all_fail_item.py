"""Items that no run gets right."""

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data
from labhand.scan.detectors._cells import share, shown
from labhand.scan.outputs import Outputs, answered, graded, outputs

if TYPE_CHECKING:
    import polars as pl

TRIES = 3
"""Tries at an item below which nothing is told."""
ITEMS = 10
AGREE = 0.6
"""The share of the tries that give one and the same other answer from which on the target is in doubt."""
CHANCE = 0.05
"""So many items may fail everywhere by chance."""
RARE = 0.2
"""The share of items that fail everywhere from which on the test is hard."""


class Detector:
    """Items that no run gets right.

    ## What it does
    Takes the items of an evaluation that several runs, or several samples of a run, tried, and tells those
    that fail every time: where the runs agree on another answer than the target, or where they are right
    so often that chance would leave no such item. Others are a note: they may be hard. Shows what the
    runs answered.

    ## Why is this bad
    The target is likely wrong, or the item cannot be solved as it is asked: a file is missing, the
    grader cannot read the answer. It costs every model the same, and hides what is better.

    ## Known problems
    Traps that every model falls for look the same.

    ## Example
    Item `gsm-117` fails in all of 6 runs; 5 of them answer `42`, the target is `24`

    ## Use instead
    Solve the item by hand; mend its target or drop it, and score again.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """Two anomalies a part at most: targets in doubt, and items that are merely hard."""
        looked = False
        for told in outputs(data):
            score = next((s for s in told.scores if graded(told, s) is not None), None)
            if score is None or not ({"item", "prompt"} & told.columns.keys()):
                continue
            frame = _frame(told, score)
            if _is_tried(frame):
                looked = True
                yield from _look(told, score, frame)
        if not looked:
            raise CannotLook(f"no part holds items that were tried {TRIES} times and graded")


class _Item(NamedTuple):
    name: Any
    rows: list[int]
    tries: int
    answer: str | None
    """What most of the tries say; None where they do not agree, or the target says it too."""
    agree: int
    target: str | None


def _frame(told: Outputs, score: str) -> "pl.DataFrame":
    import polars as pl

    frame = told.frame("item", "prompt", "run", "step", "target")
    frame = frame.with_columns(right=graded(told, score))
    name = "item" if "item" in frame.columns else "prompt"
    answers = answered(told)
    return frame.with_columns(
        key=pl.col(name).cast(pl.String, strict=False),
        by=pl.col("run").cast(pl.String, strict=False) if "run" in frame.columns else pl.lit("one"),
        answer=pl.lit(None, dtype=pl.String) if answers is None else answers,
        gold=pl.col("target").cast(pl.String, strict=False) if "target" in frame.columns else pl.lit(None, dtype=pl.String),
    ).filter(pl.col("right").is_not_null(), pl.col("key").is_not_null())  # fmt: skip


def _is_tried(frame: "pl.DataFrame") -> bool:
    import polars as pl

    tries = frame.group_by("key").len().filter(pl.col("len") >= TRIES)
    return len(tries) >= ITEMS


def _look(told: Outputs, score: str, frame: "pl.DataFrame") -> Iterable[Anomaly]:
    import polars as pl

    items = frame.group_by("key", maintain_order=True).agg(
        tries=pl.len(), right=pl.col("right").sum(), rows=pl.col("row"), runs=pl.col("by").n_unique(),
        answers=pl.col("answer"), gold=pl.col("gold").first(),
    ).filter(pl.col("tries") >= TRIES)  # fmt: skip
    failed = items.filter(pl.col("right") == 0)
    if not len(failed) or len(failed) == len(items):
        return
    rates = frame.group_by("by").agg(pl.col("right").mean())["right"].to_list()
    several = float(items["runs"].median() or 1) >= TRIES  # type: ignore[arg-type]
    doubted: list[_Item] = []
    hard: list[_Item] = []
    for name, tries, _, rows, _, answers, gold in failed.iter_rows():
        answer, agree = _common(answers)
        item = _Item(name, rows, tries, answer, agree, gold)
        is_doubted = several and answer is not None and agree >= AGREE * tries and agree >= TRIES
        (doubted if is_doubted else hard).append(item)
    tries = int(items["tries"].median() or TRIES)  # type: ignore[arg-type]
    chance = len(items) * _all_fail(rates if len(rates) > 1 else rates * tries)
    if several and chance < CHANCE:
        doubted, hard = [*doubted, *hard], []
    is_hard_test = len(failed) > RARE * len(items)
    if doubted:
        yield _anomaly(told, score, doubted, len(items), chance, sure=not is_hard_test)
    if len(hard) > chance + 3 * chance**0.5 + 1:
        yield _anomaly(told, score, hard, len(items), chance, sure=False)


def _common(answers: list[str | None]) -> tuple[str | None, int]:
    told = [a for a in answers if a]
    if not told:
        return None, 0
    answer = max(set(told), key=lambda a: (told.count(a), a))
    return answer, told.count(answer)


def _all_fail(rates: list[float]) -> float:
    """The chance that an item as hard as any other fails in every run."""
    return prod(1 - rate for rate in rates)


def _anomaly(
    told: Outputs, score: str, items: list[_Item], number: int, chance: float, *, sure: bool
) -> Anomaly:
    first = max(items, key=lambda i: (i.agree / i.tries, i.tries))
    said = f" (`{first.name}`" if len(str(first.name)) <= 40 else f" ({shown(first.name)}"
    if first.answer is not None and first.agree > 1:
        said += f": {first.agree} of {first.tries} answer {shown(first.answer)}"
        said += f", the target is {shown(first.target)}" if first.target else ""
    what = "1 item fails" if len(items) == 1 else f"{len(items):,} items fail"
    rows = [row for item in items for row in item.rows]
    scores = [item.agree / item.tries for item in items for _ in item.rows]
    columns = (
        told.columns.get("item") or told.columns.get("prompt"),
        told.columns.get("target"),
        score,
    )
    return Anomaly(
        told.part,
        f"{what} in every one of {first.tries} tries by `{score}`{said}); {share(len(items), number)} of "
        f"{number:,} items",
        "solve these items by hand; mend or drop those whose target is wrong, and score again",
        0.65 if sure else 0.35,
        made(rows, scores),
        [c for c in columns if c],
        "warning" if sure else "note",
        normal=f"by how often the runs are right, {chance:.2g} items would fail everywhere by chance",
        evidence={
            "items": [
                {"item": str(i.name), "tries": i.tries, "answer": i.answer, "given": i.agree, "target": i.target}
                for i in items[:100]
            ]
        },
        group="doubted" if sure else "hard",
    )  # fmt: skip
