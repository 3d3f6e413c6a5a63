"""Whether a process that was noted down is still there, even after its number was reused.

A script's own run notes itself down with its first `labhand.log`, so nothing is imported here that
takes time.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

FILE = "labhand.json"
"""Where labhand's own process stands noted, in the folder of the run that it carries."""


def mine() -> "dict[str, Any]":
    """This process, as it is noted down."""
    pid = os.getpid()
    return {
        "pid": pid,
        "start_ticks": start_ticks(pid),
        "boot_id": boot_id(),
        "host": os.uname().nodename,
    }


def note(run_dir: "Path") -> None:
    """Notes this process down as the one that carries the run. Raises OSError."""
    from json import dumps

    from labhand.core.store import write_whole

    write_whole(run_dir / FILE, dumps(mine()).encode())


def here(run_dir: "Path") -> bool:
    """Whether the process that carries the run was noted on this host; one that noted none was."""
    from json import loads

    try:
        return bool(loads((run_dir / FILE).read_bytes())["host"] == os.uname().nodename)
    except (OSError, ValueError, KeyError, TypeError):
        return True


def there(run_dir: "Path") -> bool:
    """Whether the process that carries the run still does. On another host: taken to, unseen."""
    from json import loads

    try:
        noted = loads((run_dir / FILE).read_bytes())
        pid, ticks, boot, host = (noted[key] for key in ("pid", "start_ticks", "boot_id", "host"))
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return host != os.uname().nodename or alive(pid, ticks, boot)


def alive(pid: int, ticks: int | None, boot: str | None = None) -> bool:
    """Whether the process runs and is the one that started at `ticks` in that boot of the machine.

    None: not known, so any will do. A zombie does not run.
    """
    if boot not in (None, boot_id()):
        return False
    words = _stat(pid)
    if words:
        return words[0] not in ("Z", "X") and ticks in (None, int(words[19]))
    try:  # off Linux, or another user's where the system hides those
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None off Linux, or where it has gone."""
    words = _stat(pid)
    return int(words[19]) if words else None


def boot_id() -> str | None:
    """The id of this boot of the machine; None off Linux."""
    return _content("/proc/sys/kernel/random/boot_id").strip() or None


def _stat(pid: int) -> list[str]:
    return _content(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _content(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""
