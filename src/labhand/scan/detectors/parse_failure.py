"""Outputs, code and JSON that cannot be read."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.data import CannotLook, Data
from labhand.scan.detectors import _answers, _code, _tool_calls
from labhand.scan.detectors._cells import share, shown
from labhand.scan.outputs import NOTHING, SHORT, Outputs, of_runs, plain, stated
from labhand.scan.texts import holds_texts, texts

if TYPE_CHECKING:
    import polars as pl

HABIT = 0.8
"""The share of samples that must have a score before one without is a failure."""
AGREE = 0.9
"""The share of samples whose parsed answer must be what stands in their output for the others to be misread."""
LEAST = 10
"""Samples below which nothing is said of scores that are missing."""


class Detector:
    r"""Outputs, code and JSON that cannot be read.

    ## What it does
    Finds samples whose parsed answer is empty or says so (`[invalid]`, `None`, `parse error`) although the
    model said something, or is another than stands in the output, samples without any score beside others that have one, and outputs that lack the
    form in which the others answer: `\boxed{}`, `#### 12`, `<answer>`, `Answer: …`.
    Counts how many of them hold the target all the same. Of data to learn from it tells answers that lack this
    form; texts that are no JSON where the others are, or JSON that lacks a key, or has one, a type or a
    value that the others have not; and calls of tools whose arguments are so, or that name no tool there is.
    Where most of a column's code is Python that can be parsed it tells what cannot, with its line and why, or is
    in another language, and marks of a merge that was left in the middle (`<<<<<<<`).

    ## Why is this bad
    They count as wrong, or not at all. A model that is better and writes differently then looks worse. What is
    learned from such code or JSON does not run, and cannot be read.

    ## Known problems
    A model that gives no answer is told too: look at the rows. Code of Python 2, of notebooks (`%time`) and with
    gaps on purpose does not parse; where more than one in five does not, nothing is said.

    ## Example
    The parsed answer of 31 of 200 samples is `[invalid]`; 24 of these outputs hold the target

    ## Use instead
    Mend the parser or the prompt, score again from the raw outputs, and report how many failed.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """Of outputs one anomaly a part; of texts one a column and form; of calls of tools one a part."""
        some = [t for t in of_runs(data) if t.get("parsed") or t.get("output")]
        if not some and not holds_texts(data):
            raise CannotLook("no part holds outputs, parsed answers or texts")
        for told in some:
            found = next(iter(_failures(told)), None)
            if found is not None:
                yield _told(told, found)
        for part in data.parts:
            yield from _tool_calls.unreadable(data, part)
            is_output = any(t.part is part for t in some)
            for one in texts(data, part):
                yield from _code.broken(part, one)
                yield from _answers.odd_ones(one)
                if not is_output:
                    yield from _answers.without_form(one)


class _Failed(NamedTuple):
    """Rows that failed, how it shows, and in which columns."""

    rows: "pl.Series"
    of: int
    what: str
    columns: list[str]
    confidence: float


def _failures(told: Outputs) -> Iterator[_Failed]:
    """The failures, by the surest sign that there is."""
    name = told.columns.get("parsed")
    if name is not None and (found := _parsed(told, name) or _misread(told, name)):
        yield found
        return
    if told.columns.get("output"):
        yield from _form(told, told.columns["output"])
    yield from _unscored(told)


def _parsed(told: Outputs, name: str) -> _Failed | None:
    import polars as pl

    cell = pl.col(name).cast(pl.String, strict=False)
    failed = cell.is_null() | cell.str.contains(NOTHING)
    said = pl.lit(True)
    output = told.columns.get("output")
    if output is not None:
        said = pl.col(output).cast(pl.String, strict=False).str.strip_chars().str.len_chars() > 0
    frame = told.part.select(row=pl.col("__row__"), failed=failed & said, value=cell)
    rows = frame.filter("failed")
    # a column that is mostly empty is filled in for some samples only
    if not len(rows) or len(rows) > 0.9 * len(frame):
        return None
    value = rows["value"].fill_null("nothing").value_counts(sort=True).row(0)[0]
    what = f"the parsed answer is {shown(value) if value.strip() else 'blank'}"
    return _Failed(rows["row"], len(frame), what, [name], 0.93)


def _misread(told: Outputs, name: str) -> _Failed | None:
    """Samples whose parsed answer is another than stands in the output, where nearly all are the same."""
    import polars as pl

    output = told.columns.get("output")
    if output is None or output == name or told.part.columns[output].words <= SHORT:
        return None
    frame = told.part.select(row=pl.col("__row__"), parsed=plain(pl.col(name)))
    frame = frame.with_columns(stated=stated(told, output)).drop_nulls()
    odd = frame.filter(pl.col("parsed") != pl.col("stated"))
    if len(frame) < LEAST or not 0 < len(odd) <= (1 - AGREE) * len(frame):
        return None
    parsed, said = odd.row(0)[1:]
    what = f"the parsed answer, {shown(parsed)}, is not that in the output, {shown(said)}"
    return _Failed(odd["row"], len(frame), what, [name], 0.85)


def _form(told: Outputs, name: str) -> Iterator[_Failed]:
    import polars as pl

    text = pl.col(name).cast(pl.String, strict=False)
    frame = told.part.select(row=pl.col("__row__"), text=text).drop_nulls()
    if (found := _answers.unformed(frame["text"])) is not None:
        what, odd = found
        rows = frame.filter(odd)["row"]
        if len(rows):
            yield _Failed(rows, len(frame), f"{what} is missing", [name], 0.8)


def _unscored(told: Outputs) -> Iterator[_Failed]:
    import polars as pl

    for name in told.scores:
        column = told.part.columns[name]
        if LEAST <= column.filled < column.rows and column.nulls <= (1 - HABIT) * column.rows:
            empty = told.part.select(row=pl.col("__row__"), empty=pl.col(name).is_null())
            rows = empty.filter("empty")["row"]
            yield _Failed(rows, column.rows, f"there is no score in `{name}`", [name], 0.7)
            return


def _told(told: Outputs, failed: _Failed) -> Anomaly:
    rows, number = failed.rows, len(failed.rows)
    held = _holding(told, rows)
    few = number < 3 and number < 0.02 * failed.of
    output = told.columns.get("output")
    columns = list(dict.fromkeys([*failed.columns, *([output] if output else [])]))
    ending = f"; {held:,} of these outputs hold the target all the same" if held else ""
    return Anomaly(
        told.part,
        f"in {number:,} of {failed.of:,} samples ({share(number, failed.of)}) {failed.what}, as in row "
        f"{rows[0]}{ending}",
        "mend the parser or the prompt and score again from the raw outputs",
        failed.confidence,
        made(rows.to_list()),
        columns,
        "note" if few else "warning",
        normal=f"{share(failed.of - number, failed.of)} of the samples give an answer that can be read",
        evidence={"hold_the_target": held} if held is not None else {},
    )


def _holding(told: Outputs, rows: "pl.Series") -> int | None:
    """How many of these outputs end with the target as a word of its own; None: not known."""
    import polars as pl

    output, target = told.columns.get("output"), told.columns.get("target")
    if output is None or target is None:
        return None
    frame = told.part.select(row=pl.col("__row__"), output=plain(pl.col(output)), target=plain(pl.col(target)))  # fmt: skip
    frame = frame.filter(pl.col("row").is_in(rows.implode())).drop_nulls()
    return sum(
        re.search(rf"(?<!\w){re.escape(target)}(?!\w)", said[-300:]) is not None
        for _, said, target in frame.iter_rows()
        if len(target) < 200
    )
