"""What is told of the values in a line that failed."""

import numpy as np
import pytest

from labhand.probe.held import values


def test_labels_and_indices_are_told_with_their_reach() -> None:
    local = {
        "x": np.array([[0, 30]]),
        "y": np.array([3, 3]),
        "rate": np.array([0.5]),
        "none": np.array([], dtype=int),
    }
    assert values("embed(x, y, rate, none)", local, {}) == {
        "x": "ndarray (1, 2) int64, 0 to 30",
        "y": "ndarray (2,) int64, all 3",
        "rate": "ndarray (1,) float64",
        "none": "ndarray (0,) int64",
    }


def test_a_layer_of_the_model_is_told_with_its_sizes() -> None:
    torch = pytest.importorskip("torch")

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(30, 16)

    told = values("self.embed(x)", {"self": Model(), "x": torch.tensor([30])}, {})
    assert told["self.embed"] == "an Embedding (30, 16)"
    assert told["x"] == "Tensor (1,) int64, all 30"
