"""One labhand home on a disk that several hosts share: nothing corrupt, nothing lost."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

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


USERS, GROUP = (64_001, 64_002), 64_000
"""Numbers that no account has."""


def as_user(user: int) -> list[str]:
    """What makes a command run as another; it may read all, since Python may lie in root's folder."""
    reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return ["setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={GROUP}", *reads]


@pytest.fixture
def team():
    """A home that a group may write, and a project of each of two users in it."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        loud.skip("a home shared by users", "only root can become others, by setpriv")
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        top = Path(place)
        top.chmod(0o755)
        home = top / "home"
        home.mkdir()
        os.chown(home, 0, GROUP)
        home.chmod(0o2770)
        for user in USERS:
            folder = top / str(user)
            folder.mkdir()
            (folder / "labhand.toml").touch()
            (folder / "train.sh").write_text("seq -f 'step %g loss 0.5' 0 3; sleep $1\n")
            for path in (folder, *folder.iterdir()):
                os.chown(path, user, user)

        def labhand(user: int, *words: str, **options) -> subprocess.Popen:
            env = os.environ | {"LABHAND_HOME": str(home), "HOME": str(top / str(user))}
            env["XDG_RUNTIME_DIR"] = str(top / str(user))
            return subprocess.Popen(
                [*as_user(user), sys.executable, "-m", "labhand", *words],
                cwd=top / str(user), env=env, text=True, umask=0o077,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
            )  # fmt: skip

        labhand.home = home
        yield labhand


def test_two_users_of_a_team_share_a_home_whatever_their_umask(team, until) -> None:
    one, other = USERS

    def told(user: int, *words: str) -> str:
        asked = team(user, *words)
        said, errors = asked.communicate(timeout=60)
        assert asked.returncode == 0, errors
        return said

    train = ("--", "sh", "train.sh")
    told(one, "run", "--name", "first", *train, "0")
    shown = json.loads(told(other, "show", "first", "--json"))
    assert shown["status"] == "finished" and shown["metrics"]["loss"]["points"] == 4
    assert "step 3 loss" in told(other, "show", "first", "--output")
    told(other, "note", "first", "seen")
    told(one, "note", "first", "thanks")
    going = team(one, "run", "--name", "second", *train, "600")
    until(lambda: '"second"' in told(other, "runs", "--json"))
    until(lambda: '"loss"' in told(other, "show", "second", "--json"))
    assert "second stopped" in told(other, "stop", "second")
    assert going.communicate(timeout=60) and going.returncode != 0
    told(other, "run", "--detach", "--name", "third", *train, "0")
    until(lambda: '"finished"' in told(one, "show", "third", "--json"))
    told(one, "compare", "first", "third")
    home = Path(team.home)
    for path in home.rglob("*"):
        told_of = path.stat()
        mode = 0o770 if path.is_dir() else 0o660
        assert told_of.st_mode & mode == mode and not told_of.st_mode & 0o007, path
        assert told_of.st_gid == GROUP, path
