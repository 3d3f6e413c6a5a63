"""`labhand check`, `rule` and `new` as a person meets them."""

import ast
import json
import re
import subprocess
import sys

import pytest

BAD = """\
import torch

optimizer = torch.optim.SGD(parameters, 0.1)
for x in loader:
    model(x).sum().backward()
    optimizer.step()
"""


@pytest.fixture
def bad(lab):
    lab.script("pyproject.toml", "")
    lab.script("src/train.py", BAD)
    return lab


def test_text_shows_the_place_the_line_a_caret_and_the_advice(bad):
    done = bad("check")
    assert done.returncode == 1 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("src/train.py:6:5: error grad-zero-missing `optimizer` steps")
    assert lines[1] == "    6 │ optimizer.step()" and lines[2] == "      │ ^^^^^^^^^^^^^^^^"
    assert "    → call `optimizer.zero_grad()`" in done.stdout
    assert "Insert `optimizer.zero_grad()`: --unsafe-fixes" in done.stdout
    assert lines[-1] == "1 finding in 1 file"
    inside = bad("check", "train.py", "-C", "src")
    assert inside.stdout.startswith("train.py:6:5:")


def test_json_is_a_findings_document(bad):
    done = bad("check", "--format", "json")
    told = json.loads(done.stdout)
    assert told["schema"] == "labhand.findings/1"
    assert {"config-arg-unused", "grad-zero-missing"} <= set(told["ran"])
    (finding,) = told["findings"]
    assert finding["job"] == "check" and finding["fix"]["safety"] == "scientific"
    assert finding["where"] == {
        "path": "src/train.py", "line": 6, "column": 5, "end_line": 6, "end_column": 21, "cell": None,
    }  # fmt: skip


def test_sarif_has_what_readers_of_it_need(bad):
    log = json.loads(bad("check", "--format", "sarif").stdout)
    assert log["version"] == "2.1.0" and "sarif-2.1.0" in log["$schema"]
    (run,) = log["runs"]
    (result,) = run["results"]
    rules = run["tool"]["driver"]["rules"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "grad-zero-missing"
    assert result["level"] in ("error", "warning", "note") and result["message"]["text"]
    (place,) = result["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "src/train.py"
    assert place["physicalLocation"]["region"]["startLine"] == 6
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [s["location"]["physicalLocation"]["region"]["startLine"] for s in steps] == [5, 4]


def test_github_annotations_are_one_line_each(bad):
    (line,) = bad("check", "--format", "github").stdout.splitlines()
    assert line.startswith(
        "::error file=src/train.py,line=6,col=5,endLine=6,title=grad-zero-missing::"
    )


def test_diff_shows_and_fixes_write(bad):
    path = bad.folder / "src/train.py"
    shown = bad("check", "--diff").stdout
    assert shown.startswith("--- a/src/train.py\n+++ b/src/train.py\n")
    assert "+    optimizer.zero_grad()\n" in shown and path.read_text() == BAD
    assert bad("check", "--fix").returncode == 1 and path.read_text() == BAD
    done = bad("check", "--unsafe-fixes")
    assert done.returncode == 0 and "1 file mended" in done.stderr
    assert path.read_text() == BAD.replace("    model", "    optimizer.zero_grad()\n    model")
    applied = subprocess.run(
        ["git", "apply", "-R", "--check", "-"], input=shown, text=True, cwd=bad.folder, check=False
    )
    assert applied.returncode == 0


def test_exit_codes_follow_the_gravest_finding(bad):
    bad.script(
        "src/train.py",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr')\nargs = p.parse_args()\n",
    )
    assert bad("check").returncode == 1
    assert bad("check", "--fail-on", "error").returncode == 0
    assert bad("check", "--fail-on", "note").returncode == 1
    assert bad("check", "--ignore", "config-arg-unused").returncode == 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (["check", "nowhere.py"], "no file or folder nowhere.py"),
        (["check", "--select", "grad-zero"], "did you mean `grad-zero-missing`"),
        (["rule", "grad-zero"], "did you mean `grad-zero-missing`"),
        (["rule"], "say which rule"),
        (["new", "rule", "BadName"], "is no name for a rule"),
        (["new", "rule", "grad-zero-missing"], "exists already"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_2(bad, call, says):
    done = bad(*call)
    assert done.returncode == 2 and done.stdout == ""
    assert says in done.stderr and len(done.stderr.splitlines()) == 1


def test_settings_of_the_project_choose_rules(bad):
    bad.script("pyproject.toml", '[tool.labhand]\nignore = ["grad-zero-missing"]\n')
    assert bad("check").returncode == 0
    assert bad("check", "--select", "grad-zero-missing").returncode == 0
    bad.script(
        "pyproject.toml", '[tool.labhand.per-file-ignores]\n"src/*" = ["grad-zero-missing"]\n'
    )
    assert bad("check").returncode == 0


def test_rule_prints_documentation(lab):
    told = lab("rule", "grad-zero-missing").stdout
    assert told.startswith("grad-zero-missing (rule, built-in)") and "## Why is this bad" in told
    listed = lab("rule", "--list").stdout
    assert "rules\n" in listed
    assert re.search(r"^  config-arg-unused +Settings that", listed, re.M)


@pytest.mark.parametrize("kind", ["rule", "detector", "reader", "launcher", "failure", "fixer"])
def test_new_scaffolds_an_extension_that_loads(lab, kind):
    lab.script("pyproject.toml", "")
    done = lab("new", kind, "odd-thing")
    assert done.returncode == 0, done.stderr
    made = done.stdout.split()
    assert made[0] == f".labhand/{kind}s/odd_thing.py"
    ast.parse((lab.folder / made[0]).read_text())
    assert f"odd-thing ({kind}, project)" in lab("rule", "odd-thing").stdout
    code = (
        f"from labhand.core.registry import load_all; from pathlib import Path\n"
        f"loaded, broken = load_all({kind!r}, Path('.labhand'))\n"
        "assert 'odd-thing' in loaded, broken"
    )
    subprocess.run([sys.executable, "-c", code], cwd=lab.folder, check=True)
    again = lab("new", kind, "odd-thing")
    assert again.returncode == 2 and "exists already" in again.stderr


def test_a_new_rule_keeps_the_contract_but_for_what_its_author_must_write(lab, tmp_path):
    lab.script("pyproject.toml", "")
    code, case = lab("new", "rule", "odd-thing").stdout.split()
    assert case == ".labhand/cases/check/odd-thing.md"
    lab.script(
        "test_odd.py",
        "from pathlib import Path\nimport pytest\nfrom labhand.check.contract import RuleContract\n"
        "class TestOdd(RuleContract):\n    @pytest.fixture\n    def files(self):\n"
        f"        return Path({code!r}), Path({case!r})\n",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_odd.py"],
        cwd=lab.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 failed, 8 passed" in done.stdout and "test_cases_are_many_enough" in done.stdout
    assert lab("check").returncode == 0
