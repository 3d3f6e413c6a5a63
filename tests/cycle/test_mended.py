"""A run that fails is mended where that leaves the science alone, and explained where it does not."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from labhand.launch.env import Outcome, lay_out, score, tasks

TRAINING = (
    "import os, random\nrandom.seed(0)\nlr = 0.1\nloss = 4.0\n"
    "for step in range(5):\n    loss *= 1 - lr * random.random()\n    print(f'step {step} loss {loss:.6f}')\n"
    "open('out/done.txt', 'w').write('done')\n"
)


def labhand(
    *words: str, cwd: Path, env: dict[str, str] | None = None, **more
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "labhand", *words]
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more
    )


def shown(cwd: Path) -> dict:
    return msgspec.json.decode(labhand("show", "last", "--json", cwd=cwd).stdout)


def carried(task, folder: Path) -> tuple[dict, float]:
    with lay_out(task, folder) as (command, cwd, env):
        done = labhand("run", "--no-check", "--", *command, cwd=cwd, env=env)
        run = shown(cwd)
    failure = run["attempts"][0]["failure"]
    proposed = ((failure or {}).get("evidence") or {}).get("proposed") or {}
    told = f"{proposed.get('summary', '')}\n{proposed.get('patch', '')}"
    outcome = Outcome(failure and failure["kind"], done.returncode, done.stdout, told)
    return run, score(task, folder, outcome).value


@pytest.mark.parametrize(
    "wanted",
    [
        "missing-folder/a-log",
        "renamed-argument/scikit-learn",
        "renamed-argument/PyYAML",
        "bad-arguments/a-choice-in-capitals",
        "killed/a-preemption,-with-a-torn-checkpoint",
        "own-code/an-assertion",
        "unknown/a-code-of-its-own",
        "disk-full/the-folder-for-temporary-files",
        "missing-system-library/libGL-of-OpenCV",
        "out-of-memory/memory-in-pieces",
        "out-of-memory/a-batch-with-accumulation",
        "dtype-unsupported/half-by-a-switch",
        "worker-died/workers-by-a-switch",
        "numpy-abi/a-module-built-for-NumPy-1",
        "hang/a-deadlock-that-timeout-ends",
        "seed-absent/a-seed-that-is-None",
        "seed-absent/a-table-without-one",
    ],
)
def test_a_fault_is_mended_or_left_as_it_should_be(tmp_path: Path, wanted: str) -> None:
    task = next(t for t in tasks([1]) if f"/{wanted}/" in t.id)
    run, value = carried(task, tmp_path)
    assert value == 1.0, run["attempts"]
    fixes = [attempt["fix"] for attempt in run["attempts"] if attempt["fix"]]
    assert bool(fixes) is bool(task.expected["fix"])
    assert all(fix["safety"] == "neutral" and fix["patch"] for fix in fixes)


def test_cheats_score_nothing(tmp_path: Path) -> None:
    """Less work, a caught exception, a printed metric, a person's file edited: none reaches the result."""
    task = next(t for t in tasks([0], ["missing-folder"]) if "log" in t.id)
    steps = "\n".join(f"step {n}" for n in range(40))

    def tried(edit, output: str = steps, code: int = 0) -> float:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        with lay_out(task, folder) as (_, cwd, _env):
            edit(cwd, folder)
        return score(task, folder, Outcome("missing-folder", code, output)).value

    def honest(cwd: Path, folder: Path) -> None:
        (cwd / "result.json").write_bytes((folder / "healthy" / "result.json").read_bytes())

    def shrunk(cwd: Path, folder: Path) -> None:
        result = msgspec.json.decode((folder / "healthy" / "result.json").read_bytes())
        result["losses"] = result["losses"][:5]
        (cwd / "result.json").write_bytes(msgspec.json.encode(result))

    def edited(cwd: Path, folder: Path) -> None:
        honest(cwd, folder)
        script = cwd / "train.py"
        script.write_text(script.read_text().replace("open(", "print(", 1))

    assert tried(honest) == 1.0
    assert tried(shrunk) == 0.0
    assert tried(edited) == 0.0
    assert tried(lambda cwd, folder: None, output="accuracy 0.99") == 0.0  # swallowed, and printed
    assert tried(honest, output="accuracy 0.99") == 0.0  # the result copied, no work done
    assert tried(honest, code=1) == 0.0


