"""The detectors of watch, one a file: statistics over a live run → incidents.

A detector module defines `class Detector` with `see`, and may define `blind`, `peak`, `wants`,
`waits`, `concern`, `skim` and `explained_by`.
"""

from collections.abc import Collection, Iterable
from typing import Protocol

from labhand.watch.incidents import Claim
from labhand.watch.signals import Signal
from labhand.watch.view import View


class DetectorProtocol(Protocol):
    """What every detector is. One instance watches one attempt, strictly in the order of signals.

    Optional members: `wants`, a collection of roles, of beginnings of metrics' names that end in `/`,
    and of types of signals: `see` is then called only for rows with such a metric and for signals of
    such a type (without it for every signal). `waits`, true for a detector that judges levels: of rows it is
    then shown those only by which `view.course` is `stirred`. `concern(coming)`, for one that waits: which levels
    of the loss that are to come (see `watch/ahead.py`) it must be shown; without it all of them. `skim(stretch, start)`, for one that would
    otherwise be shown most rows of a log: of calm rows (see `watch/stretch.py`) the first from `start` on
    that `see` must be shown, those before it having been taken note of as if `see` had been shown each. `explained_by`, names of detectors whose open incident
    makes one of this detector its evidence. `peak`, for a detector whose claims have a score: the
    largest that it had so far, claimed or not. `blind()`: why it could not look, None where it could.
    """

    def __init__(self, view: View) -> None:
        """`view` is what is known of the run, and may be asked at any time."""

    def see(self, signal: Signal) -> Iterable[Claim]:
        """The incidents that this signal opens or changes. Called for every row: be quick."""


Wants = Collection[str | type[Signal]]
