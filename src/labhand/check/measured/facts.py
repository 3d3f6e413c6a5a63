"""The probe's events, ordered by what they tell of."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from labhand.check.measured.proof import Place
from labhand.core.event import Event


class Fact:
    """One thing that was measured, at a place in the code."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.at = Place.of(data.get("at"))
        self.outer = [str(n) for n in (data.get("at") or {}).get("outer", ())]
        self.function = str((data.get("at") or {}).get("function", ""))

    def __getitem__(self, key: str) -> Any:
        return self.data.get(key)

    def number(self, key: str) -> float:
        """A number; 0 where it is missing."""
        value = self.data.get(key)
        return float(value) if isinstance(value, int | float) else 0.0

    def place(self, key: str) -> Place | None:
        """Another place that it tells."""
        return Place.of(self.data.get(key))


class Facts:
    """Everything that the probe told of one run; of the same thing the latest counts."""

    def __init__(self, events: Iterable[Event]) -> None:
        latest: dict[tuple[Any, ...], Fact] = {}
        self.workers: list[Fact] = []
        self.unseen: dict[str, str] = {}
        self.steps = 0
        self.loaded = False
        for happened in events:
            data = happened.data
            if happened.kind == "measured":
                fact = Fact(data)
                key = (data.get("what"), data.get("number"), data.get("function"))
                latest[*key, *(fact.at[:2] if fact.at else ())] = fact
            elif happened.kind == "worker":
                self.workers.append(Fact(data))
            elif happened.kind == "unseen":
                self.unseen[str(data.get("look"))] = str(data.get("why"))
            elif happened.kind == "trial":
                self.steps = max(self.steps, int(data.get("steps") or 0))
            elif happened.kind == "loaded":
                self.loaded = self.loaded or bool(data.get("taken"))
        self._all = list(latest.values())

    def of(self, what: str) -> Iterator[Fact]:
        """What was measured of this kind."""
        return (fact for fact in self._all if fact["what"] == what)

    def one(self, what: str) -> Fact | None:
        """The latest of this kind."""
        return next(reversed(list(self.of(what))), None)
