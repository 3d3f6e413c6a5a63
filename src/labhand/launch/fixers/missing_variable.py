"""Takes a variable from the project's own files."""

import re
from pathlib import Path

import msgspec

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation

_FILES = (".env", ".envrc", ".env.local", "env.sh", ".flaskenv")
_TOLD = ("README*", "docs/*.md", "*.sh", "scripts/*.sh", "Makefile")
"""Where a project tells how it is started."""


class Fixer:
    """Takes a variable from the project's own files.

    ## What it does
    Sets the variable to the value that the project's `.env` has for it, or to the one path that its README
    or a script of its exports for it, where that path is there.

    ## Known problems
    An example file (`.env.example`) is none: its values are placeholders. The value is not shown:
    it can be a secret.

    ## Example
    `DATA_ROOT=/data` from `.env`

    ## Fix safety
    Neutral: the value is the one that the project itself writes down for it.

    ## References
    The Twelve-Factor App, "Config".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The variable and its value; None where no file of the project names it."""
        name = str(failure.evidence["variable"])
        if name in situation.job.env:
            return None
        for folder in dict.fromkeys((Path(situation.job.cwd), Path(situation.root))):
            for file in _FILES:
                value = _value(folder / file, name)
                if value is not None:
                    summary = f"took {name} from {file}"
                    made = change.variables(failure, situation, summary, {name: value})
                    shown = f"set -a; . ./{file}; set +a"
                    return made._replace(fix=msgspec.structs.replace(made.fix, patch=shown))
        root = Path(situation.root)
        if (told := _exported(root, name)) is not None:
            file, value = told
            summary = f"took {name}={value} from {file}"
            return change.variables(failure, situation, summary, {name: value})
        failure.evidence["advice"] = (
            f"set it before the command: `{name}=… labhand run …`; no .env of the project names it"
        )
        return None


def _exported(root: Path, name: str) -> tuple[str, str] | None:
    """The file that exports the variable and its value: a path that is there, and the only one that is told."""
    line = re.compile(rf"(?:^|\s|[`;&])(?:export\s+)?{name}=(?P<value>[^\s`;&]+)", re.M)
    found: dict[str, str] = {}
    for file in sorted(p for pattern in _TOLD for p in root.glob(pattern) if p.is_file()):
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        for match in line.finditer(text):
            value = match["value"].strip("\"'")
            value = re.sub(r"\$\(pwd\)|\$\{?PWD\}?", str(root), value)
            path = root / Path(value).expanduser()
            if "$" not in value and path.exists():
                found.setdefault(str(path), str(file.relative_to(root)))
    return next(((file, path) for path, file in found.items()), None) if len(found) == 1 else None


def _value(path: Path, name: str) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    line = re.compile(rf"^\s*(?:export\s+)?{name}\s*=\s*(?P<value>.*?)\s*$", re.M)
    found = line.search(text)
    if found is None:
        return None
    value = found["value"]
    if value[:1] in ("'", '"') and value.endswith(value[0]) and len(value) > 1:
        return value[1:-1]
    value = re.split(r"\s#", value)[0].strip()
    return value if value and "$" not in value and "`" not in value else None
