"""The outputs of runs: what each column of samples, generations and results of an evaluation is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from labhand.scan.data import ROW, CannotLook, Data, Part

if TYPE_CHECKING:
    import polars as pl

_RIGHT = r"scores?|rewards?|acc(uracy)?|(is_)?correct(ness)?|pass(ed)?|success|em|grade|resolved|exact_match"
_GRADED = r"(is_)?correct(ness)?|exact_match|resolved|(judge|grader|rubric)_?\w*"
"""Names of scores that only what was graded has."""
_OF_ANY = r"id|idx|index|questions?|instance|example_?id|sample_?id|input|query|problem"
"""Names of items that rows of any table have too."""
_NAMES = {
    "output": r"((model_?|generated_?)?(outputs?|completions?|generations?|responses?|samples?)(_text)?"
    r"|generated(_text)?)",
    "parsed": r"(parsed|extracted|pred(icted)?|model|final|filtered)_?(answers?|output|resps?|prediction|label|letter|choice|option)"
    r"|parsed|extracted|predict(ed|ions?)|preds?|answer/.+",
    "step": r"(global_?|train(ing)?_?)?(steps?|iter(ation)?s?)|checkpoint|ckpt|epoch|round|update",
    "run": r"run(_?(id|name))?|model(_?(id|name))?|system|seed|experiment|policy|sampler|variant|agent",
    "item": r"item(_?id)?|(question|task|problem|prompt|example|sample|doc|instance|query)_?id"
    r"|id|idx|index|instance",
    "prompt": r"prompts?|questions?|inputs?|instruction|query|problem",
    "target": r"targets?|gold(_?(answer|label))?|references?|expected(_?(answer|output))?"
    r"|ground_?truth|correct_?answers?|labels?|solution",
    "grader": r"graders?(_?(id|name))?|judges?(_?(id|name))?|scorers?|evaluators?|raters?(_?id)?|filter",
    "stop": r"stop(_?reason)?|finish(_?reason)?|exit_?status|termination(_?reason)?|done_?reason",
    "answer": r"answers?(_text)?",
    "score": rf"(.+[_/ ])?({_RIGHT})(/.+)?|(judge|grader|scorer|rater|metric|rubric)_?\w*",
}
"""Names of columns by what they are; the first that fits is taken. `answer` is what is left of these."""
_BY_FILE = {
    "step": r"(?:global_?|train_?)?(?:steps?|iter(?:ation)?|epoch|checkpoint|ckpt|samples?|completions?"
    r"|generations?|rollouts?|outputs?)",
    "run": r"seed|run|trial|rep(?:licate|eat)?|model",
}
NOTHING = r"(?i)^\s*(null|none|nan|\[?invalid\]?|n/?a|parse[ _-]?(error|fail(ed|ure)?)|no[ _-]?answer|unpars(e?able|ed)|not[ _]found|error)?\s*$"
"""What stands where an answer could not be read from what a model said."""
_SAID = (
    r"\\boxed\{([^{}]{1,60})\}",
    r"####\s*([^\n]{1,60}?)\s*$",
    r"(?is)<answer>\s*(.{1,60}?)\s*</answer>",
    r"(?i)\b(?:final |correct |best )?(?:answer|option|choice)\b(?: is| would be|:|=)*\s*\**\(?([A-J]\b|[-\d.,/]+|yes\b|no\b|true\b|false\b)",
    r"^\s*\(?([A-Ja-j])(?:[).:](?:\s|$)|\s*$)",
)
"""How an answer stands in what a model says, the surest first."""
SHORT = 3
"""Words up to which an output is an answer by itself."""


class Outputs(NamedTuple):
    """The samples of one part, and which column is what; None where none is.

    `by_file` are expressions for what only the names of the shards tell (a step, a seed).
    """

    part: Part
    columns: dict[str, str]
    scores: list[str]
    by_file: "dict[str, pl.Expr]"

    def get(self, name: str) -> str | None:
        """The column that is the output, parsed answer, step, run, item, prompt, target, grader or stop.

        What only the names of the files say is called as what it is.
        """
        return self.columns.get(name) or (name if name in self.by_file else None)

    def cell(self, name: str) -> "pl.Expr | None":
        """What `get` names, as an expression over the part."""
        import polars as pl

        return pl.col(self.columns[name]) if name in self.columns else self.by_file.get(name)

    def frame(self, *names: str) -> "pl.DataFrame":
        """`row` and what each of these is, under its name; what is not there is left out."""
        cells = {name: cell for name in names if (cell := self.cell(name)) is not None}
        return self.part.select(row=_row(), **cells)

    @property
    def named(self) -> list[str]:
        """The columns that the person sees in a finding, the telling first."""
        order = ("output", "parsed", "target", "prompt", "item", "run", "step")
        return [self.columns[n] for n in order if n in self.columns]


def _row() -> "pl.Expr":
    import polars as pl

    return pl.col(ROW)


def outputs(data: Data) -> list[Outputs]:
    """The parts that hold outputs of runs, found once.

    Raises:
        CannotLook: none does.
    """
    found = of_runs(data)
    if not found:
        raise CannotLook("no part holds outputs or scores of a run with their step, run or item")
    return found


def of_runs(data: Data) -> list[Outputs]:
    """As `outputs`; empty where no part holds any."""
    return data.shared("outputs of runs", lambda: [o for p in data.parts if (o := outputs_of(p))])


def bookkeeping(data: Data, part: Part) -> set[str]:
    """The columns of a part that say of which run, step or item an output is, and what became of it."""
    one = next((o for o in of_runs(data) if o.part is part), None)
    if one is None:
        return set()
    parsed = {n for n in part.names if re.fullmatch(_NAMES["parsed"], _plain(n))}
    return {*parsed, *one.scores, *(c for k, c in one.columns.items() if k != "prompt")}


def called(part: Part, what: str) -> str | None:
    """The first column that is called, and filled, as a step, run, item, … is."""
    named = [n for n in part.names if re.fullmatch(_NAMES[what], _plain(n))]
    return next((n for n in named if _fits(part, n, what)), None)


def may_hold(names: list[str]) -> bool:
    """Whether a table with columns of these names may hold outputs of runs, or transcripts."""
    known = {
        what for n in names for what, pattern in _NAMES.items() if re.fullmatch(pattern, _plain(n))
    }
    known |= {
        "messages"
        for n in names
        if _plain(n) in ("messages", "trajectory", "history", "conversation", "resps")
    }
    asked = {"item", "prompt"} & known
    return bool(
        "messages" in known
        or ("output" in known and known & {"step", "run", "item", "prompt", "score", "target"})
        or (asked and known & {"score", "parsed"})
        or ({"answer", "prompt"} <= known and known & {"step", "run", "score"})
    )


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def roles(data: Data) -> dict[str, str]:
    """What columns of the outputs of runs are, for people: what → column; empty where there are none."""
    made: dict[str, str] = {}
    for one in of_runs(data):
        scores = {"score": one.scores[0]} if one.scores else {}
        made = {**scores, **one.columns, **made}
    return made


def outputs_of(part: Part) -> Outputs | None:
    """What the columns of one part are, if it holds outputs or scores of runs."""
    columns: dict[str, str] = {}
    scores: list[str] = []
    for name in part.names:
        _place(part, name, columns, scores)
    _settle(columns, part)
    by_file = {k: e for k, e in _by_file(part) if k not in columns}
    known = {*columns, *by_file}
    asked = "output" in columns or bool(scores)
    if not asked or not ({"step", "run"} & known or scores or {"output", "target"} <= known):
        # questions and answers alone are data to learn from
        return None
    if "output" not in columns and not _are_results(part, columns, scores):
        return None
    return Outputs(part, columns, scores, by_file)


def _are_results(part: Part, columns: dict[str, str], scores: list[str]) -> bool:
    """Whether rows without an output are graded: a score beside the number of a row is of any table."""
    item = columns.get("item") or columns.get("prompt")
    if item is None or "runs" in part.facts.get("holds", ()):
        return item is not None
    if any(re.fullmatch(_GRADED, _plain(score)) for score in scores):
        return True
    again = part.columns[item].unique < part.columns[item].filled
    if again and "grader" in columns:
        return bool(scores)
    named = re.fullmatch(_OF_ANY, _plain(item)) is None
    told = (again and {"run", "step"} & columns.keys()) or named
    return bool(told) and any(_is_grade(part, score) for score in scores)


def _is_grade(part: Part, score: str) -> bool:
    """Whether a column says right or wrong and no more."""
    column = part.columns[score]
    return column.unique <= 3 and (column.kind != "number" or (column.min, column.max) == (0, 1))


def _place(part: Part, name: str, columns: dict[str, str], scores: list[str]) -> None:
    if part.facts.get("repeat") == name:
        columns["repeat"] = name
        return
    for what, pattern in _NAMES.items():
        if not re.fullmatch(pattern, _plain(name)) or not _fits(part, name, what):
            continue
        if what == "score":
            scores.append(name)
        elif what in columns:
            continue
        else:
            columns[what] = name
        return


def _settle(columns: dict[str, str], part: Part) -> None:
    """`answer` is the model's where there is a target beside it, and the target where there is none."""
    answer = columns.pop("answer", None)
    if answer is not None:
        for what in ("target", "output", "parsed") if "output" in columns or "parsed" in columns else ("output",):  # fmt: skip
            if what not in columns:
                columns[what] = answer
                break
    if "output" not in columns and "parsed" in columns and not _is_label(part, columns):
        columns["output"] = columns.pop("parsed")


