"""Reports bots and accounts that several profiles share, that a gateway inherits, or that another root uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from shlex import quote

from hermes_profiles.credentials.holders import HolderIndex, SharedGroup, shared_groups
from hermes_profiles.credentials.identities import Identity, claimed_identities, credentials_in
from hermes_profiles.credentials.same_account import ONE_BOT, are_two_accounts, identifying_variables, with_account
from hermes_profiles.doctor.facts.identities import HeldLock
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.locate import SettingLocator
from hermes_profiles.doctor.wording import identity_label, join_names, plural, process_label
from hermes_profiles.gateways.host.topology import Topology
from hermes_profiles.gateways.model import NOT_SERVED
from hermes_profiles.hermes.gateway_states import CONNECTED
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.channels import effective_settings, legacy_blocks, stored_in, with_legacy


def repair_fix(channel: str, text: str) -> Fix:
    """Return the fix that plans the repair of a shared identity."""
    return Fix(text, f"hermes-profiles repair --channel {quote(channel)} --dry-run")


def groups(facts: Facts) -> tuple[SharedGroup, ...]:
    """Return (channel, profiles, identities) of the identities that several profiles claim.

    An identity claimed by a part of a larger group belongs to that group.
    """
    return shared_groups({name: profile.held.identities for name, profile in facts.profiles.items()})


def shared_identity(facts: Facts) -> Iterator[Finding]:
    """Find identities of enabled channels that several profiles claim. Two gateways would answer for one bot."""
    locator = SettingLocator(facts)
    for channel, profiles, identities in groups(facts):
        evidence = _evidence(facts, locator, profiles, identities)
        what = identity_label(channel, identities[0].noun)
        severity, circumstances = _circumstances(facts, profiles)
        parts = [f"{len(profiles)} profiles have the same {what}: {join_names(profiles)}", *circumstances]
        fix = repair_fix(channel, "keep the account in one profile, and remove it from the others")
        if evidence and all(place.profile is None for place in evidence):
            file = evidence[0].file or ""
            parts[0] = (
                f"the managed file {file} sets the same {what} for {len(profiles)} profiles: {join_names(profiles)}"
            )
            fix = Fix("move the account from the managed file into the .env of one profile", _edit(facts, file))
        parts += current_holders(facts, channel, profiles, identities)
        yield Finding(
            "; ".join(parts),
            fix,
            profiles,
            channel,
            evidence,
            Secret("\n".join(sorted(identity.key for identity in identities))),
            severity=severity,
        )


def _evidence(
    facts: Facts, locator: SettingLocator, profiles: Sequence[str], identities: Sequence[Identity]
) -> tuple[Evidence, ...]:
    places: list[Evidence] = []
    for name in profiles:
        places += locator.of_identities(facts.profiles[name], identities)
    return tuple(dict.fromkeys(places))


def _edit(facts: Facts, file: str) -> str:
    own = file.startswith(f"{facts.layout.user_home}/")
    return f"${{EDITOR:-vi}} {quote(file)}" if own else f"sudoedit {quote(file)}"


def _circumstances(facts: Facts, profiles: Sequence[str]) -> tuple[Severity | None, list[str]]:
    """Return (severity, reasons); None means the severity of the check."""
    enabled = [name for name in profiles if not facts.profiles[name].disabled]
    off = [name for name in profiles if facts.profiles[name].disabled]
    if len(enabled) < 2:
        return Severity.WARNING, [f"{join_names(off)} {plural(off, 'is', 'are')} disabled"]
    reasons = [f"{join_names(off)} {plural(off, 'is', 'are')} disabled"] if off else []
    if are_served_together(facts, enabled):
        return Severity.WARNING, [*reasons, "the multiplexer uses it for the first profile only"]
    return None, reasons


def are_served_together(facts: Facts, profiles: Sequence[str]) -> bool:
    """Return whether a multiplexer serves all of these profiles, and no other gateway runs (FACTS.md, 8)."""
    if facts.inventory is None or facts.inventory.topology is not Topology.MULTIPLEX:
        return False
    server = facts.inventory.serving.server or DEFAULT
    return all(name == server or facts.profiles[name].pid is None for name in profiles)


def current_holders(
    facts: Facts, channel: str, profiles: Sequence[str], identities: Sequence[Identity]
) -> Iterator[str]:
    """Yield the gateways that use the identity now (by the lock of Hermes), and those running without it."""
    digests = {identity.key[:16] for identity in identities}
    lock = next((row for row in facts.identities.locks if row.channel == channel and row.digest in digests), None)
    running = [name for name in profiles if facts.profiles[name].pid is not None]
    if lock is not None and lock.profile is not None:
        yield f"{_user_of(facts, channel, profiles, lock)} now (pid {lock.pid})"
    elif lock is not None:
        yield f"process {lock.pid}, which is not a gateway of this root, uses it now"
    outages = {name: outage for name in running if (outage := channel_outage(facts.profiles[name], channel))}
    using = [name for name in running if name not in outages]
    if lock is None and using:
        pids = join_names([f"{name} (pid {facts.profiles[name].pid})" for name in using])
        yield f"{pids} {plural(using, 'runs', 'run')} with it now"
    for outage in dict.fromkeys(outages.values()):
        without = [name for name in outages if outages[name] == outage and (lock is None or name != lock.profile)]
        if without:
            yield f"{channel} of {join_names(without)} is {outage}"


def _user_of(facts: Facts, channel: str, profiles: Sequence[str], lock: HeldLock) -> str:
    """Return which profile uses a locked identity; a gateway can use that of another profile, which it serves."""
    connected = [
        name
        for name in profiles
        if (gateway := facts.profiles[name].gateway) is not None
        and gateway.pid == lock.pid
        and any(row.name == channel and row.state == CONNECTED for row in gateway.channels)
    ]
    if lock.profile in connected or (lock.profile in profiles and not connected):
        return f"{lock.profile} uses it"
    return f"the gateway of {lock.profile} uses it{f' for {connected[0]}' if connected else ''}"


def channel_outage(profile: ProfileFacts, channel: str) -> str:
    """Return why a running gateway does not serve a channel, "" when it does."""
    gateway = profile.gateway
    if gateway is None or profile.pid is None:
        return ""
    if any(mask.channel == channel for mask in gateway.masks):
        return "masked for this run"
    state = next((row.state for row in gateway.channels if row.name == channel), "")
    return state if state in NOT_SERVED else ""


def copied_credential(facts: Facts) -> Iterator[Finding]:
    """Find credentials in several profiles that are not a conflict now.

    The channel is disabled in some of the profiles, or Hermes locks another identity beside the credential.
    """
    reported: dict[str, list[frozenset[str]]] = {}
    for channel, group, _ in groups(facts):
        reported.setdefault(channel, []).append(frozenset(group))
    places: dict[str, dict[tuple[str, str], tuple[str, str]]] = {name: {} for name in facts.profiles}
    accounts: dict[tuple[str, str], dict[str, str]] = {}
    for name, profile in facts.profiles.items():
        config = with_legacy(profile.config, legacy_blocks(profile.files))
        for channel, variable, path, value in credentials_in(profile.environment, config, facts.catalog):
            distinct = with_account(channel, variable, value, profile.environment, facts.catalog)
            places[name].setdefault((channel, distinct), (variable, path))
            accounts.setdefault((channel, name), {})[variable] = value
    merged: dict[tuple[str, tuple[str, ...]], list[tuple[str, dict[str, tuple[str, str]]]]] = {}
    for (channel, value), profiles in HolderIndex(places).shared():
        if any(group.issuperset(profiles) for group in reported.get(channel, ())):
            continue
        copies = {name: places[name][channel, value] for name in profiles}
        dormant = [name for name in profiles if channel not in facts.profiles[name].held.channels]
        is_one_bot = any(variable in ONE_BOT for variable, _ in copies.values())
        if is_one_bot or (dormant and not _have_distinct_accounts(channel, profiles, accounts, facts)):
            merged.setdefault((channel, profiles), []).append((value, copies))
    locator = SettingLocator(facts)
    for (channel, profiles), found in merged.items():
        yield _copied(facts, locator, channel, profiles, found)


def _have_distinct_accounts(
    channel: str, profiles: Sequence[str], accounts: Mapping[tuple[str, str], Mapping[str, str]], facts: Facts
) -> bool:
    """Return whether each of these profiles names a different account, so that equal values are not copies."""
    tell = identifying_variables(channel, facts.catalog)
    pairs = combinations([accounts[channel, name] for name in profiles], 2)
    return bool(tell) and all(are_two_accounts(first, other, tell) for first, other in pairs)


def _copied(
    facts: Facts,
    locator: SettingLocator,
    channel: str,
    profiles: tuple[str, ...],
    found: Sequence[tuple[str, dict[str, tuple[str, str]]]],
) -> Finding:
    dormant = [name for name in profiles if channel not in facts.profiles[name].held.channels]
    keys = list(dict.fromkeys(variable for _, places in found for variable, _ in places.values()))
    what = f"{join_names(profiles)} have the same {join_names(keys)}"
    if dormant:
        what += f"; {channel} is disabled in {join_names(dormant)}; if enabled there, two gateways answer for one bot"
    else:
        what += ", although their other tokens differ"
    evidence = [
        place
        for _, places in found
        for name, (variable, path) in places.items()
        for place in locator.of_variable(facts.profiles[name], channel, variable, path)
    ]
    return Finding(
        what,
        repair_fix(channel, "keep it in the profile that uses it and remove it from the others"),
        profiles,
        channel,
        tuple(dict.fromkeys(evidence)),
        Secret("\n".join(sorted(value for value, _ in found))),
    )


def inherited_identity(facts: Facts) -> Iterator[Finding]:
    """Find identities that a live gateway inherited from the environment it was started in.

    The files of the profile do not set them, and other programs started in that environment inherit them as well.
    """
    found: dict[tuple[str, str], list[str]] = {}
    nouns: dict[tuple[str, str], str] = {}
    for name, secrets in facts.identities.inherited.items():
        profile = facts.profiles[name]
        own = {identity.place for identity in profile.held.identities}
        masked = {mask.channel for mask in profile.gateway.masks} if profile.gateway is not None else set()
        environment, config = effective_settings(profile.files, facts.catalog, facts.managed)
        environment = {key: secret.reveal() for key, secret in secrets.items()} | environment
        held = claimed_identities(
            environment, config, facts.catalog, stored=stored_in(profile.files), home=str(profile.home)
        ).identities
        for identity in held:
            if identity.place not in own and identity.channel not in masked:
                found.setdefault(identity.place, []).append(name)
                nouns.setdefault(identity.place, identity.noun)
    grouped: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for place, several in found.items():
        owners = [
            name
            for name, profile in facts.profiles.items()
            if name not in several and any(identity.place == place for identity in profile.held.identities)
        ]
        grouped.setdefault((place[0], tuple(several), tuple(owners)), []).append(place[1])
    for (channel, inheriting, profiles), keys in grouped.items():
        if facts.size > 1:
            yield _inherited(
                facts, identity_label(channel, nouns[channel, keys[0]]), channel, inheriting, profiles, keys
            )


def _inherited(
    facts: Facts, what: str, channel: str, inheriting: tuple[str, ...], owners: tuple[str, ...], keys: Sequence[str]
) -> Finding:
    pids = join_names([f"{name} (pid {facts.profiles[name].pid})" for name in inheriting])
    message = (
        f"{pids} {plural(inheriting, 'has a', 'have one')} {what} from the environment, which none of its files sets"
    )
    if len(inheriting) > 1:
        message = message.replace("its files", "their files")
    if owners:
        message += f"; it belongs to {join_names(owners)}"
    first = inheriting[0]
    known = facts.catalog.channels[channel]
    given_names = [fact.name for fact in known.keys if fact.name in facts.identities.inherited[first]]
    evidence = tuple(
        Evidence(name, None, None, key)
        for name in inheriting
        for key in given_names
        if key in facts.identities.inherited[name] and not facts.profiles[name].environment.get(key)
    )
    alone = len(inheriting) == 1 and not owners
    fix = Fix(
        "restart the gateway from a clean environment, or set the variable in its .env (empty disables the channel)",
        f"hermes-gateways restart {quote(first)}",
    )
    return Finding(
        message,
        fix,
        (*inheriting, *owners),
        channel,
        evidence,
        Secret("\n".join(sorted(keys))),
        severity=Severity.WARNING if alone else None,
    )


def free_mask(facts: Facts) -> Iterator[Finding]:
    """Find running gateways with a mask that is no longer needed: the owner ended or has another bot."""
    gateways = facts.inventory.gateways if facts.inventory is not None else {}
    for name in facts.profiles:
        gateway = gateways.get(name)
        free = [mask for mask in gateway.masks if mask.is_free] if gateway is not None and gateway.process else []
        for mask in free:
            yield Finding(
                f"{name} runs without {mask.channel}, which is free again: {mask.owner} had it",
                Fix(f"let {name} take over {mask.channel}", f"hermes-gateways restart {name}"),
                (name,),
                mask.channel,
            )


def held_elsewhere(facts: Facts) -> Iterator[Finding]:
    """Find identities of this root that a gateway of another root or user uses now."""
    foreign = {(lock.channel, lock.digest): lock for lock in facts.identities.locks if lock.profile is None}
    if not foreign:
        return
    locator = SettingLocator(facts)
    found: dict[tuple[str, int], dict[str, list[Identity]]] = {}
    for name, profile in facts.profiles.items():
        for identity in profile.held.identities:
            lock = foreign.get((identity.channel, identity.key[:16]))
            if lock is not None:
                found.setdefault((lock.channel, lock.pid), {}).setdefault(name, []).append(identity)
    for (channel, pid), held in found.items():
        home = next(lock.home for lock in foreign.values() if (lock.channel, lock.pid) == (channel, pid))
        profiles = tuple(held)
        identities = [identity for several in held.values() for identity in several]
        where = f", which serves {home}" if home is not None else ", which is not a gateway of this root"
        yield Finding(
            f"{process_label(pid)}{where}, uses the {identity_label(channel, identities[0].noun)} of "
            f"{join_names(profiles)}",
            Fix("stop that gateway, or remove the bot from one of the roots", f"ps -fp {pid}"),
            profiles,
            channel,
            _evidence(facts, locator, profiles, identities),
            Secret("\n".join(sorted({identity.key for identity in identities}))),
        )
