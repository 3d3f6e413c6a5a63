"""The built-in agent: any language model, in one loop."""

import time
from typing import Any, NamedTuple

from labhand.implement.actions import Action, Bad, Done, Edits, Read, Shell, Whole, actions
from labhand.implement.brief import RULES, TOOLS
from labhand.implement.edits import EditError, Files
from labhand.implement.errand import Account, AgentError, Errand
from labhand.kit.model import Model, ModelError, Reply

COMMAND_S = 120.0
SHOWN = 12_000
"""Letters of a command's output or of a file that the model is shown."""
FRUITLESS = 3
"""So many answers in a row without anything that can be done end it."""


class _Turn(NamedTuple):
    """What an answer led to. `failed`: the first thing that could not be done, in words."""

    done: bool
    changed: bool
    fruitless: bool
    failed: str


class Agent:
    """Changes code with any language model: it reads, edits and runs commands until the work is done.

    ## What it does
    One loop over one linear conversation. The model gets the instruction, the files and four tools: shell,
    read, edit, done. A model that cannot call tools writes its edits as text: a unified diff,
    SEARCH/REPLACE blocks, lines by number, or whole files. What cannot be applied goes back to it, with
    the lines as they are; a second time it is asked for the file whole. Each step is noted in
    `trajectory.json`. It ends when the model says so, when an answer changes nothing any more, or at a
    limit of steps, time, tokens or money.

    ## Known problems
    What a model of few parameters can do is a change of a few lines in a small file.

    ## Example
    `labhand implement "add label smoothing" --agent builtin`

    ## References
    The loop follows the shape of mini-swe-agent (Yang et al.), the edit forms those that aider documents.
    """

    def __init__(self) -> None:
        self.account = Account()
        self._model = Model.from_environment()
        self._messages: list[dict[str, Any]] = []
        self._files: Files | None = None
        self._ends = 0.0
        self._fingerprint: dict[str, tuple[int, int]] = {}
        self._start: dict[str, tuple[int, int]] = {}
        self._missed: dict[str, int] = {}

    def work(self, errand: Errand, message: str) -> Account:
        """Talks with the model until it is done, at a limit, or gets nowhere any more.

        Raises:
            LabhandError: there is no model, it does not answer, or nothing it says can be used.
        """
        if self._files is None:
            self._begin(errand)
        self.account.why = ""
        self._say(errand, "user", message)
        fruitless, before = 0, ""
        while not self._over(errand):
            try:
                reply = self._ask(errand)
            except ModelError as error:
                return self._gone(error)
            turn = self._do(errand, reply)
            if turn.done:
                break
            again = reply.text == before and not turn.changed
            fruitless = fruitless + 1 if turn.fruitless or again else 0
            before = reply.text or str(reply.calls)
            if fruitless >= FRUITLESS:
                self._give_up(turn)
                break
        return self.account

    @property
    def _desk(self) -> Files:
        assert self._files is not None
        return self._files

    def _begin(self, errand: Errand) -> None:
        self._files = Files(errand.worktree, errand.project, errand.script)
        self._fingerprint = self._start = self._files.fingerprint()
        self._ends = time.monotonic() + (errand.limits.seconds or 1e9)
        self.account.model = self._model.name
        self.account.written = self._files.written
        errand.trajectory.model(self._model.name)
        self._say(errand, "system", RULES)

    def _say(self, errand: Errand, role: str, text: str) -> None:
        self._messages.append({"role": role, "content": text})
        errand.trajectory.add(role, text)

    def _over(self, errand: Errand) -> bool:
        limits, did = errand.limits, self.account
        for name, most, now in (
            ("answers", limits.steps, did.steps),
            ("tokens", limits.tokens, did.tokens),
            ("money", limits.money, did.cost),
        ):
            if most and now >= most:
                did.why = f"the limit of {most:,} {name} was reached"
        if time.monotonic() > self._ends:
            did.why = f"the limit of {limits.seconds:g} s was reached"
        return bool(did.why)

    def _ask(self, errand: Errand) -> Reply:
        reply = self._model.ask(self._messages, TOOLS, self._ends)
        self.account.steps += 1
        self.account.tokens += reply.tokens
        self.account.cost += reply.cost
        for number, call in enumerate(reply.calls):
            call.id = call.id or f"call_{self.account.steps}_{number}"
        told = [
            {"tool_call_id": c.id, "function_name": c.name, "arguments": c.arguments}
            for c in reply.calls
        ]
        errand.trajectory.add(
            "agent", reply.text, tool_calls=told, metrics={"total_tokens": reply.tokens}
        )
        said: dict[str, Any] = {"role": "assistant", "content": reply.text}
        if reply.calls:
            said["tool_calls"] = [
                {
                    "id": c.id,
                    "type": "function",
                    "function": {"name": c.name, "arguments": c.arguments},
                }
                for c in reply.calls
            ]
        self._messages.append(said)
        return reply

    def _do(self, errand: Errand, reply: Reply) -> _Turn:
        """Carries out an answer and tells the model what came of it."""
        wanted = actions(reply)
        seen = [self._one(errand, action) for action in wanted]
        now = self._desk.fingerprint()
        changed, self._fingerprint = now != self._fingerprint, now
        any_work = now != self._start
        failed = [text for ok, text in seen if not ok]
        summary = next((a.summary for a in wanted if isinstance(a, Done)), None)
        edits = [a for a in wanted if isinstance(a, Edits)]
        looked = any(isinstance(a, (Shell, Read)) for a in wanted)
        over = summary is not None or not (wanted or reply.calls) or (edits and not changed)
        done = bool(over and any_work and not failed and not (looked and summary is None))
        if summary:
            self.account.summary = summary
        elif not wanted and any_work:
            self.account.summary = self.account.summary or " ".join(reply.text.split())[:300]
        told = [text for _, text in seen if text]
        if not wanted or (over and not any_work and not failed):
            told.append("Nothing is changed yet. Give the edits; say DONE once they are all made.")
        self._answer(errand, reply, told)
        return _Turn(done, changed, not changed and not looked, failed[0] if failed else "")

    def _answer(self, errand: Errand, reply: Reply, told: list[str]) -> None:
        text = "\n\n".join(told) or "Done. Go on, or say DONE."
        if reply.calls:
            for number, call in enumerate(reply.calls):
                content = text if number == 0 else "see above"
                self._messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
            errand.trajectory.observe([(reply.calls[0].id, text)])
        else:
            self._messages.append({"role": "user", "content": text})
            errand.trajectory.observe([("", text)])

    def _one(self, errand: Errand, action: Action) -> tuple[bool, str]:
        """Whether an action could be carried out, and what is to be told of it."""
        try:
            if isinstance(action, Bad):
                return False, action.why
            if isinstance(action, Done):
                return True, ""
            if isinstance(action, Read):
                return True, _numbered(action.path, self._desk.text(action.path))
            if isinstance(action, Shell):
                return True, self._shell(errand, action.command)
            done = self._desk.apply(action)
        except EditError as error:
            return False, f"Not applied: {error}.{self._whole_instead(action)}"
        return (
            True,
            f"Changed {', '.join(done)}." if done else "That is so already; nothing changed.",
        )

    def _whole_instead(self, action: Action) -> str:
        """The file as it is, where edits of it fail again: the model shall write it whole."""
        path = getattr(action, "path", None)
        if not path or isinstance(action, (Whole, Read)):
            return ""
        self._missed[path] = self._missed.get(path, 0) + 1
        if self._missed[path] < 2:
            return ""
        try:
            shown = self._desk.text(path)
        except EditError:
            return ""
        return f" Give {path} whole instead, in one fenced block after its name. It is now:\n```\n{shown}```"

    def _shell(self, errand: Errand, command: str) -> str:
        left_s = max(min(COMMAND_S, self._ends - time.monotonic()), 1.0)
        said = errand.sandbox.run(["sh", "-c", command], errand.worktree, left_s)
        text = (said.stdout + said.stderr).strip()
        if len(text) > SHOWN:
            text = f"{text[: SHOWN // 2]}\n… {len(text) - SHOWN:,} letters left out …\n{text[-SHOWN // 2 :]}"
        return f"$ {command}\n{text}\n(exit code {said.exit_code})"

    def _gone(self, error: ModelError) -> Account:
        """The account of a model that went away: what it did until then is looked at."""
        if self._fingerprint == self._start:
            raise error
        self.account.why = f"{error}; what it did until then is here"
        return self.account

    def _give_up(self, turn: _Turn) -> None:
        if self._fingerprint == self._start:
            said = f", the last: {turn.failed.splitlines()[0]}" if turn.failed else ""
            raise AgentError(
                f"nothing of {FRUITLESS} answers in a row of the model `{self.account.model}` could be "
                f"used{said}; nothing was changed; try a model that writes code, or say it in smaller steps"
            )
        self.account.why = f"{FRUITLESS} answers in a row changed nothing"


def _numbered(path: str, text: str) -> str:
    lines = [f"{number:>5} {line}" for number, line in enumerate(text.splitlines(), 1)]
    told = "\n".join(lines)
    return f"{path}:\n{told if len(told) <= 4 * SHOWN else told[: 4 * SHOWN] + chr(10) + '… cut'}"
