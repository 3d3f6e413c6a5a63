"""The outputs of runs: what each column of samples, generations and results of an evaluation is."""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.data import CannotLook, Data, Part

if TYPE_CHECKING:
    import polars as pl

_NAMES = {
    "output": r"(model_?)?(outputs?|completions?|generations?|responses?|samples?|generated(_text)?"
    r"|predictions?|answers?)(_text)?",
    "step": r"(global_?|train(ing)?_?)?(steps?|iter(ation)?s?)|checkpoint|ckpt|epoch|round",
    "run": r"run(_?(id|name))?|model(_?(id|name))?|system|seed|experiment|policy|sampler",
    "item": r"item(_?id)?|(question|task|problem|prompt|example|sample|doc)_?id|id|idx|index",
    "prompt": r"prompts?|questions?|inputs?|instruction|query|problem",
    "target": r"targets?|gold(_answer)?|references?|expected|ground_?truth|correct_answer",
    "score": r"scores?(/.+)?|rewards?|acc(uracy)?|(is_)?correct|passed|pass|success|exact_match|em"
    r"|grade|resolved",
    "parsed": r"parsed(_answer|_output)?|extracted(_answer)?|pred(icted)?_answer",
}
TOLD = r"^\s*(null|none|nan|\[invalid\]|invalid|n/?a|parse[ _-]?error|no answer|unparsable)?\s*$"
"""What stands where an answer could not be read from what a model said."""


class Outputs(NamedTuple):
    """The samples of one part, and which column is what; None where none is."""

    part: Part
    columns: dict[str, str]
    scores: list[str]

    def get(self, name: str) -> str | None:
        """The column that is the output, step, run, item, prompt, target or parsed answer."""
        return self.columns.get(name)

    def frame(self, *names: str) -> "pl.DataFrame":
        """The columns that are these, under these names, with their row."""
        import polars as pl

        told = {n: pl.col(self.columns[n]) for n in names if n in self.columns}
        return self.part.select(row=pl.col("__row__"), **told)


def outputs(data: Data) -> list[Outputs]:
    """The parts that hold outputs of runs.

    Raises:
        CannotLook: none does.
    """
    found = [o for part in data.parts if (o := _outputs(data, part)) is not None]
    if not found:
        raise CannotLook("no part holds outputs or scores of a run with their step, run or item")
    return found


def _outputs(data: Data, part: Part) -> Outputs | None:
    columns: dict[str, str] = {}
    scores = []
    for name in part.names:
        plain = name.strip().lower().replace(" ", "_").replace("-", "_")
        for what, pattern in _NAMES.items():
            if not re.fullmatch(pattern, plain) or not _fits(part, name, what):
                continue
            if what == "score":
                scores.append(name)
            elif what not in columns and name not in columns.values():
                columns[what] = name
    asked = "output" in columns or bool(scores)
    if not asked or not ({"step", "run"} & columns.keys() or scores):
        # questions and answers alone are data to learn from
        return None
    if "output" not in columns and not ({"item", "prompt"} & columns.keys()):
        return None
    return Outputs(part, columns, scores)


def _fits(part: Part, name: str, what: str) -> bool:
    column = part.columns[name]
    if what in ("output", "prompt", "target", "parsed"):
        return column.kind in ("text", "category", "number", "flag") and (
            what != "output" or not column.dtype.is_float()
        )
    if what == "step":
        return column.kind in ("number", "category") and column.unique >= 1
    if what == "run":
        return 1 <= column.unique < max(2, 0.5 * column.filled)
    if what == "score":
        return column.kind in ("number", "flag", "category") and column.unique <= max(
            50, column.rows
        )
    return column.kind in ("number", "category", "text")


def right(cell: Any) -> "pl.Expr":
    """A score as a number: words of graders (C, I, true, pass) as 1 and 0."""
    import polars as pl

    words = cell.cast(pl.String, strict=False).str.strip_chars().str.to_lowercase()
    yes, no = (
        ["c", "true", "correct", "pass", "passed", "yes"],
        ["i", "false", "incorrect", "fail", "failed", "no"],
    )
    return (
        pl.when(words.is_in(yes)).then(1.0).when(words.is_in(no)).then(0.0)
        .otherwise(words.cast(pl.Float64, strict=False))
    )  # fmt: skip
