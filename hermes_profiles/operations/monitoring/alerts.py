"""Where alerts are sent: add, list, try, mute and remove destinations."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from hermes_profiles.alerts.addresses import fault_of, has_secret, is_plain_http
from hermes_profiles.alerts.files import DestinationsLock, read_destinations, read_state
from hermes_profiles.alerts.model import AlertMessage, AlertState, Destination, DestinationKind
from hermes_profiles.alerts.rules import is_silent
from hermes_profiles.alerts.send_once import outgoing, send_once
from hermes_profiles.alerts.senders import INSTALL, apprise_library, send
from hermes_profiles.alerts.text import AlertText
from hermes_profiles.events.watch_state import watcher_pid
from hermes_profiles.hermes.files import ROOT_FOLDER
from hermes_profiles.hermes.profile_names import PATTERN
from hermes_profiles.model.errors import Failed, NotFound, Problem, Refused, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret

from ..context import user_home
from ..fleet_context import FleetSession

_SPAN_OF_BEATS = 30.0


class DestinationRow(NamedTuple):
    """A destination and how it does. `state`: ok, failing, muted, quiet, or new; `waiting`: messages to be sent."""

    destination: Destination
    state: str
    delivered: float | None = None
    waiting: int = 0
    tries: int = 0
    failing_since: float | None = None
    error: str = ""


class AlertsResult(NamedTuple):
    """Destinations after a command. `changed`: those that it is about; `pid`: the watcher that sends."""

    rows: tuple[DestinationRow, ...]
    changed: tuple[str, ...] = ()
    outcome: str | None = None
    dry_run: bool = False
    pid: int | None = None
    warnings: tuple[Problem, ...] = ()
    errors: tuple[Problem, ...] = ()


def list_alerts(session: FleetSession) -> AlertsResult:
    """Return the destinations. Raises Failed for a broken file."""
    known = read_destinations(session.layout)
    return _result(session, known, warnings=_warnings(session, known))


def check_address(kind: DestinationKind, address: str, *, is_argument: bool) -> None:
    """Check the form of an address. Raises UsageProblem, also where a secret is an argument of the command."""
    if is_argument and has_secret(kind, address):
        raise UsageProblem(
            f"the address of --{kind} may hold a secret: every user of this machine can see arguments (`ps`)",
            target=f"--{kind}",
            code="secret-in-arguments",
            hint=f"pipe it in: `hermes-gateways alert add --{kind} - < FILE`"
            if kind not in (DestinationKind.EXEC, DestinationKind.HERMES)
            else f"put it into a script: `hermes-gateways alert add --{kind} SCRIPT`",
        )
    why = fault_of(kind, address)
    if why:
        raise UsageProblem(
            f"the address of --{kind} cannot be used: {why}",
            target=f"--{kind}",
            hint="see the forms with `hermes-gateways alert add --help`",
        )


def add_alert(session: FleetSession, destination: Destination, *, dry_run: bool) -> AlertsResult:
    """Add a destination; without a name it is called by its kind. Raises Refused for a name that exists."""
    _check(session, destination)
    layout = session.layout
    if dry_run:
        known = read_destinations(layout)
        destination = _named(destination, known)
        known[destination.name] = destination
    else:
        with DestinationsLock(layout) as lock:
            known = read_destinations(layout)
            destination = _named(destination, known)
            known[destination.name] = destination
            lock.write(known)
    warnings = [*_warnings(session, known), *_blind_spots(session, known, destination)]
    outcome = "would-be-added" if dry_run else "added"
    return _result(session, known, (destination.name,), outcome, dry_run=dry_run, warnings=warnings)


def _check(session: FleetSession, destination: Destination) -> None:
    if destination.name and re.fullmatch(PATTERN, destination.name) is None:
        raise UsageProblem(
            f"{destination.name!r} is not a name",
            target=destination.name,
            hint="use lower-case letters, digits, `-` and `_`",
        )
    if destination.kind is DestinationKind.APPRISE:
        _check_apprise(destination)
    named = list(destination.profiles)
    if destination.kind is DestinationKind.HERMES:
        named.append(destination.address.reveal().partition(":")[0])
    for name in named:
        if name not in session.existing:
            raise NotFound(
                f"no profile {name!r}",
                target=name,
                hint="list the profiles with `hermes-profiles list`",
            )


def _check_apprise(destination: Destination) -> None:
    apprise = apprise_library("--apprise")

    with apprise.LogCapture(level=apprise.logging.CRITICAL):
        is_known = apprise.Apprise().add(destination.address.reveal())
    if not is_known:
        raise UsageProblem(
            "Apprise does not know such a URL",
            target="--apprise",
            hint="see the URL of each service with `python -m apprise.cli --details`",
        )


def _named(destination: Destination, known: Mapping[str, Destination]) -> Destination:
    if not destination.name:
        names = [str(destination.kind), *(f"{destination.kind}-{number}" for number in range(2, len(known) + 3))]
        return destination._replace(name=next(name for name in names if name not in known))
    if destination.name in known:
        raise Refused(
            f"an alert {destination.name} exists",
            target=destination.name,
            code="exists",
            hint=f"remove it with `hermes-gateways alert remove {destination.name}`, or use another name",
        )
    return destination


def remove_alerts(session: FleetSession, names: Sequence[str], *, dry_run: bool) -> AlertsResult:
    """Remove destinations, and what waits for them. Raises NotFound."""
    layout = session.layout
    if dry_run:
        known = read_destinations(layout)
        _require(names, known)
        return _result(session, known, tuple(names), "would-be-removed", dry_run=True)
    with DestinationsLock(layout) as lock:
        known = read_destinations(layout)
        _require(names, known)
        left = {name: each for name, each in known.items() if name not in names}
        lock.write(left)
    return _result(session, left, tuple(names), "removed")


def mute_alerts(session: FleetSession, names: Sequence[str], until: float, *, dry_run: bool) -> AlertsResult:
    """Mute destinations until a time, 0.0 to end it; without names all but the heartbeats. Raises NotFound."""
    layout = session.layout
    with DestinationsLock(layout) as lock:
        known = read_destinations(layout)
        _require(names, known)
        chosen = tuple(names) or tuple(
            name for name, each in known.items() if each.kind is not DestinationKind.HEARTBEAT
        )
        known |= {name: known[name]._replace(muted_until=until) for name in chosen}
        if chosen and not dry_run:
            lock.write(known)
    outcome = "muted" if until else "unmuted"
    return _result(session, known, chosen, f"would-be-{outcome}" if dry_run else outcome, dry_run=dry_run)


def test_alerts(session: FleetSession, names: Sequence[str], *, dry_run: bool) -> AlertsResult:
    """Send a test to destinations, all without names, now, also in their quiet hours. Raises NotFound."""
    known = read_destinations(session.layout)
    _require(names, known)
    chosen = tuple(names) or tuple(known)
    if not chosen:
        raise NotFound("no alert is set up", code="no-alert", hint=_ADD)
    errors: list[Problem] = []
    if not dry_run:
        text = outgoing(f"test-{os.urandom(4).hex()}", (), wording(session, time.time()), lambda text: text)
        for name in chosen:
            try:
                send(known[name], text, session.environment, root=str(session.layout.root))
            except Failed as error:
                problem = error.problem
                hint = (
                    problem.hint or f"see its settings with `hermes-gateways alert list`, or remove it: {_remove(name)}"
                )
                errors.append(problem._replace(hint=hint))
    outcome = "would-be-tested" if dry_run else "tested"
    return _result(session, known, chosen, outcome, dry_run=dry_run, errors=errors)


def try_message(session: FleetSession, message: AlertMessage, destination: Destination) -> int:
    """Make one try of a message of the watcher, and return the exit code of this process."""
    from hermes_profiles.logs.secrets import SecretCache

    redact = SecretCache(session.layout, session.catalog).redactor.redact if message.items else str
    return send_once(session.layout, destination, message, wording(session, time.time()), redact, session.environment)


def wording(session: FleetSession, now: float) -> AlertText:
    """Return what words the alerts of a root."""
    root, home = session.layout.root, user_home(session.environment)
    return AlertText(socket.gethostname(), str(root), needs_home=root != home / ROOT_FOLDER, now=now)


_ADD = (
    "set one up with `hermes-gateways alert add --webhook URL`; other kinds are in `hermes-gateways alert add --help`"
)


def _remove(name: str) -> str:
    return f"`hermes-gateways alert remove {name}`"


def _require(names: Sequence[str], known: Mapping[str, Destination]) -> None:
    for name in names:
        if name not in known:
            raise NotFound(
                f"no alert {name!r}", target=name, code="no-alert", hint="list them with `hermes-gateways alert list`"
            )


def _result(
    session: FleetSession,
    known: Mapping[str, Destination],
    changed: tuple[str, ...] = (),
    outcome: str | None = None,
    *,
    dry_run: bool = False,
    warnings: Sequence[Problem] = (),
    errors: Sequence[Problem] = (),
) -> AlertsResult:
    state = read_state(session.layout) or AlertState()
    rows = tuple(_row(each, state, time.time()) for each in known.values())
    pid = watcher_pid(session.layout)
    return AlertsResult(rows, changed, outcome, dry_run, pid, tuple(warnings), tuple(errors))


def _row(destination: Destination, state: AlertState, now: float) -> DestinationRow:
    name = destination.name
    trouble, delivered = state.troubles.get(name), state.delivered.get(name)
    clock = time.localtime(now)
    word = "ok" if delivered is not None else "new"
    if is_silent(destination, now, clock.tm_hour * 60 + clock.tm_min):
        word = "muted" if now < destination.muted_until else "quiet"
    if trouble is not None:
        word = "failing"
    return DestinationRow(
        destination,
        word,
        delivered,
        sum(1 for message in state.messages if message.destination == name),
        trouble.tries if trouble is not None else 0,
        trouble.since if trouble is not None else None,
        trouble.error if trouble is not None else "",
    )


def _warnings(session: FleetSession, known: Mapping[str, Destination]) -> list[Problem]:
    warnings = []
    if known and watcher_pid(session.layout) is None:
        warnings.append(
            Problem(
                "not-watched",
                "nothing watches the gateways, so no alert is sent",
                None,
                "turn the watcher on with `hermes-gateways watch on`",
            )
        )
    for name, each in known.items():
        if is_plain_http(each):
            text = f"{name} sends alerts unencrypted to another machine"
            warnings.append(Problem("unencrypted", text, name, _encrypted(name)))
        if each.kind is DestinationKind.APPRISE and find_spec("apprise") is None:
            warnings.append(
                Problem("no-apprise", f"{name}: Apprise is not installed", name, f"install it with `{INSTALL}`")
            )
    return warnings


def _blind_spots(session: FleetSession, known: Mapping[str, Destination], added: Destination) -> list[Problem]:
    """Return a warning where no destination is about a profile, such as the one whose account sends."""
    if added.kind is DestinationKind.HEARTBEAT:
        return []
    unseen = [name for name in session.existing if not any(each.is_about(name) for each in known.values())]
    if not unseen:
        return []
    names = ", ".join(unseen)
    hint = "add a second one, such as `hermes-gateways alert add --webhook URL`"
    return [Problem("not-alerted", f"no alert is sent about {names}", None, hint)]


def _encrypted(name: str) -> str:
    return f"remove it with `hermes-gateways alert remove {name}`, and add its address with https://"


def made_destination(
    name: str | None, kind: DestinationKind, address: str, after: float, quiet: tuple[int, int] | None, limit: int,
    every: float, profiles: Sequence[str],
) -> Destination:  # fmt: skip
    """Return a destination from the options of the command. Raises UsageProblem."""
    if kind is DestinationKind.HEARTBEAT and every < _SPAN_OF_BEATS:
        raise UsageProblem(f"--every is less than {_SPAN_OF_BEATS:g} s", target="--every", hint="use `--every 5m`")
    return Destination(name or "", kind, Secret(address), after, quiet, limit, every, tuple(profiles))
