"""Transcripts of agents in one form: what was said, which tools were called, what these answered.

Read are messages of OpenAI (`tool_calls`, Responses items), blocks of Anthropic (`tool_use`, `tool_result`),
Inspect, LangChain, ShareGPT; trajectories of SWE-agent (`action`, `observation`), OpenHands (events),
mini-swe-agent (commands in fences) and Harbor (`steps`); calls written as text (`<tool_call>`, `<function=`,
ReAct's `Action:`). Each as objects, or as JSON or plain text in a cell.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from labhand.scan.texts import HOLDS, SAYS, SPEAKERS

if TYPE_CHECKING:
    from labhand.scan.data import Data, Part

SOME = 200
"""Cells of a column by which it is told whether it holds transcripts."""
_SPEAKER = {word: speaker for speaker, words in SPEAKERS.items() for word in words.split()}
_WITHIN = ("messages", "history", "trajectory", "steps", "events", "conversation", "turns", "items")
_TEXT_CALLS = (
    r"<tool_call>\s*(?P<json>\{.*?\})\s*</tool_call>",
    r"<function=(?P<name>[\w.-]+)>(?P<rest>.*?)</function>",
    r"(?m)^\s*Action:\s*(?P<action>[^\n]+)\n+\s*Action Input:\s*(?P<input>.*?)(?=\n\s*(?:Observation|Thought|Action):|\Z)",
    r"(?m)^\s*Action:\s*(?P<one>[\w.-]+)[\[(](?P<inner>.*?)[\])]\s*$",
    r"```(?:bash|sh|shell|mswea_bash_command)\n(?P<shell>.*?)\n?```",
)
_RESULT = re.compile(
    r"\s*(?:<returncode>|<output>|<tool_response>|<function_results?>|\**(?:observation|execution result|tool (?:output|result))\b[^\n]{0,80}:)",
    re.I,
)
"""How a result begins that a user's turn hands back."""
_HINT = r'tool_calls|tool_use|tool_result|function_call|tool_call_id|"observation"|"action"|<tool_call>|<function=|<returncode>|(^|\n)\s*Action:|```(bash|sh|mswea)'


class Call(NamedTuple):
    """A tool that was called: its name, and its arguments as given; a command alone is `command`.

    `number` is what its result refers to; `torn` are arguments that begin as JSON and are none.
    """

    name: str
    arguments: dict[str, Any]
    number: str = ""
    torn: str = ""

    @property
    def key(self) -> str:
        """What is equal for equal calls."""
        return f"{self.name} {json.dumps(self.arguments, sort_keys=True, ensure_ascii=False)}"

    @property
    def told(self) -> str:
        """The call in one line, as a person would write it."""
        command = self.arguments.get("command") or self.arguments.get("cmd")
        if len(self.arguments) == 1 and command is not None:
            return command if isinstance(command, str) else " ".join(map(str, command))
        return f"{self.name} {json.dumps(self.arguments, ensure_ascii=False)}"


class Message(NamedTuple):
    """One message; `number` counts from 0 as the data has them.

    `failed`: whether a tool said so itself. `answers` is the number of the call that it is the result of.
    """

    number: int
    speaker: str
    text: str
    calls: tuple[Call, ...] = ()
    failed: bool | None = None
    answers: str = ""


class Step(NamedTuple):
    """A call, what it answered, and the number of the message that called."""

    number: int
    call: Call
    result: str
    failed: bool | None
    last: int
    """The number of the message that holds the result."""


class Transcript(NamedTuple):
    """The transcript in one cell."""

    row: int
    column: str
    messages: list[Message]

    @property
    def steps(self) -> list[Step]:
        """Every call with its result, in order; results go to calls in the order of these."""
        made: list[Step] = []
        waiting: list[tuple[int, Call]] = []
        for message in self.messages:
            if message.speaker == "tool" and waiting:
                number, call = waiting.pop(0)
                made.append(Step(number, call, message.text, message.failed, message.number))
                continue
            if message.calls:
                made += [Step(n, c, "", None, n) for n, c in waiting]
                waiting = [(message.number, call) for call in message.calls]
        return [*made, *(Step(n, c, "", None, n) for n, c in waiting)]

    def said(self, *speakers: str) -> str:
        """All that these said, one after the other."""
        return "\n".join(m.text for m in self.messages if m.speaker in speakers)


