"""What a model's answer asks for, in whatever form it was able to write it.

Models differ in what they can do: some call tools, some write a unified diff, some only whole files.
All of these become the same few actions. What is not closed, or is a placeholder, becomes a `Bad`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import msgspec

from labhand.kit.model import Reply


class Shell(msgspec.Struct):
    """A command to run in the worktree."""

    command: str


class Read(msgspec.Struct):
    """A file to show, its lines numbered."""

    path: str


class Whole(msgspec.Struct):
    """A file's whole new content. `path` None: not said which; the text tells."""

    path: str | None
    text: str


class Swap(msgspec.Struct):
    """A piece of text to be replaced. `path` None: the file that has it."""

    path: str | None
    old: str
    new: str


class Lines(msgspec.Struct):
    """Lines `first` to `last`, counted from 1, to be replaced; `last` < `first` inserts before."""

    path: str | None
    first: int
    last: int
    text: str


class Unified(msgspec.Struct):
    """A unified diff, of one or more files."""

    text: str


class Done(msgspec.Struct):
    """The model says that it has finished, and what it did."""

    summary: str


class Bad(msgspec.Struct):
    """Something that was meant as an action and cannot be one; `why` goes back to the model."""

    why: str


Action = Shell | Read | Whole | Swap | Lines | Unified | Done | Bad
Edits = (Whole, Swap, Lines, Unified)

