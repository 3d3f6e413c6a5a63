"""The model client over a real wire: what passes is waited for, what does not is told in a sentence."""

import pytest

from labhand.core.errors import LabhandError, UsageError
from labhand.implement.scripted import Line, Scripted
from labhand.kit.model import Model

MESSAGES = [{"role": "user", "content": "hello"}]
TOOLS = [{"type": "function", "function": {"name": "read", "parameters": {}}}]


def asked(*lines, tools=(), silence_s=20.0):
    with Scripted(lines) as server:
        reply = Model("m", server.url, "secret", silence_s).ask(MESSAGES, tools)
        return reply, server


def test_an_answer_comes_with_the_key_and_counted_tokens():
    reply, server = asked("hello to you")
    assert reply.text == "hello to you" and reply.tokens > 0
    assert server.keys == ["Bearer secret"] and server.requests[0]["model"] == "m"


@pytest.mark.parametrize(
    "trouble",
    [
        Line(status=429, text="slow down", retry_after=0.05),
        Line(status=503, text="loading", retry_after=0),
        Line(text="half of it", broken=True),
    ],
)
def test_what_passes_is_tried_again(trouble):
    reply, server = asked(trouble, "here")
    assert reply.text == "here" and len(server.requests) == 2


def test_an_answer_that_is_cut_at_its_length_is_taken_up_where_it_stopped():
    reply, server = asked(Line(text="def f():\n    ret", finish="length"), "urn 1\n")
    assert reply.text == "def f():\n    return 1\n"
    assert "Go on exactly" in server.requests[1]["messages"][-1]["content"]


def test_tools_are_left_out_for_a_server_that_knows_none():
    reply, server = asked(Line(status=400, text="tools are not supported"), "fine", tools=TOOLS)
    assert reply.text == "fine"
    assert ["tools" in r for r in server.requests] == [True, False]


def test_a_call_of_a_tool_arrives_whole():
    reply, _ = asked(Line(calls=[("read", {"path": "a.py"})]), tools=TOOLS)
    assert [(c.name, c.arguments) for c in reply.calls] == [("read", '{"path": "a.py"}')]


@pytest.mark.parametrize(
    "line, word",
    [
        (Line(status=401, text="no"), "LABHAND_API_KEY"),
        (Line(status=404, text="no model m"), "no model m"),
        (Line(raw="<html>"), "no chat completion"),
        (Line(text="late", wait_s=5), "within 0.2 s"),
    ],
)
def test_what_does_not_pass_is_one_sentence_with_the_remedy(line, word):
    with pytest.raises(LabhandError, match=word), Scripted([line]) as server:
        Model("m", server.url, "", 0.2).ask(MESSAGES, until=0.0)


def test_nothing_there_at_all():
    with Scripted([]) as gone:
        url = gone.url
    with pytest.raises(LabhandError, match="nothing answers there"):
        Model("m", url, "").ask(MESSAGES)


@pytest.mark.parametrize("env", [{}, {"LABHAND_MODEL": "m"}, {"LABHAND_MODEL": "m", "LABHAND_BASE_URL": "here"}])  # fmt: skip
def test_the_environment_must_name_one(env):
    with pytest.raises(UsageError, match="LABHAND_"):
        Model.from_environment(env)
