"""Reports ports that several channels claim, and ports that another process uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote

from hermes_profiles.conflicts.ledger import ports_to_hear
from hermes_profiles.credentials.channels.channel_ports import UnusablePort, effect_of, unusable_ports
from hermes_profiles.credentials.channels.channel_settings import ChannelView
from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.credentials.holders import shared_ports
from hermes_profiles.credentials.identities import channel_views
from hermes_profiles.doctor.facts.identities import Listener
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.locate import SettingLocator
from hermes_profiles.doctor.wording import join_names, plural, process_label
from hermes_profiles.gateways.host.topology import Topology
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.gateway_states import LOST
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import effective_settings

from .conflicts import are_served_together, channel_outage, repair_fix

Claims = Sequence[tuple[str, PortClaim]]


def shared_port(facts: Facts) -> Iterator[Finding]:
    """Find ports that channels of several profiles claim."""
    locator = SettingLocator(facts)
    wanted = {name: profile.held.ports for name, profile in facts.profiles.items()}
    for port, claims in sorted(shared_ports(wanted), key=lambda item: item[0]):
        yield _shared(facts, locator, port, claims)


def _shared(facts: Facts, locator: SettingLocator, port: int, claims: Claims) -> Finding:
    profiles = tuple(dict.fromkeys(name for name, _ in claims))
    channels = tuple(dict.fromkeys(claim.channel for _, claim in claims))
    places = {(name, claim): locator.of_port(facts.profiles[name], claim) for name, claim in claims}
    defaulted = list(dict.fromkeys(name for (name, _), found in places.items() if not found))
    parts = [f"{join_names(profiles)} claim port {port} for {join_names(channels)}"]
    if len(defaulted) == len(profiles):
        parts[0] += ", the default port of Hermes"
    elif defaulted:
        parts[0] += f"; {join_names(defaulted)} {plural(defaulted, 'sets', 'set')} no port, so the default applies"
    enabled = [name for name in profiles if not facts.profiles[name].disabled]
    off = [name for name in profiles if facts.profiles[name].disabled]
    if off:
        parts.append(f"{join_names(off)} {plural(off, 'is', 'are')} disabled")
    together = len(enabled) > 1 and are_served_together(facts, enabled)
    if together and not facts.update.hermes.has(Behaviour.PROFILE_INGRESS):
        # Hermes 0.19.0, gateway/run.py `_start_one_profile_adapters`: a secondary profile with a listener is refused.
        skipped = [name for name in enabled if name != DEFAULT]
        parts.append(f"the multiplexer skips {join_names(skipped)} completely because of it")
    parts += _listening(facts, port, profiles, channels)
    evidence = [place for found in places.values() for place in found]
    evidence += [
        place for name, claim in claims if name in defaulted for place in locator.of_channel(name, claim.channel)
    ]
    return Finding(
        "; ".join(parts),
        repair_fix(channels[0], "set a separate port for each profile"),
        profiles,
        channels[0] if len(channels) == 1 else None,
        tuple(dict.fromkeys(evidence)),
        severity=Severity.WARNING if len(enabled) < 2 else None,
    )


def _listening(facts: Facts, port: int, profiles: Sequence[str], channels: Sequence[str]) -> Iterator[str]:
    """Yield which of these profiles listens on a port now, and the first channel that runs without it."""
    listener = next((row for row in facts.identities.listeners if row.port == port and row.profile in profiles), None)
    if listener is not None:
        yield f"{listener.profile} listens on it now (pid {listener.pid})"
    for name in profiles:
        for channel in channels if listener is None or listener.profile != name else ():
            outage = channel_outage(facts.profiles[name], channel)
            if outage:
                yield f"{channel} of {name} is {outage}"
                return


def port_twice(facts: Facts) -> Iterator[Finding]:
    """Find ports that two channels of one profile claim."""
    locator = SettingLocator(facts)
    for name, profile in facts.profiles.items():
        claims = profile.held.ports
        ports = dict.fromkeys(
            claim.port
            for at, claim in enumerate(claims)
            for other in claims[at + 1 :]
            if other.channel != claim.channel and other.conflicts_with(claim)
        )
        for port in ports:
            both = [claim for claim in claims if claim.port == port]
            channels = list(dict.fromkeys(claim.channel for claim in both))
            places = {claim: locator.of_port(profile, claim) for claim in both}
            defaulted = [claim.channel for claim, found in places.items() if not found]
            message = f"{join_names(channels)} of {name} claim port {port}: only one of them can listen"
            if defaulted:
                message += (
                    f"; {join_names(defaulted)} {plural(defaulted, 'sets', 'set')} no port, so the default applies"
                )
            variable = _variable(facts, both)
            command = f"hermes-profiles env set {quote(name)} {variable}" if variable else ""
            yield Finding(
                message,
                Fix("set another port for one channel", command),
                (name,),
                None,
                tuple(place for found in places.values() for place in found),
                severity=Severity.WARNING if profile.disabled else None,
            )


def _variable(facts: Facts, claims: Sequence[PortClaim]) -> str:
    named = [
        name for claim in reversed(claims) for port in facts.catalog.channels[claim.channel].ports for name in port.env
    ]
    return named[0] if named else ""


def invalid_port(facts: Facts) -> Iterator[Finding]:
    """Find settings of ports that are not a number, 0, or out of range."""
    locator = SettingLocator(facts)
    for profile in facts.profiles.values():
        listening = [channel for channel in profile.held.channels if facts.catalog.channels[channel].ports]
        if not listening:
            continue
        environment, config = effective_settings(profile.files, facts.catalog, facts.managed)
        for view in channel_views(environment, config, facts.catalog, listening):
            for setting in unusable_ports(view):
                places = tuple(locator.of_variable(profile, view.name, setting.variable, setting.path))
                yield _invalid(profile, view, setting, places)


def _invalid(profile: ProfileFacts, view: ChannelView, setting: UnusablePort, places: tuple[Evidence, ...]) -> Finding:
    key = next((place.key for place in places if place.key), setting.variable or setting.path)
    command = f"hermes-profiles {'env set' if setting.variable else 'config unset'} {quote(profile.name)} {quote(key)}"
    return Finding(
        f"{key} of {profile.name} {effect_of(view, setting)}",
        Fix("set a port that is free" if setting.variable else "remove it, or set a port that is free", command),
        (profile.name,),
        view.name,
        places,
        severity=Severity.WARNING if profile.disabled or setting.number in (None, 0) else None,
    )


def port_taken(facts: Facts) -> Iterator[Finding]:
    """Find ports that profiles claim and a process other than their gateways uses."""
    if not facts.identities.listeners:
        return
    multiplex = facts.inventory is not None and facts.inventory.topology is Topology.MULTIPLEX
    locator = SettingLocator(facts)
    claimed = {(name, claim.port) for name, profile in facts.profiles.items() for claim in profile.held.ports}
    # A gateway that claims the port it uses is not reported here; `shared_port` reports the conflict.
    unclaimed = [row for row in facts.identities.listeners if (row.profile, row.port) not in claimed]
    found: dict[Listener, list[tuple[str, PortClaim]]] = {}
    for name, profile in facts.profiles.items():
        if profile.disabled or (multiplex and name != DEFAULT):
            continue
        heard = ports_to_hear(profile.held)
        for claim in profile.held.ports:
            if claim.address not in heard or not _can_be_missing(profile, claim.channel):
                continue
            listener = next((row for row in unclaimed if PortClaim("", row.port, row.bind).conflicts_with(claim)), None)
            if listener is not None:
                found.setdefault(listener, []).append((name, claim))
    for listener, claims in found.items():
        yield _taken(facts, locator, listener, claims)


def _can_be_missing(profile: ProfileFacts, channel: str) -> bool:
    """Return whether a channel can be without listener: no gateway runs, or it reports the channel as down."""
    if profile.gateway is None or profile.pid is None:
        return True
    return next((state.state for state in profile.gateway.channels if state.name == channel), "") in LOST


def _taken(facts: Facts, locator: SettingLocator, listener: Listener, claims: Claims) -> Finding:
    profiles = tuple(dict.fromkeys(name for name, _ in claims))
    channels = list(dict.fromkeys(claim.channel for _, claim in claims))
    user = (
        f"the gateway of {listener.profile} (pid {listener.pid}); its files do not claim it"
        if listener.profile is not None
        else (f"{process_label(listener.pid, listener.program)}, which is not a gateway of this root")
    )
    without_port = [name for name in profiles if facts.profiles[name].pid is not None]
    claimed = f"{join_names(profiles)} {plural(profiles, 'claims', 'claim')} for {join_names(channels)}"
    message = f"port {listener.port}, which {claimed}, is used by {user}"
    if without_port:
        message += f"; {join_names(without_port)} {plural(without_port, 'runs', 'run')} without it"
    evidence = [place for name, claim in claims for place in locator.of_port(facts.profiles[name], claim)]
    command = f"ps -fp {listener.pid}" if listener.pid is not None else f"ss -ltnp 'sport = :{listener.port}'"
    return Finding(
        message,
        Fix("stop the process, or set another port", command),
        profiles,
        channels[0] if len(channels) == 1 else None,
        tuple(evidence),
        severity=Severity.ERROR if without_port else None,
    )
