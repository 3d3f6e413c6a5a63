"""The agents that labhand knows, and the lines in their configuration that tell them of its server."""

import difflib
import json
import os
import re
import stat
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from labhand.core.errors import InputError, NotFoundError
from labhand.core.store import write_whole

NAME = "labhand"


class Agent(NamedTuple):
    """An agent: where its configuration lies, under which keys servers stand, and one server's entry.

    `where` takes the project's folder. `marks` are files or folders that tell it is in use here.
    """

    name: str
    title: str
    where: Callable[[Path], Path]
    under: str
    entry: Callable[[list[str]], dict[str, Any]]
    marks: tuple[str, ...]


class Change(NamedTuple):
    """What the file is to hold, and what it held; they are equal where it knows labhand already."""

    path: Path
    before: str
    after: str

    def diff(self) -> str:
        """The change as a unified diff."""
        before, after = self.before.splitlines(True), self.after.splitlines(True)
        return "".join(difflib.unified_diff(before, after, str(self.path), str(self.path)))


def _plain(words: list[str]) -> dict[str, Any]:
    return {"command": words[0], "args": words[1:]}


def _typed(words: list[str]) -> dict[str, Any]:
    return {"type": "stdio", **_plain(words)}


def _in_workspace(words: list[str]) -> dict[str, Any]:
    # these start their servers in a folder of their own
    return _typed([*words, "-C", "${workspaceFolder}"])


def _local(words: list[str]) -> dict[str, Any]:
    return {"type": "local", "command": words, "enabled": True}


def _patient(words: list[str]) -> dict[str, Any]:
    # Codex gives a call a minute; comparing with fresh runs takes longer
    return {**_plain(words), "tool_timeout_sec": 600}


def _of_codex(root: Path) -> Path:
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / "config.toml"


AGENTS = {
    agent.name: agent
    for agent in (
        Agent("claude-code", "Claude Code", lambda root: root / ".mcp.json", "mcpServers", _typed,
              ("CLAUDE.md", ".claude", ".mcp.json")),
        Agent("codex", "Codex", _of_codex, "mcp_servers", _patient, (".codex",)),
        Agent("cursor", "Cursor", lambda root: root / ".cursor/mcp.json", "mcpServers",
              _in_workspace, (".cursor",)),
        Agent("gemini", "Gemini CLI", lambda root: root / ".gemini/settings.json", "mcpServers",
              _plain, ("GEMINI.md", ".gemini")),
        Agent("opencode", "OpenCode", lambda root: root / "opencode.json", "mcp", _local,
              ("opencode.json", ".opencode")),
        Agent("vscode", "VS Code", lambda root: root / ".vscode/mcp.json", "servers",
              _in_workspace, (".vscode",)),
    )
}  # fmt: skip


def agent(name: str) -> Agent:
    """The agent of that name.

    Raises:
        NotFoundError: none is known by it.
    """
    if name not in AGENTS:
        near = difflib.get_close_matches(name, AGENTS, n=1, cutoff=0.4)
        hint = f"did you mean `{near[0]}`? " if near else ""
        raise NotFoundError(f"no agent is known as `{name}`; {hint}known are {', '.join(AGENTS)}")
    return AGENTS[name]


def here(root: Path) -> list[str]:
    """The names of the agents that seem to be in use in the project."""
    return [a.name for a in AGENTS.values() if any((root / mark).exists() for mark in a.marks)]


def words() -> list[str]:
    """The command that starts the server, with full paths: agents have a PATH of their own."""
    beside = Path(sys.executable).with_name("labhand")
    if beside.exists():
        return [str(beside), "mcp"]
    return [sys.executable, "-P", "-m", "labhand", "mcp"]


def snippet(to: Agent, root: Path) -> str:
    """The lines alone, to be put in by hand."""
    entry = to.entry(words())
    if to.where(root).suffix == ".toml":
        return _toml(to, entry)
    return json.dumps({to.under: {NAME: entry}}, indent=2, ensure_ascii=False) + "\n"


def change(to: Agent, root: Path) -> Change:
    """What the agent's configuration is to hold: all that it holds, and labhand. Only reads.

    Raises:
        InputError: the file cannot be read, or labhand stands in it in a way only a person can change.
    """
    path = to.where(root)
    try:
        before = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        before = ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}; make it readable UTF-8 text") from error
    entry = to.entry(words())
    after = _in_toml if path.suffix == ".toml" else _in_json
    return Change(path, before, after(to, path, before, entry))


def write(made: Change) -> None:
    """Writes the change. A link is followed, the rights of the file stay.

    Raises:
        InputError: it cannot be written.
    """
    path = made.path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
        write_whole(path, made.after.encode())
        path.chmod(mode)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; nothing changed") from error


def _in_json(to: Agent, path: Path, before: str, entry: dict[str, Any]) -> str:
    by_hand = f"`labhand mcp install {to.name} --print` shows the lines to put in by hand"
    try:
        content = json.loads(before) if before.strip() else {}
    except ValueError as error:
        raise InputError(
            f"{path} is no plain JSON ({error}), so nothing changed; {by_hand}"
        ) from None
    servers = content.setdefault(to.under, {}) if isinstance(content, dict) else None
    if not isinstance(servers, dict):
        raise InputError(f"{path} holds no table `{to.under}`, so nothing changed; {by_hand}")
    if servers.get(NAME) == entry:
        return before
    servers[NAME] = entry
    indent = re.search(r"^([ \t]+)\S", before, re.M)
    return json.dumps(content, indent=indent[1] if indent else 2, ensure_ascii=False) + "\n"


def _in_toml(to: Agent, path: Path, before: str, entry: dict[str, Any]) -> str:
    by_hand = f"`labhand mcp install {to.name} --print` shows the lines to put in by hand"
    try:
        there = tomllib.loads(before).get(to.under, {})
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is no TOML ({error}), so nothing changed; {by_hand}") from None
    if not isinstance(there, dict) or there.get(NAME, entry) != entry:
        raise InputError(f"{path} starts labhand in another way already; {by_hand}")
    if NAME in there:
        return before
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    return f"{before}{gap}{_toml(to, entry)}"


def _toml(to: Agent, entry: dict[str, Any]) -> str:
    # JSON's strings, numbers and lists are TOML's too
    lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    return "\n".join([f"[{to.under}.{NAME}]", *lines]) + "\n"
