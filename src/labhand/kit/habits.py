"""`habits.toml`: what was learned of one researcher, written to be read and edited by a person.

```
[habits.usual-lr]            a habit; `mark` tells that nobody has touched it since it was learned
[forgotten.usual-seed]       one that was sent away, and with how much support
```
A block whose mark does not fit is a person's: it is kept to the letter, and it wins.
"""

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from labhand.core.errors import InputError
from labhand.core.habit import Habit
from labhand.core.home import make_folder
from labhand.core.store import write_whole

FILE = "habits.toml"
SURE = 0.6
"""Less sure habits are not told to agents."""
Source = Literal["you", "runs", "git"]

_HEAD = """\
# Your habits, as labhand has learned them: how often each held, where, and how sure it is.
# Edit what is wrong, or write a block of your own: `text` and `then` are enough. A block that you
# touched is yours: `labhand learn` keeps it as it stands, and it wins over what is learned.
# `labhand learn forget NAME` takes a habit away; it stays away until it has held more often since
# then than it had before (a net count of the runs or commits after `at`).
"""
_HEADER = re.compile(r"^\[(?P<table>habits|forgotten)\.(?P<name>[^\]]+)\]\s*(#.*)?$")


class Entry(NamedTuple):
    """A habit of the file, who says it, and its block as it stands there where that is a person."""

    habit: Habit
    source: Source
    block: str = ""


class Forgotten(NamedTuple):
    """A habit that was sent away: its sentence, when, and the support that it had then."""

    id: str
    text: str
    at: str
    support: int


class Kept(NamedTuple):
    """What a habits file holds."""

    entries: Sequence[Entry] = ()
    forgotten: Sequence[Forgotten] = ()
    head: str = _HEAD

    @property
    def habits(self) -> list[Habit]:
        """The habits, a person's own first, then the surest."""
        ordered = sorted(self.entries, key=lambda e: (e.source != "you", -e.habit.confidence))
        return [entry.habit for entry in ordered]


def read(home: Path) -> Kept:
    """The habits of a labhand home; none where there is no file.

    Raises:
        InputError: the file cannot be read; it is left as it is.
    """
    path = home / FILE
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except FileNotFoundError:
        return Kept()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"{path} cannot be read: {error}; mend it, or move it away and `labhand learn` begins anew"
        ) from error
    head, blocks = _blocks(text)
    habits, gone = content.get("habits", {}), content.get("forgotten", {})
    for name, table in (("habits", habits), ("forgotten", gone)):
        if not isinstance(table, dict):
            raise InputError(f"{path}: `{name}` is no table; name each as `[{name}.NAME]`")
    entries = [_entry(path, name, table, blocks) for name, table in habits.items()]
    forgotten = [_forgotten(path, name, table) for name, table in gone.items()]
    return Kept(entries, forgotten, head)


