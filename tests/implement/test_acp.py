"""Agents of others by ACP, as real processes: what they may do, and how they may fail."""

import json
import os
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

pytest.importorskip("acp")

from implement.projects import DECAY, git, labhand, project, rungs
from labhand.core.errors import LabhandError, UsageError
from labhand.implement import agent as agent_named
from labhand.implement.agents import acp
from labhand.implement.contract import AgentContract, errand_in
from labhand.implement.policy import Policy
from labhand.kit.configuration import AgentCommand

AGENT = Path(__file__).with_name("acp_agent.py")


def agent(*acts, flags=(), **more):
    command = [sys.executable, str(AGENT), json.dumps(acts), *flags]
    return acp.Agent("small", AgentCommand(command=command, **more))


def work(folder, *acts, limits=None, **more):
    """The errand, its account, and all that the agent said, as the trajectory tells it."""
    errand = errand_in(folder)
    for name, value in (limits or {}).items():
        setattr(errand.limits, name, value)
    account = agent(*acts, **more).work(errand, "let x be 2")
    return errand, account, said(errand)


def steps(errand):
    return json.loads(errand.trajectory.path.read_text(encoding="utf-8"))["steps"]


def said(errand):
    return " ".join(step["message"] for step in steps(errand) if step["source"] == "agent")


class TestAcp(AgentContract):
    @pytest.fixture
    def agent(self):
        return agent(["write", "a.py", "x = 2\n"])


def test_an_agent_made_with_the_protocols_own_package(tmp_path):
    program = tmp_path / "agent.py"
    program.write_text(
        textwrap.dedent("""\
        import asyncio
        from acp import Agent, InitializeResponse, NewSessionResponse, PromptResponse, run_agent
        from acp import text_block, update_agent_message

        class Mine(Agent):
            def on_connect(self, conn):
                self.client = conn

            async def initialize(self, protocol_version, **more):
                return InitializeResponse(protocol_version=protocol_version)

            async def new_session(self, cwd, **more):
                self.cwd = cwd
                return NewSessionResponse(session_id="1")

            async def prompt(self, prompt, session_id, **more):
                path = self.cwd + "/a.py"
                before = await self.client.read_text_file(session_id=session_id, path=path)
                await self.client.write_text_file(
                    session_id=session_id, path=path, content=before.content.replace("1", "2")
                )
                await self.client.session_update(session_id, update_agent_message(text_block("x is 2 now")))
                return PromptResponse(stop_reason="end_turn")

        asyncio.run(run_agent(Mine()))
        """)
    )
    errand = errand_in(tmp_path / "errand")
    path = os.pathsep.join(p for p in sys.path if p)
    command = AgentCommand(command=["env", f"PYTHONPATH={path}", sys.executable, str(program)])
    account = acp.Agent("mine", command).work(errand, "let x be 2")
    assert (errand.worktree / "a.py").read_text() == "x = 2\n"
    assert account.summary == "x is 2 now"
    assert account.why == ""


def test_what_it_does_is_noted_step_by_step(tmp_path):
    errand, account, _ = work(
        tmp_path, ["think", "hm"], ["read", "a.py"], ["write", "b.py", "y = 1\n"], ["run", "echo", "hi"], ["say", "all done"],
    )  # fmt: skip
    calls = [c["function_name"] for step in steps(errand) for c in step.get("tool_calls", [])]
    assert calls == ["read_text_file", "write_text_file", "terminal"]
    seen = [s["observation"]["results"][0]["content"] for s in steps(errand) if "observation" in s]
    assert seen == ["6 letters", "6 letters written", "hi\n\n(exit code 0)"]
    assert any(step.get("reasoning_content") == "hm" for step in steps(errand))
    assert account.summary.endswith("all done")
    assert account.written == {"b.py"}
    assert account.model == "small-agent 1"


