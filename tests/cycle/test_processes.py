"""Which processes of an attempt belong to one training."""

import pytest

from labhand.cycle.processes import Processes


@pytest.mark.parametrize(("rank", "again"), [(None, True), (0, True), (1, False)])
def test_a_rank_above_0_is_no_further_training_when_rank_0_has_ended(rank, again) -> None:
    processes = Processes()
    assert not processes.meet(10, wrote=True)
    processes.ended(10)
    assert processes.meet(11, wrote=True, rank=rank) == again
