"""Fewer points for drawing, with nothing that matters left out."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labhand.kit.series import downsample

VALUES = st.integers(0, 700).flatmap(
    lambda n: arrays(
        np.float64, n, elements=st.sampled_from([0.0, 1.0, -5.5, 1e300, np.nan, np.inf, -np.inf])
        | st.floats(),
    )
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(values=VALUES, points=st.integers(1, 300))
def test_extremes_ends_and_what_is_no_number_stay_in_order(values, points):
    kept = downsample(values, points)
    assert (np.diff(kept) > 0).all()
    finite = np.isfinite(values)
    if len(values):
        assert kept[0] == 0 and kept[-1] == len(values) - 1
    if finite.any():
        assert values[kept][finite[kept]].max() == values[finite].max()
        assert values[kept][finite[kept]].min() == values[finite].min()
    if not finite.all():
        assert np.argmin(finite) in kept, "the first value that is no number"
    most = max(points, 4)
    assert len(kept) <= most + (0 if finite.all() else most // 2)


def test_every_bucket_with_a_spike_keeps_it():
    values = np.zeros(100_000)
    spikes = np.arange(50, 100_000, 1000)
    values[spikes] = 1.0
    assert set(spikes) <= set(downsample(values, 1000).tolist())


def test_few_values_stay_as_they_are():
    assert downsample(np.arange(10.0), 10).tolist() == list(range(10))
    assert downsample(np.array([]), 10).tolist() == []
