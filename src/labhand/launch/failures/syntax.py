"""Code that Python, or the shell, cannot read."""

import re

from labhand.core import run
from labhand.launch.job import Evidence

_PYTHON = ("SyntaxError", "IndentationError", "TabError")
_SHELL = re.compile(r"^(?P<file>[^\s:]+): (?:line )?(?P<line>\d+): (?P<what>.*[Ss]yntax error.*)$")
_OLD_PYTHON = re.compile(r"Missing parentheses in call to '(?:print|exec)'")


class Failure:
    """The code cannot be read at all.

    ## What it does
    Recognises Python's `SyntaxError`, `IndentationError` and `TabError` and a shell's
    `syntax error`, and names the file and the line.

    ## Known problems
    Code for a newer Python looks like a wrong one; the advice says so where it can tell.

    ## Example
    `SyntaxError: '(' was never closed`

    ## References
    The Python Tutorial, "Syntax Errors".
    """

    order = 15  # what cannot be read has said nothing of anything else

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the place."""
        error = evidence.raised
        if error is not None and error.type in _PYTHON and error.frames:
            place = error.frames[-1]
            what = error.message.partition("\n")[0].partition(" (")[0]
            message = f"{place.file}, line {place.line}, is not valid Python: {what}"
            facts = {**error.facts(), **place._asdict(), "advice": _advice(error.message)}
            return run.Failure("syntax", message, facts)
        for line in reversed(evidence.lines):
            found = _SHELL.match(line.strip())
            if found:
                message = f"{found['file']}, line {found['line']}, cannot be read: {found['what']}"
                facts = {**found.groupdict(), "line": int(found["line"]), "said": line.strip()}
                facts["advice"] = "correct the script at or before that line"
                return run.Failure("syntax", message, facts)
        return None


def _advice(message: str) -> str:
    if _OLD_PYTHON.search(message):
        return "this is code for Python 2; convert it or find its version for Python 3"
    return "correct the line or the one before it, or use the Python version it was written for"
