"""The writer takes what researchers log, never raises, and loses nothing whose call returned."""

import ast
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from labhand.kit import points
from labhand.probe import points as writing
from labhand.probe.points import Writer

SOURCE = Path(writing.__file__)


def rows(folder):
    return points.Tail(folder).read()


def logged(folder, *calls):
    writer = Writer(str(folder), "log")
    for values, step in calls:
        writer.row(values, step)
    writer.close()
    return [(row.step, dict(zip(row.names, row.values, strict=True))) for row in rows(folder)]


def test_numbers_of_every_kind_are_kept_and_the_rest_left_out(tmp_path):
    values = {
        "float": 1.5,
        "int": 3,
        "bool": True,
        "np32": np.float32(0.5),
        "np16": np.float16(2.0),
        "np_int": np.int64(-4),
        "np_bool": np.bool_(True),
        "array0": np.array(7.0),
        "array1": np.array([8.0]),
        "decimal": Decimal("2.5"),
        "text": "3.0",
        "none": None,
        "list": [1.0],
        "array": np.arange(3.0),
        "complex": 1j,
        "date": np.datetime64("2026-01-01"),
        "np_text": np.str_("3"),
        "nested": {"loss": 0.25, "deeper": OrderedDict(acc=0.75, note="x")},
        5: 5.0,
    }
    assert logged(tmp_path, (values, 1)) == [
        (
            1,
            {
                "float": 1.5,
                "int": 3.0,
                "bool": 1.0,
                "np32": 0.5,
                "np16": 2.0,
                "np_int": -4.0,
                "np_bool": 1.0,
                "array0": 7.0,
                "array1": 8.0,
                "decimal": 2.5,
                "nested/loss": 0.25,
                "nested/deeper/acc": 0.75,
                "5": 5.0,
            },
        )
    ]


@pytest.mark.torch
def test_torch_scalars_on_the_cpu_are_kept(tmp_path):
    torch = pytest.importorskip("torch")
    values = {
        "loss": torch.tensor(0.5, requires_grad=True) * 2,
        "half": torch.tensor(1.5, dtype=torch.bfloat16),
        "int": torch.tensor(3),
        "one": torch.tensor([4.0]),
        "many": torch.zeros(3),
        "nowhere": torch.zeros((), device="meta"),
    }
    found = logged(tmp_path, (values, torch.tensor(9)))
    assert found == [(9, {"loss": 1.0, "half": 1.5, "int": 3.0, "one": 4.0})]


def test_what_is_not_finite_or_too_large_is_kept(tmp_path):
    ((_, found),) = logged(
        tmp_path, ({"nan": math.nan, "inf": math.inf, "big": 10**400, "low": -(10**400)}, 0)
    )
    assert math.isnan(found["nan"])
    assert (found["inf"], found["big"], found["low"]) == (math.inf, math.inf, -math.inf)


def test_steps_count_on_by_themselves_and_take_any_whole_number(tmp_path):
    steps = [None, None, 10, None, np.int32(3), 4.0, True, None, 2**80, None, -(2**80)]
    found = logged(tmp_path, *[({"loss": 1.0}, step) for step in steps])
    most = 2**63 - 1
    assert [step for step, _ in found] == [0, 1, 10, 11, 3, 4, 1, 2, most, most, -most]


def test_a_step_that_is_no_whole_number_counts_on(tmp_path):
    steps = [5, 0.5, math.nan, "7", [1]]
    assert [s for s, _ in logged(tmp_path, *[({"x": 1.0}, s) for s in steps])] == [5, 6, 7, 8, 9]


