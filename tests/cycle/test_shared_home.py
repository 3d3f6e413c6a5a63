"""One labhand home on a disk that several hosts share: nothing corrupt, nothing lost."""

import json
import shutil
import subprocess
import sys

import pytest

import loud

HOSTS, WORKERS, RUNS = 2, 8, 2
TRAIN = "for step in range(4):\n    print(f'step {step} loss {1 / (step + 1):.4f}')\n"
WORKER = """
name=$1; shift
for i in $(seq {runs}); do
  "$@" run --no-check --name "$name-$i" -- {python} train.py > /dev/null 2>&1 || exit 1
  "$@" note "shared" "$name-$i" || exit 1
  "$@" note "$name-$i" "mine" || exit 1
  "$@" runs --json > /dev/null || exit 1
done
"""


def on(host: str) -> list[str]:
    """What makes a command run on a host of that name: its own network, processes and name."""
    namespaces = ["unshare", "--uts", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    return [*namespaces, "sh", "-c", f'hostname {host}; ip link set lo up; exec "$@"', "sh"]


@pytest.fixture
def shared(lab, tmp_path_factory, monkeypatch):
    try:
        subprocess.run([*on("probe"), "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        loud.skip("a home shared by hosts", f"namespaces need root and util-linux: {error}")
    if shutil.which("ip") is None:
        loud.skip("a home shared by hosts", "there is no `ip`")
    home = tmp_path_factory.mktemp("shared")
    monkeypatch.setenv("LABHAND_HOME", str(home))
    lab.script("train.py", TRAIN)
    return home


def labhand(host: str, *arguments: str) -> list[str]:
    return [*on(host), sys.executable, "-m", "labhand", *arguments]


def said(lab, host: str, *arguments: str) -> dict:
    done = subprocess.run(
        labhand(host, *arguments, "--json"), cwd=lab.folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_many_writers_on_several_hosts(lab, shared) -> None:
    """Each of them runs, notes on one common run and on its own, and lists, all at once."""
    assert (
        lab("run", "--no-check", "--name", "shared", "--", sys.executable, "train.py").returncode
        == 0
    )
    script = WORKER.format(runs=RUNS, python=sys.executable)
    workers = [
        subprocess.Popen(
            [
                *(*on(f"host{number % HOSTS}"), "sh", "-c", script, "sh", f"worker{number}"),
                *(sys.executable, "-m", "labhand"),
            ],
            cwd=lab.folder,
            stderr=subprocess.PIPE,
        )
        for number in range(WORKERS)
    ]
    for worker in workers:
        _, told = worker.communicate(timeout=280)
        assert worker.returncode == 0, told
    names = {f"worker{w}-{i + 1}" for w in range(WORKERS) for i in range(RUNS)}
    lists = [said(lab, f"host{number}", "runs")["runs"] for number in range(HOSTS)]
    assert lists[0] == lists[1]
    assert {run["name"] for run in lists[0]} == names | {"shared"}
    assert len(lists[0]) == len(names) + 1 and {run["status"] for run in lists[0]} == {"finished"}
    notes = next(p for p in shared.glob("runs/*/notes.jsonl") if "worker0" in p.read_text())
    texts = [json.loads(line)["data"]["text"] for line in notes.read_text().splitlines()]
    assert sorted(texts) == sorted(names)
    for run in lists[0]:
        shown = said(lab, "host1", "show", run["id"])
        assert shown["metrics"]["loss"]["points"] == 4 and shown["exit_code"] == 0
    assert {p.name for p in shared.glob("catalog.*.db")} >= {
        f"catalog.host{n}.db" for n in range(HOSTS)
    }
    assert lab("doctor").returncode == 0


def test_a_run_of_another_host_is_seen_and_stopped(lab, shared, until) -> None:
    lab.script(
        "wait.py",
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *a: (print('saved'), sys.exit(3)))\n"
        "print('step 1 loss 0.5', flush=True)\ntime.sleep(600)",
    )
    going = subprocess.Popen(
        labhand("far", "run", "--name", "there", "--", sys.executable, "wait.py"),
        cwd=lab.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until(
        lambda: any(b"loss" in p.read_bytes() for p in shared.glob("runs/*/attempts/1/output.log"))
    )
    assert said(lab, "near", "show", "there")["status"] == "running"
    stopped = subprocess.run(
        labhand("near", "stop", "there"), cwd=lab.folder, capture_output=True, text=True
    )
    assert stopped.returncode == 0 and "there stopped" in stopped.stdout, stopped.stderr
    out, _ = going.communicate(timeout=60)
    assert going.returncode == 3 and b"saved" in out
    assert said(lab, "near", "show", "there")["status"] == "stopped"
