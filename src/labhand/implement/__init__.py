"""The room of implement: an intent → a patch, made by an agent in a worktree of its own."""

from collections.abc import Mapping
from pathlib import Path

from labhand.core.errors import NotFoundError
from labhand.core.registry import extensions
from labhand.implement.brief import brief, what_failed
from labhand.implement.errand import Account, Agent, AgentError, Errand, Limits, Trajectory
from labhand.implement.touches import changed_files, touches
from labhand.implement.worktree import Worktree
from labhand.kit.configuration import AgentCommand

__all__ = [
    "Account",
    "Agent",
    "AgentError",
    "Errand",
    "Limits",
    "Trajectory",
    "Worktree",
    "agent",
    "brief",
    "changed_files",
    "touches",
    "what_failed",
]


def agent(
    name: str, home: Path | None = None, commands: Mapping[str, AgentCommand] | None = None
) -> Agent:
    """The agent of that name, ready for one errand. `home` is where a project's own are found.

    `commands` are those that the settings name: programs that speak ACP.

    Raises:
        NotFoundError: there is none.
        UsageError: it cannot work here, such as for want of a model.
    """
    known = {extension.name: extension for extension in extensions("agent", home)}
    told = dict(commands or {})
    if name in told:
        by_command: Agent = known["acp"].load()(name, told[name])
        return by_command
    if name not in known:
        raise NotFoundError.named("agent", name, [*known, *told], "labhand rule --list")
    made: Agent = known[name].load()()
    return made
