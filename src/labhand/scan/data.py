"""The data that detectors look at: parts, each a lazy table with row numbers, and their roles."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from labhand.core.errors import LabhandError
from labhand.scan.columns import AT_ONCE, Column, profiled
from labhand.scan.texts import holds_texts

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

_GROUP = re.compile(
    r"(?:^|_)(?:store|shop|site|station|sensor|machine|device|unit|meter|pump|plant|line|zone|region|node|channel|school"
    r"|hospital|clinic|user|patient|subject|batch|lot|cluster|group)(?:_?(?:id|no|nr|number))?$",
    re.I,
)
"""How columns of numbers are called that name a group."""
ROW = "__row__"
"""The column that numbers the rows of a part, from 0 over data rows as the file has them."""
FEW_ROWS = 200_000
"""Rows in memory up to which a query takes less time than its division into pieces."""
MANY = 100_000
"""Different values of a column up to which they are counted one by one."""

T = TypeVar("T")


class CannotLook(LabhandError):
    """A detector cannot look at this data; the sentence says why."""


class Part:
    """One table of the data: a file, a folder of shards, or one split of these.

    `split` is None where nobody said what the part is; `path` is as a person would write it.
    """

    def __init__(
        self,
        path: str,
        split: str | None,
        frame: "pl.LazyFrame | pl.DataFrame",
        *,
        facts: dict[str, Any] | None = None,
        keep: bool = True,
        files: Sequence[tuple[str, int]] = (),
    ) -> None:
        self.path = path
        self.split = split
        self.facts = facts or {}
        self.files = files
        """Of shards, each file and its first row."""
        self.lazy: pl.LazyFrame = _numbered(frame)
        self._counts: dict[str, pl.DataFrame | None] = {}
        self.kept: pl.DataFrame | None = self.lazy.collect(engine="streaming") if keep else None
        """The rows in memory; None where they are read anew by each query."""
        if self.kept is not None:
            self.lazy = self.kept.lazy()
        self.names: list[str] = [n for n in self.lazy.collect_schema().names() if n != ROW]

    @cached_property
    def broken(self) -> list[int]:
        """Rows whose line could not be cut into cells rightly; `where` leaves them out."""
        kinds = ("odd_delimiter", "short", "long")
        return sorted({row for kind in kinds for row in self.facts.get(kind, ())})

    @property
    def name(self) -> str:
        """The split, or the path where there is none: unique in the data."""
        return self.split or self.path

    @cached_property
    def rows(self) -> int:
        """How many rows there are."""
        import polars as pl

        return int(self.select(pl.len()).item())

    @cached_property
    def columns(self) -> dict[str, Column]:
        """What each column holds, by one pass over the data."""
        return profiled(self)

    def groupings(self, most: int, columns: int, apart: Collection[str | None] = ()) -> list[str]:
        """The first columns with 2 to `most` values that rows come in groups by: sites, sensors, shops, arms."""
        found = [
            c.name
            for c in self.columns.values()
            if 2 <= c.unique <= most
            and (c.kind == "category" or (c.kind == "number" and c.whole and _GROUP.search(c.name)))
        ]
        return [name for name in found if name not in apart][:columns]

    def select(self, *expressions: Any, **named: Any) -> "pl.DataFrame":
        """The expressions over all rows, computed without holding more than they need."""
        wanted = _flat(expressions) + [e.alias(name) for name, e in named.items()]
        return self.collected(self.over(wanted).select(wanted))

    def over(self, expressions: "Sequence[pl.Expr]") -> "pl.LazyFrame":
        """The rows with the columns that the expressions name: a plan over all of many is slow."""
        import polars as pl

        if self.kept is None or len(self.names) <= AT_ONCE:
            return self.lazy
        try:
            roots = dict.fromkeys([ROW, *(n for e in expressions for n in e.meta.root_names())])
            return pl.DataFrame([self.kept.get_column(name) for name in roots]).lazy()
        except pl.exceptions.ColumnNotFoundError:
            return self.lazy

    def collected(self, query: "pl.LazyFrame") -> "pl.DataFrame":
        """What a query over the part gives, by the engine that takes less time for its rows."""
        few = self.kept is not None and self.kept.height <= FEW_ROWS
        return query.collect(engine="in-memory" if few else "streaming")

    def where(self, is_odd: "pl.Expr", score: Any = 1.0, **also: "pl.Expr") -> "pl.DataFrame":
        """The `found` of an anomaly: rows for which `is_odd` is true, the highest score first."""
        import polars as pl

        wanted = score if isinstance(score, pl.Expr) else pl.lit(float(score))
        if self.broken:
            is_odd = is_odd & ~pl.col(ROW).is_in(self.broken)
        rows = self.over([is_odd, wanted, *also.values()]).filter(is_odd)
        frame = self.collected(
            rows.select(pl.col(ROW).alias("row"), wanted.cast(pl.Float64).alias("score"), **also)
        )
        return frame.sort("score", "row", descending=[True, False])

    def at(self, rows: Sequence[int], columns: Sequence[str]) -> "pl.DataFrame":
        """Some rows, in the order asked for, with their number in the column `__row__`."""
        import polars as pl

        wanted = pl.DataFrame({ROW: pl.Series(ROW, rows, dtype=pl.Int64)})
        whole = self.over([pl.col(name) for name in columns])
        taken = whole.filter(pl.col(ROW).is_in(wanted[ROW].implode())).select(ROW, *columns)
        got = self.collected(taken)
        return wanted.join(got, on=ROW, how="left", maintain_order="left")

    def counts(self, column: str) -> "pl.DataFrame | None":
        """The values of a column and how often each occurs (`value`, `count`), the commonest first.

        None where there are more than `MANY`, or the values cannot be compared.
        """
        if column not in self._counts:
            self._counts[column] = self._counted(column)
        return self._counts[column]

    def _counted(self, column: str) -> "pl.DataFrame | None":
        import polars as pl

        told = self.columns[column]
        if told.unique > MANY or told.kind == "other":
            return None
        values = self.over([pl.col(column)]).select(pl.col(column).alias("value"))
        frame = self.collected(values.group_by("value").len("count"))
        return frame.sort("count", "value", descending=[True, False], nulls_last=True)

    def weighed(self, column: str) -> "pl.DataFrame":
        """Values of a column and how many cells they stand for: (`value`, `count`), without null.

        What is asked of cells alone is asked once a value where these are few.
        """
        import polars as pl

        counts = self.counts(column)
        if counts is None:
            counts = self.select(value=pl.col(column), count=pl.lit(1))
        return counts.filter(pl.col("value").is_not_null())

    def has(self, column: str, is_odd: "pl.Expr") -> bool:
        """Whether a cell may be so, by what `is_odd` says of each value by itself; false is certain."""
        import polars as pl

        if self.rows <= FEW_ROWS:
            return True
        counts = self.counts(column)
        if counts is None:
            return True
        cells = counts.select(pl.col("value").alias(column))
        return bool(cells.select(is_odd.fill_null(False).any()).item())

    def numbers(self, columns: Sequence[str], every: int = 1) -> "np.ndarray[Any, Any]":
        """The columns as float64, one line for each, or each n-th, row; NaN for no finite number."""
        import numpy as np
        import polars as pl

        cast_ = [number(self.columns[c]).fill_null(float("nan")).alias(c) for c in columns]
        if not cast_:
            return np.empty((self.rows, 0))
        some = [pl.col(ROW), *cast_]
        if every > 1:
            some = [cell.gather_every(every) for cell in some]
        made = self.select(*some).drop(ROW).to_numpy()
        return np.where(np.isfinite(made), made, np.nan)

    @cached_property
    def row_numbers(self) -> "np.ndarray[Any, Any]":
        """The number of each row, in the order of `select`; 0, 1, 2, … where all could be read."""
        import polars as pl

        return self.select(pl.col(ROW))[ROW].to_numpy()


def _flat(expressions: "Iterable[Any]") -> "list[pl.Expr]":
    """Expressions that may come one by one or in lists; a string is the name of a column."""
    import polars as pl

    made: list[pl.Expr] = []
    for one in expressions:
        if isinstance(one, pl.Expr | str):
            made.append(pl.col(one) if isinstance(one, str) else one)
        else:
            made += _flat(one)
    return made


def _numbered(frame: "pl.LazyFrame | pl.DataFrame") -> "pl.LazyFrame":
    import polars as pl

    lazy = frame.lazy()
    if ROW not in lazy.collect_schema().names():
        lazy = lazy.with_row_index(ROW)
    return lazy.with_columns(pl.col(ROW).cast(pl.Int64))


def number(column: Column) -> "pl.Expr":
    """The column as float64, null where there is no number."""
    import polars as pl

    cell = pl.col(column.name)
    if column.dtype.is_temporal():
        return cell.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64) / 1e6
    if column.dtype == pl.String:
        cell = cell.str.strip_chars()
    return cell.cast(pl.Float64, strict=False)


class Data:
    """All that was given: parts, roles of columns, and what a person's model says."""

    def __init__(
        self,
        parts: Sequence[Part],
        roles: "dict[str, str]",
        *,
        probabilities: "np.ndarray[Any, Any] | None" = None,
        embeddings: "np.ndarray[Any, Any] | None" = None,
        memory: int = 4 << 30,
        thorough: bool = False,
        guessed: Collection[str] = (),
        said: Collection[str] = (),
    ) -> None:
        self.parts = list(parts)
        self.roles = roles
        self.probabilities = probabilities
        """One line a row over all parts in their order, one column a class in sorted order."""
        self.embeddings = embeddings
        """One line a row over all parts in their order."""
        self.memory = memory
        self.thorough = thorough
        """Whether detectors were asked for by name, and so may take their time."""
        self.guessed = frozenset(guessed)
        """Roles that were found by where a column stands: neither said nor called so."""
        self.said = frozenset(said)
        """Roles that a person has set."""
        self.reports: dict[str, Any] = {}
        """What detectors measured beside their findings, by name; it goes into the summary."""
        self.not_looked: list[str] = []
        self._shared: dict[str, Any] = {}

    def role(self, name: str) -> str | None:
        """The column that has one of the `ROLES`; None where none has it."""
        return self.roles.get(name)

    @property
    def splits(self) -> list[Part]:
        """The parts whose split is known."""
        return [part for part in self.parts if part.split is not None]

    @property
    def train(self) -> Part | None:
        """The part that models learn from, where the splits say so."""
        known = {p.split.lower(): p for p in self.splits if p.split}
        names = [n for n in known if n.startswith("train")]
        return known[names[0]] if names else None

    def features(self, part: Part, *kinds: str) -> list[str]:
        """The columns of these kinds that are neither label nor prediction nor mere bookkeeping."""
        apart = {"label", "id", "group", "time", "prediction", "split", "annotator", "image"}
        taken = {column for role, column in self.roles.items() if role in apart}
        return [
            c.name
            for c in part.columns.values()
            if c.kind in kinds and c.name not in taken and not c.is_id
        ]

    def shared(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gives, made once for all detectors that ask for `key`."""
        if key not in self._shared:
            self._shared[key] = make()
        return cast(T, self._shared[key])

    def left_out(self, why: str) -> None:
        """Says what the detector that is at work did not look at; it stands in `skipped`."""
        self.not_looked.append(why)

    def lacks(self, need: str) -> str | None:
        """Why a detector that needs this cannot run; None where the data has it.

        Needs: `splits` (two parts to compare), `numbers` (a numeric feature), `texts`, `vectors`, any
        role, any word among a part's `facts["holds"]` (such as `images`, `runs`).
        """
        if need == "splits":
            if len(self.parts) < 2:
                return "there is one part only; `--split NAME=PATH` names two"
            return None
        if need == "numbers":
            there = any(self.features(p, "number") for p in self.parts)
            return None if there else "no column holds numbers"
        if need == "texts":
            return None if holds_texts(self) else "no column holds texts"
        if need == "vectors":
            return self._lacks_vectors()
        if need == "rows":
            return None if any(p.rows for p in self.parts) else "there are no rows"
        if need in self.roles:
            return None
        if any(need in part.facts.get("holds", ()) for part in self.parts):
            return None
        if need in ROLES:
            flag = f"; `--{need} COLUMN` names it" if need in FLAGS else ""
            return f"no column was found that is the {need}{flag}"
        return f"the data holds no {need}"

    def _lacks_vectors(self) -> str | None:
        there = any(c.kind == "vector" for p in self.parts for c in p.columns.values())
        if there or self.embeddings is not None:
            return None
        return "no column holds vectors; `--embeddings` gives them"


FLAGS = ("label", "id", "group", "time", "text", "image", "prediction", "annotator")
"""Roles that the command line can set; `--split-column` sets the split."""
ROLES = (*FLAGS, "split", "messages", "prompt", "context", "answer", "chosen", "rejected", "vector")
"""What a column may be."""