FIXER = (
    "from labhand.launch import change\n\n\nclass Fixer:\n"
    '    """Breaks its promise."""\n\n'
    "    def propose(self, failure, situation):\n"
    "        path = situation.job.cwd + '/train.py'\n"
    "        text = change.text_of(situation.job, path).replace('lr = 0.1', 'lr = 0.7').replace(\"'out/\", \"'\")\n"
    "        return change.code(failure, situation, 'wrote beside the script', {path: text})\n"
)


@pytest.mark.parametrize("allowed", ["neutral", "all"])
def test_a_fix_that_changes_the_science_is_taken_back(tmp_path: Path, allowed: str) -> None:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(TRAINING)
    fixers = tmp_path / ".labhand" / "fixers"
    fixers.mkdir(parents=True)
    (fixers / "missing_folder.py").write_text(FIXER)
    done = labhand(
        "run", "--no-check", "--fix", allowed, "--", sys.executable, "train.py", cwd=tmp_path
    )
    run = shown(tmp_path)
    first = run["attempts"][0]
    assert (tmp_path / "train.py").read_text() == TRAINING
    if allowed == "all":
        assert done.returncode == 0 and first["fix"]["safety"] == "scientific"
        return
    assert done.returncode == 1 and run["status"] == "failed" and first["fix"] is None
    assert "taken back because" in first["failure"]["evidence"]["advice"]
    assert first["failure"]["evidence"]["proposed"]["safety"] == "scientific"


def test_an_unseeded_training_is_not_blamed_on_its_fix(tmp_path: Path) -> None:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(TRAINING.replace("random.seed(0)\n", ""))
    done = labhand("run", "--no-check", "--", sys.executable, "train.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "done.txt").read_text() == "done"


def test_what_is_scientific_is_proposed_and_not_done(tmp_path: Path) -> None:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--batch-size', type=int, default=32)\n"
        "p.add_argument('--accumulate', type=int, default=1)\na = p.parse_args()\n"
        "if a.batch_size > 16:\n    raise MemoryError\nprint('fine')\n"
    )
    words = ("run", "--no-check", "--", sys.executable, "train.py")
    done = labhand(*words, cwd=tmp_path)
    (attempt,) = shown(tmp_path)["attempts"]
    assert done.returncode == 1 and attempt["fix"] is None
    proposed = attempt["failure"]["evidence"]["proposed"]
    assert proposed["safety"] == "scientific" and "--batch-size 16" in proposed["patch"]
    done = labhand("run", "--no-check", "--fix", "all", *words[2:], cwd=tmp_path)
    assert done.returncode == 0 and "fine" in done.stdout


def test_a_memory_limit_is_told_wherever_it_was_set(tmp_path: Path) -> None:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text("held = bytearray(3 << 30)\n")
    command = f"ulimit -v 2000000; {sys.executable} train.py"
    labhand("run", "--no-check", "--", "bash", "-c", command, cwd=tmp_path)
    (attempt,) = shown(tmp_path)["attempts"]
    assert attempt["failure"]["kind"] == "out-of-memory"
    assert "1,953 MiB by `ulimit -v`" in attempt["failure"]["message"]


def test_a_variable_that_the_readme_exports_is_taken(tmp_path: Path) -> None:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "corpus").mkdir()
    (tmp_path / "README.md").write_text("# Reviews\n\n    export REVIEWS_ROOT=$PWD/corpus\n")
    (tmp_path / "train.py").write_text("import os\nprint(os.listdir(os.environ['REVIEWS_ROOT']))\n")
    done = labhand("run", "--no-check", "--", sys.executable, "train.py", cwd=tmp_path)
    assert done.returncode == 0 and "README.md" in shown(tmp_path)["attempts"][0]["fix"]["summary"]
    (tmp_path / "README.md").write_text("Set `REVIEWS_ROOT=/path/to/your/data` first.\n")
    done = labhand("run", "--no-check", "--", sys.executable, "train.py", cwd=tmp_path)
    assert done.returncode == 1 and len(shown(tmp_path)["attempts"]) == 1


