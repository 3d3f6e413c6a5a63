"""The environment of learn rewards what it should; predictions rest on the past alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.learn import belief, env
from labhand.learn.predict import Companions, Next

SEEDS = range(4)


def nothing(past, defaults, asked):
    return {}


def refuses_what_is_asked(past, defaults, asked):
    return {**defaults, **{k: None for k in asked}}


def anything(past, defaults, asked):
    return {k: env.VALUES[k][len(past) % len(env.VALUES[k])] for k in defaults}


def the_defaults(past, defaults, asked):
    return {**defaults, **asked}


@pytest.mark.parametrize("cheat", [nothing, refuses_what_is_asked, anything, the_defaults])
def test_cheats_and_doing_nothing_score_nothing(cheat):
    for seed in SEEDS:
        assert env.play(env.make(seed), cheat)[0].value == 0


def test_an_oracle_scores_all_and_an_episode_is_hidden_until_it_is_over():
    for seed in SEEDS:
        problem = env.make(seed)
        assert env.make(seed).episodes == problem.episodes

        def oracle(past, defaults, asked, problem=problem):
            episode = problem.episodes[len(past)]
            assert asked == episode.asked and past == [
                e.wanted for e in problem.episodes[: len(past)]
            ]
            return episode.wanted

        assert env.play(problem, oracle)[0].value == 1


def test_habits_save_edits_and_more_so_later():
    costs = [env.play(env.make(seed), env.solve) for seed in SEEDS]
    assert all(score.value > 0.75 for score, _ in costs)
    first = sum(sum(cost[:15]) for _, cost in costs)
    last = sum(sum(cost[-15:]) for _, cost in costs)
    assert last < first


def test_what_comes_next_is_told_from_what_came_before():
    model = Next()
    for number in range(12):
        model.see({"lr": (1e-3 / 2**number, 1e-3 / 2 ** (number + 1))})
        model.see({"wd": (0.1, 0.2) if number % 2 else (0.2, 0.1)})
    assert model.settings()[0] == "lr"
    assert model.values("lr", 8.0)[0] == 4
    assert model.values("wd", 0.2)[0] == 0.1
    files = Companions()
    for number in range(10):
        files.see(["a.py", "version"])
        files.see(["b.py", f"c{number}.py"])
    assert files.files("a.py")[0] == "version"


@given(st.lists(st.sampled_from("abc"), max_size=60))
def test_a_settled_value_is_that_of_most_since_it_began(values):
    found = belief.settled(values)
    if found is None:
        return
    since = values[found.start :]
    assert found.support >= belief.LEAST and found.support > len(since) / 2
    assert since.count(found.value) == found.support
    assert 0 < found.bound < found.support / (found.support + found.against) + 0.05


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_lower_bound_lies_below_the_share_and_rises_with_evidence(support, against):
    bound = belief.lower(support, against)
    assert 0 <= bound <= (support + 0.5) / (support + against + 1)
    assert belief.lower(support + 1, against) >= bound >= belief.lower(support, against + 1)
