"""The runs of a project, quickly, and right even where the index is not."""

import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from labhand.core.finding import Finding, in_run
from labhand.core.run import Metric, Run
from labhand.core.store import Store
from labhand.kit.catalog import Catalog, RunRow, path_of, script_of


def metric(last: float | None = 1.0) -> Metric:
    return Metric(points=3, first=1.0, last=last, min=0.0, max=2.0, last_step=3, non_finite=0)


def finding(severity: str) -> Finding:
    return Finding(
        id="x",
        job="watch",
        rule="spike",
        severity=severity,  # type: ignore[arg-type]
        confidence=1.0,
        message="m",
        where=in_run("r", 1),
        advice="a",
    )


def made(store: Store, number: int, command: str = "python train.py --lr 0.1") -> Run:
    run = Run(
        id=f"20261102-{number:06d}-abcd",
        name=f"run-{number}",
        status="finished",
        exit_code=0,
        command=command.split(),
        cwd="/x",
        started="2026-11-02T10:00:00.000+01:00",
        wall_s=1.5,
        findings=[finding("warning"), finding("note"), finding("warning")],
        metrics={"system/rss_bytes": metric(), "lr": metric(), "val/loss": metric(0.25)},
    )
    store.folder(run.id).mkdir(parents=True)
    store.write(run)
    return run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / ".labhand")
    for number in range(5):
        made(store, number)
    return store


def numbers(rows: list[RunRow]) -> list[int]:
    return [int(row.id[9:15]) for row in rows]


def test_a_row_tells_a_run_in_short(store: Store) -> None:
    row = Catalog(store).rows(1)[0]
    assert row == RunRow(
        id="20261102-000004-abcd",
        name="run-4",
        status="finished",
        exit_code=0,
        command=["python", "train.py", "--lr", "0.1"],
        started="2026-11-02T10:00:00.000+01:00",
        wall_s=1.5,
        findings={"warning": 2, "note": 1},
        metric=("val/loss", 0.25),
    )
    assert Catalog(store).rows(1)[0] == row, "the second time it comes from the index"


def test_newest_or_oldest_first_and_as_many_as_asked(store: Store) -> None:
    catalog = Catalog(store)
    assert numbers(catalog.rows()) == [4, 3, 2, 1, 0]
    assert numbers(catalog.rows(2)) == [4, 3]
    assert numbers(catalog.rows(2, newest_first=False)) == [0, 1]
    assert Catalog(Store(store.home / "nowhere")).rows() == []
    assert not (store.home / "nowhere").exists()


def test_runs_that_came_changed_or_went_behind_its_back(store: Store) -> None:
    catalog = Catalog(store)
    catalog.rows()
    made(store, 7)
    shutil.rmtree(store.folder("20261102-000001-abcd"))
    changed = store.read("20261102-000002-abcd")
    changed.status = "failed"
    store.write(changed)
    (store.runs / "20261102-000006-dead").mkdir()
    rows = Catalog(store).rows()
    assert numbers(rows) == [7, 6, 4, 3, 2, 0]
    assert rows[1].status == "lost" and rows[1].started.startswith("2026-11-02T00:00:06")
    assert rows[4].status == "failed"


def test_a_run_that_is_about_to_begin_is_not_lost(store: Store) -> None:
    run_id, _ = store.create()
    assert [(r.id, r.status) for r in Catalog(store).rows(1)] == [(run_id, "running")]


def test_a_run_that_is_put_is_not_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    Catalog(store).rows()
    Catalog(store).put(made(store, 9))
    monkeypatch.setattr(Store, "read", None)
    assert numbers(Catalog(store).rows()) == [9, 4, 3, 2, 1, 0]


def test_rebuilding_names_what_cannot_be_read(store: Store) -> None:
    (store.folder("20261102-000003-abcd") / "run.json").write_text('{"schema": "labh')
    (store.folder("20261102-000002-abcd") / "run.json").unlink()
    Catalog(store).rows()
    rows, problems = Catalog(store).rebuild()
    assert rows == 5
    assert ["damaged" in problems[1], "cannot be read" in problems[0], len(problems)] == [1, 1, 2]
    assert [row.status for row in Catalog(store).rows()] == [
        *("finished", "lost", "lost", "finished", "finished")
    ]


def _text(path: Path) -> None:
    path.write_bytes(b"this is no database at all, " * 100)


