"""What every launcher, failure and fixer must do, as tests: subclass and give one fixture.

```python
class TestMyFailure(FailureContract):
    @pytest.fixture
    def files(self):
        return Path("failures/my_failure.py"), Path("cases/my-failure.md")


class TestMyFixer(FixerContract):
    @pytest.fixture
    def case(self, tmp_path):
        return Path("fixers/my_failure.py"), failure, situation


class TestMyLauncher(LauncherContract):
    @pytest.fixture
    def launcher(self):
        return Launcher()
```
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

import msgspec

from labhand.core.errors import UsageError
from labhand.core.finding import Safety
from labhand.core.registry import KINDS, Extension
from labhand.core.run import Failure
from labhand.kit import cases
from labhand.kit.cost import calls
from labhand.kit.presence import alive
from labhand.launch.env import evidence_of
from labhand.launch.job import End, Evidence, Fixer, Job, Process, Recogniser, Situation

if TYPE_CHECKING:
    import pytest

PATIENCE_S = 30.0
CALLS_A_LINE = 20
"""Calls of functions, Python's own included, that a line of output may cost a recogniser."""


class _Launcher(Protocol):
    def start(self, job: Job) -> Process: ...


def job_of(
    folder: Path,
    command: list[str],
    *,
    terminal: tuple[int, int] | None = None,
    on_terminal: tuple[str, ...] | None = ("stdin", "stdout", "stderr"),
    **env: str,
) -> Job:
    """A job in `folder`, its attempt's folder made there."""
    attempt = folder / "attempt"
    attempt.mkdir(exist_ok=True)
    return Job(
        command=command,
        cwd=str(folder),
        env=os.environ | env,
        attempt_dir=str(attempt),
        terminal=terminal,
        on_terminal=on_terminal,
    )


def python(code: str) -> list[str]:
    """The command that runs `code` in this Python."""
    return [sys.executable, "-c", code]


def read_until(process: Process, wanted: bytes, stream: str | None = None) -> bytes:
    """The output up to and with `wanted`. Raises AssertionError when it does not come."""
    seen = b""
    deadline = time.monotonic() + PATIENCE_S
    while wanted not in seen:
        assert time.monotonic() < deadline, f"{wanted!r} never came; there was {seen!r}"
        for output in process.read(0.2):
            if stream in (None, output.stream):
                seen += output.data
        assert wanted in seen or process.end() is None, f"it ended after {seen!r}"
    return seen


def finish(process: Process) -> tuple[End, dict[str, bytes]]:
    """How the process ended, and all it still said by stream; it is closed."""
    said = {"stdout": b"", "stderr": b""}
    deadline = time.monotonic() + PATIENCE_S
    while (end := process.end()) is None:
        assert time.monotonic() < deadline, f"it does not end; it said {said}"
        for output in process.read(0.2):
            said[output.stream] += output.data
    process.close()
    return end, said


