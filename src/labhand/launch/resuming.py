"""Taking a run up again: the newest whole checkpoint, and the script's own switch for it."""

import re
import shlex
from pathlib import Path

from labhand.core import event, run
from labhand.kit.settings import Setting
from labhand.launch import change
from labhand.launch.checkpoints import newest_intact
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


def resumed(failure: run.Failure, situation: Situation) -> Mending | None:
    """The command that goes on from the newest whole checkpoint; None with the reason as advice.

    Reads the checkpoints that the run has written. A script that looks for its checkpoint itself is
    started as it was.
    """
    path = newest(situation)
    if path is None:
        failure.evidence["advice"] = (
            "the run has left no whole checkpoint to go on from; start it again"
        )
        return None
    shown = _shown(path, situation)
    for setting in _by_promise(offered(situation, _RESUME, flags=False)):
        plain = setting.takes != "value" or setting.type == "bool"
        job = switched(situation, {setting.name: "true" if plain else shown})
        if job is not None and job == situation.job:
            return _same(failure, situation, shown)  # it was told to resume already
        if job is not None:
            summary = f"goes on from {shown} by `{setting.flag or setting.name}`"
            return change.of_job(failure, summary, shlex.join(job.command), job)
    if _looks_itself(path, situation):
        return _same(failure, situation, shown)
    failure.evidence["advice"] = (
        f"{shown} is whole: start the script from it; it has no switch for that"
    )
    return None


def newest(situation: Situation) -> Path | None:
    """The newest whole checkpoint that any attempt of the run has written."""
    attempts = [Path(situation.job.attempt_dir)]
    if attempts[0].parent.is_dir():
        attempts = sorted(attempts[0].parent.iterdir())
    began = [event.seconds(a.started) for a in situation.attempts if a.started]
    return newest_intact(Path(situation.job.cwd), attempts, min(began, default=0.0) - 1)


def _by_promise(settings: list[Setting]) -> list[Setting]:
    """Those named for resuming first: `checkpoint` alone may be where to write."""
    return sorted(
        settings, key=lambda s: not re.search(r"resume|restore|continue|restart", s.name, re.I)
    )


def _same(failure: run.Failure, situation: Situation, shown: str) -> Mending:
    summary = f"started it again: it finds {shown} itself"
    patch = shlex.join(situation.job.command)
    return change.of_job(failure, summary, patch, situation.job)._replace(wait_s=1.0)


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