def _is_label(part: Part, columns: dict[str, str]) -> bool:
    """Whether there is no more than a class and the one that a classifier gave."""
    return not ({"prompt", "run", "step"} & columns.keys()) or part.columns[columns["parsed"]].dtype.is_float()  # fmt: skip


def _fits(part: Part, name: str, what: str) -> bool:
    column = part.columns[name]
    if what in ("output", "prompt", "target", "parsed", "answer"):
        return column.kind in ("text", "category", "number", "flag") and (
            what != "output" or not column.dtype.is_float()
        )
    if what == "step":
        return column.kind in ("number", "category") and column.unique >= 1
    if what in ("run", "grader"):
        return 1 <= column.unique < max(2, 0.5 * column.filled)
    if what == "score":
        return column.kind in ("number", "flag", "category") and column.words < 2
    if what == "stop":
        return column.kind in ("category", "text") and column.unique <= 20
    return column.kind in ("number", "category", "text")


def _by_file(part: Part) -> "Iterator[tuple[str, pl.Expr]]":
    """The step or run of each row, where the names of the shards count these."""
    import polars as pl

    stems = [Path(path).stem for path, _ in part.files]
    starts = [first for _, first in part.files]
    for what, word in _BY_FILE.items():
        found = [re.search(rf"(?i)(?:^|[^a-z]){word}[-_=. ]?(\d+)", stem) for stem in stems]
        told = [int(m[1]) for m in found if m]
        if len(stems) > 1 and len(told) == len(stems) == len(set(told)):
            place = pl.lit(pl.Series(starts, dtype=pl.Int64)).search_sorted(_row(), side="right")
            yield what, (place - 1).replace_strict(dict(enumerate(told)), return_dtype=pl.Int64)
            return


