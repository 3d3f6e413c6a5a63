"""Running a command to its end, for what it says."""

import os
import signal
import subprocess
from contextlib import suppress
from typing import NamedTuple


class Captured(NamedTuple):
    """What a command said. `exit_code` is 127 where it could not start, 124 where time ran out."""

    exit_code: int
    stdout: str
    stderr: str


def capture(command: list[str], *, cwd: str, env: dict[str, str], timeout_s: float) -> Captured:
    """What the command says, run without input. Blocks; what it started is killed with it."""
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return Captured(127, "", f"{command[0]}: {error.strerror}")
    with process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _kill_group(process.pid)
            out, err = process.communicate()
            return Captured(124, out, f"{err}\nno answer within {timeout_s:g} s, timed out")
        except BaseException:
            _kill_group(process.pid)
            raise
    return Captured(process.returncode, out, err)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
