"""Nothing is lost when the training, labhand, or both are killed with -9 at a random moment."""

import importlib.util
import random
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location(
    "crash", Path(__file__).parents[2] / "benchmarks" / "crash.py"
)
crash = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crash)


@pytest.mark.parametrize("number", range(21))
def test_no_point_whose_call_returned_is_lost(tmp_path, number):
    victim = crash.VICTIMS[number % 3]
    delay = random.Random(number).uniform(0, 0.4)
    outcome = crash.one_round(tmp_path / "x", victim, delay, length=0.6)
    assert outcome["acknowledged"] > 0
    assert outcome["lost"] == 0
    if victim == "labhand":
        assert outcome["went_on"], "killing labhand must not hurt the training"
        assert (outcome["status"], outcome["exit_code"]) == ("finished", 0)
    elif victim == "training":
        assert (outcome["status"], outcome["exit_code"]) == ("failed", 137)
    else:
        assert outcome["status"] in ("failed", "lost")
