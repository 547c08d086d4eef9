"""Reports run mode faults: unneeded services, profiles without a gateway, settings not in effect."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.gateways.host.topology import Topology
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.environment import GATEWAY_MULTIPLEX_PROFILES
from hermes_profiles.model.names import DEFAULT


def served_by_default(facts: Facts) -> frozenset[str]:
    """Return the named profiles that need no gateway: one serves them, or Hermes would refuse theirs.

    Hermes itself checks only the setting and the live default gateway (SERVICES.md section 6).
    """
    gateways = facts.inventory.gateways if facts.inventory is not None else {}
    served = {name for name, gateway in gateways.items() if gateway.state is GatewayState.SERVED}
    if facts.services.multiplexing or (facts.inventory is not None and facts.inventory.topology is Topology.MULTIPLEX):
        served |= {name for name in facts.profiles if name not in gateways or gateways[name].process is None}
    return frozenset(served - {DEFAULT}) - _allowed(facts, served)


def _allowed(facts: Facts, served: set[str]) -> frozenset[str]:
    """Return the profiles that may run gateways of their own on a Hermes with one gateway for all.

    Those are standalone, or have a service and are not served (hermes_cli/gateway.py, 0.22.2,
    `_named_profile_refused_under_multiplexer`).
    """
    if not facts.update.hermes.has(Behaviour.ONE_GATEWAY) or facts.inventory is None:
        return frozenset()
    gateways = facts.inventory.gateways
    own = {name for name in served if facts.services.of(name) and name in gateways}
    own = {name for name in own if gateways[name].state is not GatewayState.SERVED}
    return facts.update.settings.standalone | own


def unneeded(facts: Facts) -> Iterator[Finding]:
    """Find enabled services of profiles that a multiplexer serves. Hermes refuses each start with exit 1."""
    if facts.update.hermes.has(Behaviour.ONE_GATEWAY):
        return  # `half_migrated` reports them
    others = served_by_default(facts)
    for service in facts.services.definitions:
        if service.profile not in others or service.profile not in facts.profiles or not service.enabled:
            continue
        count = service.status.restarts if service.status is not None else None
        state = f"Hermes refused {count} starts" if count else "Hermes refuses every start"
        yield Finding(
            f"{service.profile} has a service, but the default gateway serves every profile: {state} (exit 1)",
            Fix("remove the service; the profile stays", f"hermes-gateways uninstall {service.profile}"),
            profiles=(service.profile,),
            evidence=(Evidence(service.profile, str(service.path)), _setting(facts)),
        )


def _setting(facts: Facts) -> Evidence:
    """Return the place of the multiplexer setting of the default profile."""
    default = facts.profiles.get(DEFAULT)
    if default is None:
        return Evidence(DEFAULT)
    if GATEWAY_MULTIPLEX_PROFILES in default.environment:
        return default.at_variable(GATEWAY_MULTIPLEX_PROFILES)
    if "multiplex_profiles" in default.config:
        return default.at_path(("multiplex_profiles",))
    return default.at_path(("gateway", "multiplex_profiles"))


def skipped(facts: Facts) -> Iterator[Finding]:
    """Find profiles without a running gateway: the multiplexer skips them or is down.

    Their own gateways cannot start in this mode. The severity is error for a profile with channels.
    """
    if facts.update.hermes.has(Behaviour.ONE_GATEWAY):
        yield from _unserved(facts)
        return
    serves = facts.services.serves
    # Without an installed service no gateway is expected to run.
    is_down = serves is None and facts.services.multiplexing and bool(facts.services.definitions)
    if facts.inventory is None or not (serves or is_down):
        return
    for name, profile in facts.profiles.items():
        gateway = facts.inventory.gateways.get(name)
        if name == DEFAULT or name in (serves or ()) or gateway is None or gateway.process is not None:
            continue
        if profile.disabled or (serves is None and not profile.held.channels):
            continue
        why, fix = _why_skipped(facts, profile)
        yield Finding(
            f"no gateway serves {name}: {why}",
            fix,
            profiles=(name,),
            evidence=(Evidence(name, str(profile.home)),),
            severity=Severity.ERROR if profile.held.channels else Severity.WARNING,
        )


def _unserved(facts: Facts) -> Iterator[Finding]:
    """Find the profiles that `status` calls unserved, on a Hermes with one gateway for all."""
    if facts.inventory is None:
        return
    for name, gateway in facts.inventory.gateways.items():
        profile = facts.profiles.get(name)
        if profile is None or profile.disabled or not gateway.unserved or gateway.observation is None:
            continue
        alone, reason = facts.inventory.serving.alone, facts.inventory.serving.reason
        why = gateway.detail
        fix = Fix("start it", f"hermes-gateways start {name}")
        if gateway.observation.standalone:
            fix = Fix("install a service for it", f"hermes-gateways install {name} --start")
        elif alone is not None:
            why = f"{why}: {reason}" if reason not in why else why
            fix = Fix("remove the reason, then restart that gateway", f"hermes-gateways restart {alone}")
        yield Finding(
            f"no gateway serves {name}: {why}",
            fix,
            profiles=(name,),
            evidence=(Evidence(name, str(profile.home)),),
            severity=Severity.ERROR if profile.held.channels else Severity.WARNING,
        )


def _why_skipped(facts: Facts, profile: ProfileFacts) -> tuple[str, Fix]:
    if facts.services.serves is None:
        return "the default gateway should serve every profile, but does not run", Fix(
            "start it", "hermes-gateways start default"
        )
    others = "the default gateway serves the other profiles"
    ingress = facts.update.hermes.has(Behaviour.PROFILE_INGRESS)
    ports = [] if ingress else sorted({claim.channel for claim in profile.held.ports})
    if ports:
        why = f"{others} and skips profiles with a channel that listens on a port ({', '.join(ports)})"
        command = f"hermes-profiles config set {profile.name} platforms.{ports[0]}.enabled false"
        wins = facts.catalog.channels[ports[0]].explicit_disable_wins
        variables = sorted(
            name
            for names in facts.catalog.channels[ports[0]].enable_sets
            for name in names
            if profile.environment.get(name)
        )
        if variables and not wins:
            command = f"hermes-profiles env unset {profile.name} {' '.join(variables)}"
        return why, Fix("disable that channel, then restart default", command)
    why = f"{others}, but does not report this one"
    if not facts.update.hermes.has(Behaviour.ADOPTS_PROFILES):
        why = f"{others}, but started before this profile existed"
    return why, Fix("restart the default gateway", "hermes-gateways restart default")


def topology_mismatch(facts: Facts) -> Iterator[Finding]:
    """Find a default gateway that was started before its multiplexer setting changed; later releases ignore it."""
    if facts.update.hermes.has(Behaviour.ONE_GATEWAY):
        return
    serves, asked = facts.services.serves, facts.services.multiplexing
    if serves is None or asked is None or asked is bool(serves):
        return
    if asked and facts.size < 2:
        return
    message = (
        "the default profile is set to serve every profile, but its gateway was started before and serves only itself"
        if asked
        else "the default profile is no longer set to serve other profiles, but its gateway still does"
    )
    yield Finding(
        message,
        Fix("restart it to apply the setting", "hermes-gateways restart default"),
        profiles=(DEFAULT,),
        evidence=(_setting(facts),),
    )
