"""A packed run reads the same as before, bit for bit, and takes less room."""

import json
import math
import os
import struct

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labhand.core.errors import NotFoundError, RecordError
from labhand.kit import packed, points
from labhand.probe.points import Writer

BITS = st.integers(0, 2**64 - 1)


def write(folder, calls, number=1, source="log", rank=None):
    attempt = folder / "attempts" / str(number)
    attempt.mkdir(parents=True, exist_ok=True)
    writer = Writer(str(attempt), source, rank)
    for values, step in calls:
        writer.row(values, step)
    writer.close()


def everything(folder):
    """All that the readers tell, down to the bits."""
    told: dict = {"metrics": points.metrics(folder), "names": points.names(folder)}
    for name in told["names"]:
        for rank in (None, 0, 1):
            try:
                found = points.series(folder, name, rank=rank)
            except NotFoundError as error:
                told[name, rank] = str(error)
                continue
            columns = (np.asarray(column).tobytes() for column in found[2:])
            told[name, rank] = (found.source, *columns)
        drawn = points.curve(folder, name, 50)
        told[name, "curve"] = [np.asarray(column).tobytes() for column in drawn[2:7]]
    return told


@settings(max_examples=100, deadline=None)
@given(bits=arrays(np.uint64, st.integers(0, 200), elements=BITS))
def test_every_bit_pattern_comes_back(bits):
    for kind in ("<f8", "<i8"):
        back = packed.decode(packed.encode(bits.view(kind)), kind)
        assert back.view(np.uint64).tolist() == bits.tolist()


def test_a_packed_run_reads_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "PIECE", 64)
    payload = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))[0]
    odd = [math.nan, payload, -0.0, 0.0, math.inf, -math.inf, 5e-324, 1e308]
    train = [({"loss": v, "acc": n / 7}, n) for n, v in enumerate(odd * 40)]
    mixed = [*train, *[({"loss": -1.0}, 400), ({"val": 2.0}, 3), ({"loss": 1.0, "val": 1.0}, 401)]]
    write(tmp_path, mixed)
    write(tmp_path, [({"loss": 9.0}, 100), ({"loss": 8.0}, 101)], number=2)
    write(tmp_path, [({"loss": 7.0, "system": 1.0}, 1)], source="system")
    for rank in (0, 1):
        write(tmp_path, [({"ranked": rank + n / 3}, n) for n in range(100)], rank=rank)
    before = everything(tmp_path)
    assert points.pack(tmp_path) is True
    assert points.raw_files(tmp_path) == []
    assert everything(tmp_path) == before
    assert points.pack(tmp_path) is False


def test_equal_names_in_one_call_stay_two(tmp_path):
    write(tmp_path, [({"a/b": 1.0, "a": {"b": 2.0}}, n) for n in range(3)])
    before = everything(tmp_path)
    points.pack(tmp_path)
    assert everything(tmp_path) == before
    assert sorted(points.series(tmp_path, "a/b").values.tolist()) == [1.0] * 3 + [2.0] * 3


def test_a_run_that_goes_on_after_packing_is_read_whole_and_packed_again(tmp_path):
    write(tmp_path, [({"loss": 1.0}, n) for n in range(10)])
    points.pack(tmp_path)
    write(tmp_path, [({"loss": 2.0, "val": 3.0}, n) for n in range(5, 8)], number=2)
    before = everything(tmp_path)
    assert points.metrics(tmp_path)["loss"].points == 8
    assert points.pack(tmp_path) is True
    assert everything(tmp_path) == before
    assert points.raw_files(tmp_path) == []


def test_raw_files_that_a_crash_left_beside_the_packed_are_not_read_twice(tmp_path):
    write(tmp_path, [({"loss": 1.0}, n) for n in range(10)])
    ((_, raw),) = points.raw_files(tmp_path)
    copy = raw.read_bytes()
    points.pack(tmp_path)
    raw.write_bytes(copy)
    assert points.metrics(tmp_path)["loss"].points == 10