class LauncherContract:
    """Subclass it in a test module and define the fixture `launcher`."""

    def run(self, launcher: _Launcher, job: Job) -> tuple[End, dict[str, bytes]]:
        """Runs a job to its end."""
        return finish(launcher.start(job))

    def test_says_what_the_command_says(self, launcher: _Launcher, tmp_path: Path) -> None:
        """Both streams arrive, apart, byte for byte."""
        code = "import os; os.write(1, b'out \\xff\\n'); os.write(2, b'err\\n')"
        end, said = self.run(launcher, job_of(tmp_path, python(code)))
        assert said == {"stdout": b"out \xff\n", "stderr": b"err\n"}
        assert (end.exit_code, end.signal) == (0, None)

    def test_ends_with_the_code_of_the_command(self, launcher: _Launcher, tmp_path: Path) -> None:
        """The exit code is the command's own."""
        end, _ = self.run(launcher, job_of(tmp_path, python("raise SystemExit(7)")))
        assert (end.exit_code, end.signal) == (7, None)

    def test_tells_the_signal_that_killed(self, launcher: _Launcher, tmp_path: Path) -> None:
        """The exit code is then 128 + signal."""
        end, _ = self.run(launcher, job_of(tmp_path, python("import os; os.kill(os.getpid(), 9)")))
        assert (end.exit_code, end.signal) == (137, 9)

    def test_has_folder_and_environment(self, launcher: _Launcher, tmp_path: Path) -> None:
        """The command runs where and with what the job says."""
        code = "import os; print(os.getcwd(), os.environ['GREETING'])"
        _, said = self.run(launcher, job_of(tmp_path, python(code), GREETING="hé\nllo"))
        assert said["stdout"].decode() == f"{tmp_path.resolve()} hé\nllo\n"

    def test_measures_what_was_used(self, launcher: _Launcher, tmp_path: Path) -> None:
        """Wall and CPU time and peak memory, of descendants too."""
        code = "x = bytearray(b'1') * 60_000_000; sum(range(2_000_000))"
        child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
        end, _ = self.run(launcher, job_of(tmp_path, python(child)))
        assert end.cpu_s is not None and end.cpu_s > 0
        assert end.max_rss_bytes is not None and end.max_rss_bytes > 60_000_000
        assert end.wall_s > 0 and end.ended[:2] == "20"

    def test_gives_a_terminal(self, launcher: _Launcher, tmp_path: Path) -> None:
        """All three streams are one terminal of the size that was asked for, and it can change."""
        code = (
            "import os, sys; print([os.isatty(i) for i in range(3)], *os.get_terminal_size());"
            "input(); print(*os.get_terminal_size())"
        )
        process = launcher.start(job_of(tmp_path, python(code), terminal=(33, 101)))
        read_until(process, b"[True, True, True] 101 33\r\n")
        process.resize(40, 90)
        process.write(b"\n")
        end, said = finish(process)
        assert b"90 40\r\n" in said["stdout"] and end.exit_code == 0

    def test_ctrl_c_interrupts(self, launcher: _Launcher, tmp_path: Path) -> None:
        """The byte that Ctrl-C types becomes SIGINT, the second time too."""
        # a signal that comes right before a long sleep would be seen after it only
        wait = "    while True: time.sleep(0.05)\n"
        code = (
            f"import time\ntry:\n    print('ready')\n{wait}"
            f"except KeyboardInterrupt:\n    print('once')\n{wait}"
        )
        job = job_of(
            tmp_path, ["sh", "-c", f'exec {sys.executable} -u -c "{code}"'], terminal=(24, 80)
        )
        process = launcher.start(job)
        read_until(process, b"ready")
        process.write(b"\x03")
        read_until(process, b"once")
        process.write(b"\x03")
        end, _ = finish(process)
        assert (end.exit_code, end.signal) == (130, signal.SIGINT)

    def test_signals_reach_the_whole_group(self, launcher: _Launcher, tmp_path: Path) -> None:
        """A child of the command gets the signal as well."""
        job = job_of(tmp_path, ["sh", "-c", "sleep 600 & echo child $!; wait"])
        process = launcher.start(job)
        child = int(read_until(process, b"\n").split()[1])
        process.signal(signal.SIGTERM)
        end, _ = finish(process)
        assert (end.exit_code, end.signal) == (143, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_S
        while alive(child, None) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not alive(child, None)

    def test_refuses_what_is_no_command(self, launcher: _Launcher, tmp_path: Path) -> None:
        """One sentence, nothing started."""
        try:
            launcher.start(job_of(tmp_path, ["no-such-command-anywhere"]))
        except UsageError as error:
            assert "no-such-command-anywhere" in str(error)
        else:
            raise AssertionError("a command that does not exist was started")
        assert not list((tmp_path / "attempt").iterdir())

    def test_leaves_the_record_of_the_process(self, launcher: _Launcher, tmp_path: Path) -> None:
        """`process.json` and `end.json` stand in the attempt's folder, private to the user."""
        self.run(launcher, job_of(tmp_path, python("")))
        names = {
            path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "attempt").iterdir()
        }
        assert names == {"process.json": 0o600, "end.json": 0o600}


