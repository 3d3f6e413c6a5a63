"""The built-in agent holds the contract of agents."""

import pytest

from labhand.implement.agents.builtin import Agent
from labhand.implement.contract import AgentContract
from labhand.implement.scripted import Line, Scripted


class TestBuiltin(AgentContract):
    @pytest.fixture
    def agent(self, monkeypatch):
        edit = Line(calls=[("edit", {"path": "a.py", "content": "x = 2\n"})])
        done = Line(calls=[("done", {"summary": "x is 2"})])
        with Scripted([edit, done]) as model:
            monkeypatch.setenv("LABHAND_MODEL", "scripted")
            monkeypatch.setenv("LABHAND_BASE_URL", model.url)
            yield Agent()
