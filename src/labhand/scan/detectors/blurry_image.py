"""Images far less sharp than the others."""

from collections.abc import Iterable

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.detectors._pictures import FLAT, claim, pictures

LEAST = 10
FENCE = 3.5
RATIO = 5.0


class Detector:
    """Images far less sharp than the others.

    ## What it does
    Compares the variance of the Laplacian with that of the brightness, on a logarithmic scale, and
    finds images three and a half robust deviations, and at least five times, below the middle one.

    ## Why is this bad
    What tells the classes apart may be lost in them; in a test set they measure focus, not skill.

    ## Known problems
    Smooth things are smooth by right. Blur is judged against the other images only.

    ## Example
    A photo out of focus among sharp ones

    ## Use instead
    Look at them; leave out what nobody could label.
    """

    needs = ("image",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """One anomaly a part."""
        import numpy as np

        for told in pictures(data):
            sharp, spread = told.measure("sharpness"), told.measure("spread")
            seen = spread > 2 * FLAT if len(spread) else spread
            if seen.sum() < LEAST:
                continue
            logs = np.log(sharp + 1e-5)
            middle = float(np.median(logs[seen]))
            above = logs[seen & (logs >= middle)] - middle
            # blur itself widens the lower half
            deviation = max(1.4826 * float(np.median(above)), 0.1)
            limit = middle - max(FENCE * deviation, float(np.log(RATIO)))
            odd = np.flatnonzero(seen & (logs < limit))
            yield from claim(
                told,
                odd,
                middle - logs[odd],
                f"are far less sharp than the others (at least {np.exp(middle - limit):.0f} times)",
                "look at them; leave out what nobody could label",
                f"sharpness (variance of the Laplacian over that of the brightness) is about {np.exp(middle):.3g}",
            )
