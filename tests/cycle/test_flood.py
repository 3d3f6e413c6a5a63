"""A script that prints a flood is not held up, and nothing of what it printed is lost."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from labhand.cycle import backlog
from labhand.cycle.backlog import FLOOD_BYTES_S, Backlog, Flow, Piece

FLOOD = """
import sys
for step in range({lines}):
    sys.stdout.write(f"step {{step}} loss {{1 / (step + 1):.6f}} acc {{step / 7:.3f}}\\n")
    if step % 1000 == 0:
        sys.stderr.write(f"note {{step}}\\n")
"""


def test_of_a_flood_everything_is_shown_kept_and_read(lab):
    lab.script("train.py", FLOOD.format(lines=30_000))
    done = lab.run("train.py")
    assert done.returncode == 0, done.stderr
    kept = (lab.attempt() / "output.log").read_text()
    notes = "".join(line for line in kept.splitlines(True) if line.startswith("note"))
    assert "".join(line for line in kept.splitlines(True) if line not in notes) == done.stdout
    assert notes.count("\n") == 30
    metrics = lab.show()["metrics"]
    assert {name: m["points"] for name, m in metrics.items() if name in ("loss", "acc")} == {
        "loss": 30_000,
        "acc": 30_000,
    }
    assert (metrics["loss"]["first"], metrics["loss"]["last_step"]) == (1.0, 29_999)


IMPATIENT = """
import sys
from labhand.cycle import recorder, run
recorder.SLICE_S = recorder.PRESSING_S = 0.01
recorder.FLOOD_PAUSE_S = 1e9
run._Carrier._had_enough = lambda self: True
sys.argv = ["labhand", "run", "--", sys.executable, "train.py"]
from labhand.cli import main
main()
"""


def test_who_does_not_wait_for_the_reading_finds_all_of_it_later(lab):
    lab.script("train.py", FLOOD.format(lines=20_000))
    lab.script("impatient.py", IMPATIENT)
    done = subprocess.run(
        [sys.executable, "impatient.py"], cwd=lab.folder, capture_output=True, check=False
    )
    assert done.returncode == 130, done.stderr
    before = _points(lab.attempt())
    assert 0 <= before < 20_000
    shown = lab.show()
    assert (shown["status"], shown["exit_code"]) == ("finished", 0)
    assert shown["metrics"]["loss"]["points"] == 20_000


def _points(attempt):
    from labhand.kit.points import Tail

    return sum("loss" in row.names for row in Tail(attempt).read())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["stdout", "stderr"]),
            st.binary(max_size=60),
            st.booleans(),
            st.integers(0, 40),
        ),
        max_size=40,
    )
)
def test_what_waits_comes_in_order_from_memory_or_from_the_file(steps):
    file = bytearray()
    waiting = Backlog(lambda at, size: bytes(file[at : at + size]))
    given_in, taken = [], []
    before = backlog.IN_MEMORY_BYTES
    backlog.IN_MEMORY_BYTES = 100
    try:
        for time, (stream, data, on_disk, size) in enumerate(steps):
            waiting.put(Piece(stream, time / 20, data), len(file) if on_disk else None)
            if on_disk:
                file += data
            given_in += [(stream, byte) for byte in data]
            if size and (piece := waiting.take(size)):
                assert 0 < len(piece.data) <= size
                taken += [(piece.stream, byte) for byte in piece.data]
            assert waiting.size == len(given_in) - len(taken)
        while piece := waiting.take(7):
            taken += [(piece.stream, byte) for byte in piece.data]
    finally:
        backlog.IN_MEMORY_BYTES = before
    assert taken == given_in
    assert waiting.size == waiting.held == 0


def test_a_flood_is_one_while_it_lasts_and_a_chatty_script_is_none():
    flow = Flow()
    for millisecond in range(1000):
        flow.came(4 * FLOOD_BYTES_S // 1000, millisecond / 1000)
    assert flow.is_flood(1.0)
    assert not flow.is_flood(2.0)
    for millisecond in range(1000):
        flow.came(FLOOD_BYTES_S // 4000, 2 + millisecond / 1000)
        assert not flow.is_flood(2 + millisecond / 1000)
