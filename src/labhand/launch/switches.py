"""The switches that a script itself offers: which there are, and a job with some of them set."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from labhand.core.errors import LabhandError
from labhand.kit import settings
from labhand.kit.settings import Setting
from labhand.launch.job import Job, Situation


def script(situation: Situation) -> Path | None:
    """The Python script that the job runs; None where none can be seen."""
    job = situation.job
    try:
        return settings.script_of(job.command, Path(job.cwd), Path(situation.root))[0]
    except LabhandError:
        return None


def offered(situation: Situation, names: re.Pattern[str], *, flags: bool = True) -> list[Setting]:
    """The settings of the script whose last name matches; those of the command line alone by default."""
    path = script(situation)
    if path is None:
        return []
    try:
        found = settings.discover(path, Path(situation.root))
    except LabhandError:
        return []
    kept = [s for s in found if names.fullmatch(s.name.rpartition(".")[2].replace("-", "_"))]
    return [s for s in kept if s.flag or not flags or s.kind == "hydra"]


def switched(situation: Situation, values: Mapping[str, str]) -> Job | None:
    """The job with these settings; None where the script does not take them so."""
    job = situation.job
    try:
        applied = settings.apply(values, job.command, Path(job.cwd), Path(situation.root))
    except LabhandError:
        return None
    overlay = {str(path): text for path, text in applied.overlay.items()}
    if set(overlay) & set(job.overlay):
        return None
    return msgspec.structs.replace(job, command=applied.command, overlay=job.overlay | overlay)
