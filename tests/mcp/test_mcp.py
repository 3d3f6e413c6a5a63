"""An agent's view, by the official client over stdio: real checks, scans, runs and comparisons."""

import json
import random
import sys

import pytest

pytest.importorskip("mcp_types", reason="needs the extra mcp")

from anyio.from_thread import start_blocking_portal

from mcp import Client, MCPError, StdioServerParameters

TRAIN = """
import argparse, random
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
random.seed(args.seed)
print("project said this on standard output")
for step in range(20):
    print(f"step {step} loss {args.lr * 10 + random.random() / 10:.4f}", flush=True)
"""
FOREVER = """
import time
for step in range(100000):
    print(f"step {step} loss {1 / (step + 1):.4f}", flush=True)
    time.sleep(0.05)
"""
BUGS = """
import torch
def train(model, loader, optimizer, criterion):
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
"""
DRAW = random.Random(0).random
FILES = {
    "labhand.toml": "",
    "train.py": TRAIN,
    "forever.py": FOREVER,
    "bugs.py": BUGS,
    "data.csv": "a,b,label\n"
    + "".join(f"{DRAW()},{DRAW()},{'xy'[DRAW() < 0.5]}\n" for _ in range(200))
    + "0.5,0.5,x\n0.5,0.5,y\n",
    "log.csv": "step,loss\n" + "".join(f"{i},{'nan' if i > 60 else 1.0}\n" for i in range(100)),
}
PYTHON = sys.executable


class Agent:
    """The official client, and a server of its own in a project."""

    def __init__(self, portal, client, folder):
        self.portal, self.client, self.folder = portal, client, folder
        self.progress = []

    async def _heard(self, done, total, message):
        self.progress.append((done, total, message))

    def ask(self, method, *arguments, **named):
        async def call():
            return await getattr(self.client, method)(*arguments, **named)

        return self.portal.call(call)

    def result(self, name, /, **arguments):
        self.progress.clear()
        return self.ask("call_tool", name, arguments, progress_callback=self._heard)

    def __call__(self, name, /, **arguments):
        """What the tool says, where the call is right."""
        result = self.result(name, **arguments)
        assert not result.is_error, result.content[0].text
        return result.content[0].text

    def wrong(self, name, /, **arguments):
        """The one sentence that a wrong call is told."""
        result = self.result(name, **arguments)
        text = result.content[0].text
        assert result.is_error and len(text.splitlines()) == 1 and "Traceback" not in text, text
        return text


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    server = StdioServerParameters(
        command=PYTHON, args=["-P", "-m", "labhand", "mcp"], cwd=str(folder)
    )
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(server)) as client,
    ):
        yield Agent(portal, client, folder)


@pytest.fixture(scope="module")
def ran(agent):
    for name, lr in (("low", 0.1), ("high", 0.2)):
        command = [PYTHON, "train.py", "--lr", str(lr)]
        assert f"{name} (" in agent("run", command=command, name=name, seconds=60)
    return agent


def test_the_tools_tell_what_they_take(agent):
    tools = {tool.name: tool for tool in agent.ask("list_tools").tools}
    assert {"check", "scan", "run", "wait", "compare", "interpret", "note"} <= tools.keys()
    for tool in tools.values():
        assert tool.input_schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False
        assert 40 < len(tool.description) < 600
        assert all(p["description"] for p in tool.input_schema["properties"].values())
    assert tools["check"].annotations.read_only_hint and not tools["run"].annotations.read_only_hint
    assert tools["stop"].annotations.destructive_hint
    # what every conversation pays for, in letters
    assert sum(len(t.description) + len(json.dumps(t.input_schema)) for t in tools.values()) < 14000


def test_code_is_checked_counts_first_and_one_finding_is_told_in_full(agent):
    told = agent("check", paths=["bugs.py"])
    assert told.startswith("1 finding: 1 error in 1 file")
    assert "grad-zero-missing bugs.py:" in told
    full = agent("details", finding=told.partition("[")[2].partition("]")[0])
    assert json.loads(full.partition("\n}\n")[0] + "\n}")["rule"] == "grad-zero-missing"
    assert "optimizer.zero_grad()" in full and "## Why is this bad" in full


