"""The probe starts with every Python of the attempt, and nobody can tell but by the record."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interpreters import BOOT, ENDS, PYTHONS, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(params=sorted(PYTHONS), ids=lambda version: "py" + version)
def python(request: pytest.FixtureRequest) -> str:
    return PYTHONS[request.param]


LOOK = """
import json, os, random, sys, threading, warnings
mine = [n for n in sys.modules if n.startswith("_labhand")]
print(json.dumps([sys.path, sys.argv, sorted(set(os.environ) - {"LABHAND_ATTEMPT", "LABHAND_FIRST", "LABHAND_PIPE", "PYTHONPATH"}),
    "sitecustomize" in sys.modules, len(warnings.filters), sys.flags.verbose, threading.active_count()]))
random.seed(1); print(random.random())
"""
ENDINGS = {
    "uncaught": "def f(x):\n    return 1 / x\nf(0)\n",
    "chained": "try:\n    int('x')\nexcept ValueError as e:\n    raise KeyError('key') from e\n",
    "recursion": "def f(): f()\nf()\n",
    "thread": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='worker')\nt.start(); t.join()\n",
    "exit": "import sys\nsys.exit('no data here')\n",
    "code": "raise SystemExit(7)\n",
    "missing": "import no_such_module\n",
    "watched": "import wandb\n",
    "inside": "import tensorboardX\ntensorboardX.SummaryWriter().add_scalar('loss', 1.0, 0)\n",
    "syntax": "x = = 1\n",
    "interrupt": "raise KeyboardInterrupt\n",
    "warning": "import warnings\nwarnings.warn('careful')\n",
    "hook": "import sys\nsys.excepthook = lambda *a: print('own hook', a[0].__name__)\n1 / 0\n",
}
BROKEN = "import json\nraise RuntimeError('cannot be imported')\n"
RAISES = """class SummaryWriter:
    def add_scalar(self, tag, scalar_value, global_step=None):
        raise ValueError("refused")
