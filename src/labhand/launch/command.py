"""The command of a job: which file it runs, and by which Python."""

import difflib
import os
import shutil
from pathlib import Path

from labhand.core.errors import UsageError
from labhand.launch.job import Job


def program_of(job: Job) -> str:
    """The absolute path of the file that the job's command runs.

    Raises:
        UsageError: there is no such command, it cannot be executed, or the folder is missing.
    """
    if not job.command or not job.command[0]:
        raise UsageError("no command was given; write it behind `--`: `labhand run -- python x.py`")
    if not Path(job.cwd).is_dir():
        raise UsageError(f"the folder {job.cwd} does not exist; make it or start in another one")
    name = job.command[0]
    if "/" in name:
        return _file(Path(job.cwd) / name, name)
    found = shutil.which(name, path=_absolute_path(job))
    if found is None:
        raise UsageError(f"no command is named `{name}`; {_hint(name, job)}")
    return found


def _absolute_path(job: Job) -> str:
    entries = job.env.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(str(Path(job.cwd) / entry) for entry in entries)


def _file(path: Path, name: str) -> str:
    try:
        is_folder = path.is_dir()
    except PermissionError as error:
        raise UsageError(
            f"`{name}` cannot be reached: {error.strerror}; ask for the right to its folder, or run "
            "another command"
        ) from error
    if is_folder:
        raise UsageError(f"`{name}` is a folder, not a command; name the file to run in it")
    if not path.exists():
        raise UsageError(f"the command `{name}` does not exist; {_near_files(path)}")
    if not os.access(path, os.X_OK):
        raise UsageError(f"`{name}` is not executable; {_how_to_run(name, path)}")
    return str(path)


def _how_to_run(name: str, path: Path) -> str:
    interpreter = {".py": "python", ".sh": "bash"}.get(path.suffix)
    if interpreter:
        return f"run it as `{interpreter} {name}`"
    return f"`chmod +x {name}` makes it so"


def _near_files(path: Path) -> str:
    try:
        names = os.listdir(path.parent)  # noqa: PTH208
    except OSError:
        return f"the folder {path.parent} does not exist either"
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"did you mean `{path.parent / near[0]}`?" if near else "check its path"


def _hint(name: str, job: Job) -> str:
    here = Path(job.cwd) / name
    if len(job.command) == 1 and shutil.which(name.split()[0], path=_absolute_path(job)):
        return f"leave the quotes off: `labhand run -- {name}`"
    if here.suffix == ".py" and not here.is_file():
        return f"there is no such script in {job.cwd} either; check its path"
    if here.is_file():
        return _how_to_run(f"./{name}" if os.access(here, os.X_OK) else name, here)
    known: set[str] = set()
    for entry in _absolute_path(job).split(os.pathsep):
        try:
            known.update(os.listdir(entry))  # noqa: PTH208
        except OSError:
            continue
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"did you mean `{near[0]}`?" if near else "is it installed and on PATH?"
