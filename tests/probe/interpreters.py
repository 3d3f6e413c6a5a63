"""Real interpreters that start with the probe, and what they left in the record."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BOOT = Path(__file__).resolve().parents[2] / "src" / "labhand" / "probe" / "boot"
PYENV = Path.home() / ".pyenv" / "versions"


def interpreters() -> dict[str, str]:
    """Each Python from 3.8 on that is on this machine, by its version."""
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    for minor in range(8, 15):
        version = f"3.{minor}"
        paths = sorted(PYENV.glob(f"{version}.*/bin/python"))
        path = str(paths[-1]) if paths else shutil.which(f"python{version}")
        if version not in found and path and runs(path):
            found[version] = path
    return found


def runs(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


PYTHONS = interpreters()
_ORDER = sorted(PYTHONS, key=lambda version: int(version[2:]))
ENDS = {version: PYTHONS[version] for version in (_ORDER[0], _ORDER[-1])}
"""The oldest and the newest of them."""


@dataclass
class Ran:
    code: int
    out: str
    err: str
    attempt: Path

    def events(self, kind: str | None = None) -> list[dict]:
        lines = [
            json.loads(line)
            for path in sorted(self.attempt.glob("events.*.jsonl"))
            for line in path.read_text().splitlines()
        ]
        for line in lines:
            assert line["schema"] == "labhand.event/1"
        return [line for line in lines if kind in (None, line["kind"])]

    def facts(self) -> list[dict]:
        """The facts beside the one that every process tells of itself."""
        told = [event["data"] for event in self.events("facts")]
        return [data for data in told if "executable" not in data]

    def config(self) -> dict:
        settings: dict = {}
        for event in self.events("config"):
            settings.update(event["data"])
        return settings


class Home:
    """A folder with a script, and an attempt to run it in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self.attempt = folder / "attempt"
        self.attempt.mkdir()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def environment(self, probe: bool, **more: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "LABHAND", "PYTEST", "COV", "WANDB"))
            and name not in ("RANK", "LOCAL_RANK")
        }
        if probe:
            path = more.pop("PYTHONPATH", "")
            kept["LABHAND_ATTEMPT"] = str(self.attempt)
            kept["PYTHONPATH"] = str(BOOT) + (os.pathsep + path if path else "")
        return {**kept, **more}

    def run(
        self, *command: str, python: str = sys.executable, probe: bool = True, **more: str
    ) -> Ran:
        done = subprocess.run(
            [python, *command],
            cwd=self.folder,
            env=self.environment(probe, **more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Ran(done.returncode, done.stdout, done.stderr, self.attempt)