class Odd:
    """Raises whatever is asked of it."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __float__(self):
        raise RuntimeError

    def __str__(self):
        raise RuntimeError


def test_nothing_that_is_logged_makes_it_raise(tmp_path):
    circle: dict = {}
    circle["circle"] = circle
    writer = Writer(str(tmp_path), "log")
    for values in (3, None, {"x": Odd()}, {Odd(): 1.0}, circle, [("a", 1)], {}, object()):
        writer.row(values, 1)
    writer.row({"loss": 1.0}, Odd())
    writer.row({"loss": 2.0}, 2)
    writer.close()
    assert [row.values for row in rows(tmp_path)][-2:] == [(1.0,), (2.0,)]


def test_a_name_that_is_no_text_costs_only_its_odd_letter(tmp_path):
    assert logged(tmp_path, ({"lo\ud800ss": 1.0, "ü": 2.0}, 1)) == [(1, {"lo?ss": 1.0, "ü": 2.0})]


def test_no_file_is_made_before_the_first_row_and_then_it_is_private(tmp_path):
    writer = Writer(str(tmp_path), "log", rank=3)
    assert list(tmp_path.iterdir()) == []
    writer.row({"loss": 1.0})
    (path,) = tmp_path.iterdir()
    assert path.name == f"points.log-{os.getpid()}.log"
    assert path.stat().st_mode & 0o777 == 0o600
    assert rows(tmp_path)[0].rank == 3
    writer.close()


def test_the_time_of_a_row_may_be_given(tmp_path):
    writer = Writer(str(tmp_path), "log")
    writer.row({"loss": 1.0}, 1, 123.5)
    writer.row({"loss": 1.0}, 2, time=124)
    writer.close()
    assert [row.time for row in rows(tmp_path)] == [123.5, 124.0]


def test_two_writers_of_one_source_never_share_a_file(tmp_path):
    writers = [Writer(str(tmp_path), "log") for _ in range(3)]
    for n, writer in enumerate(writers):
        writer.row({"loss": float(n)}, n)
        writer.close()
    assert len(list(tmp_path.iterdir())) == 3
    assert sorted(row.step for row in rows(tmp_path)) == [0, 1, 2]


def test_more_lists_of_names_than_a_file_can_tell_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "KEYSETS_MAX", 10)
    found = logged(tmp_path, *[({f"loss/{n % 25}": float(n)}, n) for n in range(100)])
    assert sorted(found, key=lambda row: row[0]) == [
        (n, {f"loss/{n % 25}": float(n)}) for n in range(100)
    ]


def test_a_descriptor_closed_by_the_program_is_no_loss(tmp_path):
    writer = Writer(str(tmp_path), "log")
    writer.row({"loss": 1.0}, 1)
    os.close(writer._fd)
    writer.row({"loss": 2.0}, 2)
    writer.row({"loss": 3.0}, 3)
    writer.close()
    assert [row.step for row in rows(tmp_path)] == [1, 2, 3]
    assert writer.lost == 0


class Event:
    """Stands for an event on a device whose work is done when the test says so."""

    def __init__(self):
        self.done = False

    def record(self, stream):
        assert stream == "the stream"
        Device.events.append(self)

    def query(self):
        return self.done

    def synchronize(self):
        self.done = True


class Device:
    """Stands for `torch` with a device `there`."""

    events: list  # set by each test

    class there:
        Event = Event
        current_stream = staticmethod(lambda device: "the stream")


class Tensor:
    """A number on that device; reading it there would be a synchronisation."""

    class device:
        type = "there"

    def __init__(self, value):
        self.value = value

    def numel(self):
        return 1

    def detach(self):
        return self

    def to(self, where, non_blocking):
        assert (where, non_blocking) == ("cpu", True)
        return Host(self.value, Device.events)

    def item(self):
        raise AssertionError("synchronised")

    __float__ = item


class Host:
    def __init__(self, value, events):
        self.value, self.at, self.events = value, len(events), events

    def item(self):
        assert self.events[self.at].done, "read before it arrived"
        return self.value


def test_numbers_on_a_device_are_written_when_they_have_arrived(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", Device)
    monkeypatch.setattr(Device, "events", [], raising=False)
    writer = Writer(str(tmp_path), "log")
    writer.row({"loss": Tensor(0.5), "lr": 0.1}, 1, 100.0)
    writer.row({"loss": Tensor(0.25), "lr": 0.1}, 2, 101.0)
    assert [(r.step, r.names) for r in rows(tmp_path)] == [(1, ("lr",)), (2, ("lr",))]
    Device.events[0].done = True
    writer.row({"lr": 0.1}, 3, 102.0)
    arrived = [r for r in rows(tmp_path) if r.names == ("loss",)]
    assert [(r.step, r.time, r.values) for r in arrived] == [(1, 100.0, (0.5,))]
    writer.close()
    arrived = [r for r in rows(tmp_path) if r.names == ("loss",)]
    assert [(r.step, r.time, r.values) for r in arrived] == [
        (1, 100.0, (0.5,)),
        (2, 101.0, (0.25,)),
    ]


def test_rows_that_wait_for_a_device_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", Device)
    monkeypatch.setattr(Device, "events", [], raising=False)
    writer = Writer(str(tmp_path), "log")
    for step in range(writing.WAITING_MAX + 10):
        writer.row({"loss": Tensor(1.0)}, step)
    assert len(rows(tmp_path)) == writing.WAITING_MAX
    writer.close()
    assert len(rows(tmp_path)) == writing.WAITING_MAX + 10


def test_a_forked_child_writes_a_file_of_its_own(tmp_path):
    writer = Writer(str(tmp_path), "log")
    writer.row({"loss": 1.0}, 1)
    pid = os.fork()
    if not pid:
        writer.row({"loss": 2.0}, 2)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    writer.row({"loss": 3.0}, 3)
    writer.close()
    assert sorted((r.pid, r.step) for r in rows(tmp_path)) == sorted(
        [(os.getpid(), 1), (pid, 2), (os.getpid(), 3)]
    )


def test_threads_lose_nothing_and_tear_nothing(tmp_path):
    writer = Writer(str(tmp_path), "log")
    each = 2000

    def work(thread):
        for n in range(each):
            writer.row({f"thread{thread}": float(n), **({"odd": 1.0} if n % 7 == thread else {})})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    found = rows(tmp_path)
    assert len(found) == 6 * each
    for thread in range(6):
        own = [r.values[0] for r in found if r.names[0] == f"thread{thread}"]
        assert own == [float(n) for n in range(each)]
    assert len({row.step for row in found}) == 6 * each, "own steps are given out once"


RANK = """
import sys
from labhand.probe.points import Writer
writer = Writer(sys.argv[1], "log")
for step in range(2000):
    writer.row({"loss": step / 3, "rank": float(sys.argv[2])}, step)
