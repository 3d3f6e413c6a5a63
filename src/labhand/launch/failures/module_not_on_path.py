"""A module of the project's own that Python does not find from where the script runs."""

import os
import re
from pathlib import Path

from labhand.core import run
from labhand.core.store import project_root
from labhand.launch.job import Evidence
from labhand.launch.said import AS_MODULE, said

_MISSING = re.compile(r"^No module named '?(?P<module>[\w.]+)'?(?:; '[\w.]+' is not a package)?$")
_RELATIVE = "attempted relative import with no known parent package"
_SKIPPED = {"node_modules", "__pycache__", "site-packages", "build", "dist", "wandb", "mlruns"}
_DEPTH = 4
_ENTRIES = 5000


class Failure:
    """A module of the project itself is not on Python's path.

    ## What it does
    Recognises a missing module that is a file or a folder of Python files in the project, also one that
    `python -m` does not find, and a relative import in a file that was started as a script.

    ## Known problems
    It looks four folders deep and at 5,000 entries, so that a large tree costs no time.

    ## Example
    `python scripts/train.py` with `import models`, where `models/` lies beside `scripts/`

    ## References
    The Python Tutorial, "The Module Search Path".
    """

    order = 40  # before missing-package: a module of the project must never be installed

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the folder that belongs on the path."""
        for error in evidence.raised.chain() if evidence.raised else ():
            if _RELATIVE in error.message:
                return _relative(error.facts())
            found = _MISSING.match(error.message.partition("\n")[0])
            if found and error.type in ("ModuleNotFoundError", "ImportError"):
                home = _holds(found["module"], evidence.cwd)
                if home is not None:
                    return _missing(found["module"], home, error.facts())
        unfound = said(evidence, AS_MODULE, last=len(evidence.lines))
        if unfound is not None:
            module = unfound.match["whole"] or unfound.match["module"]
            home = _holds(module, evidence.cwd)
            if home is not None:
                return _missing(module, home, unfound.facts)
        return None


def _relative(facts: dict[str, object]) -> run.Failure:
    message = "a file with relative imports was started as a script, so it has no package"
    advice = "start it as a module from the folder above its package: `python -m package.module`"
    return run.Failure("module-not-on-path", message, {**facts, "advice": advice})


def _missing(module: str, home: Path, facts: dict[str, object]) -> run.Failure:
    message = f"the project's own module `{module}` lies in {home}, which is not on Python's path"
    advice = f"set PYTHONPATH={home}, or install the project with `pip install -e .`"
    evidence = {**facts, "module": module, "folder": str(home), "advice": advice}
    return run.Failure("module-not-on-path", message, evidence)


def _holds(module: str, cwd: str) -> Path | None:
    """The folder of the project from which the module can be imported."""
    if not cwd:
        return None
    parts = module.split(".")
    for folder in _folders(project_root(Path(cwd))):
        path = folder.joinpath(*parts)
        if path.with_suffix(".py").is_file() or (path.is_dir() and any(path.glob("*.py"))):
            return folder
    return None


def _folders(root: Path) -> list[Path]:
    """The folders of the project, those near its root first."""
    found, level, entries = [root], [root], 0
    for _ in range(_DEPTH):
        below = []
        for folder in level:
            try:
                names = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:
                continue
            entries += len(names)
            if entries > _ENTRIES:
                return found
            below += [Path(e.path) for e in names if e.is_dir(follow_symlinks=False) and _worth(e)]
        found += below
        level = below
    return found


def _worth(entry: "os.DirEntry[str]") -> bool:
    hidden = entry.name.startswith(".") or entry.name in _SKIPPED
    return not hidden and not Path(entry.path, "pyvenv.cfg").exists()
