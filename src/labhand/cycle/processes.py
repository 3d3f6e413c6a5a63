"""The Python processes of an attempt: which training they carry, and the settings they tell."""

from collections.abc import Mapping
from typing import Any

from labhand.watch.signals import Fact


class Processes:
    """Those that told something. `config` are the settings of all, as they stand; `loaded` what was loaded into models.

    A setting that several trainings tell differently is told as the words of all its values. What a
    process tells that another one started, as a training starts its evaluation, is that one's own.
    """

    def __init__(self) -> None:
        self.config: dict[str, Any] = {}
        self.loaded: list[Fact] = []
        self._met: set[int] = set()
        self._wrote: set[int] = set()
        self._over: set[int] = set()
        self._within: dict[int, int] = {}
        self._told: dict[str, dict[int, Any]] = {}

    def meet(self, pid: int, wrote: bool, rank: int | None = None) -> bool:
        """Whether it is a new one after all that trained, which is to say wrote metrics, have ended.

        A rank above 0 is none: it trains with rank 0, and may be heard of when that has ended.
        """
        before = self._wrote or self._met
        again = not rank and bool(before) and pid not in self._met and before <= self._over
        if again:
            for known in (self._over, self._met, self._wrote):
                known.clear()
        self._met.add(pid)
        if wrote:
            self._wrote.add(pid)
        return again

    def ended(self, pid: int) -> None:
        """Notes that a process came to its end, and not by an exception."""
        self._over.add(pid)

    def within(self, pid: int, other: int | None) -> None:
        """Notes within which other process one runs, where it tells so."""
        if other is not None:
            self._within[pid] = other

    def settings(self, pid: int, told: Mapping[str, Any]) -> None:
        """Takes the settings that a process tells."""
        for key, value in told.items():
            tellers = self._told.setdefault(key, {})
            if self._within.get(pid) in tellers:
                continue
            tellers[pid] = value
            different: list[Any] = []
            for each in tellers.values():
                if each not in different:
                    different.append(each)
            self.config[key] = (
                different[0] if len(different) == 1 else " and ".join(map(str, different))
            )
