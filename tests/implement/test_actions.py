"""Whatever form a model is able to write its edits in, the same file comes of it."""

import difflib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from implement.projects import DECAY, FLAG, TRAIN, UPDATE
from labhand.implement.actions import Bad, Done, Edits, Shell, actions
from labhand.implement.edits import EditError, Files
from labhand.implement.touches import touches
from labhand.kit.model import Reply, ToolCall

DIFF = "".join(
    difflib.unified_diff(TRAIN.splitlines(True), DECAY.splitlines(True), "a/train.py", "b/train.py")
)
NEW_FLAG = '    parser.add_argument("--decay", type=float, default=0.0)\n'
NEW_UPDATE = "        w -= args.lr * (gradient + args.decay * w)\n"
SWAPS = (
    f"<<<<<<< SEARCH\n{FLAG}=======\n{FLAG}{NEW_FLAG}>>>>>>> REPLACE\n"
    f"<<<<<<< SEARCH\n{UPDATE}=======\n{NEW_UPDATE}>>>>>>> REPLACE\n"
)
NUMBER = TRAIN.splitlines(True).index(FLAG) + 1
UPDATED = TRAIN.splitlines(True).index(UPDATE) + 1


def tool(name, **arguments):
    return Reply("", [ToolCall("1", name, json.dumps(arguments))])


FORMS = {
    "whole after its name": f"train.py\n```python\n{DECAY}```",
    "whole, told in a heading": f"### `train.py`\n\n```python\n{DECAY}```\nThat is all.",
    "whole, told in a sentence": f"Here is the updated `train.py`:\n```python\n{DECAY}```",
    "whole, named in the fence": f"```python title=train.py\n{DECAY}```",
    "whole, named by a comment": f"```python\n# train.py\n{DECAY}```",
    "whole, named nowhere": f"Sure! This is the new code:\n\n```python\n{DECAY}```",
    "whole, with thoughts before": f"<think>```python\nx\n```</think>train.py\n```py\n{DECAY}```",
    "whole in a tag": f'<file path="train.py">\n{DECAY}</file>',
    "diff": f"```diff\n{DIFF}```",
    "diff of git": f"```\ndiff --git a/train.py b/train.py\n{DIFF}```",
    "diff without a fence": DIFF,
    "diff with wrong numbers": f"```diff\n{DIFF.replace('@@ -', '@@ -1')}```",
    "swaps": f"train.py\n```python\n{SWAPS}```",
    "swaps without a fence": f"train.py\n{SWAPS}",
    "swaps without a name": f"```\n{SWAPS}```",
    "json": "```json\n" + json.dumps({"path": "train.py", "content": DECAY}) + "\n```",
    "json of lines": json.dumps(
        [
            {"path": "train.py", "start": UPDATED, "end": UPDATED, "text": NEW_UPDATE},
            {"path": "train.py", "line": NUMBER, "action": "insert_after", "text": NEW_FLAG},
        ]
    ),
    "tool, whole": tool("edit", path="./train.py", content=DECAY),
    "tool, pieces": tool(
        "str_replace",
        path="train.py",
        edits=[
            {"old_str": FLAG, "new_str": FLAG + NEW_FLAG},
            {"old_str": UPDATE.strip(), "new_str": NEW_UPDATE.strip()},
        ],
    ),
}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "other.py").write_text("import os\n\n\ndef there():\n    return os.name\n")
    return Files(tmp_path, tmp_path / "elsewhere", None)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_edit_makes_the_same_file(form, files):
    told = FORMS[form]
    found = actions(told if isinstance(told, Reply) else Reply(told))
    edits = [a for a in found if isinstance(a, Edits)]
    assert edits and len(edits) == len(found)
    for edit in edits:
        files.apply(edit)
    text = files.text("train.py")
    assert text.removeprefix("# train.py\n") == DECAY


@pytest.mark.parametrize(
    "text",
    [
        f"train.py\n```python\n{DECAY[:400]}",
        "train.py\n```python\nimport os\n# ... rest of the file unchanged ...\n```",
        "train.py\n```python\n<<<<<<< SEARCH\nx\n=======\ny\n```",
        '```json\n{"path": "train.py", "content": \n```',
    ],
)
def test_what_is_half_written_is_not_applied(text):
    found = actions(Reply(text))
    assert found and all(isinstance(action, Bad) for action in found)


@pytest.mark.parametrize(
    "path", ["../evil.py", "/etc/evil.py", ".git/hooks/pre-commit", "a/../../b.py"]
)
def test_no_edit_leads_out_of_the_project(path, files):
    with pytest.raises(EditError):
        files.apply(next(iter(actions(Reply(f"{path}\n```python\nx = 1\n```")))))


def test_an_edit_that_does_not_fit_changes_nothing_and_shows_the_nearest_lines(files):
    edit = actions(Reply("train.py\n```\n<<<<<<< SEARCH\n    w = 1.0\n=======\n    w = 2.0\n>>>>>>> REPLACE\n```"))  # fmt: skip
    with pytest.raises(EditError, match=r"w = 0\.0"):
        files.apply(edit[0])
    assert files.text("train.py") == TRAIN


def test_the_same_edit_said_twice_is_made_once(files):
    for _ in range(2):
        for edit in actions(Reply(FORMS["swaps"])):
            files.apply(edit)
    assert files.text("train.py") == DECAY


def test_commands_and_the_end_are_told_apart():
    found = actions(Reply("```sh\n$ ls\n$ cat train.py\n```\nDONE looked around"))
    assert found == [Shell("ls\ncat train.py"), Done("looked around")]


@given(st.text(max_size=300) | st.lists(st.sampled_from(["```python\n", "```\n", "<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", "--- a/x.py\n+++ b/x.py\n", "@@ -1 +1 @@\n", "{", "train.py\n", "DONE"])).map("".join))  # fmt: skip
def test_no_answer_breaks_it(text):
    actions(Reply(text))


def test_held_out_data_that_are_made_otherwise_are_flagged(tmp_path):
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("x = 1\n")
    line = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,1 +1,1 @@\n-x = 1\n+{}\n"
    for text, flagged in (
        ("train, held_out = data[9:], data[:9]", ["split"]),
        ("print(held_out, 'a=1')", []),
    ):
        found = touches(line.format(text), tmp_path / "before", tmp_path / "after")
        assert [touch.what for touch in found] == flagged
