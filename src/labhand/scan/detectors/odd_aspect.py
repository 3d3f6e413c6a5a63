"""Images far longer than wide, turned, mirrored, or with bars at their sides, where others are not."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.detectors import _edited
from labhand.scan.detectors._pictures import FLAT, Pictures, claim, pictures

LEAST = 5
NARROW = 0.36
"""The shorter side as a part of the longer, from which on downwards an image is narrow."""


BARE = 0.02
"""The deviation of the pixels of a bar, of 1."""
FEW = 0.08


class Detector:
    """Images far longer than wide, turned, mirrored, or with bars at their sides, where others are not.

    ## What it does
    Finds images whose shorter side is less than 0.36 of the longer, and less than two thirds of what
    the middle image has; images that come to lie among the others only once they are turned or mirrored; and a
    few that have bars of one colour at two sides or a frame.

    ## Why is this bad
    Brought to a square they are squeezed beyond knowing, or lose their ends to a crop. What stands on its head,
    as pictures do whose EXIF was dropped, is another thing to a model.

    ## Known problems
    Panoramas, lines of text and crops of detections are narrow by right.

    ## Example
    A banner among photos

    ## Use instead
    Crop or pad them, or leave them out.
    """

    needs = ("image",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part, and one a way in which images are turned."""
        import numpy as np

        yield from _edited.edited(data, _edited.WAYS, "turned")
        for told in pictures(data):
            yield from _barred(told)
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


def _barred(told: Pictures) -> Iterable[Anomaly]:
    """Images with a bar of one and the same colour at two sides, where nearly all others have none."""
    import numpy as np

    shown = told.thumbnails
    if len(shown) < 6 * LEAST:
        return
    sides = [shown[:, [0, -1]], shown[:, :, [0, -1]].swapaxes(1, 2)]
    bars = [side.reshape(len(shown), -1, 3).std(axis=1).max(axis=1) < BARE for side in sides]
    odd = np.flatnonzero((bars[0] | bars[1]) & (told.measure("spread") > FLAT))
    if len(odd) > FEW * len(shown):
        return
    yield from claim(
        told,
        odd,
        np.ones(len(odd)),
        "have bars of one colour at two sides, or a frame",
        "crop the bars: a model may learn them, and the size of what is shown is another",
        "images are filled to their sides",
        most=FEW,
        group="bars",
    )
