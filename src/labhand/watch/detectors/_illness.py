"""The non-finite values of metrics that have one cause, while they last, and how they are told."""

import math
from collections.abc import Mapping
from typing import Any

from labhand.watch.incidents import Cause
from labhand.watch.signals import Points

MADE = "made outside the model: "
"""Behind it the probe says what the loss function did."""
FEW_ROWS = 4
"""Rows that are no more than one in so many are at fault, and not the weights, which all share."""
GUESS = 0.6
"""A candidate that is less likely is a guess, and left out where the cause was seen."""


class Illness:
    """What is known of one cause.

    `bad`, `streaks`, `first` and `last` tell of the metrics by which it is judged: how many of their
    values were bad, how many are so in a row now, the first bad step and the latest value. `beside`
    holds the first bad step of metrics that only suffer with them. `causes` and `unchecked` are told
    with it once they have been `asked` for. `key` is that of its incident; `times` are the steps at which
    it began: several where it passed by and came again.
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
        self.key = ""
        self.times = [step]

    def worse(self, name: str, row: Points, began: int, rows: int = 1) -> None:
        """One more bad value, or `rows` since the step `began` that only now prove to be bad."""
        if not any(self.streaks.values()):
            self.streak_step = began
            if self.calm and row.source == self.source and began > self.times[-1]:
                self.times.append(began)
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
        self.joined += (other.key or key,)
        self.beside |= other.first | other.beside
        self.fact = self.fact or other.fact

    @property
    def origin(self) -> tuple[object, ...]:
        """What tells its cause from others, by the probe; nothing where it was not found."""
        first = self.fact.get("first") or {}
        found = (first.get("kind"), first.get("layer"), self._made())
        return found if any(found) else ()

    def comes_again(self, step: int, new: "Illness | None") -> None:
        """The same cause is back, after it had passed by; `new` is what is known of that so far."""
        self.times.append(step)
        self.calm = 0
        if new is not None:
            self.streaks, self.streak_step, self.last_step = (
                new.streaks,
                new.streak_step,
                new.last_step,
            )
            self.bad = {n: self.bad.get(n, 0) + new.bad.get(n, 0) for n in {**self.bad, **new.bad}}
            self.first, self.last = new.first | self.first, self.last | new.last
            self.joined += (new.key,)

    @property
    def in_a_row(self) -> int:
        """The longest present streak of a metric."""
        return max(self.streaks.values(), default=0)

    @property
    def unbroken(self) -> bool:
        """Whether it goes on and has never passed by."""
        return self.in_a_row > 0 and self.streak_step == self.opened

    def likely(self) -> list[Cause]:
        """The cause that was seen, or else the candidates."""
        seen = self.seen()
        if seen is None:
            return self.causes
        return [seen, *(cause for cause in self.causes if cause.confidence >= GUESS)]

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
        if main is not None and len(self.times) > 1:
            message += f" again and again: at steps {', '.join(map(str, self.times[:5]))}"
            message += ", …" if len(self.times) > 5 else ""
        elif main is not None:
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
            known = first.get("class") in (None, first["layer"])
            kind = "" if known else f" ({first['class']})"
            message = f"; it arose first in `{first['layer']}`{kind} {way}{at}"
        elif first.get("kind") == "input":
            message = "; it came in with the input"
        elif first.get("kind") == "loss":
            made = self._made()
            message = "; it arose outside the model, in the loss" + (f": {made}" if made else "")
        return message.rstrip() + self._rows()

    def _made(self) -> str:
        """What the loss function did that gave no number, in words; '' where that was not found."""
        return str(self.fact.get("note") or "").partition(MADE)[2].partition(";")[0]

    def seen(self) -> Cause | None:
        """The cause, where the probe saw it: the input, an operation of the loss, rows that a layer cannot take."""
        first, rows = self.fact.get("first") or {}, self._rows().removeprefix(", from ")
        kind, layer = first.get("kind"), first.get("layer")
        if kind == "input":
            told = f"{rows or 'all rows'} came in so"
            return Cause("the input holds values that are not finite", 0.95, told)
        if kind == "loss" and (made := self._made()):
            return Cause(f"{made}, in the loss", 0.9, "the graph of the loss holds it")
        bad, total = self.fact.get("batch_rows") or (), self.fact.get("batch_rows_total") or 0
        if layer and kind != "parameter" and 0 < len(bad) <= total / FEW_ROWS:
            told = f"the other {total - len(bad)} came out finite"
            return Cause(f"{rows}, which `{layer}` cannot take", 0.85, told)
        return None

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
