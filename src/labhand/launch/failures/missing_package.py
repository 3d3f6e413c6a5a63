"""A package that the code imports and that is not installed."""

import re
import sys

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.packages import known_namespaces
from labhand.launch.raised import Raised
from labhand.launch.said import AS_MODULE, said

_MISSING = re.compile(r"^No module named '?(?P<module>[\w.]+)'?$")


class Failure:
    """A package that the code imports is not installed.

    ## What it does
    Recognises `ModuleNotFoundError` for a module that is neither part of Python nor of the project,
    also when a library has wrapped it in an error of its own.

    ## Known problems
    A missing part of a package that is there (`No module named 'torchvision.foo'`) means a wrong
    version, not a missing package, and is left alone unless the name is a known namespace.

    ## Example
    `ModuleNotFoundError: No module named 'einops'`

    ## References
    The Python Language Reference, "The import system".
    """

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the missing module in its evidence."""
        for error in _suspects(evidence.raised):
            found = _MISSING.match(error.message.partition("\n")[0])
            if found and _is_package(found["module"]):
                files = [frame.file for frame in reversed(error.frames)]
                by = next((file for file in files if "-packages/" in file), "")
                return _failure(found["module"], {**error.facts(), "by": by})
        unfound = said(evidence, AS_MODULE, last=len(evidence.lines))
        if unfound and _is_package(unfound.match["module"]):
            return _failure(
                unfound.match["module"], unfound.facts | {"text": unfound.match["text"]}
            )
        return None


def _suspects(raised: Raised | None) -> list[Raised]:
    """The exception and what it came from; a context counts where the error is about an import."""
    if raised is None:
        return []
    suspects = list(raised.chain())
    context = raised.context
    if context is not None and context.type in ("ModuleNotFoundError", "ImportError"):
        name = context.message.rpartition(" ")[2].strip("'")
        if raised.type == "ImportError" or (name and name in raised.message):
            suspects.append(context)
    return [error for error in suspects if error.type in ("ModuleNotFoundError", "ImportError")]


def _is_package(module: str) -> bool:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top.startswith("_"):
        return False
    return "." not in module or module in known_namespaces()


def _failure(module: str, facts: dict[str, object]) -> run.Failure:
    message = f"the package that holds the module `{module}` is not installed"
    advice = f"install the package of `{module}` into the environment of the command"
    return run.Failure("missing-package", message, {**facts, "module": module, "advice": advice})
