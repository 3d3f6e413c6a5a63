"""Values for settings that a patch adds, and the Pythons to try it in."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from labhand.kit.interpreter import interpreter
from labhand.kit.settings import Setting


def pythons(root: Path) -> Iterator[str]:
    """The Pythons that the project may be run by, the likeliest first."""
    seen = set()
    active = os.environ.get("VIRTUAL_ENV")
    places = [root / ".venv", root / "venv", *([Path(active)] if active else [])]
    found = [str(p / "bin" / "python") for p in places if (p / "bin" / "python").exists()]
    told = interpreter(["python"], root, os.environ) or interpreter(["python3"], root, os.environ)
    for python in (*found, *([told] if told else []), sys.executable):
        if python not in seen:
            seen.add(python)
            yield python


_NUMBER = r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]*[A-Za-z])"
_COUNTED = r"(?!\s*(?:seeds?|epochs?|steps?|runs?|iterations?|times|hours?|minutes?|gpus?)\b)"


def said_value(instruction: str, setting: Setting) -> str | None:
    """The number that the instruction gives a setting that is not there yet; None: it gives none."""
    if setting.type not in ("int", "float", None) or isinstance(setting.default, (bool, str)):
        return None
    name = r"[-_\s]?".join(map(re.escape, re.split(r"[-_.]", setting.name)))
    near = re.search(rf"\b{name}\b\W+(?:\w+\W+){{0,3}}?({_NUMBER}){_COUNTED}", instruction, re.I)
    told = [near[1]] if near else re.findall(rf"({_NUMBER}){_COUNTED}", instruction)
    if len(set(told)) != 1 or (setting.type == "int" and not told[0].lstrip("+-").isdigit()):
        return None
    return None if float(told[0]) == setting.default else told[0]


def other_value(setting: Setting) -> str | None:
    """A value that is not the default, as `--set` takes it; None where none comes to mind."""
    default = setting.default
    if setting.type == "bool" or isinstance(default, bool):
        return "false" if default is True else "true"
    others = [c for c in setting.choices if c != default]
    if others:
        return str(others[0])
    if setting.type == "int" or (setting.type is None and isinstance(default, int)):
        return str(default + 1) if isinstance(default, int) else "1"
    if setting.type == "float" or isinstance(default, float):
        return "0.1" if not default else f"{float(str(default)) / 2:g}"
    return None
