"""A stand-in for whatever gets alerts over HTTP: it answers, refuses or hangs, and remembers what it got."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback_server import LoopbackServer


class AlertReceiver(LoopbackServer):
    """The server, as a context manager. `mode`: `answer`, `refuse` (503), `slow` (answers once `released`), `hang`, or
    `lose` (takes it and closes without an answer); `got`: path, headers and body."""

    def __init__(self) -> None:
        self.mode = "answer"
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.asked, self.released = threading.Event(), threading.Event()
        super().__init__(_handler(self))

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Return the JSON bodies that were accepted."""
        return [json.loads(body) for _, _, body in self.got]


def _handler(receiver: AlertReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            receiver.asked.set()
            if receiver.mode in ("hang", "slow"):
                receiver.released.wait(30)
            if receiver.mode == "hang":
                return
            is_refused = receiver.mode == "refuse"
            if not is_refused:
                receiver.got.append((self.path, dict(self.headers), body))
            if receiver.mode == "lose":
                return
            self.send_response(503 if is_refused else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *arguments: object) -> None:
            """Log nothing: the path may be a secret."""

    return Handler
