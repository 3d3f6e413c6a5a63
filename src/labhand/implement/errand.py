"""What an agent is given, what it gives back, and what it did on the way."""

from pathlib import Path
from typing import Any, Protocol

import msgspec

from labhand.core import event
from labhand.core.errors import LabhandError
from labhand.core.store import write_whole
from labhand.kit.sandbox import Sandbox
from labhand.kit.scrub import scrub_tree


class AgentError(LabhandError):
    """An agent came to no end that can be used; one sentence with cause and remedy."""


class Limits(msgspec.Struct, kw_only=True):
    """What an errand may take: answers of the model, seconds, tokens, money as the server counts it.

    0: no limit.
    """

    steps: int = 40
    seconds: float = 900.0
    tokens: int = 1_000_000
    money: float = 0.0


class Account(msgspec.Struct, kw_only=True):
    """What the agent says it did, and what it took so far.

    `written` are files it made that are no code, such as a README; `why` is set where a limit ended it.
    """

    summary: str = ""
    model: str = ""
    steps: int = 0
    tokens: int = 0
    cost: float = 0.0
    why: str = ""
    written: set[str] = set()


class Trajectory:
    """The steps of an agent in the Agent Trajectory Interchange Format; written whole after each one."""

    def __init__(self, path: Path, session: str, agent: str, version: str) -> None:
        self.path = path
        self.version = version
        self._told: dict[str, Any] = {
            "schema_version": "ATIF-v1.4",
            "session_id": session,
            "agent": {"name": agent, "version": version, "model_name": ""},
            "steps": [],
        }

    def model(self, name: str) -> None:
        """Notes which model answers."""
        self._told["agent"]["model_name"] = name

    def add(self, source: str, message: str, **more: Any) -> None:
        """Adds a step of `system`, `user` or `agent` and writes; secrets are scrubbed."""
        steps = self._told["steps"]
        step = {"step_id": len(steps) + 1, "timestamp": event.now(), "source": source}
        steps.append(scrub_tree({**step, "message": message, **more}))
        write_whole(self.path, msgspec.json.encode(self._told))

    def observe(self, results: list[tuple[str, str]]) -> None:
        """Adds to the last step what came of its calls: pairs of a call's id and what was seen."""
        told = [{"source_call_id": name, "content": text} for name, text in results]
        self._told["steps"][-1]["observation"] = scrub_tree({"results": told})
        write_whole(self.path, msgspec.json.encode(self._told))


class Errand(msgspec.Struct, kw_only=True):
    """One job for an agent: change the code in `worktree` as the instruction says.

    `project` is where the code came from, never to be touched. `script` is the one that trains,
    relative to the worktree. `trajectory` is where each step is noted.
    """

    instruction: str
    worktree: Path
    project: Path
    script: Path | None
    sandbox: Sandbox
    limits: Limits
    trajectory: Trajectory


class Agent(Protocol):
    """Whoever changes code. One object carries one errand and remembers it from call to call."""

    def work(self, errand: Errand, message: str) -> Account:
        """What it did: it changes files in the worktree and returns when it is done or at a limit.

        The first `message` is the brief; each later one says what of the proof failed. Blocks.

        Raises:
            LabhandError: it cannot go on at all, such as a model that is not there.
        """
