"""What an agent is told: the rules of the house, the tools, and the brief of one errand."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from labhand.core.intent import Intent
from labhand.core.patch import Rung
from labhand.kit.code.project import walk

RULES = """\
You change the code of a machine-learning researcher. You work in a copy of the project; nobody looks
before you are done, and then your change is proven by running it.

What a good change is:
- Only what the instruction asks for, in the style of the code around it. No other line changes.
- Something new comes as an option of the script, in the way its other options are made, off by
  default: with the option off, the losses stay the same bit for bit.
- Evaluation, metrics, data splits, seeds and tests stay as they are, unless the instruction asks for them.
- Both the training and the evaluation path are kept in step where both are concerned.

How to work: call the tools if you can. If not, write in your answer, as often as needed:
- a file whole: its path on a line, then one fenced block with all of it; or
- a change of it: its path on a line, then
<<<<<<< SEARCH
the old lines, exactly
=======
the new lines
>>>>>>> REPLACE
- or a unified diff in a ```diff block;
- a command in a ```sh block, to look or to try. There is no network.
When all edits are made, write DONE and one sentence that says what you changed."""

_PATH = {"type": "string", "description": "The file, relative to the project."}


def _tool(
    name: str, description: str, fields: dict[str, Any], required: list[str]
) -> dict[str, Any]:
    parameters = {"type": "object", "properties": fields, "required": required}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}  # fmt: skip


_TEXT = {"type": "string"}
TOOLS = [
    _tool("shell", "Runs a command in the project and returns what it says.", {"command": _TEXT}, ["command"]),
    _tool("read", "Returns a file with its lines numbered.", {"path": _PATH}, ["path"]),
    _tool(
        "edit",
        "Changes a file: give `content` for the whole file, or `search` and `replace` for a piece of "
        "text that stands in it once, or `start`, `end` and `text` for lines by number.",
        {"path": _PATH, "content": _TEXT, "search": _TEXT, "replace": _TEXT, "text": _TEXT,
         "start": {"type": "integer"}, "end": {"type": "integer"}},
        ["path"],
    ),
    _tool("done", "Ends the work.", {"summary": {"type": "string", "description": "What was changed, in one sentence."}}, ["summary"]),
]  # fmt: skip
_MOST_SHOWN = 60_000
_MOST_FILES = 200
_GUIDES = ("AGENTS.md", "CLAUDE.md")


def brief(intent: Intent, folder: Path, script: Path | None, habits: Sequence[str] = ()) -> str:
    """The first message: what is wanted, what a colleague would expect, and the code."""
    parts = [f"The instruction:\n{intent.instruction.strip()}"]
    wanted = [f"- {c.key} = {c.value!r} ({c.why})" for c in intent.settings]
    wanted += [f"- {key}: {values} are to be tried" for key, values in intent.sweep.items()]
    wanted += [
        f"- {edit.summary}{f' (likely in {edit.path})' if edit.path else ''}"
        for edit in intent.edits
    ]
    for title, lines in (
        ("How it is understood", wanted),
        ("What is expected without being said", [f"- {text}" for text in intent.assumptions]),
        ("What this researcher usually does", [f"- {text}" for text in habits]),
    ):
        if lines:
            parts.append(f"{title}:\n" + "\n".join(lines))
    return "\n\n".join([*parts, *_code(folder, script)])


def _code(folder: Path, script: Path | None) -> Iterable[str]:
    for name in _GUIDES:
        if (text := _read(folder / name)) is not None:
            yield f"{name}:\n{text[:8000]}"
            break
    files = [p.relative_to(folder) for p in walk(folder, _MOST_FILES)]
    if script is not None:
        files.sort(key=lambda p: (p != script, len(p.parts)))
    yield "The files:\n" + "\n".join(p.as_posix() for p in files)
    left = _MOST_SHOWN
    for path in files:
        text = _read(folder / path)
        if text is not None and len(text) <= left:
            left -= len(text)
            yield f"{path.as_posix()}\n```python\n{text.rstrip()}\n```"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def what_failed(rungs: Iterable[Rung]) -> str:
    """The message that sends an agent back: what of the proof failed, and how."""
    told = [f"- {rung.name}: {rung.said}" for rung in rungs if rung.status == "failed"]
    return (
        "Your change was tried, and this failed:\n" + "\n".join(told) + "\nMend it, then say DONE."
    )
