"""Images that are nearly black throughout."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.detectors._pictures import claim, pictures

DARK = 0.22
"""The 99th percentile of brightness, of 1, below which an image is dark."""
SHADE = 0.12


class Detector:
    """Images that are nearly black throughout.

    ## What it does
    Finds images whose brightest hundredth is below 0.22 of full brightness, or all of whose mean is
    below a quarter of what is usual and 0.12.

    ## Why is this bad
    They show little of their class, and pull the mean that all are normalised by.

    ## Known problems
    Pictures of the night are dark by right; where many are so, it is a note.

    ## Example
    A frame of a camera whose lid was shut

    ## Use instead
    Leave them out, or brighten them.
    """

    needs = ("image",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        import numpy as np

        for told in pictures(data):
            high, middle = told.measure("high"), told.measure("middle")
            if not len(high):
                continue
            usual = float(np.median(middle))
            dim = (middle < min(SHADE, 0.25 * usual)) & (high < 0.6 * float(np.median(high)))
            odd = np.flatnonzero((high < DARK) | dim)
            yield from claim(
                told,
                odd,
                1 - middle[odd],
                f"are nearly black (mean brightness below {middle[odd].max(initial=0):.2f})",
                "look at them; leave them out or brighten them",
                f"the mean brightness is about {usual:.2f} of 1",
            )
