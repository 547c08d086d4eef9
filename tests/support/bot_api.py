"""A stand-in for Telegram's Bot API on 127.0.0.1: it lets a gateway connect, and counts pollers.

A gateway uses it by `platforms.telegram.extra.base_url: <url>/<name>/bot`; the name identifies the gateway.
As at Telegram, a second poller of one token gets 409, and that is counted.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from loopback_server import LoopbackServer

_HOLD = 1.0  # seconds until an empty poll returns
_HANG = 600.0  # seconds without an answer, unless the mode changes
_REFUSALS = {
    "401": (401, "Unauthorized"),
    "429": (429, "Too Many Requests: retry after 5"),
    "429-600": (429, "Too Many Requests: retry after 600"),
    "502": (502, "Bad Gateway"),
    "false": (-200, "Unauthorized"),
}
NO_ANSWER = 0  # instead of a status: the connection is closed


class BotApi(LoopbackServer):
    """The server, as a context manager; `url` is its address.

    `modes`: gateway → how its calls are answered: "401", "429" (retry after 5 s), "429-600", "502", "false" (not ok,
    with status 200), "409" (polls alone), "hang" or "refuse" (the connection is closed). A gateway without a mode is
    served. `sent`: (gateway, text) of every message that a bot sent.
    """

    def __init__(self) -> None:
        self.modes: dict[str, str] = {}
        self._lock = threading.Lock()
        self._polling: dict[str, list[str]] = {}
        self._inbox: dict[str, list[dict[str, Any]]] = {}
        self._count = 0
        self.sent: list[tuple[str, str]] = []
        self.polls: Counter[str] = Counter()
        self.conflicts = 0
        self.most_at_once = 0
        super().__init__(_handler(self))

    def since(self, before: Counter[str]) -> dict[str, int]:
        """Return the number of polls of each gateway since an earlier copy of `polls`."""
        with self._lock:
            return dict(self.polls - before)

    def send(self, gateway: str, user: int, text: str) -> None:
        """Send a message of a user to the bot of a gateway."""
        with self._lock:
            self._count += 1
            person = {"id": user, "is_bot": False, "first_name": "Ana"}
            message = self._message(user, text) | {"from": person}
            self._inbox.setdefault(gateway, []).append({"update_id": self._count, "message": message})

    def _message(self, chat: int, text: str) -> dict[str, Any]:
        place = {"id": chat, "type": "private", "first_name": "Ana"}
        return {"message_id": self._count, "date": int(time.time()), "chat": place, "text": text}

    def answer(
        self, gateway: str, token: str, method: str, arguments: dict[str, Any], peer: int = 0
    ) -> tuple[int, Any]:
        """Return (status, result) of one call; `peer`: what `caller` returned for its connection."""
        refused = self.refusal(gateway, method)
        if refused is not None:
            return refused
        if method == "getMe":
            bot = {
                "id": int(token.partition(":")[0]),
                "is_bot": True,
                "first_name": "Stand-in",
                "username": "standin_bot",
            }
            return 200, {**bot, "can_join_groups": True, "supports_inline_queries": False}
        if method == "getUpdates":
            return self._poll(gateway, token, float(arguments.get("timeout") or 0))
        if method in ("sendMessage", "editMessageText"):
            with self._lock:
                self._count += 1
                self.sent.append((gateway, str(arguments.get("text"))))
                return 200, self._message(int(arguments["chat_id"]), str(arguments.get("text")))
        if method == "getWebhookInfo":
            return 200, {"url": "", "has_custom_certificate": False, "pending_update_count": 0}
        if method in ("getMyCommands", "getForumTopicIconStickers"):
            return 200, []
        return 200, True

    def refusal(self, gateway: str, method: str) -> tuple[int, Any] | None:
        """Return (status, result) of a call that the mode of its gateway refuses, None where it is served."""
        mode = self.modes.get(gateway)
        if mode in _REFUSALS:
            return _REFUSALS[mode]
        if mode == "hang":
            end = time.monotonic() + _HANG
            while self.modes.get(gateway) == mode and time.monotonic() < end:
                time.sleep(0.2)
        if mode in ("hang", "refuse"):
            return NO_ANSWER, None
        if mode == "409" and method == "getUpdates":
            return 409, "Conflict: terminated by other getUpdates request"
        return None

    def caller(self, port: int) -> int:
        """Return a number for the caller of a new connection; `port`: its own port."""
        return port

    def _poll(self, gateway: str, token: str, timeout: float) -> tuple[int, Any]:
        with self._lock:
            others = [one for one in self._polling.setdefault(token, []) if one != gateway]
            self._polling[token].append(gateway)
            self.most_at_once = max(self.most_at_once, len({*others, gateway}))
            self.conflicts += bool(others)
            self.polls[gateway] += 1
        try:
            if others:
                return 409, "Conflict: terminated by other getUpdates request"
            end = time.monotonic() + min(timeout, _HOLD)
            while not self._inbox.get(gateway) and time.monotonic() < end:
                time.sleep(0.05)
            return 200, self._inbox.pop(gateway, [])
        finally:
            with self._lock:
                if gateway in self._polling[token]:
                    self._polling[token].remove(gateway)


def _handler(api: BotApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self._caller = api.caller(self.client_address[1])

        def do_GET(self) -> None:
            self._serve(b"")

        def do_POST(self) -> None:
            self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def _serve(self, body: bytes) -> None:
            gateway, bot, method = self.path.strip("/").partition("?")[0].split("/")
            if self.headers.get_content_type() == "application/json":
                arguments = json.loads(body or b"{}")
            else:
                arguments = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
            status, result = api.answer(gateway, bot.removeprefix("bot"), method, arguments, self._caller)
            if status == NO_ANSWER:
                self.close_connection = True
                return
            answer: dict[str, Any] = {"ok": status == 200}
            answer |= {"result": result} if status == 200 else {"error_code": status, "description": result}
            if status == 429:
                answer["parameters"] = {"retry_after": int(result.rpartition(" ")[2])}
            content = json.dumps(answer).encode()
            try:
                self.send_response(abs(status))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):  # the gateway was stopped during the request
                self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:
            """Log nothing: the path contains the token."""

    return Handler
