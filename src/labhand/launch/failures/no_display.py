"""A window that was to be opened where there is no screen."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import called, said

_TEXT = re.compile(
    r"could not connect to display|no Qt platform plugin could be initialized|\$DISPLAY environment variable"
    r"|couldn't connect to display|Cannot load backend '\w+' which requires the '\w+' interactive framework"
    r"|The function is not implemented\. Rebuild the library with Windows|[Cc]annot open display"
    r"|NoSuchDisplayException|No available video device|[Uu]nable to (?:open|access)(?: the X)? [Dd]isplay"
    r"|Could not initialize GLX|Failed to (?:open|create|initialize) (?:display|GL context|GLFW|OpenGL)"
    r"|GLFWError|Unable to init server: Could not connect|DisplayConnectionError|display is not available"
    r"|No module named '_?tkinter'|cannot import name '_tkagg'|XOpenDisplay"
)
_NO_TOOLKIT = re.compile(r"Failed to import any of the following Qt binding modules")
"""A window that needs more than is installed: where there is no display either, that is what counts."""


class Failure:
    """A window was to be opened and there is no display.

    ## What it does
    Recognises how matplotlib, Qt, Tk, OpenCV, pygame and OpenGL say that there is no screen.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `_tkinter.TclError: no display name and no $DISPLAY environment variable`

    ## References
    Matplotlib, "Backends".
    """

    order = 29

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(evidence.env):
            found = said(evidence, _NO_TOOLKIT)
        if found is None:
            return None
        message = "a window was to be opened and there is no display"
        advice = "set MPLBACKEND=Agg (QT_QPA_PLATFORM=offscreen for Qt) and save pictures in place of showing them"
        tk = called(found.error, "/tkinter/") and not called(found.error, "matplotlib")
        if tk:
            advice = "a window of Tk needs a display: run it where one is, or under `xvfb-run`"
        return run.Failure("no-display", message, {**found.facts, "tk": tk, "advice": advice})
