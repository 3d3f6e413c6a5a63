"""Any agent that speaks the Agent Client Protocol: Claude Code, Codex, Gemini, Goose, OpenCode and others."""

import asyncio
import contextlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from labhand.core.errors import UsageError
from labhand.implement.desk import Desk, quiet
from labhand.implement.errand import Account, AgentError, Errand
from labhand.kit.child import Child, talking
from labhand.kit.configuration import AgentCommand
from labhand.kit.sandbox import Sandbox

START_S = 60.0
"""How long an agent may take until it answers at all."""
_CANCEL_S = 5.0
_STOPPED = {
    "max_tokens": "its model's limit of tokens was reached",
    "max_turn_requests": "its own limit of answers was reached",
    "refusal": "it refused",
}


class Agent:
    """Lets any agent that speaks the Agent Client Protocol (ACP) change the code.

    ## What it does
    It starts the agent's program, gives it the instruction, and answers what it asks for: files of the
    worktree, permissions, terminals, and labhand's own tools by MCP. What may be read, written and run is
    decided by a policy, not by the agent; its commands run in the sandbox, and its own process may write
    in the worktree alone, beside folders that the settings name. All of it is noted in `trajectory.json`.
    It ends when the agent says so, or at a limit of steps, time, tokens or money.

    ## Known problems
    An agent needs the network to reach its model, so its own process has it. Each message starts the
    program anew: an agent that cannot load a session gets the brief again.

    ## Example
    In the settings: `[tool.labhand.agents.gemini]` with `command = ["gemini", "--experimental-acp"]`; then
    `labhand implement "add label smoothing" --agent gemini`

    ## References
    The Agent Client Protocol, version 1 (agentclientprotocol.com).
    """

    def __init__(self, name: str = "acp", told: AgentCommand | None = None) -> None:
        if told is None or not told.command:
            raise UsageError(
                'no program is named for this agent; put command = ["PROGRAM", …] below '
                "[tool.labhand.agents.NAME] and give --agent NAME"
            )
        if importlib.util.find_spec("acp") is None:
            raise UsageError("agents by ACP need the package agent-client-protocol; pip install 'labhand[acp]'")  # fmt: skip
        self.name = name
        self.account = Account()
        self._told = told
        self._brief = ""
        self._session = ""

    def work(self, errand: Errand, message: str) -> Account:
        """Starts the agent, gives it the message, and answers it until it is done or at a limit.

        Raises:
            LabhandError: it cannot be started, does not speak ACP, or ended before it did anything.
        """
        errand.trajectory.add("user", message)
        self.account.why = ""
        with quiet(), tempfile.TemporaryDirectory(prefix="labhand-") as folder:
            asyncio.run(self._work(errand, message, Path(folder)))
        return self.account

    async def _work(self, errand: Errand, message: str, temporary: Path) -> None:
        env = self._environment(errand.sandbox) | {"TMPDIR": str(temporary)}
        desk = Desk(errand, self.account, temporary)
        try:
            async with talking(self._command(errand, temporary), errand.worktree, env) as child:
                try:
                    await self._talk(errand, message, child, desk)
                finally:
                    desk.close()
        finally:
            desk.flush()

    def _command(self, errand: Errand, temporary: Path) -> list[str]:
        own = [Path(path).expanduser() for path in self._told.write]
        box = Sandbox([errand.worktree, temporary, *own], network=True, cpu_s=errand.sandbox.cpu_s)
        return box.wrapped(self._told.command)

    def _environment(self, sandbox: Sandbox) -> dict[str, str]:
        named = {k: os.environ[k] for k in self._told.environment if k in os.environ}
        return sandbox.environment(os.environ) | named

    async def _talk(self, errand: Errand, message: str, child: Child, desk: Desk) -> None:
        from acp.client import ClientSideConnection

        connection = ClientSideConnection(desk, child.writer, child.reader)
        try:
            prompt = await self._begin(errand, message, connection, child)
            await self._prompt(errand, prompt, connection, child, desk)
        finally:
            with contextlib.suppress(Exception):  # of an agent that is gone already
                await connection.close()

    async def _begin(self, errand: Errand, message: str, connection: Any, child: Child) -> str:
        """Opens a session, the one of before where the agent can; the text that it is to be given."""
        try:
            answer = await asyncio.wait_for(self._greet(errand, connection), START_S)
            if answer.agent_info is not None:
                self.account.model = (
                    f"{answer.agent_info.name} {answer.agent_info.version or ''}".strip()
                )
                errand.trajectory.model(self.account.model)
            can_load = bool(answer.agent_capabilities and answer.agent_capabilities.load_session)
            again = bool(self._session) and can_load
            opened = self._open(errand, connection, again=again)
            await asyncio.wait_for(opened, START_S)
        except TimeoutError:
            raise AgentError(self._silent(child)) from None
        except Exception as error:
            raise self._gone(error, child) from error
        if not self._brief:
            self._brief = message
        return message if again or message is self._brief else f"{self._brief}\n\n{message}"

    async def _greet(self, errand: Errand, connection: Any) -> Any:
        from acp import PROTOCOL_VERSION
        from acp.schema import ClientCapabilities, FileSystemCapabilities, Implementation

        files = FileSystemCapabilities(read_text_file=True, write_text_file=True)
        answer = await connection.initialize(
            protocol_version=PROTOCOL_VERSION,
            client_capabilities=ClientCapabilities(fs=files, terminal=True),
            client_info=Implementation(name="labhand", version=errand.trajectory.version),
        )
        if answer.protocol_version != PROTOCOL_VERSION:
            raise AgentError(
                f"the agent `{self.name}` speaks version {answer.protocol_version} of ACP, labhand version "
                f"{PROTOCOL_VERSION}; update the older of the two"
            )
        return answer

    async def _open(self, errand: Errand, connection: Any, *, again: bool) -> None:
        servers = _own_tools(errand)
        where = str(errand.worktree)
        if again:
            await connection.load_session(cwd=where, session_id=self._session, mcp_servers=servers)
        else:
            opened = await connection.new_session(cwd=where, mcp_servers=servers)
            self._session = opened.session_id

    async def _prompt(
        self, errand: Errand, text: str, connection: Any, child: Child, desk: Desk
    ) -> None:
        from acp import text_block

        limit = errand.limits.seconds or None
        asked = asyncio.ensure_future(
            connection.prompt(session_id=self._session, prompt=[text_block(text)])
        )
        full = asyncio.ensure_future(desk.full.wait())
        done, _ = await asyncio.wait(
            {asked, full}, timeout=limit, return_when=asyncio.FIRST_COMPLETED
        )
        full.cancel()
        if asked not in done:
            self.account.why = desk.why or f"the limit of {limit:g} s was reached"
            await self._cancel(connection, asked)
            return
        try:
            answer = asked.result()
        except Exception as error:
            gone = self._gone(error, child)
            if not desk.did:
                raise gone from error
            self.account.why = f"{gone}; what it did until then is here"
            return
        self._end(answer)

    async def _cancel(self, connection: Any, asked: "asyncio.Future[Any]") -> None:
        """Tells the agent to stop; it has a moment for it, and is ended then."""
        try:
            await connection.cancel(session_id=self._session)
            await asyncio.wait_for(asked, _CANCEL_S)
        except Exception:
            asked.cancel()

    def _end(self, answer: Any) -> None:
        why = _STOPPED.get(answer.stop_reason)
        self.account.why = why or self.account.why
        if answer.usage is not None:
            self.account.tokens += answer.usage.total_tokens

    def _silent(self, child: Child) -> str:
        began = child.reader.begin.decode("utf-8", "replace").strip()[:120]
        said = f"it said: {began!r}" if began else "it said nothing"
        return (
            f"the agent `{self.name}` did not answer as ACP does within {START_S:g} s; {said}; look at "
            f"the command {' '.join(self._told.command)}"
        )

    def _gone(self, error: Exception, child: Child) -> AgentError:
        """What went wrong, in one sentence with what the agent said of it last."""
        if isinstance(error, AgentError):
            return error
        with contextlib.suppress(
            subprocess.TimeoutExpired
        ):  # its output ends a moment before it does
            child.process.wait(1.0 if isinstance(error, ConnectionError) else 0.0)
        code = child.process.returncode
        if child.reader.flooded:
            what = "said more than labhand listens to, and was ended"
        elif isinstance(error, ConnectionError):
            child.errors.finish()
            what = f"ended with code {code}" if code is not None else "closed its output"
        else:
            what = f"answered with an error: {_error(error)}"
        line = telling(child.errors.text())
        told = f"; it said: {line[:200]}" if line else ""
        step = "start it by hand to see more"
        if place := _outside(line):
            step = (
                f'let it write there: write = ["{place}"] below [tool.labhand.agents.{self.name}]'
            )
        return AgentError(f"the agent `{self.name}` {what}{told}; {step}")


