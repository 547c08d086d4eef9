"""A stand-in for an SMTP server: it takes messages, refuses, hangs, or loses the connection."""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes
from email.message import Message
from types import TracebackType
from typing import Self


class MailReceiver:
    """The server, as a context manager on a free port.

    `mode`: `answer`, `refuse` (550 for the message), `hang` (never greets) or `lose` (takes the message, never says
    so); `got`: the messages that it has taken.
    """

    def __init__(self) -> None:
        self.mode = "answer"
        self.got: list[Message] = []
        self.released = threading.Event()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """Return the port of the server."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def _handler(receiver: MailReceiver) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if receiver.mode == "hang":
                receiver.released.wait(30)
                return
            self._say("220 ready")
            while line := self.rfile.readline():
                command = line[:4].upper()
                if command == b"DATA" and not self._take():
                    return
                if command == b"QUIT":
                    self._say("221 bye")
                    return
                if command != b"DATA":
                    self._say("250 ok")

        def _take(self) -> bool:
            self._say("354 go on")
            lines = list(iter(self.rfile.readline, b".\r\n"))
            if receiver.mode == "refuse":
                self._say("550 no")
                return True
            receiver.got.append(message_from_bytes(b"".join(lines)))
            if receiver.mode == "lose":
                return False
            self._say("250 taken")
            return True

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    return Handler
