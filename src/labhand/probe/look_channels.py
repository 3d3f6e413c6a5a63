"""Whether the images that a model is evaluated on have their channels in another order than those of the training."""

from __future__ import annotations

from itertools import permutations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Sequence, Tuple

CHANNELS = (3, 4)
SIDE_LEAST = 4
ROWS_MAX, PIXELS_MAX = 32, 1024
"""Images of a batch that are measured, and pixels of each, evenly spread."""
CALLS, IMAGES = 3, 64
"""Calls of an evaluation, and images of either kind, before anything is said."""
APART = 25.0
"""Mean squares of deviations, in units of their errors: by so much the channels must differ as they stand, …"""
NEARER = 0.05
"""… and by no more than this share of it in another order."""


class Measures:
    """Of images of one kind the mean and the deviation of each channel, over images."""

    def __init__(self) -> None:
        self.images = self.calls = 0
        self.sums: List[float] = []
        self.squares: List[float] = []

    def add(self, found: Any) -> None:
        """Takes those of a batch, a row for each image."""
        sums, squares = found.sum(0).tolist(), found.square().sum(0).tolist()
        if len(sums) != len(self.sums):
            self.images, self.calls = 0, 0
            self.sums, self.squares = [0.0] * len(sums), [0.0] * len(sums)
        self.images, self.calls = self.images + len(found), self.calls + 1
        self.sums = [a + b for a, b in zip(self.sums, sums)]  # noqa: B905
        self.squares = [a + b for a, b in zip(self.squares, squares)]  # noqa: B905

    def told(self) -> List[Tuple[float, float]]:
        """The mean of each measure, and the square of its error."""
        of = self.images
        pairs = zip(self.sums, self.squares)  # noqa: B905
        return [(a / of, max(0.0, b / of - (a / of) ** 2) / of) for a, b in pairs]


class Channels:
    """Compares the channels of images that are trained on with those that are evaluated; says once what it found."""

    def __init__(self) -> None:
        self.kinds = Measures(), Measures()
        self.over = False

    def trained(self, tensor: Any) -> None:
        """A batch of the training."""
        found = None if self.over else measured(tensor)
        if found is not None:
            self.kinds[0].add(found)

    def evaluated(self, tensor: Any) -> Optional[List[int]]:
        """A batch of an evaluation: which channel of the training each of its channels is, where that is proven."""
        found = None if self.over or not self.kinds[0].images else measured(tensor)
        if found is None:
            return None
        self.kinds[1].add(found)
        training, evaluation = self.kinds
        few = min(training.images, evaluation.images) < IMAGES
        if few or evaluation.calls < CALLS or len(training.sums) != len(evaluation.sums):
            return None
        order = other_order(training.told(), evaluation.told())
        self.over = order is not None
        return order


def measured(tensor: Any) -> Optional[Any]:
    """The mean and the deviation of each channel, a row for each image; None of what are no images in colour."""
    fit = tensor.dim() == 4 and tensor.is_floating_point() and tensor.shape[1] in CHANNELS
    if not fit or min(tensor.shape[2:]) < SIDE_LEAST:
        return None
    pixels = tensor[:ROWS_MAX].flatten(2)
    pixels = pixels[:, :, :: max(1, pixels.shape[2] // PIXELS_MAX)].double()
    means = pixels.mean(2)
    found = means.new_empty(len(means), 2 * means.shape[1])
    found[:, : means.shape[1]], found[:, means.shape[1] :] = means, pixels.std(2)
    return found


def other_order(
    training: Sequence[Tuple[float, float]], evaluation: Sequence[Tuple[float, float]]
) -> Optional[List[int]]:
    """The order of channels in which evaluation is as training; None where that is their own, or none is."""
    channels = len(training) // 2

    def apart(order: Sequence[int]) -> Tuple[float, float]:
        """How far they are apart in an order: in units of the errors, and as they are."""
        chosen = [*order, *(channels + place for place in order)]
        squares = [
            ((mean - training[place][0]) ** 2, error + training[place][1])
            for (mean, error), place in zip(evaluation, chosen)  # noqa: B905
        ]
        scaled = sum(square / error if error > 0 else 0.0 for square, error in squares)
        return scaled / len(squares), sum(square for square, _ in squares)

    as_they_stand = apart(range(channels))
    if as_they_stand[0] < APART:
        return None
    best = min(permutations(range(channels)), key=apart)
    near = all(a <= NEARER * b for a, b in zip(apart(best), as_they_stand))  # noqa: B905
    return list(best) if near else None
