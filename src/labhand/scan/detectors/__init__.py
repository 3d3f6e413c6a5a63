"""The detectors of scan, one a file: data → anomalies.

A detector module defines `class Detector` with `needs` and `look`.
"""

from collections.abc import Iterable
from typing import Protocol

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data


class DetectorProtocol(Protocol):
    """What every detector is. Its file name is its name, its class docstring its documentation.

    `needs` names what the data must have, each a word that `Data.lacks` knows; where something is
    lacking, the detector does not run and the reason stands in `skipped`.
    """

    needs: tuple[str, ...]

    def look(self, data: Data) -> Iterable[Anomaly]:
        """The anomalies in the data. Silence means that it looked and found nothing.

        Raises:
            CannotLook: what was given does not let it look; the sentence stands in `skipped`.
        """
        ...
