"""Logs of every format are read as the tools that wrote them read them."""

import gzip
import json
import math
import random
import struct
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labhand.core.errors import InputError
from labhand.probe.points import Writer
from labhand.watch import open_log, replay
from labhand.watch.logs import logs
from labhand.watch.readers.csv import Table
from labhand.watch.readers.jsonl import Objects
from labhand.watch.readers.tfevents import Events
from labhand.watch.readers.wandb import _records
from labhand.watch.rows import Row

SAMPLES = Path(__file__).parent / "samples"
LOSS = [2.5, 2.25, 2.0, math.nan, math.inf, 1.5]


def rows(path: Path) -> dict[str | None, list[Row]]:
    return {part: list(found) for part, found in open_log(path)}


def unpacked(name: str, folder: Path) -> Path:
    path = folder / name.removesuffix(".gz")
    path.write_bytes(gzip.decompress((SAMPLES / name).read_bytes()))
    return path


def same(found: list[float], expected: list[float]) -> bool:
    return [str(v) for v in found] == [str(float(v)) for v in expected]


@pytest.mark.parametrize("name", ["simple", "tensor", "double"])
def test_event_files_are_read_as_tensorboard_reads_them(name: str) -> None:
    expected = json.loads((SAMPLES / "tfevents.json").read_text())[name]
    (found,) = rows(SAMPLES / f"events.out.tfevents.{name}").values()
    for tag, points in expected.items():
        assert [r.step for r in found] == [step for step, _ in points]
        assert same([r.values[tag] for r in found], [value for _, value in points])
    assert [r.time for r in found] == [1.7e9 + i for i in range(6)]
    assert set(found[0].values) == set(expected)  # texts and histograms are no metrics


@given(cut=st.integers(0, 5958), pieces=st.integers(1, 700))
def test_an_event_file_grows_and_may_be_torn_anywhere(cut: int, pieces: int) -> None:
    data = (SAMPLES / "events.out.tfevents.double").read_bytes()[:cut]
    stream, found = Events(), []
    for at in range(0, len(data), pieces):
        found += stream.feed(data[at : at + pieces])
    points = [(r.step, name, str(v)) for r in found for name, v in r.values.items()]
    (whole,) = rows(SAMPLES / "events.out.tfevents.double").values()
    expected = [(r.step, name, str(v)) for r in whole for name, v in r.values.items()]
    assert points == expected[: len(points)]
    assert len(points) == 12 or cut < 5958


STORES = {"run.wandb.gz": ["brisk-otter"], "trackio.db.gz": ["one", "two"], "mlflow.db.gz": ["one", "two"]}  # fmt: skip


@pytest.mark.parametrize("name", STORES)
def test_the_stores_of_trackers_are_read_without_them(name: str, tmp_path: Path) -> None:
    found = rows(unpacked(name, tmp_path))
    assert list(found) == STORES[name]
    for read in found.values():
        assert [r.step for r in read][:6] == [0, 10, 20, 30, 40, 50]
        assert same([r.values["loss"] for r in read][:6], LOSS)
        assert [r.values["val/acc"] for r in read[:6]] == [i / 7 for i in range(6)]
        assert all(r.time is not None and 1.7e9 < r.time < 2e9 for r in read)
    if "wandb" in name:
        assert found["brisk-otter"][6].values == {"loss": 1.25}