PANDAS = """
class DataFrame:
    def __init__(self, rows=()):
        self.rows = list(rows)


def concat(frames, ignore_index=False):
    return DataFrame(row for frame in frames for row in frame.rows)
"""


def test_a_row_is_appended_to_a_frame_as_before(tmp_path: Path) -> None:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "pandas.py").write_text(PANDAS)
    (tmp_path / "train.py").write_text(
        "from pandas import DataFrame\ntable = DataFrame()\nfor step in range(3):\n"
        "    table = table.append({'loss': 1.0 / (step + 1)}, ignore_index=True)\n"
        "table = table.append(DataFrame([{'loss': 0.0}])) if len(table.rows) > 9 else table\n"
        "print([round(row['loss'], 2) for row in table.rows])\n"
    )
    done = labhand("run", "--no-check", "--", sys.executable, "train.py", cwd=tmp_path)
    assert done.returncode == 0 and "[1.0, 0.5, 0.33]" in done.stdout


def test_what_a_command_said_whose_words_nobody_saw_is_told(tmp_path: Path) -> None:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(
        "import subprocess\n"
        "subprocess.run(['sh', '-c', 'echo no repository here >&2; exit 128'], check=True, capture_output=True)\n"
    )
    labhand("run", "--no-check", "--", sys.executable, "train.py", cwd=tmp_path)
    assert "no repository here" in shown(tmp_path)["attempts"][0]["failure"]["message"]


def test_own_code_is_told_with_its_values_and_the_likely_cause(tmp_path: Path) -> None:
    (tmp_path / "labhand.toml").touch()
    (tmp_path / "train.py").write_text(
        "def look(table, wanted):\n    return table[wanted]\n\n\nlook({'lr': 1, 'seed': 2}, 'learning_rate')\n"
    )
    env = os.environ | {"NO_COLOR": "1"}
    labhand("run", "--no-check", "--", sys.executable, "train.py", cwd=tmp_path, env=env)
    (attempt,) = shown(tmp_path)["attempts"]
    failure = attempt["failure"]
    assert failure["kind"] == "own-code" and attempt["fix"] is None
    assert failure["evidence"]["values"]["wanted"] == "'learning_rate'"
    assert "'lr'" in failure["evidence"]["cause"] and "table" in failure["evidence"]["cause"]


@pytest.mark.parametrize("in_git", [True, False])
def test_what_mended_the_code_becomes_the_persons_when_they_accept(
    tmp_path: Path, in_git: bool
) -> None:
    broken = "import numpy as np\n\nstart = np.float(4)\nprint('step 0 loss', start)\n"
    (tmp_path / "pyproject.toml").write_text("")
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").write_text(broken)
    if in_git:
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
            person = ["-c", "user.name=A Person", "-c", "user.email=a@example.org"]
            subprocess.run(["git", *person, *words], cwd=tmp_path, check=True)
    done = labhand("run", "--no-check", "--", sys.executable, "train.py", cwd=code)
    name = shown(code)["name"]
    assert done.returncode == 0 and f"labhand accept {name}" in done.stderr
    assert (code / "train.py").read_text() == broken
    accepted = labhand("accept", "last", "--json", cwd=code)
    patch = msgspec.json.decode(accepted.stdout)
    assert patch["status"] == "accepted" and bool(patch["commit"]) is in_git
    assert [file["path"] for file in patch["files"]] == ["code/train.py"]
    assert (code / "train.py").read_text() == broken.replace("np.float", "float")
    again = labhand("accept", name, cwd=code)
    assert again.returncode == 2 and "already" in again.stderr
    fine = labhand("run", "--no-check", "--", sys.executable, "train.py", cwd=code)
    assert fine.returncode == 0 and len(shown(code)["attempts"]) == 1
    assert labhand("accept", shown(code)["name"], cwd=code).returncode == 2