def right(cell: "pl.Expr") -> "pl.Expr":
    """A score as a number: words of graders (C, I, true, pass) as 1 and 0."""
    import polars as pl

    words = cell.cast(pl.String, strict=False).str.strip_chars().str.to_lowercase()
    yes = ["c", "true", "correct", "pass", "passed", "yes", "success", "resolved"]
    no = ["i", "false", "incorrect", "fail", "failed", "no", "failure", "wrong", "n", "unresolved"]
    return (
        pl.when(words.is_in(yes)).then(1.0).when(words.is_in(no)).then(0.0)
        .otherwise(words.cast(pl.Float64, strict=False))
    )  # fmt: skip


def graded(told: Outputs, score: str) -> "pl.Series | None":
    """Of each row 1 where it is right by this score, 0 where wrong; None where the score says no such thing."""
    import polars as pl

    values = told.part.select(right(pl.col(score)).alias("score"))["score"].fill_nan(None)
    some = values.drop_nulls()
    if len(some) < 0.5 * len(values) or not len(some) or not some.is_between(0.0, 1.0).all():
        return None
    if not some.is_in([0.0, 0.5, 1.0]).mean() >= 0.9:  # type: ignore[operator]
        return None
    return (values > 0.5).cast(pl.Float64)


def answered(told: Outputs) -> "pl.Series | None":
    """The answer of each row in plain letters: the parsed one, a short output, or what stands in a long one."""
    import polars as pl

    name = told.get("parsed") or told.get("output")
    if name is None:
        return None
    text = plain(pl.col(name))
    column = told.part.columns[name]
    if name != told.get("output") or column.words <= SHORT:
        # `B) 204` is the answer B where letters are asked for
        letter = (
            text.str.extract(r"^\(?([a-j])[).:]\s")
            if _asks_letters(told)
            else pl.lit(None, pl.String)
        )
        return told.part.select(answer=pl.coalesce(letter, text))["answer"]
    found = stated(told, name)
    return found if found.null_count() < 0.5 * len(found) else None


def stated(told: Outputs, name: str) -> "pl.Series":
    """The answer that stands in each output by its form, in plain letters; null where none does."""
    import polars as pl

    last = pl.col(name).cast(pl.String, strict=False).str.strip_chars().str.tail(400)
    made = pl.coalesce(last.str.extract_all(p).list.last().str.extract(p) for p in _SAID)
    return told.part.select(answer=plain(made))["answer"]


def _asks_letters(told: Outputs) -> bool:
    """Whether the targets are letters."""
    import polars as pl

    target = told.columns.get("target")
    if target is None:
        return False
    letters = plain(pl.col(target)).str.contains(r"^[a-j]$").mean()
    return float(told.part.select(letters).item() or 0.0) > 0.9


def plain(cell: "pl.Expr") -> "pl.Expr":
    """Words without what writes the same thing in several ways; null where nothing is said."""
    import polars as pl

    text = cell.cast(pl.String, strict=False).str.to_lowercase().str.replace_all(r"\s+", " ")
    text = text.str.strip_chars(" .,:;()[]{}*`'\"$").str.replace(r"^-?(\d+)\.0+$", "$1")
    text = text.str.replace_all(r"(\d),(\d{3})", "$1$2")
    return pl.when(text.str.len_chars() > 0).then(text)