def test_data_is_scanned_down_to_the_rows(agent):
    told = agent("scan", paths=["data.csv"], label="label")
    assert "conflicting-labels" in told and "rows 200, 201" in told
    assert "not looked at:" in told
    done = [progress[0] for progress in agent.progress]
    assert done == sorted(done) and len(done) > 10


def test_a_log_of_another_tool_is_watched(agent):
    assert "non-finite" in agent("watch", files=["log.csv"])


def test_the_rest_is_had_by_offset(agent):
    (agent.folder / "more").mkdir(exist_ok=True)
    for number in range(3):
        (agent.folder / "more" / f"bugs{number}.py").write_text(BUGS)
    told = [agent("check", paths=["more"], limit=2), agent("check", paths=["more"], offset=2)]
    assert "1 more: the same call with offset=2" in told[0]
    named = {line.split()[3] for text in told for line in text.splitlines() if line[0] == "["}
    assert len(named) == 3


def test_a_run_is_started_waited_for_and_shown(ran):
    shown = ran("show", run="low")
    assert "low (" in shown and "finished" in shown and "`loss` went from" in shown
    assert "lr = 0.1" in ran("show", run="low", part="settings")
    assert ran("show", run="low", part="output", limit=2).count("\nstep ") == 2
    assert "loss: 1." in ran("show", run="low", part="metrics")
    assert "as it was" in ran("show", run="low", part="diff")
    assert ran("runs").startswith("2 runs, newest first\nhigh finished")
    assert "low finished" in ran("wait", run="low").replace(f" ({_id(ran, 'low')})", "")


def _id(agent, name):
    return agent("show", run=name).partition("(")[2].partition(")")[0]


def test_a_long_run_tells_how_it_gets_on_and_is_stopped(agent, until):
    assert 'wait(run="long")' in agent("run", command=f"{PYTHON} forever.py", name="long")
    try:
        told = until(lambda: t if "step " in (t := agent("wait", run="long", seconds=3)) else "")
        assert "long runs" in told and "loss" in told
        assert agent.progress and agent.progress[0][1] == 3
    finally:
        assert agent("stop", run="long") == "long stopped"
    assert "does not go on" in agent.wrong("stop", run="long")


def test_a_failure_is_told_with_what_to_do(agent):
    (agent.folder / "bad.py").write_text("import nonesuch_package_x\n")
    told = agent("run", command=[PYTHON, "bad.py"], name="bad", fix="off", seconds=60)
    assert "failed" in told and "nonesuch_package_x" in told and "why: " in told


def test_one_better_number_is_not_called_an_improvement(ran):
    told = ran("compare", runs=["high", "low"])
    assert told.startswith("outcome against high: not known") and "setting lr" in told


def test_fresh_seeds_on_both_sides_settle_it(ran):
    told = ran("compare", runs=["high", "low"], confirm=3)
    assert "improved by more than noise" in told and "outcome against" in told.splitlines()[0]
    assert len(ran.progress) >= 6


def test_a_sweep_over_values_and_seeds_is_one_call_and_one_answer(ran, until):
    command = f"{PYTHON} train.py"
    said = ran("run", command=command, sweep={"lr": [0.1, 0.3]}, seeds=2, name="many")
    assert "many: 4 runs in the queue" in said and 'wait(run="many")' in said
    told = until(
        lambda: t if "4 finished" in (t := ran("wait", run="many", seconds=20)) else "", 90
    )
    best = told.index("lr=0.1: loss 1.0")
    assert best < told.index("lr=0.3: loss 3.0") and "± " in told[best:]
    assert "takes KEY=" in ran.wrong("run", command=command, sweep={"lr": []})


def test_habits_are_recalled(ran):
    assert "habit" in ran("habits").splitlines()[0]


def test_words_become_settings(ran):
    told = ran("interpret", instruction="three seeds, lr 1e-3 and 3e-4, with train.py")
    assert "try lr = [0.001, 0.0003]" in told and "seeds: 3" in told


