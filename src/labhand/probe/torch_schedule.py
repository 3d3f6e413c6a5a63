"""One plan for all that the probe measures, so that all of it together stays under 1 % of the time.

It says which steps are attended, what is measured at them, and what every step bears. Most steps pass by the short way (`torch_short`). At an *attended* step a row is written; the numbers
about the whole model (gradient norm, update ratio) and the looks are *parts* that join it when they
have saved up for it. A look that compares neighbours is given the next step too, which then is
attended whatever the gap would have been.

A training that is over in seconds earns too little for that. So each training has an *opening*: at its
steps 1, 2, 4, 8 and so on every look is given its turn, paid out of some hundredths of a second that nobody
has to earn. What is certain at the start (what an optimizer holds, whether it moves) is known by then.

All of it, and a step's time, is what the thread's own clock shows: on a machine that is shared the
wall clock counts the work of others too, and would let a training of 1 ms a step pay as one of 10 ms.
"""

from __future__ import annotations

from time import thread_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

SHARE = 0.0065
"""Share of the step time for all that is known here. The rest to 1 % is for what is not."""
LEFT_MIN = 0.001
"""So much is left for attended steps, however dear the passing of every step is."""
EVERY_STEP = 9e-6
"""Seconds that every step costs, attended or not, as `benchmarks/probe.py` measured them, …"""
ADDITION = 2.4e-8
"""… where an addition in a loop of Python took so many: a slower machine is slower in both."""
GLANCE_SHARE = 0.0015
"""Looking at one gradient in every step may take this share of the time, else it is left out."""
WHOLE_SHARE = 0.002
"""So may keeping every step whole: the random state, and the gradients at the models' outputs."""
AFTER = 1.3
"""What is measured costs more than it takes: what runs next finds its data gone from the caches."""
ROWS, NUMBERS, LOOKS = 3, 2, 4
"""How what is left for attended steps is divided."""
GAP_MAX = 1000
SPREAD = 8
"""However short the steps, one is attended before the run is an eighth longer: a short run has its curve."""
COLD = 8
PACE = 1.07
OPENING, OPENING_SHARE = 0.05, 0.01
"""Seconds for the opening of the first training, or this share of the time so far (imports) if that is more."""
ASKED = 0.02
"""Seconds for looking at its first evaluations."""
ANEW_SHARE = 0.002
"""Share of the time that is given to the openings of further trainings in one process."""
FREAK = 3
"""A turn that took so many times as long as usual met something that comes once: it pays no more."""
FIRST_COST = 2e-4
CREDIT = 0.002
"""Seconds for rows, and for numbers, before anything was earned: the first steps are measured whole."""


def passing() -> float:
    """Seconds that every step costs on this machine. Takes about a quarter of a millisecond."""
    turns, took = 1000, []
    for _ in range(4):
        began = thread_time()
        total = 0
        for number in range(turns):
            total += number
        took.append((thread_time() - began) / turns)
    return EVERY_STEP * max(0.5, min(took) / ADDITION)


def nearer(median: float, value: float) -> float:
    """A running median, after one more value: a step up or down, whatever the distance."""
    return min(value, median * PACE) if value > median else max(value, median / PACE)


class Purse:
    """Seconds that may be spent; it may owe some after a dear turn."""

    def __init__(self, holds: float) -> None:
        self.holds = holds

    def affords(self, seconds: float) -> bool:
        """Whether it holds so much."""
        return self.holds >= seconds


class Part(Purse):
    """One thing that is measured: it earns a share of the time."""

    def __init__(self, weight: float, credit: float = 0.0) -> None:
        super().__init__(credit)
        self.weight, self.credit = weight, credit
        self.cost = FIRST_COST
        self.turns = 0

    @property
    def ready(self) -> bool:
        """Whether it holds what its next turn is likely to take."""
        return self.affords(self.cost)

    def earn(self, seconds: float) -> None:
        """Puts in these seconds; a few turns are saved up, no more: nothing is made up for after a pause."""
        self.holds = min(self.holds + seconds, 3 * self.cost + self.credit)

    def owes(self, seconds: float) -> float:
        """What a turn that took so long costs with what it leaves behind, in seconds."""
        self.turns += 1
        if self.turns == 1:  # the first call of anything in torch is dear, and happens once
            return 0.0
        took = AFTER * seconds
        if self.turns <= COLD:
            self.cost = took if self.turns == 2 else min(took, self.cost)  # noqa: PLR2004
        else:
            self.cost = nearer(self.cost, took)
        return min(took, FREAK * self.cost)


