"""The metrics: values from a status, both text formats, the docs, the dashboard, the alert rules, the server."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from command_runner import REPOSITORY, Runner
from gateway_facts import NOW, at, facts, process, wrote
from gateway_root import GatewayRoot
from pages import text_of

from hermes_profiles.fleet.status import Conflict
from hermes_profiles.gateways.hermes_files import Heartbeat
from hermes_profiles.gateways.host.topology import Serving, Topology
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.gateways.processes import Usage, processes_of
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.model.errors import Problem, UsageProblem
from hermes_profiles.operations.gateways.fleet_status import FleetStatus, GatewayStatus, ReportedService
from hermes_profiles.operations.metrics.collect import Findings, FleetMetrics, Sample, fleet_samples
from hermes_profiles.operations.metrics.exposition import encoded, open_metrics, textfile
from hermes_profiles.operations.metrics.names import CHANNEL_STATE, METRICS, MetricKind
from hermes_profiles.operations.metrics.server import MetricsRequest, MetricsSource
from hermes_profiles.operations.monitoring.fleet_health import health_reply
from hermes_profiles.operations.monitoring.http_server import Address, HttpServer, Reply, address_of

SERVICE = ReportedService("systemd", "hermes-gateway", Path("/unit"), "user", True, True, "active")
PAGE = text_of("docs/reference/metrics.md")
DASHBOARD = json.loads(text_of("docs/examples/grafana-dashboard.json"))
RULES = text_of("docs/examples/prometheus-alerts.yml")


def as_it_is(texts: Sequence[str]) -> Sequence[str]:
    return texts


def fleet_of(*gateways: Gateway, conflicts: tuple[Conflict, ...] = (), errors: tuple[Problem, ...] = ()) -> FleetStatus:
    rows = tuple(GatewayStatus(each, SERVICE, False, ()) for each in gateways)
    return FleetStatus(Serving(Topology.PER_PROFILE), False, "systemd", rows, conflicts, (), (), errors)


def running(name: str = "work") -> Gateway:
    runtime = wrote(telegram=("connected", "", 30), slack=("fatal", "invalid_auth", 30), mail=("connecting", "", 1))
    seen = facts(process=process(), profile=name)._replace(
        runtime=runtime._replace(updated=at(30)),
        heartbeat=Heartbeat(42, at(10)),
        usage=Usage(9, 20, 1024, 3600.0, 12.5),
    )
    return resolve(seen)


def stopped(name: str = "night") -> Gateway:
    return resolve(facts(profile=name))


def values(status: FleetStatus, **more: Any) -> dict[tuple[str, ...], float]:
    return {(each.metric.name, *each.labels): float(each.number) for each in fleet_samples(status, NOW, **more)}


def test_samples_have_the_values_of_the_status() -> None:
    conflict = Conflict("telegram", ("work", "night"), "both poll one bot")
    found = values(fleet_of(running(), stopped(), conflicts=(conflict,)))
    assert (
        found["hermes_gateway_state", "work", "degraded"] == 1 and found["hermes_gateway_state", "work", "running"] == 0
    )
    assert found["hermes_gateway_up", "work"] == 1 and found["hermes_gateway_degraded", "work"] == 1
    assert found["hermes_gateway_up", "night"] == 0 and found["hermes_gateway_down", "night"] == 1
    assert found["hermes_gateway_cpu_seconds_total", "work"] == 12.5
    assert found["hermes_gateway_resident_memory_bytes", "work"] == 9
    assert found["hermes_gateway_open_files", "work"] == 20 and found["hermes_gateway_open_files_limit", "work"] == 1024
    assert found["hermes_gateway_state_age_seconds", "work"] == 30
    assert found["hermes_gateway_heartbeat_age_seconds", "work"] == 10
    assert found["hermes_gateway_channel_up", "work", "telegram"] == 1
    assert found["hermes_gateway_channel_up", "work", "slack"] == 0
    assert ("hermes_gateway_channel_up", "work", "mail") not in found
    assert found["hermes_gateway_channel_state", "work", "mail", "connecting"] == 1
    assert (
        found["hermes_gateway_conflicts",] == 1 and found["hermes_gateway_channel_conflict", "night", "telegram"] == 1
    )
    assert not [key for key in found if key[0].endswith("_bytes") and key[1:] == ("night",)], "no process, no memory"


def test_findings_and_a_silent_manager_are_metrics() -> None:
    found = values(fleet_of(errors=(Problem("no-manager", "gone"),)), findings=Findings((("error", 2),), NOW - 60))
    assert found["hermes_profiles_manager_up",] == 0 and found["hermes_profiles_doctor_findings", "error"] == 2
    assert found["hermes_profiles_doctor_age_seconds",] == 60


def test_age_of_a_record_of_an_earlier_process_is_absent() -> None:
    seen = facts(process=process(), runtime=wrote(pid=7)._replace(updated=at(5)), heartbeat=Heartbeat(7, at(5)))
    assert not [key for key in values(fleet_of(resolve(seen))) if key[0].endswith("_age_seconds")]


def test_both_formats_are_read_back_by_their_parsers() -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
    from prometheus_client.parser import text_string_to_metric_families as read_old

    samples = [*fleet_samples(fleet_of(running(), stopped('a"\n\\b')), NOW)]
    new, old = open_metrics(samples, as_it_is), textfile(samples, as_it_is).decode()
    assert new.endswith("# EOF\n") and "# EOF" not in old
    # node_exporter refuses a file with a type that the older format does not have.
    assert set(re.findall(r"^# TYPE \S+ (\S+)$", old, re.MULTILINE)) <= {"gauge", "counter"}
    wanted = {(each.metric.name, each.labels) for each in samples if each.metric.kind is not MetricKind.INFO}
    for families in (read_open(new), read_old(old)):
        read = [sample for family in families for sample in family.samples]
        found = {(each.name, tuple(each.labels.values())) for each in read if each.name != "hermes_profiles_info"}
        assert {(name, frozenset(labels)) for name, labels in found} == {(n, frozenset(ls)) for n, ls in wanted}
    assert "openmetrics" in encoded(samples, "application/openmetrics-text;version=1.0.0", as_it_is)[1]
    assert encoded(samples, "", as_it_is)[1].startswith("text/plain")


def test_labels_are_shown_without_secrets() -> None:
    def hide(texts: Sequence[str]) -> Sequence[str]:
        return [text.replace("CANARYtoken", "<hidden>") for text in texts]

    samples = [Sample(CHANNEL_STATE, ("work", "CANARYtoken", "fatal"), 1)]
    for text in (open_metrics(samples, hide), textfile(samples, hide).decode(), encoded(samples, "", hide)[0].decode()):
        assert "<hidden>" in text and "CANARY" not in text


# --- the docs ---


def test_page_describes_every_metric_with_type_and_labels() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| .+\|$", PAGE, re.MULTILINE)
    described = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert described == {each.name: (str(each.kind), each.labels) for each in METRICS}


def expressions() -> Iterator[str]:
    """Yield the queries of the dashboard and of the rules."""
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (each["definition"] for each in DASHBOARD["templating"]["list"] if "definition" in each)
    yield from re.findall(r"^ +expr: (.+)$", RULES, re.MULTILINE)


@pytest.mark.parametrize("query", [*expressions()])
def test_query_of_dashboard_and_rules_uses_existing_metrics_and_labels(query: str) -> None:
    known = {each.name: each.labels for each in METRICS}
    used = re.findall(r"\b(hermes_\w+)(?:\{([^}]*)\})?", query)
    assert used and not {name for name, _ in used} - set(known)
    for name, selector in used:
        assert set(re.findall(r"(\w+)=", selector)) <= set(known[name]), query


def test_rules_and_dashboard_name_existing_states_severities_and_labels() -> None:
    from hermes_profiles.gateways.model import GatewayState

    text = " ".join(expressions())
    assert set(re.findall(r'state="([^"]+)"', text)) <= set(GatewayState)
    assert len(re.findall(r"^ +- alert:", RULES, re.MULTILINE)) == len(re.findall(r"^ +command:", RULES, re.MULTILINE))
    assert set(re.findall(r"\$labels\.(\w+)", RULES)) == {"profile", "channel"}
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


# --- the command ---


def test_metrics_of_a_running_fleet(fleet: GatewayRoot, tmp_path: Path) -> None:
    fleet.gok("install", "work", "--start")
    (fleet.home("night") / ".env").write_text("TELEGRAM_BOT_TOKEN=7100000008:CANARYmetricsCANARYmetricsCANARY08\n")
    done = fleet.untouched_by("metrics")
    assert done.code == 0 and done.stdout.endswith("# EOF\n")
    assert 'hermes_gateway_up{profile="work"} 1.0' in done.stdout
    memory = re.search(r'hermes_gateway_resident_memory_bytes\{profile="work"\} (\S+)', done.stdout)
    assert memory is not None and float(memory[1]) > 1e6
    rows = {row["name"]: row for row in fleet.gok("metrics", "work", "--doctor", "--json").data["metrics"]}
    assert [each["labels"] for each in rows["hermes_gateway_up"]["samples"]] == [{"profile": "work"}]
    assert {each["labels"]["severity"] for each in rows["hermes_profiles_doctor_findings"]["samples"]} == {
        "error", "warning", "info",
    }  # fmt: skip
    assert rows["hermes_profiles_root_free_bytes"]["samples"][0]["value"] > 0
    path = tmp_path / "hermes.prom"
    fleet.gok("metrics", "--textfile", str(path))
    with path.open() as reader:  # node_exporter reads at any moment: it gets the whole of one writing
        fleet.gok("metrics", "--textfile", str(path))
        assert reader.read().endswith("\n") and os.fstat(reader.fileno()).st_nlink == 0
    assert path.stat().st_mode & 0o777 == 0o644 and "hermes_gateway_up" in path.read_text()
    assert os.listdir(tmp_path) == ["hermes.prom"], "no draft is left"
    odd = fleet.gok("metrics", "--textfile", str(tmp_path / "x.txt"), "--json")
    assert odd.json["warnings"][0]["code"] == "textfile-name"


def test_wrong_requests_are_refused(fleet: GatewayRoot, tmp_path: Path) -> None:
    assert fleet.gateways("metrics", "--listen", "1", "--json").code == 2
    assert fleet.gateways("metrics", "--listen", "example.org:1").code == 2
    missing = fleet.gateways("metrics", "--textfile", str(tmp_path / "no/x.prom"), "--json")
    assert missing.code == 5 and missing.problem["code"] == "no-folder"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = fleet.gateways("metrics", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        assert done.code == 1 and "cannot listen on" in done.stderr


def test_server_answers_until_it_is_ended(fleet: GatewayRoot) -> None:
    process = fleet.gateways_process("metrics", "--listen", "0")
    try:
        url = re.search(r"(http://127\.0\.0\.1:\d+)/metrics", process.stderr.readline().decode())[1]  # type: ignore[index]
        assert 'hermes_gateway_state{profile="work",state="stopped"} 1.0' in get(f"{url}/metrics")[1]
        assert get(f"{url}/healthz") == (200, '{"status": "ok", "down": [], "degraded": [], "manager": true}\n')
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0


def get(url: str, method: str = "GET") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_http_server_survives_a_route_that_fails() -> None:
    def broken(_accept: str) -> Reply:
        raise ValueError("CANARY")

    server = HttpServer(Address("127.0.0.1", 0), {"/ok": lambda accept: Reply(200, b"yes"), "/broken": broken})
    try:
        url = server.address.url
        assert get(f"{url}/broken") == (500, "failed: ValueError\n")
        assert get(f"{url}/ok?x=1") == (200, "yes") and get(f"{url}/ok", "HEAD") == (200, "")
        assert get(f"{url}/other")[0] == 404 and get(f"{url}/ok", "POST")[0] == 501
    finally:
        server.close()


def test_health_is_bad_only_when_a_gateway_is_down_or_the_manager_is_gone() -> None:
    assert health_reply(fleet_of()).status == 200
    degraded = health_reply(fleet_of(running()))
    assert degraded.status == 200 and json.loads(degraded.body)["degraded"] == ["work"]
    down = health_reply(fleet_of(running(), stopped()))
    assert down.status == 503 and json.loads(down.body)["down"] == ["night"]
    assert health_reply(fleet_of(errors=(Problem("no-manager", "gone"),))).status == 503


def test_source_uses_a_collection_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    source = MetricsSource(None, MetricsRequest(), lambda: now[0])  # type: ignore[arg-type]
    monkeypatch.setattr(source, "_collect", lambda: FleetMetrics((), fleet_of()))
    first = source.metrics()
    now[0] = 100.5
    assert source.metrics() is first
    now[0] = 101.5
    assert source.metrics() is not first


@pytest.mark.parametrize(("text", "address"), [
    ("9188", Address("127.0.0.1", 9188)), (":9188", Address("127.0.0.1", 9188)), ("[::1]:1", Address("::1", 1)),
    ("0.0.0.0:80", Address("0.0.0.0", 80)), ("localhost:80", Address("localhost", 80)),
])  # fmt: skip
def test_address_without_a_host_is_loopback(text: str, address: Address) -> None:
    assert address_of(text, "--listen") == address
    assert address.is_loopback == (address.host != "0.0.0.0")


@pytest.mark.parametrize("text", ["", "x", "127.0.0.1", "127.0.0.1:70000", "example.org:80", "1:²"])
def test_wrong_address_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageProblem):
        address_of(text, "--listen")


def test_cpu_seconds_of_a_process_are_read() -> None:
    table = processes_of(sys.platform)
    own = table.find(os.getpid())
    assert own is not None
    used = table.usage(own).cpu
    times = os.times()
    assert used is not None and abs(used - times.user - times.system) < 1.0


def test_status_does_not_load_the_library(runner: Runner) -> None:
    script = (
        "import sys\nfrom hermes_profiles.cli.gateways import run\n"
        "try: run(['status', '--json'])\nexcept SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith(('prometheus', 'http'))], file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=runner.environment, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