_FRAME = re.compile(
    r"\s*(?:at |File \"|Node\.js v|Traceback |node:|file://|[\^~{}\[\]()]|\w+: (?:\[?$|'\w*',?$|-?\d+,?$))"
)
_CAUSE = re.compile(r"error|denied|EACCES|EROFS|ENOENT|cannot|failed|not found|refused", re.I)


_BARRED = re.compile(r"(?:EACCES|EROFS|ENOENT|EPERM|[Pp]ermission denied).*?['\"](/[^'\"]+)")


def _outside(line: str) -> str:
    """The folder in the person's home that a program could not write, as `~/.name`; empty where none."""
    found = _BARRED.search(line)
    home = str(Path.home())
    if found is None or not found[1].startswith(f"{home}{os.sep}"):
        return ""
    return f"~/{Path(found[1]).relative_to(home).parts[0]}"


def _error(error: Exception) -> str:
    """What an agent's error says, its details where it has them beside a name that says nothing."""
    details = getattr(error, "data", None)
    more = (
        next((v for v in details.values() if isinstance(v, str)), "")
        if isinstance(details, dict)
        else ""
    )
    said = str(error) or type(error).__name__
    return f"{said} ({more[:200]})" if more and more not in said else said


def telling(said: str) -> str:
    """The line of what a program said last that names its cause, and no frame of a stack; else empty."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not _FRAME.match(line)]
    named = [line for line in lines if _CAUSE.search(line)]
    return (named or lines or [""])[-1]


def _own_tools(errand: Errand) -> list[Any]:
    """Labhand's tools, as a server that the agent starts; none where that extra is not installed."""
    from acp.schema import McpServerStdio

    if importlib.util.find_spec("mcp") is None:
        return []
    words = ["-m", "labhand", "mcp", "-C", str(errand.worktree)]
    return [McpServerStdio(name="labhand", command=sys.executable, args=words, env=[])]
