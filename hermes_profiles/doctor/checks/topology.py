"""One gateway for each profile, or one for all: what misunderstandings about that leave behind."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.gateways.topology import Topology
from hermes_profiles.hermes.environment import GATEWAY_MULTIPLEX_PROFILES
from hermes_profiles.model.names import DEFAULT


def served_by_default(facts: Facts) -> frozenset[str]:
    """Return the named profiles that need no gateway of their own: one is served already, or Hermes would refuse it.

    Hermes' own guard looks at the setting and at the live default gateway alone (SERVICES.md section 6).
    """
    gateways = facts.inventory.gateways if facts.inventory is not None else {}
    served = {name for name, gateway in gateways.items() if gateway.state is GatewayState.SERVED}
    if facts.services.multiplexing or (facts.inventory is not None and facts.inventory.topology is Topology.MULTIPLEX):
        served |= {name for name in facts.profiles if name not in gateways or gateways[name].process is None}
    return frozenset(served - {DEFAULT})


def unneeded(facts: Facts) -> Iterator[Finding]:
    """Yield services of profiles that a multiplexer serves: Hermes refuses them with exit 1, again and again."""
    others = served_by_default(facts)
    for each in facts.services.definitions:
        if each.profile not in others or each.profile not in facts.profiles or not each.enabled:
            continue
        count = each.status.restarts if each.status is not None else None
        doing = f"it has been refused {count} times" if count else "it would be refused each time it is started"
        yield Finding(
            f"{each.profile} has a service, and the default gateway serves every profile: {doing} (exit 1)",
            Fix("remove it; the profile stays", f"hermes-gateways uninstall {each.profile}"),
            profiles=(each.profile,),
            evidence=(Evidence(each.profile, str(each.path)), _setting(facts)),
        )


def _setting(facts: Facts) -> Evidence:
    """Return where the default profile asks for one gateway for all."""
    default = facts.profiles.get(DEFAULT)
    if default is None:
        return Evidence(DEFAULT)
    if GATEWAY_MULTIPLEX_PROFILES in default.environment:
        return default.at_variable(GATEWAY_MULTIPLEX_PROFILES)
    if "multiplex_profiles" in default.config:
        return default.at_path(("multiplex_profiles",))
    return default.at_path(("gateway", "multiplex_profiles"))


def skipped(facts: Facts) -> Iterator[Finding]:
    """Yield profiles that nobody serves: the multiplexer left them out, or is down, and it keeps gateways of their own
    from starting. One without channels has nobody to be served to."""
    serves = facts.services.serves
    # Where nothing is installed, nobody expects to be served yet.
    is_down = serves is None and facts.services.multiplexing and bool(facts.services.definitions)
    if facts.inventory is None or not (serves or is_down):
        return
    for name, profile in facts.profiles.items():
        gateway = facts.inventory.gateways.get(name)
        if name == DEFAULT or name in (serves or ()) or gateway is None or gateway.process is not None:
            continue
        if profile.disabled or (serves is None and not profile.held.channels):
            continue
        why, fix = _why_left_out(facts, profile)
        yield Finding(
            f"{name} is served by nobody: {why}",
            fix,
            profiles=(name,),
            evidence=(Evidence(name, str(profile.home)),),
            severity=Severity.ERROR if profile.held.channels else Severity.WARNING,
        )


def _why_left_out(facts: Facts, profile: ProfileFacts) -> tuple[str, Fix]:
    if facts.services.serves is None:
        words = "the default gateway is to serve every profile, and does not run"
        return words, Fix("start it", "hermes-gateways start default")
    whose = "the default gateway serves the other profiles, and"
    ports = sorted({claim.channel for claim in profile.held.ports})
    if ports:
        why = f"{whose} it leaves out profiles with a channel that listens on a port ({', '.join(ports)})"
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
        return why, Fix("switch that channel off there, then restart default", command)
    return f"{whose} it was not there when that gateway started", Fix(
        "have the default gateway look again", "hermes-gateways restart default"
    )


def topology_mismatch(facts: Facts) -> Iterator[Finding]:
    """Yield, as a remark, a default gateway that does not do yet what its configuration asks for."""
    serves, asked = facts.services.serves, facts.services.multiplexing
    if serves is None or asked is None or asked is bool(serves):
        return
    if asked and len(facts.profiles) < 2:
        return
    words = (
        "the default profile is set to serve every profile, but its gateway was started before and serves itself alone"
        if asked
        else "the default profile is no longer set to serve other profiles, but its gateway still does"
    )
    yield Finding(
        words,
        Fix("restart it for that to count", "hermes-gateways restart default"),
        profiles=(DEFAULT,),
        evidence=(_setting(facts),),
    )
