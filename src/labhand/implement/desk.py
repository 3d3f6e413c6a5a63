"""What an agent of somebody else asks of us by ACP: files, terminals, permissions; all of it noted."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from labhand.implement.errand import Account, Errand
from labhand.implement.policy import Policy
from labhand.kit.terminal import Terminal

SHOWN = 12_000
"""Letters of a message, a file or an output that are noted."""
_OUTPUT_BYTES = 1 << 20
_MOST_UPDATES = 200_000
_MOST_TERMINALS = 20


class Desk:
    """The client's side of the protocol for one message. `full` is set where a limit is reached.

    `did`: whether the agent has done anything that may be worth a look.
    """

    def __init__(self, errand: Errand, account: Account, temporary: Path) -> None:
        self.errand = errand
        self.account = account
        self.policy = Policy(errand.worktree, _data(errand), network=errand.sandbox.network)
        self.full = asyncio.Event()
        self.why = ""
        self.did = False
        self._temporary = temporary
        self._said: list[str] = []
        self._thought: list[str] = []
        self._updates = 0
        self._cost = 0.0
        self._terminals: dict[str, Terminal] = {}

    def on_connect(self, agent: Any) -> None:
        """Nothing is to be done when the connection is there."""

    async def session_update(self, session_id: str, update: Any, **more: Any) -> None:
        """Notes what the agent tells of its work."""
        self._updates += 1
        if self._updates > _MOST_UPDATES:
            self._limit(f"it sent more than {_MOST_UPDATES:,} updates")
        if self.full.is_set():
            return
        kind = update.session_update
        if kind == "agent_message_chunk":
            self._said.append(_text(update.content))
        elif kind == "agent_thought_chunk":
            self._thought.append(_text(update.content))
        elif kind == "tool_call":
            self._note(update.tool_call_id, update.kind or "tool", _call(update))
            self._changes(update)
        elif kind == "tool_call_update" and update.status in ("completed", "failed"):
            self._changes(update)
            self._seen(update.tool_call_id, _result(update) or update.status)
        elif kind == "usage_update" and update.cost is not None:
            self.account.cost += max(update.cost.amount - self._cost, 0.0)
            self._cost = update.cost.amount
            if self.errand.limits.money and self.account.cost >= self.errand.limits.money:
                self._limit(f"the limit of {self.errand.limits.money:g} money was reached")

    async def request_permission(
        self, session_id: str, tool_call: Any, options: list[Any], **more: Any
    ) -> Any:
        """Allows once what the policy allows, and rejects the rest."""
        from acp.schema import AllowedOutcome, DeniedOutcome, RequestPermissionResponse

        why = self.policy.doing(tool_call.kind, _paths(tool_call))
        wanted = ("allow_once", "allow_always") if not why else ("reject_once", "reject_always")
        chosen = next((o for k in wanted for o in options if o.kind == k), None)
        self._note(tool_call.tool_call_id, "request_permission", _call(tool_call))
        self._seen(tool_call.tool_call_id, f"refused: {why}" if why else "allowed once")
        if chosen is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        outcome = AllowedOutcome(outcome="selected", option_id=chosen.option_id)
        return RequestPermissionResponse(outcome=outcome)

    async def read_text_file(
        self,
        session_id: str,
        path: str,
        line: int | None = None,
        limit: int | None = None,
        **more: Any,
    ) -> Any:
        """The text of a file that may be read, from a line on."""
        from acp.schema import ReadTextFileResponse

        self._note(path, "read_text_file", {"path": path, "line": line, "limit": limit})
        self._refuse(path, self.policy.reading(path))
        try:
            text = (self.errand.worktree / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self._failed(path, f"{path} cannot be read: {error}") from error
        if line is not None or limit is not None:
            first = max((line or 1) - 1, 0)
            lines = text.splitlines(keepends=True)
            text = "".join(lines[first : None if limit is None else first + limit])
        self._seen(path, f"{len(text):,} letters")
        return ReadTextFileResponse(content=text)

    async def write_text_file(self, session_id: str, path: str, content: str, **more: Any) -> Any:
        """Writes a file of the worktree."""
        from acp.schema import WriteTextFileResponse

        self._note(path, "write_text_file", {"path": path, "content": content[:SHOWN]})
        self._refuse(path, self.policy.writing(path))
        place = self.errand.worktree / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content, encoding="utf-8")
        except (OSError, UnicodeEncodeError) as error:
            raise self._failed(path, f"{path} cannot be written: {error}") from error
        self._wrote(path)
        self._seen(path, f"{len(content):,} letters written")
        return WriteTextFileResponse()

    async def create_terminal(
        self,
        session_id: str,
        command: str,
        args: list[str] | None = None,
        env: list[Any] | None = None,
        cwd: str | None = None,
        output_byte_limit: int | None = None,
        **more: Any,
    ) -> Any:
        """Starts a command in the sandbox."""
        from acp.schema import CreateTerminalResponse

        words = [command, *(args or [])] if args else ["sh", "-c", command]
        name = f"terminal-{len(self._terminals) + 1}"
        self._note(name, "terminal", {"command": words, "cwd": cwd})
        self._refuse(name, self.policy.reading(cwd) if cwd else "")
        if sum(t.ended() is None for t in self._terminals.values()) >= _MOST_TERMINALS:
            raise self._failed(name, f"{_MOST_TERMINALS} commands run already; end one first")
        box = self.errand.sandbox
        box = msgspec.structs.replace(box, write=[*box.write, self._temporary])
        given = {e.name: e.value for e in env or []}
        clean = given | box.environment(os.environ) | {"TMPDIR": str(self._temporary)}
        place = self.errand.worktree / (cwd or ".")
        most = min(output_byte_limit or _OUTPUT_BYTES, _OUTPUT_BYTES)
        self._terminals[name] = Terminal(box.wrapped(words), place, clean, most)
        self.did = True
        return CreateTerminalResponse(terminal_id=name)

    async def terminal_output(self, session_id: str, terminal_id: str, **more: Any) -> Any:
        """What a command said until now, and how it ended where it did."""
        from acp.schema import TerminalExitStatus, TerminalOutputResponse

        terminal = self._terminal(terminal_id)
        text, cut = terminal.output()
        code = terminal.ended()
        status = None if code is None else TerminalExitStatus(**_exit(code))
        return TerminalOutputResponse(output=text, truncated=cut, exit_status=status)

    async def wait_for_terminal_exit(self, session_id: str, terminal_id: str, **more: Any) -> Any:
        """How a command ended, once it did."""
        from acp.schema import WaitForTerminalExitResponse

        code = await self._terminal(terminal_id).wait()
        text, _ = self._terminal(terminal_id).output()
        self._seen(terminal_id, f"{_shown(text)}\n(exit code {code})")
        return WaitForTerminalExitResponse(**_exit(code))

    async def kill_terminal(self, session_id: str, terminal_id: str, **more: Any) -> Any:
        """Ends a command."""
        from acp.schema import KillTerminalResponse

        await asyncio.to_thread(self._terminal(terminal_id).close)
        return KillTerminalResponse()

    async def release_terminal(self, session_id: str, terminal_id: str, **more: Any) -> Any:
        """Ends a command that still runs and forgets it."""
        from acp.schema import ReleaseTerminalResponse

        await asyncio.to_thread(self._terminal(terminal_id).close)
        return ReleaseTerminalResponse()

    def close(self) -> None:
        """Ends every command that still runs."""
        for terminal in self._terminals.values():
            terminal.close()

    def flush(self) -> None:
        """Notes what was said and not noted yet; the last of it is the agent's account of its work."""
        said = "".join(self._said).strip()
        if said:
            self.account.summary = " ".join(said.split())[:300]
        if said or self._thought:
            self._step(tool_calls=[])

    def _terminal(self, name: str) -> Terminal:
        if name not in self._terminals:
            raise self._failed(name, f"there is no terminal {name}")
        return self._terminals[name]

    def _note(self, name: str, function: str, arguments: dict[str, Any]) -> None:
        """Notes something that the agent asks for; beyond a limit it is answered with that alone."""
        if self.full.is_set():
            from acp import RequestError

            raise RequestError(-32000, self.why)
        call = {"tool_call_id": name, "function_name": function, "arguments": arguments}
        self._step(tool_calls=[call])
        if self.errand.limits.steps and self.account.steps >= self.errand.limits.steps:
            self._limit(f"the limit of {self.errand.limits.steps:,} answers was reached")

    def _step(self, *, tool_calls: list[dict[str, Any]]) -> None:
        thought = _shown("".join(self._thought))
        more = {"reasoning_content": thought} if thought else {}
        self.account.steps += 1
        message = _shown("".join(self._said))
        self.errand.trajectory.add("agent", message, tool_calls=tool_calls, **more)
        self._said, self._thought = [], []

    def _seen(self, name: str, text: str) -> None:
        self.errand.trajectory.observe([(name, _shown(text))])

    def _refuse(self, name: str, why: str) -> None:
        if why:
            raise self._failed(name, why)

    def _failed(self, name: str, why: str) -> Exception:
        """The error that the agent is answered with; it is noted."""
        from acp import RequestError

        self._seen(name, f"refused: {why}")
        error: Exception = RequestError(-32000, why)
        return error

    def _changes(self, update: Any) -> None:
        """Notes the files that a tool of the agent's own says it changed."""
        if update.kind in ("edit", "delete", "move") or _diffs(update):
            self.did = True
            for path in _paths(update):
                self._wrote(path)

    def _wrote(self, path: str) -> None:
        self.did = True
        place = (self.errand.worktree / path).resolve()
        if place.is_relative_to(self.errand.worktree):
            self.account.written.add(place.relative_to(self.errand.worktree).as_posix())

    def _limit(self, why: str) -> None:
        self.why = self.why or why
        self.full.set()


