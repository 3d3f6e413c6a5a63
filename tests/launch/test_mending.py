"""A failed run goes on: the fixers at work on real commands, real folders and real packages."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from wheels import wheel

from labhand.core.errors import InputError
from labhand.core.run import Attempt, Failure, Fix
from labhand.launch import Evidence, Job, Situation, diagnose, mend, start
from labhand.launch.contract import finish
from labhand.launch.interpreter import target_of
from labhand.launch.packages import requirement_for


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    return folder


def job_for(project: Path, command: list[str], **env: str) -> Job:
    attempt = project / ".labhand" / "attempt"
    attempt.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
    kept |= {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(project.parent / "wheels"),
    }
    return Job(command=command, cwd=str(project), env=kept | env, attempt_dir=str(attempt))


def ran(job: Job) -> tuple[int, Failure | None, str]:
    end, said = finish(start(job))
    tail = (said["stdout"] + said["stderr"]).decode()
    evidence = Evidence(
        exit_code=end.exit_code, tail=tail, command=job.command, cwd=job.cwd, env=job.env
    )
    return end.exit_code or 0, diagnose(evidence), tail


def situation(project: Path, job: Job, failure: Failure, **more) -> Situation:
    attempt = Attempt(number=1, command=job.command, exit_code=1, started="", failure=failure)
    return msgspec.structs.replace(
        Situation(job=job, attempts=[attempt], root=str(project), home=str(project / ".labhand")),
        **more,
    )


def failed(project: Path, job: Job) -> tuple[Failure, Situation]:
    code, failure, tail = ran(job)
    assert code != 0 and failure is not None, tail
    return failure, situation(project, job, failure)


USES_EINOPS = "import einops\nprint('einops', einops.__version__)\n"


def wheels(project: Path) -> Path:
    return project.parent / "wheels"


def test_a_missing_package_is_installed_for_the_run_alone(project: Path, person: Path) -> None:
    wheel(
        wheels(project),
        "einops",
        "0.8.1",
        {"einops/__init__.py": "import tinydep\n__version__ = '0.8.1'"},
        "tinydep",
    )
    wheel(wheels(project), "tinydep", "1.0", {"tinydep.py": "x = 1"})
    (project / "train.py").write_text(USES_EINOPS)
    (project / "mine").mkdir()
    job = job_for(project, [str(person), "train.py"], PYTHONPATH=str(project / "mine"))
    before = sorted(person.parent.parent.rglob("*"))
    failure, at = failed(project, job)
    assert failure.kind == "missing-package" and failure.evidence["module"] == "einops"
    mending = mend(failure, at)
    assert mending is not None and mending.question is None
    assert mending.fix.kind == "missing-package" and mending.fix.safety == "neutral"
    assert "einops 0.8.1" in mending.fix.summary and "tinydep 1.0" in mending.fix.summary
    assert "einops==0.8.1" in mending.fix.patch and "--no-deps --target" in mending.fix.patch
    packages = project / ".labhand" / "packages"
    assert not packages.exists()
    next_job = mending.apply()
    (folder,) = packages.iterdir()
    assert next_job.env["PYTHONPATH"].split(os.pathsep) == [str(project / "mine"), str(folder)]
    assert ran(next_job) == (0, None, "einops 0.8.1\n")
    assert [p for p in sorted(person.parent.parent.rglob("*")) if "__pycache__" not in p.parts] == [
        p for p in before if "__pycache__" not in p.parts
    ]
    assert mend(failure, at).apply().env == next_job.env  # the second time it is there already
    mending.undo()
    assert list(packages.iterdir()) == []


def test_the_projects_own_requirement_decides_the_version(project: Path, person: Path) -> None:
    for version in ("0.6.0", "0.8.1"):
        wheel(wheels(project), "einops", version, {"einops.py": f"__version__ = '{version}'"})
    (project / "requirements.txt").write_text("einops<0.7  # newer ones break us\n")
    (project / "train.py").write_text(USES_EINOPS)
    failure, at = failed(project, job_for(project, [str(person), "train.py"]))
    mending = mend(failure, at)
    assert mending is not None
    assert ran(mending.apply())[2] == "einops 0.6.0\n"


def test_a_package_of_the_project_that_no_table_knows(project: Path, person: Path) -> None:
    wheel(wheels(project), "our_lab_tools", "1.0", {"our_lab_tools.py": ""})
    (project / "train.py").write_text("import our_lab_tools\n")
    job = job_for(project, [str(person), "train.py"])
    failure, at = failed(project, job)
    assert mend(failure, at) is None
    assert "never guessed" in failure.evidence["advice"]
    (project / "requirements.txt").write_text("our-lab-tools\n")
    mending = mend(failure, at)
    assert mending is not None and ran(mending.apply())[0] == 0


def test_gigabytes_and_changed_versions_are_asked_for(project: Path, person: Path) -> None:
    wheel(wheels(project), "torch", "2.13.0", {"torch.py": ""})
    wheel(wheels(project), "einops", "0.8.1", {"einops.py": "__version__ = ''"}, "tinydep>=2")
    wheel(wheels(project), "tinydep", "2.0", {"tinydep.py": "x = 2"})
    site = next(person.parent.parent.glob("lib/python*/site-packages"))
    (site / "tinydep-1.0.dist-info").mkdir()
    (site / "tinydep-1.0.dist-info" / "METADATA").write_text("Name: tinydep\nVersion: 1.0\n")
    try:
        for script, words, safety in (
            ("import torch\n", "gigabytes", "neutral"),
            (USES_EINOPS, "tinydep 2.0 in place of 1.0", "scientific"),
        ):
            (project / "train.py").write_text(script)
            failure, at = failed(project, job_for(project, [str(person), "train.py"]))
            mending = mend(failure, at)
            assert mending is not None and words in (mending.question or "")
            assert mending.fix.safety == safety
        at.allowed = "all"
        consented = mend(failure, at)
        assert consented is not None and consented.question is None
    finally:
        (site / "tinydep-1.0.dist-info" / "METADATA").unlink()
        (site / "tinydep-1.0.dist-info").rmdir()


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/"}, "cannot be reached"),
        ({}, "holds no `einops` that fits"),
    ],
)
def test_an_index_that_does_not_help_is_told(project: Path, person: Path, env, words) -> None:
    wheels(project).mkdir()
    (project / "train.py").write_text(USES_EINOPS)
    failure, at = failed(project, job_for(project, [str(person), "train.py"], **env))
    assert mend(failure, at) is None
    assert words in failure.evidence["advice"]


def test_a_package_without_the_module_is_taken_back(project: Path, person: Path) -> None:
    wheel(wheels(project), "einops", "0.8.1", {"something_else.py": ""})
    (project / "train.py").write_text(USES_EINOPS)
    failure, at = failed(project, job_for(project, [str(person), "train.py"]))
    mending = mend(failure, at)
    assert mending is not None
    with pytest.raises(InputError, match="does not hold `einops`"):
        mending.apply()
    assert list((project / ".labhand" / "packages").iterdir()) == []


def test_an_installation_that_fails_leaves_nothing(project: Path, person: Path) -> None:
    wheel(wheels(project), "einops", "0.8.1", {"einops.py": ""})
    (project / "train.py").write_text(USES_EINOPS)
    failure, at = failed(project, job_for(project, [str(person), "train.py"]))
    mending = mend(failure, at)
    assert mending is not None
    next(wheels(project).iterdir()).unlink()
    with pytest.raises(InputError, match="einops"):
        mending.apply()
    assert list((project / ".labhand" / "packages").iterdir()) == []


def test_a_python_that_would_not_look_is_told(project: Path, person: Path) -> None:
    (project / "train.py").write_text(USES_EINOPS)
    failure, at = failed(project, job_for(project, [str(person), "-I", "train.py"]))
    assert mend(failure, at) is None
    assert "-I or -E" in failure.evidence["advice"]


def test_the_python_inside_scripts_is_found(project: Path, person: Path) -> None:
    (project / "train.sh").write_text(
        f'#!/usr/bin/env bash\nset -e\nexport X=1\nCUDA_VISIBLE_DEVICES=0 {person} train.py "$@"\n'
    )
    (project / "train.sh").chmod(0o755)
    tool = project / "tool"
    tool.write_text(f"#!{person}\n")
    tool.chmod(0o755)
    for command in (
        ["bash", "train.sh"],
        ["./train.sh", "--lr", "1"],
        ["sh", "-ec", f"cd . && exec {person} train.py"],
        ["env", "A=1", "nice", "-n", "3", str(person), "-u", "train.py"],
        ["./tool", "--nproc-per-node", "2", "train.py"],
    ):
        target = target_of(job_for(project, command), project / ".labhand")
        assert Path(target.executable).parent == person.parent
    (project / "train.sh").write_text("source ~/venv/bin/activate\npython train.py\n")
    for command in (["bash", "train.sh"], ["make", "train"], ["bash"]):
        with pytest.raises(InputError, match="cannot be told"):
            target_of(job_for(project, command), project / ".labhand")


WRITES = "with open(\n    'out/deep/log.txt',\n    'w',\n) as f:\n    f.write('x')\n"


def test_a_missing_output_folder_is_made(project: Path) -> None:
    (project / "train.py").write_text(WRITES)
    failure, at = failed(project, job_for(project, [sys.executable, "train.py"]))
    assert failure.kind == "missing-folder", failure
    mending = mend(failure, at)
    assert mending is not None and mending.question is None
    assert mending.fix == Fix(
        "missing-folder", "made the folder out/deep", "neutral", f"mkdir -p {project}/out/deep"
    )
    assert not (project / "out").exists()
    assert ran(mending.apply())[0] == 0
    mending.undo()
    assert (project / "out" / "deep" / "log.txt").exists()  # it is in use
    (project / "out" / "deep" / "log.txt").unlink()
    mending.undo()
    assert not (project / "out").exists()


def test_a_folder_that_another_run_has_made_meanwhile_is_enough(project: Path) -> None:
    (project / "train.py").write_text(WRITES)
    failure, at = failed(project, job_for(project, [sys.executable, "train.py"]))
    (project / "out" / "deep").mkdir(parents=True)
    assert mend(failure, at) is None
    mending = mend(failure, msgspec.structs.replace(at, alone=False))
    assert mending is not None
    assert mending.fix.summary == "the folder out/deep is there now"
    assert ran(mending.apply())[0] == 0
    mending.undo()
    assert (project / "out" / "deep" / "log.txt").exists()


@pytest.mark.torch
def test_a_checkpoint_folder_is_made(project: Path) -> None:
    pytest.importorskip("torch")
    (project / "train.py").write_text("import torch\ntorch.save({}, 'checkpoints/last.pt')\n")
    failure, at = failed(project, job_for(project, [sys.executable, "train.py"]))
    mending = mend(failure, at)
    assert mending is not None and mending.apply() == at.job
    assert (project / "checkpoints").is_dir()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("open('/nonexistent-of-labhand/x', 'w')", "outside the project"),
        ("open('../../outside/x', 'w')", "outside the project"),
        ("open('~/runs/x', 'w')", "expanduser"),
        ("import os; os.makedirs('here'); os.chdir('sub'); open('here/x', 'w')", "another folder"),
    ],
)
def test_a_folder_that_is_not_ours_to_make_is_told(project: Path, script: str, words: str) -> None:
    (project / "sub").mkdir()
    (project / "train.py").write_text(script)
    before = sorted(project.parent.iterdir())
    failure, at = failed(project, job_for(project, [sys.executable, "train.py"]))
    assert failure.kind == "missing-folder"
    assert mend(failure, at) is None
    assert words in failure.evidence["advice"]
    assert sorted(project.parent.iterdir()) == before


def test_nothing_is_made_for_a_read(project: Path) -> None:
    (project / "elsewhere").mkdir()
    (project / "elsewhere" / "train.csv").touch()
    (project / "train.py").write_text("open('data/train.csv').read()\n")
    failure, at = failed(project, job_for(project, [sys.executable, "train.py"]))
    assert failure.kind == "wrong-path"
    assert failure.evidence["elsewhere"] == [os.path.join("elsewhere", "train.csv")]
    assert mend(failure, at) is None and not (project / "data").exists()


def folder_failure(folder: str) -> Failure:
    return Failure(
        "missing-folder", f"the folder `{folder}` …", {"folder": folder, "advice": "mkdir"}
    )


def attempts(*pairs: tuple[str, str | None]) -> list[Attempt]:
    return [
        Attempt(
            number=number,
            command=[],
            started="",
            failure=folder_failure(folder),
            fix=Fix(kind, "", "neutral", "") if kind else None,
        )
        for number, (folder, kind) in enumerate(pairs, 1)
    ]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([("a", "missing-folder"), ("b", "missing-folder"), ("c", None)], "2 fixes of one kind"),
        ([("c", "missing-folder"), ("c", None)], "came back after its fix"),
        ([*[(x, "other") for x in "abde"], ("c", None)], "5 attempts are enough"),
    ],
)
def test_a_run_does_not_loop(project: Path, made, words: str) -> None:
    failure = folder_failure("c")
    at = situation(project, job_for(project, ["x"]), failure, attempts=attempts(*made))
    assert mend(failure, at) is None
    assert words in failure.evidence["advice"]


def test_a_second_failure_of_another_sort_is_mended(project: Path) -> None:
    failure = folder_failure("c")
    made = attempts(("a", "missing-folder"), ("c", None))
    job = job_for(project, ["x"])
    assert mend(failure, situation(project, job, failure, attempts=made)) is not None
    assert mend(failure, situation(project, job, failure, attempts=made, allowed="off")) is None
    unknown = Failure("own-code", "")
    assert mend(unknown, situation(project, job, unknown)) is None


def test_a_projects_own_fixer_and_recogniser_are_found(project: Path) -> None:
    home = project / ".labhand"
    for folder, name, body in (
        (
            "failures",
            "own_quirk",
            "class Failure:\n    def recognise(self, evidence):\n"
            "        from labhand.core.run import Failure as F\n        return F('own-quirk', 'hm')\n",
        ),
        (
            "fixers",
            "own_quirk",
            "class Fixer:\n    def propose(self, failure, situation):\n        1 / 0\n",
        ),
    ):
        (home / folder).mkdir(parents=True)
        (home / folder / f"{name}.py").write_text(body)
    evidence = Evidence(exit_code=3)
    failure = diagnose(evidence, home)
    assert failure is not None and failure.kind == "own-quirk"
    assert diagnose(evidence).kind == "unknown"
    assert mend(failure, situation(project, job_for(project, ["x"]), failure)) is None
    assert "ZeroDivisionError" in failure.evidence["advice"]


def test_pip_is_not_needed_where_uv_is(project: Path, person: Path, monkeypatch) -> None:
    """uv's words are read right: a stand-in says what uv says, in uv's form."""
    from labhand.launch.installing import Installer, resolve

    fake = project / "uv"
    fake.write_text(
        "#!/bin/sh\nprintf 'Resolved 2 packages\\nWould install\\n + einops==0.8.1\\n + numpy==2.1\\n' >&2\n"
    )
    fake.chmod(0o755)
    job = job_for(project, [str(person)])
    pieces = resolve("einops", target_of(job, project), Installer((str(fake),), uv=True), job)
    assert [piece.exact for piece in pieces] == ["einops==0.8.1", "numpy==2.1"]


def test_capture_tells_what_went_wrong() -> None:
    from labhand.kit.process import capture

    here = {"cwd": "/", "env": dict(os.environ), "timeout_s": 30.0}
    assert capture(["sh", "-c", "echo a; echo b >&2; exit 4"], **here) == (4, "a\n", "b\n")
    assert capture(["/no/such"], **here).exit_code == 127
    slow = capture(["sh", "-c", "sleep 60 & echo up; wait"], **(here | {"timeout_s": 0.3}))
    assert slow.exit_code == 124 and "timed out" in slow.stderr
    assert subprocess.run(["true"]).returncode == 0


def test_two_files_that_hide_modules_are_hidden_one_after_the_other(project: Path) -> None:
    for name in ("random", "queue"):
        (project / f"{name}.py").write_text("mine = 1\n")
    script = "import tempfile\nimport multiprocessing.queues\nprint('done')\n"
    (project / "train.py").write_text(script)
    job = job_for(project, [sys.executable, "train.py"])
    for name in ("random", "queue"):
        failure, here = failed(project, job)
        assert failure.evidence["file"] == str((project / f"{name}.py").resolve())
        mending = mend(failure, here)
        assert mending is not None and f"hides {name}.py" in mending.fix.summary
        job = mending.apply()
    code, _, tail = ran(job)
    assert (code, tail.split()) == (0, ["done"])
    assert {p.name for p in project.glob("*.py")} == {"random.py", "queue.py", "train.py"}


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("from click import Comand", "version-conflict", "has no `click.Comand`"),
        ("import click.nowhere", "version-conflict", "has no `click.nowhere`"),
        ("import click\nclick.style('a', colour='red')", "own-code", ""),
    ],
)
def test_what_an_installed_library_does_not_hold_is_said(
    project: Path, code: str, kind: str, words: str
) -> None:
    (project / "train.py").write_text(f"{code}\n")
    failure, here = failed(project, job_for(project, [sys.executable, "train.py"]))
    assert failure.kind == kind and words in failure.message
    told = failure.evidence["advice"]
    assert "another version" in told and "click" in told
    assert mend(failure, here) is None


def test_a_package_is_found_by_what_the_one_that_imports_it_declares(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    (site / "trainer").mkdir(parents=True)
    (site / "trainer-1.0.dist-info").mkdir()
    (site / "trainer-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: trainer\n"
        'Requires-Dist: curvelib (<2,>=1.4) ; python_version < "3.8"\n'
        'Requires-Dist: curvelib (>=2.1) ; extra == "plots"\n\nRequires-Dist: not-this\n'
    )
    by = str(site / "trainer" / "draw.py")
    found = requirement_for("curvelib", tmp_path, by)
    assert found is not None and found.text == "curvelib>=2.1"
    assert requirement_for("not_this", tmp_path, by) is None
    (tmp_path / "requirements.txt").write_text("curvelib==2.3\n")
    found = requirement_for("curvelib", tmp_path, by)
    assert found is not None and found.text == "curvelib==2.3"
