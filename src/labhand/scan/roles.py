"""Which column is the label, the id, the group, … by its name and by what it holds."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from labhand.scan.columns import Column, is_few
from labhand.scan.data import Part
from labhand.scan.outputs import outputs_of
from labhand.scan.texts import conversation

_NAMES: dict[str, str] = {
    "label": r"labels?|targets?|class(es)?|y|outcome|gold|gold_label|ground_?truth|y_true|species"
    r"|sentiment|diagnosis|category_label|(true|noisy|given)_label|churn(ed)?|exited|attrition|survived"
    r"|(is_)?fraud|readmitted|default(ed)?|stars|rating|converted|purchased|clicked|cancell?ed|subscribed",
    "prediction": r"pred(iction|icted|s)?|y_(pred|hat)|predicted_(label|class)|model_(label|output)",
    "split": r"split|fold|partition|subset|set",
    "annotator": r"annotator(_?id)?|rater(_?id)?|worker(_?id)?|labell?er|coder|judge",
    "time": r"time|date|datetime|timestamp|ts|created(_?at)?|day|event_?time|(\w+_)?(date|time|at)",
    "id": r"id|uid|uuid|guid|key|index|idx|row_?id|example_?id|sample_?id|unnamed:? ?0|_?id",
    "group": r"(patient|subject|user|person|customer|session|speaker|author|site|hospital|household"
    r"|family|participant|group|cluster|device|source|document|doc|study|client|account|video)"
    r"(_?(id|no|number|key|name))?|groups?",
    "image": r"image(_?(path|file|name))?|img|file_?name|filename|filepath|file_?path|path",
    "messages": r"messages|conversations?|dialog(ue)?|turns|chat",
    "prompt": r"prompt|instruction|question|query|problem",
    "context": r"input|context|passage|system(_?prompt)?",
    "answer": r"answers?|response|output|completion|reply|solution|canonical_solution",
    "chosen": r"chosen|preferred|accepted|winner",
    "rejected": r"rejected|dispreferred|loser",
    "text": r"text|content|document|body|sentence|review|comment|abstract|article|answer|response"
    r"|output|completion|generation|description|title",
    "vector": r"embeddings?|vectors?|features?|emb",
}
_IMAGE = re.compile(r"\.(jpe?g|png|gif|bmp|webp|tiff?|p[bgnp]m)$", re.I)
_SPLIT_VALUES = re.compile(r"train(ing)?|test(ing)?|val(id(ation)?)?|dev|eval|holdout|\d", re.I)
_DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ]\d{1,2}:\d{2}.*)?|\d{4}-\d{2}|\d{8}"
    r"|\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}|[A-Za-z]{3,9} \d{1,2},? \d{4}"
)


def find_roles(parts: Sequence[Part], said: Mapping[str, str]) -> dict[str, str]:
    """The column of each role; what a person said comes first. Columns have one role each."""
    found = dict(said)
    for role, pattern in _NAMES.items():
        if role in found or (role in ("context", "answer") and "prompt" not in found):
            continue
        for part in parts:
            if name := _named(part, role, re.compile(pattern, re.I), set(found.values())):
                found[role] = name
                break
    if "label" in found and "label" not in said and _is_target(parts, found["label"]):
        # what a model was to answer is no class of the rows
        del found["label"]
    elif "label" not in found and (last := _last(parts[0], set(found.values()))):
        found["label"] = last
    return found


def _is_target(parts: Sequence[Part], column: str) -> bool:
    made = [told for part in parts if (told := outputs_of(part)) is not None]
    return any(
        told.get("target") == column and ("output" in told.columns or "prompt" in told.columns)
        for told in made
    )


def is_called(role: str, name: str) -> bool:
    """Whether a column is called as columns of that role are."""
    return re.fullmatch(_NAMES[role], _plain(name), re.I) is not None


def _plain(name: str) -> str:
    return name.strip().replace(" ", "_").replace("-", "_")


def _named(part: Part, role: str, pattern: re.Pattern[str], taken: set[str]) -> str | None:
    # a column that is called exactly as the role goes before those that only look so
    for name in sorted(part.names, key=lambda n: n.strip().lower().rstrip("s") != role):
        if (
            name not in taken
            and pattern.fullmatch(_plain(name))
            and _fits(part, part.columns[name], role)
        ):
            return name
    return None


def _fits(part: Part, column: Column, role: str) -> bool:
    """Whether what the column holds can have the role that its name suggests."""
    holds, kind = column.unique, column.kind
    if role in ("label", "prediction"):
        return kind in ("number", "category", "flag") and holds > 0
    if role == "split":
        counts = part.counts(column.name) if holds <= 10 else None
        values = [] if counts is None else [str(v) for v in counts["value"] if v is not None]
        return len(values) >= 2 and all(_SPLIT_VALUES.fullmatch(v) for v in values)
    if role == "id":
        return column.filled > 0 and holds >= 0.9 * column.filled
    if role in ("group", "annotator"):
        return kind in ("category", "number", "text") and 2 <= holds < 0.9 * column.filled
    if role == "time":
        return kind == "time" or _dates(part, column)
    if role == "image":
        return _holds_images(column.dtype) or (
            kind in ("category", "text") and _some_match(part, column, _IMAGE)
        )
    if role == "vector":
        return kind == "vector"
    return _fits_words(part, column, role)


def _holds_images(dtype: Any) -> bool:
    """Whether cells are the bytes of files, as HF datasets keep images."""
    import polars as pl

    return bool(
        dtype == pl.Binary or (isinstance(dtype, pl.Struct) and "bytes" in dtype.to_schema())
    )


def _fits_words(part: Part, column: Column, role: str) -> bool:
    kind = column.kind
    if role == "messages":
        return column.filled > 0 and conversation(part, column.name) is not None
    if role in ("prompt", "chosen", "rejected") and kind == "other":
        return conversation(part, column.name) is not None
    if role in ("context", "answer"):
        return kind in ("text", "category")
    if role == "text" and kind == "category" and is_few(column):
        return False  # answers to choose from
    return kind == "text" or (kind == "category" and column.words >= 1.5) or kind == "other"


def _dates(part: Part, column: Column) -> bool:
    if column.kind == "number":
        # seconds or milliseconds since 1970, of a day in this century
        return column.median is not None and (
            9e8 < column.median < 4e9 or 9e11 < column.median < 4e12
        )
    return column.kind in ("category", "text") and _some_match(part, column, _DATE)


def _some_match(part: Part, column: Column, pattern: re.Pattern[str]) -> bool:
    import polars as pl

    some = part.lazy.select(pl.col(column.name).cast(pl.String, strict=False)).drop_nulls().head(50)
    values = [str(v).strip() for v in some.collect().to_series()]
    return bool(values) and sum(bool(pattern.search(v)) for v in values) >= 0.7 * len(values)


def _last(part: Part, taken: set[str]) -> str | None:
    """The last column, where it holds a few classes and most others are measured numbers."""
    if len(part.names) < 3 or part.names[-1] in taken:
        return None
    last = part.columns[part.names[-1]]
    others = [part.columns[n] for n in part.names[:-1]]
    measured = sum(c.kind == "number" for c in others) >= 0.8 * len(others)
    few = 2 <= last.unique <= min(50, max(2, last.filled // 5))
    classes = last.kind in ("category", "flag") or (last.kind == "number" and last.whole)
    return last.name if measured and few and classes and last.unique <= 20 else None
