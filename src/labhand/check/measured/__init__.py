"""What the probe measured of a training, as proofs for and against findings in its code."""

from labhand.check.measured.facts import Facts
from labhand.check.measured.proof import BEYOND, Measured, Place, Proof
from labhand.check.measured.proving import measured

__all__ = ["BEYOND", "Facts", "Measured", "Place", "Proof", "measured"]