def test_a_folder_of_mlflow_runs_is_read(tmp_path: Path) -> None:
    found = rows(SAMPLES / "mlruns")
    assert list(found) == ["one", "two"]
    assert same([r.values["loss"] for r in found["two"]], LOSS)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_wandb_file_loses_only_what_is_damaged(data: st.DataObject) -> None:
    whole = gzip.decompress((SAMPLES / "run.wandb.gz").read_bytes())
    cut = data.draw(st.integers(0, len(whole)))
    junk = data.draw(st.binary(max_size=20))
    list(_records(whole[:cut] + junk))
    assert list(_records(whole[:cut])) == list(_records(whole))[: len(list(_records(whole[:cut])))]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_tables_with_any_delimiter_and_sparse_columns(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    lines = ["epoch,train_loss,step,val_loss", "0,2.5,9,", "0,,19,2.25", "1,nan,29,", "1,-inf,39,x"]
    path.write_text("\n".join(lines).replace(",", delimiter) + "\n")
    (found,) = rows(path).values()
    assert [r.step for r in found] == [9, 19, 29, 39]
    assert found[0].values == {"epoch": 0, "train_loss": 2.5}
    assert found[1].values == {"epoch": 0, "val_loss": 2.25}
    assert math.isnan(found[2].values["train_loss"])
    assert found[3].values == {"epoch": 1, "train_loss": -math.inf}


def test_a_header_that_changes_counts_from_there_on(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n1,3\n2,2\nstep,loss,acc\n3,1,0.5\n")
    (found,) = rows(path).values()
    assert found[2] == Row(3, None, {"loss": 1.0, "acc": 0.5})


def test_a_column_run_makes_several_runs(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("run,step,loss\na,0,3\nb,0,4\na,1,2\nb,1,3\n")
    found = rows(path)
    assert {k: [(r.step, r.values) for r in v] for k, v in found.items()} == {
        "a": [(0, {"loss": 3.0}), (1, {"loss": 2.0})],
        "b": [(0, {"loss": 4.0}), (1, {"loss": 3.0})],
    }
    pl.read_csv(path).write_parquet(tmp_path / "all.parquet")
    assert rows(tmp_path / "all.parquet") == found


def test_the_step_is_found_by_its_behaviour_or_is_the_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",loss\n0,3\n5,2\n10,1\n")
    assert [r.step for r in rows(path)[None]] == [0, 5, 10]
    path.write_text("loss,acc\n3,0.5\n2,0.6\n1,0.7\n")
    assert [(r.step, r.values["loss"]) for r in rows(path)[None]] == [(0, 3), (1, 2), (2, 1)]


def test_json_lines_with_nested_names_and_bare_nan(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"step": 1, "train": {"loss": 2.5}, "time": 1700000000.5, "note": "x", "gone": null}\n'
        '{"step": 2, "train": {"loss": NaN}, "lr": Infinity}\nno object\n{"step": 3, "train": {"loss": "nan"}}'
    )
    (found,) = rows(path).values()
    assert found[0] == Row(1, 1700000000.5, {"train/loss": 2.5})
    assert math.isnan(found[1].values["train/loss"]) and found[1].values["lr"] == math.inf
    assert found[2].step == 3 and math.isnan(found[2].values["train/loss"])


def test_a_trainer_state_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trainer_state.json"
    history = [
        {"loss": 2.5, "epoch": 0.5, "step": 10},
        {"eval_loss": 2.0, "epoch": 0.5, "step": 10},
    ]
    path.write_text(json.dumps({"best_metric": None, "log_history": history}, indent=2))
    assert rows(path)[None] == [
        Row(10, None, {"loss": 2.5, "epoch": 0.5}),
        Row(10, None, {"eval_loss": 2.0, "epoch": 0.5}),
    ]
    path.write_text('{"log_history": [')
    with pytest.raises(InputError, match="no whole trainer state"):
        rows(path)


def test_labhands_own_points_are_read(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path), "log")
    for i, loss in enumerate(LOSS):
        writer.row({"loss": loss, "acc": 0.5}, i, 1.7e9 + i)
    writer.close()
    (path,) = tmp_path.glob("points.*.log")
    path.write_bytes(path.read_bytes() + b"\xb5\x02torn")
    (found,) = rows(path).values()
    assert same([r.values["loss"] for r in found], LOSS)
    assert found[3].step == 3 and found[3].time == 1.7e9 + 3


def test_what_was_printed_is_read_with_the_last_step_told(tmp_path: Path) -> None:
    path = tmp_path / "out.log"
    path.write_text(
        "starting\niter 0: loss 4.5, time 9.1ms, mfu 1.0%\niter 10: loss 4.1, time 9ms\nval_loss: 4.2\n"
    )
    assert [(r.step, r.values) for r in rows(path)[None]] == [
        (0, {"loss": 4.5, "time": 9.1, "mfu": 1.0}),
        (10, {"loss": 4.1, "time": 9.0}),
        (10, {"val_loss": 4.2}),
    ]


