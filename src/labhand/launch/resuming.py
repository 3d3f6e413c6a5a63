"""Taking a run up again: the newest whole checkpoint, and the script's own switch for it."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import msgspec

from labhand.core import event, run
from labhand.kit.settings import Setting
from labhand.launch import change
from labhand.launch.checkpoints import found, intact
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import offered, script, switched

_RESUME = re.compile(
    r"resume(?:_from)?(?:_checkpoint|_path|_ckpt|_file)?|resume_from_checkpoint|restart(?:_from)?|restore(?:_from)?"
    r"|(?:load_)?(?:ckpt|checkpoint)(?:_path|_file)?|load_from|continue_from|auto_resume|continue(?:_training)?|init_from",
    re.I,
)
_LOOKS_ITSELF = re.compile(
    r"\.exists\(|\.is_file\(|\bisfile\(|\bglob\(|\bglob\.|listdir\(|FileNotFoundError|get_last_checkpoint"
)


class Way(NamedTuple):
    """How a script is taken up again: from a checkpoint, by settings or words of the command.

    Without either it finds the checkpoint itself. `torn` are newer ones that cannot be read to their end.
    """

    shown: str
    torn: list[str]
    settings: dict[str, str]
    words: list[str]

    @property
    def summary(self) -> str:
        """What is done, in words."""
        by = " ".join(self.words[:1]) or ", ".join(self.settings)
        told = (
            f"goes on from {self.shown} by `{by}`"
            if by
            else f"started it again: it finds {self.shown} itself"
        )
        past = f"; {', '.join(self.torn)} is torn and passed over" if self.torn else ""
        return told + past

    def command(self, before: list[str]) -> list[str]:
        """The command with the flag that was named and its value, in place of those it had."""
        if not self.words:
            return before
        flag, value = self.words
        if flag in before[:-1]:
            at = before.index(flag)
            return [*before[:at], flag, value, *before[at + 2 :]]
        return [*(word for word in before if not word.startswith(f"{flag}=")), flag, value]


def resumed(failure: run.Failure, situation: Situation) -> Mending | None:
    """The command that goes on from the newest whole checkpoint; None with the reason as advice.

    Reads the checkpoints that the run has written. A script that looks for its checkpoint itself is
    started as it was.
    """
    told = way(situation)
    if isinstance(told, str):
        failure.evidence["advice"] = told
        return None
    job = situation.job
    if told.settings:
        job = switched(situation, told.settings) or job
    elif told.words:
        job = msgspec.structs.replace(job, command=told.command(job.command))
    mending = change.of_job(failure, told.summary, shlex.join(job.command), job)
    return mending if job != situation.job else mending._replace(wait_s=1.0)


def way(situation: Situation) -> Way | str:
    """How the script is taken up again from the newest whole checkpoint; else the reason why it is not."""
    path, torn = newest(situation)
    if path is None:
        return "the run has left no whole checkpoint to go on from; start it again"
    shown, broken = _shown(path, situation), [_shown(p, situation) for p in torn]
    flag = situation.resume_flag
    for setting in _by_promise(offered(situation, _RESUME, flags=False)):
        if flag and flag.lstrip("-").replace("-", "_") != setting.name.replace("-", "_"):
            continue
        plain = setting.takes != "value" or setting.type == "bool"
        values = {setting.name: "true" if plain else shown}
        job = switched(situation, values)
        if job is not None:  # the same as before: it was told to resume already
            return Way(shown, broken, {} if job == situation.job else values, [])
    if flag:
        return Way(shown, broken, {}, [flag, shown])
    if _looks_itself(path, situation):
        return Way(shown, broken, {}, [])
    return (
        f"{shown} is whole: start the script from it; it has no switch for that that could be found: "
        "name it by --resume-flag"
    )


def newest(situation: Situation) -> tuple[Path | None, list[Path]]:
    """The newest whole checkpoint that any attempt of the run has written, and newer ones that are torn.

    Where other runs go on beside it, those files alone count that the run itself was seen writing.
    """
    attempts = [Path(situation.job.attempt_dir)]
    if attempts[0].parent.is_dir():
        attempts = sorted(attempts[0].parent.iterdir())
    began = [event.seconds(a.started) for a in situation.attempts if a.started]
    root = Path(situation.job.cwd) if situation.alone else None
    torn: list[Path] = []
    for path in found(root, attempts, min(began, default=0.0) - 1):
        if intact(path):
            return path, torn
        torn.append(path)
    return None, torn


def _by_promise(settings: list[Setting]) -> list[Setting]:
    """Those named for resuming first: `checkpoint` alone may be where to write."""
    return sorted(
        settings, key=lambda s: not re.search(r"resume|restore|continue|restart", s.name, re.I)
    )


def _looks_itself(path: Path, situation: Situation) -> bool:
    """Whether the script asks for files and names the checkpoint, or its folder or kind."""
    main = script(situation)
    text = change.text_of(situation.job, str(main)) if main else None
    if text is None or not _LOOKS_ITSELF.search(text):
        return False
    words = {path.name, path.parent.name, f"*{path.suffix}"} - {""}
    return any(word in text for word in words) or "get_last_checkpoint" in text


def _shown(path: Path, situation: Situation) -> str:
    cwd = Path(situation.job.cwd).resolve()
    place = path.resolve()
    return str(place.relative_to(cwd)) if place.is_relative_to(cwd) else str(place)
