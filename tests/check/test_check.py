"""What `check` finds, passes over, remembers and mends."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.check import check, mend
from labhand.check.claim import Change, Edit
from labhand.check.env import run_case
from labhand.check.patches import applied, diff
from labhand.core.errors import InputError, NotFoundError

BAD = """\
import torch

def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for x in loader:
        model(x).sum().backward()
        optimizer.step()
"""
FLAG = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--lr')\nargs = parser.parse_args()\n"


def rules_in(path: Path, **options: object) -> list[str]:
    return [f.rule for f in check([path], root=path.parent, **options).findings]  # type: ignore[arg-type]


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(BAD)
    return path


def test_a_finding_says_where_why_and_what_to_do(bad: Path) -> None:
    (finding,) = check([bad], root=bad.parent).findings
    assert (finding.where.path, finding.where.line, finding.where.column) == ("train.py", 7, 9)
    assert finding.severity == "error" and "`optimizer`" in finding.message
    assert [r.where.line for r in finding.related] == [6, 5]
    assert finding.fix is not None and "+        optimizer.zero_grad()" in finding.fix.patch


def test_a_folder_is_walked_without_environments_and_hidden_folders(bad: Path) -> None:
    for folder in ("pkg", ".hidden", "venv", "node_modules"):
        (bad.parent / folder).mkdir()
        (bad.parent / folder / "train.py").write_text(BAD)
    (bad.parent / "venv" / "pyvenv.cfg").write_text("")
    found = check([bad.parent], root=bad.parent)
    assert [f.where.path for f in found.findings] == ["train.py", "pkg/train.py"]
    assert len({f.id for f in found.findings}) == 2


def test_the_same_code_twice_has_two_ids_that_edits_above_leave_alone(bad: Path) -> None:
    twice = BAD + BAD.replace("train", "train").split("\n\n", 1)[1].replace("SGD", "SGD")
    bad.write_text(
        BAD.replace("        optimizer.step()", "        optimizer.step()") + "\n\n" + twice
    )
    before = [f.id for f in check([bad], root=bad.parent).findings]
    assert len(set(before)) == len(before) == 3
    bad.write_text("x = 1\n\n\n" + bad.read_text())
    assert [f.id for f in check([bad], root=bad.parent).findings] == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("optimizer.step()", "optimizer.step()  # labhand: ignore[grad-zero-missing] on purpose"),
        ("optimizer.step()", "optimizer.step()  # labhand: ignore"),
        (
            "import torch\n",
            "# labhand: ignore[softmax-dim, grad-zero-missing, unused-suppression] whole file\nimport torch\n",
        ),
    ],
)
def test_a_comment_silences_a_line_or_a_file(bad: Path, old: str, new: str) -> None:
    bad.write_text(BAD.replace(old, new))
    found = check([bad], root=bad.parent)
    assert found.findings == [] and found.summary["suppressed"] == 1


def test_a_comment_for_another_rule_silences_nothing(bad: Path) -> None:
    bad.write_text(BAD.replace(".step()", ".step()  # labhand: ignore[config-arg-unused] no"))
    assert rules_in(bad, ignore=["unused-suppression"]) == ["grad-zero-missing"]


def test_rules_are_selected_ignored_and_off_for_some_files(bad: Path) -> None:
    bad.write_text(BAD + FLAG)
    assert sorted(rules_in(bad)) == ["config-arg-unused", "grad-zero-missing"]
    assert rules_in(bad, select=["config-arg-unused"]) == ["config-arg-unused"]
    assert rules_in(bad, ignore=["config-arg-unused"]) == ["grad-zero-missing"]
    assert rules_in(bad, per_file={"tr*.py": ["grad-zero-missing"]}) == ["config-arg-unused"]
    with pytest.raises(NotFoundError, match="did you mean `grad-zero-missing`"):
        check([bad], root=bad.parent, select=["grad-zero-mising"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"def f(:\n", "line 1 is no Python"),
        (b"print 'hello'\n", "looks like Python 2"),
        (b"# coding: utf-8\nx = '\xff\xfe'\n", "no text in the encoding"),
        (b"# coding: klingon\n", "no text in the encoding"),
        (b"x = 1\x00\n", "cannot be parsed"),
        (b"(" * 5000, "Python"),
    ],
)
def test_what_cannot_be_read_is_named_once_and_stops_nothing(
    bad: Path, content: bytes, says: str
) -> None:
    (bad.parent / "broken.py").write_bytes(content)
    found = check([bad.parent], root=bad.parent)
    assert [f.rule for f in found.findings] == ["grad-zero-missing"]
    (skipped,) = found.skipped
    assert skipped.rule == "*" and "broken.py" in skipped.why and says in skipped.why


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file or folder .*nowhere\.py"):
        check([tmp_path / "nowhere.py"], root=tmp_path)


def notebook(*cells: str) -> str:
    made = [{"cell_type": "markdown", "source": ["# words"]}]
    made += [{"cell_type": "code", "source": c.splitlines(keepends=True)} for c in cells]
    return json.dumps({"cells": made, "nbformat": 4})


def test_notebooks_are_read_with_cells_and_magics(tmp_path: Path) -> None:
    setup, loop = BAD.split("\n\n", 1)
    path = tmp_path / "train.ipynb"
    path.write_text(
        notebook("%pip install torch\nfiles = !ls\n" + setup, "%%bash\nls", "def broken(:", loop)
    )
    (finding,) = check([path], root=tmp_path).findings
    assert (finding.where.cell, finding.where.line) == (4, 5)
    assert finding.fix is None
    path.write_text("{}")
    assert "no notebook" in check([path], root=tmp_path).skipped[0].why


def test_a_notebook_that_ran_in_another_order_says_so(tmp_path: Path) -> None:
    setup, loop = BAD.split("\n\n", 1)
    made = json.loads(notebook(setup, loop))
    for cell, ran in zip(made["cells"][1:], (7, 3), strict=True):
        cell["execution_count"] = ran
    path = tmp_path / "train.ipynb"
    path.write_text(json.dumps(made))
    (finding,) = check([path], root=tmp_path).findings
    assert finding.where.cell == 2 and finding.evidence["execution"].startswith(
        "cell 2 ran before cell 1; cells are read from top to bottom"
    )
    made["cells"][2]["execution_count"] = 8
    path.write_text(json.dumps(made))
    (finding,) = check([path], root=tmp_path).findings
    assert "execution" not in finding.evidence


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "[" * 100_000, '{"cells": 3}', '{"cells": [3]}']
)
def test_a_broken_notebook_is_named_in_one_sentence(bad: Path, content: str) -> None:
    (bad.parent / "odd.ipynb").write_text(content)
    found = check([bad.parent], root=bad.parent)
    assert [f.rule for f in found.findings] == ["grad-zero-missing"]
    (skipped,) = found.skipped
    assert "odd.ipynb: it cannot be analysed: it is no notebook" in skipped.why


def test_links_in_circles_and_pipes_are_passed_over(bad: Path) -> None:
    folder = bad.parent
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "gone.py").symlink_to("nowhere.py")
    (folder / "sub.py").mkdir()
    (folder / "sub.py" / "up").symlink_to(folder)
    os.mkfifo(folder / "pipe.py")
    found = check([folder], root=folder)
    assert [f.rule for f in found.findings] == ["grad-zero-missing"] and not found.skipped
    with pytest.raises(InputError, match="neither a file nor a folder"):
        check([folder / "pipe.py"], root=folder)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("    pass\n", "`level` must be one of correctness"),
        ("    level = 'possible'\n    severity = 'grave'\n", "`severity` must be one of"),
        ("    level = 'suspicious'\n    severity = 'note'\n", "no method `check`"),
        (
            "    level = 'suspicious'\n    severity = 'note'\n    def check(self, code):\n"
            "        raise SystemExit(3)\n",
            "SystemExit: 3 (and on 1 other file)",
        ),
    ],
)
def test_a_rule_from_outside_that_is_none_is_told_once(bad: Path, body: str, says: str) -> None:
    home = bad.parent / ".labhand"
    (home / "rules").mkdir(parents=True)
    (home / "rules" / "odd.py").write_text(f"class Rule:\n{body}")
    (bad.parent / "other.py").write_text(
        "x = 1  # labhand: ignore[odd] so that comments are judged\n"
    )
    found = check([bad.parent], root=bad.parent, home=home, ignore=["unused-suppression"])
    assert [f.rule for f in found.findings] == ["grad-zero-missing"]
    (skipped,) = found.skipped
    assert skipped.rule == "odd" and says in skipped.why


def test_a_rule_that_fails_is_told_and_stops_nothing(bad: Path) -> None:
    home = bad.parent / ".labhand"
    (home / "rules").mkdir(parents=True)
    (home / "rules" / "odd.py").write_text(
        "class Rule:\n    severity = 'note'\n    level = 'suspicious'\n"
        "    def check(self, code):\n        raise ValueError('odd')\n"
    )
    (home / "rules" / "torn.py").write_text("class Rule(\n")
    found = check([bad], root=bad.parent, home=home)
    assert [f.rule for f in found.findings] == ["grad-zero-missing"]
    told = {s.rule: s.why for s in found.skipped}
    assert "ValueError: odd" in told["odd"] and "cannot be loaded" in told["torn"]


def test_answers_are_kept_until_anything_in_the_project_changes(bad: Path) -> None:
    home = bad.parent / ".labhand"
    assert rules_in(bad, home=home) == ["grad-zero-missing"]
    assert not home.exists()
    home.mkdir()
    first = check([bad], root=bad.parent, home=home)
    (entry,) = (home / "cache" / "check").glob("*.json")
    kept = json.loads(entry.read_bytes())
    kept["findings"][0]["message"] = "from the cache"
    entry.write_text(json.dumps(kept))
    again = check([bad], root=bad.parent, home=home)
    assert [f.message for f in again.findings] == ["from the cache"]
    (bad.parent / "other.py").write_text("x = 1\n")
    assert check([bad], root=bad.parent, home=home).findings == first.findings
    entry.write_text("torn")
    (bad.parent / "other.py").unlink()
    assert check([bad], root=bad.parent, home=home).findings == first.findings


def test_no_rule_is_loaded_for_a_project_whose_answers_are_kept(bad: Path) -> None:
    home = bad.parent / ".labhand"
    (home / "rules").mkdir(parents=True)
    first = check([bad], root=bad.parent, home=home)
    look = (
        "import sys; from pathlib import Path; from labhand.check import check; "
        f"found = check([Path({str(bad)!r})], root=Path({str(bad.parent)!r}), "
        f"home=Path({str(home)!r})); print([f.rule for f in found.findings], len(found.ran), "
        "[s.why for s in found.skipped], [n for n in sys.modules if n.startswith('labhand.check.rules.')])"
    )

    def told() -> str:
        done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True)
        return done.stdout.strip() or done.stderr

    assert told() == f"['grad-zero-missing'] {len(first.ran)} [] []"
    (home / "rules" / "torn.py").write_text("class Rule(\n")
    assert "cannot be loaded" in told() and "cannot be loaded" in told()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "step",
    [
        "optimizer.step()",
        "optimizer.step();  x = 1",
        "if x.any(): optimizer.step()",
        "x = 'größe'; optimizer.step()",
    ],
)
def test_a_fix_settles_its_finding_and_keeps_the_rest(bad: Path, end: str, step: str) -> None:
    text = BAD.replace("optimizer.step()", step).replace("\n", end)
    bad.write_bytes(text.encode())
    found = check([bad], root=bad.parent)
    assert mend(found.findings, bad.parent, ["neutral"]) == {}
    ((path, mended),) = mend(found.findings, bad.parent, ["scientific"]).items()
    assert path == bad and mended.count(end) - text.count(end) in (0, 1)
    assert mended.replace("optimizer.zero_grad()", "").split() == text.split() or ";" in mended
    ast.parse(mended)
    bad.write_bytes(mended.encode())
    assert check([bad], root=bad.parent).findings == []


def test_a_file_that_changed_since_is_not_mended(bad: Path) -> None:
    bad.write_text(
        BAD.replace("optimizer.step()", "x = 1; optimizer.step()").replace(
            "        model", "        y = 1; model"
        )
    )
    found = check([bad], root=bad.parent)
    bad.write_text("something = 'else'\n" * 9)
    with pytest.raises(InputError, match="has changed since"):
        mend(found.findings, bad.parent, ["scientific"])


@given(
    lines=st.lists(st.text("ab é\x0c", max_size=5), min_size=1, max_size=12),
    at=st.lists(
        st.tuples(st.integers(0, 11), st.sampled_from(["z", "y\n"])), min_size=1, max_size=4
    ),
    end=st.sampled_from(["", "\n"]),
)
def test_a_diff_applied_is_the_change(
    lines: list[str], at: list[tuple[int, str]], end: str
) -> None:
    text = "\n".join(lines) + end
    count = max(1, len(text.split("\n")) - (text.endswith("\n") or not text))
    edits = [Edit(1 + i % count, 0, new) for i, new in at]
    if not text:
        return
    patch = diff("f.py", text, Change("neutral", "", edits))
    made = applied(text, [patch], Path("f.py"))
    assert made.replace("y\n", "").replace("z", "") == text
    assert made.count("z") + made.count("y") == len(edits)


@pytest.mark.parametrize("depth", [150, 400, 900, 5000])
@pytest.mark.parametrize(
    "shape",
    ["x = torch" + ".cuda()", "loss = 1" + " + torch.softmax(x, 1)", "if a:\n    pass\n" + "elif torch.f(a):\n    pass\n", "x = " + "f("],
)  # fmt: skip
def test_code_that_nests_too_deeply_is_named_at_most_once(
    bad: Path, shape: str, depth: int
) -> None:
    head, mark, tail = shape.partition("elif")
    if not mark:
        head, mark, tail = (
            shape.partition(".cuda()") if ".cuda" in shape else shape.partition(" + torch")
        )
    closing = ")" * depth if shape.endswith("f(") else ""
    body = "x = " + "f(" * depth if closing else head + (mark + tail) * depth
    deep = bad.parent / "deep.py"
    deep.write_text(
        f"import torch\nx = object()\n{body}{closing}\ntorch.nn.functional.cross_entropy(x, x).backward()\n"
    )
    found = check([bad.parent], root=bad.parent)
    assert [f.rule for f in found.findings if f.where.path == "train.py"] == ["grad-zero-missing"]
    assert [s.rule for s in found.skipped] in ([], ["*"])


def test_a_file_that_no_person_wrote_is_named(bad: Path) -> None:
    (bad.parent / "data.py").write_text(f"x = [{'1, ' * 400_000}]\n")
    found = check([bad.parent], root=bad.parent)
    assert [f.rule for f in found.findings] == ["grad-zero-missing"]
    (skipped,) = found.skipped
    assert "data.py: it holds 1.2 million characters" in skipped.why


def test_files_that_import_each_other_in_circles_are_checked(bad: Path) -> None:
    (bad.parent / "one.py").write_text(
        "from two import *\nfrom two import a\nb = a\nb(1).backward()\n"
    )
    (bad.parent / "two.py").write_text("from one import *\nfrom one import b\na = b\na.step()\n")
    (bad.parent / "odd.py").write_text(
        "class A(B): pass\nclass B(A): pass\nclass C(C): pass\nA().step(); C().step()\n"
    )
    found = check([bad.parent], root=bad.parent)
    assert [f.rule for f in found.findings] == ["grad-zero-missing"] and not found.skipped


def test_what_is_only_possible_is_told_when_it_is_selected(bad: Path) -> None:
    home = bad.parent / ".labhand"
    (home / "rules").mkdir(parents=True)
    (home / "rules" / "maybe.py").write_text(
        "class Rule:\n    severity = 'note'\n    level = 'possible'\n"
        "    def check(self, code):\n"
        "        for call in code.calls('.step'):\n"
        "            yield code.claim(call.node, 'it steps', 'look', confidence=0.5)\n"
    )
    assert rules_in(bad, home=home) == ["grad-zero-missing"]
    assert rules_in(bad, home=home, select=["maybe"]) == ["maybe"]


def test_an_evaluation_with_gradients_on_is_told_for_its_mode_too() -> None:
    text = """\
import torch
import torch.nn.functional as F
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 2)

    def forward(self, x):
        return self.fc(F.dropout(x, 0.5, training=self.training))

def train(model, loader, optimizer):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

def test(model, test_loader):
    hits = 0
    for x, y in test_loader:
        hits += (model(x).argmax(1) == y).sum().item()
    return hits

def main(loader, test_loader):
    model = Net()
    train(model, loader, torch.optim.Adam(model.parameters()))
    print(test(model, test_loader))
"""
    assert run_case(text) == [("mode-eval-missing", 23), ("no-grad-missing", 23)]