def test_parquet_keeps_nan_and_leaves_out_nulls(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    frame = {"global_step": [1, 2, 3], "loss": [2.5, math.nan, None], "name": ["a", "b", "c"]}
    pl.DataFrame(frame).write_parquet(path)
    (found,) = rows(path).values()
    assert [r.step for r in found] == [1, 2, 3]
    assert math.isnan(found[1].values["loss"]) and found[2].values == {}


def test_each_format_is_told_from_the_others(tmp_path: Path) -> None:
    generator = random.Random(1)
    (tmp_path / "t.csv").write_text("step,loss\n1,2\n")
    (tmp_path / "j.jsonl").write_text('{"step": 1, "loss": 2}\n')
    (tmp_path / "o.txt").write_text("iter 0: loss 4.5, time 9.1ms, mfu 1.0%\nlr, 3\n")
    pl.DataFrame({"step": [1], "loss": [2.0]}).write_parquet(tmp_path / "p.parquet")
    (tmp_path / "b.bin").write_bytes(generator.randbytes(4000))
    names = {"t.csv": "csv", "j.jsonl": "jsonl", "o.txt": "output", "p.parquet": "parquet"}
    for name, form in names.items():
        (log,) = logs(tmp_path / name)
        assert log.format == form
    for name in STORES:
        (log,) = logs(unpacked(name, tmp_path))
        assert log.format == {"run": "wandb"}.get(name.split(".")[0], name.split(".")[0])
    with pytest.raises(InputError, match="is not a log"):
        logs(tmp_path / "b.bin")


@given(st.binary(max_size=300))
def test_any_bytes_are_taken_by_the_streams(data: bytes) -> None:
    for stream in (Table(), Objects(), Events()):
        found = [*stream.feed(data), *stream.close()]
        assert all(isinstance(row.step, int) for row in found)


cells = st.floats(-1e6, 1e6).map(repr) | st.sampled_from(["nan", "inf", ""])


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=20), st.integers(1, 40))
def test_a_growing_table_gives_the_same_rows_however_it_is_cut(
    body: list[tuple[str, str]], size: int
) -> None:
    text = "step,loss,acc\n" + "".join(f"{i},{a},{b}\n" for i, (a, b) in enumerate(body))
    stream, found = Table(), []
    for at in range(0, len(text), size):
        found += stream.feed(text[at : at + size].encode())
    found += stream.close()
    assert [r.step for r in found] == list(range(len(body)))
    for row, (a, b) in zip(found, body, strict=True):
        expected = {k: str(float(v)) for k, v in (("loss", a), ("acc", b)) if v}
        assert {k: str(v) for k, v in row.values.items()} == expected


def test_a_half_float_tensor_is_read() -> None:
    def message(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    half = struct.unpack("<H", struct.pack("<e", 1.5))[0]
    varint = bytes([half & 0x7F | 0x80, half >> 7 & 0x7F | 0x80, half >> 14])
    tensor = b"\x08\x13" + message(2, b"") + message(13, varint)
    value = message(1, b"loss") + message(8, tensor)
    event = b"\x09" + struct.pack("<d", 1.7e9) + b"\x10\x07" + message(5, message(1, value))
    frame = struct.pack("<QI", len(event), 0) + event + bytes(4)
    assert Events().feed(frame) == [Row(7, 1.7e9, {"loss": 1.5})]


@pytest.mark.parametrize(
    "document",
    [
        {"loss": [3, 2, 1.5], "val_loss": [4, None, 2]},
        {"history": {"loss": [3, 2, 1.5], "val_loss": [4, None, 2]}, "params": {"epochs": 3}},
        [{"loss": 3, "val_loss": 4}, {"loss": 2}, {"loss": 1.5, "val_loss": 2}],
    ],
)
def test_a_history_in_one_document(document: object, tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text(json.dumps(document))
    ((_, found),) = rows(path).items()
    assert [row.values for row in found] == [
        {"loss": 3.0, "val_loss": 4.0},
        {"loss": 2.0},
        {"loss": 1.5, "val_loss": 2.0},
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_as_people_in_europe_and_on_windows_write_them(
    encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step;loss;acc\n1;2,5;61,2%\n2;1,5e-3;70%\n", encoding=encoding)
    ((_, found),) = rows(path).items()
    assert [row.values for row in found] == [
        {"loss": 2.5, "acc": 61.2},
        {"loss": 0.0015, "acc": 70},
    ]


def test_ten_thousand_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    names = [f"layer{i}/norm" for i in range(10_000)]
    path.write_text(
        "\n".join([",".join(["step", *names]), *(f"{i}" + ",1" * 10_000 for i in range(2))])
    )
    ((_, found),) = rows(path).items()
    assert [len(row.values) for row in found] == [10_000, 10_000]


def test_a_table_of_one_column_is_read_and_one_without_rows_is_named(tmp_path: Path) -> None:
    losses, names = tmp_path / "losses.csv", tmp_path / "names.csv"
    losses.write_text("loss\n" + "".join(f"{2 - i / 100}\n" for i in range(50)))
    names.write_text("step,loss\n")
    assert replay([losses]).summary["rows"] == 50
    with pytest.raises(InputError, match="no row below"):
        replay([names])
