"""Faults put into clean tables, each at known rows: the problems of scan's environment."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.core.task import Score, Task

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

SHARE = 0.04
"""The share of rows that a fault is put into."""


class Problem(NamedTuple):
    """A table, the rule that should speak of it, and the rows with the fault; none on clean ones."""

    task: Task
    frame: "pl.DataFrame"


Spoilt = tuple["pl.DataFrame", list[int]]
"""A table with a fault, and the rows that have it."""
Operator = Callable[["pl.DataFrame", "np.random.Generator"], Spoilt]


def _measured(frame: "pl.DataFrame") -> list[str]:
    """The columns of numbers of many different values."""
    many = [n for n in frame.columns if n != "label" and frame[n].dtype.is_numeric()]
    return [n for n in many if frame[n].n_unique() > 20] or many


def _rows(frame: "pl.DataFrame", generator: "np.random.Generator") -> list[int]:
    number = max(3, round(SHARE * len(frame)))
    return sorted(int(r) for r in generator.choice(len(frame), number, replace=False))


def _put(frame: "pl.DataFrame", column: str, rows: list[int], values: Any) -> "pl.DataFrame":
    made = frame[column].to_list()
    for row, value in zip(rows, values, strict=True):
        made[row] = value
    import polars as pl

    return frame.with_columns(pl.Series(column, made, strict=False))


def missing(
    frame: "pl.DataFrame", generator: "np.random.Generator"
) -> tuple["pl.DataFrame", list[int]]:
    """Empties cells of one column."""
    rows, column = _rows(frame, generator), str(generator.choice(_measured(frame)))
    return _put(frame, column, rows, [None] * len(rows)), rows


def sentinels(
    frame: "pl.DataFrame", generator: "np.random.Generator"
) -> tuple["pl.DataFrame", list[int]]:
    """Writes -999 into cells of a column of numbers above zero."""
    above = [n for n in _measured(frame) if (frame[n].min() or 0) >= 0]  # type: ignore[operator]
    rows, column = _rows(frame, generator), str(generator.choice(above or _measured(frame)))
    return _put(frame, column, rows, [-999.0] * len(rows)), rows


def repeats(
    frame: "pl.DataFrame", generator: "np.random.Generator"
) -> tuple["pl.DataFrame", list[int]]:
    """Adds rows that are there already, at the end."""
    rows = _rows(frame, generator)
    return frame.vstack(frame[rows]), list(range(len(frame), len(frame) + len(rows)))


def flips(
    frame: "pl.DataFrame", generator: "np.random.Generator"
) -> tuple["pl.DataFrame", list[int]]:
    """Gives rows the label of another class."""
    rows, classes = _rows(frame, generator), frame["label"].unique().sort().to_list()
    wrong = [
        generator.choice([c for c in classes if c != frame["label"][row]]).item() for row in rows
    ]
    return _put(frame, "label", rows, wrong), rows


def far(
    frame: "pl.DataFrame", generator: "np.random.Generator"
) -> tuple["pl.DataFrame", list[int]]:
    """Moves three rows far away in half of the columns."""
    rows = _rows(frame, generator)[:3]
    columns = _measured(frame)
    for column in columns[: max(2, len(columns) // 2)]:
        middle, spread = float(frame[column].mean()), float(frame[column].std())  # type: ignore[arg-type]
        away = [middle + spread * float(generator.choice([-9, 9, 12])) for _ in rows]
        frame = _put(frame, column, rows, away)
    return frame, rows


def conflicts(
    frame: "pl.DataFrame", generator: "np.random.Generator"
) -> tuple["pl.DataFrame", list[int]]:
    """Adds rows that are there already, with another label."""
    rows, classes = _rows(frame, generator), frame["label"].unique().sort().to_list()
    other = [
        generator.choice([c for c in classes if c != frame["label"][row]]).item() for row in rows
    ]
    added = _put(frame[rows], "label", list(range(len(rows))), other)
    return frame.vstack(added.cast(frame.schema)), [
        *rows,
        *range(len(frame), len(frame) + len(rows)),
    ]


def gap(frame: "pl.DataFrame", generator: "np.random.Generator") -> "Spoilt":
    """Empties a run of cells of one column, as a sensor that stood still does."""
    number, column = max(3, round(SHARE * len(frame))), str(generator.choice(_measured(frame)))
    start = int(generator.integers(0, len(frame) - number))
    rows = list(range(start, start + number))
    return _put(frame, column, rows, [None] * number), rows


def words(frame: "pl.DataFrame", generator: "np.random.Generator") -> "Spoilt":
    """Writes what stands for no value into a column of numbers."""
    rows, column = _rows(frame, generator), str(generator.choice(_measured(frame)))
    cells = [repr(v) for v in frame[column].to_list()]
    for row in rows:
        cells[row] = str(generator.choice(["?", "N/A", "unknown"]))
    import polars as pl

    return frame.with_columns(pl.Series(column, cells)), rows


def units(frame: "pl.DataFrame", generator: "np.random.Generator") -> "Spoilt":
    """Gives three cells of one column in another unit, a thousand times as large."""
    many = [n for n in _measured(frame) if float(frame[n].median() or 0) > 0]  # type: ignore[arg-type]
    rows, column = _rows(frame, generator)[:3], str(generator.choice(many))
    rows = [r for r in rows if frame[column][r] > 0]
    return _put(frame, column, rows, [1000.0 * frame[column][r] for r in rows]), rows


def with_unit(frame: "pl.DataFrame", generator: "np.random.Generator") -> "Spoilt":
    """Writes a unit behind some numbers of a column."""
    import polars as pl

    rows, column = _rows(frame, generator), str(generator.choice(_measured(frame)))
    cells = [repr(v) for v in frame[column].to_list()]
    for row in rows:
        cells[row] += " mm"
    return frame.with_columns(pl.Series(column, cells)), rows


def spelling(frame: "pl.DataFrame", generator: "np.random.Generator") -> "Spoilt":
    """Writes labels in another case, or with blanks around them."""
    rows = _rows(frame, generator)
    ways = [str.upper, lambda v: f" {v}", lambda v: f"{v} ", str.title]
    made = [ways[int(generator.integers(4))](frame["label"][r]) for r in rows]
    return _put(frame, "label", rows, made), rows


def copies(frame: "pl.DataFrame", generator: "np.random.Generator") -> "Spoilt":
    """Adds rows that are there already, their numbers with less than a ten-thousandth of noise."""
    import polars as pl

    rows = _rows(frame, generator)
    noise = generator.uniform(-2e-5, 2e-5, len(rows))
    shaken = [
        (pl.col(n) * (1 + pl.lit(pl.Series(noise)))).cast(frame.schema[n])
        for n in _measured(frame)
        if frame.schema[n].is_float()
    ]
    added = frame[rows].with_columns(shaken)
    return frame.vstack(added), list(range(len(frame), len(frame) + len(rows)))


def confusions(frame: "pl.DataFrame", generator: "np.random.Generator") -> "Spoilt":
    """Gives rows of one class the label of one other, as somebody does who takes them for it."""
    one, other = generator.choice(frame["label"].unique().sort().to_list(), 2, replace=False)
    of = [row for row, value in enumerate(frame["label"]) if value == one]
    rows = sorted(int(r) for r in generator.choice(of, max(3, len(of) // 12), replace=False))
    return _put(frame, "label", rows, [str(other)] * len(rows)), rows


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "missing": (missing, gap),
    "disguised-missing": (sentinels, words),
    "exact-duplicate": (repeats,),
    "near-duplicate": (copies,),
    "wrong-label": (flips, confusions),
    "row-outlier": (far,),
    "conflicting-labels": (conflicts,),
    "impossible-value": (units,),
    "mixed-types": (with_unit,),
    "category-variant": (spelling,),
}
"""What puts in the fault that a rule is for, in each of its shapes."""


def clean_tables() -> Iterator[tuple[str, "pl.DataFrame"]]:
    """Clean tables that come with scikit-learn, the label in the column `label`."""
    import polars as pl
    from sklearn import datasets

    for name in ("iris", "wine", "breast_cancer", "digits"):
        told = getattr(datasets, f"load_{name}")()
        # columns that hold one value are a fault of their own
        vary = [i for i in range(told.data.shape[1]) if told.data[:, i].std() > 0]
        columns = {str(told.feature_names[i]): told.data[:, i] for i in vary}
        frame = pl.DataFrame(columns | {"label": [f"class {c}" for c in told.target]})
        yield name, frame.unique(maintain_order=True)


def problems(seed: int = 0) -> Iterator[Problem]:
    """Each clean table as it is, shuffled, and with each fault; the same for the same seed."""
    import numpy as np

    for name, frame in clean_tables():
        generator = np.random.default_rng(seed)
        shuffled = frame[generator.permutation(len(frame)).tolist()]
        yield Problem(task(f"{name}:clean:{seed}", "", []), shuffled)
        for rule, operators in OPERATORS.items():
            for operator in operators:
                made, rows = operator(shuffled, np.random.default_rng(seed))
                identity = f"{name}:{rule}/{operator.__name__}:{seed}"
                yield Problem(task(identity, rule, rows), made)


def task(identity: str, rule: str, rows: list[int]) -> Task:
    """The task to find these rows by this rule; without a rule the data is clean."""
    prompt = "Find the rows that are off, the surest first, and say what is off with them."
    return Task(
        id=identity,
        environment="scan",
        prompt=prompt,
        expected=[[rule, row] for row in rows],
        facts={"rule": rule},
    )


def score_ranked(task: Task, answer: "list[tuple[str, int, float]]") -> Score:
    """How an answer (rule, row, score) meets a task: the average precision of its rows of that rule.

    On clean data it is 1 where nothing is told, and a tenth less for each row that is.
    """
    expected = {int(row) for _, row in task.expected}
    ranked = sorted(answer, key=lambda told: -told[2])
    rule = task.facts["rule"]
    rows = list(dict.fromkeys(row for name, row, _ in ranked if not rule or name == rule))
    hits = [row in expected for row in rows]
    if not expected:
        value = max(0.0, 1 - 0.1 * len(rows))
    else:
        value = sum(sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit)
        value /= len(expected)
    found = sum(hits)
    return Score(
        task=task.id,
        value=value,
        hits=found,
        misses=len(expected) - found,
        false_alarms=len(rows) - found,
    )
