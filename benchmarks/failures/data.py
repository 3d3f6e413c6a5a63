"""The handwritten digits that come with scikit-learn, for the scripts beside this file.

Read without importing scikit-learn, which takes longer than most of these trainings.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch


def digits(scale=16.0):
    """1,400 images of 64 pixels to train on, and 397 held out, in a fixed order, classes mixed."""
    folder = find_spec("sklearn").submodule_search_locations[0]
    table = np.loadtxt(Path(folder) / "datasets/data/digits.csv.gz", delimiter=",", dtype="float32")
    table = torch.from_numpy(table[np.random.default_rng(0).permutation(len(table))])
    x, y = table[:, :64] / scale, table[:, 64].long()
    return x[:1400], y[:1400], x[1400:], y[1400:]
