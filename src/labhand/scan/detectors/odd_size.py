"""Images far larger or smaller than the others."""

from collections.abc import Iterable
from typing import Any

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.detectors._pictures import claim, pictures

LEAST = 5
SAME = 0.9
"""The share of images of one size from which on every other size is odd."""
RATIO = 2.5
FENCE = 4.0


class Detector:
    """Images far larger or smaller than the others.

    ## What it does
    Where nine of ten images are of one size it finds all others; else those whose side (the root of
    the area) is more than two and a half times, and four robust deviations, away from the middle one.

    ## Why is this bad
    Brought to one size, a thumbnail becomes a blur; that blur may go with a label.

    ## Known problems
    Crops of detections differ widely by right.

    ## Example
    A 32x32 icon among photos

    ## Use instead
    Get these images in the size of the others, or leave them out.
    """

    needs = ("image",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        import numpy as np

        for told in pictures(data):
            width, height = told.measure("width"), told.measure("height")
            if len(width) < LEAST:
                continue
            side = np.sqrt(width * height.astype(float))
            odd, usual = _odd(width, height, side)
            away = np.abs(np.log(side[odd] / np.median(side)))
            some = f"{width[odd[0]]}x{height[odd[0]]}" if len(odd) else ""
            yield from claim(
                told,
                odd,
                away,
                f"are of another size than the rest ({some}; usual is {usual})",
                "get them in the size of the others, or leave them out",
                f"images are of about {usual} pixels",
            )


def _odd(width: Any, height: Any, side: Any) -> tuple[Any, str]:
    import numpy as np

    sizes, which, counts = np.unique(
        np.stack([width, height], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    most = int(counts.argmax())
    usual = "x".join(map(str, sizes[most]))
    if counts[most] >= SAME * len(width):
        return np.flatnonzero(which.ravel() != most), usual
    logs = np.log(side)
    middle = np.median(logs)
    deviation = 1.4826 * float(np.median(np.abs(logs - middle)))
    limit = max(FENCE * deviation, float(np.log(RATIO)))
    around = f"{np.median(width):.0f}x{np.median(height):.0f}"
    return np.flatnonzero(np.abs(logs - middle) > limit), around