def test_a_raw_file_with_damage_inside_stays_and_is_not_read_twice(tmp_path):
    write(tmp_path, [({"loss": n / 3}, n) for n in range(100)])
    ((_, raw),) = points.raw_files(tmp_path)
    damaged = bytearray(raw.read_bytes())
    damaged[2000] ^= 1
    raw.write_bytes(damaged)
    assert points.pack(tmp_path) is True
    assert raw.read_bytes() == damaged
    assert points.metrics(tmp_path)["loss"].points == 99


def test_raw_files_stay_when_the_packed_one_reads_back_differently(tmp_path, monkeypatch):
    write(tmp_path, [({"loss": n / 3}, n) for n in range(10)])
    before = everything(tmp_path)
    real = packed.encode

    def wrong(numbers):
        return real(np.asarray(numbers) + 1)

    monkeypatch.setattr(packed, "encode", wrong)
    with pytest.raises(RecordError, match="the raw files stay"):
        points.pack(tmp_path)
    monkeypatch.undo()
    assert everything(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["attempts"]


def test_a_run_that_is_still_written_to_is_not_packed(tmp_path, monkeypatch):
    (tmp_path / "attempts/1").mkdir(parents=True)
    writer = Writer(str(tmp_path / "attempts/1"), "log")
    writer.row({"loss": 1.0}, 1)
    monkeypatch.setattr(packed, "_same", lambda a, b: writer.row({"loss": 2.0}, 2) or True)
    assert points.pack(tmp_path) is False
    writer.close()
    assert points.metrics(tmp_path)["loss"].points == 2


def test_a_random_walk_takes_at_most_7_bytes_a_point(tmp_path):
    walk = np.cumsum(np.random.default_rng(3).normal(size=(10_000, 20)), axis=0) / 100 + 2
    names = [f"metric-{i}" for i in range(20)]
    calls = [(dict(zip(names, row, strict=True)), n) for n, row in enumerate(walk.tolist())]
    write(tmp_path, calls)
    live = sum(path.stat().st_size for _, path in points.raw_files(tmp_path))
    assert live / walk.size <= 10
    points.pack(tmp_path)
    assert (tmp_path / packed.NAME).stat().st_size / walk.size <= 7


def test_a_file_of_few_points_stays_small(tmp_path):
    write(tmp_path, [({f"m{i}": i / 3 for i in range(20)}, n) for n in range(10)])
    points.pack(tmp_path)
    assert (tmp_path / packed.NAME).stat().st_size < 10_000


def test_the_file_says_how_to_read_it_without_labhand(tmp_path):
    values = [1.5, math.nan, -0.0, 2.25]
    write(tmp_path, [({"loss": v}, n * 3) for n, v in enumerate(values)])
    points.pack(tmp_path)
    path = tmp_path / packed.NAME
    told = pl.read_parquet_metadata(path)
    assert told["schema"] == "labhand.packed/1"
    rows = pl.read_parquet(path)
    for what, kind, wanted in (("value", "<f8", values), ("step", "<i8", [0, 3, 6, 9])):
        data = rows.filter(pl.col("what") == what)["data"][0]
        space: dict = {"numpy": np, "data": data}
        *lines, _ = told["read"].split("; ")
        exec("\n".join(lines), space)
        assert space["bits"].view(kind).tobytes() == np.array(wanted, kind).tobytes()


def test_the_packed_file_is_private_to_the_user(tmp_path):
    write(tmp_path, [({"loss": 1.0}, 1)])
    points.pack(tmp_path)
    assert os.stat(tmp_path / packed.NAME).st_mode & 0o077 == 0


def test_names_beyond_ascii_and_json_survive(tmp_path):
    names = ["ü/ß", 'quo"te', "emoji 🙂", "", "tab\t"]
    write(tmp_path, [({name: 1.0 for name in names}, 1)])
    assert points.names(tmp_path) == sorted(names)
    points.pack(tmp_path)
    assert points.names(tmp_path) == sorted(names)
    assert json.dumps(sorted(points.metrics(tmp_path))) == json.dumps(sorted(names))
