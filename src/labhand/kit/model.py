"""A language model behind any OpenAI-compatible Chat Completions endpoint, over httpx.

`LABHAND_MODEL`, `LABHAND_BASE_URL` and `LABHAND_API_KEY` name it. Wire format: the OpenAI API
reference, "Create chat completion", streamed as server-sent events where the server can.
"""

import json
import os
import random
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from labhand.core.errors import LabhandError, UsageError

if TYPE_CHECKING:
    import httpx

DEFAULT_URL = "https://api.openai.com/v1"
SILENCE_S = 120.0
"""No byte for so long is a time-out."""
TRIES = 5
"""How often a request is made where the server is busy or fails; a server that is not there: twice."""
LONGEST_WAIT_S = 60.0
CONTINUED = 4
"""How often a reply that was cut at its length is taken up again."""
_BUSY = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529))
_LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


class ModelError(LabhandError):
    """The model cannot be reached, refuses, or answers what is no answer."""


class ToolCall(msgspec.Struct):
    """A tool that the model calls; `arguments` is the JSON text it wrote, which may be broken."""

    id: str
    name: str
    arguments: str


class Reply(msgspec.Struct):
    """One answer. `tokens` are those the server counted, in and out; `cost` in its money, if told."""

    text: str
    calls: list[ToolCall] = []
    tokens: int = 0
    cost: float = 0.0
    cut: bool = False


class _Passing(Exception):
    """What may be gone at the next try. `wait_s` is what the server asks for."""

    def __init__(self, why: str, wait_s: float | None = None, *, there: bool = True) -> None:
        super().__init__(why)
        self.wait_s = wait_s
        self.there = there


