"""The texts of the data: every column of words and every turn of a conversation, in one form."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import polars as pl

    from labhand.scan.data import Data, Part

ROLES = ("messages", "prompt", "context", "answer", "chosen", "rejected", "text")
"""Roles of columns that hold words."""
SAYS = ("role", "from", "speaker", "author", "sender")
HOLDS = ("content", "value", "text", "message", "utterance")
"""What the fields of a turn are called that say who speaks, and what."""
SPEAKERS = {
    "user": "user human prompter instruction customer",
    "assistant": "assistant gpt chatgpt bot model ai bing bard claude agent",
    "system": "system developer",
    "tool": "tool function observation ipython tool_response function_response tool_result",
    "call": "function_call tool_call",
}
"""Who speaks in a turn, and how data names them."""
_SPEAKER = {word: speaker for speaker, words in SPEAKERS.items() for word in words.split()}


class Texts(NamedTuple):
    """The texts of one column of a part.

    `lazy` has one line a text: `row`, `turn` (from 0; null where the column holds no conversation),
    `speaker` (user, assistant, system, tool, call, other; null where there is none), `said` (the
    speaker as the data names it), `calls` (whether a tool is called) and `text`, null where there is
    none. `role` is one of `ROLES`.
    """

    part: "Part"
    column: str
    role: str
    lazy: "pl.LazyFrame"
    spoken: bool

    def only(self, *speakers: str) -> "Texts":
        """Of a conversation the turns of these speakers; other texts as they are."""
        import polars as pl

        if not self.spoken:
            return self
        return self._replace(lazy=self.lazy.filter(pl.col("speaker").is_in(speakers)))


def texts(data: "Data", part: "Part") -> list[Texts]:
    """The texts of a part, found once: columns with a role of words, and all that hold prose."""
    return data.shared(f"texts of {part.name}", lambda: _texts(data, part))


def words(data: "Data", part: "Part") -> list[Texts]:
    """The texts of a part, and its other columns of words: paths, names, codes, which hold no prose."""
    import polars as pl

    known = texts(data, part)
    taken = {one.column for one in known}
    others = [n for n in part.names if n not in taken and part.columns[n].dtype == pl.String]
    return [*known, *(Texts(part, name, "text", _flat(part, name), False) for name in others)]


def answers(data: "Data", part: "Part") -> list[Texts]:
    """What a model is to say, or says: assistant turns, answers, chosen and rejected."""
    wanted = [
        t for t in texts(data, part) if t.role in ("messages", "answer", "chosen", "rejected")
    ]
    return [t.only("assistant") for t in wanted]


def written(data: "Data", part: "Part") -> list[Texts]:
    """All texts that were written for learning: without system prompts and what tools say."""
    return [t.only("user", "assistant", "other") for t in texts(data, part)]


CODE = (
    r"(?m)^\s*(?:assert .*|['\"]\w+['\"]: .*|def \w+\(|class \w+[(:{]|import \w+|from [\w.]+ import|return\b.*[;)\]\w]$|(?:if|for|while)\b.*[:{]$"
    r"|#include|(?:public|private|const|let|var|function|fn|func)\s+\w+|[\w.]+\(.*\);?$|[\w.\[\]]+ ?[+-]?= ?\S.*$|[}\]);]+$|#!/)"
)


def prose(data: "Data", some: "list[Texts]") -> "list[Texts]":
    """Those of some texts that hold words of people, and not code."""
    return [t for t in some if not _is_code(data, t)]


def _is_code(data: "Data", one: "Texts") -> bool:
    import polars as pl

    def look() -> bool:
        text = pl.col("text")
        head = one.lazy.filter(text.str.len_chars() > 10).head(200)
        lines = text.str.count_matches(r"(?m)^.*\S.*$")
        told = head.select((text.str.count_matches(CODE) >= 0.4 * lines).mean()).collect()
        return float(told.item() or 0.0) > 0.5

    return data.shared(f"code in {one.part.name} {one.column}", look)


def holds_texts(data: "Data") -> bool:
    """Whether any part has texts."""
    return any(texts(data, part) for part in data.parts)


def _texts(data: "Data", part: "Part") -> list[Texts]:
    taken = {column: role for role, column in data.roles.items() if column in part.names}
    made = []
    for name in part.names:
        column, role = part.columns[name], taken.get(name)
        if role is not None and role not in ROLES:
            continue
        spoken = conversation(part, name) if column.kind in ("other", "text") else None
        if spoken is not None:
            made.append(Texts(part, name, role or "messages", spoken, True))
        elif _is_words(column) and (role or (column.kind == "text" and not column.is_id)):
            made.append(Texts(part, name, role or "text", _flat(part, name), False))
    return made


def _is_words(column: Any) -> bool:
    import polars as pl

    return bool(column.dtype == pl.String and column.kind in ("text", "category"))


def _flat(part: "Part", name: str) -> "pl.LazyFrame":
    import polars as pl

    nothing = pl.lit(None, dtype=pl.String)
    return part.lazy.select(
        row=_row(),
        turn=pl.lit(None, dtype=pl.Int64),
        speaker=nothing,
        said=nothing,
        calls=pl.lit(False),
        text=pl.col(name),
    )


def _row() -> "pl.Expr":
    import polars as pl

    return pl.col("__row__")


def conversation(part: "Part", name: str) -> "pl.LazyFrame | None":
    """The turns of a column of conversations; None where it holds none."""
    import polars as pl

    dtype = part.lazy.collect_schema()[name]
    if dtype == pl.String:
        return _of_json(part, name)
    inner = dtype.inner if isinstance(dtype, pl.List | pl.Array) else None
    if not isinstance(inner, pl.Struct):
        return None
    fields = {f.name: f.dtype for f in inner.fields}
    says = next((f for f in SAYS if fields.get(f) in (pl.String, pl.Null)), None)
    holds = next((f for f in HOLDS if f in fields), None)
    if says is None or holds is None:
        return None
    turn = pl.col("turn")
    long = (
        part.lazy.select(row=_row(), each=pl.col(name).cast(pl.List(inner)))
        .with_columns(number=pl.int_ranges(pl.col("each").list.len(), dtype=pl.Int64))
        .explode("each", "number")
        .filter(pl.col("number").is_not_null())
        .rename({"number": "turn"})
    )
    each = pl.col("each").struct
    calls = [each.field(f) for f in ("tool_calls", "function_call") if f in fields]
    content = _content(each.field(holds), fields[holds])
    if content is None:
        return _of_json(part, name)
    said = each.field(says).cast(pl.String)
    if (kinds := _kinds(each.field(holds), fields[holds])) is not None:
        calls.append(pl.when(kinds.list.contains("tool_use")).then(True))
        # a result that a user's turn hands back is the tool's
        said = pl.when(kinds.list.eval(pl.element() == "tool_result").list.all()).then(pl.lit("tool")).otherwise(said)  # fmt: skip
    return long.select(
        "row",
        turn,
        speaker=_speaker(said),
        said=said,
        calls=pl.any_horizontal(c.is_not_null() for c in calls) if calls else pl.lit(False),
        text=content,
    )


def _speaker(said: "pl.Expr") -> "pl.Expr":
    import polars as pl

    plain = said.cast(pl.String).str.strip_chars().str.to_lowercase()
    return plain.replace_strict(_SPEAKER, default="other", return_dtype=pl.String)


def _content(cell: "pl.Expr", dtype: Any) -> "pl.Expr | None":
    """The words of a turn, of parts of text one after the other."""
    import polars as pl

    if dtype in (pl.String, pl.Null):
        return cell.cast(pl.String)
    inner = dtype.inner if isinstance(dtype, pl.List) else None
    if isinstance(inner, pl.Struct) and "text" in [f.name for f in inner.fields]:
        return cell.list.eval(pl.element().struct.field("text")).list.drop_nulls().list.join("\n")
    return None


def _kinds(cell: "pl.Expr", dtype: Any) -> "pl.Expr | None":
    """What the blocks of a turn are, where it is made of blocks."""
    import polars as pl

    inner = dtype.inner if isinstance(dtype, pl.List) else None
    if isinstance(inner, pl.Struct) and inner.to_schema().get("type") == pl.String:
        kinds = cell.list.eval(pl.element().struct.field("type"))
        return pl.when(kinds.list.len() > 0).then(kinds)
    return None


def _of_json(part: "Part", name: str) -> "pl.LazyFrame | None":
    """The turns of a column whose conversations are written as JSON."""
    import polars as pl

    cell = pl.col(name)
    if part.lazy.collect_schema()[name] != pl.String:
        cell = cell.map_elements(lambda c: json.dumps(c.to_list()), return_dtype=pl.String)
    else:
        head = part.lazy.select(cell.drop_nulls().head(20)).collect().to_series().to_list()
        like = [h for h in head if h.lstrip()[:1] == "[" and any(f'"{s}"' in h for s in SAYS)]
        if not head or len(like) < 0.8 * len(head):
            return None
    frame = part.select(row=_row(), told=cell)
    lines: list[tuple[Any, ...]] = []
    for row, told in frame.iter_rows():
        lines += [(row, *turn) for turn in _turns(told)]
    schema = {"row": pl.Int64, "turn": pl.Int64, "said": pl.String, "calls": pl.Boolean}
    made = pl.DataFrame(lines, schema={**schema, "text": pl.String}, orient="row", strict=False)
    if not len(made):
        return None
    return made.lazy().with_columns(speaker=_speaker(pl.col("said")))


def _turns(told: str | None) -> Iterable[tuple[int, str | None, bool, str | None]]:
    try:
        turns = json.loads(told or "[]")
    except ValueError:
        return
    for number, turn in enumerate(turns if isinstance(turns, list) else []):
        if not isinstance(turn, dict):
            continue
        says = next((turn[f] for f in SAYS if f in turn), None)
        holds = next((turn[f] for f in HOLDS if f in turn), None)
        calls = any(turn.get(f) for f in ("tool_calls", "function_call"))
        blocks = [b.get("type") for b in holds if isinstance(b, dict)] if isinstance(holds, list) else []  # fmt: skip
        if blocks and all(kind == "tool_result" for kind in blocks):
            says = "tool"
        yield (
            number,
            None if says is None else str(says),
            calls or "tool_use" in blocks,
            _words(holds),
        )


def _words(holds: Any) -> str | None:
    if holds is None or isinstance(holds, str):
        return holds
    if isinstance(holds, list):
        some = [
            p.get("text") or _words(p.get("content")) if isinstance(p, dict) else p for p in holds
        ]
        return "\n".join(str(p) for p in some if p is not None)
    return json.dumps(holds, ensure_ascii=False)
