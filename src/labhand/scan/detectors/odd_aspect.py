"""Images far longer than wide, or wider than long, where others are not."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.detectors._pictures import claim, pictures

LEAST = 5
NARROW = 0.36
"""The shorter side as a part of the longer, from which on downwards an image is narrow."""


class Detector:
    """Images far longer than wide, or wider than long, where others are not.

    ## What it does
    Finds images whose shorter side is less than 0.36 of the longer, and less than two thirds of what
    the middle image has.

    ## Why is this bad
    Brought to a square they are squeezed beyond knowing, or lose their ends to a crop.

    ## Known problems
    Panoramas, lines of text and crops of detections are narrow by right.

    ## Example
    A banner among photos

    ## Use instead
    Crop or pad them, or leave them out.
    """

    needs = ("image",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        import numpy as np

        for told in pictures(data):
            width, height = told.measure("width"), told.measure("height")
            if len(width) < LEAST:
                continue
            ratio = np.minimum(width, height) / np.maximum(width, height)
            usual = float(np.median(ratio))
            odd = np.flatnonzero((ratio < NARROW) & (ratio < usual * 2 / 3))
            yield from claim(
                told,
                odd,
                1 - ratio[odd],
                f"are narrow: their shorter side is at most {ratio[odd].max(initial=0):.2f} of the longer",
                "crop or pad them, or leave them out",
                f"the shorter side is about {usual:.2f} of the longer",
            )