def transcripts(data: "Data", part: "Part") -> list[Transcript]:
    """The transcripts of a part, found once; empty where no cell calls a tool."""
    return data.shared(f"transcripts of {part.name}", lambda: list(_transcripts(part)))


def _transcripts(part: "Part") -> Iterator[Transcript]:
    import polars as pl

    for name in part.names:
        dtype = part.columns[name].dtype
        is_text = dtype == pl.String and part.columns[name].letters > 40
        nested = isinstance(dtype, pl.Struct) or (
            isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct)
        )
        if not (is_text or nested):
            continue
        cell = pl.col(name)
        lazy = part.lazy.select(row=pl.col("__row__"), cell=cell).drop_nulls()
        if is_text:
            lazy = lazy.filter(pl.col("cell").str.contains(_HINT))
        head = lazy.head(SOME).collect()["cell"].to_list()
        if not any(m.calls for told in head for m in messages_of(told)):
            continue
        for row, told in lazy.collect(engine="streaming").iter_rows():
            messages = messages_of(told)
            if any(m.calls for m in messages):
                yield Transcript(int(row), name, messages)


def messages_of(told: Any) -> list[Message]:
    """The messages that a cell holds, as objects, JSON or text; empty where it holds none."""
    if isinstance(told, str):
        if told.lstrip()[:1] not in "[{":
            return _react(told)
        try:
            told = json.loads(told)
        except ValueError:
            return []
    if isinstance(told, dict):
        inner = next((told[k] for k in _WITHIN if isinstance(told.get(k), list)), None)
        return messages_of(inner) if inner else []
    if not isinstance(told, list) or not any(isinstance(t, dict) for t in told):
        return []
    made: list[Message] = []
    for number, one in enumerate(told):
        if isinstance(one, dict):
            made += _messages(number, {k: v for k, v in one.items() if v is not None})
    return _written_calls(made)


def _messages(number: int, one: dict[str, Any]) -> Iterable[Message]:
    if isinstance(one.get("message"), dict):
        one = {k: v for k, v in one["message"].items() if v is not None}
    if isinstance(one.get("llm_message"), dict):
        one = one["llm_message"]
    if "args" in one and isinstance(one.get("action"), str):
        return [_event(number, one)]
    if isinstance(one.get("observation"), str) and "content" in one:
        failed = _exit_code(one.get("extras", {}))
        return [Message(number, "tool", _text(one["content"]), failed=failed)]
    if "action" in one and isinstance(one.get("observation"), str):
        thought = _text(one.get("thought") or one.get("response"))
        call = Call("shell", {"command": str(one["action"]).strip()})
        return [
            Message(number, "assistant", thought, (call,)),
            Message(number, "tool", one["observation"]),
        ]
    if one.get("type") in ("function_call", "tool_call") and "name" in one:
        return [Message(number, "assistant", "", (_call(one),))]
    if one.get("type") in ("function_call_output", "tool_result") and "output" in one:
        return [Message(number, "tool", _text(one["output"]), answers=_number(one))]
    if "tool_calls" in one and "observation" in one:
        return _harbor(number, one)
    return _spoken(number, one)


def _event(number: int, one: dict[str, Any]) -> Message:
    """An event of OpenHands: a message, or an action of the agent."""
    arguments = {k: v for k, v in one["args"].items() if v not in (None, "")}
    thought = _text(arguments.pop("thought", None))
    action = one["action"]
    if action in ("message", "system", "finish", "think"):
        said = arguments.get("content") or arguments.get("final_thought") or thought
        speaker = "system" if action == "system" else _SPEAKER.get(str(one.get("source")), "other")
        return Message(number, speaker, _text(said or one.get("message")))
    kept = ("command", "code", "path", "old_str", "new_str", "content", "file_text", "url", "browser_actions", "start", "end")  # fmt: skip
    return Message(
        number, "assistant", thought, (Call(action, {k: arguments[k] for k in kept if k in arguments}),)
    )  # fmt: skip