class FailureContract:
    """Subclass it and define the fixture `files`: the path of the failure, that of its case file."""

    def test_documentation_has_every_section(self, files: tuple[Path, Path]) -> None:
        """`labhand rule NAME` has something to print under each title."""
        _documented("failure", files[0])

    def test_has_one_method(self, files: tuple[Path, Path]) -> None:
        """`recognise`; and `order`, a number, where it is to be asked early or late."""
        recogniser = _recogniser(files)
        assert {"recognise"} <= _public(recogniser) <= {"recognise", "order"}
        assert type(getattr(recogniser, "order", 50)) is int

    def test_cases_hold(self, files: tuple[Path, Path]) -> None:
        """It knows the outputs that are marked with its name, none without a mark, and no silence."""
        name, recogniser = files[0].stem.replace("_", "-"), _recogniser(files)
        blocks = cases.parse(files[1].read_text(encoding="utf-8"))
        assert any(name in {rule for rule, _ in case.expected} for case in blocks)
        assert recogniser.recognise(Evidence(exit_code=1)) is None
        for case in blocks:
            found = recogniser.recognise(evidence_of(case.text))
            names = {rule for rule, _ in case.expected}
            place = f"the block at line {case.line}: {case.title}"
            if name in names:
                assert found is not None and found.kind == name, place
            elif not names:
                assert found is None, place

    def test_failures_are_sentences(self, files: tuple[Path, Path]) -> None:
        """One line says what happened, `evidence["advice"]` what to do; all of it can be kept."""
        for case in cases.parse(files[1].read_text(encoding="utf-8")):
            found = _recogniser(files).recognise(evidence_of(case.text))
            if found is not None:
                assert found.message and "\n" not in found.message
                assert found.evidence["advice"]
                assert msgspec.json.decode(msgspec.json.encode(found), type=Failure).kind

    def test_takes_whatever_was_left(self, files: tuple[Path, Path]) -> None:
        """Nothing raises: noise for output, exceptions of which half is missing, any end."""
        for evidence in _hostile():
            before = msgspec.json.encode(evidence)
            found = _recogniser(files).recognise(evidence)
            again = _recogniser(files).recognise(msgspec.json.decode(before, type=Evidence))
            assert msgspec.json.encode(found) == msgspec.json.encode(again)
            assert msgspec.json.encode(evidence) == before

    def test_is_quick_and_alone(
        self, files: tuple[Path, Path], monkeypatch: "pytest.MonkeyPatch"
    ) -> None:
        """No process, no network, and few calls of functions for each line of output."""

        def refuse(*arguments: object, **options: object) -> None:
            raise AssertionError("a recogniser starts nothing and asks nobody")

        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
        monkeypatch.setattr(socket.socket, "connect", refuse)
        line, more = "epoch 3, batch 17: loss 0.25 (best 0.24)\n", 200
        for case in cases.parse(files[1].read_text(encoding="utf-8")):
            cost = []
            for lines in (more, 2 * more):
                evidence = evidence_of(line * lines + case.text)
                assert len(evidence.lines) >= lines
                _ = evidence.raised  # all recognisers share the cost of these two
                cost.append(calls(partial(_recogniser(files).recognise, evidence)))
            assert cost[1] - cost[0] <= CALLS_A_LINE * more, f"{cost} calls: line {case.line}"


