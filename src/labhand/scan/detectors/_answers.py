"""Answers that lack the form in which the others are written."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.anomaly import found as made
from labhand.scan.detectors import _objects
from labhand.scan.detectors._cells import share
from labhand.scan.texts import Texts

if TYPE_CHECKING:
    import polars as pl

HABIT = 0.8
"""The share of answers that must be written in a form before one that is not is a failure."""
LEAST = 12
"""Answers below which nothing is said of their form."""
MOST = 50_000
"""Texts of a column that are read as JSON."""
LONG = 100_000
"""Letters up to which a text is read."""
FORMS = {
    "an answer in \\boxed{}": r"\\boxed\{",
    "a line `#### …`": r"(?m)^####\s*\S",
    "an <answer> tag": r"(?is)<answer>.*</answer>",
    "a line `Answer: …`": r"(?im)^\W*(?:final )?answer\W*[:=]\s*\S",
    "the words `answer is`": r"(?i)\banswer (?:is|would be)\b",
}
"""How texts are told to give their answer, and what shows it."""
_JSON = r"^\s*(?:```(?:json)?\s*)?[\[{]\s*[\]}\"{\[\d]"


def unformed(said: "pl.Series") -> "tuple[str, pl.Series] | None":
    """The form in which most give their answer, and for each text whether it lacks any form; None without one."""
    has = {what: said.str.contains(pattern) for what, pattern in FORMS.items()}
    usual = next((what for what, told in has.items() if _mean(told) >= HABIT), None)
    if usual is None or len(said) < LEAST:
        return None
    import polars as pl

    return usual, ~pl.DataFrame(has).select(pl.any_horizontal(pl.all())).to_series()


def odd_ones(one: Texts) -> Iterator[Anomaly]:
    """Texts that are no JSON where the others are, or JSON of another make."""
    import polars as pl

    if one.role == "rejected":
        return
    text = pl.col("text")
    told = one.only("assistant").lazy.filter(text.str.contains(r"\S"))
    is_json = told.head(400).select(text.str.contains(_JSON)).collect().to_series()
    if len(is_json) < LEAST or _mean(is_json) < HABIT:
        return
    frame = told.filter(text.str.len_chars() <= LONG).select("row", "text").head(MOST).collect()
    why: dict[int, str] = {}
    objects: list[tuple[int, dict[str, Any]]] = []
    for row, said in frame.iter_rows():
        value, wrong = _objects.read(said)
        if wrong:
            why.setdefault(row, wrong)
        if isinstance(value, dict):
            objects.append((row, value))
    if len(why) > (1 - HABIT) * len(frame):
        return
    for row, wrong in _objects.odd(objects).items():
        why.setdefault(row, wrong)
    if not why or len(why) > (1 - HABIT) * len(frame) + 1:
        return
    row, first = next(iter(why.items()))
    yield Anomaly(
        one.part,
        f"{len(why):,} of {len(frame):,} texts of `{one.column}` ({share(len(why), len(frame))}) are not the JSON that "
        f"the others are, as in row {row}: {first}",
        "mend them or drop the rows: what reads them will fail, or miss what is not there",
        0.85,
        made(why),
        [one.column],
        normal=f"the other {len(frame) - len(why):,} are JSON of one make",
        evidence={"why": {str(r): w for r, w in list(why.items())[:20]}},
        group="json",
    )


def without_form(one: Texts) -> Iterator[Anomaly]:
    """Answers to learn from that do not end in the form in which the others do."""
    if one.role not in ("answer", "messages", "chosen"):
        return
    last = (
        one.only("assistant").lazy.sort("row", "turn").group_by("row", maintain_order=True).last()
    )
    frame = last.select("row", "text").drop_nulls().collect()
    found = unformed(frame["text"])
    if found is None:
        return
    what, odd = found
    rows = frame.filter(odd)["row"]
    if not 0 < len(rows) <= (1 - HABIT) * len(frame):
        return
    yield Anomaly(
        one.part,
        f"in {len(rows):,} of {len(frame):,} answers of `{one.column}` ({share(len(rows), len(frame))}) {what} is missing, "
        f"as in row {rows[0]}",
        "add what is missing, or drop the rows: their answer cannot be read as that of the others is",
        0.8,
        made(rows.to_list()),
        [one.column],
        normal=f"the other {len(frame) - len(rows):,} give their answer in this form",
        group="form",
    )


def _mean(told: "pl.Series") -> float:
    return float(told.mean() or 0.0)  # type: ignore[arg-type]