"""


def test_eight_ranks_write_at_once(tmp_path):
    folder = tmp_path / "attempts" / "1"
    folder.mkdir(parents=True)
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(folder), str(rank)],
            env={**os.environ, "RANK": str(rank)},
        )
        for rank in range(8)
    ]
    assert [process.wait(60) for process in ranks] == [0] * 8
    for rank in range(8):
        found = points.series(tmp_path, "rank", rank=rank)
        assert found.values.tolist() == [float(rank)] * 2000
        assert found.steps.tolist() == list(range(2000))


FULL = """
import resource, sys, os
from labhand.probe.points import Writer
writer = Writer(sys.argv[1], "log")
resource.setrlimit(resource.RLIMIT_FSIZE, (50_001, resource.RLIM_INFINITY))
for step in range(2000):
    writer.row({"loss": step / 3, "acc": float(step)}, step)
size = os.stat(sys.argv[1] + f"/points.log-{os.getpid()}.log").st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
for step in range(2000, 2100):
    writer.row({"loss": step / 3, "acc": float(step)}, step)
writer.close()
print(size, writer.lost)
"""


def test_a_full_disk_costs_only_what_does_not_fit_and_is_told(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    size, lost = map(int, done.stdout.split())
    found = [row.step for row in rows(tmp_path)]
    fitted = 2000 - lost
    assert found == [*range(fitted), *range(2000, 2100)]
    assert 49_900 < size <= 50_001 and (size % 8) == 0, "what was torn is cut off"
    (events,) = tmp_path.glob("events.*.jsonl")
    told = [json.loads(line) for line in events.read_text().splitlines()]
    assert {event["kind"] for event in told} == {"fault"}
    assert sum(event["data"]["lost"] for event in told) == lost
    assert "the training goes on" in told[0]["data"]["message"]


def test_a_folder_that_is_not_there_never_raises(tmp_path):
    writer = Writer(str(tmp_path / "missing"), "log")
    for step in range(10):
        writer.row({"loss": 1.0}, step)
    assert writer.lost == 10
    (tmp_path / "missing").mkdir()
    writer.row({"loss": 1.0}, 10)
    writer.close()
    assert [row.step for row in rows(tmp_path / "missing")] == [10]
    (events,) = (tmp_path / "missing").glob("events.*.jsonl")
    assert json.loads(events.read_text())["data"]["lost"] == 10


KILLED = """
import sys, mmap
from labhand.probe.points import Writer
counter = open(sys.argv[2], "r+b")
seen = mmap.mmap(counter.fileno(), 8)
writer = Writer(sys.argv[1], "log")
step = 0
while True:
    writer.row({"loss": step / 3, "acc": float(step)}, step)
    step += 1
    seen[:8] = step.to_bytes(8, "little")
"""


@pytest.mark.parametrize("after", [1, 500, 20_000])
def test_what_was_logged_survives_kill_9(tmp_path, until, after):
    counter = tmp_path / "counter"
    counter.write_bytes(bytes(8))
    folder = tmp_path / "attempt"
    folder.mkdir()
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder), str(counter)])

    def seen():
        return int.from_bytes(counter.read_bytes(), "little")

    until(lambda: seen() >= after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = [row.step for row in rows(folder)]
    assert found == list(range(len(found)))
    assert seen() <= len(found) <= seen() + 1


def test_events_hold_any_settings(tmp_path):
    data = {
        "lr": 0.1,
        "nested": {"layers": (1, 2), "path": Path("x")},
        "nan": math.nan,
        "numpy": np.float32(0.5),
        "odd": Odd(),
        "set": {2, 1},
        3: "three",
    }
    assert writing.event(str(tmp_path), "config", data)
    (path,) = tmp_path.iterdir()
    told = json.loads(path.read_text())
    assert (told["schema"], told["kind"]) == ("labhand.event/1", "config")
    assert told["data"] == {
        "lr": 0.1,
        "nested": {"layers": [1, 2], "path": "x"},
        "nan": "nan",
        "numpy": 0.5,
        "odd": told["data"]["odd"],
        "set": [1, 2],
        "3": "three",
    }
    assert "Odd" in told["data"]["odd"]


def test_it_is_python_3_8_and_imports_only_what_python_brings():
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 8))
    for node in ast.walk(tree):
        modules = (
            [name.name for name in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
        assert all(module.partition(".")[0] in sys.stdlib_module_names for module in modules)
    code = (
        "import sys; from labhand.probe.points import Writer; Writer(sys.argv[1], 'log').row({'a': 1})\n"
        "print([n for n in ('numpy', 'torch', 'msgspec', 'typing', 'click') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"sys_path = {sys.path!r}\nimport sys; sys.path = sys_path\n" + code, "/nonexistent"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