class FixerContract:
    """Subclass it and define the fixture `case`: the fixer's path, and what it mends, and where."""

    def test_documentation_has_every_section(self, case: tuple[Path, Failure, Situation]) -> None:
        """What it does, and what that does to the science."""
        _documented("fixer", case[0])
        documentation = cases.documentation(_extension("fixer", case[0]))
        assert cases.sections(documentation).get("Fix safety"), "its safety is not explained"

    def test_a_proposal_is_told_whole_and_changes_nothing(
        self, case: tuple[Path, Failure, Situation]
    ) -> None:
        """Kind, summary, safety and the exact change; the same twice; no file is touched."""
        file, failure, situation = case
        fixer = _fixer(file)
        assert _public(fixer) - {"retries"} == {"propose"}
        before, job = _tree(situation), msgspec.to_builtins(situation.job)
        mending, again = fixer.propose(failure, situation), fixer.propose(failure, situation)
        assert mending is not None and again is not None, failure.evidence.get("advice")
        assert mending.fix == again.fix and mending.question == again.question
        assert _tree(situation) == before
        assert msgspec.to_builtins(situation.job) == job
        assert mending.fix.kind == failure.kind == file.stem.replace("_", "-")
        assert mending.fix.safety in get_args(Safety)
        assert mending.fix.summary and "\n" not in mending.fix.summary and mending.fix.patch
        assert mending.question is None or mending.question.endswith("?")

    def test_what_was_applied_can_be_undone(self, case: tuple[Path, Failure, Situation]) -> None:
        """`apply` changes the files or the next job, `undo` gives every file back; twice is fine."""
        file, failure, situation = case
        mending = _fixer(file).propose(failure, situation)
        assert mending is not None
        before = _tree(situation)
        job = mending.apply()
        changed = _tree(situation) != before or job != situation.job
        assert changed or mending.wait_s, "nothing was mended"
        assert job.attempt_dir == situation.job.attempt_dir
        mending.undo()
        assert _tree(situation) == before
        mending.undo()
        assert _tree(situation) == before


def _extension(kind: str, file: Path) -> Extension:
    return Extension(KINDS[kind], file.stem.replace("_", "-"), "project", str(file))


def _documented(kind: str, file: Path) -> None:
    documentation = cases.documentation(_extension(kind, file))
    assert cases.summary(documentation).endswith("."), "the first line is no sentence"
    assert cases.missing_sections(kind, documentation) == []


def _recogniser(files: tuple[Path, Path]) -> Recogniser:
    recogniser: Recogniser = _extension("failure", files[0]).load()()
    return recogniser


def _fixer(file: Path) -> Fixer:
    fixer: Fixer = _extension("fixer", file).load()()
    return fixer


def _public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def _hostile() -> list[Evidence]:
    """Ends that nobody would think of."""
    generator = random.Random(0)
    texts = ["", "\n" * 50, "Traceback (most recent call last):\n", "x" * 20_000, "\x1b[\r\r\n\0"]
    texts += [generator.randbytes(500).decode("utf-8", "replace") for _ in range(20)]
    said: list[dict[str, Any] | None] = [
        None,
        {},
        {"type": "OSError", "message": None, "frames": None},
        {"type": "FileNotFoundError", "message": "''", "frames": [{}], "notes": []},
        {"type": "a.b.C", "message": "\n\n", "frames": [{"file": "", "line": 0}], "notes": None},
    ]
    codes = (None, 0, 1, 137, 300, -9)
    return [
        Evidence(exit_code=codes[i % 6], signal=(None, 9, 99)[i % 3], exception=said[i % 5], tail=t)
        for i, t in enumerate(texts * 2)
    ]


def _tree(situation: Situation) -> dict[str, tuple[int, bytes | None]]:
    """Files and folders with modes and contents; of labhand's home the files alone, without caches."""
    home = Path(situation.home)
    found: dict[str, tuple[int, bytes | None]] = {}
    for path in sorted(Path(situation.root).rglob("*")):
        if path.is_relative_to(home / "cache") or (path.is_dir() and path.is_relative_to(home)):
            continue
        content = None if path.is_dir() else path.read_bytes()
        found[str(path)] = (path.lstat().st_mode, content)
    return found