def _torn(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\0" * (len(content) - 4096))


def _outdated(path: Path) -> None:
    database = sqlite3.connect(path)
    database.executescript("DROP TABLE runs; CREATE TABLE runs (a); PRAGMA user_version = 9999")
    database.close()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _other_rows(path: Path) -> None:
    database = sqlite3.connect(path)
    with database:
        database.execute("UPDATE runs SET row = x'00'")
    database.close()


@pytest.mark.parametrize("damage", [_text, _torn, _outdated, _folder, _other_rows, Path.unlink])
def test_a_spoilt_index_is_made_anew_or_passed_by(store: Store, damage) -> None:  # type: ignore[no-untyped-def]
    before = Catalog(store).rows()
    for suffix in ("-wal", "-shm"):
        Path(f"{path_of(store)}{suffix}").unlink(missing_ok=True)
    damage(path_of(store))
    Catalog(store).put(made(store, 6))
    assert Catalog(store).rows()[1:] == before
    assert numbers(Catalog(store).rows()) == [6, 4, 3, 2, 1, 0]


def test_a_locked_index_is_passed_by(store: Store) -> None:
    before = Catalog(store).rows()
    database = sqlite3.connect(path_of(store), isolation_level=None)
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("BEGIN EXCLUSIVE")
    database.execute("DELETE FROM runs")
    try:
        assert Catalog(store).rows() == before
        Catalog(store).put(made(store, 6))
    finally:
        database.execute("ROLLBACK")
        database.close()
    assert numbers(Catalog(store).rows()) == [6, 4, 3, 2, 1, 0]


def test_a_home_that_cannot_be_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("labhand.kit.catalog.os.open", refused)
    assert numbers(Catalog(store).rows()) == [4, 3, 2, 1, 0]
    assert not path_of(store).exists()


def test_several_at_once(store: Store) -> None:
    errors: list[BaseException] = []

    def many(start: int) -> None:
        try:
            for number in range(start, start + 10):
                Catalog(store).put(made(store, number))
                Catalog(store).rows()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=many, args=(100 * (i + 1),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(Catalog(store).rows()) == 45


def test_the_index_is_private(store: Store) -> None:
    Catalog(store).rows()
    assert path_of(store).stat().st_mode & 0o077 == 0


def test_the_run_before_of_the_same_script(store: Store) -> None:
    made(store, 10, "python eval.py")
    made(store, 11, "python ./train.py --lr 3")
    catalog = Catalog(store)
    command = "torchrun --nproc_per_node 2 train.py --lr 1".split()
    assert catalog.previous(command, "20261102-000011-abcd") == "20261102-000004-abcd"
    assert catalog.previous(command, "20261102-000012-abcd") == "20261102-000011-abcd"
    assert catalog.previous(command, "20261102-000000-abcd") is None
    assert catalog.previous(["python", "eval.py", "x"], "3") == "20261102-000010-abcd"
    assert catalog.previous(["other"], "3") is None


def test_a_thousand_runs(tmp_path: Path) -> None:
    store = Store(tmp_path / ".labhand")
    for number in range(1000):
        made(store, number)
    assert numbers(Catalog(store).rows()) == list(range(999, -1, -1))
    assert Catalog(store).rows(20) == Catalog(store).rows()[:20]
    assert Catalog(store).rebuild() == (1000, [])


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("python train.py --lr 1", "train.py"),
        ("python ./a/../train.py config/gpt2.py", "train.py"),
        ("python -u -m pkg.train x.py", "-m pkg.train"),
        ("python -m torch.distributed.run --nproc 2 train.py", "train.py"),
        ("bash run.sh 3", "run.sh"),
        ("/usr/bin/yolo train lr=1", "yolo train"),
        ("lightning --config x", "lightning"),
        ("train lr=1", "train"),
        ("python -m", "-m "),
        ("", ""),
    ],
)
def test_what_a_command_runs(command: str, script: str) -> None:
    assert script_of(command.split()) == script


def test_it_survives_a_run_that_vanishes_while_it_reads(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = store.ids()
    monkeypatch.setattr(Store, "ids", lambda _: list(ids))
    shutil.rmtree(store.folder(ids[2]))
    assert [row.status for row in Catalog(store).rows()].count("lost") == 1
    assert os.listdir(store.home)
