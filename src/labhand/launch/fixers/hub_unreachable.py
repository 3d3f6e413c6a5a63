"""Uses what is here already, or waits and asks again."""

import re
from collections.abc import Mapping
from pathlib import Path

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation

_WAITS_S = (10.0, 60.0)
_NAME = re.compile(r"[\w.-]+/[\w.-]+|(?<=['\"])[\w.-]+(?=['\"])")


class Fixer:
    """Uses what is here already, or waits and asks again.

    ## What it does
    Goes offline where the files are in the cache of the hub; else starts again after ten seconds,
    and once more after a minute.

    ## Known problems
    A revision in the cache can be older than the one of today; a gated model is left to the person.

    ## Example
    `HF_HUB_OFFLINE=1`

    ## Fix safety
    Neutral: the same files by the same name; a cached revision is told.

    ## References
    Hugging Face Hub, "Environment variables": HF_HUB_OFFLINE.
    """

    retries = True

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """Offline with the cached files, or another try later; None where the hub refused."""
        if failure.evidence.get("why") not in ("unreachable", "limited"):
            return None
        env = situation.job.env
        cached = _cached(str(failure.evidence.get("text")) + str(failure.evidence.get("code")), env)
        if cached and env.get("HF_HUB_OFFLINE") != "1":
            values = {
                "HF_HUB_OFFLINE": "1",
                "TRANSFORMERS_OFFLINE": "1",
                "HF_DATASETS_OFFLINE": "1",
            }
            summary = f"uses the files of {cached} that are here already"
            return change.variables(failure, situation, summary, values)
        before = sum(a.fix is not None and a.fix.kind == failure.kind for a in situation.attempts)
        wait_s = _WAITS_S[min(before, len(_WAITS_S) - 1)]
        summary = f"asks the hub again after {wait_s:g} s"
        patch = f"sleep {wait_s:g}"
        return change.of_job(failure, summary, patch, situation.job)._replace(wait_s=wait_s)


def _cached(text: str, env: Mapping[str, str]) -> str | None:
    """The name of a model or data set that the error speaks of and that the cache holds."""
    home = env.get("HF_HOME") or str(Path(env.get("XDG_CACHE_HOME") or "~/.cache", "huggingface"))
    hub = Path(env.get("HF_HUB_CACHE") or Path(home, "hub")).expanduser()
    for name in _NAME.findall(text):
        for kind in ("models", "datasets"):
            if any((hub / f"{kind}--{name.replace('/', '--')}" / "snapshots").glob("*/*")):
                return str(name)
    return None