def _exit_code(extras: Any) -> bool | None:
    if not isinstance(extras, dict):
        return None
    told = extras.get("exit_code", extras.get("returncode"))
    if told is None and isinstance(extras.get("metadata"), dict):
        told = extras["metadata"].get("exit_code")
    return None if not isinstance(told, int) else told != 0


def _harbor(number: int, one: dict[str, Any]) -> list[Message]:
    calls = tuple(_call(c) for c in one["tool_calls"] if isinstance(c, dict))
    made = [Message(number, "assistant", _text(one.get("message")), calls)]
    results = one["observation"].get("results") if isinstance(one["observation"], dict) else None
    return made + [Message(number, "tool", _text(r)) for r in results or ()]


def _spoken(number: int, one: dict[str, Any]) -> list[Message]:
    """A message with a speaker and words or blocks; blocks of results become messages of a tool."""
    says = next((str(one[f]) for f in (*SAYS, "type", "source") if f in one), "")
    speaker = _SPEAKER.get(says.strip().lower(), "other")
    content = next((one[f] for f in HOLDS if f in one), None)
    calls = [_call(c) for c in one.get("tool_calls") or () if isinstance(c, dict)]
    if isinstance(one.get("function_call"), dict):
        calls.append(_call(one["function_call"]))
    blocks = content if isinstance(content, list) else []
    blocks = [{k: v for k, v in b.items() if v is not None} for b in blocks if isinstance(b, dict)]
    calls += [_call(b) for b in blocks if b.get("type") in ("tool_use", "toolCall", "tool_call")]
    results = [b for b in blocks if b.get("type") in ("tool_result", "tool_response")]
    made = [
        Message(number, "tool", _text(b.get("content")), failed=_failed(b), answers=_number(b))
        for b in results
    ]
    text = _text([b for b in blocks if b not in results]) if blocks else _text(content)
    if speaker == "call":
        return [Message(number, "assistant", "", (_call_of_text(text),))]
    extra = one.get("extra")
    if isinstance(extra, dict) and not calls:  # mini-swe-agent keeps what it ran beside the words
        calls = [_call(a) for a in extra.get("actions") or () if isinstance(a, dict)]
    if text.strip() or calls or not made:
        speaker = "assistant" if calls else speaker
        answers = _number(one) if speaker == "tool" else ""
        made.append(Message(number, speaker, text, tuple(calls), _failed(one), answers))
    return made


def _number(one: dict[str, Any]) -> str:
    """The number of a call that a result names."""
    return str(next((one[f] for f in ("tool_call_id", "tool_use_id", "call_id") if one.get(f)), ""))


def _failed(one: dict[str, Any]) -> bool | None:
    """Whether a result says itself that it is an error."""
    for name in ("is_error", "isError"):
        if isinstance(one.get(name), bool):
            return bool(one[name])
    if one.get("status") == "error" or (isinstance(one.get("error"), dict | str) and one["error"]):
        return True
    return _exit_code(one.get("extra"))


def _call(one: dict[str, Any]) -> Call:
    inner = one.get("function")
    told = inner if isinstance(inner, dict) else one
    name = (
        told.get("name") or told.get("function_name") or (inner if isinstance(inner, str) else None)
    )
    arguments: Any = next((told[k] for k in ("arguments", "input", "args", "parameters") if k in told), None)  # fmt: skip
    if arguments is None:
        arguments = {k: v for k, v in told.items() if k in ("command", "code", "path")}
    torn = ""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            torn = arguments if arguments.lstrip()[:1] == "{" else ""
            arguments = {"command": arguments}
    if not isinstance(arguments, dict):
        arguments = {"command": arguments}
    kept = {k: v for k, v in arguments.items() if v is not None}
    number = next((one[f] for f in ("call_id", "id") if isinstance(one.get(f), str)), "")
    return Call(str(name or "shell"), kept, number, torn)


