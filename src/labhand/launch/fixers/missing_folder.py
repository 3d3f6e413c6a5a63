"""Makes the folder that a file was to be written into."""

import shlex
from contextlib import suppress
from pathlib import Path

from labhand.core import run
from labhand.core.errors import InputError
from labhand.launch.job import Job, Mending, Situation


class Fixer:
    """Makes a missing output folder.

    ## What it does
    Makes the folder that a file was to be written into, when it lies in the project or in the folder
    the command runs in.

    ## Known problems
    A script that changes its folder first means another place by the same words; then nothing is
    made. A folder elsewhere on the machine is told and left to the person.

    ## Example
    `torch.save(state, "checkpoints/last.pt")` → `mkdir -p checkpoints`

    ## Fix safety
    Neutral: only an empty folder is added.

    ## References
    The Python documentation, `pathlib.Path.mkdir`.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The folder to be made; None with the reason as the failure's advice."""
        folder = str(failure.evidence["folder"])
        cwd = Path(situation.job.cwd).resolve()
        target = (cwd / folder).resolve()
        # Runs of one sweep start together: another one may have had it made a moment ago.
        there = target.is_dir() and not situation.alone
        why = None if there else _refusal(folder, target, cwd, Path(situation.root).resolve())
        if why is not None:
            failure.evidence["advice"] = why
            return None
        made = [p for p in (target, *target.parents) if not p.exists()]
        shown = target.relative_to(cwd) if target.is_relative_to(cwd) else target
        fix = run.Fix(
            kind="missing-folder",
            summary=f"the folder {shown} is there now" if there else f"made the folder {shown}",
            safety="neutral",
            patch=shlex.join(["mkdir", "-p", str(target)]),
        )

        def apply() -> Job:
            try:
                target.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"{target} cannot be made: {error.strerror}") from error
            return situation.job

        def undo() -> None:
            for path in made:
                with suppress(OSError):  # not empty: somebody uses it
                    path.rmdir()

        return Mending(fix, apply, undo)


def _refusal(folder: str, target: Path, cwd: Path, root: Path) -> str | None:
    if folder.startswith("~"):
        return f"`{folder}` is taken by its letters: expand `~` with os.path.expanduser in the code"
    if not (target.is_relative_to(root) or target.is_relative_to(cwd)):
        return (
            f"{target} lies outside the project, where nothing is made unasked: `mkdir -p {target}`"
        )
    if target.is_dir():
        return f"{target} exists, so the script looked for `{folder}` from another folder"
    blocking = next((p for p in target.parents if p.exists()), None)
    if target.exists() or (blocking is not None and not blocking.is_dir()):
        return f"a file stands in the way of the folder {target}; rename one of the two"
    return None
