"""Whether API servers answer on loopback: `GET /health`, which needs no key.

`/health/detailed` is asked only with a key the caller has: each refused key is a warning in the gateway's log
(SERVICES.md 7). An answer on a port proves that somebody listens there, not who: `hermes-gateways status` says so when
the gateway's own word differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

TIMEOUT = 2.0
_Place = TypeVar("_Place")
LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}  # noqa: S104  where a client knocks


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
    from . import loopback

    return loopback.ask_all(endpoints, timeout=timeout)


def ask(endpoint: Endpoint, *, timeout: float = TIMEOUT) -> Answer:
    """Return what one API server answers to `GET /health`."""
    return ask_all({"": endpoint}, timeout=timeout)[""]


def ask_urls(urls: Mapping[str, str], *, timeout: float) -> dict[str, Answer]:
    """Return profile → what its gateway elsewhere answers; all are asked at once, too."""
    return _at_once(urls, lambda url: ask_url(url, timeout=timeout))


def _at_once(places: Mapping[str, _Place], question: Callable[[_Place], Answer]) -> dict[str, Answer]:
    if not places:
        return {}
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(32, len(places))) as pool:
        return dict(zip(places, pool.map(question, places.values()), strict=True))


def ask_url(url: str, *, timeout: float) -> Answer:
    """Return what a gateway elsewhere answers (GATEWAY_HEALTH_URL); only http and https are asked."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    if not url.lower().startswith(("http://", "https://")):
        return Answer(healthy=False, detail="GATEWAY_HEALTH_URL is no http address")
    target = url if url.rstrip("/").endswith("/health") else url.rstrip("/") + "/health"
    try:
        with urlopen(Request(target), timeout=timeout) as answer:  # noqa: S310  the scheme was looked at
            return _judged(int(answer.status), "GATEWAY_HEALTH_URL")
    except HTTPError as error:
        with error:
            return _judged(error.code, "GATEWAY_HEALTH_URL")
    except (OSError, HTTPException, ValueError) as error:  # ValueError: an address that is none
        return Answer(healthy=False, detail=_words(error, "GATEWAY_HEALTH_URL"))


def _judged(status: int, what: str) -> Answer:
    return Answer(status == 200, "" if status == 200 else f"{what} answered {status}")


def _words(error: Exception, place: str) -> str:
    cause = getattr(error, "reason", None)  # urllib wraps what happened
    if isinstance(error, TimeoutError) or isinstance(cause, TimeoutError):
        return f"{place} did not answer in time"
    reason = getattr(error, "strerror", None) or getattr(cause, "strerror", None) or type(error).__name__
    return f"{place}: {str(reason).lower()}"
