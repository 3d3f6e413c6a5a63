"""A run ends at its limit, with time to save, and says so."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.core.errors import UsageError
from labhand.core.store import Store
from labhand.cycle import limit
from labhand.cycle.judge import Setup, judge

ENDLESS = """
import signal, sys, time
def save(*_):
    print("step 1000 loss 0.5", flush=True)
    sys.exit({code})
signal.signal(signal.SIGTERM, save)
for step in range(1000):
    print("step", step, "loss", 1.0, flush=True)
    time.sleep(0.05)
"""


@pytest.mark.parametrize("code", [0, 143])
def test_a_run_at_its_limit_saves_is_stopped_and_judged_so(lab, code):
    lab.script("train.py", ENDLESS.format(code=code))
    done = lab("run", "--limit", "2s", "--", sys.executable, "train.py")
    assert done.returncode == code
    shown = lab.show()
    assert (
        shown["status"] == "stopped" and "limit of 2s" in shown["attempts"][0]["failure"]["message"]
    )
    assert len(shown["attempts"]) == 1 and shown["metrics"]["loss"]["last"] == 0.5
    assert "It was stopped at its limit of 2s, after" in " ".join(
        lab("show", "last").stdout.split()
    )
    store = Store.at(lab.folder)
    setup = Setup([store.read(store.find("last"))], [None])
    assert judge(setup, [setup], [])[0].outcome == "timed-out"


def test_money_is_held_to_the_price_of_an_hour(lab):
    assert limit.seconds("5$", 2.5) == limit.seconds("€ 5", 2.5) == limit.seconds("2h", 0) == 7200
    assert limit.seconds("1h30m", 0) == limit.seconds("90 min", 0) == 5400
    for text in ("5$", "soon", "0s", "-1h", ""):
        with pytest.raises(UsageError):
            limit.seconds(text, 0.0)


@given(st.text("0123456789.hms d$€", max_size=8))
def test_any_text_is_a_time_or_one_sentence(text):
    try:
        assert limit.seconds(text, 1.0) > 0
    except UsageError as error:
        assert len(str(error).splitlines()) == 1
