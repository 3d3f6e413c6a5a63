"""Draws without a screen."""

import re

import msgspec

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import script

_VARIABLES = {
    "MPLBACKEND": "Agg",
    "QT_QPA_PLATFORM": "offscreen",
    "SDL_VIDEODRIVER": "dummy",
    "PYGLET_HEADLESS": "true",
    "PYOPENGL_PLATFORM": "egl",
}
_USE = re.compile(
    r"""(?P<head>\b(?:matplotlib|mpl|plt)\.(?:use|switch_backend)\(\s*)(?P<quote>['"])\w+(?P=quote)"""
)
_CV2 = re.compile(
    r"^(?P<indent>[ \t]*)import (?:[\w. ]+,\s*)*cv2(?: as (?P<name>\w+))?(?:\s*,[\w., ]+)?[ \t]*$",
    re.M,
)
_WINDOW = re.compile(r"\b(?:imshow|namedWindow|waitKey|destroyAllWindows)\(")


class Fixer:
    """Draws without a screen.

    ## What it does
    Chooses the back ends that draw into memory, in place of windows: matplotlib's Agg, Qt's
    offscreen, SDL's dummy. A back end that the code names, and windows of OpenCV, are replaced in
    the run's own copy.

    ## Known problems
    A script that waits for a key or a click goes on without one. A window that the script makes with Tk
    itself needs a display.

    ## Example
    `MPLBACKEND=Agg`

    ## Fix safety
    Neutral: pictures are the same, no window opens.

    ## References
    Matplotlib, "Backends".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """Variables for the libraries that read them, and a changed text where the code names a window."""
        if failure.evidence.get("tk"):
            return None
        own = str(failure.evidence.get("file") or script(situation) or "")
        text = change.text_of(situation.job, own)
        changed = _without_windows(text) if text is not None else None
        if changed is not None and changed != text:
            mending = change.code(failure, situation, "draws without a screen", {own: changed})
            job = msgspec.structs.replace(mending.apply(), env=situation.job.env | _VARIABLES)
            return change.of_job(failure, "draws without a screen", mending.fix.patch, job)
        if all(situation.job.env.get(name) == value for name, value in _VARIABLES.items()):
            return None
        return change.variables(failure, situation, "draws without a screen", _VARIABLES)


def _without_windows(text: str) -> str:
    text = _USE.sub(r"\g<head>\g<quote>Agg\g<quote>", text)
    found = _CV2.search(text)
    if found is None or not _WINDOW.search(text):
        return text
    name = found["name"] or "cv2"
    lines = f"{name}.imshow = {name}.namedWindow = {name}.destroyAllWindows = lambda *a, **k: None"
    put = f"{found[0].rstrip()}\n{found['indent']}{lines}\n{found['indent']}{name}.waitKey = lambda *a: -1\n"
    return text[: found.start()] + put + text[found.end() :].removeprefix("\n")
