"""One line of HTTP to many servers on loopback at once, over bare sockets.

`http.client` and a pool of threads take 40 ms to load, a third of a whole `status`; one line of each answer is all
that is read here.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Mapping

from .health import LOOPBACK, Endpoint, HealthAnswer

_REQUEST = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_STATUS_LINE = 16  # "HTTP/1.1 200 OK" and more


def ask_all(endpoints: Mapping[str, Endpoint], *, timeout: float) -> dict[str, HealthAnswer]:
    """Return name → what its server says; all are asked at once, so dead ones cost `timeout` seconds together."""
    answers: dict[str, HealthAnswer] = {}
    deadline = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        for name, endpoint in endpoints.items():
            opened = _connect(endpoint)
            if isinstance(opened, HealthAnswer):
                answers[name] = opened
            else:
                selector.register(opened, selectors.EVENT_WRITE, name)
        while selector.get_map():
            ready = selector.select(max(deadline - time.monotonic(), 0))
            if not ready:
                break
            for key, events in ready:
                answer = _serve(key.fileobj, endpoints[key.data], writable=bool(events & selectors.EVENT_WRITE))  # type: ignore[arg-type]
                if answer is None:
                    selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                else:
                    answers[key.data] = answer
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
        for key in list(selector.get_map().values()):
            answers[key.data] = HealthAnswer(
                healthy=False, detail=f"{_place(endpoints[key.data])} did not answer in time"
            )
            key.fileobj.close()  # type: ignore[union-attr]
    return {name: answers[name] for name in endpoints}


def _connect(endpoint: Endpoint) -> socket.socket | HealthAnswer:
    """Return a socket that is being connected, or what is wrong at once."""
    host = LOOPBACK.get(endpoint.host, endpoint.host)
    try:
        if host == "127.0.0.1" and 0 < endpoint.port < 65536:  # nearly always; a name takes 2 ms to look up
            family, kind, address = socket.AF_INET, socket.SOCK_STREAM, (host, endpoint.port)
        else:
            family, kind, _, _, address = socket.getaddrinfo(host, endpoint.port, type=socket.SOCK_STREAM)[0]  # type: ignore[assignment]
        opened = socket.socket(family, kind)
    except OSError as error:
        return _failed(error, endpoint)
    except UnicodeError:  # from the codec of host names
        return HealthAnswer(healthy=False, detail=f"{_place(endpoint)}: no name of a host")
    opened.setblocking(False)  # noqa: FBT003  the standard library takes it so
    code = opened.connect_ex(address)
    if code in (0, errno.EINPROGRESS):
        return opened
    opened.close()
    return _failed(OSError(code, os.strerror(code)), endpoint)


def _serve(opened: socket.socket, endpoint: Endpoint, *, writable: bool) -> HealthAnswer | None:
    """Send the question, or read the answer; None when there is more to wait for."""
    try:
        if writable:
            code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                return _failed(OSError(code, os.strerror(code)), endpoint)
            opened.send(_REQUEST)
            return None
        return _judged(opened.recv(_STATUS_LINE), endpoint)
    except OSError as error:
        return _failed(error, endpoint)


def _judged(line: bytes, endpoint: Endpoint) -> HealthAnswer:
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/"):
        return HealthAnswer(healthy=False, detail=f"{_place(endpoint)} speaks no HTTP")
    status = rest[:3].decode("ascii", "replace")
    return HealthAnswer(status == "200", "" if status == "200" else f"GET /health answered {status}")


def _failed(error: OSError, endpoint: Endpoint) -> HealthAnswer:
    return HealthAnswer(healthy=False, detail=f"{_place(endpoint)}: {(error.strerror or str(error)).lower()}")


def _place(endpoint: Endpoint) -> str:
    return f"{LOOPBACK.get(endpoint.host, endpoint.host)}:{endpoint.port}"