def _data(errand: Errand) -> tuple[Path, ...]:
    """The data that the worktree links to as the project does: a link that the agent made is none."""
    links = [p for p in errand.worktree.iterdir() if p.is_symlink()]
    return tuple(p.resolve() for p in links if (errand.project / p.name).resolve() == p.resolve())


def _text(content: Any) -> str:
    return content.text if content.type == "text" else f"[{content.type}]"


def _paths(call: Any) -> list[str]:
    """The files that a tool call is about: those it names, and those of its diffs."""
    paths = [place.path for place in call.locations or []]
    return list(dict.fromkeys([*paths, *(d.path for d in _diffs(call))]))


def _diffs(call: Any) -> list[Any]:
    return [part for part in call.content or [] if part.type == "diff"]


def _call(call: Any) -> dict[str, Any]:
    given = call.raw_input if isinstance(call.raw_input, dict) else {"input": call.raw_input}
    told = {k: _shown(str(v)) for k, v in given.items() if v is not None}
    return {"title": call.title, "paths": _paths(call), **told}


def _result(update: Any) -> str:
    told = [_text(part.content) for part in update.content or [] if part.type == "content"]
    told += [f"{d.path}: {len(d.new_text):,} letters" for d in _diffs(update)]
    return "\n".join(told) or (str(update.raw_output) if update.raw_output is not None else "")


def _exit(code: int) -> dict[str, Any]:
    return {"exit_code": code} if code >= 0 else {"signal": str(-code)}


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… {len(text) - SHOWN:,} letters left out"


class _Aside(logging.Filter):
    """Holds back what the protocol's package logs of lines it cannot read: we tell it in our words."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is somebody else's."""
        return f"{os.sep}acp{os.sep}" not in record.pathname


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the protocol's package from writing to the person's terminal."""
    root, aside, nowhere = logging.getLogger(), _Aside(), logging.NullHandler()
    root.addFilter(aside)
    root.addHandler(nowhere)
    with contextlib.ExitStack() as stack:
        stack.callback(root.removeHandler, nowhere)
        stack.callback(root.removeFilter, aside)
        yield
