"""Calculations in texts whose result is wrong, and answers that do not follow from their steps."""

import itertools
import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import shown
from labhand.scan.detectors._spans import Span, columns_of, kinds, rows_hold, settled, spans
from labhand.scan.outputs import graded, of_runs
from labhand.scan.texts import prose, texts

if TYPE_CHECKING:
    import polars as pl

_MARKED = re.compile(r"<<([^<>=]{1,80})=([^<>=]{1,30})>>")
_NUMBER = r"[-−]?\$?\d[\d,]*(?:\.\d+)?%?"
_PLAIN = re.compile(
    rf"(?<![\w.,^*/+×÷√=<>()−%-])(?<![\d)] )(?<![+\-*/×÷=−] )({_NUMBER}(?: ?[+\-−*×x÷/] ?\(?{_NUMBER}\)?){{1,6}}) ?= ?({_NUMBER})(?! ?[\w+*/×÷^(−=%]| ?-|[.,]\d|,\d)"
)
_FINAL = re.compile(r"^#### *([^\n]+?)\s*$", re.M)
_TOKEN = re.compile(r"\d+(?:\.\d+)?|\.\d+|[+\-*/()%]")
_ANSWER = re.compile(r"(?:final_?)?answer|target|label|result|gold(?:_answer)?|expected", re.I)
_WORKED = re.compile(
    r"solution|rationale|reasoning|cot|steps|worked|explanation|response|output", re.I
)
_LAST = r"[-−]?\$?\d[\d,]*(?:\.\d+)?"
FEWEST, AGREE = 30, 0.8
"""Rows, and the share of them whose answer must be the last number of its solution."""
ROUGH = r"<<[^<>]+=|\d[^=\n]{0,60}= ?[-−$]?\d|####"


