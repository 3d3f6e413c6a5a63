"""Points are read back as they were logged, whatever was logged and whatever happened to the file."""

import math
import struct
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labhand.core.errors import NotFoundError
from labhand.kit import few, points
from labhand.kit.records import Blocks
from labhand.probe.points import Writer

NAMES = st.sampled_from(["loss", "acc", "lr", "a/b", "ü", "val loss", "x" * 50])
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
CALLS = st.lists(
    st.tuples(
        st.dictionaries(NAMES, FLOATS, min_size=1, max_size=5),
        st.one_of(st.none(), st.integers(-(2**62), 2**62)),
    ),
    max_size=60,
)
LEVEL = settings(max_examples=60, deadline=None)


def logged(folder, calls, source="log", rank=None):
    """A run folder whose first attempt holds these calls."""
    attempt = folder / "attempts" / "1"
    attempt.mkdir(parents=True, exist_ok=True)
    writer = Writer(str(attempt), source, rank)
    for values, step in calls:
        writer.row(values, step)
    writer.close()
    return folder


def bits(values):
    return [struct.pack("<d", value) for value in values]


def expected(calls):
    """What is to be read back: (step, names, values) a call, with the steps a writer counts."""
    last, rows = -1, []
    for values, step in calls:
        last = last + 1 if step is None else step
        rows.append((last, tuple(values), bits(values.values())))
    return rows


def followed(folder):
    return [(r.step, r.names, bits(r.values)) for r in points.Tail(folder / "attempts/1").read()]


def the_file(folder):
    return next((folder / "attempts/1").glob("points.*.log"))


def per_name(rows):
    found: dict = {}
    for step, names, values in rows:
        for name, value in zip(names, values, strict=True):
            found.setdefault(name, []).append((step, value))
    return found


def read_whole(folder):
    return {
        name: list(zip(s.steps.tolist(), bits(s.values.tolist()), strict=True))
        for name in points.names(folder)
        for s in [points.series(folder, name)]
    }


@LEVEL
@given(calls=CALLS)
def test_what_was_logged_is_read_back(tmp_path_factory, calls):
    folder = logged(tmp_path_factory.mktemp("run"), calls)
    assert followed(folder) == expected(calls)
    assert read_whole(folder) == per_name(expected(calls))


@LEVEL
@given(
    pattern=st.lists(st.integers(1, 4), min_size=1, max_size=70),
    repeats=st.integers(1, 60),
    tail=st.lists(st.integers(1, 4), max_size=20),
    same_ids=st.booleans(),
)
def test_every_mixture_of_row_sizes_is_read_back(
    tmp_path_factory, pattern, repeats, tail, same_ids
):
    sizes = (pattern * repeats + tail)[:900]
    calls = [
        ({f"{0 if same_ids else i % 7}-{c}": float(i * 10 + c) for c in range(size)}, i)
        for i, size in enumerate(sizes)
    ]
    folder = logged(tmp_path_factory.mktemp("run"), calls)
    assert read_whole(folder) == per_name(expected(calls))


def test_many_metrics_one_a_row_are_read_back_at_once(tmp_path):
    calls = [({f"train/{n}": s + n / 32}, s) for s in range(3000) for n in range(20)]
    folder = logged(tmp_path, calls)
    assert read_whole(folder) == per_name(expected(calls))


def test_a_file_larger_than_what_is_read_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("labhand.kit.records.CHUNK", 1000)
    monkeypatch.setattr("labhand.kit.points.READ_AT_ONCE", 700)
    calls = [({f"m{i}": i + n / 64 for i in range(90)}, n) for n in range(50)]
    calls += [({"loss": float(n)}, n) for n in range(500)]
    folder = logged(tmp_path, calls)
    assert followed(folder) == expected(calls)
    assert read_whole(folder) == per_name(expected(calls))


@LEVEL
@given(calls=CALLS.filter(bool), data=st.data())
def test_a_torn_tail_costs_only_the_record_it_tore(tmp_path_factory, calls, data):
    folder = logged(tmp_path_factory.mktemp("run"), calls)
    path = the_file(folder)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    ends = [at + size for at, size, is_row in records(whole) if is_row]
    path.write_bytes(whole[:cut])
    kept = sum(end <= cut for end in ends)
    assert followed(folder) == expected(calls)[:kept]
    assert read_whole(folder) == per_name(expected(calls)[:kept])


