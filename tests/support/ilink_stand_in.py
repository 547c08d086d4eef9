"""A stand-in for WeChat's iLink bot API and for a model, both on 127.0.0.1.

A gateway uses it by WEIXIN_BASE_URL, its model by `model.base_url: <url>/v1`. An account is identified by its token,
the bearer of every request; polls, received and sent messages are recorded for each account. The model's answer lists
its input: `heard say-WORD · persona NAME · skills A,B · turns N`. For `use-tool NAME {…}` it first calls that tool of
Hermes, and lists the skills in its result: `· tool A,B`. For `take-time` it waits for SLOW seconds.
`auth.test` answers as Slack's API does.
"""

from __future__ import annotations

import json
import re
import select
import socket
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

_STEP = 0.1  # interval at which a waiting poll checks for a closed connection
_EXPIRED = -14  # errcode of an expired token (gateway/platforms/weixin.py, SESSION_EXPIRED_ERRCODE)
# Names of messages, personas and skills in tests, by which the model finds them in its prompt.
WORD = re.compile(r"\b(say-[a-z0-9-]+)")
SLOW = 4.0
TOOL = re.compile(r"\buse-tool (\w+) (\{.*\})")
PERSONA = re.compile(r"\bpersona-of-([a-z0-9-]+)")
SKILL = re.compile(r"\bskill-of-([a-z0-9-]+)")


class Sent(NamedTuple):
    """A message sent by an account."""

    to: str
    text: str
    context: str


class Scan(NamedTuple):
    """The result of a scan: an account of a user. Without `account` the code expires."""

    account: str
    token: str
    user: str
    base_url: str = ""


