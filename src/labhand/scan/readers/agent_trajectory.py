"""Trajectories of agents, a row each: one file, or a folder of them.

SWE-agent (`.traj`), mini-swe-agent (`.traj.json`), OpenHands (events, `output.jsonl`), and any JSON file that is
one conversation.

Columns: `item`, `run` (the model), `messages` (JSON, as OpenAI writes them), `stop` (how it ended),
`output` (what was submitted), `resolved` where the file says it. Facts: `holds` says `runs`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labhand.core.errors import InputError
from labhand.scan.readers import Table
from labhand.scan.readers._content import is_evaluation
from labhand.scan.readers.json import Reader as Json
from labhand.scan.readers.json import framed
from labhand.scan.transcripts import Message, messages_of

MOST = 20_000
"""Files of a folder that are read."""
_KEYS = ("trajectory", "messages", "history", "steps", "events")
_LIST = re.compile(rb'"(?:%s)"\s*:\s*\[' % "|".join(_KEYS).encode())
_TURNS = re.compile(rb'"(?:role|action|observation|tool_calls)"\s*:')
_EVENTS = re.compile(rb'^\s*\[\s*\{[^\[\]]*"(?:source|cause|timestamp)"\s*:')


class Reader:
    """Reads trajectories, one row each."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether it is a folder with trajectories, or a file that is one or holds some."""
        if not head:
            return path.is_dir() and next(_files(path), None) is not None
        if _is_named(path):
            return True
        suffix = path.suffix.lower()
        if suffix == ".json":
            if is_evaluation(head):
                return False
            one = head.lstrip()[:1] == b"{" and _LIST.search(head) and _TURNS.search(head)
            return bool(one or (_EVENTS.match(head) and b'"args"' in head and b'"action"' in head))
        first = head.split(b"\n", 1)[0]
        return suffix == ".jsonl" and b'"history"' in head and b'"instance_id"' in first

    def tables(self, path: Path) -> Iterator[Table]:
        """One table of all trajectories."""
        files = sorted(_files(path)) if path.is_dir() else [path]
        rows: list[dict[str, Any]] = []
        troubles: list[str] = []
        for file in files[:MOST]:
            try:
                told = _loaded(file)
            except ValueError as error:
                troubles.append(f"{file.name} is no whole JSON ({error}); it was left out")
                continue
            if path == file and not _is_one(told):
                yield from Json().tables(path)
                return
            rows += [_row(one, file) for one in (told if file.suffix == ".jsonl" else [told])]
        if not rows:
            raise InputError(
                f"{path} holds no trajectory that can be read: {'; '.join(troubles[:3]) or 'it is empty'}"
            )
        if len(files) > MOST:
            troubles.append(f"{MOST:,} of {len(files):,} files were read")
        yield Table(framed(rows), troubles=tuple(troubles), facts={"holds": ("runs",)})


def _is_named(path: Path) -> bool:
    return path.name.endswith((".traj", ".traj.json"))


def _files(folder: Path) -> Iterator[Path]:
    return (p for p in folder.rglob("*.traj*") if _is_named(p) and p.is_file())


def _loaded(file: Path) -> Any:
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix != ".jsonl":
        return json.loads(text)
    rows = []
    for line in text.splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue  # a line that is still being written
    if not rows:
        raise ValueError("no line is whole")
    return rows


def _is_one(told: Any) -> bool:
    """Whether the file is one conversation, or a list of rows that are one each."""
    if isinstance(told, list):
        rows = [t for t in told[:20] if isinstance(t, dict)]
        is_rows = any(isinstance(t.get("history"), list) for t in rows)
        return bool(rows) and (is_rows or any(m.calls for m in messages_of(told)))
    return isinstance(told, dict) and any(
        isinstance(told.get(k), list) and messages_of(told[k]) for k in _KEYS
    )


def _row(told: Any, file: Path) -> dict[str, Any]:
    told = told if isinstance(told, dict) else {"events": told}
    info = told.get("info") if isinstance(told.get("info"), dict) else {}
    report = told.get("report") if isinstance(told.get("report"), dict) else {}
    result = told.get("test_result") if isinstance(told.get("test_result"), dict) else {}
    stem = re.sub(r"\.traj$", "", file.stem)
    row = {
        "item": str(told.get("instance_id") or told.get("task_id") or told.get("id") or stem),
        "run": _model(told, info),
        "messages": json.dumps([_plain(m) for m in _messages(told)], ensure_ascii=False),
        "stop": info.get("exit_status") or told.get("exit_status"),
        "output": info.get("submission") or result.get("git_patch") or told.get("git_patch"),
        "error": told.get("error") if isinstance(told.get("error"), str) else None,
        "resolved": next(
            (x["resolved"] for x in (told, info, report) if isinstance(x.get("resolved"), bool)),
            None,
        ),
    }
    return {k: v for k, v in row.items() if v is not None}


def _model(told: dict[str, Any], info: dict[str, Any]) -> str | None:
    """The model as any of the formats names it."""
    for keys in (
        ("metadata", "llm_config", "model"),
        ("config", "model", "model_name"),
        ("model",),
        ("model_name",),
    ):
        for inner in (told, info):
            here: Any = inner
            for key in keys:
                here = here.get(key) if isinstance(here, dict) else None
            if isinstance(here, str):
                return here
    return None


def _messages(told: dict[str, Any]) -> list[Message]:
    """The messages; of SWE-agent the task as the history has it, then the steps."""
    key = next(k for k in (*_KEYS, "events") if isinstance(told.get(k), list))
    made = messages_of(told[key])
    if key == "trajectory" and isinstance(told.get("history"), list):
        before = []
        for message in messages_of(told["history"]):
            if message.speaker not in ("system", "user"):
                break
            before.append(message)
        made = [*before, *made]
    # mini-swe-agent ends with an empty message of its own that nobody said
    return [m for m in made if m.speaker != "other" or m.text.strip() or m.calls]


def _plain(message: Message) -> dict[str, Any]:
    calls = [
        {
            "type": "function",
            "function": {"name": c.name, "arguments": json.dumps(c.arguments, ensure_ascii=False)},
        }
        for c in message.calls
    ]
    made: dict[str, Any] = {"role": message.speaker, "content": message.text}
    if calls:
        made["tool_calls"] = calls
    if message.failed is not None:
        made["is_error"] = message.failed
    return made
