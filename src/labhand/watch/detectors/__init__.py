"""The detectors of watch, one a file: statistics over a live run → incidents.

A detector module defines `class Detector` with `see`, and may define `blind`.
"""

from collections.abc import Iterable
from typing import Protocol

from labhand.watch.incidents import Claim
from labhand.watch.roles import Roles
from labhand.watch.signals import Signal


class DetectorProtocol(Protocol):
    """What every detector is. One instance watches one attempt, strictly in the order of signals."""

    def __init__(self, roles: Roles) -> None:
        """`roles` tells what a metric is, and may be asked at any time."""

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The incidents that this signal opens or changes. Called for every signal: be quick."""
