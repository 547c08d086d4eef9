"""alert: where a message is sent when a gateway is down, and when."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from hermes_profiles.alerts.model import AFTER, EVERY, LIMIT, DestinationKind
from hermes_profiles.cli.framework.command import command, command_group
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.place_option import InPlaces
from hermes_profiles.cli.framework.prompt import read_value
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.alerts import alerts_answer
from hermes_profiles.logs.filters import seconds_of
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.monitoring import alerts as operations

_HOURS = lazy_pattern(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)")
_PLACES = InPlaces("hermes-gateways", "alerts", limit=120.0)
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Alerts, as `alert list` names them.")]


class AlertAddress(NamedTuple):
    """The options of which one says how an alert is sent."""

    webhook: Annotated[
        str | None,
        typer.Option("--webhook", metavar="URL", help="Send JSON to this URL; `-` reads the URL from stdin."),
    ] = None
    exec_: Annotated[
        str | None, typer.Option("--exec", metavar="COMMAND", help="Run this program; the text is its standard input.")
    ] = None
    apprise: Annotated[
        str | None,
        typer.Option("--apprise", metavar="URL", help="A URL of Apprise: ntfy, Telegram, e-mail …; `-` reads it."),
    ] = None
    hermes: Annotated[
        str | None,
        typer.Option("--hermes", metavar="PROFILE:CHANNEL", help="Send by `hermes send`, through this account."),
    ] = None
    heartbeat: Annotated[
        str | None,
        typer.Option("--heartbeat", metavar="URL", help="Call this URL while the watcher lives; `-` reads it."),
    ] = None

    def given(self) -> tuple[DestinationKind, str]:
        """Return the kind and the address. Raises UsageProblem unless one is given."""
        named = zip(
            (
                DestinationKind.WEBHOOK,
                DestinationKind.EXEC,
                DestinationKind.APPRISE,
                DestinationKind.HERMES,
                DestinationKind.HEARTBEAT,
            ),
            self,
            strict=True,
        )
        found = [(kind, address) for kind, address in named if address is not None]
        if len(found) != 1:
            options = ", ".join(f"--{kind}" for kind in DestinationKind)
            raise UsageProblem(
                f"an alert needs one of {options}",
                hint="try it with `hermes-gateways alert add --webhook https://HOST/PATH`",
            )
        return found[0]


def _read_address(address: AlertAddress) -> tuple[DestinationKind, str, bool]:
    """Return the kind, the address, and whether it was typed or piped. Raises UsageProblem."""
    kind, text = address.given()
    is_argument = text != "-"
    if not is_argument:
        if kind is DestinationKind.EXEC or kind is DestinationKind.HERMES:
            raise UsageProblem(f"--{kind} takes no `-`", target=f"--{kind}", hint=f"use `--{kind} VALUE`")
        how = f"pipe it in: `hermes-gateways alert add --{kind} - < FILE`"
        text = read_value(f"the URL of --{kind}", secret=True, hint=how).strip()
    operations.check_address(kind, text, is_argument=is_argument)
    return kind, text, not is_argument


def _address_for_a_place(values: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the values for a place, and the address as its standard input if it was typed or piped here."""
    _, text, is_typed = _read_address(AlertAddress(*(values[name] for name in AlertAddress._fields)))
    return values, f"{text}\n".encode() if is_typed else b""


