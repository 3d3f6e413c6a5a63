"""The levels that a loss has where nothing is learned: known numbers, with their names."""

import math
from typing import NamedTuple

from labhand.watch.course import BETTER_HIGHER, Evaluated
from labhand.watch.view import View

USUAL = (2, 3, 4, 5, 10, 20, 100, 1000)
"""Numbers of classes that are looked for where the settings name none."""
VOCABULARIES = (30522, 32000, 50257, 50304, 100277, 128256, 151936, 250002)
"""Numbers of tokens of usual language models: nothing but guessing among them costs as much."""
MOST_CLASSES = 10_000_000
FEW_EXAMPLES = 0.25
"""So far, as a share, the score of guessing may be from one in the number of classes."""
NEAR = 0.006
"""A level within this share of the number is at it."""

ABOVE, NOISY = 0.15, 0.02


def classes(view: View) -> list[int]:
    """The numbers of classes or tokens that the probe or the settings name."""
    found = [view.classes] if view.classes > 1 else []
    for key, value in view.config.items():
        name = key.lower()
        named = "class" in name or "vocab" in name or "num_labels" in name
        if named and isinstance(value, int) and 1 < value <= MOST_CLASSES:
            found.append(value)
    return found


class Guessing(NamedTuple):
    """A level of guessing in words; `known` where more than the loss says that it is one.

    The probe or the settings name the number of classes, a score stays at one in as many, or it is that
    of a usual vocabulary.
    """

    words: str
    known: bool


def at_guessing(view: View) -> Guessing | None:
    """The level of guessing at which the training loss has been all along; None where it has not.

    After the first quarter every level must be within 0.6 % of one ln k, and twice the noise of a level,
    and before that at most 15 % above.
    """
    course = view.course
    levels = course.levels
    blocks = levels.blocks
    if course.loss is None or levels.raw or len(blocks) < 4:
        return None
    low, high, first = min(blocks), max(blocks[len(blocks) // 4 :]), max(blocks)
    if high - low > 2 * NOISY:
        return None
    near = min(NOISY, NEAR + 2 * levels.noise)
    known = classes(view)
    for count in (*known, *USUAL, *VOCABULARIES):
        guess = math.log(math.log(count))
        if abs(low - guess) < near and abs(high - guess) < near and first < guess + ABOVE:
            sure = count in known or count in VOCABULARIES or _score_agrees(view, count)
            return Guessing(f"ln {count} = {math.log(count):.4g}", sure)
    return None


def _score_agrees(view: View, count: int) -> bool:
    """Whether a score has stayed where guessing among so many classes puts it."""
    scores = (*view.course.held.values(), *view.course.beside.values())
    return any(unmoved_guess(score, view) == count for score in scores if score.count > 3)


def unmoved_guess(held: Evaluated, view: View) -> int | None:
    """The number of classes among which a score has always been that of guessing; None of any other."""
    if held.role not in BETTER_HIGHER:
        return None
    level, best, noise = -held.level / held.span, -held.best / held.span, held.noise / held.span
    for count in classes(view):
        if max(level, best) <= (1 + FEW_EXAMPLES) / count + 2 * noise:
            return count
    guess = is_guess(level, noise, view)
    return guess if held.first - held.best <= max(0.02 * held.span, 6 * held.noise) else None


def is_guess(score: float, noise: float, view: View) -> int | None:
    """The number of classes of which a score from 0 to 1 is the share that guessing has right.

    Where the number is known, few examples may put it a quarter off.
    """
    known = classes(view)
    for count in (*known, *USUAL):
        off = FEW_EXAMPLES if count in known else 0.02
        if abs(score - 1 / count) <= off / count + 2 * noise:
            return count
    return None


def softmax_twice(count: int) -> float:
    """The least cross-entropy of `count` classes where the softmax is taken twice.

    The inner softmax gives at best 1 for the right class and 0 for the others; the outer one makes
    e / (e + k - 1) of that. For 10 classes 1.461.
    """
    return math.log(math.e + count - 1) - 1