class Ilink:
    """The server, as a context manager; `url` is its address. `hold`: seconds until an empty poll returns."""

    def __init__(self, *, hold: float = 1.0) -> None:
        self._hold = hold
        self._news = threading.Condition()
        self._inbox: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._count = 0
        self._closing = False
        self._codes: dict[str, deque[dict[str, Any]]] = {}
        self._scans: deque[Scan] = deque()
        self.polls: Counter[str] = Counter()
        self.polling: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self.first_poll: dict[str, float] = {}
        self.cursors: dict[str, str] = {}  # cursor of the first poll of each account
        self.sent: defaultdict[str, list[Sent]] = defaultdict(list)
        self.typed: defaultdict[str, set[str]] = defaultdict(set)
        self.expired: set[str] = set()
        self.asked: list[dict[str, Any]] = []
        self.unknown: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Return the address of the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Ilink:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._news:
            self._closing = True
            self._news.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def send(self, token: str, sender: str, text: str) -> None:
        """Send a message of a user to an account."""
        with self._news:
            self._count += 1
            self._inbox[token].append(
                {
                    "from_user_id": sender, "to_user_id": "", "message_id": f"m{self._count}", "message_type": 1,
                    "context_token": f"context-of-{sender}-at-{token}",
                    "item_list": [{"type": 1, "text_item": {"text": text}}],
                }
            )  # fmt: skip
            self._news.notify_all()

    def will_scan(self, *scans: Scan) -> None:
        """Let these users scan the next codes, one each; later codes are not scanned."""
        with self._news:
            self._scans.extend(scans)

    def wait(self, check: Callable[[], bool], patience: float) -> bool:
        """Wait until a condition on the recorded requests holds; returns whether it does."""
        with self._news:
            return self._news.wait_for(check, patience)

    def answers(self, token: str, to: str) -> list[str]:
        """Return the model's answers to a user through an account, without notices of Hermes."""
        return [
            " ".join(each.text.split()) for each in list(self.sent[token])
            if each.to == to and each.text.startswith("heard ")
        ]  # fmt: skip

    def reset(self) -> None:
        """Reset the counters; pending polls continue."""
        with self._news:
            for counted in (self.polls, self.most_at_once, self.first_poll, self.sent, self.asked, self.typed):
                counted.clear()

    def answer(self, path: str, query: dict[str, list[str]], token: str, request: Any, caller: socket.socket) -> Any:
        """Return the answer to one request."""
        name = path.rpartition("/")[2]
        if name == "getupdates":
            self.cursors.setdefault(token, str(request.get("get_updates_buf")))
            return self._poll(token, caller)
        if name == "sendmessage":
            return self._send(token, request["msg"])
        if name == "getconfig":
            return {"ret": 0, "typing_ticket": f"ticket-{request.get('ilink_user_id')}"}
        if name == "sendtyping":
            with self._news:
                self.typed[token].add(str(request.get("ilink_user_id")))
            return {"ret": 0}
        if name == "get_bot_qrcode":
            return self._code()
        if name == "get_qrcode_status":
            return self._status(query.get("qrcode", [""])[0])
        if name == "completions":
            return self._complete(request)
        if name == "auth.test":
            return {"ok": True, "user": "work_bot", "team": "Home", "bot_id": "B2"}
        if name == "models":
            return {"object": "list", "data": [{"id": "stand-in", "object": "model", "context_length": 128000}]}
        with self._news:
            self.unknown.append(path)
        return {"ret": 0}

    def _poll(self, token: str, caller: socket.socket) -> dict[str, Any]:
        deadline = time.monotonic() + self._hold
        with self._news:
            self.polls[token] += 1
            self.polling[token] += 1
            self.most_at_once[token] = max(self.most_at_once[token], self.polling[token])
            self.first_poll.setdefault(token, time.monotonic())
            self._news.notify_all()
            try:
                if token in self.expired:
                    return {"ret": _EXPIRED, "errcode": _EXPIRED, "errmsg": "session timeout"}
                while not self._inbox[token] and not self._closing and time.monotonic() < deadline:
                    if _is_gone(caller):
                        raise ConnectionResetError
                    self._news.wait(min(_STEP, max(0.0, deadline - time.monotonic())))
                messages, self._inbox[token] = self._inbox[token], []
                return {
                    "ret": 0, "msgs": messages, "get_updates_buf": f"until-{self._count}",
                    "longpolling_timeout_ms": int(self._hold * 1000) + 20_000,
                }  # fmt: skip
            finally:
                self.polling[token] -= 1

    def _send(self, token: str, message: dict[str, Any]) -> dict[str, Any]:
        text = "".join(item.get("text_item", {}).get("text", "") for item in message["item_list"])
        with self._news:
            self.sent[token].append(Sent(message["to_user_id"], text, message.get("context_token", "")))
            self._news.notify_all()
        return {"ret": 0}

    def _code(self) -> dict[str, Any]:
        with self._news:
            code = f"code{len(self._codes) + 1}"
            scan = self._scans.popleft() if self._scans else None
            states: deque[dict[str, Any]] = deque([{"status": "wait"}])
            if scan is not None and not scan.account:
                states.append({"status": "expired"})
            elif scan is not None:
                states += [{"status": "scaned"}, self._confirmed(scan)]
            self._codes[code] = states
        return {"qrcode": code, "qrcode_img_content": f"https://example.invalid/{code}"}

    def _confirmed(self, scan: Scan) -> dict[str, Any]:
        return {
            "status": "confirmed", "ilink_bot_id": scan.account, "bot_token": scan.token,
            "ilink_user_id": scan.user, "baseurl": scan.base_url or self.url,
        }  # fmt: skip

    def _status(self, code: str) -> dict[str, Any]:
        with self._news:
            states = self._codes.get(code)
            if states is None:
                return {"status": "expired"}
            return states.popleft() if len(states) > 1 else states[0]

    def _complete(self, request: dict[str, Any]) -> dict[str, Any]:
        system = "\n".join(_text(each) for each in request["messages"] if each["role"] in ("system", "developer"))
        turns = [_text(each) for each in request["messages"] if each["role"] == "user"]
        with self._news:
            self.asked.append(request)
        last = turns[-1] if turns else ""
        if "take-time" in last:
            time.sleep(SLOW)
        wanted, result = TOOL.search(last), request["messages"][-1]
        reason, message = "stop", {"role": "assistant", "content": ""}
        if wanted is not None and result["role"] != "tool":
            call = {"name": wanted[1], "arguments": wanted[2]}
            reason = "tool_calls"
            message["tool_calls"] = [
                {"index": 0, "id": f"call-{len(self.asked)}", "type": "function", "function": call}
            ]
        else:
            message["content"] = (
                f"heard {','.join(WORD.findall(last)[-1:]) or 'nothing'} · persona {_named(PERSONA, system)} · "
                f"skills {_named(SKILL, system)} · turns {len(turns)}"
            )
            if result["role"] == "tool":
                message["content"] += f" · tool {_named(SKILL, _text(result))}"
        choice = {"index": 0, "finish_reason": reason, "message": message}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        model = request.get("model")
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [choice],
            "usage": usage,
        }


def _named(pattern: re.Pattern[str], text: str) -> str:
    return ",".join(sorted(set(pattern.findall(text)))) or "none"


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def _is_gone(caller: socket.socket) -> bool:
    """Return whether the client has closed its connection, as a stopped gateway does."""
    readable, _, _ = select.select([caller], [], [], 0)
    return bool(readable) and not caller.recv(1, socket.MSG_PEEK)


def _streamed(answer: dict[str, Any]) -> bytes:
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": answer["model"]}
    choice = answer["choices"][0]
    deltas = [(choice["message"], None), ({}, choice["finish_reason"])]
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]} for delta, reason in deltas
    ]  # fmt: skip
    return b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks) + b"data: [DONE]\n\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not report closed connections."""


def _handler(api: Ilink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve(b"")

        def do_POST(self) -> None:
            self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def _serve(self, body: bytes) -> None:
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            request = json.loads(body or b"{}")
            parts = urlsplit(self.path)
            try:
                answer = api.answer(parts.path, parse_qs(parts.query), token, request, self.connection)
                is_stream = bool(request.get("stream")) and "choices" in answer
                content = _streamed(answer) if is_stream else json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream" if is_stream else "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:  # the gateway was stopped during the poll
                self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:
            """Log nothing: requests contain tokens."""

    return Handler
