"""A model whose answers are written beforehand, behind a real HTTP server on this machine.

It speaks the wire that `labhand.kit.model` speaks, so that nothing in between is stood in for.
"""

import json
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import msgspec


class Line(msgspec.Struct, kw_only=True):
    """One answer: its text or tool calls (name, arguments), or how it fails.

    `status` other than 200 is an error with `text` as its message, `retry_after` in seconds.
    `finish`: `length` is an answer cut at its length. `wait_s` is silence before it. `broken`: the
    stream ends in the middle. `raw`: the body as it is, whatever it is.
    """

    text: str = ""
    calls: list[tuple[str, dict[str, Any]]] = []
    status: int = 200
    retry_after: float | None = None
    finish: str = "stop"
    wait_s: float = 0.0
    broken: bool = False
    raw: str | None = None


class Scripted:
    """Serves the lines in turn, the last one again and again. `requests` are the bodies it got."""

    def __init__(self, lines: Sequence[Line | str]) -> None:
        self.lines = [Line(text=line) if isinstance(line, str) else line for line in lines]
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self._lock = threading.Lock()
        self._ends = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def url(self) -> str:
        """What LABHAND_BASE_URL is to be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> "Scripted":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._server.shutdown()
        self._server.server_close()

    def _next(self, body: dict[str, Any], key: str) -> Line:
        with self._lock:
            self.requests.append(body)
            self.keys.append(key)
            return self.lines[min(len(self.requests), len(self.lines)) - 1]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *arguments: Any) -> None:
                """Says nothing."""

            def do_POST(self) -> None:
                """Answers with the next line."""
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                line = script._next(body, self.headers.get("Authorization", ""))
                script._ends.wait(line.wait_s)
                try:
                    if line.raw is not None or line.status != 200:
                        self._whole(line, _error(line))
                    elif body.get("stream"):
                        self._streamed(line)
                    else:
                        self._whole(line, _completion(line))
                except OSError:
                    return  # whoever asked has gone

            def _whole(self, line: Line, data: bytes) -> None:
                self.send_response(line.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if line.retry_after is not None:
                    self.send_header("Retry-After", f"{line.retry_after:g}")
                self.end_headers()
                self.wfile.write(data)

            def _streamed(self, line: Line) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                for chunk in _chunks(line):
                    self.wfile.write(b"data: " + chunk + b"\n\n")

        return Handler


def _error(line: Line) -> bytes:
    told = line.raw if line.raw is not None else json.dumps({"error": {"message": line.text}})
    return told.encode()


def _calls(line: Line) -> list[dict[str, Any]]:
    return [
        {
            "index": number,
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for number, (name, arguments) in enumerate(line.calls)
    ]


def _usage(line: Line) -> dict[str, int]:
    return {"prompt_tokens": 10, "completion_tokens": len(line.text) // 4, "total_tokens": 10 + len(line.text) // 4}  # fmt: skip


def _completion(line: Line) -> bytes:
    said: dict[str, Any] = {"role": "assistant", "content": line.text}
    if line.calls:
        said["tool_calls"] = _calls(line)
    choice = {"index": 0, "message": said, "finish_reason": line.finish}
    whole = {"id": "scripted", "object": "chat.completion", "created": int(time.time())}
    return json.dumps(whole | {"choices": [choice], "usage": _usage(line)}).encode()


def _chunks(line: Line) -> list[bytes]:
    half = len(line.text) // 2
    deltas: list[dict[str, Any]] = [{"content": p} for p in (line.text[:half], line.text[half:])]
    if line.broken:
        return [_chunk(deltas[0], None)]
    if line.calls:
        deltas.append({"tool_calls": _calls(line)})
    told = [_chunk(delta, None) for delta in deltas]
    counted = json.dumps({"choices": [], "usage": _usage(line)}).encode()
    return [*told, _chunk({}, line.finish), counted, b"[DONE]"]


def _chunk(delta: dict[str, Any], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode()