def _blocks(text: str) -> tuple[str, dict[str, str]]:
    """What stands before the first habit, and the block of each habit with the comments above it."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines():
        found = _HEADER.match(line.strip())
        if found is None:
            parts[-1][1].append(line)
            continue
        above: list[str] = []
        lines = parts[-1][1]
        while lines and lines[-1].lstrip().startswith("#"):
            above.insert(0, lines.pop())
        if len(parts) == 1 and not any(lines):
            lines[:], above = above, []
        name = found["name"].strip().strip("\"'") if found["table"] == "habits" else ""
        parts.append((name, [*above, line]))
    head = "\n".join(parts[0][1]).strip()
    blocks = {name: "\n".join(lines).strip() for name, lines in parts[1:] if name}
    return (f"{head}\n" if head else _HEAD), blocks


def _entry(path: Path, name: str, table: Any, blocks: Mapping[str, str]) -> Entry:
    if not isinstance(table, dict):
        raise InputError(f"{path}: the habit `{name}` is no table; write it as `[habits.{name}]`")
    fields = {key: value for key, value in table.items() if key not in ("from", "mark")}
    block = blocks.get(name, "")
    learned = table.get("mark") == _mark(block) and table.get("from") in ("runs", "git")
    then = fields.get("then")
    defaults: dict[str, Any] = {"kind": "value", "confidence": 1.0}
    if isinstance(then, dict) and then:
        defaults["text"] = ", ".join(f"`{key}` {value}" for key, value in then.items())
    try:
        habit = msgspec.convert(defaults | fields | {"id": name}, Habit)
    except msgspec.ValidationError as error:
        raise InputError(
            f"{path}: the habit `{name}` is wrong: {error}; mend it, or take it out"
        ) from error
    if not 0 <= habit.confidence <= 1:
        raise InputError(
            f"{path}: the habit `{name}` has a confidence of {habit.confidence:g}; write one from 0 to 1"
        )
    source: Source = table["from"] if learned else "you"
    return Entry(habit, source, "" if learned else block)


def _forgotten(path: Path, name: str, table: Any) -> Forgotten:
    try:
        return Forgotten(name, str(table.get("text", "")), str(table["at"]), int(table["support"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: `[forgotten.{name}]` needs `at` and `support`; take it out to let the habit return"
        ) from error


def write(home: Path, kept: Kept) -> None:
    """Replaces the habits file whole, a person's blocks to the letter.

    Raises:
        InputError: it cannot be written; the old one is left whole.
    """
    ordered = sorted(kept.entries, key=lambda e: (e.source != "you", -e.habit.confidence))
    parts = [kept.head, *(entry.block or _block(entry) for entry in ordered)]
    for gone in kept.forgotten:
        about = {"text": gone.text, "at": gone.at, "support": gone.support}
        parts.append(_table("forgotten", gone.id, about))
    try:
        make_folder(str(home))
        text = "\n\n".join(part.strip() for part in parts) + "\n"
        write_whole(home / FILE, text.encode())
    except OSError as error:
        raise InputError(
            f"the habits cannot be written in {home}: {error.strerror}; make room there or set LABHAND_HOME"
        ) from error


def _block(entry: Entry) -> str:
    about = {k: v for k, v in msgspec.to_builtins(entry.habit).items() if k != "id"}
    if about["since"] is None:
        del about["since"]
    block = _table("habits", entry.habit.id, about | {"from": entry.source})
    return f'{block}\nmark = "{_mark(block)}"' if entry.source != "you" else block


def _mark(block: str) -> str:
    lines = [line.strip() for line in block.splitlines()]
    lines = [line for line in lines if line and not line.startswith("mark =")]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]


def _table(kind: str, name: str, about: Mapping[str, Any]) -> str:
    lines = [f"[{kind}.{_key(name)}]"]
    lines += [f"{_key(key)} = {_value(value)}" for key, value in about.items()]
    return "\n".join(lines)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if value != value else ("inf" if value > 0 else "-inf")
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(str(k))} = {_value(v)}" for k, v in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(v) for v in value)}]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def sentences(home: Path) -> list[str]:
    """The habits that are sure enough to be told to an agent, a person's own first.

    None where the file cannot be read.
    """
    try:
        return [habit.text for habit in read(home).habits if habit.confidence >= SURE]
    except InputError:
        return []


def usual(
    habits: Iterable[Habit], key: str, now: Mapping[str, object], script: str
) -> Habit | None:
    """The habit that tells the usual value of a setting, given the others; None without one.

    `now` are the settings as they stand. The habit with most conditions that are fulfilled wins,
    then a person's own and the surest, which stand first.
    """
    found = [
        habit
        for habit in habits
        if habit.kind == "value" and key in habit.then and _fulfilled(habit.when, now, script)
    ]
    return max(found, key=lambda habit: len(habit.when), default=None)


def _fulfilled(when: Mapping[str, Any], now: Mapping[str, object], script: str) -> bool:
    return all(
        (name == "script" and value == script) or (name in now and now[name] == value)
        for name, value in when.items()
    )
