"""The command line: every wrong call is one sentence and 2, every JSON output one document."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from labhand.cli import COMMANDS

TRAIN = "for step in range(5):\n    print(f'step {step}: loss {5 - step}')\n"


@pytest.fixture
def ran(lab):
    lab.script("train.py", TRAIN)
    assert lab("run", "--name", "first", "--", sys.executable, "train.py").returncode == 0
    lab.script("train.py", TRAIN.replace("5 - step", "6 - step"))
    assert lab("run", "--name", "second", "--", sys.executable, "train.py").returncode == 0
    return lab


def test_the_help_shows_what_to_type_line_by_line(lab):
    lines = lab("--help").stdout.splitlines()
    assert "  labhand run -- python train.py     record, supervise, watch and report a run" in lines
    assert "\\" not in "".join(lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(lab, command):
    done = lab(command, "--help")
    assert done.returncode == 0
    assert f"labhand {command}" in done.stdout
    assert "-C DIR" in done.stdout


@pytest.mark.parametrize(
    "call",
    [
        ["frobnicate"],
        ["run", "--fix", "maybe", "--", "true"],
        ["runs", "-n", "0"],
        ["show"],
        ["compare", "one"],
        ["-C", "nowhere"],
        ["runs", "-C", "nowhere"],
        ["rule", "grad-zero-mising"],
        ["new", "sonnet", "x"],
        ["check", "nowhere.py"],
        ["watch", "nowhere.csv"],
        ["record", "import", "nowhere.csv"],
    ],
)
def test_a_wrong_call_is_one_sentence_and_2(lab, call):
    done = lab(*call)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("labhand: ") and len(done.stderr.strip().splitlines()) == 1
    assert not (lab.folder / ".labhand").exists()


def test_a_wrong_setting_of_the_project_is_named_with_the_nearest(lab):
    (lab.folder / "labhand.toml").write_text('chek = "off"\n')
    done = lab("run", "--", "true")
    assert done.returncode == 2 and "`check`" in done.stderr


def test_another_folder(ran, tmp_path):
    inner = tmp_path / "elsewhere"
    inner.mkdir()
    (inner / "labhand.toml").touch()
    assert json.loads(ran("runs", "--json", "-C", str(inner)).stdout)["runs"] == []
    assert len(json.loads(ran("runs", "--json").stdout)["runs"]) == 2


def test_json_is_one_document_and_nothing_else(ran):
    schemas = {
        ("runs", "--json"): "labhand.runs/1",
        ("show", "last", "--json"): "labhand.run/1",
        ("compare", "first", "second", "--json"): "labhand.comparison/1",
        ("check", "--format", "json"): "labhand.findings/1",
    }
    for call, schema in schemas.items():
        assert json.loads(ran(*call).stdout)["schema"] == schema


def test_runs_show_and_compare_speak_to_a_person(ran):
    listed = ran("runs").stdout
    assert listed.index("second") < listed.index("first")
    assert "loss" in ran("show", "first").stdout
    compared = ran("compare", "first", "second").stdout
    assert "loss" in compared and "train.py" in compared
    assert "\x1b" not in listed + compared


def test_the_code_of_a_run_against_the_code_now(ran):
    difference = ran("show", "first", "--diff").stdout
    assert "-    print(f'step {step}: loss {5 - step}')" in difference
    assert "+    print(f'step {step}: loss {6 - step}')" in difference
    assert "as it was" in ran("show", "second", "--diff").stdout


def test_the_output_of_a_run(ran):
    assert ran("show", "first", "--output").stdout.splitlines()[0] == "step 0: loss 5"


def test_a_log_of_another_tool_becomes_a_run(lab):
    lab.script("log.csv", "step,loss\n" + "".join(f"{i},{1 / (i + 1)}\n" for i in range(50)))
    done = lab("record", "import", "log.csv", "--name", "theirs")
    assert done.returncode == 0, done.stderr
    assert lab.show("theirs")["metrics"]["loss"]["points"] == 50


def test_doctor_names_a_broken_extension_and_a_run_goes_on(lab):
    (lab.folder / ".labhand" / "rules").mkdir(parents=True)
    (lab.folder / ".labhand" / "rules" / "broken.py").write_text("raise RuntimeError('boom')")
    done = lab("doctor")
    assert done.returncode == 1 and "boom" in done.stdout
    lab.script("train.py", TRAIN)
    assert lab.run("train.py").returncode == 0


def test_a_thousand_runs_are_listed(lab):
    from labhand.core import event
    from labhand.core.run import Metric, Run
    from labhand.core.store import Store

    store = Store(lab.folder / ".labhand")
    metric = Metric(points=9, first=1.0, last=0.5, min=0.5, max=1.0, last_step=8, non_finite=0)
    for number in range(1000):
        run_id = f"20261122-{number:06d}-0000"
        store.folder(run_id).mkdir(parents=True)
        run = Run(
            id=run_id,
            name=f"run-{number}",
            status="finished",
            exit_code=0,
            wall_s=1.0,
            command=["python", "train.py"],
            cwd="/",
            started=event.now(),
            metrics={"loss": metric},
        )
        store.write(run)
    rows = json.loads(lab("runs", "--json").stdout)["runs"]
    assert len(rows) == 1000 and rows[0]["name"] == "run-999"
    assert len(lab("runs", "-n", "3").stdout.strip().splitlines()) in (3, 4)


def test_whoever_reads_our_output_may_leave(ran):
    done = ran("runs", stdout=os.open(os.devnull, os.O_WRONLY), capture_output=False)
    assert done.returncode == 0


def test_the_demo_runs_twice_and_shows_what_is_off(lab):
    done = lab("demo", "here", timeout=110)
    text = done.stdout + done.stderr
    assert "missing-folder" in text and "config-arg-unused" in text and "report.html" in text
    runs = json.loads(lab("runs", "--json", "-C", "here").stdout)["runs"]
    assert [r["status"] for r in runs] == ["finished", "finished"]
    found = {
        f["rule"]
        for f in json.loads(lab("show", runs[0]["id"], "--json", "-C", "here").stdout)["findings"]
    }
    assert "non-finite" in found


@pytest.mark.parametrize("name", ["", " ", "last", "20261122-224056-6613", "--x", "a\nb", "x" * 61])
def test_a_name_that_could_not_be_given_back_is_refused(lab, name):
    done = lab("run", "--name", name, "--", "true")
    assert done.returncode == 2 and "--name" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (lab.folder / ".labhand").exists()


@pytest.mark.parametrize("name", ["a/b", "with space", "ünï", "x" * 60])
def test_any_other_name_finds_its_run(lab, name):
    assert lab("run", "--name", name, "--", "true").returncode == 0
    assert lab.show(name)["name"] == name


def test_a_command_in_quotes_is_told_to_leave_them_off(lab):
    done = lab("run", "--", f"{sys.executable.rpartition('/')[2]} train.py", env=os.environ)
    assert done.returncode == 2 and "leave the quotes off" in done.stderr


def test_an_empty_note_and_an_empty_log_leave_nothing(lab):
    assert lab("run", "--", "true").returncode == 0
    assert lab("note", "last", " ").returncode == 2
    assert not list(lab.folder.glob(".labhand/runs/*/notes.jsonl"))
    lab.script("empty.txt", "nothing to see\n")
    assert lab("record", "import", "empty.txt").returncode == 2
    assert len(list(lab.folder.glob(".labhand/runs/*"))) == 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["shw"], "no command is named `shw`; did you mean `show`?"),
        (["run", "--detch"], "no such option `--detch`; did you mean"),
        (["show"], "missing argument `RUN`; see `labhand show --help`"),
    ],
)
def test_a_slip_of_the_keyboard_gets_the_nearest(lab, call, said):
    done = lab(*call)
    assert done.returncode == 2 and done.stderr.startswith(f"labhand: {said}")


def test_the_code_of_a_deleted_run_is_let_go_of_and_only_that(lab):
    def git(*arguments):
        done = subprocess.run(
            ["git", *arguments], cwd=lab.folder, capture_output=True, text=True, check=True
        )
        return done.stdout

    git("init", "-q")
    lab.script("train.py", "print(1)")
    tree = git("write-tree").strip()
    git("update-ref", "refs/labhand/of-another-home", tree)
    for _ in range(2):
        assert lab.run("train.py").returncode == 0
    first, second = sorted((lab.folder / ".labhand" / "runs").iterdir())
    shutil.rmtree(first)
    named = lab("doctor")
    assert named.returncode == 1 and "1 deleted run is still kept in git" in named.stdout
    assert first.name in git("for-each-ref")
    assert "was let go of" in lab("doctor", "--rebuild").stdout
    refs = git("for-each-ref", "--format=%(refname:lstrip=2)").split()
    assert refs == [second.name, "of-another-home"]
    assert lab("doctor").returncode == 0
