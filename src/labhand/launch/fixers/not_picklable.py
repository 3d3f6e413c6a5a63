"""Starts processes by fork, which hands over everything as it is."""

import re
import sys

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import script

_METHOD = re.compile(
    r"""(?P<head>\b(?:set_start_method|get_context)\(\s*(?:method\s*=\s*)?)(?P<quote>['"])(?:spawn|forkserver)(?P=quote)"""
)
_CONTEXT = re.compile(
    r"""(?P<head>\b(?:mp_context|multiprocessing_context|start_method)\s*=\s*)(?P<quote>['"])(?:spawn|forkserver)(?P=quote)"""
)
_TWICE = re.compile(r"""\bset_start_method\((?P<inner>\s*(?:method\s*=\s*)?['"]\w+['"])\s*\)""")


class Fixer:
    """Starts processes by fork, which hands over everything as it is.

    ## What it does
    Where the code asks for spawn or forkserver, lets the run's own copy ask for fork; a start
    method that was set twice is set by force.

    ## Known problems
    What a pickle is written to a file for is left alone; so is code that uses a GPU in its
    processes.

    ## Example
    `set_start_method("spawn")` → `set_start_method("fork")`

    ## Fix safety
    Neutral: the same functions in the same processes, on the same data.

    ## References
    The Python documentation, multiprocessing, "Contexts and start methods".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The person's files with another start method; None where a GPU or another system forbids it."""
        if not failure.evidence.get("spawning") or not sys.platform.startswith("linux"):
            return None
        main = script(situation)
        files = [str(failure.evidence.get("file", "")), *([str(main)] if main else [])]
        texts: dict[str, str] = {}
        for file in dict.fromkeys(files):
            text = change.text_of(situation.job, file)
            if text is None or (
                not failure.evidence.get("twice") and re.search(r"\.cuda\(|['\"]cuda", text)
            ):
                continue
            changed = _forced(text) if failure.evidence.get("twice") else _forked(text)
            if changed != text:
                texts[file] = changed
        if not texts:
            return None
        summary = (
            "sets the start method by force"
            if failure.evidence.get("twice")
            else "starts processes by fork"
        )
        return change.code(failure, situation, summary, texts)


def _forked(text: str) -> str:
    for pattern in (_METHOD, _CONTEXT):
        text = pattern.sub(r"\g<head>\g<quote>fork\g<quote>", text)
    return text


def _forced(text: str) -> str:
    return _TWICE.sub(r"set_start_method(\g<inner>, force=True)", text)
