"""Ports that two channels want, or that somebody else has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote

from hermes_profiles.conflicts.ledger import ports_to_hear
from hermes_profiles.credentials.holders import shared_ports
from hermes_profiles.credentials.identities import PortClaim
from hermes_profiles.doctor.facts.identities import Listener
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Finding, Fix, Severity
from hermes_profiles.doctor.locate import SettingLocator
from hermes_profiles.doctor.wording import join_names, plural, process_label
from hermes_profiles.gateways.topology import Topology
from hermes_profiles.hermes.gateway_states import LOST
from hermes_profiles.model.names import DEFAULT

from .conflicts import are_served_together, channel_outage, repair_fix

Claims = Sequence[tuple[str, PortClaim]]


def shared_port(facts: Facts) -> Iterator[Finding]:
    """Yield ports that channels of several profiles would listen on."""
    sources = SettingLocator(facts)
    wanted = {name: profile.held.ports for name, profile in facts.profiles.items()}
    for port, claims in sorted(shared_ports(wanted), key=lambda item: item[0]):
        yield _shared(facts, sources, port, claims)


def _shared(facts: Facts, sources: SettingLocator, port: int, claims: Claims) -> Finding:
    whose = tuple(dict.fromkeys(name for name, _ in claims))
    channels = tuple(dict.fromkeys(claim.channel for _, claim in claims))
    places = {(name, claim): sources.of_port(facts.profiles[name], claim) for name, claim in claims}
    silent = list(dict.fromkeys(name for (name, _), found in places.items() if not found))
    told = [f"{join_names(whose)} want port {port} for {join_names(channels)}"]
    if len(silent) == len(whose):
        told[0] += ", which Hermes takes where none is named"
    elif silent:
        told[0] += f"; {join_names(silent)} {plural(silent, 'names', 'name')} none, and Hermes takes that one"
    enabled = [name for name in whose if not facts.profiles[name].disabled]
    off = [name for name in whose if facts.profiles[name].disabled]
    if off:
        told.append(f"{join_names(off)} {plural(off, 'is', 'are')} disabled")
    if len(enabled) > 1 and are_served_together(facts, enabled):
        # Hermes 0.19.0, gateway/run.py `_start_one_profile_adapters`: a secondary profile with a listener is refused.
        skipped = [name for name in enabled if name != DEFAULT]
        told.append(f"one gateway serves all profiles and skips {join_names(skipped)} whole because of it")
    told += _listening(facts, port, whose, channels)
    evidence = [place for found in places.values() for place in found]
    evidence += [place for name, claim in claims if name in silent for place in sources.of_channel(name, claim.channel)]
    return Finding(
        "; ".join(told),
        repair_fix(channels[0], "give each of them a port of its own"),
        whose,
        channels[0] if len(channels) == 1 else None,
        tuple(dict.fromkeys(evidence)),
        severity=Severity.WARNING if len(enabled) < 2 else None,
    )


def _listening(facts: Facts, port: int, whose: Sequence[str], channels: Sequence[str]) -> Iterator[str]:
    """Yield who listens on a port now, and the first that runs without it."""
    has = next((one for one in facts.identities.listeners if one.port == port and one.profile in whose), None)
    if has is not None:
        yield f"{has.profile} listens on it now (pid {has.pid})"
    for name in whose:
        for channel in channels if has is None or has.profile != name else ():
            word = channel_outage(facts.profiles[name], channel)
            if word:
                yield f"{channel} of {name} is {word}"
                return


def port_twice(facts: Facts) -> Iterator[Finding]:
    """Yield ports that two channels of one profile would listen on."""
    sources = SettingLocator(facts)
    for name, profile in facts.profiles.items():
        claims = profile.held.ports
        ports = dict.fromkeys(
            one.port
            for at, one in enumerate(claims)
            for other in claims[at + 1 :]
            if other.channel != one.channel and other.meets(one)
        )
        for port in ports:
            both = [claim for claim in claims if claim.port == port]
            channels = list(dict.fromkeys(claim.channel for claim in both))
            places = {claim: sources.of_port(profile, claim) for claim in both}
            silent = [claim.channel for claim, found in places.items() if not found]
            told = f"{join_names(channels)} of {name} want port {port}: one of them stays deaf"
            if silent:
                told += f"; {join_names(silent)} {plural(silent, 'names', 'name')} none, and Hermes takes that one"
            variable = _variable(facts, both)
            command = f"hermes-profiles env set {quote(name)} {variable}" if variable else ""
            yield Finding(
                told,
                Fix("give one of them another port", command),
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


def port_taken(facts: Facts) -> Iterator[Finding]:
    """Yield ports that profiles ask for and a process listens on that is none of their gateways."""
    if not facts.identities.listeners:
        return
    multiplex = facts.inventory is not None and facts.inventory.topology is Topology.MULTIPLEX
    sources = SettingLocator(facts)
    asking = {(name, claim.port) for name, one in facts.profiles.items() for claim in one.held.ports}
    # A gateway that asks for its port has it by right; that others ask for it too is the shared port's finding.
    strangers = [one for one in facts.identities.listeners if (one.profile, one.port) not in asking]
    found: dict[Listener, list[tuple[str, PortClaim]]] = {}
    for name, profile in facts.profiles.items():
        if profile.disabled or (multiplex and name != DEFAULT):
            continue
        heard = ports_to_hear(profile.held)
        for claim in profile.held.ports:
            if claim.port not in heard or not _may_be_missing(profile, claim.channel):
                continue
            one = next((each for each in strangers if PortClaim("", each.port, each.bind).meets(claim)), None)
            if one is not None:
                found.setdefault(one, []).append((name, claim))
    for one, claims in found.items():
        yield _taken(facts, sources, one, claims)


def _may_be_missing(profile: ProfileFacts, channel: str) -> bool:
    """Return whether a profile may be without a listener: nothing runs, or what runs does not say that it has it."""
    if profile.gateway is None or profile.pid is None:
        return True
    return next((each.state for each in profile.gateway.channels if each.name == channel), "") in LOST


def _taken(facts: Facts, sources: SettingLocator, one: Listener, claims: Claims) -> Finding:
    whose = tuple(dict.fromkeys(name for name, _ in claims))
    channels = list(dict.fromkeys(claim.channel for _, claim in claims))
    who = (
        f"the gateway of {one.profile} (pid {one.pid}), whose files do not ask for it"
        if one.profile is not None
        else (f"{process_label(one.pid, one.program)}, which is no gateway of this root")
    )
    deaf = [name for name in whose if facts.profiles[name].pid is not None]
    asked = f"{join_names(whose)} {plural(whose, 'asks', 'ask')} for ({join_names(channels)})"
    told = f"port {one.port}, which {asked}, is taken by {who}"
    if deaf:
        told += f"; {join_names(deaf)} {plural(deaf, 'runs', 'run')} without it"
    evidence = [place for name, claim in claims for place in sources.of_port(facts.profiles[name], claim)]
    command = f"ps -fp {one.pid}" if one.pid is not None else f"ss -ltnp 'sport = :{one.port}'"
    return Finding(
        told,
        Fix("end what listens there, or take another port", command),
        whose,
        channels[0] if len(channels) == 1 else None,
        tuple(evidence),
        severity=Severity.ERROR if deaf else None,
    )
