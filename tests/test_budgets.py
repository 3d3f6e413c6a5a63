"""The house stays small enough to hold in the head: budgets of size, imports and dependencies."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(p for p in (ROOT / "src").rglob("*.py") if "examples" not in p.parts)
HEAVY = ["numpy", "polars", "rich", "jinja2", "psutil", "torch", "sqlite3", "asyncio", "msgspec"]


def functions(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_file_and_function_lengths(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
    assert {name: n for name, n in functions(path) if n > 60} == {}


def test_nine_of_ten_functions_fit_35_lines():
    lengths = [n for path in SOURCES for _, n in functions(path)]
    assert sum(n <= 35 for n in lengths) / len(lengths) >= 0.9


@pytest.mark.parametrize("start", ["import labhand", "import labhand.cli"])
def test_start_imports_nothing_heavy(start):
    heavy = [name for name in HEAVY if not (name == "msgspec" and "cli" in start)]
    code = f"{start}, sys; print([n for n in {heavy} if n in sys.modules])"
    out = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert out.strip() == "[]"


def test_help_imports_no_command():
    code = (
        "import sys, contextlib, labhand.cli as c\n"
        "with contextlib.suppress(SystemExit): c.main(['--help'])\n"
        "print([m for m in sys.modules if m.startswith('labhand.c') and m.count('.') > 1],"
        " [n for n in " + repr(HEAVY) + " if n in sys.modules])"
    )
    out = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert out.splitlines()[-1] == "['labhand.core.errors'] []"


def test_browser_code_is_small():
    own = [
        p
        for p in (ROOT / "src/labhand/web").rglob("*")
        if p.suffix in (".js", ".mjs") and "vendor" not in p.parts
    ]
    assert sum(len(p.read_text(encoding="utf-8").splitlines()) for p in own) <= 1200


def test_direct_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert len(project["dependencies"]) <= 12


def test_no_drawer_for_odds_and_ends():
    odd = {"utils", "util", "common", "helpers", "helper", "manager", "base", "misc"}
    assert [p for p in SOURCES if p.stem in odd or odd & set(p.parts)] == []


def test_no_path_of_one_machine():
    marks = ["/" + name + "/" for name in ("work", "farm", "root")]
    tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    for name in filter(None, tracked):
        path = ROOT / name
        if not path.is_file() or path.suffix in (".png", ".parquet", ".sqlite", ".wandb"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not [m for m in marks if f" {m}" in text or f'"{m}' in text], name
