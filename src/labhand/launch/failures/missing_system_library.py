"""A library of the system that is not there."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"(?P<library>lib[\w.+-]+?\.so[\w.]*): cannot open shared object file"
    r"|(?P<version>(?:GLIBCXX|GLIBC|CXXABI)_[\d.]+)'? not found|Library not loaded: \S*?(?P<dylib>[\w.+-]+)$"
    r"|(?P<sndfile>sndfile|PortAudio) library not found|cannot load library '?(?P<named>[^'\s:]+)"
    r"|Could not (?:find|load)(?: the)? (?:shared |dynamic )?library:? '?(?P<dynamic>lib[\w.+-]+)"
    r"|No such file or directory: '(?P<tool>ffmpeg|ffprobe|dot|pdftoppm|tesseract|sox|git|java)'"
    r"|(?P<program>ffmpeg|ffprobe|tesseract|[Gg]raphviz|sox)\b[^\n]{0,40}(?:not (?:installed|found)|is not in your PATH)"
)


class Failure:
    """A library of the operating system is missing.

    ## What it does
    Recognises shared libraries that the loader does not find, and tools such as ffmpeg that a
    package calls.

    ## Known problems
    Which package of the system holds the library depends on the system.

    ## Example
    `ImportError: libGL.so.1: cannot open shared object file: No such file or directory`

    ## References
    The Linux manual, ld.so(8).
    """

    order = 33

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the name of the library."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        name = next(part for part in found.match.groups() if part)
        message = f"the system's library or tool `{name}` is missing"
        advice = f"install the package of the system that holds `{name}`"
        if name.startswith("libGL") or name.startswith("libgthread"):
            advice += ", or opencv-python-headless in place of opencv-python"
        return run.Failure(
            "missing-system-library", message, {**found.facts, "library": name, "advice": advice}
        )
