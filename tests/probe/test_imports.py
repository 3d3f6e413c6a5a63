"""A watched module wakes its part once, when its whole import is done, whoever else hooks imports."""

from pathlib import Path

import pytest
from interpreters import ENDS, Home

PACKAGE = {
    "tensorboardX/__init__.py": "print('begin'); from . import inner; from .inner import SummaryWriter; print('end')\n",
    "tensorboardX/inner.py": "import tensorboardX, user\n"
    "class SummaryWriter:\n    def add_scalar(self, *a): pass\n",
    "user.py": "import tensorboardX\nprint('circular', hasattr(tensorboardX, 'SummaryWriter'))\n",
}
CHECK = """
import tensorboardX, importlib
print(type(tensorboardX.__spec__).__module__, type(tensorboardX.__loader__).__name__, repr(tensorboardX.__spec__)[:30])
print(hasattr(tensorboardX.SummaryWriter.add_scalar, "__labhand__"))
"""
BEFORE = {
    "alone": "",
    "a finder in front": "import sys\n"
    "class F:\n    def find_spec(self, name, path=None, target=None): return None\n"
    "sys.meta_path.insert(0, F())\n",
    "a wrapping loader": "import sys, importlib.abc, importlib.util\n"
    "class L(importlib.abc.Loader):\n"
    "    def __init__(self, real): self.real = real\n"
    "    def create_module(self, spec): return self.real.create_module(spec)\n"
    "    def exec_module(self, module): self.real.exec_module(module)\n"
    "class F:\n    busy = False\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name != 'tensorboardX' or self.busy: return None\n"
    "        self.busy = True\n"
    "        spec = importlib.util.find_spec(name)\n"
    "        self.busy = False\n"
    "        spec.loader = L(spec.loader)\n"
    "        return spec\n"
    "sys.meta_path.insert(0, F())\n",
    "asked for first": "import importlib.util\nassert importlib.util.find_spec('tensorboardX')\n",
    "failed first": "import builtins, sys\nsys.modules['user'] = None\n"
    "try:\n    import tensorboardX\nexcept ImportError: pass\n"
    "del sys.modules['user']\nsys.modules.pop('tensorboardX.inner', None)\n",
    "from two threads": "import threading\ndef f():\n    import tensorboardX\n"
    "ts = [threading.Thread(target=f) for _ in range(4)]\n"
    "[t.start() for t in ts]; [t.join() for t in ts]\n",
}


@pytest.mark.parametrize("before", BEFORE)
def test_it_is_armed_once_and_invisible(tmp_path: Path, before: str) -> None:
    home = Home(tmp_path)
    for name, text in PACKAGE.items():
        home.write(name, text)
    home.write("train.py", BEFORE[before] + CHECK)
    for version, python in ENDS.items():
        plain = home.run("train.py", python=python, probe=False)
        ran = home.run("train.py", python=python)
        assert ran.out.splitlines()[:-1] == plain.out.splitlines()[:-1], version
        assert (ran.err, ran.out.splitlines()[-1]) == ("", "True"), version
    assert ran.events("fault") == []


def test_a_reload_is_harmless(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for name, text in PACKAGE.items():
        home.write(name, text)
    home.write("train.py", "import importlib, tensorboardX\nimportlib.reload(tensorboardX)\n")
    for python in ENDS.values():
        ran = home.run("train.py", python=python)
        assert (ran.code, ran.err) == (0, "")
