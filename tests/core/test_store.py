"""The record on disk: found by name, replaced whole, readable years later."""

import json
import stat
from pathlib import Path

import pytest

from labhand.core import event
from labhand.core.errors import InputError, NotFoundError, RecordError
from labhand.core.run import Run
from labhand.core.store import Store, project_root, write_whole

SAMPLES = Path(__file__).parent / "samples"


def made(store, name=None):
    run_id, run_name = store.create(name)
    run = Run(id=run_id, name=run_name, command=["true"], cwd="/", started=event.now())
    store.write(run)
    return run


def test_a_run_is_found_by_id_name_and_last(tmp_path):
    store = Store(tmp_path / ".labhand")
    first, second = made(store, "bold-heron"), made(store)
    ids = sorted([first.id, second.id])
    assert store.find(first.id) == store.find("bold-heron") == first.id
    assert store.find("last") == ids[-1]
    assert store.read(first.id) == first


def test_of_two_runs_with_one_name_the_newest_is_meant(tmp_path):
    store = Store(tmp_path / ".labhand")
    ids = sorted(made(store, "same").id for _ in range(3))
    assert store.find("same") == ids[-1]


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path):
    store = Store(tmp_path / ".labhand")
    with pytest.raises(NotFoundError, match="labhand run"):
        store.find("last")
    made(store, "bold-heron")
    with pytest.raises(NotFoundError, match="bold-heron"):
        store.find("bold-hern")


def test_a_home_is_private_and_ignored_by_git(tmp_path):
    store = Store(tmp_path / ".labhand")
    run = made(store)
    assert (store.home / ".gitignore").read_text() == "*\n"
    for path in (store.home, store.folder(run.id)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((store.folder(run.id) / "run.json").stat().st_mode) == 0o600


def test_the_home_can_be_moved(tmp_path, monkeypatch):
    monkeypatch.setenv("LABHAND_HOME", str(tmp_path / "elsewhere"))
    assert Store.at(tmp_path).home == tmp_path / "elsewhere"


def test_a_home_that_cannot_be_made_is_told_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="LABHAND_HOME"):
        Store(tmp_path / "file" / ".labhand").create()


def test_the_project_is_the_nearest_marked_folder(tmp_path):
    inner = tmp_path / "project" / "scripts"
    inner.mkdir(parents=True)
    (tmp_path / "project" / "pyproject.toml").touch()
    assert project_root(inner) == tmp_path / "project"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b'{"schema": "labh', "damaged"), (b"\xff\xfe", "damaged"), (b"[]", "damaged")],
)
def test_a_damaged_record_is_one_sentence(tmp_path, content, words):
    store = Store(tmp_path / ".labhand")
    run = made(store)
    (store.folder(run.id) / "run.json").write_bytes(content)
    with pytest.raises(RecordError, match=words):
        store.read(run.id)


def test_a_record_of_a_newer_version_says_so(tmp_path):
    store = Store(tmp_path / ".labhand")
    run = made(store)
    path = store.folder(run.id) / "run.json"
    path.write_text(path.read_text().replace("labhand.run/1", "labhand.run/9"))
    with pytest.raises(RecordError, match=r"labhand\.run/9"):
        store.read(run.id)


def test_replacing_a_file_leaves_the_old_one_when_it_fails(tmp_path):
    path = tmp_path / "run.json"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "no bytes")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_events_of_all_writers_come_in_the_order_of_time_and_torn_lines_are_passed_over(tmp_path):
    store = Store(tmp_path / ".labhand")
    run = made(store)
    folder = store.attempt(run.id, 1)
    folder.mkdir(parents=True)
    early, late = (event.encode("note", text=text) for text in ("early", "late"))
    (folder / "events.jsonl").write_bytes(late + b'{"schema": "torn')
    (folder / "events.7.jsonl").write_bytes(early)
    texts = [happened.data["text"] for happened in store.events(run.id, 1)]
    assert sorted(texts) == ["early", "late"] and len(texts) == 2


def test_events_are_read_on_from_where_reading_stopped(tmp_path):
    path, offsets = tmp_path / "events.jsonl", {}
    path.write_bytes(event.encode("a") + event.encode("b")[:10])
    assert [e.kind for e in event.read_from(path, offsets)] == ["a"]
    path.write_bytes(path.read_bytes()[:-10] + event.encode("b"))
    assert [e.kind for e in event.read_from(path, offsets)] == ["b"]
    assert list(event.read_from(path, offsets)) == []


def test_a_record_of_version_1_stays_readable(tmp_path):
    store = Store(tmp_path / ".labhand")
    run_id, _ = store.create()
    sample = (SAMPLES / "run-1.json").read_bytes()
    (store.folder(run_id) / "run.json").write_bytes(sample)
    run = store.read(run_id)
    assert run.attempts[0].failure.kind == "missing-folder"
    assert run.metrics["loss"].last == 0.25
    assert json.loads(sample)["schema"] == run.schema == "labhand.run/1"


def test_runs_of_one_second_stay_in_the_order_in_which_they_began(tmp_path):
    store = Store(tmp_path)
    begun = [store.create()[0] for _ in range(20)]
    assert store.ids() == begun
    assert store.find("last") == begun[-1]


def test_bytes_that_are_no_text_are_damage_and_no_more(tmp_path):
    store = Store(tmp_path)
    run = made(store)
    store.attempt(run.id, 1).mkdir(parents=True)
    events = store.attempt(run.id, 1) / "events.jsonl"
    events.write_bytes(b'{"kind":"note","time":"\xff"}\n' + event.encode("note", text="kept"))
    assert [happened.data["text"] for happened in store.events(run.id, 1)] == ["kept"]
    (store.folder(run.id) / "run.json").write_bytes(b'{"schema":"\xff"}')
    with pytest.raises(RecordError, match="damaged"):
        store.read(run.id)
