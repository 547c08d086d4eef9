"""metrics: the state of the fleet for Prometheus."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import Targets
from hermes_profiles.cli.framework.prose import Verbatim
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import ExitCode, Problem, Result, UsageProblem
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.metrics.collect import FleetMetrics
from hermes_profiles.operations.metrics.exposition import open_metrics
from hermes_profiles.operations.metrics.names import METRICS
from hermes_profiles.operations.metrics.server import MetricsRequest, MetricsSource, serve_metrics
from hermes_profiles.operations.metrics.write_textfile import write_textfile
from hermes_profiles.operations.monitoring.http_server import address_of


@command(
    "metrics",
    examples=(
        "hermes-gateways metrics",
        "hermes-gateways metrics --doctor --textfile hermes.prom",
        "hermes-gateways metrics --listen 127.0.0.1:9188",
    ),
    manager=True,
)
def metrics(
    session: FleetSession,
    targets: Targets,
    doctor: Annotated[
        bool, typer.Option("--doctor", help="With the findings of the doctor (served: of the last five minutes).")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Do not query the API servers.")] = False,
    textfile: Annotated[
        str | None,
        typer.Option("--textfile", metavar="PATH", help="Write them to this file for node_exporter; it ends in .prom."),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="[HOST:]PORT",
            help="Serve /metrics and /healthz in the foreground; 127.0.0.1 without a host.",
        ),
    ] = None,
) -> Answer:
    """Print the metrics of the fleet as OpenMetrics text: states, restarts, memory, CPU, channels, conflicts, disk.

    With --listen, /healthz answers 503 when a gateway that is to run does not. SIGTERM and Ctrl-C end it with exit 0.
    """
    if listen is not None and (textfile is not None or session.as_json):
        other = "--textfile" if textfile is not None else "--json"
        raise UsageProblem(f"--listen and {other} exclude each other", target="--listen", hint="use one of them")
    names, excluded = tuple(targets.profiles or ()), tuple(targets.excluded or ())
    source = MetricsSource(session, MetricsRequest(names, excluded, targets.group, not quick, doctor))
    if listen is not None:
        return _serve(source, listen)
    found = source.metrics()
    code = ExitCode.MANAGER if found.errors else ExitCode.OK
    result = Result(("metrics",), _data(found), list(found.status.warnings), list(found.errors), code)
    if textfile is None:
        return Answer(result, lambda: map(Verbatim, open_metrics(found.samples, output.without_secrets).splitlines()))
    warnings = write_textfile(Path(textfile), found.samples, output.without_secrets)
    result.data |= {"path": textfile}
    result.warnings += warnings
    return Answer(result, lambda: [f"wrote {len(found.samples)} values to {textfile}"])


def _data(found: FleetMetrics) -> dict[str, Any]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for sample in found.samples:
        labels = dict(zip(sample.metric.labels, sample.labels, strict=True))
        rows.setdefault(sample.metric.name, []).append({"labels": labels, "value": float(sample.number)})
    known = {metric.name: metric for metric in METRICS}
    return {
        "metrics": [
            {"name": name, "type": str(known[name].kind), "help": known[name].help, "samples": samples}
            for name, samples in rows.items()
        ]
    }


def _serve(source: MetricsSource, listen: str) -> Answer:
    """Serve until a signal arrives."""
    address = address_of(listen, "--listen")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    source.metrics()  # what is wrong with the request is an error now
    server = serve_metrics(source, address, output.without_secrets)
    if not address.is_loopback:
        hint = "use `hermes-gateways metrics --listen 127.0.0.1:9188`, and a proxy with a password"
        text = f"other machines can reach {address.host}: there is no password"
        output.report_problem("warning", Problem("not-loopback", text, "--listen", hint))
    output.note(f"serving {server.address.url}/metrics and {server.address.url}/healthz; Ctrl-C ends it")
    ended.wait()
    server.close()
    return Answer(Result(("metrics",), {}), lambda: ())