class Detector:
    """Calculations in texts whose result is wrong, and answers that do not follow from their steps.

    ## What it does
    Computes what stands between `<<` and `=` in the way of GSM8K, and plain lines such as `12 * 3 = 36`,
    exactly, and compares what stands behind, rounding allowed. An answer behind `####` must stand
    among the numbers of its steps; one in a column of its own be the last number of the solution, where it is so
    in nearly all rows.

    ## Why is this bad
    A model learns to reckon wrongly, and a benchmark of such items marks right answers as wrong.

    ## Known problems
    Only + − × ÷ and brackets are understood; what holds units or letters is left alone. Where wrong
    lines are as common as right ones (negative examples, puzzles), it is a note.

    ## Example
    `He has <<3*4=14>>14 apples left.`

    ## Use instead
    Mend the result, or drop the row.
    """

    needs = ("texts",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        for part in data.parts:
            yield from _look(data, part)
            yield from _unlike(data, part)


def _unlike(data: Data, part: Part) -> Iterable[Anomaly]:
    """Rows whose answer is not the last number of their solution, where it is in nearly all others."""
    import polars as pl

    # of a model's outputs the wrong ones are the result
    scored = [told for told in of_runs(data) if told.part is part and told.scores]
    made = {t.columns[n] for t in scored for n in ("output", "parsed") if n in t.columns}
    answers = [n for n in part.names if _ANSWER.fullmatch(n) and n not in made]
    worked = [
        n
        for n in part.names
        if _WORKED.fullmatch(n) and part.columns[n].kind == "text" and n not in made
    ]
    for name, steps in itertools.product(answers, worked):
        last = pl.col(steps).str.extract_all(_LAST).list.last().str.replace_all(r"[$,\s]", "")
        said = pl.col(name).cast(pl.String).str.replace_all(r"[$,\s]", "")
        pair = [
            cell.str.strip_chars_end(".%").cast(pl.Float64, strict=False) for cell in (last, said)
        ]
        known = part.select(same=(pair[0] - pair[1]).abs() < 1e-6).drop_nulls()["same"]
        if len(known) < FEWEST or not AGREE <= known.mean() < 1:  # type: ignore[operator]
            continue
        value = pl.col(name).cast(pl.String)
        off = (pair[0] - pair[1]).abs()
        found = part.where(off >= 1e-6, off, column=pl.lit(name), value=value, suggested=last)
        first = found.row(0, named=True)
        yield Anomaly(
            part,
            f"in {len(found):,} of {len(known):,} rows `{name}` is not what `{steps}` comes to, as row {first['row']}: "
            f"{shown(first['value'])} where the last number is {shown(first['suggested'])}",
            "mend the answer or its solution, or drop the rows",
            0.85,
            found,
            [name, steps],
            "warning",
            normal=f"`{name}` is the last number of `{steps}`",
            group="wrong-arithmetic answer",
        )
        return


def _look(data: Data, part: Part) -> Iterable[Anomaly]:
    import polars as pl

    rough = pl.col("text").str.contains(ROUGH)
    some = [t for t in texts(data, part) if t.role != "rejected"]
    every = spans(prose(data, some), rough, _every)
    found = _unless_graded(data, part, every.filter(pl.col("score") > 0))
    if not len(found):
        return
    marked = _MARKED.search(str(found["excerpt"][0])) is not None
    rows, right = found["row"].n_unique(), int((every["score"] <= 0).sum())
    usual = len(found) > 0.3 * (len(found) + right) + 2
    yield Anomaly(
        part,
        rows_hold(part, found, f"results that are wrong ({kinds(found)})"),
        "mend the results, or drop the rows",
        0.4 if usual else 0.95 if marked else 0.85,
        settled(found),
        columns_of(found),
        "note" if usual else "warning",
        normal=f"{right:,} other results of {rows + right:,} in these texts are right",
    )


def _unless_graded(data: Data, part: Part, found: "pl.DataFrame") -> "pl.DataFrame":
    """Without the outputs of a model that are graded wrong: there the mistake is known, and is the result."""
    import polars as pl

    told = next((o for o in of_runs(data) if o.part is part), None)
    made = {told.columns[n] for n in ("output", "parsed") if n in told.columns} if told else set()
    if told is None or not made:
        return found
    scores = [s for name in told.scores if (s := graded(told, name)) is not None]
    wrong = pl.lit(False)
    if scores:
        rows = pl.Series(part.row_numbers).filter(scores[0].fill_null(0.0) < 0.5)
        wrong = pl.col("row").is_in(rows.implode())
    return found.filter(~(pl.col("column").is_in(list(made)) & wrong))


def _every(text: str) -> Iterator[Span]:
    """Every calculation of a text: the wrong ones with a weight, the right ones with none."""
    for pattern, weight in ((_MARKED, 1.0), (_PLAIN, 0.85)):
        for m in pattern.finditer(text):
            if (right := is_right(m[1], m[2])) is not None:
                yield Span(*m.span(), "calculation", 0.0 if right else weight)
    final = _FINAL.search(text)
    if final and not _follows(text[: final.start()], final[1]):
        yield Span(*final.span(), "answer that its steps do not have", 0.8)


def is_right(left: str, right: str) -> bool | None:
    """Whether a calculation gives what stands behind it, to its digits; None where it cannot be read."""
    told = right.strip().replace("$", "").replace(",", "").replace("−", "-").rstrip("%")
    try:
        value, said = _value(left), Fraction(told)
    except (ValueError, ZeroDivisionError, SyntaxError):
        return None
    digits = len(told.partition(".")[2])
    close = Fraction(1, 10**digits) if digits or value.denominator > 1 else Fraction(0)
    scaled = [value, value * 100] if "%" in right or "%" in left else [value]
    return any(abs(v - said) <= close for v in scaled) or (
        value.denominator > 1 and abs(value - said) < 1 and digits == 0
    )


def _value(text: str) -> Fraction:
    """The exact value of a calculation.

    Raises:
        ValueError: it holds what is no number, sign or bracket.
    """
    plain = text.replace("×", "*").replace("÷", "/").replace("−", "-").replace("$", "")
    plain = re.sub(r"(?<=\d)\s*x\s*(?=\d)", "*", re.sub(r"(?<=\d),(?=\d{3})", "", plain))
    tokens = _TOKEN.findall(plain)
    bare = re.sub(r"\s", "", plain)
    if "".join(tokens) != bare or not tokens or "**" in bare or "//" in bare:
        raise ValueError(text)
    made = [f"Fraction('{t}')" if t[0].isdigit() or t[0] == "." else t for t in tokens]
    source = "".join(made).replace("%", "/100")
    value = eval(source, {"__builtins__": {}, "Fraction": Fraction})
    return Fraction(value)


def _follows(steps: str, answer: str) -> bool:
    """Whether an answer stands among the numbers of its steps, or is no number."""
    told = answer.replace(",", "").replace("$", "").replace("%", "").strip()
    if not re.fullmatch(r"-?\d+(?:\.\d+)?", told) or not re.search(r"\d", steps):
        return True
    numbers = re.findall(r"\d[\d,]*(?:\.\d+)?|\.\d+", steps)
    wanted = abs(Fraction(told))
    return any(Fraction(n.replace(",", "")) == wanted for n in numbers)
