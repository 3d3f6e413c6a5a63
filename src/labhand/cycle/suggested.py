"""The way on after a failure: a fixer's, or what the language model that is set makes of an unknown one."""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labhand.core.errors import LabhandError
from labhand.core.run import Failure
from labhand.kit.scrub import scrub
from labhand.launch import Mending, Situation, change, mend
from labhand.launch.switches import script

if TYPE_CHECKING:
    from labhand.implement.actions import Action
    from labhand.implement.edits import Files
    from labhand.kit.model import Model, Reply

ANSWERS = 3
SECONDS = 180.0
LINES = 80
"""Lines of the output that the model is shown, counted from its end."""
LETTERS = 40_000
"""Letters of code that it is shown at most."""
RULES = """\
A machine-learning script failed in a way that is not known. Mend only what is trouble of deployment: a
path, an interface that a library has changed, something that this machine lacks. Data, model, loss,
optimiser, number of steps, batch size, seeds, precision and evaluation stay as they are; no exception
is swallowed, no result is made up, no work is left out. The person decides; your change is tried once
and taken back if a setting, the order of the data or the first losses differ.

Answer with one sentence that says what you change, then the change itself, of files shown only:
- the file's path on a line, then
<<<<<<< SEARCH
the old lines, exactly
=======
the new lines
>>>>>>> REPLACE
- or a unified diff in a ```diff block.
Then write DONE and the sentence again. If it is the person's own logic, or you are not sure, change
nothing and say in one sentence why it failed."""


def way_on(failure: Failure, situation: Situation) -> Mending | None:
    """What `launch.mend` knows; of an unknown failure the change that the model proposes, once a run.

    The model's needs the person's yes, and is then held to the science like any other neutral fix. May
    ask a package index or the model (`SECONDS` at most); changes nothing.
    """
    known = mend(failure, situation)
    if known is not None or failure.kind != "unknown" or situation.allowed == "off":
        return known
    before = situation.attempts[:-1]
    if not os.environ.get("LABHAND_MODEL") or any(
        a.fix and a.fix.kind == "unknown" for a in before
    ):
        return None
    try:
        return _suggested(failure, situation)
    except LabhandError as error:
        failure.evidence["advice"] = str(error)
        return None


def _suggested(failure: Failure, situation: Situation) -> Mending | None:
    from labhand.implement.edits import Files
    from labhand.implement.touches import touches
    from labhand.kit.model import Model

    model, root = Model.from_environment(), Path(situation.root)
    shown = _files(failure, situation)
    if not shown:
        return None
    failure.evidence["asked"] = model.name
    with tempfile.TemporaryDirectory() as folder:
        sides = [Path(folder, side) for side in ("before", "after")]
        for side in sides:
            for path, text in shown.items():
                place = side / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
        desk = Files(sides[1], root, None)
        summary = _edited(model, desk, _brief(failure, situation, shown))
        new = {path: desk.text(path) for path in shown}
        changed = {path: text for path, text in new.items() if text != shown[path]}
        if not changed:
            failure.evidence["advice"] = f"the model `{model.name}` says: {summary}"
            return None
        diff = "".join(_diff(path, shown[path], text) for path, text in changed.items())
        judged = sorted({touch.what for touch in touches(diff, *sides)})
    said = f"by the model `{model.name}`: {summary}"
    if judged:
        said += f"; it touches what judges the result ({', '.join(judged)})"
    texts = {str(root / path): text for path, text in changed.items()}
    return change.code(failure, situation, said, texts, question=f"{said}; try it?")


def _files(failure: Failure, situation: Situation) -> dict[str, str]:
    """The project's own files that had a part in it, by their path in the project, as they ran."""
    named = [str(script(situation) or ""), str(failure.evidence.get("file", ""))]
    found, left = {}, LETTERS
    for path in dict.fromkeys(named):
        text = change.text_of(situation.job, path) if path.endswith(".py") else None
        if text is None or not Path(path).is_relative_to(situation.root) or len(text) > left:
            continue
        left -= len(text)
        found[Path(path).relative_to(situation.root).as_posix()] = text
    return found


def _brief(failure: Failure, situation: Situation, shown: dict[str, str]) -> str:
    output = Path(situation.job.attempt_dir, "output.log")
    tail = ""
    if output.is_file():
        lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(lines[-LINES:])
    code = "\n\n".join(f"{path}\n```python\n{text}```" for path, text in shown.items())
    command = " ".join(situation.job.command)
    return scrub(
        f"Command: {command}\nIt failed: {failure.message}\n\nThe end of its output:\n```\n{tail}\n```\n\n{code}"
    )


def _edited(model: "Model", desk: "Files", brief: str) -> str:
    """Has the model edit the files; what it says of it. Edits that do not fit go back to it."""
    from labhand.implement.actions import actions

    messages = [{"role": "system", "content": RULES}, {"role": "user", "content": brief}]
    until = time.monotonic() + SECONDS
    for _ in range(ANSWERS):
        reply = model.ask(messages, (), until)
        wanted = actions(reply)
        wrong = [w for action in wanted if (w := _wrong(desk, action))]
        if not wrong:
            return _said(reply, wanted)
        messages += [
            {"role": "assistant", "content": reply.text},
            {"role": "user", "content": "\n".join(wrong)},
        ]
    raise LabhandError(f"the model `{model.name}` proposed a change that fits no file")


def _wrong(desk: "Files", action: "Action") -> str:
    """Applies an edit; why it cannot be, in words for the model."""
    from labhand.implement.actions import Bad, Edits
    from labhand.implement.edits import EditError

    if isinstance(action, Bad):
        return action.why
    if not isinstance(action, Edits):
        return ""
    try:
        for path in desk.apply(action):
            if path.endswith(".py") and change.tree_of(desk.text(path)) is None:
                return f"{path} is no Python any more"
    except EditError as error:
        return f"Not applied: {error}."
    return ""


def _said(reply: "Reply", wanted: Sequence["Action"]) -> str:
    from labhand.implement.actions import Done

    done = next((a.summary for a in wanted if isinstance(a, Done) and a.summary), "")
    text = done or next((line for line in reply.text.splitlines() if line.strip()), "nothing")
    return " ".join(text.split())[:300].rstrip(".")


def _diff(path: str, old: str, new: str) -> str:
    head = f"diff --git a/{path} b/{path}\n"
    return head + change.unified(f"a/{path}", f"b/{path}", old, new)