@command(
    "alert",
    "add",
    examples=(
        "hermes-gateways alert add --webhook https://ops.example.org/hook",
        "hermes-gateways alert add phone --apprise - < ntfy-url.txt",
        "hermes-gateways alert add --exec /usr/local/bin/page-me --after 30m",
        "hermes-gateways alert add --hermes default:telegram --quiet 23:00-07:00",
        "hermes-gateways alert add --heartbeat - --every 5m < ping-url.txt",
    ),
    places=_PLACES._replace(prepare=_address_for_a_place),
)
def add(
    session: FleetSession,
    address: AlertAddress,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A name for it (default: its kind).")] = None,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="TIME", help="Send what lasts so long (1m); 30m for an escalation."),
    ] = None,
    quiet: Annotated[
        str | None,
        typer.Option("--quiet", metavar="HH:MM-HH:MM", help="Send nothing in these hours; it is sent after."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most N messages an hour.")] = LIMIT,
    every: Annotated[
        str | None, typer.Option("--every", metavar="TIME", help="How often a heartbeat is called (5m).")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="PROFILE", help="Only about this profile.")
    ] = None,
    dry_run: DryRun = False,
) -> Answer:
    """Send an alert when a gateway or channel is down, and one when it works again.

    A URL that holds a password, a token or an id is typed or piped (`-`), never an argument.
    """
    kind, text, _ = _read_address(address)
    destination = operations.made_destination(
        name,
        kind,
        text,
        seconds_of(after, "--after") if after is not None else AFTER,
        _hours(quiet) if quiet is not None else None,
        limit,
        seconds_of(every, "--every") if every is not None else EVERY,
        only or (),
    )
    return alerts_answer("add", operations.add_alert(session, destination, dry_run=dry_run))


def _hours(text: str) -> tuple[int, int]:
    """Return two minutes of the day. Raises UsageProblem."""
    found = _HOURS.fullmatch(text.strip())
    hours = [int(part) for part in found.groups()] if found is not None else []
    if not hours or hours[0] > 23 or hours[2] > 24 or hours[1] > 59 or hours[3] > 59:
        raise UsageProblem(
            f"--quiet {text!r} is not a span of hours", target="--quiet", hint="use `--quiet 23:00-07:00`"
        )
    return hours[0] * 60 + hours[1], (hours[2] * 60 + hours[3]) % (24 * 60)


@command("alert", "list", examples=("hermes-gateways alert list", "hermes-gateways alert list --json"), places=_PLACES)
def list_destinations(session: FleetSession) -> Answer:
    """List where alerts are sent, and whether they arrive; a secret in an address is not shown."""
    return alerts_answer("list", operations.list_alerts(session))


@command(
    "alert",
    "test",
    examples=("hermes-gateways alert test", "hermes-gateways alert test phone"),
    places=_PLACES,
)
def test(session: FleetSession, names: Names = None, dry_run: DryRun = False) -> Answer:
    """Send a test message now, to all or to the named; exit 1 where one does not arrive."""
    return alerts_answer("test", operations.test_alerts(session, names or (), dry_run=dry_run))


@command(
    "alert",
    "mute",
    examples=(
        "hermes-gateways alert mute --for 2h",
        "hermes-gateways alert mute phone",
        "hermes-gateways alert mute --off",
    ),
    places=_PLACES,
)
def mute(
    session: FleetSession,
    names: Names = None,
    span: Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 30m, 2h, 1d.")] = "1h",
    off: Annotated[bool, typer.Option("--off", help="Send again.")] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Send no alert for some time. What is still down at its end is sent then; heartbeats go on unless named."""
    until = 0.0 if off else time.time() + seconds_of(span, "--for")
    return alerts_answer("mute", operations.mute_alerts(session, names or (), until, dry_run=dry_run))


@command(
    "alert",
    "remove",
    examples=("hermes-gateways alert remove phone", "hermes-gateways alert remove phone --dry-run"),
    places=_PLACES,
)
def remove(
    session: FleetSession,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Alerts, as `alert list` names them.")],
    dry_run: DryRun = False,
) -> Answer:
    """Remove alerts, with what waits to be sent to them. Their addresses are deleted for good."""
    return alerts_answer("remove", operations.remove_alerts(session, names, dry_run=dry_run))


app = command_group(
    "Send a message when a gateway is down, and when it works again.",
    {
        "add": add,
        "list": list_destinations,
        "test": test,
        "mute": mute,
        "remove": remove,
    },
)
