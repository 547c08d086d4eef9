"""API servers: `GET /health` on loopback and elsewhere, and `GET /health/detailed` with the key of the profile."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from gateway_facts import facts, process

from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.fleet.status import _elsewhere_on_loopback
from hermes_profiles.gateways import health
from hermes_profiles.gateways.model import Api
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.channels import ClaimedResources


@contextmanager
def server(status: int = 200, raw: bytes | None = None, together: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Serve `GET /health` on loopback; yields the port and the paths that were asked for.

    `together`: no request is answered before this many arrived.
    """
    barrier = threading.Barrier(together) if together else None
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if barrier is not None:
                barrier.wait(10)
            if raw is not None:
                self.wfile.write(raw)
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield found.server_address[1], asked
        finally:
            found.shutdown()
            thread.join(10)


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "", "0.0.0.0", "*"])
def test_health_200_is_healthy(host: str) -> None:
    with server() as (port, asked):
        assert health.ask(health.Endpoint(host, port)) == (True, "")
    assert asked == ["/health"]


def test_health_other_status_is_unhealthy() -> None:
    with server(503) as (port, _):
        assert health.ask(health.Endpoint("127.0.0.1", port)) == (False, "GET /health answered 503")
        assert health.ask_url(f"http://127.0.0.1:{port}", timeout=5) == (False, "GATEWAY_HEALTH_URL answered 503")


@pytest.mark.parametrize("raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 x y\r\n\r\n"])
def test_health_non_http_answer_is_unhealthy(raw: bytes) -> None:
    with server(raw=raw) as (port, _):
        for answer in (
            health.ask(health.Endpoint("127.0.0.1", port)), health.ask_url(f"http://127.0.0.1:{port}", timeout=5)
        ):  # fmt: skip
            assert not answer.healthy and answer.detail


@pytest.mark.parametrize("endpoint", [
    ("127.0.0.1", 0), ("127.0.0.1", 99999), ("127.0.0.1", -1), ("..", 80), ("a b", 80), ("x" * 300, 80),
    ("127.0.0.1\x00", 80),
])  # fmt: skip
def test_health_invalid_address_is_reported(endpoint: tuple[str, int]) -> None:
    found = health.ask(health.Endpoint(*endpoint), timeout=0.3)
    assert not found.healthy and found.detail


def test_health_closed_port_is_unhealthy() -> None:
    port = free_port()
    found = health.ask(health.Endpoint("127.0.0.1", port))
    assert not found.healthy and found.detail == f"127.0.0.1:{port}: connection refused"


def test_health_silent_servers_share_one_timeout(deaf: int) -> None:
    with server() as (port, _):
        places = {f"p{number}": health.Endpoint("127.0.0.1", deaf) for number in range(10)}
        found = health.ask_all({**places, "well": health.Endpoint("127.0.0.1", port)}, timeout=0.3)
    assert found["well"].healthy and list(found) == [*places, "well"]
    assert {found[name].detail for name in places} == {f"127.0.0.1:{deaf} did not answer in time"}
    assert health.ask_all({}) == {}


def test_health_queries_run_in_parallel() -> None:
    names = [f"p{number}" for number in range(8)]
    with server(together=8) as (port, _):
        found = health.ask_all(dict.fromkeys(names, health.Endpoint("127.0.0.1", port)), timeout=20)
        assert all(each.healthy for each in found.values())
        found = health.ask_urls(dict.fromkeys(names, f"http://127.0.0.1:{port}"), timeout=20)
        assert all(each.healthy for each in found.values())


def test_remote_health_silent_servers_share_one_timeout(deaf: int) -> None:
    with server() as (port, _):
        urls = {f"p{number}": f"http://127.0.0.1:{deaf}" for number in range(10)}
        found = health.ask_urls({**urls, "well": f"http://127.0.0.1:{port}"}, timeout=0.3)
    assert found["well"].healthy
    assert {found[name].detail for name in urls} == {"GATEWAY_HEALTH_URL did not answer in time"}


