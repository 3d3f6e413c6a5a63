"""What a person changes in what is proposed is learned, and reaches the next agent."""

import json

import pytest

from labhand.cli import main
from labhand.core.intent import Intent
from labhand.core.patch import Patch
from labhand.kit.habits import sentences
from labhand.kit.patches import Patches
from labhand.learn.edits import edits


def diff(**files):
    return "".join(
        f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1,1 +1,{len(lines) + 1} @@\n x = 1\n"
        + "".join(f"+{line}\n" for line in lines)
        for name, lines in (
            (n.replace("_py", ".py").replace("_md", ".md"), v) for n, v in files.items()
        )
    )


def patch(number, proposed, final, status="accepted"):
    return Patch(
        id=f"p{number}", name=f"patch-{number}", instruction="add an option", status=status,
        made=f"2026-03-{number + 1:02}T10:00:00+00:00", diff=proposed, final=final,
        intent=Intent(instruction="add an option", goal="add an option"),
    )  # fmt: skip


def habits(patches):
    return {found.habit.id: found.habit for found in edits(patches)}


def flag(name, call="print"):
    return diff(train_py=[f'parser.add_argument("{name}", type=float)', f'{call}("uses {name}")'])


def test_a_word_that_is_rewritten_each_time(tmp_path):
    made = [patch(n, flag(f"--a{n}"), flag(f"--a{n}", "logger.info")) for n in range(8)]
    found = habits(made)
    assert list(found) == ["rewrites-print-as-logger.info"]
    habit = found["rewrites-print-as-logger.info"]
    assert (habit.kind, habit.support, habit.against) == ("convention", 8, 0)
    assert habit.text.startswith("where `print` is proposed you usually write `logger.info`")


def test_a_style_is_told_once_and_not_word_by_word():
    made = [patch(n, flag(f"--big-a{n}"), flag(f"--big_a{n}")) for n in range(8)]
    assert list(habits(made)) == ["rewrites-flags-with-dashes-as-flags-with-underscores"]


def test_a_file_that_is_always_changed_as_well():
    line = [f"a{0} = 1"]
    made = [patch(n, diff(train_py=line), diff(train_py=line, CHANGES_md=["- an option"])) for n in range(7)]  # fmt: skip
    habit = habits(made)["adds-changes.md"]
    assert (habit.kind, habit.then, habit.support) == ("files", {"also": "CHANGES.md"}, 7)


@pytest.mark.parametrize("kept", [8, 6])
def test_what_is_often_left_as_it_was_is_no_habit(kept):
    edited = [patch(n, flag(f"--a{n}"), flag(f"--a{n}", "logger.info")) for n in range(4)]
    left = [patch(n, flag(f"--a{n}"), flag(f"--a{n}")) for n in range(4, 4 + kept)]
    assert habits([*edited, *left]) == {}


def test_thin_evidence_and_what_was_rejected_teach_nothing():
    assert habits([patch(n, flag("--a"), flag("--a", "log")) for n in range(4)]) == {}
    rejected = [patch(n, flag("--a"), None, "rejected") for n in range(9)]
    assert habits(rejected) == {}


def test_it_stands_in_the_habits_and_in_the_brief_of_an_agent(tmp_path, capsys):
    home = tmp_path / ".labhand"
    for number in range(9):
        Patches(home).folder(f"p{number}").mkdir(parents=True)
        Patches(home).write(patch(number, flag("--a"), flag("--a", "logger.info")))
    with pytest.raises(SystemExit) as end:
        main(["learn", "--json", "-C", str(tmp_path)])
    assert end.value.code == 0
    ids = [habit["id"] for habit in json.loads(capsys.readouterr().out)["habits"]]
    assert ids == ["rewrites-print-as-logger.info"]
    assert any("`logger.info`" in sentence for sentence in sentences(home))
