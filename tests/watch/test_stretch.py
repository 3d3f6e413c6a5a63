"""Rows that are passed over many at a time: the very same findings, at the same rows, as one by one."""

import json
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labhand.core.finding import Finding
from labhand.watch import Watcher, course, stretch, watcher
from labhand.watch.logs import logs
from labhand.watch.readers.csv import Table
from labhand.watch.readers.jsonl import Objects
from labhand.watch.rows import Row, shown, singly
from labhand.watch.signals import Ended
from labhand.watch.stretch import Stretch
from labhand.watch.synthetic import HEALTHY, ILL, curve

END = Ended(math.nan, None, None, False, "")


@pytest.fixture(autouse=True, params=["blocks", "rows"])
def eager(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are passed over even where nothing is gained by it, or the view alone is shown each of them."""
    if request.param == "rows":
        monkeypatch.setattr(course.Course, "can_pass", lambda *_: False)
    monkeypatch.setattr(watcher, "ASKED", 1 << 60)
    monkeypatch.setattr(stretch, "LEAST", 4)
    monkeypatch.setattr(watcher, "DENSE", 1)
    monkeypatch.setattr(watcher, "PATIENCE", 0)


def one_by_one(rows: Sequence[Row], source: str) -> tuple[list[tuple[int, Finding]], Watcher]:
    made = Watcher("run", None)
    told = [(i, found) for i, row in enumerate(rows) for found in made.feed(shown(row, source))]
    made.feed(END)
    return told, made


def many(rows: Sequence[Row], source: str, size: int) -> tuple[list[tuple[int, Finding]], Watcher]:
    made, told, step, clock = Watcher("run", None), [], 0, math.nan
    for begin in range(0, len(rows), size):
        piece = Stretch.of_rows(source, rows[begin : begin + size])
        for start, stop, calm in piece.calm(60.0, step, clock):
            inside = piece.part(start, stop)
            told += [(begin + start + i, f) for i, f in _told(made, inside, calm=calm)]
        step, clock = int(piece.steps[-1]), float(piece.times[-1])
    made.feed(END)
    return told, made


def _told(made: Watcher, inside: Stretch, *, calm: bool) -> Iterator[tuple[int, Finding]]:
    if calm:
        yield from made.pass_over(inside)
    else:
        for i, row in enumerate(inside):
            yield from ((i, found) for found in made.feed(shown(row, inside.source)))


def same(rows: Sequence[Row], source: str = "csv", size: int = 90) -> None:
    (slow, fed), (fast, passed) = one_by_one(rows, source), many(rows, source, size)
    assert [i for i, _ in fast] == [i for i, _ in slow]
    assert fast == slow
    assert passed.findings() == fed.findings()
    assert passed.peaks() == fed.peaks()


@pytest.mark.parametrize("family", [*HEALTHY, *ILL])
def test_every_family_of_curves_is_told_of_as_one_by_one(family: str) -> None:
    same(curve(family, 3).rows)
    same(curve(family, 4).rows, "output", 41)


COLUMNS = (
    "loss",
    "grad_norm",
    "lr",
    "acc",
    "memory_mb",
    "step_time",
    "tokens_per_sec",
    "val_loss",
    "reward",
)


@st.composite
def series(draw: st.DrawFn) -> list[Row]:
    """Logs with columns that are sparse, jump, stand still, go to zero or are not finite now and then."""
    generator = random.Random(draw(st.integers(0, 2**32)))
    names = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=5, unique=True))
    every = {name: draw(st.sampled_from((1, 1, 1, 3, 20))) for name in names}
    level = {name: draw(st.sampled_from((0.001, 1.0, 30.0))) for name in names}
    clocked, back = draw(st.booleans()), draw(st.sampled_from((0, 0, 30)))
    rows: list[Row] = []
    step, now = 0, 1.7e9
    for i in range(draw(st.integers(90, 420))):
        values = {}
        for name in names:
            level[name] *= math.exp(generator.gauss(-0.005, 0.06))
            if generator.random() < 0.008:
                level[name] *= generator.choice((0.0, 0.1, 4.0, 12.0, 100.0)) or 0.1
            if i % every[name] == 0:
                odd = generator.random() < 0.004
                values[name] = generator.choice((math.nan, math.inf, 0.0)) if odd else level[name]
        step += generator.choice((0, 1, 1, 1, 1, 5)) - (back if generator.random() < 0.004 else 0)
        now += generator.choice((0.1, 0.2, 0.2, 3.0)) + (200 if generator.random() < 0.004 else 0)
        rows.append(Row(max(0, step), now if clocked else None, values))
    return rows


@settings(max_examples=60, deadline=None)
@given(series(), st.sampled_from(("csv", "output", "parquet")), st.sampled_from((25, 130, 1000)))
def test_any_log_is_told_of_as_one_by_one(rows: list[Row], source: str, size: int) -> None:
    same(rows, source, size)


def test_a_long_calm_log_is_passed_over_and_its_end_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    generator = random.Random(1)
    rows = [
        Row(
            i,
            None,
            {
                "loss": (0.5 + 2 * math.exp(-i / 2000)) * generator.lognormvariate(0, 0.1),
                "lr": 1e-3,
            },
        )
        for i in range(9000)
    ]
    rows += [
        row._replace(step=9000 + i, values={"loss": 9.0 + i / 1000, "lr": 1e-3})
        for i, row in enumerate(rows[:3000])
    ]
    fed = []
    feed = Watcher.feed
    monkeypatch.setattr(
        Watcher, "feed", lambda self, signal: fed.append(signal) or feed(self, signal)
    )
    told, made = many(rows, "csv", 4096)
    assert len(fed) < 0.6 * len(rows)
    monkeypatch.undo()
    assert told == one_by_one(rows, "csv")[0]
    assert [f.rule for f in made.findings().findings if f.alarm] == ["diverged"]


CELLS = ("0.5", "1e-3", "3", "", "nan", "inf", "-2.25", " 7", "x", "12%", "1_0", "True", "None")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(CELLS), st.sampled_from(CELLS[:8])), max_size=12),
    st.sampled_from(
        ("step,loss,val_loss", "loss,note,epoch", "time,loss,iter", "loss,grad_norm,rank")
    ),
    st.sampled_from(("0.25", "12", "")),
)
def test_a_table_is_read_the_same_as_columns_and_line_by_line(
    odd: list[tuple[str, str]], head: str, usual: str
) -> None:
    lines = [f"{i},{i / 8},{usual}" for i in range(900)]
    for i, (one, other) in enumerate(odd):
        lines[500 + 7 * i] = f"{500 + 7 * i},{one},{other}"
    text = "\n".join([head, *lines]).encode()
    assert read(Table(), text, whole=True) == read(Table(), text, whole=False)


def read(stream: Table | Objects, text: bytes, *, whole: bool) -> list[str]:
    rows = stream.feed(text[:200])
    for begin in range(200, len(text), 6000):
        piece = text[begin : begin + 6000]
        known = stream.columns(piece) if whole else None
        rows += stream.feed(piece) if known is None else list(known)
    return [repr(row) for row in [*rows, *stream.close()]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(("step", "loss", "val_loss", "note", "_timestamp")),
            st.one_of(st.floats(), st.integers(-5, 2**60), st.none(), st.booleans(), st.sampled_from(("a", "1", "2026-01-01 00:00:00"))),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_json_lines_are_read_the_same_as_columns_and_line_by_line(
    odd: list[dict[str, object]],
) -> None:
    entries: list[dict[str, object]] = [
        {"step": i, "loss": i / 8, "phase": "train"} for i in range(700)
    ]
    for i, entry in enumerate(odd):
        entries[400 + 9 * i] = entry
    text = "\n".join(json.dumps(entry) for entry in entries).encode()
    assert read(Objects(), text, whole=True) == read(Objects(), text, whole=False)


def test_a_long_file_comes_as_columns_and_a_parquet_file_too(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"step": range(5000), "loss": [1 / (i + 1) for i in range(5000)], "note": ["a"] * 5000}
    )
    frame.write_csv(tmp_path / "m.csv")
    frame.write_ndjson(tmp_path / "m.jsonl")
    frame.write_parquet(tmp_path / "m.parquet")
    for name in ("m.csv", "m.jsonl", "m.parquet"):
        (log,) = logs(tmp_path / name)
        ((_, pieces),) = log.reader.parts(log.path)
        kept = list(pieces)
        assert sum(isinstance(piece, Row) for piece in kept) < 500
        assert [row.values for row in singly(iter(kept))] == [{"loss": v} for v in frame["loss"]]