def test_it_reads_and_writes_in_the_worktree_alone(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("not yours")
    errand, _, told = work(
        tmp_path / "e", ["read", str(outside)], ["write", str(outside), "mine"], ["write", "../escape.py", ""],
        ["write", ".git/hooks/post-commit", ""], ["write", ".env", "KEY=1"], ["read", ".env"],
    )  # fmt: skip
    assert told.count("lies outside of the worktree") == 3
    assert "not the agent's to write" in told
    assert "may hold secrets" in told
    assert outside.read_text() == "not yours"
    assert not (errand.worktree.parent / "escape.py").exists()
    refused = [s for s in steps(errand) if "refused" in str(s.get("observation"))]
    assert len(refused) == 5


def test_a_link_does_not_lead_out(tmp_path):
    _, _, told = work(
        tmp_path, ["run", "ln", "-s", "/etc/hostname", "door"], ["read", "door"], ["write", "door", ""]
    )  # fmt: skip
    assert told.count("lies outside of the worktree") == 2


def test_its_own_process_writes_in_the_worktree_alone(tmp_path):
    errand = errand_in(tmp_path)
    if "writes only in the worktree" not in errand.sandbox.told():
        pytest.skip("nothing here holds writes back")
    outside = errand.project / "a.py"
    agent(["own", str(outside), "x = 666\n"], ["own", "b.md", "notes\n"]).work(errand, "go")
    assert outside.read_text() == "x = 1\n"
    assert (errand.worktree / "b.md").read_text() == "notes\n"
    assert "Permission denied" in str(steps(errand)) or "Read-only" in str(steps(errand))


@pytest.mark.parametrize(
    ("kind", "path", "answer"),
    [
        ("edit", "a.py", "y"), ("read", "a.py", "y"), ("execute", ".", "y"), ("edit", "/etc/passwd", "n"),
        ("delete", "/", "n"), ("read", "/etc/passwd", "n"), ("fetch", ".", "n"), ("edit", ".labhand/x", "n"),
    ],
)  # fmt: skip
def test_permission_is_given_by_the_policy(tmp_path, kind, path, answer):
    errand = errand_in(tmp_path)
    where = path if path.startswith("/") else str(errand.worktree / path)
    agent(["ask", kind, where]).work(errand, "go")
    assert f"permission: {answer}." in said(errand)


def test_its_commands_have_no_network_and_no_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    _, _, told = work(
        tmp_path, ["run", "echo [$WANDB_API_KEY]"], ["environment", "WANDB_API_KEY"], ["run", "false"]
    )  # fmt: skip
    assert "run: 0 []." in told
    assert "environment: None." in told
    assert "run: 1 ." in told


def test_it_gets_the_variables_that_the_settings_name(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_SETTING", "yes")
    _, _, told = work(tmp_path, ["environment", "SOME_SETTING"], environment=["SOME_SETTING"])
    assert "environment: yes." in told


def test_it_is_handed_our_tools(tmp_path):
    pytest.importorskip("mcp")
    _, _, told = work(tmp_path, ["servers"])
    assert "servers: ['labhand']." in told


@pytest.mark.parametrize("load", [True, False])
def test_a_second_message_goes_on_or_repeats_the_brief(tmp_path, load):
    errand = errand_in(tmp_path)
    mine = agent(flags=["--load"] if load else [])
    mine.work(errand, "let x be 2")
    mine.work(errand, "the tests fail")
    told = said(errand)
    assert ("session/load" in told) == load
    assert ("prompt: 'the tests fail'" in told) == load
    assert ("let x be 2\\n\\nthe tests fail" in told) != load


FAILURES = [
    ([["die"]], "ended with code 3.*out of ideas"),
    ([["future"]], "speaks version 99 of ACP"),
    ([["locked"]], "answered with an error: Authentication required"),
    ([["babble"]], "did not answer as ACP does.*usage: agent"),
    ([["mute"]], "did not answer as ACP does.*it said nothing"),
    ([["endless"]], "said more than labhand listens to"),
]


@pytest.mark.parametrize(("acts", "told"), FAILURES, ids=[a[0][0] for a, _ in FAILURES])
def test_an_agent_that_fails_is_told_in_one_sentence(tmp_path, monkeypatch, capfd, acts, told):
    if acts[0][0] in ("mute", "babble"):
        monkeypatch.setattr(acp, "START_S", 2.0)
    monkeypatch.setattr("labhand.kit.child.MOST_BYTES", 8 << 20)
    errand = errand_in(tmp_path)
    with pytest.raises(LabhandError, match=told) as caught:
        agent(*acts).work(errand, "go")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_what_was_done_before_it_died_is_kept(tmp_path):
    errand, account, _ = work(tmp_path, ["write", "a.py", "x = 2\n"], ["die"])
    assert "ended with code 3" in account.why
    assert (errand.worktree / "a.py").read_text() == "x = 2\n"


def test_nonsense_between_messages_does_no_harm(tmp_path, capfd):
    errand, account, _ = work(tmp_path, ["nonsense"], ["write", "a.py", "x = 2\n"])
    assert account.why == ""
    assert (errand.worktree / "a.py").read_text() == "x = 2\n"
    assert capfd.readouterr().err == ""


def test_it_ends_at_its_limits_and_leaves_nothing_behind(tmp_path):
    _, account, _ = work(
        tmp_path, ["run", "sh", "-c", "sleep 601.25 & echo ok"], ["hang"],
        limits={"seconds": 3.0},
    )  # fmt: skip
    assert account.why == "the limit of 3 s was reached"
    # A number would not do: in a sandbox with processes of its own it is another one's here.
    commands = [p.info["cmdline"] for p in psutil.process_iter(["cmdline"])]
    assert ["sleep", "601.25"] not in commands


def test_the_limit_of_steps_holds(tmp_path):
    errand, account, _ = work(tmp_path, ["steps", 500], limits={"steps": 6})
    assert account.why == "the limit of 6 answers was reached"
    assert len(steps(errand)) < 40


def test_a_flood_of_words_is_kept_short(tmp_path):
    errand, account, _ = work(tmp_path, ["flood", 2000, 2000], ["write", "a.py", "x = 2\n"])
    assert account.why == ""
    assert errand.trajectory.path.stat().st_size < 100_000
    assert "letters left out" in said(errand)


def test_a_program_that_is_not_there_is_bad_input(tmp_path):
    missing = acp.Agent("x", AgentCommand(command=["no-such-program-anywhere"]))
    with pytest.raises(LabhandError, match="no-such-program-anywhere"):
        missing.work(errand_in(tmp_path), "go")
    with pytest.raises(UsageError, match=r"\[tool.labhand.agents.NAME\]"):
        agent_named("acp")
    with pytest.raises(LabhandError, match="did you mean `small`"):
        agent_named("smal", None, {"small": AgentCommand(command=["x"])})


def test_the_policy_follows_links_of_the_data(tmp_path):
    tree, data = tmp_path / "tree", tmp_path / "data"
    tree.mkdir()
    data.mkdir()
    (tree / "data").symlink_to(data)
    policy = Policy(tree, (data,))
    assert policy.reading(str(tree / "data" / "a.csv")) == ""
    assert "outside" in policy.writing(str(tree / "data" / "a.csv"))


def test_a_change_by_an_agent_of_the_settings_is_proven_and_accepted(tmp_path):
    place = project(tmp_path / "p")
    acts = json.dumps([["write", "train.py", DECAY], ["say", "added --decay"]])
    command = json.dumps([sys.executable, str(AGENT), acts])
    (place / "labhand.toml").write_text(f"[agents.mine]\ncommand = {command}\n")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "settings")
    done = labhand(place, "implement", "add weight decay as --decay", "--agent", "mine", "--json")
    assert done.returncode == 0, done.stderr
    patch = json.loads(done.stdout)
    assert (patch["agent"], patch["model"]) == ("mine", "small-agent 1")
    assert rungs(patch)["unchanged"] == "passed"
    assert labhand(place, "accept", patch["name"]).returncode == 0
    assert "--decay" in (place / "train.py").read_text()


def test_the_cause_is_told_and_no_frame_of_a_stack() -> None:
    from labhand.implement.agents.acp import telling

    said = (
        "Error: ENOENT: no such file or directory, open '/h/.a/x'\n"
        "    at async open (node:internal/fs/promises:639:25) {\n  errno: -2,\n}\n\nNode.js v20.20.2\n"
    )
    assert telling(said) == "Error: ENOENT: no such file or directory, open '/h/.a/x'"
    assert telling("") == ""
    assert telling("starting\nready\n") == "ready"
