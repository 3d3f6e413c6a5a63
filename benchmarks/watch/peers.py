"""The peers: real packages, in a Python of their own."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from watch.curves import Run
from watch.figures import Told, Verdict

PINNED = ("runmedic==0.1.1", "losslint==0.4.1", "trainproof==0.22.0", "trainpulse==0.4.0")
LINTERS = ("runmedic", "losslint", "trainproof")
TOOLS = (*LINTERS, "trainpulse")
ASKS_WELL, ASKS_FAILED = 20, 100
"""How often a linter is asked while a run goes on: of a failed one finely, as its delay is told."""
ASKED = Path(__file__).with_name("asked.py")


def python(given: Path | None) -> Path:
    """A Python with the peers: the given one, else a virtual environment in the user's cache."""
    if given is not None:
        return given
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "labhand" / "benchmark-watch-peers"
    found = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    done = home / "installed.txt"
    if not done.exists() or done.read_text() != "\n".join(PINNED):
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([found, "-m", "pip", "install", "-q", *PINNED], check=True)
        done.write_text("\n".join(PINNED))
    return found


def judge(
    tool: str, interpreter: Path, runs: list[Run], logs: dict[str, Path]
) -> tuple[dict[str, Told], float]:
    """What a tool says of the runs, by the way it was asked, and the rows it reads a CPU second.

    A linter is asked at the end, and live: every twentieth of a run (of a failed one every hundredth).
    """
    command = [str(interpreter), str(ASKED), tool]
    text = "".join(json.dumps({"path": str(logs[r.name]), "asks": _asks(r)}) + "\n" for r in runs)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    ended, live = Told(), Told()
    for run, told in zip(runs, answers, strict=True):
        ended[run.name] = Verdict(told["alarms"], told["warnings"], told["first"])
        live[run.name] = _live(told)
    speed = sum(len(run.rows) for run in runs) / sum(told["cpu"] for told in answers)
    ways = {tool: ended} if tool == "trainpulse" else {f"{tool}, at the end": ended}
    return (ways if tool == "trainpulse" else {**ways, f"{tool}, asked live": live}), speed


def _asks(run: Run) -> list[int]:
    number = ASKS_FAILED if run.failed else ASKS_WELL
    return sorted({max(1, len(run.rows) * (i + 1) // number) for i in range(number)})


def _live(told: dict) -> Verdict:
    """Ever told of: what is not said any more at the end has disturbed all the same."""
    alarmed = [rows for rows, alarms, _ in told["live"] if alarms]
    warned = any(warnings for _, _, warnings in told["live"])
    first = alarmed[0] - 1 if alarmed else None
    return Verdict(int(bool(alarmed)), int(warned), first, counted=False)