class Schedule:
    """What a step takes, what may be spent on it, and by whom."""

    def __init__(self, passing: float = EVERY_STEP) -> None:
        self.passing = passing
        self.rows = Part(ROWS, CREDIT)
        self.numbers = Part(NUMBERS, CREDIT)
        self.parts: List[Part] = [self.rows, self.numbers]
        self.typical = 0.0
        """Seconds of this thread that a step takes, without the probe's."""
        self.glance_cost = 1e-5
        self.whole_cost = 1e-4
        self.attended = self.steps = 0
        self.spent = self.elapsed = self.lent = 0.0
        self.opening = Purse(max(OPENING, OPENING_SHARE * thread_time()))
        self.asked = Purse(ASKED)

    def part(self, share: float) -> Part:
        """A further part, with this share of what the looks get together."""
        made = Part(LOOKS * share)
        self.parts.append(made)
        return made

    def pay(self, part: Part, seconds: float, purse: Optional[Purse] = None) -> None:
        """A turn of this part took so long, which is paid out of this purse: without one, its own."""
        took = part.owes(seconds)
        (purse or part).holds -= took
        self.spent += took

    def passed(self, seconds: float, steps: int, untypical: bool) -> None:
        """So many steps have passed, the last of them attended; one takes `seconds`, without the probe's.

        An `untypical` one, such as one with an evaluation, says nothing about the next.
        """
        self.attended += 1
        self.steps += steps
        if not untypical and seconds > 0:
            known = self.typical or seconds
            if self.attended < COLD:  # what is met for the first time takes longer
                self.typical = min(seconds, known)
            else:
                self.typical = nearer(known, seconds)
        time = self.typical * steps
        self.elapsed += time
        self.spent += self.every * steps
        for part in self.parts:
            part.earn(self.rate(part) * time)

    def begin_again(self) -> None:
        """Another training begins: its first steps are looked at as closely, as far as that is paid for."""
        spare = max(0.0, ANEW_SHARE * thread_time() - self.lent) / (OPENING + ASKED)
        for purse, whole in ((self.opening, OPENING), (self.asked, ASKED)):
            before, purse.holds = purse.holds, max(purse.holds, min(whole, spare * whole))
            self.lent += purse.holds - max(0.0, before)
        self.typical, self.attended, self.steps = 0.0, 0, 0

    @property
    def every(self) -> float:
        """Seconds that each step bears, attended or not."""
        glances = AFTER * self.glance_cost if self.glances else 0.0
        return self.passing + glances + (AFTER * self.whole_cost if self.whole else 0.0)

    def rate(self, part: Part) -> float:
        """The share of the time that a part earns: less where steps are so short that `every` is felt."""
        left = SHARE - self.every / self.typical if self.typical else SHARE
        return max(LEFT_MIN, left) * part.weight / (ROWS + NUMBERS + LOOKS)

    @property
    def gap(self) -> int:
        """How many steps there are to the next that is attended, that one included."""
        if not self.typical or self.attended <= COLD:
            return 1
        missing = self.rows.cost - self.rows.holds
        wanted = missing / (self.rate(self.rows) * self.typical)
        return max(1, min(GAP_MAX, round(wanted), 1 + self.steps // SPREAD))

    def bore(self, whole: float, glance: float) -> None:
        """Keeping a step whole, and the look at one gradient, took so long."""
        self.whole_cost = nearer(self.whole_cost, whole)
        self.glance_cost = nearer(self.glance_cost, glance)

    @property
    def glances(self) -> bool:
        """Whether one gradient is looked at in every step."""
        return AFTER * self.glance_cost <= GLANCE_SHARE * self.typical

    @property
    def whole(self) -> bool:
        """Whether every step is kept whole, so that it can be run again as it was."""
        return AFTER * self.whole_cost <= WHOLE_SHARE * self.typical

    @property
    def share(self) -> float:
        """Share of the step time that all of it took, by the probe's own clock."""
        return self.spent / self.elapsed if self.elapsed > 0 else 0.0
