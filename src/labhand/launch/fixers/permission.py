"""Keeps caches where they may be written."""

import re
from contextlib import suppress
from pathlib import Path

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Job, Mending, Situation

_CACHE = re.compile(
    r"/\.?cache\b|/\.config/|/\.(?:keras|triton|nv|matplotlib|torch|wandb|netrc|local)\b|huggingface|__pycache__|/torch_extensions"
)
_CACHES = {
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "HF_HOME": "huggingface",
    "TORCH_HOME": "torch",
    "MPLCONFIGDIR": "matplotlib",
    "NUMBA_CACHE_DIR": "numba",
    "TRITON_CACHE_DIR": "triton",
    "TORCH_EXTENSIONS_DIR": "torch_extensions",
    "WANDB_CACHE_DIR": "wandb",
    "WANDB_CONFIG_DIR": "wandb",
    "KERAS_HOME": "keras",
}


class Fixer:
    """Keeps caches where they may be written.

    ## What it does
    Where a cache of a library (Hugging Face, torch, matplotlib, Numba, Triton, wandb, …) may not be
    written, the next attempt keeps it in labhand's home.

    ## Known problems
    Outputs and data are left to the person: another place for them would surprise.

    ## Example
    `MPLCONFIGDIR=.labhand/caches/matplotlib`

    ## Fix safety
    Neutral: a cache is filled anew, in another place.

    ## References
    Matplotlib, "Environment variables": MPLCONFIGDIR.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The variables of the caches; None where it is no cache."""
        path = str(failure.evidence.get("path") or failure.evidence.get("text") or "")
        if failure.evidence.get("exception") is None or not _CACHE.search(path):
            return None
        home = Path(situation.home) / "caches"
        env = situation.job.env
        values = {
            name: str(home / part)
            for name, part in _CACHES.items()
            if env.get(name) != str(home / part)
        }
        if not values:
            return None
        mending = change.variables(failure, situation, f"keeps caches in {home}", values)

        def apply() -> Job:
            for value in values.values():
                Path(value).mkdir(parents=True, exist_ok=True, mode=0o700)
            return mending.apply()

        def undo() -> None:
            for folder in (*values.values(), str(home)):
                with suppress(OSError):  # not empty: it is in use
                    Path(folder).rmdir()

        return mending._replace(apply=apply, undo=undo)
