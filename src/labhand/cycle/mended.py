"""The fixes of code by which a run got on: in its own copy, until a person accepts them."""

import re
from pathlib import Path

from labhand.core import event
from labhand.core.errors import InputError, UsageError
from labhand.core.intent import Intent
from labhand.core.patch import Patch, Rung
from labhand.core.run import Fix, Run
from labhand.core.store import Store, project_root
from labhand.implement import changed_files
from labhand.kit.commit import commit, holds

_HEADER = re.compile(r"^(--- a|\+\+\+ b)(/\S.*)$", re.MULTILINE)


def accept(reference: str, start: Path) -> Patch:
    """The fixes of a run, accepted: a commit on the project's code. Writes the project.

    Raises:
        LabhandError: there is no such run, no fix of it changed code, or it does not apply (any more);
            nothing was changed.
    """
    store = Store.at(start)
    run = store.read(store.find(reference))
    fixes = [a.fix for a in run.attempts if a.fix is not None and a.fix.changes_code]
    if not fixes:
        raise UsageError(f"no code was mended in {run.name}, so there is nothing to accept; {_else(run)}")  # fmt: skip
    root = project_root(start).resolve()
    diff = "".join(_within(root, fix.patch) for fix in fixes)
    files = changed_files(diff)
    if holds(root, diff):
        raise UsageError(f"the code has what mended {run.name} already; nothing was changed")
    summary = "; ".join(dict.fromkeys(fix.summary for fix in fixes))
    done = commit(root, diff, [file.path for file in files], _message(run, fixes))
    ended = f"{run.name} {run.status} with it" if run.status == "finished" else f"{run.name} is {run.status} with it"  # fmt: skip
    return Patch(
        id=run.id,
        name=run.name,
        instruction=summary,
        status="accepted",
        made=event.now(),
        summary=summary,
        agent="fixer",
        diff=diff,
        files=files,
        proof=[Rung(name="short-run", status="passed" if run.status == "finished" else "failed", said=ended)],
        proven=run.status == "finished",
        intent=Intent(instruction=summary, goal=summary),
        commit=done.commit,
        final=diff,
        notes=[f"the commit holds changes in {', '.join(done.mixed)} that were not committed before"]
        if done.mixed
        else [],
    )  # fmt: skip


def _else(run: Run) -> str:
    told = [attempt.fix.summary for attempt in run.attempts if attempt.fix is not None]
    return f"what mended it: {'; '.join(told)}" if told else f"`labhand show {run.name}` tells how it went"  # fmt: skip


def _within(root: Path, patch: str) -> str:
    """The diff with paths from the project's folder on, as git takes them."""

    def shorter(found: re.Match[str]) -> str:
        path = Path(found[2]).resolve()
        if not path.is_relative_to(root):
            raise InputError(
                f"{path} is not in the project {root}; change it there by hand, `labhand show` tells how"
            )
        told = path.relative_to(root).as_posix()
        head = f"diff --git a/{told} b/{told}\n" if found[1] == "--- a" else ""
        return f"{head}{found[1]}/{told}"

    return _HEADER.sub(shorter, patch)


def _message(run: Run, fixes: list[Fix]) -> str:
    told = list(dict.fromkeys(fix.summary for fix in fixes))
    one = len(told) == 1 and len(told[0]) <= 72
    title = told[0][:1].upper() + told[0][1:] if one else f"What mended the run {run.name}"
    kinds = ", ".join(dict.fromkeys(f"{fix.kind}, {fix.safety}" for fix in fixes))
    body = [] if one else [*told, ""]
    return (
        "\n".join([title, "", *body, f"Mended by labhand in the run {run.name} ({kinds})."]) + "\n"
    )