def test_decisions_are_recorded(ran):
    assert ran("note", run="low", text="keep the low rate; key sk-ant-api03-" + "a" * 95) == (
        "noted on low"
    )
    shown = ran("show", run="low")
    assert "keep the low rate" in shown and "aaaa" not in shown
    ran("run", command=[PYTHON, "bugs.py"], name="buggy", seconds=60)
    finding = ran("show", run="buggy").partition("[")[2].partition("]")[0]
    assert ran("verdict", finding=finding, answer="real", run="buggy").endswith(": real")
    assert ran("verdict", finding=finding, answer="undo", run="buggy").endswith(": undo")
    assert "no verdict" in ran.wrong("verdict", finding=finding, answer="undo", run="buggy")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("frobnicate", {}, "no tool is named `frobnicate`; there are `check`"),
        ("check", {"path": ["x"]}, "takes no `path`; did you mean `paths`?"),
        ("check", {"paths": ["nowhere.py"]}, "there is no file or folder"),
        ("check", {"limit": "nine"}, "expected `int`, got `str`, in `limit`"),
        ("check", {"limit": 0}, "in `limit`"),
        ("check", {"select": ["grad-zero-mising"]}, "did you mean `grad-zero-missing`"),
        ("details", {"finding": "zzzz"}, "no finding that was told begins with `zzzz`"),
        ("scan", {}, "say what to scan"),
        ("scan", {"paths": ["data.csv"], "label": "nope"}, "nope"),
        ("watch", {"files": []}, "in `files`"),
        ("watch", {"files": ["nowhere.csv"]}, "there is no file"),
        ("rule", {"name": "nonesuch"}, "no rule is named"),
        ("interpret", {"instruction": " "}, "the instruction is empty"),
        ("run", {}, "it needs `command`"),
        ("run", {"command": ""}, "there is no command to run"),
        ("run", {"command": "python 'train.py"}, "cannot be read"),
        ("run", {"command": "python train.py > log"}, "`>` needs a shell"),
        ("run", {"command": "nonesuch-command x"}, "nonesuch-command"),
        ("run", {"command": [PYTHON, "train.py"], "settings": {"lrr": 1}}, "did you mean"),
        ("run", {"command": [PYTHON, "train.py"], "fix": "all"}, "it takes `neutral`, `off`"),
        ("wait", {"run": "nonesuch"}, "no run is named `nonesuch`"),
        ("compare", {"runs": ["low"]}, "nothing to be compared with"),
        ("note", {"text": " ", "run": "low"}, "the note is empty"),
        ("verdict", {"finding": "ab", "answer": "maybe"}, "it takes `fine`, `real`, `undo`"),
    ],
)
def test_a_wrong_call_is_one_sentence(ran, name, arguments, said):
    assert said in ran.wrong(name, **arguments)


def test_lists_and_numbers_in_strings_are_taken_as_meant(agent):
    plain = agent("check", paths=["bugs.py"], limit=1)
    assert agent("check", paths='["bugs.py"]', limit="1") == plain
    assert agent("check", paths="bugs.py", limit=1) == plain


def test_runs_reports_and_rules_are_pages(ran):
    listed = {r.uri: r for r in ran.ask("list_resources").resources}
    report = next(uri for uri in listed if uri.endswith("/report"))
    read = lambda uri: ran.ask("read_resource", uri).contents[0]  # noqa: E731
    assert read(report).text.startswith("<!doctype html>")
    assert "low finished" in read("labhand://runs").text
    assert json.loads(read("labhand://runs/low/json").text)["schema"] == "labhand.run/1"
    assert "## What it does" in read("labhand://rules/grad-zero-missing").text
    assert len(ran.ask("list_resource_templates").resource_templates) == 4
    for uri in ("labhand://nowhere", "labhand://runs/nonesuch", "labhand://rules/nonesuch"):
        with pytest.raises(MCPError, match=r"^(there is no page|no (run|rule) is named)"):
            read(uri)


def test_prompts_begin_the_usual_work(agent):
    assert {p.name for p in agent.ask("list_prompts").prompts} == {
        "experiment", "diagnose", "review",
    }  # fmt: skip
    got = agent.ask("get_prompt", "experiment", {"instruction": "try cosine"})
    assert "try cosine" in got.messages[0].content.text
    for name, given in (("experiment", {}), ("nonesuch", {})):
        with pytest.raises(MCPError):
            agent.ask("get_prompt", name, given)
