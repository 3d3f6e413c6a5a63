"""What was won and is lost again, told by rewards or by scores alone."""

import math
from typing import NamedTuple

from labhand.watch.course import Course, Evaluated
from labhand.watch.levels import Levels, noise
from labhand.watch.tracks import median

LEAST_BLOCKS = 10
BEYOND_NOISE = 6.0
"""What a reward had won must be so many times the noise of its level."""
LEAST_WORSE, WORSE = 13, 4.0
"""Blocks, and so many times the noise of a level that a reward must have lost, where it never won anything."""
STAYS, SHARE_STAYS = 4, 8
"""Blocks, and the share of them, through which a reward must have stayed low."""
EVALUATIONS = 4
"""Evaluations in a row at which a score must be low."""
CLIMBED, LATELY = 100.0, 5.0
"""So many times its best level the loss of values has climbed to, and what it was in the first half."""
LEAST_CLIMBED = 16
"""Levels of a loss by which it is told."""
MILD = 0.4
"""The share of what was won that may be lost: rewards sway as the policy does."""


class Collapse(NamedTuple):
    """A metric that had won and has lost; `lost` is the share, `score` that beyond what is mild."""

    name: str
    best: float
    now: float
    lost: float
    since: int

    @property
    def score(self) -> float:
        """Larger is worse; 0.3 where 70 % of what was won is lost."""
        return self.lost - MILD


def of_rewards(course: Course) -> Collapse | None:
    """What all rewards have lost on average, told by the one that has lost most."""
    found = [_reward(name, levels) for name, levels in course.rewards.items()]
    known = [collapse for collapse in found if collapse is not None]
    if not known or len(known) < len(found):
        return None
    worst = max(known, key=lambda collapse: collapse.lost)
    return worst._replace(lost=sum(collapse.lost for collapse in known) / len(known))


def _reward(name: str, levels: Levels) -> Collapse | None:
    blocks = levels.blocks
    if len(blocks) < LEAST_BLOCKS:
        return None
    low, at = levels.best()
    now = levels.now(max(STAYS, len(blocks) // SHARE_STAYS))
    won = max(blocks[:2]) - low
    if won <= BEYOND_NOISE * levels.noise:
        return None
    return Collapse(name, -low, -now, min(1.0, max(0.0, (now - low) / won)), levels.steps[at])


def climbs(course: Course) -> bool:
    """Whether the loss climbs on and on while no reward gets better: values that feed on themselves.

    That of values which follow rewards grows with these, and falls once they do not.
    """
    levels, rewards = course.levels, course.rewards.values()
    blocks = levels.blocks
    if levels.raw or len(blocks) < LEAST_CLIMBED or not rewards:
        return False
    now, before = levels.now(STAYS), max(blocks[: len(blocks) // 2])
    if now - min(blocks) < math.log(CLIMBED) or now - before < math.log(LATELY):
        return False
    return all(len(r.blocks) >= LEAST_BLOCKS and not _better(r) for r in rewards)


def _better(reward: Levels) -> bool:
    """Whether a reward has got better in its latter half."""
    half = len(reward.blocks) // 2
    early, late = sorted(reward.blocks[:half]), sorted(reward.blocks[half:])
    return late[len(late) // 4] < early[len(early) // 4] - 2 * reward.noise


def of_worse(course: Course) -> Collapse | None:
    """A reward that has only got worse since the start, as all others of the run; None where one has not."""
    found = [_worse(name, levels) for name, levels in course.rewards.items()]
    known = [worse for worse in found if worse is not None]
    return known[0] if known and len(known) == len(found) else None


def _worse(name: str, levels: Levels) -> Collapse | None:
    blocks = levels.blocks
    if len(blocks) < LEAST_WORSE:
        return None
    early, late = blocks[: max(2, len(blocks) // 8)], blocks[len(blocks) // 2 :]
    start, now = max(early), median(late[-STAYS:])
    # noise is that of neighbours, and so a steady fall counts as noise, too: what is lost early is no noise of the rest
    fell = min(late) > start and now - start > WORSE * noise(late)
    if not fell or min(blocks) < min(early) - levels.noise:
        return None
    return Collapse(name, -median(early), -now, 1.0, levels.steps[0])


def of_scores(course: Course) -> Collapse | None:
    """What the scores and error rates have lost on average, where there is no training loss."""
    rates = [e for e in course.held.values() if e.role != "validation-loss"]
    if not rates or any(e.count - e.best_count < EVALUATIONS for e in rates):
        return None
    lost = [_lost(e) for e in rates]
    worst = rates[lost.index(max(lost))]
    best, now = worst.plainly(worst.best), worst.plainly(median(list(worst.recent)[-EVALUATIONS:]))
    return Collapse(worst.name, best, now, sum(lost) / len(lost), worst.best_step)


def _lost(held: Evaluated) -> float:
    now, won = min(list(held.recent)[-EVALUATIONS:]), held.first - held.best
    if won <= max(0.02, 4 * held.noise):
        return 0.0
    return min(1.0, max(0.0, (now - held.best) / won))
