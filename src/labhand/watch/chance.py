"""The levels that a loss has where nothing is learned: known numbers, with their names."""

import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from labhand.watch.course import BETTER_HIGHER, Course, Evaluated
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
SPREAD = 2 * NOISY + 1e-9
"""Levels that are farther apart than this are not all at one number."""
EXPLAIN_LOOKS, ALL, NEARLY_ALL = 20, 0.97, 0.9
"""Looks, and the share of the variance that is left by half and by three quarters of the latter of them."""
FEW_LOOKS, SAME = 8, 0.2
"""So many are enough where none shows less than the latter and the loss has fallen by less, in its logarithm."""
WORSE = 1.5


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

    After the first quarter every level must be within 0.6 % of it, and twice the noise of a level, and
    before that at most 15 % above; where it is told what guessing costs, only the latter half counts.
    """
    course = view.course
    levels = course.levels
    blocks = levels.blocks
    if course.loss is None or levels.raw or len(blocks) < 4:
        return None
    share = unexplained(view)
    if share is not None:
        said = f"{share:.3g} times" if share > WORSE else f"{share:.2f} of"
        return Guessing(f"{said} {guessed(view)}", known=True)
    latter = blocks[len(blocks) // 2 :]
    if max(latter) - min(latter) > SPREAD:
        return None
    for words, floor in told(
        view
    ):  # what came down to it has learned the mean or the frequencies alone
        if max(abs(level - math.log(floor)) for level in latter) < NEAR + 2 * levels.noise < NOISY:
            return Guessing(f"{words} = {floor:.4g}", known=True)
    low, high, first = min(blocks), max(blocks[len(blocks) // 4 :]), max(blocks)
    if high - low > 2 * NOISY:
        return None
    near = min(NOISY, NEAR + 2 * levels.noise)
    for floor, words, sure in _floors(view):
        guess = math.log(floor)
        if abs(low - guess) < near and abs(high - guess) < near and first < guess + ABOVE:
            return Guessing(f"{words} = {floor:.4g}", sure())
    return None


def unexplained(view: View) -> float | None:
    """The share of what guessing costs that the loss is, by the probe, where all of it, about; else None.

    Over the latter half of the looks, of which there must be some; a value that learns of itself, as a critic of
    rewards, is not judged by it.
    """
    track = view.tracks.get("batch/unexplained")
    if track is None or track.count < FEW_LOOKS or view.course.rewards:
        return None
    values = [value for _, value in track.recent]
    if track.count < EXPLAIN_LOOKS and not (min(values) > NEARLY_ALL and _same(view.course)):
        return None
    latter = sorted(values[len(values) // 2 :])
    middle = latter[len(latter) // 2]
    return middle if middle > ALL and latter[len(latter) // 4] > NEARLY_ALL else None


def guessed(view: View) -> str:
    """What `unexplained` is a share of, in words."""
    if view.classes > 1:
        return "what guessing by the frequencies of the labels costs"
    return "the variance of the targets"


def _same(course: Course) -> bool:
    """Whether the training loss is about where it began."""
    blocks = course.levels.blocks
    latter = sorted(blocks[len(blocks) // 2 :])
    return (
        bool(blocks)
        and not course.levels.raw
        and course.levels.start - latter[len(latter) // 2] < SAME
    )


def _floors(view: View) -> Iterator[tuple[float, str, Callable[[], bool]]]:
    """Losses of guessing with their names, and whether it is known that guessing costs as much here."""
    known = classes(view)
    for count in (*known, *USUAL, *VOCABULARIES):
        agrees = partial(_is_known, view, count, certain=count in known or count in VOCABULARIES)
        yield math.log(count), f"ln {count}", agrees


def _is_known(view: View, count: int, *, certain: bool) -> bool:
    return certain or _score_agrees(view, count)


def told(view: View) -> list[tuple[str, float]]:
    """What guessing costs by what the settings, or columns that never change, tell of the labels.

    The entropy of the labels, also that of their frequencies; the variance of a regression's targets.
    """
    still = {t.name: t.last for t in view.having("other") if t.count > 1 and t.lowest == t.highest}
    found = []
    for key, value in (still | view.config).items():
        words = set(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", key).lower()))
        if not words & {"label", "labels", "class", "classes", "target", "targets", "y"}:
            continue
        level = _floor(words, value)
        if level is not None and 1e-9 < level < 1e9 and math.isfinite(level):
            found.append(
                (
                    f"`{key}`"
                    if isinstance(value, (int, float)) and "std" not in words
                    else f"the guess by `{key}`",
                    level,
                )
            )
    return found


def _floor(words: set[str], value: object) -> float | None:
    """The loss of guessing by one setting; None where it tells none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if words & {"entropy", "var", "variance"}:
            return float(value)
        return float(value) ** 2 if words & {"std", "stdev"} else None
    frequencies = words & {
        "counts",
        "count",
        "frequencies",
        "freq",
        "freqs",
        "distribution",
        "priors",
        "prior",
    }
    parts = list(value.values()) if isinstance(value, dict) else value
    if not frequencies or not isinstance(parts, (list, tuple)) or len(parts) < 2:
        return None
    numbers = [float(part) for part in parts if isinstance(part, (int, float)) and part > 0]
    total = sum(numbers)
    return (
        -sum(n / total * math.log(n / total) for n in numbers)
        if len(numbers) == len(parts)
        else None
    )


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
    still = held.first - held.best <= max(0.02 * held.span, 6 * held.noise)
    return is_guess(level, noise, view) if still else None


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
