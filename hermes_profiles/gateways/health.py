"""Health of API servers: `GET /health` needs no key, `GET /health/detailed` takes the key of the profile.

`/health` is sent over bare sockets, to all servers at once: `http.client` and a thread pool take 40 ms to load. An
answer to it does not identify the process. `/health/detailed` does, but it is slower, and each refused key becomes a
warning in the log of the listener (SERVICES.md 7), so only a few gateways are queried that way.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from hermes_profiles.hermes.environment import GATEWAY_HEALTH_URL
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret
from hermes_profiles.model.text import system_reason

TIMEOUT = 2.0
_LONGEST = 1024 * 1024
_REQUEST = b"GET %s/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_STATUS_LINE = 16  # "HTTP/1.1 200 OK" and more
_Place = TypeVar("_Place")
LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}  # noqa: S104  address to connect to


class Endpoint(NamedTuple):
    """Where an API server listens; `path`: below which it serves a profile, "" for its own."""

    host: str
    port: int
    path: str = ""


class HealthAnswer(NamedTuple):
    """Whether the server answered 200, and the reason where it did not."""

    healthy: bool
    detail: str = ""


def ask_all(endpoints: Mapping[str, Endpoint], *, timeout: float = TIMEOUT) -> dict[str, HealthAnswer]:
    """Return name → answer of its server. All are queried at once: dead ones take `timeout` seconds in total."""
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


def ask(endpoint: Endpoint, *, timeout: float = TIMEOUT) -> HealthAnswer:
    """Return the answer of one API server to `GET /health`."""
    return ask_all({"": endpoint}, timeout=timeout)[""]


class Detailed(NamedTuple):
    """The answer to `/health/detailed`: pid (None if absent) and the names of failed checks in `detail`."""

    healthy: bool
    detail: str = ""
    pid: int | None = None


def ask_detailed(endpoint: Endpoint, key: Secret[str], *, timeout: float = TIMEOUT) -> Detailed:
    """Return the answer of one API server to `GET /health/detailed` with a profile's key.

    A refused key means that another gateway or program has the port.
    """
    import json
    from http.client import HTTPConnection, HTTPException

    host = LOOPBACK.get(endpoint.host, endpoint.host)
    connection = HTTPConnection(host, endpoint.port, timeout=timeout)
    try:
        path = f"{endpoint.path}/health/detailed"
        connection.request("GET", path, headers={"Authorization": f"Bearer {key.reveal()}"})
        answer = connection.getresponse()
        if answer.status == 401:
            return Detailed(healthy=False, detail=f"the server on port {endpoint.port} refuses this profile's key")
        data = json.loads(answer.read(_LONGEST)) if answer.status == 200 else None
    except (OSError, HTTPException, ValueError) as error:
        return Detailed(healthy=False, detail=_error_text(error, f"{host}:{endpoint.port}"))
    finally:
        connection.close()
    if not isinstance(data, dict):
        return Detailed(healthy=False, detail=f"GET /health/detailed answered {answer.status}")
    pid = data.get("pid")
    return Detailed(healthy=True, detail=_failed_checks(data), pid=pid if isinstance(pid, int) else None)


def _failed_checks(data: Mapping[str, object]) -> str:
    """Return the names of the failed checks, "" without one."""
    readiness = data.get("readiness")
    checks = readiness.get("checks") if isinstance(readiness, dict) else None
    names = [
        str(name)
        for name, check in (checks.items() if isinstance(checks, dict) else ())
        if (check.get("status") if isinstance(check, dict) else check) not in ("ok", True)
    ]
    return f"failed checks: {', '.join(sorted(names))}" if names else ""


def ask_urls(urls: Mapping[str, str], *, timeout: float) -> dict[str, HealthAnswer]:
    """Return profile → answer of its remote gateway. All are queried at once."""
    return _query_all(urls, lambda url: ask_url(url, timeout=timeout))


def _query_all(places: Mapping[str, _Place], query: Callable[[_Place], HealthAnswer]) -> dict[str, HealthAnswer]:
    if not places:
        return {}
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(32, len(places))) as pool:
        return dict(zip(places, pool.map(query, places.values()), strict=True))


def ask_url(url: str, *, timeout: float) -> HealthAnswer:
    """Return the answer of a remote gateway (GATEWAY_HEALTH_URL); only http and https are queried."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    if not url.lower().startswith(("http://", "https://")):
        return HealthAnswer(healthy=False, detail="GATEWAY_HEALTH_URL is not an http address")
    target = url if url.rstrip("/").endswith("/health") else url.rstrip("/") + "/health"
    try:
        with urlopen(Request(target), timeout=timeout) as answer:  # noqa: S310  the scheme is checked above
            return _status_answer(int(answer.status), GATEWAY_HEALTH_URL)
    except HTTPError as error:
        with error:
            return _status_answer(error.code, GATEWAY_HEALTH_URL)
    except (OSError, HTTPException, ValueError) as error:  # ValueError: an invalid address
        return HealthAnswer(healthy=False, detail=_error_text(error, GATEWAY_HEALTH_URL))


