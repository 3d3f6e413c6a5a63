"""`labhand check`, `rule` and `new` as a person meets them."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from labhand.check.measured import BEYOND
from labhand.cli import check_reports
from labhand.core.finding import Findings

SAMPLES = Path(__file__).parent / "samples"

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


def test_text_shows_the_place_the_chain_why_and_what_to_do(bad):
    done = bad("check")
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout == snapshot("""\
src/train.py:6:5: error grad-zero-missing `optimizer` steps on gradients that nothing clears: each pass of the loop at line 4 adds its gradients to those of all passes before
    4 │ for x in loader:
      │ --- 2. the loop that comes round again
    5 │     model(x).sum().backward()
      │     ------------------------- 1. gradients are added here
    6 │     optimizer.step()
      │     ^^^^^^^^^^^^^^^^
    why: `backward()` adds to `.grad`. Without `zero_grad()` each step uses the sum of all gradients
         since the start, old ones included: the effective learning rate and direction drift,
         training diverges or stays mysteriously poor. No error is raised.
    → call `optimizer.zero_grad()` once for each step, before the first `backward()`
    fix: Insert `optimizer.zero_grad()` (--unsafe-fixes)

1 finding in 1 file
""")
    inside = bad("check", "train.py", "-C", "src")
    assert inside.stdout.startswith("train.py:6:5:")


def test_text_follows_the_chain_into_other_files_and_cuts_long_lines(bad):
    bad.script(
        "src/net.py",
        "import torch\n\nclass Net(torch.nn.Module):\n    def forward(self, x):\n        return torch.softmax(x, 1)\n",
    )
    long = "x = [" + "'größe', " * 90 + "torch.nn.functional.cross_entropy(net(a), y)]\n"
    bad.script("src/train.py", f"import torch\nfrom net import Net\nnet = Net()\n{long}")
    lines = bad("check").stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if "^^^" in line)
    start = lines[at].index("^")
    assert lines[at - 1][start:].startswith("torch.nn.functional.cross_entropy(net(a), y)")
    assert max(len(line) for line in lines[1:]) <= 100
    assert "    in src/net.py:5" in lines and any("gives probabilities" in line for line in lines)


def test_statistics_count_by_rule(bad):
    bad.script("src/again.py", BAD)
    told = bad("check", "--statistics").stdout.splitlines()
    assert told[0].split() == "2 error grad-zero-missing fixes for 2".split()
    assert told[-1] == "2 findings in 2 files: 2 errors"


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


def test_sarif_is_valid_and_tells_chain_and_fix(bad):
    import jsonschema

    bad.script("src/an odd.py", "def f(:\n")
    log = json.loads(bad("check", "--format", "sarif").stdout)
    jsonschema.validate(log, json.loads((SAMPLES / "sarif-2.1.0.json").read_text()))
    (run,) = log["runs"]
    (result,) = run["results"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"] == "grad-zero-missing"
    assert "## Why is this bad" in rule["help"]["markdown"]
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "src/train.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 6, "startColumn": 5, "endLine": 6, "endColumn": 21},
    }
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [s["location"]["physicalLocation"]["region"]["startLine"] for s in steps] == [5, 4, 6]
    (replaced,) = result["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replaced["deletedRegion"]["startLine"] == replaced["deletedRegion"]["endLine"] == 5
    assert replaced["insertedContent"]["text"] == "    optimizer.zero_grad()\n"
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert "an odd.py" in note["message"]["text"]


@pytest.mark.parametrize("name", sorted(BEYOND))
def test_what_only_a_run_proves_has_its_page_in_sarif(name, tmp_path):
    found = Findings(ran=[name], skipped=[])
    (run,) = check_reports.sarif(found, tmp_path)["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == name and "## What it does" in rule["help"]["markdown"]


def test_annotations_and_sarif_name_files_from_the_repository(bad):
    subprocess.run(["git", "init", "-q", bad.folder], check=True)
    bad.script("lab/pyproject.toml", "")
    bad.script("lab/50%, of it/train.py", BAD)
    bad.script("lab/torn.py", "def f(:\n")
    first, second = bad("check", "--format", "github", "-C", "lab").stdout.splitlines()
    assert first.startswith(
        "::error file=lab/50%25%2C of it/train.py,line=6,col=5,endLine=6,endColumn=21,"
        "title=grad-zero-missing::`optimizer` steps on"
    )
    assert second.startswith("::warning title=not checked::torn.py: line 1 is no Python")
    (run,) = json.loads(bad("check", "--format", "sarif", "-C", "lab").stdout)["runs"]
    file = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert file["uri"] == "lab/50%25%2C%20of%20it/train.py"


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