"""


def test_the_script_sees_nothing_of_it(home: Home, python: str) -> None:
    home.write("look.py", LOOK)
    plain = home.run("look.py", "a", python=python, probe=False)
    ran = home.run("look.py", "a", python=python)
    assert (ran.out, ran.err, ran.code) == (plain.out, plain.err, 0)
    (told,) = ran.events("facts")
    assert list(told["data"]) == ["executable"]
    assert len(list(home.attempt.iterdir())) == 1


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_looks_the_same_to_the_byte(home: Home, ending: str) -> None:
    home.write("wandb.py", BROKEN)
    home.write("tensorboardX.py", RAISES)
    home.write("script.py", ENDINGS[ending])
    for version, python in ENDS.items():
        plain = home.run("script.py", python=python, probe=False)
        ran = home.run("script.py", python=python)
        assert (version, ran.out, ran.err, ran.code) == (version, plain.out, plain.err, plain.code)
    raised = [event["data"]["type"] for event in ran.events("exception")]
    quiet = ending in ("exit", "code", "warning")
    assert len(raised) == (0 if quiet else len(ENDS))
    assert ran.events("fault") == []


def test_an_exception_is_told_with_its_frames(home: Home, python: str) -> None:
    home.write(
        "script.py",
        "class Odd(ValueError): pass\n"
        "def inner(batch):\n    raise Odd('bad batch hf_abcdefghijklmnopqrstuvwxyz')\n"
        "try:\n    inner(3)\n"
        "except Odd as error:\n"
        "    if hasattr(error, 'add_note'): error.add_note('row 7')\n    raise\n",
    )
    (event,) = home.run("script.py", python=python).events("exception")
    data = event["data"]
    assert (data["type"], data["message"]) == ("Odd", "bad batch ***")
    assert [(f["line"], f["function"], f["code"]) for f in data["frames"]][-2:] == [
        (5, "<module>", "inner(3)"),
        (
            3,
            "inner",
            "raise Odd('bad batch hf_abcdefghijklmnopqrstuvwxyz')".replace(
                "hf_abcdefghijklmnopqrstuvwxyz", "***"
            ),
        ),
    ]
    assert data["notes"] in ([], ["row 7"])


@pytest.mark.parametrize("theirs", ["print('theirs')\n", "import nothing_there\n", "1 / 0\n"])
def test_another_sitecustomize_runs_as_if_alone(home: Home, theirs: str) -> None:
    home.write("site/sitecustomize.py", theirs)
    code = "import sys; print(getattr(sys.modules.get('sitecustomize'), '__file__', None))"
    folder = str(home.folder / "site")
    for python in ENDS.values():
        plain = home.run("-c", code, python=python, probe=False, PYTHONPATH=folder)
        ran = home.run("-c", code + "; 1/0", python=python, PYTHONPATH=folder)
        assert plain.out == ran.out
        assert ran.err.startswith(plain.err)
    assert len(ran.events("exception")) == len(ENDS)


def test_isolated_pythons_go_without_it(home: Home, python: str) -> None:
    code = "import sys; print('_labhand_probe' in sys.modules)"
    for flag in ("-I", "-S", "-E"):
        assert home.run(flag, "-c", code, python=python).out == "False\n"
    assert home.run("-c", code, python=python).out == "True\n"
    gone = home.run("-c", code, python=python, LABHAND_ATTEMPT=str(home.folder / "gone"))
    assert (gone.out, gone.err) == ("False\n", "")


def test_children_of_every_kind_have_it(home: Home, python: str) -> None:
    home.write(
        "tensorboardX.py",
        RAISES.replace("raise ValueError('refused')", "pass").replace(
            'raise ValueError("refused")', "pass"
        ),
    )
    home.write(
        "script.py",
        "import multiprocessing, os, subprocess, sys\n"
        "def work(name):\n"
        "    import tensorboardX\n"
        "    tensorboardX.SummaryWriter().add_scalar(name, 1.0, 0)\n"
        "if __name__ == '__main__':\n"
        "    work('main')\n"
        "    for method in ('fork', 'spawn', 'forkserver'):\n"
        "        p = multiprocessing.get_context(method).Process(target=work, args=(method,))\n"
        "        p.start(); p.join()\n"
        "    subprocess.run([sys.executable, '-c', 'import script; script.work(\"child\")'], env={**os.environ, 'RANK': '3'})\n",
    )
    ran = home.run("script.py", python=python)
    assert (ran.code, ran.err) == (0, "")
    written = [path.read_bytes() for path in home.attempt.glob("points.tracker-*.log")]
    for name in (b"main", b"fork", b"spawn", b"forkserver", b"child"):
        assert sum(b'["%s"]' % name in data for data in written) == 1
    assert [b'"rank": 3' in data or b'"rank":3' in data for data in written].count(True) == 1


def test_it_works_in_a_venv_and_with_dash_m(home: Home) -> None:
    environment = home.folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    home.write("pkg/__init__.py", "")
    home.write(
        "pkg/train.py",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)\np.parse_args()\n",
    )
    ran = home.run("-m", "pkg.train", "--lr", "0.5", python=str(environment / "bin" / "python"))
    assert (ran.code, ran.err, ran.config()) == (0, "", {"lr": 0.5})


def test_a_record_that_cannot_be_written_hurts_nobody(home: Home, python: str) -> None:
    home.write("tensorboardX.py", RAISES.replace('raise ValueError("refused")', "pass"))
    home.write(
        "script.py",
        "import os, shutil, tensorboardX, threading\n"
        "shutil.rmtree(os.environ['LABHAND_ATTEMPT'])\n"
        "tensorboardX.SummaryWriter().add_scalar('loss', 1.0, 0)\nprint('done')\n",
    )
    ran = home.run("script.py", python=python)
    assert (ran.out, ran.err, ran.code) == ("done\n", "", 0)


def test_a_broken_part_is_told_once_and_switched_off(home: Home, python: str) -> None:
    home.write("trackio/__init__.py", "from .run import Run\ndef init(): pass\n")
    home.write(
        "trackio/run.py", "class Run:\n    def log(self, metrics, step=None): return 'logged'\n"
    )
    home.write(
        "script.py", "import trackio\nr = trackio.Run()\nprint([r.log(5) for _ in range(3)])\n"
    )
    ran = home.run("script.py", python=python)
    assert (ran.out, ran.err) == ("['logged', 'logged', 'logged']\n", "")
    (fault,) = ran.events("fault")
    assert fault["data"]["where"] == "Run.log"


def test_files_are_private(home: Home) -> None:
    home.run("-c", "1/0")
    assert [path.stat().st_mode & 0o777 for path in home.attempt.iterdir()] == [0o600]


STACKS = """
import os, signal, sys, time
import numpy
def deep(): os.kill(os.getpid(), signal.SIGUSR1); print("alive")
deep()
"""


def test_a_stall_can_be_asked_where_it_stands(home: Home) -> None:
    home.write("script.py", STACKS)
    assert home.run("script.py").out == "alive\n"
    (path,) = home.attempt.glob("stacks.*.txt")
    assert "in deep" in path.read_text()


def test_a_handler_of_the_script_stays(home: Home) -> None:
    own = STACKS.replace(
        "import numpy", "signal.signal(signal.SIGUSR1, lambda *a: print('own'))\nimport numpy"
    )
    home.write("script.py", own)
    assert home.run("script.py").out == "own\nalive\n"
    assert not list(home.attempt.glob("stacks.*"))


KEEPER = """
import os, sys, time
os.setsid()
slave = int(sys.argv[1])
os.environ["LABHAND_KEEPER"] = str(os.getpid())
child = os.fork()
if child == 0:
    os.close(int(sys.argv[3]))  # the terminal's other side stays with the keeper and the test
    os.login_tty(slave)
    os.execv(sys.executable, [sys.executable, sys.argv[2]])
