"""Images in gray among coloured ones, and images of other channels than the rest."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.detectors import _edited
from labhand.scan.detectors._pictures import Pictures, claim, pictures

LEAST = 5
GRAY = 0.004
"""The mean difference between the channels, of 1, below which an image is gray."""
FEW = 0.2


class Detector:
    """Images in gray among coloured ones, and images of other channels than the rest.

    ## What it does
    Where most images are in colour it finds those in gray (and the other way round), and those whose
    mode (RGB, L, RGBA, CMYK, 16 bit) is not that of the others. It finds images that come to lie among the
    others only once red and blue are exchanged, or once they are inverted.

    ## Why is this bad
    An array of three channels meets one of one or four: loading fails, or broadcasts. Gray may go with
    a label.

    ## Known problems
    Palettes and an alpha channel that is full say the same as RGB, once converted.

    ## Example
    Twelve gray photos among four thousand in colour

    ## Use instead
    Convert all to one mode on loading; look whether gray goes with a class.
    """

    needs = ("image",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part for colour, one for modes, one a kind of edit."""
        for told in pictures(data):
            if len(told.good) >= LEAST:
                yield from _colour(told)
                yield from _modes(told)
        yield from _edited.edited(data, _edited.COLOURS, "colours")


def _colour(told: Pictures) -> Iterable[Anomaly]:
    import numpy as np

    gray = told.measure("colour") < GRAY
    shows = told.measure("spread") > 0.02
    few = bool(gray.mean() < FEW)
    odd = np.flatnonzero(gray & shows if few else ~gray & shows)
    if not few and gray.mean() < 1 - FEW:
        return  # both are usual
    yield from claim(
        told,
        odd,
        np.ones(len(odd)),
        "are in gray, the others in colour" if few else "are in colour, the others in gray",
        "convert all to one mode on loading; look whether it goes with a class",
        f"{np.mean(gray):.0%} of the images are in gray",
        most=FEW,
        group="colour",
    )


def _modes(told: Pictures) -> Iterable[Anomaly]:
    import numpy as np

    modes = told.measure("mode")
    gray = told.measure("colour") < GRAY
    names, counts = np.unique(modes, return_counts=True)
    usual = str(names[counts.argmax()])
    if counts.max() < (1 - FEW) * len(modes):
        return
    # one that is gray by its pixels is told already
    told_already = gray if gray.mean() < FEW else ~gray
    odd = np.flatnonzero((modes != usual) & ~told_already)
    if not len(odd):
        return
    others = ", ".join(sorted({str(m) for m in modes[odd]}))
    yield from claim(
        told,
        odd,
        np.ones(len(odd)),
        f"are of the mode {others}, the others {usual}",
        f"convert all to {usual} on loading",
        f"images are of the mode {usual}",
        most=FEW,
        group="modes",
    )
