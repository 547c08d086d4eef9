"""A stand-in for an ntfy server: it keeps streams of topics open, and tells subscribers apart by their processes.

Hermes has no lock for a topic: two gateways with one topic both answer each message.
"""

from __future__ import annotations

import contextlib
import json
import select
import threading
from http.server import BaseHTTPRequestHandler

from loopback_server import LoopbackServer
from process_polls import is_alive, pid_of_peer

_KEEPALIVE = 1.0


class TopicStreams(LoopbackServer):
    """The server, as a context manager; `doubles`: each time a second process subscribed to a topic."""

    def __init__(self) -> None:
        self.doubles: list[tuple[str, int, int]] = []
        self._lock = threading.Lock()
        self._streams: dict[str, list[int]] = {}
        super().__init__(_handler(self))

    def opened(self, topic: str, pid: int) -> None:
        """Note a stream that was opened."""
        with self._lock:
            others = {one for one in self._streams.setdefault(topic, []) if one != pid and is_alive(one)}
            self.doubles += [(topic, pid, other) for other in others]
            self._streams[topic].append(pid)

    def closed(self, topic: str, pid: int) -> None:
        """Note a stream that has ended."""
        with self._lock:
            self._streams[topic].remove(pid)

    def subscribers(self) -> set[int]:
        """Return the living processes with an open stream."""
        with self._lock:
            return {pid for pids in self._streams.values() for pid in pids if is_alive(pid)}


def _handler(streams: TopicStreams) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            topic = self.path.strip("/").partition("/")[0]
            pid = pid_of_peer(self.client_address[1], streams.port)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.end_headers()
            if not pid:
                return
            streams.opened(topic, pid)
            try:
                self._keep_open(topic)
            finally:
                streams.closed(topic, pid)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.end_headers()

        def _keep_open(self, topic: str) -> None:
            line = json.dumps({"id": "x", "event": "keepalive", "topic": topic}).encode() + b"\n"
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(line)
                    if select.select([self.connection], [], [], _KEEPALIVE)[0]:  # closed by the gateway
                        return

        def log_message(self, format: str, *arguments: object) -> None:
            """Log nothing: the path contains the topic."""

    return Handler
