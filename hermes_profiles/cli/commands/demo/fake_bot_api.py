"""A stand-in for Telegram's Bot API on 127.0.0.1, so that the demo's gateways have a bot of their own."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_HOLD = 1.0  # how long a poll waits for news that never comes
_PATIENCE = 15.0


class Bot:
    """One bot, as a context manager; a gateway reaches it at `url/NAME/bot`, so each poller has a path of its own."""

    def __init__(self) -> None:
        self._polled: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._polled))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def pollers(self) -> list[str]:
        """Return who asked the bot for news, after a few polls have been seen."""
        deadline = time.monotonic() + _PATIENCE
        while len(self._polled) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        return sorted(set(self._polled))

    def __enter__(self) -> Bot:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def _answer(method: str) -> Any:
    if method == "getMe":
        return {"id": 7000000002, "is_bot": True, "first_name": "Demo", "username": "demo_stand_in_bot"}
    if method == "getWebhookInfo":
        return {"url": "", "has_custom_certificate": False, "pending_update_count": 0}
    if method == "getUpdates":
        time.sleep(_HOLD)
        return []
    return [] if method.startswith("get") else True


def _handler(polled: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            gateway, *_, method = self.path.partition("?")[0].strip("/").split("/")
            if method == "getUpdates":
                polled.append(gateway)
            content = json.dumps({"ok": True, "result": _answer(method)}).encode()
            try:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):  # the gateway was stopped
                self.close_connection = True

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing: the path has the token in it."""

    return Handler