def records(whole):
    """(offset, size, is a row) of each record of an undamaged file."""
    at, widths = 0, {}
    while at < len(whole):
        kind, number = whole[at + 1], int.from_bytes(whole[at + 2 : at + 4], "little")
        if kind == 2:
            size = 24 + 8 * widths[number]
        else:
            size = 12 + int.from_bytes(whole[at + 8 : at + 12], "little")
            if kind == 1:
                import json

                widths[number] = len(json.loads(whole[at + 12 : at + size]))
        yield at, size, kind == 2
        at += size


@LEVEL
@given(data=st.data(), many=st.booleans())
def test_a_damaged_byte_costs_only_the_record_it_is_in(tmp_path_factory, data, many):
    calls = [({"loss": n / 7, "acc": -n / 3}, n) for n in range(300 if many else 10)]
    calls[5:5] = [({"val": 1.0}, 4)]
    folder = logged(tmp_path_factory.mktemp("run"), calls)
    path = the_file(folder)
    whole = bytearray(path.read_bytes())
    rows = [(at, size) for at, size, is_row in records(whole) if is_row]
    hit = data.draw(st.integers(0, len(rows) - 1))
    at = rows[hit][0] + data.draw(st.integers(0, rows[hit][1] - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    left = expected(calls)[:hit] + expected(calls)[hit + 1 :]
    assert followed(folder) == left
    assert read_whole(folder) == per_name(left)


@LEVEL
@given(holes=st.lists(st.tuples(st.integers(0, 40_000), st.binary(max_size=300)), max_size=6))
def test_garbage_anywhere_costs_only_what_it_overwrote(tmp_path_factory, holes):
    calls = [({"loss": n / 7, "acc": -n / 3}, n) for n in range(1000)]
    folder = logged(tmp_path_factory.mktemp("run"), calls)
    path = the_file(folder)
    whole = bytearray(path.read_bytes())
    rows = [(at, size) for at, size, is_row in records(whole) if is_row]
    original = bytes(whole)
    for at, garbage in holes:
        start = rows[0][0] + at % (len(whole) - rows[0][0])
        whole[start : start + len(garbage)] = garbage[: len(whole) - start]
    path.write_bytes(whole)
    intact = [original[at : at + size] == whole[at : at + size] for at, size in rows]
    left = [row for row, good in zip(expected(calls), intact, strict=True) if good]
    assert followed(folder) == left
    assert read_whole(folder) == per_name(left)


def test_damage_in_two_rows_of_one_stretch_is_found(tmp_path):
    folder = logged(tmp_path, [({"loss": float(n)}, n) for n in range(5000)])
    path = the_file(folder)
    whole = bytearray(path.read_bytes())
    rows = [at for at, _, is_row in records(bytes(whole)) if is_row]
    for hit in (1000, 3000):
        whole[rows[hit] + 30] ^= 0x40 if hit == 1000 else 0x20
    path.write_bytes(whole)
    blocks = Blocks(path)
    steps = np.concatenate([block.steps for block in blocks])
    assert sorted({*range(5000)} - set(steps.tolist())) == [1000, 3000]
    assert blocks.reader.damaged > 0


def test_a_tail_sees_rows_as_they_come_and_new_files(tmp_path):
    first = Writer(str(tmp_path), "log")
    tail = points.Tail(tmp_path)
    assert tail.read() == []
    first.row({"loss": 1.0}, 3)
    (row,) = tail.read()
    assert (row.source, row.rank, row.step, row.names, row.values) == (
        "log", None, 3, ("loss",), (1.0,),
    )  # fmt: skip
    assert tail.read() == []
    second = Writer(str(tmp_path), "tracker", rank=5)
    second.row({"loss": 2.0}, 4)
    first.row({"loss": 3.0}, 5)
    assert [(r.source, r.rank, r.step) for r in tail.read()] == [
        ("tracker", 5, 4),
        ("log", None, 5),
    ]
    first.close()
    second.close()


def test_a_tail_takes_a_record_when_it_is_whole(tmp_path):
    folder = logged(tmp_path / "made", [({"loss": 1.0}, 1), ({"loss": 2.0}, 2)])
    whole = the_file(folder).read_bytes()
    copy = tmp_path / "points.log-1.log"
    tail, seen = points.Tail(tmp_path), []
    for end in range(len(whole) + 1):
        copy.write_bytes(whole[:end])
        seen += [(row.step, end) for row in tail.read()]
    assert seen == [(1, len(whole) - 32), (2, len(whole))]


def test_following_needs_no_numpy(tmp_path):
    import subprocess

    logged(tmp_path, [({"loss": 1.0}, 1)])
    code = (
        "import sys; from labhand.kit.points import Tail\n"
        f"print(len(Tail({str(tmp_path / 'attempts/1')!r}).read()), 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]


def attempts(folder, *parts):
    for number, calls in enumerate(parts, 1):
        (folder / "attempts" / str(number)).mkdir(parents=True)
        writer = Writer(str(folder / "attempts" / str(number)), "log")
        for step, values in calls:
            writer.row(values, step)
        writer.close()


def test_the_newest_attempt_wins_from_its_first_step_on(tmp_path):
    attempts(
        tmp_path,
        [(step, {"loss": 1.0}) for step in range(10)],
        [(step, {"loss": 2.0}) for step in range(5, 8)],
        [(step, {"loss": 3.0}) for step in range(7, 9)],
    )
    found = points.series(tmp_path, "loss")
    shown = [
        (int(s), v) for s, v, is_shown in zip(found.steps, found.values, found.shown, strict=True)
        if is_shown
    ]  # fmt: skip
    assert shown == [(s, 1.0) for s in range(5)] + [(5, 2.0), (6, 2.0), (7, 3.0), (8, 3.0)]
    assert len(found.steps) == 15
    assert found.attempt.tolist() == [1] * 10 + [2] * 3 + [3] * 2
    short = points.metrics(tmp_path)["loss"]
    assert (short.points, short.first, short.last, short.last_step) == (9, 1.0, 3.0, 8)


def test_a_metric_on_another_clock_is_not_hidden_by_the_restart_of_others(tmp_path):
    attempts(
        tmp_path,
        [*((step, {"loss": 1.0}) for step in range(100)), (1, {"epoch/acc": 0.5})],
        [*((step, {"loss": 2.0}) for step in range(90, 99)), (2, {"epoch/acc": 0.6})],
    )
    assert points.series(tmp_path, "loss").shown.sum() == 99
    assert points.series(tmp_path, "epoch/acc").shown.all()


def test_the_most_trusted_source_is_taken(tmp_path):
    logged(tmp_path, [({"loss": 3.0, "only": 3.0}, 1)], source="output")
    logged(tmp_path, [({"loss": 2.0}, 1)], source="tracker")
    found = points.series(tmp_path, "loss")
    assert (found.source, found.values.tolist()) == ("tracker", [2.0])
    assert points.series(tmp_path, "only").source == "output"
    order = ["log", "tracker", "probe", "files", "output", "system", "unheard-of"]
    assert [points.trust(source) for source in order] == list(range(7))


def test_rank_0_is_read_unless_another_is_asked_for(tmp_path):
    for rank in (2, 0, 1):
        logged(tmp_path, [({"loss": float(rank)}, 1)], rank=rank)
    logged(tmp_path, [({"late": 7.0}, 1)], rank=3)
    assert points.series(tmp_path, "loss").values.tolist() == [0.0]
    assert points.series(tmp_path, "loss", rank=2).values.tolist() == [2.0]
    assert points.series(tmp_path, "late").values.tolist() == [7.0]
    with pytest.raises(NotFoundError, match="loss"):
        points.series(tmp_path, "loss", rank=9)


def test_an_unknown_metric_is_told_with_the_nearest_names(tmp_path):
    logged(tmp_path, [({"train/loss": 1.0}, 1)])
    with pytest.raises(NotFoundError, match="did you mean `train/loss`"):
        points.series(tmp_path, "train/los")


def test_a_run_without_points_has_no_metrics(tmp_path):
    assert points.names(tmp_path) == []
    assert points.metrics(tmp_path) == {}
    assert points.pack(tmp_path) is False


def test_metrics_in_short_tell_finite_extremes_and_count_the_rest(tmp_path):
    values = [math.nan, 2.0, math.inf, -1.0, 1.0, -math.inf]
    logged(tmp_path, [({"loss": v, "none": math.nan}, n) for n, v in enumerate(values)])
    short = points.metrics(tmp_path)
    assert short["loss"].points == 6 and short["loss"].non_finite == 3
    assert (short["loss"].first, short["loss"].last) == (2.0, 1.0)
    assert (short["loss"].min, short["loss"].max, short["loss"].last_step) == (-1.0, 2.0, 5)
    assert (short["none"].first, short["none"].min, short["none"].non_finite) == (None, None, 6)


def test_a_curve_keeps_every_spike_and_what_is_no_number(tmp_path):
    values = np.sin(np.arange(30_000) / 500)
    values[12_345], values[23_456], values[7], values[29_000] = 1e6, -1e6, math.nan, math.inf
    logged(tmp_path, [({"loss": v}, n) for n, v in enumerate(values.tolist())])
    drawn = points.curve(tmp_path, "loss", 500)
    assert drawn.total == 30_000 and len(drawn.steps) <= 502
    assert {7, 12_345, 23_456, 29_000, 0, 29_999} <= set(drawn.steps)
    assert (np.diff(drawn.steps) > 0).all()


def test_a_curve_has_the_hidden_points_of_every_attempt_before_the_shown(tmp_path):
    attempts(
        tmp_path,
        [(step, {"loss": 1.0}) for step in range(3000)],
        [(step, {"loss": 2.0}) for step in range(1000, 1500)],
        [(step, {"loss": 3.0}) for step in range(500, 2000)],
    )
    drawn = points.curve(tmp_path, "loss", 200)
    shown, hidden = drawn.points(), drawn.points(shown=False)
    assert len(shown) <= 200 and len(hidden) <= 200
    assert drawn.shown == [False] * len(hidden) + [True] * len(shown)
    assert set(drawn.attempt[: len(hidden)]) == {1, 2}
    assert max(step for step, _, _ in shown) == 1999
    together = points.curves(tmp_path, ["loss", "unknown"], 200)
    assert list(together) == ["loss"]
    assert together["loss"].steps == drawn.steps


def test_steps_that_go_back_are_all_kept_and_drawn_in_order(tmp_path):
    logged(tmp_path, [({"loss": float(n)}, step) for n, step in enumerate([5, 3, 4, 3])])
    found = points.series(tmp_path, "loss")
    assert found.steps.tolist() == [5, 3, 4, 3] and found.shown.all()
    drawn = points.curve(tmp_path, "loss")
    assert drawn.steps == [3, 3, 4, 5]
    assert drawn.values == [1.0, 3.0, 2.0, 0.0]


def test_the_last_value_is_that_of_the_last_step(tmp_path):
    logged = [(10, 0.3), (20, 0.1), (30, 0.2), (30, 0.25), (20, 0.1)]  # the best, told again
    attempts(tmp_path, [(step, {"loss": value}) for step, value in logged])
    short = points.metrics(tmp_path)["loss"]
    assert (short.last, short.last_step, short.points) == (0.25, 30, 5)


TOLD = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from([("log", None), ("output", None), ("tracker", 0), ("tracker", 1)]),
        st.dictionaries(NAMES, FLOATS, min_size=1, max_size=3),
        st.integers(-5, 20),
    ),
    max_size=30,
)


@LEVEL
@given(told=TOLD)
def test_few_points_are_told_without_numpy_as_many_are_with_it(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("run")
    writers = {}
    for at, (attempt, (source, rank), values, step) in enumerate(told):
        place = folder / "attempts" / str(attempt)
        place.mkdir(parents=True, exist_ok=True)
        key = attempt, source, rank
        if key not in writers:
            writers[key] = Writer(str(place), source, rank)
        writers[key].row(values, step, float(at))
    for writer in writers.values():
        writer.close()
    every = points.names(folder)

    def all_told():
        curves = points.curves(folder, every, 100)
        return repr((points.metrics(folder), sorted(curves.items())))

    short = all_told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(few, "MOST_BYTES", -1)
        assert all_told() == short
