"""Images that show nothing, or have hardly any contrast."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.detectors._pictures import FLAT, claim, pictures


class Detector:
    """Images that show nothing, or have hardly any contrast.

    ## What it does
    Finds images whose brightness hardly differs from pixel to pixel (standard deviation below 0.015 of
    full brightness), and those whose contrast and entropy are far below what is usual.

    ## Why is this bad
    Nothing can be learned from one colour but that it goes with a label.

    ## Known problems
    Pictures of sky or fog are so by right.

    ## Example
    A gray placeholder in the place of a picture that was deleted

    ## Use instead
    Leave them out.
    """

    needs = ("image",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        import numpy as np

        for told in pictures(data):
            spread, entropy = told.measure("spread"), told.measure("entropy")
            if not len(spread):
                continue
            usual = float(np.median(spread))
            pale = (spread < 0.2 * usual) & (spread < 0.05)
            empty = entropy < min(0.25 * float(np.median(entropy)), 1.5)
            odd = np.flatnonzero((spread < FLAT) | pale | (empty & (spread < 0.5 * usual)))
            yield from claim(
                told,
                odd,
                1 - spread[odd],
                f"show hardly anything (contrast at most {spread[odd].max(initial=0):.3f})",
                "look at them; leave out what shows nothing",
                f"the brightness of an image varies by about {usual:.2f}",
            )
