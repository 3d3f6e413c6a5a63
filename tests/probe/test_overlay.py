"""Changed text runs in place of a file that stays as it is, and nothing else about the run differs."""

import json
from pathlib import Path

import pytest
from interpreters import ENDS, PYTHONS, Home, Ran

SCRIPT = '''"""What the script is for."""
from __future__ import annotations
import inspect, multiprocessing, os, pickle, sys
import helper

RATE = 0.1

class Model:
    pass

def work(queue):
    queue.put((RATE, helper.WIDTH, __name__, Model.__module__))

if __name__ == "__main__":
    print(__doc__, __name__, __spec__, __package__, __cached__, os.path.basename(__file__), os.path.isabs(__file__))
    print(type(__loader__).__name__, __annotations__, sorted(k for k in globals() if k.startswith("__")))
    print(sys.argv, sys.path[0] == os.path.realpath(os.getcwd()), len(sys.path) == len(set(sys.path)))
    print(RATE, helper.WIDTH, pickle.loads(pickle.dumps(Model())).__class__ is Model)
    print(inspect.getsource(Model), inspect.getsource(helper.scale))
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        child = context.Process(target=work, args=(queue,))
        child.start()
        print(method, queue.get(timeout=60))
        child.join()
    work_fails = helper.scale("no")
'''
HELPER = """
WIDTH = 8

def scale(x):
    return x / WIDTH
"""


class Overlaid(Home):
    def over(self, name: str, text: str) -> None:
        """Runs `text` in place of the file `name` from now on."""
        table = self.folder.parent / "overlay.json"
        texts = json.loads(table.read_text()) if table.exists() else {}
        changed = self.folder.parent / ("changed-" + name.replace("/", "-"))
        changed.write_text(text)
        texts[str(self.folder / name)] = str(changed)
        table.write_text(json.dumps(texts))

    def overlaid(self, *command: str, python: str) -> Ran:
        table = str(self.folder.parent / "overlay.json")
        return self.run(*command, python=python, LABHAND_OVERLAY=table)


@pytest.fixture
def home(tmp_path: Path) -> Overlaid:
    return Overlaid(tmp_path)


@pytest.fixture(params=sorted(PYTHONS), ids=lambda version: "py" + version)
def python(request: pytest.FixtureRequest) -> str:
    return PYTHONS[request.param]


def test_a_changed_script_runs_as_if_it_had_been_edited(home: Overlaid, python: str) -> None:
    changed = SCRIPT.replace("RATE = 0.1", "EXTRA = 1\nRATE = 0.2")
    changed_helper = HELPER.replace("WIDTH = 8", "OTHER = 2\n\nWIDTH = 16")
    home.write("train.py", changed)
    home.write("helper.py", changed_helper)
    edited = home.run("train.py", "--steps", "3", python=python, probe=False)
    home.write("train.py", SCRIPT)
    home.write("helper.py", HELPER)
    home.run("-c", "import helper", python=python, probe=False)  # leaves a .pyc of the old text
    before = sorted((path, path.read_bytes()) for path in home.folder.rglob("*") if path.is_file())
    home.over("train.py", changed)
    home.over("helper.py", changed_helper)
    ran = home.overlaid("train.py", "--steps", "3", python=python)
    assert "0.2 16 True" in edited.out
    assert (ran.out, ran.err, ran.code) == (edited.out, edited.err, edited.code)
    after = sorted((path, path.read_bytes()) for path in home.folder.rglob("*") if path.is_file())
    assert after == before
    frames = ran.events("exception")[0]["data"]["frames"]
    assert [frame["code"] for frame in frames] == [
        'work_fails = helper.scale("no")',
        "return x / WIDTH",
    ]
    assert ran.events("fault") == []


def test_a_changed_module_runs_with_dash_m(home: Overlaid, python: str) -> None:
    text = "import sys\nfrom . import size\nLR = 1\nprint(LR, size.N, __spec__.name, __package__)\n1/0\n"
    home.write("pkg/__init__.py", "")
    home.write("pkg/size.py", "N = 1\n")
    home.write("pkg/train.py", text.replace("LR = 1", "LR = 2"))
    edited = home.run("-m", "pkg.train", python=python, probe=False)
    home.write("pkg/train.py", text)
    home.over("pkg/train.py", text.replace("LR = 1", "LR = 2"))
    ran = home.overlaid("-m", "pkg.train", python=python)
    assert "2 1 pkg.train pkg" in ran.out
    assert (ran.out, ran.err, ran.code) == (edited.out, edited.err, edited.code)


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nsys.exit(3)\n",
        "import sys\nsys.exit('no data')\n",
        "raise KeyboardInterrupt\n",
        "def f(:\n",
        "import missing_module\n",
        "import broken\n",
        "# -*- coding: latin-1 -*-\nprint('caf\u00e9'.encode())\n",
        "",
    ],
)
def test_a_changed_script_ends_as_an_edited_one(home: Overlaid, text: str) -> None:
    home.write("broken.py", "x = 1\ny = = 2\n")
    for name, python in ENDS.items():
        home.write("sub/train.py", text)
        edited = home.run("sub/train.py", python=python, probe=False)
        home.write("sub/train.py", "print('the old text')\n")
        home.over("sub/train.py", text)
        ran = home.overlaid("sub/train.py", python=python)
        assert (name, ran.out, ran.err, ran.code) == (name, edited.out, edited.err, edited.code)


def test_a_config_that_the_script_reads_itself_is_read_changed(python: str, home: Overlaid) -> None:
    script = "import pathlib\nprint(open('a.yaml').read(), pathlib.Path('a.yaml').read_text(), open('b.yaml').read())\n"
    home.write("train.py", script)
    for name in ("a.yaml", "b.yaml"):
        home.write(name, "lr: 1")
    home.over("a.yaml", "lr: 2")
    ran = home.overlaid("train.py", python=python)
    assert (ran.out.split(), ran.err) == ("lr: 2 lr: 2 lr: 1".split(), "")
    assert (home.folder / "a.yaml").read_text() == "lr: 1"
