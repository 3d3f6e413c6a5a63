"""Runs that are called different and gave the same results."""

import re
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.outputs import Outputs, called, of_runs

if TYPE_CHECKING:
    import polars as pl

SAME = 0.97
"""The share of results that two runs have in common from which on they are the same."""
LEAST = {"text": 5, "numbers": 4, "short": 60}
"""Results in common below which nothing is told, by what they are; short ones agree by chance."""
MOST = 40
"""Runs that are compared, every one with every other."""
WORDS = 4
DIGITS = 4


class Detector:
    """Runs that are called different and gave the same results.

    ## What it does
    Takes two runs, models, seeds or files at a time and compares what they gave for the same items
    and steps: outputs, else measured numbers with four digits and more, else short answers. Tells those
    that agree in nearly all. Short answers agree by chance, so these must be many, and wrong ones among
    them where the targets are known.

    ## Why is this bad
    A seed that was not passed on, a checkpoint that was not loaded, a file that was copied or cached:
    the mean of such runs has an error bar that means nothing.

    ## Known problems
    Greedy decoding gives the same outputs for every seed; then the seeds say nothing about noise.

    ## Example
    `seed 1` and `seed 2` gave the same output for all 164 items

    ## Use instead
    Check that the seed or checkpoint arrives; sample with a temperature; delete the cache and run again.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a set of runs that are the same."""
        tables = _tables(data)
        runs = sorted({run for t in tables for run in t.frame["run"].unique().to_list()})
        if len(runs) < 2:
            raise CannotLook("there is one run only, or no column says which run a row is of")
        if len(runs) > MOST:
            data.left_out(f"{MOST} of {len(runs):,} runs were compared with each other")
        yield from _look(tables, runs[:MOST])


class _Table(NamedTuple):
    """What the runs in one part gave: `run`, `key`, `row`, `value`, `part`; `wrong` where it is known."""

    part: Part
    told: list[str]
    kind: str
    frame: "pl.DataFrame"


def _tables(data: Data) -> list[_Table]:
    made = []
    known = {id(o.part): o for o in of_runs(data)}
    for part in data.parts:
        told = known.get(id(part))
        table = _of_outputs(data, told) if told else _of_numbers(part)
        if table is not None and len(table.frame):
            made.append(table)
    return made


def _of_outputs(data: Data, told: Outputs) -> _Table | None:
    import polars as pl

    part, output = told.part, told.columns.get("output")
    run = told.cell("run")
    if run is None and len(data.parts) < 2:
        return None
    kind, values = "short", [c for c in (told.columns.get("parsed"), output) if c][:1]
    if output is not None and part.columns[output].words >= WORDS:
        kind, values = "text", [output]
    elif numbers := _measured(part, [*told.scores]):
        kind, values = "numbers", numbers
    values = values or told.scores[:1]
    keys = [c for n in ("item", "step", "repeat") if (c := told.cell(n)) is not None]
    if "item" not in told.columns and "prompt" in told.columns:
        keys.append(pl.col(told.columns["prompt"]))
    target = told.columns.get("target")
    name = pl.lit(part.name) if run is None else _words(run)
    if run is not None and len(data.parts) > 1:
        name = pl.format("{} of {}", name, pl.lit(part.name))
    return _Table(part, values, kind, _frame(part, name, keys, values, target))


def _of_numbers(part: Part) -> _Table | None:
    """A table of metrics, of which a column says the run."""
    import polars as pl

    run = called(part, "run")
    keys = [c for c in (called(part, "step"), called(part, "item")) if c]
    values = _measured(part, [n for n in part.names if n not in (run, *keys)])
    if run is None or not keys or not values:
        return None
    return _Table(
        part, values, "numbers",
        _frame(part, _words(pl.col(run)), [pl.col(k) for k in keys], values, None),
    )  # fmt: skip


def _measured(part: Part, names: Iterable[str]) -> list[str]:
    """Columns of numbers that were measured: with so many digits that no two agree by chance."""
    made = []
    for name in names:
        column = part.columns[name]
        if column.kind == "number" and not column.whole and column.unique >= 4:
            some = part.lazy.select(name).drop_nulls().head(200).collect()[name].cast(str)
            long = [len(re.sub(r"^-?0?\.?0*|\.|e.*$", "", v)) >= DIGITS for v in some.to_list()]
            if sum(long) > 0.6 * len(long):
                made.append(name)
    return made


