"""`/health/detailed` says who answers on a port: only to who has the profile's key, and a refusal is an answer, too."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from test_truth_table import facts, process

from hermes_profiles.gateways import health
from hermes_profiles.gateways.model import Api
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.model.secret import Secret


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


def test_a_gateway_says_who_it_is_to_who_has_its_key() -> None:
    checks = {"state_db": {"status": "ok"}, "model": {"status": "degraded"}, "disk": {"status": "ok"}}
    with gateway({"pid": 42, "status": "degraded", "readiness": {"checks": checks}}) as place:
        assert health.ask_detailed(place, Secret("CANARY-key")) == (True, "not well: model", 42)


def test_a_refused_key_tells_that_the_port_is_somebody_elses() -> None:
    with gateway({"pid": 42}) as place:
        found = health.ask_detailed(place, Secret("CANARY-other"))
    assert not found.healthy and found.pid is None and "refuses this profile's key" in found.detail
    assert "CANARY" not in repr(found)


@pytest.mark.parametrize("answer", [[], 7, {}, {"pid": "x", "readiness": {"checks": [1]}}, {"readiness": 5}])
def test_an_answer_of_another_shape_says_nothing_of_the_pid(answer: object) -> None:
    with gateway(answer) as place:
        assert health.ask_detailed(place, Secret("CANARY-key")).pid is None


def test_another_process_on_the_port_is_told() -> None:
    own = resolve(facts(process=process(42), api=Api("127.0.0.1", 8642, healthy=True, pid=42)))
    other = resolve(facts(process=process(42), api=Api("127.0.0.1", 8642, healthy=True, pid=43)))
    assert not [text for text in own.disagreement if "port" in text]
    assert "on port 8642 answers process 43, which is not this gateway" in other.disagreement
