"""A module that was built for another NumPy."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"compiled using NumPy 1\.x cannot be run in|numpy\.(?:dtype|ndarray|ufunc) size changed"
    r"|_ARRAY_API not found|numpy\.core\.(?:multiarray|umath) failed to import|module compiled against A[BP]I version"
    r"|Numpy is not available|numpy\._core\.multiarray failed to import"
)


class Failure:
    """A compiled module was built for another version of NumPy.

    ## What it does
    Recognises the words of NumPy and Cython about modules that were compiled against another
    version.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `ValueError: numpy.dtype size changed, may indicate binary incompatibility.`

    ## References
    NumPy, "Troubleshooting", on NumPy 2.
    """

    order = 34

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the module that does not fit where it is told."""
        found = said(evidence, _TEXT, printed=True)
        if found is None or (
            found.error is None and evidence.raised is not None and not imports(evidence)
        ):
            return None
        last = (
            next((f for f in reversed(found.error.frames) if f.foreign), None)
            if found.error
            else None
        )
        where = re.search(r"(?:site|dist)-packages/(\w+)", last.file) if last else None
        module = where[1] if where else ""
        message = f"a compiled module{f' of {module}' if module else ''} was built for another version of NumPy"
        advice = "upgrade that package, or use `numpy<2` where it was built for NumPy 1"
        return run.Failure(
            "numpy-abi", message, {**found.facts, "module": module, "advice": advice}
        )


def imports(evidence: Evidence) -> bool:
    """Whether the training ended while something was imported."""
    return evidence.raised is not None and evidence.raised.type in ("ImportError", "AttributeError")