def _words(cell: "pl.Expr") -> "pl.Expr":
    import polars as pl

    return cell.cast(pl.String, strict=False)


def _frame(
    part: Part, run: "pl.Expr", keys: "list[pl.Expr]", values: list[str], target: str | None
) -> "pl.DataFrame":
    import polars as pl

    cells = [_words(pl.col(v)).fill_null("") for v in values]
    wrong = pl.lit(True) if target is None else _words(pl.col(values[0])) != _words(pl.col(target))
    key = pl.concat_str([_words(k).fill_null("") for k in keys], separator="\x1f") if keys else None
    frame = part.select(
        row=pl.col("__row__"),
        run=run,
        value=pl.concat_str(cells, separator="\x1f"),
        wrong=wrong,
        key=pl.lit("") if key is None else key,
    ).filter(pl.col("run").is_not_null(), pl.col("value").str.len_chars() > 0)
    # what has no key of its own, or one that comes back, is told by its place in the run
    return frame.with_columns(
        part=pl.lit(part.name), place=pl.int_range(pl.len()).over("run", "key")
    )


def _look(tables: list[_Table], runs: list[str]) -> Iterator[Anomaly]:
    import polars as pl

    every = pl.concat([t.frame for t in tables])
    kind = {"text": 0, "numbers": 1, "short": 2}
    worst = max((t.kind for t in tables), key=lambda k: kind[k])
    by_run = {str(k[0]): f for k, f in every.partition_by("run", as_dict=True).items()}
    told: dict[str, list[str]] = {}
    pairs: dict[tuple[str, str], pl.DataFrame] = {}
    for one, other in combinations(runs, 2):
        if any(other in group for group in told.values()):
            continue
        both = by_run[one].join(by_run[other], on=["key", "place"], suffix="_of_other")
        if _is_same(both, by_run[one], by_run[other], worst):
            told.setdefault(one, []).append(other)
            pairs[one, other] = both.filter(pl.col("value") == pl.col("value_of_other"))
    for one, others in told.items():
        if not any(one in group for group in told.values()):
            yield _anomaly(tables, one, others, [pairs[one, o] for o in others], worst, len(runs))


def _is_same(both: "pl.DataFrame", one: "pl.DataFrame", other: "pl.DataFrame", kind: str) -> bool:
    import polars as pl

    least = LEAST[kind]
    if len(both) < max(least, 0.5 * max(len(one), len(other))):
        return False
    same = both.filter(pl.col("value") == pl.col("value_of_other"))
    if len(same) < SAME * len(both) or same["value"].n_unique() < min(4, len(same)):
        return (
            kind == "short" and len(same) == len(both) >= 4 * least and same["value"].n_unique() > 1
        )
    wrong = int(same["wrong"].sum())
    return kind != "short" or (len(same) == len(both) and wrong >= 12)


def _anomaly(
    tables: list[_Table], one: str, others: list[str], pairs: "list[pl.DataFrame]", kind: str, runs: int
) -> Anomaly:  # fmt: skip
    import polars as pl

    table = next(t for t in tables if (t.frame["run"] == one).any())
    same = pl.concat(pairs)
    one_way = same.select("row", partner="row_of_other", partner_part="part_of_other")
    # rows of another part stand with that part's own rows, as partners
    back = same.filter(pl.col("part_of_other") == table.part.name).select(
        row="row_of_other", partner="row", partner_part="part"
    )
    found = (
        pl.concat([one_way, back])
        .unique("row", keep="first")
        .select("row", score=pl.lit(1.0), partner="partner", partner_part="partner_part")
        .sort("row")
    )
    what = {"text": "output", "numbers": f"`{table.told[0]}`", "short": "answer"}[kind]
    names = ", ".join(f"`{o}`" for o in others[:4]) + (", …" if len(others) > 4 else "")
    items = len(pairs[0])
    return Anomaly(
        table.part,
        f"`{one}` and {names} gave the same {what} in all of {items:,} results, of {runs:,} runs "
        "that are called different",
        "check that the seed or checkpoint arrives, and that no cache answers; greedy decoding needs no seeds",
        {"text": 0.85, "numbers": 0.92, "short": 0.6}[kind],
        found,
        table.told,
        "warning",
        normal="runs differ in some of their results",
        evidence={"runs": [one, *others], "same": items},
    )
