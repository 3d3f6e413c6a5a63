"""Answers that are the same whatever is asked."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data
from labhand.scan.detectors import _canned, _choices
from labhand.scan.detectors._cells import share, shown
from labhand.scan.outputs import Outputs, answered, of_runs, plain

if TYPE_CHECKING:
    import polars as pl

LEAST = 16
"""Answers of a slice below which it is not looked at."""
OFTEN = 0.6
"""The share of one answer from which on it is told, where a choice is asked for."""
FREE = 0.3
"""The same where nearly every question has its own answer."""
MORE = 0.3
"""How much more often an answer is given than it is right, at least."""
LEVEL = 1e-4
CLASSES = 50
"""Different predictions of a classifier beside a label, at most."""


class Detector:
    r"""Answers that are the same whatever is asked.

    ## What it does
    Takes the answer of each sample: the parsed one, a short output, or what stands after `answer is`,
    `####` or in `\boxed{}`. Tells where one answer is given far more often than it is right, against how
    often the targets say it, by a binomial test; for all samples, and for each step or run where only
    some of them do so. Of items with choices it tells where the right one always stands at one place,
    in all of them or in a group of them. Of data to learn from it tells long answers that stand word for word
    below eight or more questions which have no more in common than any others. Without targets an answer that nearly all give is a note, unless other steps or
    runs answer in several ways.

    ## Why is this bad
    The model does not read the question, or the parser takes the same letter out of every output. On
    a test where that letter is often right it even scores well.

    ## Known problems
    A test that has one answer by design has no second target; it is left alone.

    ## Example
    `A` is the answer to 188 of 200 questions; it is right for 51

    ## Use instead
    Look at the raw outputs; shuffle the options; check the parser.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """At most one anomaly a part."""
        looked = bool(_choices.items(data)) or data.role("answer") or data.role("messages")
        yield from _choices.one_place(data)
        yield from _canned.canned(data)
        for told in [*of_runs(data), *_classified(data)]:
            answers = answered(told)
            if answers is None:
                continue
            looked = True
            yield from _look(told, _frame(told, answers))
        if not looked:
            raise CannotLook("no part holds answers of a model, or predictions beside a label")


def _classified(data: Data) -> Iterator[Outputs]:
    """The parts that hold classes and what a classifier made of them, and no more of a run."""
    told, asked = data.role("prediction"), data.role("label")
    for part in data.parts:
        if any(one.part is part for one in of_runs(data)) or told is None or asked is None:
            continue
        if {told, asked} <= set(part.names) and part.columns[told].unique <= CLASSES:
            yield Outputs(part, {"parsed": told, "target": asked}, [], {})


class _Slice(NamedTuple):
    """A slice in which one answer is given too often."""

    by: str
    name: Any
    answer: str
    given: int
    number: int
    right: int | None
    frame: "pl.DataFrame"


def _frame(told: Outputs, answers: "pl.Series") -> "pl.DataFrame":
    import polars as pl

    frame = told.frame("item", "prompt", "target", "step", "run")
    asked = next((c for c in ("prompt", "item") if c in frame.columns), None)
    frame = frame.with_columns(
        answer=answers,
        asked=pl.col(asked).cast(pl.String, strict=False)
        if asked
        else pl.col("row").cast(pl.String),
    )
    if "target" in frame.columns:
        frame = frame.with_columns(target=plain(pl.col("target")))
    return frame.filter(pl.col("answer").is_not_null())


def _look(told: Outputs, frame: "pl.DataFrame") -> Iterable[Anomaly]:
    whole = _odd("", None, frame)
    found = [whole] if whole else [s for by in ("step", "run") for s in _slices(by, frame)]
    if not found:
        return
    worst = max(found, key=lambda s: s.given / s.number * min(s.number, 1000))
    alike = [s for s in found if s.by == worst.by and s.answer == worst.answer]
    rows = [r for s in alike for r in s.frame.filter(answer=s.answer)["row"]]
    given, number = sum(s.given for s in alike), sum(s.number for s in alike)
    places = ", ".join(str(s.name) for s in alike[:4]) + (", …" if len(alike) > 4 else "")
    where = f" where {told.get(worst.by)} is {places}" if worst.by else ""
    right = None if worst.right is None else sum(s.right or 0 for s in alike)
    normal = (
        f"by the targets it is right for {right:,} of these"
        if right is not None
        else "others answer in several ways"
    )
    sure = right is not None or bool(worst.by)
    yield Anomaly(
        told.part,
        f"{shown(worst.answer)} is the answer to {given:,} of {number:,} questions ({share(given, number)}){where}"
        + (f"; it is right for {right:,}" if right is not None else ", whatever is asked"),
        "look at the raw outputs and at what the parser takes from them; shuffle the options",
        0.9 if right is not None else 0.6,
        made(rows),
        [c for c in (told.get("parsed") or told.get("output"), told.columns.get("target")) if c],
        "warning" if sure else "note",
        normal=normal,
        evidence={
            "answer": worst.answer,
            "by": {str(s.name): [s.given, s.number] for s in alike[:200]} if worst.by else {},
        },
    )


def _slices(by: str, frame: "pl.DataFrame") -> Iterator[_Slice]:
    import polars as pl

    if by not in frame.columns or not 2 <= frame[by].n_unique() <= 1000:
        return
    for key, group in frame.partition_by(by, as_dict=True, maintain_order=True).items():
        others = frame.filter(pl.col(by).ne_missing(pl.lit(key[0])))
        if key[0] is not None and (found := _odd(by, key[0], group, others)):
            yield found


def _odd(
    by: str, name: Any, frame: "pl.DataFrame", others: "pl.DataFrame | None" = None
) -> _Slice | None:
    """The slice, where one answer stands in it too often."""
    import polars as pl
    from scipy.stats import binom

    # one question asked many times has one answer
    asked = frame["asked"].n_unique()
    if len(frame) < LEAST or asked < 0.5 * LEAST:
        return None
    answer, given = frame["answer"].value_counts(sort=True).row(0)
    often = given / len(frame)
    if "target" in frame.columns and frame["target"].null_count() < 0.1 * len(frame):
        targets = frame["target"]
        right = int((targets == answer).sum())
        usual = (right + 1) / (len(frame) + 2)
        least = FREE if targets.n_unique() > 10 else OFTEN
        if targets.n_unique() < 2 or often < max(least, min(0.95, usual + MORE)):
            return None
        if binom.sf(given - 1, len(frame), min(0.97, usual + 0.1)) > LEVEL:
            return None
        return _Slice(by, name, answer, given, len(frame), right, frame)
    if often < 0.95 or len(frame) < 2 * LEAST or asked < LEAST:
        return None
    if others is None:
        return _Slice(by, name, answer, given, len(frame), None, frame) if not by else None
    elsewhere = float((others.select(pl.col("answer") == answer).mean()).item() or 0.0)
    return _Slice(by, name, answer, given, len(frame), None, frame) if elsewhere < 0.6 else None