def _status_answer(status: int, what: str) -> HealthAnswer:
    return HealthAnswer(status == 200, "" if status == 200 else f"{what} answered {status}")


def _error_text(error: Exception, place: str) -> str:
    cause = getattr(error, "reason", None)  # urllib wraps the error
    if isinstance(error, TimeoutError) or isinstance(cause, TimeoutError):
        return f"{place} did not answer in time"
    reason = getattr(error, "strerror", None) or getattr(cause, "strerror", None) or type(error).__name__
    return f"{place}: {str(reason).lower()}"


def _connect(endpoint: Endpoint) -> socket.socket | HealthAnswer:
    """Return a connecting socket, or the error."""
    host = LOOPBACK.get(endpoint.host, endpoint.host)
    try:
        if host == "127.0.0.1" and 0 < endpoint.port < 65536:  # the usual case; a name lookup takes 2 ms
            family, kind, address = socket.AF_INET, socket.SOCK_STREAM, (host, endpoint.port)
        else:
            family, kind, _, _, address = socket.getaddrinfo(host, endpoint.port, type=socket.SOCK_STREAM)[0]  # type: ignore[assignment]
        opened = socket.socket(family, kind)
    except OSError as error:
        return _failed(error, endpoint)
    except UnicodeError:  # from the codec of host names
        return HealthAnswer(healthy=False, detail=f"{_place(endpoint)}: not a host name")
    opened.setblocking(False)  # noqa: FBT003  positional in the standard library
    code = opened.connect_ex(address)
    if code in (0, errno.EINPROGRESS):
        return opened
    opened.close()
    return _failed(OSError(code, os.strerror(code)), endpoint)


def _serve(opened: socket.socket, endpoint: Endpoint, *, writable: bool) -> HealthAnswer | None:
    """Send the request or read the answer; None while the answer is pending."""
    try:
        if writable:
            code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                return _failed(OSError(code, os.strerror(code)), endpoint)
            opened.send(_REQUEST % endpoint.path.encode())
            return None
        return _judge_status_line(opened.recv(_STATUS_LINE), endpoint)
    except OSError as error:
        return _failed(error, endpoint)


def _judge_status_line(line: bytes, endpoint: Endpoint) -> HealthAnswer:
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/"):
        return HealthAnswer(healthy=False, detail=f"{_place(endpoint)} is not an HTTP server")
    status = rest[:3].decode("ascii", "replace")
    return HealthAnswer(status == "200", "" if status == "200" else f"GET /health answered {status}")


def _failed(error: OSError, endpoint: Endpoint) -> HealthAnswer:
    return HealthAnswer(healthy=False, detail=f"{_place(endpoint)}: {system_reason(error)}")


def _place(endpoint: Endpoint) -> str:
    return f"{LOOPBACK.get(endpoint.host, endpoint.host)}:{endpoint.port}"
