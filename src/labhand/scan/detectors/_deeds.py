"""What the calls of an agent do to files: read, write, delete."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from labhand.scan.transcripts import Step

_PATH = r"(?:[\w.@~+-]*/)*[\w.@+-]+\.[A-Za-z]\w{0,7}|(?:[\w.@~+-]*/)+[\w.@+-]+|/[\w./@+-]+"
_READS = re.compile(
    rf"(?:^|[\s(])(?:cat|less|head|tail|more|bat|nl|strings|xxd|jq|open|sed -n|grep|rg|awk|view|od|base64|cp|source)\b[^|;&\n>]*?\s['\"]?({_PATH})"
)
_PYTHON_READ = re.compile(rf"open\(\s*['\"]({_PATH})['\"]\s*(?:,\s*['\"]r[bt]?['\"])?\s*\)|read_text|Path\(\s*['\"]({_PATH})['\"]\s*\)\.read")  # fmt: skip
_PYTHON_WRITE = re.compile(rf"open\(\s*['\"]({_PATH})['\"]\s*,\s*['\"](?:w|a|r\+)[bt]?['\"]")
_REMOVES = re.compile(rf"(?:^|\s)(?:git rm|rm|unlink|truncate|mv)\b[^|;&\n]*?\s['\"]?({_PATH})")
_IN_PLACE = re.compile(rf"(?:^|\s)(?:sed|perl)\b[^|;\n]*?\s-\w*i\S*\s+(?:-e\s+)?('[^']*'|\"[^\"]*\"|\S+)\s+['\"]?({_PATH})['\"]?(?=\s|$|;|&)", re.S)  # fmt: skip
_INTO = re.compile(rf"(?:>>?|\btee(?: -a)?)\s*['\"]?({_PATH})")
_HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?[^\n]*\n(.*?)\n\s*\1\b", re.S)
_PATCH_FILE = re.compile(r"(?m)^(?:\*\*\* (?:Update|Add|Delete) File: (.+)|\+\+\+ (?:b/)?(\S+))$")
_EDITS = re.compile(r"create|write|edit|replace|insert|append|apply|patch|update|save|modify|delete|remove", re.I)  # fmt: skip
_VIEWS = re.compile(r"view|read|open|cat|show|fetch|get_file|load|search|grep|find", re.I)


class Deed(NamedTuple):
    """What a step does to a file: `kind` is read, write or delete.

    Of a write `old` is what was replaced (None: not known, or the whole file), `new` what stands there now.
    """

    step: Step
    kind: str
    path: str
    old: str | None = None
    new: str = ""


def deeds(step: Step) -> Iterator[Deed]:
    """What a step does to files, as far as its arguments say it."""
    told = {k.lower(): v for k, v in step.call.arguments.items()}
    path = next((told[k] for k in ("path", "file_path", "filepath", "filename", "file", "target_file", "absolute_path") if isinstance(told.get(k), str)), None)  # fmt: skip
    shell = next((told[k] for k in ("command", "cmd", "code", "script", "input", "patch") if isinstance(told.get(k), str | list)), None)  # fmt: skip
    if path is not None:
        yield from _of_tool(step, told, path)
        return
    if isinstance(shell, list):
        shell = (
            shell[-1]
            if len(shell) == 3 and shell[1] in ("-c", "-lc")
            else " ".join(map(str, shell))
        )
    if isinstance(shell, str):
        told_in_words = _EDITS.search(step.call.name) and re.search(
            rf"(?<!\S)({_PATH})(?=[\s:,])", shell
        )
        if told_in_words and not _PATCH_FILE.search(shell):
            yield Deed(step, "write", told_in_words[1], "", shell[told_in_words.end() :])
            return
        yield from _of_patch(step, shell)
        yield from _of_shell(step, shell)


def _of_tool(step: Step, told: dict[str, object], path: str) -> Iterator[Deed]:
    verb = f"{step.call.name} {told.get('command') if isinstance(told.get('command'), str) else ''}"
    old = next((told[k] for k in ("old_str", "old_string", "old", "search", "old_text", "find") if isinstance(told.get(k), str)), None)  # fmt: skip
    new = next((told[k] for k in ("new_str", "new_string", "new", "replace", "new_text", "content", "file_text", "contents", "text", "code_edit", "insert") if isinstance(told.get(k), str)), None)  # fmt: skip
    if new is not None or old is not None:
        whole = old is None and not re.search(r"insert|append", verb, re.I)
        yield Deed(step, "write", path, None if whole else str(old or ""), str(new or ""))
    elif re.search(r"delete|remove", verb, re.I):
        yield Deed(step, "delete", path)
    elif _VIEWS.search(verb) or not _EDITS.search(verb):
        yield Deed(step, "read", path)


def _of_patch(step: Step, text: str) -> Iterator[Deed]:
    marks = list(_PATCH_FILE.finditer(text))
    for mark, after in zip(marks, [*marks[1:], None], strict=False):
        path = (mark[1] or mark[2]).strip()
        body = text[mark.end() : after.start() if after else len(text)].splitlines()
        if "Delete File" in mark[0]:
            yield Deed(step, "delete", path)
            continue
        old = "\n".join(x[1:] for x in body if x.startswith("-") and not x.startswith("---"))
        new = "\n".join(x[1:] for x in body if x.startswith("+") and not x.startswith("+++"))
        yield Deed(step, "write", path, old, new)


def _of_shell(step: Step, text: str) -> Iterator[Deed]:
    bodies = [m[2] for m in _HEREDOC.finditer(text)]
    bare = _HEREDOC.sub("\n", text)
    for match in _IN_PLACE.finditer(bare):
        yield Deed(step, "write", match[2], *_substituted(match[1]))
    for line in re.split(r"\n|;|&&|\|\|?", bare):
        yield from _of_line(step, line)
    written = re.findall(r"(?:echo|printf)\s+(.*?)\s*>", bare)
    for number, match in enumerate(m for m in _INTO.finditer(_heads(text)) if not m[1].startswith("/dev/")):  # fmt: skip
        new = bodies[number] if number < len(bodies) else " ".join(written)
        appends = ">>" in match[0] or "-a" in match[0]
        yield Deed(step, "write", match[1], "" if appends else None, new)
    for match in _PYTHON_WRITE.finditer(text):
        yield Deed(step, "write", match[1], None, text)
    yield from (
        Deed(step, "read", m[1] or m[2]) for m in _PYTHON_READ.finditer(text) if m[1] or m[2]
    )


def _of_line(step: Step, line: str) -> Iterator[Deed]:
    """What one command deletes or reads."""
    yield from (Deed(step, "delete", m[1]) for m in _REMOVES.finditer(line))
    if re.search(r"(?:^|\s)(?:sed|perl)\b.*\s-\w*i|(?:^|\s)(?:rm|mv|git rm)\b", line):
        return
    into = {m[1] for m in _INTO.finditer(line)}
    yield from (Deed(step, "read", m[1]) for m in _READS.finditer(line) if m[1] not in into)


def _heads(text: str) -> str:
    """The commands without what they are fed with."""
    return _HEREDOC.sub(lambda m: m[0].split("\n", 1)[0] + "\n", text)


def _substituted(expression: str) -> tuple[str, str]:
    """What a substitution of sed takes away and puts in."""
    found = re.search(r"s([/|#,])(.*?)(?<!\\)\1(.*?)(?<!\\)\1", expression)
    if found:
        return found[2], found[3]
    return expression, ""
