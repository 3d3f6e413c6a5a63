"""A service on loopback that takes messages, can be down, and can edit where it is asked to."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Inbox:
    """What came, as (method, path, content) in order."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str, dict]] = []
        self.refusals = 0
        self.refuses = lambda method: False
        self.answer = lambda content: {}
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def take(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                content = json.loads(raw)
                refused = inbox.refusals > 0
                gone = inbox.refuses(self.command)
                if refused:
                    inbox.refusals -= 1
                else:
                    inbox.came.append((self.command, self.path, content))
                answer = json.dumps(inbox.answer(content)).encode()
                self.send_response(503 if refused else 404 if gone else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_PATCH = take

            def log_message(self, *arguments) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def address(self, schema: str = "json", place: str = "/hook") -> str:
        return f"{schema}://127.0.0.1:{self.port}{place}"

    @property
    def titles(self) -> list[str]:
        return [content.get("title", "") for _, _, content in self.came]

    @property
    def bodies(self) -> list[str]:
        return [content.get("message", "") for _, _, content in self.came]


@pytest.fixture
def inbox():
    made = Inbox()
    yield made
    made.server.shutdown()
    made.server.server_close()