os.close(slave)
print(child, flush=True)
time.sleep(600)
"""
TRAINING = """
import pathlib, sys, time
for i in range(6000):
    print("line", i, flush=True)
    pathlib.Path("progress").write_text(str(i))
    if pathlib.Path("stop").exists():
        pathlib.Path("finished").touch()
        break
    time.sleep(0.01)
"""


def until(true: object, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def started(home: Home) -> tuple[subprocess.Popen[str], int, int]:
    """A keeper, its training, and the master side of the terminal that the training leads."""
    home.write("keeper.py", KEEPER)
    home.write("train.py", TRAINING)
    master, slave = os.openpty()
    keeper = subprocess.Popen(
        [sys.executable, "keeper.py", str(slave), "train.py", str(master)],
        cwd=home.folder,
        env=home.environment(True),
        pass_fds=[slave, master],
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(slave)
    assert keeper.stdout is not None
    child = int(keeper.stdout.readline())
    keeper.stdout.close()
    until((home.folder / "progress").exists)
    return keeper, child, master


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_training_outlives_keeper_and_terminal(home: Home) -> None:
    keeper, child, master = started(home)
    progress = home.folder / "progress"
    keeper.kill()
    os.close(master)
    keeper.wait()
    seen = progress.read_text()
    until(lambda: progress.read_text() not in ("", seen))
    (home.folder / "stop").touch()
    until(lambda: (home.folder / "finished").exists())
    until(lambda: state(child) in ("gone", "Z"))
    events = [
        json.loads(line)
        for path in home.attempt.glob("events.*")
        for line in path.read_text().splitlines()
    ]
    assert [event["kind"] for event in events] == ["facts"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_hangup_under_a_living_keeper_ends_it_as_ever(home: Home) -> None:
    keeper, child, master = started(home)
    os.kill(child, signal.SIGHUP)
    until(lambda: state(child) in ("gone", "Z"))
    assert not (home.folder / "finished").exists()
    keeper.kill()
    keeper.wait()
    os.close(master)


def test_the_boot_folder_holds_nothing_else() -> None:
    assert [path.name for path in BOOT.iterdir() if path.suffix == ".py"] == ["sitecustomize.py"]
