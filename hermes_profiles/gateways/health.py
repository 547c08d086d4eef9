"""Whether API servers answer on loopback: `GET /health`, which needs no key.

`/health/detailed`, which also says who answers, is asked only of few gateways, with the key of the profile: it takes
longer, and each refused key is a warning in the log of whoever listens there (SERVICES.md 7). An answer to `/health`
proves that somebody listens, not who; `inventory` passes over servers that their own gateway calls dead.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from hermes_profiles.hermes.environment import GATEWAY_HEALTH_URL
from hermes_profiles.model.secret import Secret

TIMEOUT = 2.0
_LONGEST = 1024 * 1024
_REQUEST = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_STATUS_LINE = 16  # "HTTP/1.1 200 OK" and more
_Place = TypeVar("_Place")
LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}  # noqa: S104  where a client knocks


class Endpoint(NamedTuple):
    """Where an API server listens."""

    host: str
    port: int


class HealthAnswer(NamedTuple):
    """Whether the server said it is well, and what it said otherwise."""

    healthy: bool
    detail: str = ""


def ask_all(endpoints: Mapping[str, Endpoint], *, timeout: float = TIMEOUT) -> dict[str, HealthAnswer]:
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


def ask(endpoint: Endpoint, *, timeout: float = TIMEOUT) -> HealthAnswer:
    """Return what one API server answers to `GET /health`."""
    return ask_all({"": endpoint}, timeout=timeout)[""]


class Detailed(NamedTuple):
    """What a gateway says of itself: its pid (None when it does not say), and which of its checks are not well."""

    healthy: bool
    detail: str = ""
    pid: int | None = None


def ask_detailed(endpoint: Endpoint, key: Secret[str], *, timeout: float = TIMEOUT) -> Detailed:
    """Return what one API server answers to `GET /health/detailed` with a profile's key.

    A refused key means that the port is somebody else's: the key is that of the profile whose port it should be.
    """
    import json
    from http.client import HTTPConnection, HTTPException

    host = LOOPBACK.get(endpoint.host, endpoint.host)
    connection = HTTPConnection(host, endpoint.port, timeout=timeout)
    try:
        connection.request("GET", "/health/detailed", headers={"Authorization": f"Bearer {key.reveal()}"})
        answer = connection.getresponse()
        if answer.status == 401:
            return Detailed(healthy=False, detail=f"whoever listens on port {endpoint.port} refuses this profile's key")
        data = json.loads(answer.read(_LONGEST)) if answer.status == 200 else None
    except (OSError, HTTPException, ValueError) as error:
        return Detailed(healthy=False, detail=_words(error, f"{host}:{endpoint.port}"))
    finally:
        connection.close()
    if not isinstance(data, dict):
        return Detailed(healthy=False, detail=f"GET /health/detailed answered {answer.status}")
    pid = data.get("pid")
    return Detailed(healthy=True, detail=_unwell(data), pid=pid if isinstance(pid, int) else None)


def _unwell(data: Mapping[str, object]) -> str:
    """Return the names of checks that are not well; the server itself is, for it answered."""
    readiness = data.get("readiness")
    checks = readiness.get("checks") if isinstance(readiness, dict) else None
    names = [
        str(name)
        for name, check in (checks.items() if isinstance(checks, dict) else ())
        if (check.get("status") if isinstance(check, dict) else check) not in ("ok", True)
    ]
    return f"not well: {', '.join(sorted(names))}" if names else ""


def ask_urls(urls: Mapping[str, str], *, timeout: float) -> dict[str, HealthAnswer]:
    """Return profile → what its gateway elsewhere answers; all are asked at once, too."""
    return _at_once(urls, lambda url: ask_url(url, timeout=timeout))


def _at_once(places: Mapping[str, _Place], question: Callable[[_Place], HealthAnswer]) -> dict[str, HealthAnswer]:
    if not places:
        return {}
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(32, len(places))) as pool:
        return dict(zip(places, pool.map(question, places.values()), strict=True))


def ask_url(url: str, *, timeout: float) -> HealthAnswer:
    """Return what a gateway elsewhere answers (GATEWAY_HEALTH_URL); only http and https are asked."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    if not url.lower().startswith(("http://", "https://")):
        return HealthAnswer(healthy=False, detail="GATEWAY_HEALTH_URL is no http address")
    target = url if url.rstrip("/").endswith("/health") else url.rstrip("/") + "/health"
    try:
        with urlopen(Request(target), timeout=timeout) as answer:  # noqa: S310  the scheme was looked at
            return _judged(int(answer.status), GATEWAY_HEALTH_URL)
    except HTTPError as error:
        with error:
            return _judged(error.code, GATEWAY_HEALTH_URL)
    except (OSError, HTTPException, ValueError) as error:  # ValueError: an address that is none
        return HealthAnswer(healthy=False, detail=_words(error, GATEWAY_HEALTH_URL))


def _judged(status: int, what: str) -> HealthAnswer:
    return HealthAnswer(status == 200, "" if status == 200 else f"{what} answered {status}")


def _words(error: Exception, place: str) -> str:
    cause = getattr(error, "reason", None)  # urllib wraps what happened
    if isinstance(error, TimeoutError) or isinstance(cause, TimeoutError):
        return f"{place} did not answer in time"
    reason = getattr(error, "strerror", None) or getattr(cause, "strerror", None) or type(error).__name__
    return f"{place}: {str(reason).lower()}"


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
        return _judge_status_line(opened.recv(_STATUS_LINE), endpoint)
    except OSError as error:
        return _failed(error, endpoint)


def _judge_status_line(line: bytes, endpoint: Endpoint) -> HealthAnswer:
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/"):
        return HealthAnswer(healthy=False, detail=f"{_place(endpoint)} speaks no HTTP")
    status = rest[:3].decode("ascii", "replace")
    return HealthAnswer(status == "200", "" if status == "200" else f"GET /health answered {status}")


def _failed(error: OSError, endpoint: Endpoint) -> HealthAnswer:
    return HealthAnswer(healthy=False, detail=f"{_place(endpoint)}: {(error.strerror or str(error)).lower()}")


def _place(endpoint: Endpoint) -> str:
    return f"{LOOPBACK.get(endpoint.host, endpoint.host)}:{endpoint.port}"
