"""A real Ray of one machine, for tests; nothing outlives it."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


def why_not() -> str:
    """Why no Ray can be started here; empty: one can."""
    if importlib.util.find_spec("ray") is None:
        return "no Ray here: pip install 'labhand[ray]'"
    if shutil.disk_usage("/dev/shm").free < 200_000_000:
        return "less than 200 MB of shared memory is free"
    return ""


@contextmanager
def ray(place: Path, ports: list[int]) -> Iterator[str]:
    """The address of the job server of a Ray that runs within the block; `ports`: five that are free.

    With Ray's usual ports two of them on one machine would leave one without an agent for its jobs.
    """
    gcs, dashboard, agent, beside, client = ports
    env = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_enable_metrics_collection": "0"}
    command = [
        sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--head",
        "--block", "--num-cpus=2", "--num-gpus=0", f"--port={gcs}", f"--dashboard-port={dashboard}",
        f"--temp-dir={place}", "--object-store-memory=80000000", "--disable-usage-stats",
        "--include-dashboard=true", "--node-ip-address=127.0.0.1",
        f"--dashboard-agent-listen-port={agent}", f"--dashboard-agent-grpc-port={beside}",
        f"--ray-client-server-port={client}",
    ]  # fmt: skip
    with (place / "head.log").open("wb") as log:
        head = subprocess.Popen(
            command,
            env=env,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{dashboard}"
    try:
        _until_it_answers(f"{address}/api/jobs/", head, place)
        yield address
    finally:
        family = [head_process := psutil.Process(head.pid), *head_process.children(recursive=True)]
        for member in family:
            with suppress(psutil.Error):
                member.send_signal(signal.SIGTERM)
        _, left = psutil.wait_procs(family, timeout=10)
        for member in left:
            with suppress(psutil.Error):
                member.kill()
        head.wait()


def _until_it_answers(url: str, head: subprocess.Popen, place: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            if head.poll() is not None or time.monotonic() > deadline:
                told = (place / "head.log").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"Ray does not start:\n{told}") from None
            time.sleep(0.2)