_FENCE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[ \t]*([^\n`]*)$")
_PATH = r"[\w.@+-]+(?:/[\w.@+-]+)*\.[A-Za-z]\w{0,9}|(?:[\w.-]+/)*(?:Makefile|Dockerfile)"
_IN_INFO = re.compile(rf"(?:^|[\s:=\"'({{])((?:\./|/)?(?:{_PATH}))(?=$|[\s\"'}})])")
_NAMED = re.compile(
    rf"^[\s#>*_\-\d.)]*(?:[\w ]*?\b(?:file|path|filename|update[ds]?|edit(?:ed)?|new|create|in|modify|replace)\b[\w ]*?:?\s*)?"
    rf"[`*\"'_]*((?:\./|/)?(?:{_PATH}))[`*\"'_]*\s*(?:\([^)]*\))?\s*:?[`*_]*\s*$",
    re.I,
)
_NAMED_INSIDE = re.compile(rf"^\s*(?:#|//|--|;|<!--)\s*(?:file(?:name)?:\s*|path:\s*)?((?:\./|/)?(?:{_PATH}))\s*(?:-->)?\s*$", re.I)  # fmt: skip
_SWAP = re.compile(
    r"^<{5,9} ?(?:SEARCH|ORIGINAL|HEAD|OLD)[^\n]*\n(.*?)^={5,9}[ \t]*\n(.*?)^>{5,9} ?(?:REPLACE|UPDATED|NEW|[^\n]*)[ \t]*$",
    re.M | re.S,
)
_SWAP_START = re.compile(r"^<{5,9} ?(?:SEARCH|ORIGINAL|OLD)\b", re.M)
_DIFF = re.compile(r"^(?:diff --git |--- (?:a/|\S+\.\w+|/dev/null)[^\n]*\n\+\+\+ )", re.M)
_SHELLS = frozenset("sh bash shell zsh console terminal".split())
_DONE = re.compile(
    r"^\W*(?:DONE|FINISHED|COMPLETED?|TASK[_ ]COMPLETED?)\b[\s:.!*_-]*(.*)", re.M | re.S
)
_PLACEHOLDER = re.compile(
    r"^\s*(?:#|//)?\s*(?:\.\.\.|…)\s*\(?(?:.*\b(?:rest|existing|remaining|unchanged|same|omitted|previous|original)\b.*)$"
    r"|^\s*(?:#|//)\s*(?:\[?(?:the )?(?:rest of|existing code|remaining code|unchanged|same as before|code unchanged)\b.*)$",
    re.I | re.M,
)
_TAGGED = re.compile(r"<(?:file|write_file|create_file)\s+(?:path|name|filename)=[\"']([^\"']+)[\"']\s*>\n?(.*?)</(?:file|write_file|create_file)>", re.S)  # fmt: skip


def actions(reply: Reply) -> list[Action]:
    """The actions of an answer in their order; none where it only talks."""
    found: list[Action] = []
    for call in reply.calls:
        found += _called(call.name, call.arguments)
    text = _without_thoughts(reply.text)
    if not any(isinstance(a, (Shell, Read, *Edits)) for a in found):
        found += _written(text)
    if reply.cut and found and not isinstance(found[-1], Bad):
        found.append(Bad("your answer was cut before its end; give the rest"))
    done = _DONE.search(_outside(text))
    if done and not any(isinstance(a, Done) for a in found):
        found.append(Done(" ".join(done[1].split())[:500]))
    return found


def _without_thoughts(text: str) -> str:
    return re.sub(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", "", text, flags=re.S)


def _outside(text: str) -> str:
    """The text outside of fences."""
    kept, fence = [], ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and not mark[2].strip():
            fence = ""
        elif not fence:
            kept.append(line)
    return "\n".join(kept)


# ── tools ────────────────────────────────────────────────────────────────────────────────────────


def _called(name: str, arguments: str) -> list[Action]:
    try:
        given = json.loads(arguments or "{}", strict=False)
    except ValueError:
        return [Bad(f"the arguments of `{name}` are no JSON; call it again with valid JSON")]
    if not isinstance(given, dict):
        return [Bad(f"the arguments of `{name}` are no JSON object")]
    found = list(_from_fields(name, given))
    known = "shell, read, edit and done"
    return found or [Bad(f"there is no tool `{name}` with {', '.join(given) or 'nothing'}; there are {known}")]  # fmt: skip


def _first(given: dict[str, Any], *names: str) -> Any:
    return next((given[n] for n in names if given.get(n) is not None), None)


def _from_fields(name: str, given: dict[str, Any]) -> Iterator[Action]:
    """The actions in a table, by its fields more than by its name: models mix names up."""
    for key in ("edits", "files", "changes", "actions", "tool_calls"):
        if isinstance(given.get(key), list):
            for part in given[key]:
                if isinstance(part, dict):
                    yield from _from_fields(
                        name, {k: v for k, v in given.items() if k != key} | part
                    )
            return
    inner = _first(given, "arguments", "args", "parameters", "input")
    if isinstance(inner, dict):
        yield from _from_fields(str(_first(given, "tool", "name", "action") or name), inner)
        return
    yield from _edit_in(given) or _other_in(name, given)


def _edit_in(given: dict[str, Any]) -> list[Action]:
    path = _first(given, "path", "file", "file_path", "filename", "filepath")
    old = _first(given, "search", "old", "old_str", "old_string", "find", "SEARCH")
    new = _first(given, "replace", "new", "new_str", "new_string", "replacement", "REPLACE")
    content = _first(given, "content", "file_text", "text", "contents", "code", "new_content")
    line = _first(given, "line", "start", "start_line", "first", "insert_line")
    diff = _first(given, "diff", "patch")
    if isinstance(diff, str):
        return [Unified(diff)]
    if isinstance(old, str) and old and isinstance(new, str):
        return [Swap(path, old, new)]
    text = content if isinstance(content, str) else new
    if isinstance(line, int) and isinstance(text, str):
        return [_lines(path, line, given, text)]
    if isinstance(content, str) and path:
        return list(_whole(path, content))
    return []


def _other_in(name: str, given: dict[str, Any]) -> Iterator[Action]:
    path = _first(given, "path", "file", "file_path", "filename", "filepath")
    command = _first(given, "command", "cmd", "shell", "bash")
    if isinstance(command, (str, list)) and not path:
        yield Shell(command if isinstance(command, str) else " ".join(map(str, command)))
    elif path and re.search(r"read|view|cat|open", name):
        yield Read(str(path))
    elif re.search(r"done|finish|submit|complete", name):
        yield Done(str(_first(given, "summary", "message", "result") or ""))


def _lines(path: str | None, line: int, given: dict[str, Any], text: str) -> Lines:
    action = str(given.get("action") or "")
    last = _first(given, "end", "end_line", "last")
    if "before" in action:
        return Lines(path, line, line - 1, text)
    if "insert" in action or "after" in action or "insert_line" in given:
        return Lines(path, line + 1, line, text)
    return Lines(path, line, last if isinstance(last, int) else line, text)


# ── text ─────────────────────────────────────────────────────────────────────────────────────────


def _written(text: str) -> Iterator[Action]:
    for tagged in _TAGGED.finditer(text):
        yield from _whole(tagged[1], tagged[2])
    text = _TAGGED.sub("", text)
    fences = list(_fences(text))
    if not fences:
        yield from _bare(text)
        return
    before = ""
    for head, info, body, closed in fences:
        named = _name_in(head) or before
        before = _name_in(head) or before if _SWAP_START.search(body) else ""
        yield from _block(named or None, info, body, closed)


def _fences(text: str) -> Iterator[tuple[str, str, str, bool]]:
    """Each fenced block: the text before it, its info, its body, whether it is closed."""
    head: list[str] = []
    lines = iter(text.splitlines())
    for line in lines:
        mark = _FENCE.match(line)
        if not mark:
            head.append(line)
            continue
        body, closed = [], False
        for inner in lines:
            end = _FENCE.match(inner)
            if end and end[1].startswith(mark[1]) and not end[2].strip():
                closed = True
                break
            body.append(inner)
        yield "\n".join(head), mark[2].strip(), "\n".join(body) + "\n", closed
        head = []


def _name_in(head: str) -> str:
    """The file that the last line of a text names, if it does nothing but that; else empty."""
    lines = [line for line in head.splitlines() if line.strip()]
    if not lines:
        return ""
    if found := _NAMED.match(lines[-1]):
        return found[1]
    # "Here is the updated `train.py`:" names one file and leads to the block
    told = re.findall(rf"`((?:\./|/)?(?:{_PATH}))`", lines[-1])
    return told[0] if len(set(told)) == 1 and lines[-1].rstrip().endswith(":") else ""


def _bare(text: str) -> Iterator[Action]:
    """What is there without any fence: swaps, a diff, a table of JSON."""
    if _SWAP_START.search(text):
        yield from _swaps(None, text)
    elif _DIFF.search(text):
        yield Unified(text[_DIFF.search(text).start() :])  # type: ignore[union-attr]
    elif (stripped := text.strip()).startswith(("{", "[")):
        yield from _json(stripped)


def _block(named: str | None, info: str, body: str, closed: bool) -> Iterator[Action]:
    language = re.split(r"[\s:{]", info)[0].lower()
    if not closed:
        yield Bad("the last block of your answer is not closed, so nothing of it was used; give it again, whole")  # fmt: skip
    elif _SWAP_START.search(body):
        yield from _swaps(_in_info(info) or named, body)
    elif language in ("diff", "patch", "udiff") or (_DIFF.search(body) and "@@" in body):
        yield Unified(_headed(body, named))
    elif language in _SHELLS and not _in_info(info) and not (named and named.endswith(".sh")):
        yield Shell("\n".join(re.sub(r"^\$ ", "", line) for line in body.splitlines()))
    elif language in ("json", "tool", "tool_call") and body.lstrip().startswith(("{", "[")) and not _in_info(info) and not (named or "").endswith(".json"):  # fmt: skip
        yield from _json(body)
    else:
        path = _in_info(info) or named
        first, _, rest = body.partition("\n")
        inside = _NAMED_INSIDE.match(first)
        if path is None and inside:
            path = inside[1]
            body = rest if not first.lstrip().startswith("#") else body
        if path or language in ("python", "py", "python3", ""):
            yield from _whole(path, body)


def _in_info(info: str) -> str | None:
    found = _IN_INFO.search(info)
    return found[1] if found else None


def _headed(body: str, named: str | None) -> str:
    """The diff with its file named, where only the text before it does."""
    if named and not re.search(r"^\+\+\+ ", body, re.M):
        return f"--- a/{named}\n+++ b/{named}\n{body}"
    return body


def _json(text: str) -> Iterator[Action]:
    try:
        told = json.loads(text, strict=False)
    except ValueError:
        yield Bad("the JSON of your answer cannot be parsed; give it again")
        return
    for part in told if isinstance(told, list) else [told]:
        if isinstance(part, dict):
            yield from _from_fields(str(_first(part, "tool", "name", "action") or ""), part)


def _swaps(named: str | None, text: str) -> Iterator[Action]:
    at, count = 0, 0
    for match in _SWAP.finditer(text):
        named = _name_in(text[at : match.start()]) or named
        at, count = match.end(), count + 1
        if match[1].strip():
            yield Swap(named, match[1], match[2])
        else:
            yield Whole(named, match[2])
    if count < len(_SWAP_START.findall(text)):
        yield Bad("a SEARCH/REPLACE block of your answer is not whole; give it again: <<<<<<< SEARCH, the old lines, =======, the new lines, >>>>>>> REPLACE")  # fmt: skip


def _whole(path: str | None, text: str) -> Iterator[Action]:
    hollow = _PLACEHOLDER.search(text)
    if hollow:
        yield Bad(f"`{hollow.group().strip()[:80]}` stands for code that is not there; give the file whole, or only the change as SEARCH/REPLACE")  # fmt: skip
    else:
        yield Whole(str(PurePosixPath(path)) if path else None, text)
