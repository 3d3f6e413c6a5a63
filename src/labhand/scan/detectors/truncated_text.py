"""Texts that break off."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import share, shown
from labhand.scan.detectors._spans import settled
from labhand.scan.outputs import called
from labhand.scan.texts import Texts, prose, texts

if TYPE_CHECKING:
    import polars as pl

ENDS = r"[\p{P}\p{S}&&[^,;:\-–—(\[{&/'’]]\s*$|['’]\s*$|\d\s*$|[\x{1F000}-\x{1FAFF}\x{2600}-\x{27BF}\x{FE0F}]\s*$"
"""How a text ends that was finished: a stop, a bracket, a sign, a number, a picture."""
INSIDE = r"[.!?。！？।؟]['\"”’)\]]*\s"
"""The end of a sentence within a text."""
LIMITS = r"(?i)^\s*(length|max[_ -]?(new_)?(tokens?|length|turns?|steps?|iterations?)|model_length|token_limit|.*\blimits?[_ ]?exceeded|limitsexceeded|(time|token|message|cost|working|operator|context|step)s?[_ ]limit|exit_(cost|context|total_execution_time|command_timeout)|context[_ ](window|length).*|time_?out.*|timed out|truncated)\s*$"
"""What is given as the reason to stop where a limit was met."""
HABIT = 0.8
"""The share of texts that must end in such a way before one that does not is odd."""
MARKED = 0.9
"""The share of texts whose last line begins with one mark, from which on a text without it lacks its end."""
_MARK = r"^\s*([^\w\s]{2,}|\\?[\p{L}][\p{L} ]{2,20}[:{])"
"""What a line with a result begins with: `####`, `Answer:`, `\boxed{`."""
STRICT = 0.93
"""The share from which on a text of several sentences that does not end is odd by that alone."""
PILED, BESIDE, STANDS_OUT = 20, 10, 5.0
"""So many texts of one length, and so many times as many as at each of the lengths beside it, are a cut."""
_LAST = re.compile(r"([^\W\d_]+)[^\w]*$")
_NEVER_LAST = frozenset(
    "the a an of and or but to in on at by for with from as is are was were be been that which who "
    "whose this these those their his her its my your our not into than because if when while about "
    "between through during under over after before each every very such has have had will would can "
    "could should may might must".split()
)


class Detector:
    """Texts that break off.

    ## What it does
    Learns how the texts of a column end. Where nearly all end in a stop, it finds those that break off:
    after a word that never ends a sentence, in the middle of a word, after a comma, within an open
    bracket or block of code, without the line of the result that ends the others, and, where texts are strict about stops, any of several sentences that has
    none at its end. It also finds texts that were all cut at one length.

    ## Why is this bad
    A model learns to stop in the middle.

    ## Known problems
    Titles, lists and chats end without stops; such columns are left alone but for open blocks of code
    and cuts at one length.

    ## Example
    `The capital of France is Paris, and the capital of`

    ## Use instead
    Generate or fetch the rows again with a higher limit, or drop them.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a column."""
        for part in data.parts:
            yield from _stopped(part)
            for one in texts(data, part):
                if one.role not in ("prompt", "context") and prose(data, [one]):
                    yield from _look(part, one.only("assistant"))


def _stopped(part: Part) -> Iterable[Anomaly]:
    """Outputs whose reason to stop was a limit."""
    import polars as pl

    name = called(part, "stop")
    if name is None:
        return
    found = part.where(pl.col(name).cast(pl.String, strict=False).str.contains(LIMITS))
    number = len(found)
    if number:
        value = part.at([found["row"][0]], [name])[name][0]
        yield Anomaly(
            part,
            f"{number:,} of {part.rows:,} outputs ({share(number, part.rows)}) ended at a limit, as row "
            f"{found['row'][0]}: `{name}` is {shown(value)}",
            "raise the limit and make them again, or count them apart: what they lack is not the model's",
            0.9,
            found,
            [name],
            "warning" if number >= 2 or part.rows < 20 else "note",
            normal="outputs end where the model ends them",
            group="limits",
        )


class _Habit(NamedTuple):
    """How the texts of a column end: the share that does in a stop, words, the length of a cut, a mark.

    `lines` are the breaks of lines that most of them have.
    """

    ended: float
    known: Counter[str]
    cut: int | None
    mark: str | None
    lines: float


def _look(part: Part, one: Texts) -> Iterable[Anomaly]:
    import polars as pl

    text, letters = pl.col("text"), pl.col("text").str.len_chars()
    whole = one.lazy.filter(text.is_not_null() & (letters >= 20) & ~pl.col("calls"))
    told = whole.select(
        rows=pl.len(),
        ended=text.str.contains(ENDS).mean(),
        longest=letters.max(),
        full=(letters == letters.max()).sum(),
        near=(letters > 0.9 * letters.max()).sum(),
        tails=text.filter(letters == letters.max()).str.tail(8).n_unique(),
        lines=text.str.strip_chars_end().str.count_matches("\n").median(),
    ).collect(engine="streaming").row(0, named=True)  # fmt: skip
    if told["rows"] < 5:
        return
    is_cut = told["full"] >= max(3, 0.002 * told["rows"]) and told["full"] > 0.3 * told["near"]
    # a cut falls anywhere; texts of one mould are of one length and end alike
    is_cut = is_cut and told["tails"] > 0.5 * told["full"]
    cut = int(told["longest"]) if is_cut else _pile(whole)
    fences = text.str.count_matches(r"(?m)^\s*```") % 2 == 1
    mark = _mark(whole)
    odd = ~text.str.contains(ENDS) | fences
    if mark is not None:
        odd |= ~text.str.contains(mark, literal=True)
    if cut is not None:
        odd |= letters == cut
    frame = _unlike(
        whole.filter(odd).select("row", "turn", "text").collect(engine="streaming"), cut
    )
    if not len(frame):
        return
    habit = _Habit(float(told["ended"]), _known(whole, frame), cut, mark, float(told["lines"]))
    lines = [
        (row, turn, *why) for row, turn, text in frame.iter_rows() if (why := broken(text, habit))
    ]
    if lines:
        yield from _told(part, one, lines, habit)


def _pile(whole: "pl.LazyFrame") -> int | None:
    """A length at which far more texts end than at those beside it, each in its own way."""
    import polars as pl

    text, letters = pl.col("text"), pl.col("text").str.len_chars()
    counts = (
        whole.group_by(at=letters)
        .agg(n=pl.len(), tails=text.str.tail(8).n_unique())
        .collect(engine="streaming")
    )
    rows = int(counts["n"].sum())
    own = counts.filter(
        (pl.col("tails") > 0.5 * pl.col("n")) & (pl.col("n") >= max(PILED, rows / 200))
    )
    for at, n, _ in own.sort("n", descending=True).head(3).iter_rows():
        beside = counts.filter((pl.col("at").cast(pl.Int64) - at).abs().is_between(1, BESIDE))["n"]
        if n >= STANDS_OUT * max(1.0, float(beside.sum()) / (2 * BESIDE)):
            return int(at)
    return None


def _mark(whole: "pl.LazyFrame") -> str | None:
    """What the last line of nearly all texts begins with, as that of a worked answer does."""
    import polars as pl

    last = pl.col("text").str.strip_chars_end().str.split("\n").list.last()
    marks = whole.select(mark=last.str.extract(_MARK)).collect(engine="streaming")["mark"]
    often = marks.drop_nulls().value_counts(sort=True).head(1)
    if not len(often) or often["count"][0] < max(20, MARKED * len(marks)):
        return None
    return str(often["mark"][0])


def _unlike(frame: "pl.DataFrame", cut: int | None) -> "pl.DataFrame":
    """Without endings that three texts share: what breaks off does so anywhere."""
    import polars as pl

    tail = pl.col("text").str.strip_chars_end().str.tail(8)
    at_cut = pl.col("text").str.len_chars() == (cut or -1)
    # what three rows hold word for word is what the column is of, and no accident
    again = pl.len().over("text") >= 3
    return frame.filter(((pl.len().over(tail) < 3) | at_cut) & ~again)


def _known(whole: "pl.LazyFrame", frame: "pl.DataFrame") -> Counter[str]:
    """How often the last words of these texts, and words that go on from them, occur."""
    import polars as pl

    words = pl.col("text").str.to_lowercase().str.extract_all(r"\p{L}+")
    counts = (
        whole.head(20_000)
        .select(word=words)
        .explode("word")
        .group_by("word")
        .len("n")
        .collect(engine="streaming")
    )
    return Counter({w: n for w, n in counts.iter_rows() if w})


def broken(text: str, habit: _Habit) -> tuple[float, int, str] | None:
    """How surely a text breaks off (0 to 1), where its last word begins, and why; None where it ends."""
    last = _LAST.search(text)
    at = last.start() if last else max(0, len(text.rstrip()) - 1)
    if text.count("```") % 2 == 1:
        return 0.9, text.rfind("```"), "within a block of code"
    bare = text.rstrip()
    if habit.cut is not None and len(text) == habit.cut and not _ended(bare):
        return 0.95, at, f"at {habit.cut:,} characters, as others do"
    # a last line of another form is an answer that cannot be read, and no text that breaks off
    if habit.mark is not None and habit.mark not in text and bare.count("\n") < habit.lines:
        return 0.9, at, f"without the line `{habit.mark}` that ends the others"
    if habit.ended < HABIT or _ended(bare):
        return None
    if bare[-1] in ",;(-–—&/[{":
        return 0.9, len(bare) - 1, f"after `{bare[-1]}`"
    word = last[1].lower() if last else ""
    if word in _NEVER_LAST:
        return 0.9, at, "after a word that ends no sentence"
    if _is_piece(word, habit.known, 1 if habit.ended >= STRICT else 2):
        return 0.85, at, "in the middle of a word"
    several = re.search(r"[.!?。！？]['\"”’)\]]*\s", bare) is not None
    is_list = re.match(r"\s*(?:[-*•|#>]|\d+[.)])", bare[bare.rfind("\n") + 1 :])
    if several and not is_list and habit.ended >= STRICT and "\n" not in bare[-60:]:
        return 0.7, at, "without a stop"
    return None


def _ended(bare: str) -> bool:
    return bool(bare) and (
        bare[-1].isdigit() or not (bare[-1].isalnum() or bare[-1] in ",;:-–—([{&/")
    )


def _is_piece(word: str, known: Counter[str], often: int) -> bool:
    """Whether a word occurs here only, and goes on in a word that the texts know."""
    if not word or known[word] > 1:
        return False
    return any(
        len(w) > len(word) and w.startswith(word) and n >= often for w, n in known.items()
    ) and not any(
        w in known
        for w in (word + "s", word + "ed", word + "ing", word + "d", word + "ly")
        if known[w] > 1
    )


def _told(part: Part, one: Texts, lines: list[tuple[Any, ...]], habit: _Habit) -> Iterable[Anomaly]:
    import polars as pl

    schema = {
        "row": pl.Int64,
        "turn": pl.Int64,
        "score": pl.Float64,
        "start": pl.Int64,
        "why": pl.String,
    }
    made = pl.DataFrame(lines, schema=schema, orient="row")
    ends = one.lazy.select(
        "row", "turn", end=pl.col("text").str.len_chars().cast(pl.Int64), text="text"
    )
    made = made.join(ends.collect(engine="streaming"), on=["row", "turn"], nulls_equal=True)
    found = made.sort("score", "row", descending=[True, False]).select(
        "row", "score", "turn", "start", "end", "why", "text", column=pl.lit(one.column)
    )
    rows = found["row"].n_unique()
    if rows > 0.4 * part.rows + 2 and habit.cut is None:
        return
    # a stop may be forgotten; it is told as a cut only beside others that are sure
    sure = int((found["score"] > 0.75).sum())
    first = found.row(0, named=True)
    tail = first["text"].rstrip()[-40:]
    yield Anomaly(
        part,
        f"{rows:,} of {part.rows:,} texts of `{one.column}` ({share(rows, part.rows)}) break off, as row "
        f"{first['row']} {first['why']}: {shown('…' + tail)}",
        "make or fetch them again with a higher limit, or drop them",
        round(float(found["score"].mean()), 2),  # type: ignore[arg-type]
        settled(found.drop("text")),
        [one.column],
        "warning" if sure >= 0.25 * len(found) or rows >= 5 else "note",
        normal=f"{share(habit.ended, 1)} of the texts end in a stop or a sign",
    )