class Model:
    """A chat model. Blocks while it answers; keeps nothing between calls but whether it takes tools."""

    def __init__(self, name: str, url: str, key: str, silence_s: float = SILENCE_S) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self._key = key
        self._silence_s = silence_s
        self._tools = True

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> "Model":
        """The model that the environment names.

        Raises:
            UsageError: it names none, or the address is no web address.
        """
        name, url = env.get("LABHAND_MODEL", "").strip(), env.get("LABHAND_BASE_URL", "").strip()
        key = env.get("LABHAND_API_KEY", "").strip()
        if not name:
            raise UsageError(
                "this needs new code, and no language model is set; set LABHAND_MODEL, with "
                "LABHAND_BASE_URL and LABHAND_API_KEY, to an OpenAI-compatible endpoint"
            )
        if not url and not key:
            raise UsageError(
                f"LABHAND_MODEL is `{name}` but neither LABHAND_BASE_URL nor LABHAND_API_KEY is "
                "set; set the address of the endpoint, such as http://localhost:8000/v1"
            )
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise UsageError(
                f"LABHAND_BASE_URL is no web address: {url}; write it as http://localhost:8000/v1"
            )
        return cls(name, url or DEFAULT_URL, key)

    def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
        until: float | None = None,
    ) -> Reply:
        """The answer, whole: one that was cut at its length is taken up again where it stopped.

        `until` is a time of the monotonic clock after which nothing is tried again.

        Raises:
            ModelError: no answer came; one sentence with the remedy.
        """
        said: list[dict[str, Any]] = [dict(m) for m in messages]
        whole = self._tried(said, tools, until)
        for _ in range(CONTINUED):
            if not whole.cut or whole.calls:
                break
            on = (
                "Your answer was cut at its length. Go on exactly where it stopped; repeat nothing."
            )
            more = self._tried(
                [*said, _message("assistant", whole.text), _message("user", on)], tools, until
            )
            whole = Reply(
                whole.text + more.text, more.calls, whole.tokens + more.tokens,
                whole.cost + more.cost, more.cut,
            )  # fmt: skip
        return whole

    def _tried(
        self,
        messages: list[dict[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        until: float | None,
    ) -> Reply:
        why = _Passing("it was not asked")
        for attempt in range(TRIES):
            try:
                return self._once(messages, tools)
            except _Passing as error:
                why = error
            last = attempt == TRIES - 1 or (attempt and not why.there)
            wait_s = min(why.wait_s or 0.5 * 2**attempt * random.uniform(1, 1.3), LONGEST_WAIT_S)
            if last or (until is not None and time.monotonic() + wait_s > until):
                break
            time.sleep(wait_s)
        raise ModelError(f"the model `{self.name}` at {self.url} gives no answer: {why}")

    def _once(self, messages: list[dict[str, Any]], tools: Sequence[Mapping[str, Any]]) -> Reply:
        import httpx

        body: dict[str, Any] = {"model": self.name, "messages": messages, "stream": True}
        body["stream_options"] = {"include_usage": True}
        if tools and self._tools:
            body["tools"] = list(tools)
        times = httpx.Timeout(self._silence_s, connect=10.0)
        local = urlsplit(self.url).hostname in _LOCAL
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        address = f"{self.url}/chat/completions"
        try:
            with (
                httpx.Client(timeout=times, trust_env=not local) as client,
                client.stream("POST", address, json=body, headers=headers) as answer,
            ):
                if answer.status_code != 200:
                    return self._refused(answer, messages, tools)
                if "event-stream" in answer.headers.get("content-type", ""):
                    return _streamed(answer)
                return _plain(answer.read())
        except httpx.TimeoutException as error:
            raise _Passing(f"nothing came within {self._silence_s:g} s") from error
        except httpx.ConnectError as error:
            why = "nothing answers there; start the server, or mend LABHAND_BASE_URL"
            raise _Passing(why, there=False) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _Passing(f"the connection broke ({type(error).__name__})") from error

    def _refused(
        self,
        answer: "httpx.Response",
        messages: list[dict[str, Any]],
        tools: Sequence[Mapping[str, Any]],
    ) -> Reply:
        status, told = answer.status_code, _error_in(answer.read())
        if status in (401, 403):
            raise ModelError(
                f"the model `{self.name}` at {self.url} refuses the key ({status}); "
                "set LABHAND_API_KEY to one that is valid"
            )
        if tools and self._tools and "tool" in told.lower():
            self._tools = False
            return self._once(messages, tools)
        if status in _BUSY:
            raise _Passing(
                f"it answers {status}{told and f' ({told})'}; try again later",
                _seconds(answer.headers.get("retry-after")),
            )
        if status == 404 and not self.url.endswith("/v1") and urlsplit(self.url).path in ("", "/"):
            self.url += "/v1"
            return self._once(messages, tools)
        raise ModelError(
            f"the model `{self.name}` at {self.url} answers {status}{told and f': {told}'}; "
            "look at LABHAND_MODEL and LABHAND_BASE_URL"
        )


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def _seconds(text: str | None) -> float | None:
    try:
        return max(float(text), 0.0) if text else None
    except ValueError:
        return None


def _error_in(data: bytes) -> str:
    """What an error's body says, in at most 200 letters of one line."""
    told: Any = data.decode("utf-8", "replace")
    try:
        found = json.loads(told)
        found = found.get("error", found) if isinstance(found, dict) else found
        told = found.get("message", found) if isinstance(found, dict) else found
    except ValueError:
        pass
    return " ".join(str(told).split())[:200].rstrip(".")


def _plain(data: bytes) -> Reply:
    try:
        content = json.loads(data)
        choice = content["choices"][0]
        said = choice.get("message") or {}
        calls = [_call(c) for c in said.get("tool_calls") or []]
        cut = choice.get("finish_reason") == "length"
        reply = Reply(_text(said.get("content")), calls, cut=cut)
        _count(reply, content.get("usage"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        why = "what it answers is no chat completion; look at LABHAND_BASE_URL"
        raise _Passing(why, there=False) from error
    return reply


def _call(told: Mapping[str, Any]) -> ToolCall:
    function = told["function"]
    arguments = function.get("arguments") or ""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCall(str(told.get("id") or ""), str(function.get("name") or ""), text)


def _text(content: Any) -> str:
    if isinstance(content, list):  # parts, as some servers write them
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return str(content or "")


def _count(reply: Reply, usage: Any) -> None:
    if isinstance(usage, dict):
        reply.tokens = int(usage.get("total_tokens") or 0)
        reply.cost = float(usage.get("cost") or 0.0)


def _streamed(answer: "httpx.Response") -> Reply:
    reply = Reply("")
    calls: dict[int, ToolCall] = {}
    ended = False
    for line in answer.iter_lines():
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            ended = True
            break
        try:
            ended |= _take(json.loads(data), reply, calls)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise _Passing("what it streams is no chat completion") from error
    if not ended:
        raise _Passing("its answer broke off")
    reply.calls = [call for call in calls.values() if call.name]
    return reply


def _take(chunk: dict[str, Any], reply: Reply, calls: dict[int, ToolCall]) -> bool:
    """Adds a chunk to the reply; whether it says that the answer is over."""
    if chunk.get("error"):
        raise _Passing(_error_in(json.dumps(chunk).encode()))
    _count(reply, chunk.get("usage"))
    for choice in chunk.get("choices", [])[:1]:
        delta = choice.get("delta") or choice.get("message") or {}
        reply.text += _text(delta.get("content"))
        for told in delta.get("tool_calls") or []:
            number = int(told.get("index") or 0)
            call = calls.setdefault(number, ToolCall("", "", ""))
            part = _call({"function": {}, **told})
            call.id, call.name = call.id or part.id, call.name or part.name
            call.arguments += part.arguments
        if choice.get("finish_reason"):
            reply.cut = choice["finish_reason"] == "length"
            return True
    return False
