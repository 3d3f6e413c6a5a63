"""Scripts of the kinds people have, and what the record says of them."""

import pytest


@pytest.mark.parametrize(("steps", "packed"), [(30, False), (4000, True)])
def test_only_points_worth_it_are_packed_and_all_are_read_the_same(lab, steps, packed):
    text = f"import labhand\nfor i in range({steps}):\n    labhand.log({{'loss': i / 2}}, step=i)\n"
    lab.script("train.py", text)
    assert lab.run("train.py").returncode == 0
    folder = lab.attempt().parent.parent
    assert (folder / "points.parquet").exists() == packed
    assert bool(list(lab.attempt().glob("points.log-*.log"))) != packed
    assert lab.show()["metrics"]["loss"] == {
        "points": steps,
        "first": 0.0,
        "last": (steps - 1) / 2,
        "min": 0.0,
        "max": (steps - 1) / 2,
        "last_step": steps - 1,
        "non_finite": 0,
    }
