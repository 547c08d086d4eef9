"""Reports other Hermes roots of this account, and bots that a profile of one of them has too. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.credentials.identities import Identity
from hermes_profiles.doctor.facts.other_roots import OtherRootFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.locate import SettingLocator
from hermes_profiles.doctor.wording import identity_label, join_names, plural, shell_command
from hermes_profiles.model.secret import Secret


def other_root(facts: Facts) -> Iterator[Finding]:
    """Find other roots of this account: no command on this root shows their gateways."""
    for other in facts.other_roots:
        names = tuple(other.held)
        starts = f"; {other.starts}" if other.starts else ""
        yield Finding(
            f"{other.root} is another root of this account, with {len(names)} {plural(names, 'profile', 'profiles')}"
            f"{starts}; commands on {facts.layout.root} do not show it",
            Fix(
                "look at it with `--home`, or with HERMES_HOME in its own shell",
                shell_command("hermes-gateways status --home", [other.root]),
            ),
            evidence=(Evidence(None, str(other.root), None, None),),
        )


def shared_with_other_root(facts: Facts) -> Iterator[Finding]:
    """Find identities that a profile of another root has too: one side ends the other's connection."""
    own: dict[tuple[str, str], list[str]] = {}
    for name, profile in facts.profiles.items():
        for identity in profile.held.identities:
            own.setdefault(identity.place, []).append(name)
    if not facts.other_roots:
        return
    locator = SettingLocator(facts)
    for other in facts.other_roots:
        groups: dict[tuple[str, tuple[str, ...]], dict[str, list[Identity]]] = {}
        for name, identities in other.held.items():
            for identity in identities:
                holders = tuple(own.get(identity.place, ()))
                if holders:
                    groups.setdefault((identity.channel, holders), {}).setdefault(name, []).append(identity)
        for (channel, holders), shared in groups.items():
            places = {each.key: each for found in shared.values() for each in found}
            yield _shared(facts, locator, other, tuple(shared), channel, holders, list(places.values()))


def _shared(
    facts: Facts,
    locator: SettingLocator,
    other: OtherRootFacts,
    names: tuple[str, ...],
    channel: str,
    holders: tuple[str, ...],
    shared: list[Identity],
) -> Finding:
    where = f"{join_names(names)} of {other.root}"
    starts = other.starts or "nothing starts it now"
    is_off = not other.starts or all(facts.profiles[holder].disabled for holder in holders)
    return Finding(
        f"{join_names(holders)} and {where} have one {identity_label(channel, shared[0].noun)}; {starts}, and only one "
        "gateway can use it",
        Fix(
            "leave it to one of the two roots, and remove it from the other",
            shell_command(f"hermes-profiles show {names[0]} --home", [other.root]),
        ),
        holders,
        channel,
        tuple(place for holder in holders for place in locator.of_identities(facts.profiles[holder], shared)),
        Secret("\n".join(sorted({identity.key for identity in shared}))),
        severity=Severity.WARNING if is_off else Severity.ERROR,
    )
