"""Whether API servers answer on loopback: `GET /health`, which needs no key.

`/health/detailed` is asked only with a key the caller has: each refused key is a warning in the gateway's log
(SERVICES.md 7). An answer on a port proves that somebody listens there, not who: `hermes-gateways status` says so when
the gateway's own word differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

TIMEOUT = 2.0
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}  # noqa: S104  where a client knocks


class Endpoint(NamedTuple):
    """Where an API server listens."""

    host: str
    port: int


class Answer(NamedTuple):
    """Whether the server said it is well, and what it said otherwise."""

    healthy: bool
    detail: str = ""


def ask_all(endpoints: Mapping[str, Endpoint], *, timeout: float = TIMEOUT) -> dict[str, Answer]:
    """Return profile → answer; all are asked at once, so a dead one costs `timeout` seconds for all together."""
    if not endpoints:
        return {}
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(32, len(endpoints))) as pool:
        answers = pool.map(lambda each: ask(each, timeout=timeout), endpoints.values())
        return dict(zip(endpoints, answers, strict=True))


def ask(endpoint: Endpoint, *, timeout: float = TIMEOUT) -> Answer:
    """Return what one API server answers to `GET /health`."""
    from http.client import HTTPConnection, HTTPException

    host = _LOOPBACK.get(endpoint.host, endpoint.host)
    connection = HTTPConnection(host, endpoint.port, timeout=timeout)
    try:
        connection.request("GET", "/health")
        return _judged(connection.getresponse().status, "GET /health")
    except (OSError, HTTPException) as error:
        return Answer(healthy=False, detail=_words(error, f"{host}:{endpoint.port}"))
    finally:
        connection.close()


def ask_url(url: str, *, timeout: float) -> Answer:
    """Return what a gateway elsewhere answers (GATEWAY_HEALTH_URL); only http and https are asked."""
    from urllib.parse import urlsplit
    from urllib.request import Request, urlopen

    if urlsplit(url).scheme not in ("http", "https"):
        return Answer(healthy=False, detail="GATEWAY_HEALTH_URL is no http address")
    target = url if url.rstrip("/").endswith("/health") else url.rstrip("/") + "/health"
    try:
        with urlopen(Request(target), timeout=timeout) as answer:  # noqa: S310  the scheme was looked at
            return _judged(int(answer.status), "GATEWAY_HEALTH_URL")
    except OSError as error:
        return Answer(healthy=False, detail=_words(error, "GATEWAY_HEALTH_URL"))


def _judged(status: int, what: str) -> Answer:
    return Answer(status == 200, "" if status == 200 else f"{what} answered {status}")


def _words(error: Exception, place: str) -> str:
    if isinstance(error, TimeoutError):
        return f"{place} did not answer in time"
    reason = getattr(error, "strerror", None) or type(error).__name__
    return f"{place}: {str(reason).lower()}"