def _call_of_text(text: str) -> Call:
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    return _call(told) if isinstance(told, dict) else Call("shell", {"command": text.strip()})


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(t for t in (_text(c) for c in content) if t)
    if isinstance(content, dict):
        if content.get("type") in ("tool_use", "toolCall", "tool_call"):
            return ""
        return _text(next((content[k] for k in ("text", "content", "thinking", "output") if content.get(k)), None))  # fmt: skip
    return str(content)


def _written_calls(messages: list[Message]) -> list[Message]:
    """The messages; where no tool is called in another way, calls that stand in the words are found."""
    if any(m.calls for m in messages):
        return messages
    made: list[Message] = []
    for message, after in zip(messages, [*messages[1:], None], strict=False):
        calls = _calls_in(message.text) if message.speaker == "assistant" else ()
        answered = after is not None and (after.speaker == "tool" or _RESULT.match(after.text))
        made.append(message._replace(calls=calls) if calls and answered else message)
    for at in range(1, len(made)):
        if made[at - 1].calls and made[at].speaker != "tool":
            code = re.match(r"\s*<returncode>\s*(-?\d+)", made[at].text)
            failed = None if code is None else code[1] != "0"
            made[at] = made[at]._replace(speaker="tool", failed=failed)
    return made


def _calls_in(text: str) -> tuple[Call, ...]:
    for pattern in _TEXT_CALLS:
        found = list(re.finditer(pattern, text, re.S if "(?m)" not in pattern else re.S | re.M))
        if found:
            return tuple(_written(m.groupdict()) for m in found[:8])
    return ()


def _written(found: dict[str, str]) -> Call:
    if "json" in found:
        return _call_of_text(found["json"])
    if "name" in found:
        pairs = re.findall(r"<parameter=([\w.-]+)>\n?(.*?)\n?</parameter>", found["rest"], re.S)
        return Call(found["name"], dict(pairs))
    if "shell" in found:
        return Call("shell", {"command": found["shell"].strip()})
    name = found.get("action") or found.get("one") or ""
    inner = (found.get("input") or found.get("inner") or "").strip()
    try:
        told = json.loads(inner)
    except ValueError:
        told = None
    return Call(name.strip(), told if isinstance(told, dict) else {"command": inner})


_TURN = re.compile(
    r"(?m)^\s*(Question|Task|Thought|Action|Observation|Final Answer)(?: \d+)?:", re.I
)


def _react(text: str) -> list[Message]:
    """The turns of a plain text in the manner of ReAct: thoughts and actions, then what was observed."""
    marks = list(_TURN.finditer(text))
    if not any(m[1].lower() == "action" for m in marks) or not any(m[1].lower() == "observation" for m in marks):  # fmt: skip
        return []
    speakers = {"observation": "tool", "question": "user", "task": "user"}
    made: list[Message] = []
    if text[: marks[0].start()].strip():
        made.append(Message(0, "user", text[: marks[0].start()].strip()))
    for mark, after in zip(marks, [*marks[1:], None], strict=False):
        piece = text[mark.start() : after.start() if after else len(text)].strip("\n")
        speaker = speakers.get(mark[1].lower(), "assistant")
        body = piece.split(":", 1)[1].strip() if speaker == "tool" else piece
        if made and made[-1].speaker == speaker == "assistant" and not made[-1].calls:
            made[-1] = made[-1]._replace(text=f"{made[-1].text}\n{piece}")
        else:
            made.append(Message(len(made), speaker, body))
        if speaker == "assistant":
            made[-1] = made[-1]._replace(calls=_calls_in(piece + "\n") or made[-1].calls)
    return made
