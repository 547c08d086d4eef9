"""The server of metrics: `/metrics` and `/healthz`, each request with values that are at most a second old."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.monitoring.fleet_health import health_reply
from hermes_profiles.operations.monitoring.http_server import Address, HttpServer, Reply

from .collect import Findings, FleetMetrics, collect_metrics, doctor_findings
from .exposition import Hide, encoded

# Seconds for which a collection, and a run of the doctor, is used again.
_FRESH, _DOCTOR = 1.0, 300.0
_OK = 200


class MetricsRequest(NamedTuple):
    """Which profiles are measured. `names`: none for all; `with_doctor`: with the findings of the doctor."""

    names: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    group: str | None = None
    ask_api: bool = True
    with_doctor: bool = False


class MetricsSource:
    """Collects metrics when they are asked for, from any thread; new profiles are included."""

    def __init__(
        self, session: FleetSession, request: MetricsRequest, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session, self._request, self._clock = session, request, clock
        self._lock = threading.Lock()
        self._last: FleetMetrics | None = None
        self._findings: Findings | None = None
        self._at = self._examined = 0.0

    def metrics(self) -> FleetMetrics:
        """Return the metrics; those of a second ago are used again."""
        with self._lock:
            if self._last is None or self._clock() - self._at >= _FRESH:
                self._last = self._collect()
                self._at = self._clock()
            return self._last

    def _collect(self) -> FleetMetrics:
        session, request = self._session.fresh(), self._request
        if request.with_doctor and (self._findings is None or self._clock() - self._examined >= _DOCTOR):
            self._findings, self._examined = doctor_findings(session.fresh()), self._clock()
        names = session.selection(request.names, request.excluded, request.group).profiles
        return collect_metrics(session, names, ask_api=request.ask_api, findings=self._findings)


def serve_metrics(source: MetricsSource, address: Address, hide: Hide) -> HttpServer:
    """Return a server of `/metrics` and `/healthz`. Raises Failed when it cannot listen."""

    def metrics(accept: str) -> Reply:
        content, content_type = encoded(source.metrics().samples, accept, hide)
        return Reply(_OK, content, content_type)

    return HttpServer(address, {"/metrics": metrics, "/healthz": lambda _: health_reply(source.metrics().status)})
