"""A scripted web server on loopback: each path answers what a test says, and counts how often it was asked."""

from __future__ import annotations

import http.server
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one path answers.

    Attributes:
        status: Status code.
        body: Bytes of the body.
        headers: Headers beside Content-Length.
        promised: Content-Length to send, where it is not the body's.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None


@dataclass(slots=True)
class ScriptedServer:
    """A running server.

    Attributes:
        url: Its root, without a trailing slash.
        answers: By path; the last answer of a list is repeated.
        asked: How often each path was asked for.
        headers: The headers of the last request of each path.
    """

    url: str
    answers: Mapping[str, list[Answer]]
    asked: Counter[str]
    headers: dict[str, Mapping[str, str]]


@contextmanager
def scripted(answers: Mapping[str, list[Answer]]) -> Iterator[ScriptedServer]:
    """Serve answers; what has none is 404."""
    asked: Counter[str] = Counter()
    headers: dict[str, Mapping[str, str]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script = answers.get(self.path, [Answer(status=404)])
            answer = script[min(asked[self.path], len(script) - 1)]
            asked[self.path] += 1
            headers[self.path] = {name.title(): value for name, value in self.headers.items()}
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) if answer.promised is None else answer.promised))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield ScriptedServer(f"http://127.0.0.1:{server.server_port}", answers, asked, headers)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
