"""What images look like, as numbers that models of classes learn from: light, colours and edges."""

from typing import Any

Matrix = Any
COARSE = 2
"""Pixels of a thumbnail, a side, that are brought together."""
SHADES = 4
"""Steps of each channel by which colours are counted."""
WAYS = 8
"""Directions of edges that are told apart."""
COLOUR, EDGE = 5.0, 3.0
"""How much the shares of colours and of edges weigh beside single pixels, which are many."""


def appearance(thumbnails: Matrix) -> Matrix:
    """One line an image: its pixels made coarse, the share of each colour, and of each direction of edges by quarter.

    `thumbnails` are images x side x side x 3, from 0 to 1.
    """
    import numpy as np

    number, side = thumbnails.shape[:2]
    cut = side // COARSE
    coarse = thumbnails.reshape(number, cut, COARSE, cut, COARSE, 3).mean(axis=(2, 4))
    made = [coarse.reshape(number, -1), COLOUR * _colours(thumbnails), EDGE * _edges(thumbnails)]
    return np.hstack(made).astype(np.float32)


def _colours(thumbnails: Matrix) -> Matrix:
    """The root of the share of each colour, so that rare ones count as well."""
    import numpy as np

    step = (thumbnails * (SHADES - 1e-3)).astype(int)
    code = (step * [SHADES**2, SHADES, 1]).sum(axis=3).reshape(len(step), -1)
    counts = [np.bincount(line, minlength=SHADES**3) for line in code]
    return np.sqrt(np.stack(counts) / code.shape[1])


def _edges(thumbnails: Matrix) -> Matrix:
    """The root of the share of each direction, in each quarter of an image."""
    import numpy as np

    down, across = np.gradient(thumbnails.mean(axis=3), axis=(1, 2))
    strong = np.hypot(down, across)
    way = ((np.arctan2(down, across) % np.pi) / np.pi * (WAYS - 1e-3)).astype(int)
    half = thumbnails.shape[1] // 2
    quarter = np.add.outer(np.arange(2 * half) // half * 2, np.arange(2 * half) // half)
    code = (quarter * WAYS + way).reshape(len(way), -1)
    weight = strong.reshape(len(way), -1)
    pairs = zip(code, weight, strict=True)
    sums = np.stack([np.bincount(c, w, minlength=4 * WAYS) for c, w in pairs])
    return np.sqrt(sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-6))
