"""What every test gets: a project of its own, the command line as a user has it, no network."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import loud
import ray_here
import slurm_here

# How long a draw takes says how busy the machine is, nothing of the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

for name in (
    "PYTHONPATH",
    "LABHAND_HOME",
    "LABHAND_ATTEMPT",
    "LABHAND_OVERLAY",
    "PYTHONUNBUFFERED",
):
    os.environ.pop(name, None)
os.environ.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull, COLUMNS="100")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    real = socket.socket.connect

    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(
            ("127.", "::1", "localhost")
        ):
            raise AssertionError(f"a test reached for the network: {address}")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


class Lab:
    """A project folder and the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = sys.executable

    def script(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def __call__(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        """`labhand ARGUMENTS`, in pipes; its output as text."""
        options = {"timeout": 120, "capture_output": True, "text": True, "check": False} | options
        return subprocess.run(
            [sys.executable, "-m", "labhand", *map(str, arguments)], cwd=self.folder, **options
        )

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.Popen(
            [sys.executable, "-m", "labhand", *map(str, arguments)], cwd=self.folder, **options
        )

    def run(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        """`labhand run … python ARGUMENTS` with the Python of the tests."""
        return self("run", "--", sys.executable, *arguments, **options)

    def show(self, reference: str = "last") -> dict:
        done = self("show", reference, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def attempt(self, number: int = 1, run: str | None = None) -> Path:
        runs = sorted((self.folder / ".labhand" / "runs").iterdir())
        return (runs[-1] if run is None else self.folder / ".labhand/runs" / run) / (
            f"attempts/{number}"
        )


@pytest.fixture
def lab(tmp_path: Path, tmp_path_factory, monkeypatch) -> Lab:
    # slots are shared by all that runs on the machine; a test has its own
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("slots")))
    return Lab(tmp_path)


@pytest.fixture
def until():
    """Waits until a condition holds, and fails the test when it does not in time."""

    def wait(condition, seconds: float = 30.0):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.02)
        raise AssertionError("the condition did not come to hold in time")

    return wait


def pytest_terminal_summary(terminalreporter) -> None:
    """Says at the end which engine could not be started here, and why."""
    loud.told(terminalreporter)


@pytest.fixture(scope="session")
def _slurm(tmp_path_factory):
    if why := slurm_here.why_not():
        loud.skip("Slurm", why)
    with slurm_here.slurm(tmp_path_factory.mktemp("slurm")) as conf:
        yield conf


@pytest.fixture
def slurm(_slurm: str, monkeypatch):
    """A real Slurm of two nodes, with no job in it; the path of its configuration."""
    monkeypatch.setenv("SLURM_CONF", _slurm)
    yield _slurm
    slurm_here.empty(_slurm)


@pytest.fixture(scope="session")
def _ray(tmp_path_factory):
    if why := ray_here.why_not():
        loud.skip("Ray", why)
    # Ray's sockets lie in it, whose paths may not be long.
    with (
        tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as place,
        ray_here.ray(Path(place), slurm_here.free_ports(5)) as address,
    ):
        yield address


@pytest.fixture
def ray(_ray: str, monkeypatch) -> str:
    """A real Ray on this machine; the address of its job server."""
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", _ray)
    return _ray
