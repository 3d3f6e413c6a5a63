"""What every launcher must do, as tests: subclass `LauncherContract` and give it a `launcher`."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Protocol

from labhand.core.errors import UsageError
from labhand.launch.job import End, Job, Process

PATIENCE_S = 30.0


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
        code = (
            "import time\ntry:\n    print('ready'); time.sleep(60)\n"
            "except KeyboardInterrupt:\n    print('once')\n    time.sleep(60)"
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
        while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not Path(f"/proc/{child}").exists()

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
