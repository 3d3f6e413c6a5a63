"""The non-finite values of metrics that have one cause, while they last, and how they are told."""

import math
from collections.abc import Mapping
from typing import Any

from labhand.watch.incidents import Cause
from labhand.watch.signals import Points


class Illness:
    """What is known of one cause.

    `bad`, `streaks`, `first` and `last` tell of the metrics by which it is judged: how many of their
    values were bad, how many are so in a row now, the first bad step and the latest value. `beside`
    holds the first bad step of metrics that only suffer with them. `causes` and `unchecked` are told
    with it once they have been `asked` for.
    """

    def __init__(self, step: int, time: float = math.nan, source: str = "probe") -> None:
        self.opened = step
        self.time = time
        self.source = source
        self.bad: dict[str, int] = {}
        self.streaks: dict[str, int] = {}
        self.first: dict[str, int] = {}
        self.last: dict[str, float] = {}
        self.beside: dict[str, int] = {}
        self.streak_step = self.last_step = step
        self.calm = 0
        self.fact: Mapping[str, Any] = {}
        self.settled = False
        self.joined: tuple[str, ...] = ()
        self.causes: list[Cause] = []
        self.unchecked: list[str] = []
        self.asked = False

    def worse(self, name: str, row: Points, began: int, rows: int = 1) -> None:
        """One more bad value, or `rows` since the step `began` that only now prove to be bad."""
        if not any(self.streaks.values()):
            self.streak_step = began
        self.calm = 0
        self.last_step = row.step
        self.bad[name] = self.bad.get(name, 0) + rows
        self.streaks[name] = self.streaks.get(name, 0) + rows
        self.first.setdefault(name, began)
        self.last[name] = row.values.get(name, math.nan)

    def better(self, name: str) -> None:
        """A finite value of a metric that was bad."""
        self.streaks[name] = 0
        self.calm += 1

    def join(self, key: str, other: "Illness") -> None:
        """The illness `other` of that key turns out to have the same cause."""
        self.joined += (key,)
        self.beside |= other.first | other.beside
        self.fact = self.fact or other.fact

    @property
    def in_a_row(self) -> int:
        """The longest present streak of a metric."""
        return max(self.streaks.values(), default=0)

    @property
    def unbroken(self) -> bool:
        """Whether it goes on and has never passed by."""
        return self.in_a_row > 0 and self.streak_step == self.opened

    def evidence(self) -> dict[str, Any]:
        """The first bad step of each metric, the bad rows of the worst, what the probe found."""
        found: dict[str, Any] = {"metrics": self.first | self.beside}
        if self.bad:
            found["rows"] = max(self.bad.values())
        return found | ({"probe": dict(self.fact)} if self.fact else {})

    def sentence(self, main: str | None, *, passed: bool) -> str:
        """What is off, by the metric `main`; what the probe found of it."""
        if main is None:
            step = self.fact.get("step", self.opened)
            what = self.fact.get("what", "loss")
            what = "loss" if what == "parameter" else what
            message = f"The {what} is not finite at step {step}"
        else:
            verb = "was" if passed else "is"
            message = f"`{main}` {verb} {_text(self.last[main])}"
            lasting = f"from step {self.first[main]} on"
            message += f" {lasting if self.bad[main] > 1 else f'at step {self.first[main]}'}"
        return message + self._origin(main) + ("; it passed by" if passed else "")

    def _origin(self, main: str | None) -> str:
        fact, first = self.fact, self.fact.get("first") or {}
        step = fact.get("step")
        earlier = main is not None and step is not None and step < self.first[main]
        at = f" of step {step}" if earlier else ""
        if first.get("kind") == "parameter":
            name = first.get("parameter") or first.get("layer")
            return f"; the weights `{name}` were spoilt before this batch, by the update before it"
        message = ""
        if first.get("layer"):
            where = {"forward": "in the forward pass", "backward": "in the backward pass"}
            way = where.get(str(first.get("kind")), "")
            message = (
                f"; it arose first in `{first['layer']}` ({first.get('class', '?')}) {way}{at}"
            )
        elif first.get("kind") == "input":
            message = "; it came in with the input"
        return message.rstrip() + self._rows()

    def _rows(self) -> str:
        """The rows of the batch, where it is some of them and not all."""
        rows, total = self.fact.get("batch_rows"), self.fact.get("batch_rows_total")
        if not rows or len(rows) == total:
            return ""
        shown = ", ".join(map(str, rows[:5])) + (", …" if len(rows) > 5 else "")
        of = f" of {total}" if total else ""
        return f", from row{'s' if len(rows) > 1 else ''} {shown} of the batch{of}"


def _text(value: float) -> str:
    return "NaN" if value != value else "infinite" if value > 0 else "minus infinite"
