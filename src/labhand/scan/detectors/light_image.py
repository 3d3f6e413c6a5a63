"""Images that are nearly white throughout."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.detectors._pictures import claim, pictures

LIGHT = 0.9
"""The 5th percentile of brightness, of 1, above which an image is light."""


class Detector:
    """Images that are nearly white throughout.

    ## What it does
    Finds images of which nineteen in twenty pixels are brighter than 0.9, where that is not usual.

    ## Why is this bad
    They are overexposed or empty, and show little of their class.

    ## Known problems
    Drawings on white paper are light by right: where the middle image is so, only those with nothing on
    it are found.

    ## Example
    A scan of an empty page

    ## Use instead
    Leave them out.
    """

    needs = ("image",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        import numpy as np

        for told in pictures(data):
            low, middle = told.measure("low"), told.measure("middle")
            if not len(low):
                continue
            paper = float(np.median(low)) > LIGHT - 0.15
            odd = np.flatnonzero((middle > 0.985) if paper else (low > LIGHT))
            if paper:
                odd = odd[told.measure("spread")[odd] < 0.25 * np.median(told.measure("spread"))]
            yield from claim(
                told,
                odd,
                low[odd],
                f"are nearly white (mean brightness above {middle[odd].min(initial=1):.2f})",
                "look at them; leave out what shows nothing",
                f"the mean brightness is about {np.median(middle):.2f} of 1",
            )
