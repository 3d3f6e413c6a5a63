"""Differences and noise: honest intervals, whatever they rest on."""

import random
from statistics import variance

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, ttest_ind, ttest_rel

from labhand.kit.noise import Sample, beside_best, effect, q_values

RESULTS = st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 4)), min_size=3, max_size=8)


def loose(values):
    return Sample(loose=list(values))


@given(RESULTS, RESULTS)
def test_seeds_on_both_sides_give_welchs_interval(a, b):
    found = effect(loose(a), loose(b), [])
    assume(min(max(a) - min(a), max(b) - min(b)) > 0.01)  # below, scipy warns of its precision
    assume(0.01 < variance(a) / variance(b) < 100)
    wanted = ttest_ind(b, a, equal_var=False)
    low, high = wanted.confidence_interval(0.95)
    assert found.p == pytest.approx(wanted.pvalue, rel=1e-6, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-6, abs=1e-9)


@given(RESULTS, st.data())
def test_the_same_seeds_are_compared_in_pairs(a, data):
    b = [x + data.draw(st.floats(-1, 1).map(lambda y: round(y, 3))) for x in a]
    assume(0.01 * variance(a) < variance(b) < 100 * variance(a) or a == b)
    pairs = [Sample(seeded={str(i): x for i, x in enumerate(values)}) for values in (a, b)]
    found = effect(*pairs, pairs)
    assert (found.basis, found.count) == ("pairs", len(a))
    if len({round(y - x, 9) for x, y in zip(a, b, strict=True)}) > 1:
        assert found.p == pytest.approx(ttest_rel(b, a).pvalue, rel=1e-3, abs=1e-6)


def test_single_runs_lean_on_the_spread_of_like_runs_and_claim_nothing_without():
    one, two = loose([1.0]), loose([2.0])
    assert effect(one, two, [one, two]) is None
    assert effect(one, two, [one, two, loose([3.0, 3.0, 3.0])]) is None, "deterministic runs"
    found = effect(one, two, [one, two, loose([1.0, 1.2, 0.9]), loose([5.0, 5.1])])
    assert (found.basis, found.count) == ("like-runs", 3)
    assert found.low < 1.0 < found.high


@pytest.mark.parametrize("sizes", [(1, 1, 6), (3, 3, 0), (2, 5, 0)])
def test_where_nothing_differs_one_in_twenty_claims_is_made(sizes):
    draw = random.Random(3)

    def sample(n):
        return [draw.gauss(0, 1) for _ in range(n)]

    claims = 0
    for _ in range(2000):
        a, b, other = (loose(sample(n)) for n in sizes)
        claims += effect(a, b, [a, b, other] if other.loose else [a, b]).p <= 0.05
    assert claims / 2000 <= 0.065


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_many_tries_count_against_a_claim_as_benjamini_and_hochberg_say(values):
    found = q_values({str(i): p for i, p in enumerate(values)})
    wanted = false_discovery_control(values)
    assert [found[str(i)] for i in range(len(values))] == pytest.approx(list(wanted))


def _setups(rng, means, seeds, of_a_seed=0.0, spreads=None):
    shared = [rng.gauss(0, of_a_seed) for _ in range(seeds)]
    made = [
        Sample({str(i): mean + shared[i] + rng.gauss(0, spread) for i in range(seeds)})
        for mean, spread in zip(means, spreads or [1.0] * len(means), strict=True)
    ]
    return sorted(made, key=lambda setup: sum(setup.seeded.values()))


@pytest.mark.parametrize(("number", "seeds"), [(2, 3), (6, 2), (12, 3), (40, 2)])
@pytest.mark.parametrize("of_a_seed", [0.0, 2.0])
def test_the_best_of_equals_is_seldom_called_better(number, seeds, of_a_seed):
    rng = random.Random(7)
    false = 0
    for _ in range(300):
        best, *others = _setups(rng, [0.0] * number, seeds, of_a_seed)
        false += any(e.p <= 0.05 for e in beside_best(best, others))
    assert false / 300 <= 0.075  # 0.05, and two standard errors of 300 trials


def test_a_setup_that_diverges_does_not_hide_what_the_others_tell():
    rng = random.Random(3)
    best, *others = _setups(rng, [-8, 0, 0, 0, 90], 3, spreads=[1, 1, 1, 1, 40])
    assert [e.p <= 0.05 for e in beside_best(best, others)][:3] == [True] * 3


def test_setups_whose_every_run_is_lost_are_no_tie_however_wild_they_are():
    values = [(0.1042, 0.1079), (0.4505, 0.4522), (2.147, 2.13), (61.4, 27.1), (52.9, 75.7)]
    setups = [Sample({"0": a, "1": b}) for a, b in values]
    effects = beside_best(setups[0], setups[1:])
    assert all(e.p <= 0.05 and 0 < e.low <= e.difference <= e.high for e in effects)
    lost = effect(setups[0], setups[3], [])
    mended = effect(setups[3], setups[0], [])
    assert lost.p == mended.p <= 0.05 and 0 < lost.low < lost.difference == -mended.difference
    assert (mended.low, mended.high) == (-lost.high, -lost.low)


@pytest.mark.parametrize(("spread", "seeds"), [(3, 3), (5, 8)])
def test_a_larger_spread_alone_is_no_difference(spread, seeds):
    rng = random.Random(spread)
    false = 0
    for _ in range(1000):
        a, b = ([rng.gauss(0, s) for _ in range(seeds)] for s in (1, spread))
        false += effect(loose(a), loose(b), []).p <= 0.05
    assert false / 1000 <= 0.065


def test_without_a_spread_no_setup_is_held_to_be_better():
    assert beside_best(loose([1.0]), [loose([2.0])]) is None
    assert beside_best(loose([1.0, 1.0]), [loose([2.0, 2.0])]) is None
