"""status and list: the gateways of a root."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import Targets
from hermes_profiles.cli.framework.place_option import InPlaces
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import ExitCode, Result, UsageProblem
from hermes_profiles.operations.context import command_at
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.monitoring.supervisor_check import supervisor_pid

# The modules that read and render a status are imported where it is read: `--place` needs none of them.
if TYPE_CHECKING:
    from hermes_profiles.cli.framework.prose import Block
    from hermes_profiles.operations.gateways.fleet_status import FleetStatus

_MULTIPLEX = "multiplex"
# Up to so many gateways, named one by one, are also asked for details.
_FEW = 5


@command(
    "status",
    examples=(
        "hermes-gateways status",
        "hermes-gateways status work family",
        "hermes-gateways status --json",
        "hermes-gateways status --quick --ignore-degraded",
        "hermes-gateways status --watch",
        "hermes-gateways status --place all",
        "hermes-gateways status --check",
    ),
    manager=True,
    view=("wide", "color"),
    places=InPlaces("hermes-gateways", "gateways", alone=("watch", "interval")),
)
def status(
    session: FleetSession,
    targets: Targets,
    quick: Annotated[bool, typer.Option("--quick", help="Do not query the API servers.")] = False,
    ignore_degraded: Annotated[
        bool, typer.Option("--ignore-degraded", help="Exit 0 also when a gateway runs without one of its channels.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it live until q is pressed.")] = False,
    interval: Annotated[
        float | None, typer.Option("--interval", metavar="SECONDS", help="Seconds between two updates (2).")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only ask whether the bundled supervisord answers: for probes of pods.")
    ] = False,
) -> Answer:
    """Show every gateway: state, process, memory, restarts, channels.

    Exit 3 when a gateway with a service is not running, or when one is degraded: it runs without one of its channels.
    `--check` reads no channel and no profile: exit 3 when supervisord does not answer.
    """
    if check:
        _refuse_beside_check(targets, quick, ignore_degraded, watch, interval is not None)
        return _supervisor_answer(session)
    from hermes_profiles.cli.render.gateways import status_data
    from hermes_profiles.operations.gateways.fleet_status import fleet_status

    selection = targets.selected(session)

    def look(session: FleetSession, only: Sequence[str] | None) -> FleetStatus:
        profiles = only if only is not None else targets.selected(session).profiles
        in_detail = selection.named and len(profiles) <= _FEW
        return fleet_status(session, profiles, ask_api=not quick, in_detail=in_detail)

    def answer(status: FleetStatus) -> Answer:
        fails = any(each.is_down or (each.is_degraded and not ignore_degraded) for each in status.gateways)
        code = ExitCode.NEGATIVE if fails else ExitCode.OK
        data = status_data(status)
        first = () if selection.named else tuple(_first_step(data, session.home_option))
        return Answer(status_result("status", status, data, code), lambda: [*_lines(data), *first])

    if not watch:
        if interval is not None:
            raise UsageProblem(
                "`--interval` needs `--watch`", target="--interval", hint="add `--watch` or remove `--interval`"
            )
        return answer(look(session, None))
    from hermes_profiles.cli.render.watch import watch_fleet

    return watch_fleet(session, look, answer, 2.0 if interval is None else interval)


def _refuse_beside_check(targets: Targets, *given: bool) -> None:
    if any((*given, targets.profiles, targets.excluded, targets.group)):
        raise UsageProblem(
            "`--check` takes no profiles and no other option", target="--check", hint="use `hermes-gateways status`"
        )


def _supervisor_answer(session: FleetSession) -> Answer:
    """Return whether supervisord answers, without reading profiles."""
    pid, reason = supervisor_pid(session)
    data = {"supervisor": {"answers": pid is not None, "pid": pid, "detail": reason or None}}
    code = ExitCode.OK if pid is not None else ExitCode.NEGATIVE
    return Answer(
        Result(("status",), data, exit_code=code),
        lambda: [
            f"supervisord answers, process {pid}" if pid is not None else f"supervisord does not answer: {reason}"
        ],
    )


@command(
    "list",
    examples=("hermes-gateways list", "hermes-gateways list --json", "hermes-gateways list --place all"),
    manager=True,
    view=("wide", "color"),
    places=InPlaces("hermes-gateways", "gateways"),
)
def list_gateways(
    session: FleetSession,
    targets: Targets,
) -> Answer:
    """List the gateways: profile, state, process, service."""
    from hermes_profiles.cli.render.gateways import status_data
    from hermes_profiles.operations.gateways.fleet_status import fleet_status

    selection = targets.selected(session)
    status = fleet_status(session, selection.profiles, ask_api=False, accounts=False)
    data = status_data(status, accounts=False)
    return Answer(status_result("list", status, data, ExitCode.OK), lambda: _short_lines(data))


def status_result(command: str, status: FleetStatus, data: dict[str, Any], code: ExitCode) -> Result:
    """Return the result of `status` or `list`: 4 when the service manager did not answer, else the code."""
    code = ExitCode.MANAGER if status.errors else code
    return Result((command,), data, warnings=list(status.warnings), errors=list(status.errors), exit_code=code)


def _lines(data: dict[str, Any]) -> Iterator[Block]:
    from hermes_profiles.cli.render.fleet_tables import gateway_lines

    return gateway_lines(data)


def _short_lines(data: dict[str, Any]) -> Iterator[Block]:
    from hermes_profiles.cli.render.fleet_tables import short_lines

    return short_lines(data)


def _first_step(data: dict[str, Any], home: str | None) -> Iterator[str]:
    """Yield the next step for a root without a service and without a gateway."""
    rows = data["gateways"]
    if rows and all(row["state"] == "stopped" and not row["service"]["installed"] for row in rows):
        yield ""
        command = command_at("hermes-gateways install --start", home)
        whose = "for all profiles" if data["topology"] == _MULTIPLEX else "for every profile"
        yield f"no profile has a service; `{command}` installs and starts one {whose}"
