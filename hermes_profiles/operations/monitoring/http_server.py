"""A small HTTP server for machines that ask: metrics and health. It answers GET and HEAD of known paths, in threads."""

from __future__ import annotations

import ipaddress
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hermes_profiles.model.errors import Failed, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.text import system_reason

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
_SECONDS = 10.0  # that a client may take for its request
_LARGEST_PORT = 65535


class Reply(NamedTuple):
    """The answer to a request."""

    status: int
    body: bytes
    content_type: str = TEXT


# Returns the answer to a request with this Accept header.
Route = Callable[[str], Reply]


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Return the address as a URL."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can reach it."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback


def address_of(text: str, option: str) -> Address:
    """Return the address of an option, `[HOST:]PORT`; without a host it is 127.0.0.1. Raises UsageProblem."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if port.isascii() and port.isdigit() and int(port) <= _LARGEST_PORT:
        try:
            if host != "localhost":
                ipaddress.ip_address(host)
            return Address(host, int(port))
        except ValueError:
            pass
    raise UsageProblem(
        f"{text!r} is no address with a port", target=option, hint=f"use `{option} 127.0.0.1:9188`, or another port"
    )


class _ProbeServer(ThreadingHTTPServer):
    """The server of the standard library without its look-up of a name, which can wait for a name server."""

    daemon_threads = True

    def server_bind(self) -> None:
        """Bind the address."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a client that went away is no fault."""


class _ProbeServer6(_ProbeServer):
    address_family = socket.AF_INET6


class HttpServer:
    """Serves routes on an address from the moment it is made, in a thread of its own. Raises Failed when it cannot."""

    def __init__(self, address: Address, routes: Mapping[str, Route]) -> None:
        kind = _ProbeServer6 if ":" in address.host else _ProbeServer
        try:
            self._server = kind((address.host, address.port), _handler(routes))
        except OSError as error:
            raise Failed(
                f"cannot listen on {address.host}:{address.port}: {system_reason(error)}",
                target=f"{address.host}:{address.port}",
                code="cannot-listen",
                hint="use another port; `ss -ltnp` shows which program has it",
            ) from error
        self.address = Address(address.host, self._server.server_port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(routes: Mapping[str, Route]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers one connection."""

        timeout = _SECONDS
        server_version = "hermes-profiles"
        sys_version = ""

        def do_GET(self) -> None:
            """Answer a request."""
            route = routes.get(self.path.partition("?")[0])
            if route is None:
                self._send(Reply(404, f"not found; this server has {', '.join(routes)}\n".encode()))
                return
            try:
                reply = route(self.headers.get("Accept") or "")
            except Exception as error:  # noqa: BLE001  one request that fails must not end the server
                reply = Reply(500, f"failed: {type(error).__name__}\n".encode())
            self._send(reply)

        do_HEAD = do_GET

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: a scraper asks every few seconds."""

    return Handler
