"""Each number in the words about a run is a value of the record, at the place that the sentence names."""

import json
import re
import subprocess
import sys

import msgspec
import pytest

from labhand.core.store import Store
from labhand.cycle.compare import compare
from labhand.web import story, words

TRAIN = """
import sys
lr = float(sys.argv[1])
for step in range(30):
    print(f"step {step} loss {2.0 / (1 + lr * step):.4f} val_acc {0.5 + step * lr / 100:.3f}")
if lr > 0.4:
    for step in range(30, 50):
        print(f"step {step} loss nan")
if lr > 0.8:
    raise RuntimeError("no 17 left")
"""


class Project:
    """The project of all tests here: its runs are made once."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *arguments):
        command = [sys.executable, "-m", "labhand", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)

    def show(self, name):
        return json.loads(self("show", name, "--json").stdout)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    lab = Project(tmp_path_factory.mktemp("sweep"))
    (lab.folder / "train.py").write_text(TRAIN)
    for lr in ("0.1", "0.3", "0.5", "0.9"):
        lab("run", "--name", f"lr-{lr.replace('.', '-')}", "--", sys.executable, "train.py", lr)
    return lab


def at(document, source):
    """The value at a path; names of metrics may hold dots."""
    parts = source.split(".")
    while parts:
        if isinstance(document, list):
            document = document[int(parts.pop(0))]
            continue
        for size in range(len(parts), 0, -1):
            key = ".".join(parts[:size])
            if key in document:
                document, parts = document[key], parts[size:]
                break
        else:
            raise AssertionError(f"nothing at {source}")
    return document


def hold(sentences, document):
    """That each number is taken, from where it says, and printed as the value is."""
    taken = 0
    for sentence in sentences:
        for piece in sentence.pieces:
            if isinstance(piece, str):
                outside = re.sub(r"`[^`]*`", "", piece)  # a metric or setting may be named l2
                assert not re.search(r"\d", outside), (piece, str(sentence))
                continue
            taken += 1
            value = at(document, piece.source)
            assert value == msgspec.to_builtins(piece.value), piece
            assert piece.text in printed(piece.source, value), piece
        assert str(sentence).endswith("."), str(sentence)
    return taken


def printed(source, value):
    """The ways in which the value at such a place may be said."""
    if isinstance(value, list):
        return [words.command_line(value)]
    if isinstance(value, str):
        return [value.rstrip("."), words.moment(value), value[:10]]
    if source.endswith("wall_s"):
        return [words.duration(value)]
    return [words.number(value), words.value_of(value)]


@pytest.mark.parametrize("name", ["lr-0-1", "lr-0-5", "lr-0-9"])
def test_every_number_about_a_run_is_in_its_record(sweep, name):
    document = sweep.show(name)
    store = Store(sweep.folder / ".labhand")
    sentences = story.of_run(store.read(store.find(name)))
    assert hold(sentences, document) >= 6
    text = words.bare(" ".join(map(str, sentences)))
    told = sweep("show", name).stdout
    assert " ".join(text.split()) in " ".join(told.split())


def test_the_words_say_how_it_went(sweep):
    store = Store(sweep.folder / ".labhand")
    fine, broken, failed = (
        " ".join(map(str, story.of_run(store.read(store.find(name)))))
        for name in ("lr-0-1", "lr-0-5", "lr-0-9")
    )
    assert "It finished after" in fine and "Nothing was found to be off." in fine
    assert "`loss` went from 2 to 0.5128 at step 29." in fine
    assert "values were not finite" in broken and "NaN from step 30 on" in broken
    assert "failed after" in failed and "no 17 left" in failed


def test_every_number_about_a_sweep_is_in_its_comparison(sweep):
    names = ["lr-0-1", "lr-0-3", "lr-0-5"]
    done = sweep("compare", *names, "--json")
    store = Store(sweep.folder / ".labhand")
    sentences = story.of_runs(compare(store, sweep.folder, names))
    assert hold(sentences, json.loads(done.stdout)) >= 6
    text = " ".join(map(str, sentences))
    assert "`loss` ended best in lr-0-3" in text and "worst in lr-0-1" in text
    assert "NaN" in text
    assert " ".join(words.bare(text).split()) in " ".join(sweep("compare", *names).stdout.split())


def test_the_report_has_the_words(sweep):
    store = Store(sweep.folder / ".labhand")
    run_id = store.find("lr-0-5")
    page = (store.folder(run_id) / "report.html").read_text()
    assert "In words" in page and "values were not finite" in page
