"""Uses the OpenCV that needs no screen."""

from pathlib import Path

from labhand.core import run
from labhand.core.errors import InputError
from labhand.launch import change
from labhand.launch.installing import for_this_run
from labhand.launch.interpreter import target_of
from labhand.launch.job import Mending, Situation

_SCREEN = ("libGL", "libEGL", "libgthread", "libSM", "libXext", "libXrender", "libX11", "libglib")


class Fixer:
    """Uses the OpenCV that needs no screen.

    ## What it does
    Where it is OpenCV that wants a library of a screen, installs the same version of opencv-python-
    headless for this run alone.

    ## Known problems
    Windows do not open then; `no-display` mends what wants one.

    ## Example
    `opencv-python-headless==4.10.0.84` for this run

    ## Fix safety
    Neutral: the same code of the same version without windows.

    ## References
    opencv-python on PyPI, "Installation and Usage".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The installation; None for another library, which only the system's own packages hold."""
        library = str(failure.evidence.get("library"))
        about = f"{failure.evidence.get('code')} {failure.evidence.get('text')}"
        if not library.startswith(_SCREEN) or (
            "cv2" not in about and not _imports_cv2(failure, situation)
        ):
            return None
        try:
            python = target_of(situation.job, Path(situation.home))
        except InputError:
            return None
        for name in ("opencv-python", "opencv-contrib-python"):
            version = python.installed.get(name)
            if version:
                headless = name.replace("-python", "-python-headless")
                return for_this_run(
                    failure, situation, f"{headless}=={version}", "cv2", ours=headless
                )
        return for_this_run(
            failure, situation, "opencv-python-headless", "cv2", ours="opencv-python-headless"
        )


def _imports_cv2(failure: run.Failure, situation: Situation) -> bool:
    text = change.text_of(situation.job, str(failure.evidence.get("file", "")))
    return text is not None and "cv2" in text