@pytest.mark.parametrize(("path", "asked"), [
    ("", "/health"), ("/", "/health"), ("/health", "/health"), ("/health/", "/health/"), ("/gw", "/gw/health"),
])  # fmt: skip
def test_remote_health_uses_the_given_path(path: str, asked: str) -> None:
    with server() as (port, paths):
        assert health.ask_url(f"http://127.0.0.1:{port}{path}", timeout=5).healthy
    assert paths == [asked]


@pytest.mark.parametrize("url", [
    "file:///etc/passwd", "ftp://host/", "", "host:8642", "http://127.0.0.1:port/", "http://[::1", "http://",
    "http://127.0.0.1:99999999/", "http://127.0.0.1/\x00", "http://127.0.0.1/a b",
])  # fmt: skip
def test_remote_health_invalid_url_is_reported(url: str) -> None:
    found = health.ask_url(url, timeout=0.2)
    assert not found.healthy and found.detail.startswith("GATEWAY_HEALTH_URL")


# -- /health/detailed


@contextmanager
def gateway(answer: object, key: str = "CANARY-key") -> Iterator[health.Endpoint]:
    """Serve `GET /health/detailed` to who has the key."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.headers.get("Authorization") == f"Bearer {key}" and self.path == "/health/detailed"
            content = json.dumps(answer).encode() if allowed else b"{}"
            self.send_response(200 if allowed else 401)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield health.Endpoint("127.0.0.1", found.server_address[1])
        finally:
            found.shutdown()
            thread.join(10)


def test_detailed_health_reports_pid_and_failed_checks() -> None:
    checks = {"state_db": {"status": "ok"}, "model": {"status": "degraded"}, "disk": {"status": "ok"}}
    with gateway({"pid": 42, "status": "degraded", "readiness": {"checks": checks}}) as place:
        assert health.ask_detailed(place, Secret("CANARY-key")) == (True, "failed checks: model", 42)


def test_detailed_health_refused_key_is_unhealthy() -> None:
    with gateway({"pid": 42}) as place:
        found = health.ask_detailed(place, Secret("CANARY-other"))
    assert not found.healthy and found.pid is None and "refuses this profile's key" in found.detail
    assert "CANARY" not in repr(found)


@pytest.mark.parametrize("answer", [[], 7, {}, {"pid": "x", "readiness": {"checks": [1]}}, {"readiness": 5}])
def test_detailed_health_unknown_answer_has_no_pid(answer: object) -> None:
    with gateway(answer) as place:
        assert health.ask_detailed(place, Secret("CANARY-key")).pid is None


def test_detailed_health_pid_of_another_process_is_a_disagreement() -> None:
    own = resolve(facts(process=process(42), api=Api("127.0.0.1", 8642, healthy=True, pid=42)))
    other = resolve(facts(process=process(42), api=Api("127.0.0.1", 8642, healthy=True, pid=43)))
    assert not [text for text in own.disagreement if "port" in text]
    assert "process 43 answers on port 8642, which is not this gateway" in other.disagreement


def test_server_of_every_address_that_answers_on_ipv6_alone_is_found_there() -> None:
    """`API_SERVER_HOST=::` listens without IPv4: its gateway was degraded for ever."""
    held = ClaimedResources(ports=(PortClaim("api_server", 0, "*"),))
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with listener:
        place = health.Endpoint("127.0.0.1", listener.getsockname()[1])
        answering = threading.Thread(target=_answer_once, args=(listener,), daemon=True)
        answering.start()
        first = health.ask_all({"a": place})
        found = _elsewhere_on_loopback({"a": place}, first, {"a": held})
        answering.join(10)
    assert not first["a"].healthy and found == {"a": place._replace(host="::1")}
    narrow = ClaimedResources(ports=(PortClaim("api_server", 0, "127.0.0.1"),))
    assert _elsewhere_on_loopback({"a": place}, first, {"a": narrow}) == {}


def _answer_once(listener: socket.socket) -> None:
    listener.settimeout(10)
    connection, _ = listener.accept()
    with connection:
        connection.recv(1 << 12)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
