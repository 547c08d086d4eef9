"""Counted before they start, one gateway or many, and who answers on a port."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest

from hermes_profiles.fleet.memory_check import TYPICAL, available_memory, default_stagger, memory_warning
from hermes_profiles.gateways import health
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.topology import ALWAYS, Topology, configured, topology

MB = 10**6

# -- memory


@pytest.mark.parametrize(("count", "running", "available", "fits"), [
    (5, [], 5 * TYPICAL, True), (5, [], 5 * TYPICAL - 1, False), (0, [], 0, True),
    (2, [100 * MB, 300 * MB], 400 * MB, True), (2, [100 * MB, 300 * MB], 400 * MB - 1, False),
    (2, [None, 0, 300 * MB], 599 * MB, False), (2, [None, 0], 2 * TYPICAL, True),
])  # fmt: skip
def test_many_gateways_are_counted_before_they_start(
    count: int, running: list[int | None], available: int, fits: bool
) -> None:
    assert (memory_warning(count, running, available=available) is None) is fits


def test_the_warning_names_the_numbers_and_a_way_out() -> None:
    found = memory_warning(10, [200 * MB], available=1000 * MB)
    assert found is not None and found.code == "memory"
    assert found.message == "10 gateways need about 2000 MB (200 MB each), 1000 MB are free"
    assert found.hint is not None and "hermes-gateways" in found.hint


def test_the_memory_of_this_machine_is_some() -> None:
    assert available_memory() > 1 * MB


@pytest.mark.parametrize(("count", "seconds"), [(0, 0.0), (1, 0.0), (8, 0.0), (9, 0.5), (20, 0.5), (40, 0.25)])
def test_a_few_start_at_once_and_more_one_after_the_other(count: int, seconds: float) -> None:
    assert default_stagger(count) == seconds


def test_a_large_fleet_is_on_its_way_within_ten_seconds() -> None:
    assert all(count * default_stagger(count) <= 10 + 1e-9 for count in range(2000))
    assert all(later <= earlier for earlier, later in pairwise(default_stagger(count) for count in range(9, 500)))


# -- topology


@pytest.mark.parametrize(("config", "environment", "expected"), [
    ({}, {}, None),
    ({"gateway": {"multiplex_profiles": True}}, {}, True),
    ({"gateway": {"multiplex_profiles": False}}, {}, False),
    ({"multiplex_profiles": "yes"}, {}, True),
    ({"multiplex_profiles": False, "gateway": {"multiplex_profiles": True}}, {}, False),
    ({"gateway": {"multiplex_profiles": True}}, {"GATEWAY_MULTIPLEX_PROFILES": "0"}, False),
    ({"gateway": {"multiplex_profiles": False}}, {"GATEWAY_MULTIPLEX_PROFILES": " TRUE "}, True),
    ({"gateway": {"multiplex_profiles": True}}, {"GATEWAY_MULTIPLEX_PROFILES": "perhaps"}, True),
    ({"gateway": {"multiplex_profiles": True}}, {"GATEWAY_MULTIPLEX_PROFILES": ""}, True),
    ({"gateway": "on"}, {}, None), ({"gateway": None}, {}, None),
])  # fmt: skip
def test_whether_multiplexing_is_asked_for(
    config: dict[str, Any], environment: dict[str, str], expected: bool | None
) -> None:
    assert configured(config, environment) is expected


@pytest.mark.parametrize(("states", "asked", "version", "expected"), [
    ((GatewayState.RUNNING, GatewayState.STOPPED), None, None, Topology.PER_PROFILE),
    ((GatewayState.RUNNING, GatewayState.SERVED), None, None, Topology.MULTIPLEX),
    ((GatewayState.RUNNING, GatewayState.SERVED), False, None, Topology.MULTIPLEX),
    ((GatewayState.RUNNING,), True, None, Topology.MULTIPLEX),
    ((GatewayState.RUNNING,), False, None, Topology.PER_PROFILE),
    ((), None, (0, 19, 0), Topology.PER_PROFILE), ((), None, ALWAYS, Topology.MULTIPLEX),
    ((), None, (0, 21, 3), Topology.PER_PROFILE), ((), None, (1, 0), Topology.MULTIPLEX),
])  # fmt: skip
def test_what_is_seen_counts_more_than_what_is_written(
    states: tuple[GatewayState, ...], asked: bool | None, version: tuple[int, ...] | None, expected: Topology
) -> None:
    gateways = {str(number): Gateway(str(number), state) for number, state in enumerate(states)}
    assert topology(gateways, asked=asked, version=version) is expected


# -- health


@contextmanager
def server(status: int = 200, raw: bytes | None = None, together: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Serve `GET /health` on loopback; yields the port and the paths that were asked for.

    `together`: nobody is answered before so many have asked.
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
def test_a_server_that_answers_is_well(host: str) -> None:
    with server() as (port, asked):
        assert health.ask(health.Endpoint(host, port)) == (True, "")
    assert asked == ["/health"]


def test_a_server_that_is_unwell_says_so() -> None:
    with server(503) as (port, _):
        assert health.ask(health.Endpoint("127.0.0.1", port)) == (False, "GET /health answered 503")
        assert health.ask_url(f"http://127.0.0.1:{port}", timeout=5) == (False, "GATEWAY_HEALTH_URL answered 503")


@pytest.mark.parametrize("raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 x y\r\n\r\n"])
def test_what_is_no_http_is_no_health(raw: bytes) -> None:
    with server(raw=raw) as (port, _):
        for answer in (
            health.ask(health.Endpoint("127.0.0.1", port)), health.ask_url(f"http://127.0.0.1:{port}", timeout=5)
        ):  # fmt: skip
            assert not answer.healthy and answer.detail


@pytest.mark.parametrize("endpoint", [
    ("127.0.0.1", 0), ("127.0.0.1", 99999), ("127.0.0.1", -1), ("..", 80), ("a b", 80), ("x" * 300, 80),
    ("127.0.0.1\x00", 80),
])  # fmt: skip
def test_a_place_that_is_none_is_told_and_breaks_nothing(endpoint: tuple[str, int]) -> None:
    found = health.ask(health.Endpoint(*endpoint), timeout=0.3)
    assert not found.healthy and found.detail


def test_nobody_there_is_no_health() -> None:
    port = free_port()
    found = health.ask(health.Endpoint("127.0.0.1", port))
    assert not found.healthy and found.detail == f"127.0.0.1:{port}: connection refused"


def test_the_deaf_cost_one_wait_for_all_together(deaf: int) -> None:
    with server() as (port, _):
        places = {f"p{number}": health.Endpoint("127.0.0.1", deaf) for number in range(10)}
        found = health.ask_all({**places, "well": health.Endpoint("127.0.0.1", port)}, timeout=0.3)
    assert found["well"].healthy and list(found) == [*places, "well"]
    assert {found[name].detail for name in places} == {f"127.0.0.1:{deaf} did not answer in time"}
    assert health.ask_all({}) == {}


def test_all_are_asked_before_anyone_has_to_answer() -> None:
    names = [f"p{number}" for number in range(8)]
    with server(together=8) as (port, _):
        found = health.ask_all(dict.fromkeys(names, health.Endpoint("127.0.0.1", port)), timeout=20)
        assert all(each.healthy for each in found.values())
        found = health.ask_urls(dict.fromkeys(names, f"http://127.0.0.1:{port}"), timeout=20)
        assert all(each.healthy for each in found.values())


def test_gateways_elsewhere_are_told_dead_together(deaf: int) -> None:
    with server() as (port, _):
        urls = {f"p{number}": f"http://127.0.0.1:{deaf}" for number in range(10)}
        found = health.ask_urls({**urls, "well": f"http://127.0.0.1:{port}"}, timeout=0.3)
    assert found["well"].healthy
    assert {found[name].detail for name in urls} == {"GATEWAY_HEALTH_URL did not answer in time"}


@pytest.mark.parametrize(("path", "asked"), [
    ("", "/health"), ("/", "/health"), ("/health", "/health"), ("/health/", "/health/"), ("/gw", "/gw/health"),
])  # fmt: skip
def test_a_gateway_elsewhere_is_asked_at_its_address(path: str, asked: str) -> None:
    with server() as (port, paths):
        assert health.ask_url(f"http://127.0.0.1:{port}{path}", timeout=5).healthy
    assert paths == [asked]


@pytest.mark.parametrize("url", [
    "file:///etc/passwd", "ftp://host/", "", "host:8642", "http://127.0.0.1:port/", "http://[::1", "http://",
    "http://127.0.0.1:99999999/", "http://127.0.0.1/\x00", "http://127.0.0.1/a b",
])  # fmt: skip
def test_an_address_that_is_none_is_told_and_breaks_nothing(url: str) -> None:
    found = health.ask_url(url, timeout=0.2)
    assert not found.healthy and found.detail.startswith("GATEWAY_HEALTH_URL")
