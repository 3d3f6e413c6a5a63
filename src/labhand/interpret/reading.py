"""An instruction → an intent, and the command that would carry it out."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from labhand.core.errors import UsageError
from labhand.core.intent import Choice, Intent
from labhand.interpret.situation import Situation
from labhand.kit.settings import find
from labhand.kit.values import read


class Reading(NamedTuple):
    """An intent, the script it is about and the command that starts it. Paths are absolute."""

    intent: Intent
    script: Path | None
    command: list[str]
    cwd: Path

    def line(self) -> str:
        """The shell command that does what needs no new code."""
        words = ["labhand", "run"]
        for choice in self.intent.settings:
            words += ["--set", f"{choice.key}={_shown(choice.value)}"]
        for key, values in self.intent.sweep.items():
            words += ["--sweep", f"{key}={','.join(map(_shown, values))}"]
        if self.intent.seeds is not None:
            seeds = self.intent.seeds
            words += [
                "--seeds",
                ",".join(map(str, seeds)) if isinstance(seeds, list) else str(seeds),
            ]
        return shlex.join([*words, "--", *self.command])


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def interpret(instruction: str, start: Path) -> Reading:
    """What the instruction asks for in the project that holds `start`. Only reads.

    Raises:
        UsageError: it is empty, or a value does not fit its setting.
        NotFoundError: it names a setting or a run that is not there.
    """
    if not instruction.strip():
        raise UsageError(
            'the instruction is empty; say what is wanted, such as "three seeds, lr 1e-3 and 3e-4"'
        )
    situation = Situation(start)
    situation.choose()
    intent = Intent(instruction=instruction, goal=instruction.strip())
    for key, text in re.findall(r"([\w.]+)=(\S+)", instruction):
        assert situation.script is not None
        setting = find(key, situation.settings, situation.script)
        value = read(setting, text).value
        intent.settings.append(
            Choice(
                key=setting.name, value=value, origin="said", confidence=1.0, why=f"`{key}={text}`"
            )
        )
    return Reading(intent, situation.script, situation.command, situation.cwd)
