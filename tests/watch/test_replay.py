"""`labhand watch`, replay and following: what a person and a run get."""

import json
import math
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from labhand.cli import cli
from labhand.core.errors import InputError, NotFoundError
from labhand.core.task import score_pairs
from labhand.watch import Follower, replay
from labhand.watch.env import run_case, tasks

CASES = Path(__file__).parents[2] / "cases" / "watch"
HEALTHY = "step,loss,val_loss\n" + "".join(
    f"{i},{2 * 0.97**i:.4f},{2.1 * 0.97**i:.4f}\n" for i in range(40)
)
BAD = HEALTHY + "40,nan,0.7\n41,nan,0.7\n42,nan,0.7\n"


def run(*arguments: str) -> tuple[int, str, str]:
    found = subprocess.run(
        [sys.executable, "-m", "labhand", "watch", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return found.returncode, found.stdout, found.stderr


def invoke(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(cli, ["watch", *arguments], standalone_mode=False)
    if found.exception:
        raise found.exception
    return int(found.return_value), found.output


def test_a_healthy_log_is_told_to_be_fine(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(HEALTHY)
    code, text = invoke(str(path))
    assert code == 0
    assert "nothing is off" in text and "40 rows" in text
    assert "val_loss: a validation loss (by its name)" in text
    assert "it needs the times of the steps" in " ".join(text.split())


def test_findings_set_the_exit_code_by_their_severity(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(BAD)
    code, text = invoke(str(path))
    assert (
        code == 1
        and "✗ 1 non-finite  alarm  since step 40" in text
        and "loss is NaN from step 40 on" in text
    )
    assert invoke(str(path), "--ignore", "non-finite")[0] == 0
    noisy = HEALTHY.replace("\n30,", "\n30,9")  # 90 and more at step 30
    path.write_text(noisy)
    assert invoke(str(path))[0] == 0
    assert invoke(str(path), "--fail-on", "note")[0] == 1


def test_json_is_one_document_for_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEALTHY)
    (tmp_path / "b.csv").write_text(BAD)
    code, text = invoke(str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--format", "json")
    found = json.loads(text)
    assert code == 1 and found["schema"] == "labhand.findings/1"
    (finding,) = found["findings"]
    assert finding["where"]["run"] == "b.csv" and finding["where"]["step"] == 40
    assert (finding["state"], finding["alarm"], finding["opened_step"]) == ("closed", True, 40)
    assert found["summary"]["alarms"] == 1 and set(found["summary"]["runs"]) == {"a.csv", "b.csv"}
    assert {s["rule"] for s in found["skipped"]} >= {"crashed", "stalled"}


def test_wrong_input_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "words.txt").write_text("nothing here\n")
    (tmp_path / "noise.bin").write_bytes(random.Random(0).randbytes(5000))
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    for name in ("missing.csv", "empty.csv", "words.txt", "noise.bin", "torn.parquet"):
        with pytest.raises(InputError, match=name):
            invoke(str(tmp_path / name))
    code, text, error = run(str(tmp_path / "empty.csv"))
    assert (code, text) == (2, "")
    assert error.startswith("labhand: ") and error.count("\n") == 1 and "Traceback" not in error
    with pytest.raises(NotFoundError, match="did you mean `non-finite`"):
        invoke(str(tmp_path / "words.txt"), "--select", "nonfinite")


def test_a_folder_means_the_logs_in_it(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "m.csv").write_text(BAD)
    (tmp_path / "readme.md").write_text("# words: 3\n")
    (tmp_path / "data.csv").write_text("name,colour\na,red\n")
    found = replay([tmp_path])
    assert [f.where.run for f in found.findings] == ["m.csv"]
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no file in the folder"):
        replay([tmp_path / "none"])


def test_of_a_file_with_several_runs_each_is_watched_by_itself(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        [{"run": r, "step": i, "loss": math.nan if r == "ill" and i > 20 else 2 - i / 100} for i in range(40) for r in ("well", "ill")]
    )  # fmt: skip
    frame.write_parquet(tmp_path / "runs.parquet")
    found = replay([tmp_path / "runs.parquet"])
    assert [(f.where.run, f.rule, f.opened_step) for f in found.findings] == [
        ("ill", "non-finite", 21)
    ]
    assert set(found.summary["runs"]) == {"well", "ill"}


def test_the_end_of_an_output_tells_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text(
        "step 1: loss 2.5\nstep 2: loss 2.4\nTraceback (most recent call last):\n  File \"t.py\"\nKeyError: 'x'\n"
    )
    (found,) = replay([path]).findings
    assert (found.rule, found.opened_step, found.alarm) == ("crashed", 2, True)
    assert "KeyError: 'x'" in found.message


@given(
    st.lists(st.sampled_from(["1.0", "1.1", "5.0", "nan", "inf", ""]), min_size=2, max_size=60),
    st.data(),
)
def test_what_is_told_of_a_beginning_does_not_depend_on_what_follows(
    cells: list[str], data: st.DataObject
) -> None:
    lines = ["step,loss", *(f"{i},{cell}" for i, cell in enumerate(cells))]
    cut = data.draw(st.integers(2, len(lines)))
    begun, whole = run_case("\n".join(lines[:cut])), run_case("\n".join(lines))
    # at the very end of a log the last value decides, so the last line may only change a state
    assert [pair for pair in whole if pair[1] <= cut] == begun


@pytest.mark.parametrize(("end", "told"), [(2.3026, True), (1.2, False)])
def test_a_log_that_ends_where_guessing_would_is_told_at_its_end(
    tmp_path: Path, end: float, told: bool
) -> None:
    noise = random.Random(0)
    rows = [
        f"{10 * i},{2.3026 + (end - 2.3026) * i / 149 + noise.gauss(0, 0.006):.4f},{noise.uniform(0.09, 0.11):.3f}"
        for i in range(150)
    ]
    (tmp_path / "log.csv").write_text("\n".join(["step,loss,acc", *rows]))
    found = replay([tmp_path / "log.csv"]).findings
    assert [f.rule for f in found if "never better than guessing, ln 10" in f.message] == [
        "not-learning"
    ] * told


def test_the_environment_scores_what_replay_finds() -> None:
    problems = list(tasks(CASES))
    assert any("twin" in problem.id for problem in problems)
    for problem in problems:
        told = score_pairs(problem, run_case(problem.prompt))
        assert told.value == 1.0, problem.id
    assert score_pairs(problems[0], [("spike", 999)]).false_alarms == 1


def until(follower: Follower, count: int) -> list[tuple[str, int, dict[str, float]]]:
    found, deadline = [], time.monotonic() + 20
    while len(found) < count and time.monotonic() < deadline:
        found += [(p.name, row.step, row.values) for p, row in follower.read()]
        time.sleep(0.01)
    return found


def test_files_of_metrics_are_followed_as_they_grow(tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text("step,loss\n1,9\n2,8\n")
    follower = Follower(tmp_path, since=time.time())
    folder = tmp_path / "lightning_logs" / "version_0"
    folder.mkdir(parents=True)
    table, lines = folder / "metrics.csv", tmp_path / "log.jsonl"
    table.write_text("epoch,step,train_loss\n0,9,2.5\n0,1")
    lines.write_text('{"step": 1, "loss": 3.5}\n')
    with old.open("a") as file:
        file.write("3,7\n")
    found = until(follower, 3)
    assert sorted(found) == [
        ("log.jsonl", 1, {"loss": 3.5}),
        ("metrics.csv", 9, {"epoch": 0.0, "train_loss": 2.5}),
        ("old.csv", 3, {"loss": 7.0}),
    ]
    with table.open("a") as file:
        file.write("9,2.25\n")
    assert until(follower, 1) == [("metrics.csv", 19, {"epoch": 0.0, "train_loss": 2.25})]


def test_a_table_that_is_written_anew_each_epoch_is_told_once(tmp_path: Path) -> None:
    follower = Follower(tmp_path, since=time.time())
    path, found = tmp_path / "history.csv", []
    for epochs in range(1, 6):
        rows = "".join(f"{e},{3 - e / 10}\n" for e in range(epochs))
        path.with_suffix(".tmp").write_text("epoch,loss\n" + rows)
        path.with_suffix(".tmp").replace(path)
        found += until(follower, 1)
    assert [step for _, step, _ in found] == [0, 1, 2, 3, 4]


def test_event_files_are_followed_and_datasets_are_not(tmp_path: Path) -> None:
    follower = Follower(tmp_path, since=time.time() - 5)
    sample = (Path(__file__).parent / "samples" / "events.out.tfevents.simple").read_bytes()
    (tmp_path / "runs").mkdir()
    events = tmp_path / "runs" / "events.out.tfevents.1.host"
    events.write_bytes(sample[:3000])
    data = tmp_path / "data.csv"
    data.write_text("id,text,label\n" + "".join(f"{i},some words,{i % 2}\n" for i in range(100)))
    numbers = tmp_path / "numbers.jsonl"
    numbers.write_text('{"id": 1, "price": 2.5}\n')
    hidden = tmp_path / ".venv" / "metrics.csv"
    hidden.parent.mkdir()
    hidden.write_text("step,loss\n1,2\n")
    first = until(follower, 1)
    for path in (data, numbers):
        with path.open("a") as file:
            file.write(path.read_text())
    with events.open("ab") as file:
        file.write(sample[3000:])
    rest = until(follower, 6 - len(first))
    assert {name for name, _, _ in first + rest} == {events.name}
    assert sum(len(values) for _, _, values in first + rest) == 12
    assert follower.close() == []


def test_following_never_raises(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "gone", since=0.0)
    assert follower.read() == []
    follower = Follower(tmp_path, since=0.0)
    path = tmp_path / "m.csv"
    path.write_text("step,loss\n1,2\n")
    assert len(until(follower, 1)) == 1
    path.unlink()
    assert follower.read() == []
    os.mkfifo(tmp_path / "pipe.csv")
    assert follower.close() == []
