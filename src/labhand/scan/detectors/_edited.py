"""Images that something was done to: what undoes it makes them as the others are."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from labhand.scan.anomaly import Anomaly
from labhand.scan.appearance import appearance
from labhand.scan.data import Data
from labhand.scan.detectors._pictures import Pictures, claim, pictures

LEAST = 60
MOST = 0.08
"""The share of images up to which those that an edit mends are the odd ones."""
POOL = 2_000
"""Images that each is compared with."""
NEAREST = 3
WORSE = 0.04
"""How much farther from the others, by the logarithm, an edit takes an image usually, or it tells nothing."""
SURELY = 2.5
"""The same in deviations, so that it is worse for nearly every image."""
BETTER, CLEAR = 0.5, 4.0
"""How much nearer it takes the odd ones: in parts of that, and in deviations from what is usual."""
NEARLY = 0.15
"""How much less an edit may mend than the best one, and be as likely."""
MANY = 10_000
BLOCK = 1_000

Matrix = Any


class Edit(NamedTuple):
    """What may have been done to an image, and what undoes it."""

    what: str
    advice: str
    undo: Callable[[Matrix], Matrix]


COLOURS = (
    Edit("have red and blue exchanged", "exchange the channels of these: BGR was read as RGB", lambda t: t[..., ::-1]),
    Edit("are negatives", "invert these", lambda t: 1 - t),
)  # fmt: skip
WAYS = (
    Edit("stand on their head", "turn these over", lambda t: t[:, ::-1]),
    Edit("are turned by half", "turn these by 180°", lambda t: t[:, ::-1, ::-1]),
    Edit("are mirrored", "mirror these back", lambda t: t[:, :, ::-1]),
    Edit("lie on their side", "turn these by 90°, as their EXIF may say", lambda t: t.transpose(0, 2, 1, 3)[:, ::-1]),
    Edit("lie on their side", "turn these by 90°, as their EXIF may say", lambda t: t.transpose(0, 2, 1, 3)[:, :, ::-1]),
    Edit("have rows and columns exchanged", "exchange the axes of these", lambda t: t.transpose(0, 2, 1, 3)),
)  # fmt: skip
EDITS = (*COLOURS, *WAYS)


def edited(data: Data, edits: tuple[Edit, ...], group: str) -> Iterator[Anomaly]:
    """One anomaly a kind of edit and part. An image that several edits mend goes to that which mends most images."""
    import numpy as np

    for told in pictures(data):
        if len(told.good) < LEAST:
            continue
        if len(told.good) > MANY and not data.thorough:
            data.left_out(f"images that were turned or recoloured, among more than {MANY:,}")
            continue
        gains = _gains(data, told)
        mends = np.stack([_mended(gain) for gain in gains]) & (gains >= gains.max(axis=0) - NEARLY)
        left = np.ones(len(told.good), dtype=bool)
        for at in np.argsort(-mends.sum(axis=1), kind="stable"):
            odd, gain = np.flatnonzero(mends[at] & left), gains[at]
            left[odd] = False
            edit = EDITS[at]
            if edit in edits and len(odd) <= MOST * len(gain):
                odd = odd[np.argsort(-gain[odd], kind="stable")]
                normal = f"edited so, {np.mean(gain < 0):.0%} of the images come to lie farther from their like"
                yield from claim(
                    told, odd, gain[odd], edit.what, edit.advice, normal, most=MOST, group=group
                )


def _mended(gain: Matrix) -> Matrix:
    """Whether an edit brings an image about as much nearer to the others as it takes usual ones away."""
    import numpy as np

    usual = float(np.median(gain))
    spread = 1.4826 * float(np.median(np.abs(gain - usual)))
    if -usual < max(WORSE, SURELY * spread):
        return np.zeros(len(gain), dtype=bool)
    return (gain > BETTER * -usual) & (gain > usual + CLEAR * spread)


def _gains(data: Data, told: Pictures) -> Matrix:
    """By edit and image, the logarithm of how much nearer the edit brings it to the others; made once."""
    return data.shared(f"edits {told.part.name}", lambda: _made(told))


def _made(told: Pictures) -> Matrix:
    import numpy as np

    thumbnails = told.thumbnails
    some = np.random.default_rng(0).permutation(len(thumbnails))[:POOL]
    pool = appearance(thumbnails[some])
    usual = _apart(appearance(thumbnails), pool, some)
    undone = (appearance(edit.undo(thumbnails)) for edit in EDITS)
    return np.stack([np.log(usual / _apart(lines, pool, some)) for lines in undone])


def _apart(lines: Matrix, pool: Matrix, some: Matrix) -> Matrix:
    """The distance of each line to the third nearest of the pool but the image itself."""
    import numpy as np

    own = np.full(len(lines), -1)
    own[some] = np.arange(len(some))
    made = []
    for start in range(0, len(lines), BLOCK):
        block = lines[start : start + BLOCK]
        squares = (block**2).sum(1)[:, None] + (pool**2).sum(1) - 2 * block @ pool.T
        mine = own[start : start + BLOCK]
        there = np.flatnonzero(mine >= 0)
        squares[there, mine[there]] = np.inf
        place = min(NEAREST, squares.shape[1]) - 1
        made.append(np.partition(squares, place, axis=1)[:, place])
    return np.sqrt(np.maximum(np.concatenate(made), 1e-9))
