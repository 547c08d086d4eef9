"""One bot, account, device or number in more than one profile: by true identity, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from shlex import quote

from hermes_profiles.credentials.holders import HolderIndex, SharedGroup, shared_groups
from hermes_profiles.credentials.identities import Identity, claimed_identities, credentials_in
from hermes_profiles.credentials.same_account import ONE_BOT, are_two_accounts, identifying_variables, with_account
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.locate import SettingLocator
from hermes_profiles.doctor.wording import identity_label, join_names, plural, process_label
from hermes_profiles.gateways.topology import Topology
from hermes_profiles.hermes.gateway_states import LOST
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.channels import effective_settings, legacy_blocks, stored_in, with_legacy


def repair_fix(channel: str, text: str) -> Fix:
    """Return the fix that looks for the owner of what several profiles have."""
    return Fix(text, f"hermes-profiles repair --channel {quote(channel)} --dry-run")


def groups(facts: Facts) -> tuple[SharedGroup, ...]:
    """Return (channel, profiles, identities) of what several profiles hold whose channel is on; what is held by some
    of them alone is told with the larger group."""
    return shared_groups({name: profile.held.identities for name, profile in facts.profiles.items()})


def shared_identity(facts: Facts) -> Iterator[Finding]:
    """Yield what several profiles hold whose channel is on: two processes would answer for one bot."""
    sources = SettingLocator(facts)
    for channel, whose, identities in groups(facts):
        evidence = _evidence(facts, sources, whose, identities)
        what = identity_label(channel, identities[0].noun)
        severity, circumstances = _circumstances(facts, whose)
        told = [f"{len(whose)} profiles have the same {what}: {join_names(whose)}", *circumstances]
        fix = repair_fix(channel, "keep it in one of them and take it out of the others")
        if evidence and all(each.profile is None for each in evidence):
            file = evidence[0].file or ""
            told[0] = f"the machine's file {file} gives {len(whose)} profiles the same {what}: {join_names(whose)}"
            fix = Fix("move it from the machine's file into the .env of the profile that it is for", _edit(facts, file))
        told += current_holders(facts, channel, whose, identities)
        yield Finding(
            "; ".join(told),
            fix,
            whose,
            channel,
            evidence,
            Secret("\n".join(sorted(identity.key for identity in identities))),
            severity=severity,
        )


def _evidence(
    facts: Facts, sources: SettingLocator, whose: Sequence[str], identities: Sequence[Identity]
) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    for name in whose:
        found += sources.of_identities(facts.profiles[name], identities)
    return tuple(dict.fromkeys(found))


def _edit(facts: Facts, file: str) -> str:
    own = file.startswith(f"{facts.layout.user_home}/")
    return f'"${{EDITOR:-vi}}" {quote(file)}' if own else f"sudoedit {quote(file)}"


def _circumstances(facts: Facts, whose: Sequence[str]) -> tuple[Severity | None, list[str]]:
    """Return how much it hurts where that differs from the check, and why."""
    enabled = [name for name in whose if not facts.profiles[name].disabled]
    off = [name for name in whose if facts.profiles[name].disabled]
    if len(enabled) < 2:
        return Severity.WARNING, [f"{join_names(off)} {plural(off, 'is', 'are')} disabled"]
    told = [f"{join_names(off)} {plural(off, 'is', 'are')} disabled"] if off else []
    if are_served_together(facts, enabled):
        return Severity.WARNING, [*told, "one gateway serves them all and gives it to the first alone"]
    return None, told


def are_served_together(facts: Facts, whose: Sequence[str]) -> bool:
    """Return whether one gateway is to serve all of these profiles, and none of them runs another (FACTS.md, 8)."""
    if facts.inventory is None or facts.inventory.topology is not Topology.MULTIPLEX:
        return False
    return all(name == DEFAULT or facts.profiles[name].pid is None for name in whose)


def current_holders(facts: Facts, channel: str, whose: Sequence[str], identities: Sequence[Identity]) -> Iterator[str]:
    """Yield who has it now, by Hermes' own lock where there is one, and who runs without."""
    digests = {identity.key[:16] for identity in identities}
    lock = next((one for one in facts.identities.locks if one.channel == channel and one.digest in digests), None)
    running = [name for name in whose if facts.profiles[name].pid is not None]
    if lock is not None and lock.profile is not None:
        yield f"{lock.profile} has it now (pid {lock.pid})"
    elif lock is not None:
        yield f"process {lock.pid}, which is no gateway of this root, has it now"
    deaf = {name: word for name in running if (word := channel_outage(facts.profiles[name], channel))}
    having = [name for name in running if name not in deaf]
    if lock is None and having:
        pids = join_names([f"{name} (pid {facts.profiles[name].pid})" for name in having])
        yield f"{pids} {plural(having, 'runs', 'run')} with it now"
    for word in dict.fromkeys(deaf.values()):
        those = [name for name in deaf if deaf[name] == word and (lock is None or name != lock.profile)]
        if those:
            yield f"{channel} of {join_names(those)} is {word}"


def channel_outage(profile: ProfileFacts, channel: str) -> str:
    """Return what keeps a running gateway from a channel, "" when nothing does."""
    gateway = profile.gateway
    if gateway is None or profile.pid is None:
        return ""
    if any(mask.channel == channel for mask in gateway.masks):
        return "switched off for this run"
    state = next((each.state for each in gateway.channels if each.name == channel), "")
    return state if state in LOST else ""


def copied_credential(facts: Facts) -> Iterator[Finding]:
    """Yield credentials that stand in several profiles though no two would use them now: with the channel off in some,
    or beside another identity that Hermes' lock knows."""
    told: dict[str, list[frozenset[str]]] = {}
    for channel, group, _ in groups(facts):
        told.setdefault(channel, []).append(frozenset(group))
    places: dict[str, dict[tuple[str, str], tuple[str, str]]] = {name: {} for name in facts.profiles}
    accounts: dict[tuple[str, str], dict[str, str]] = {}
    for name, profile in facts.profiles.items():
        config = with_legacy(profile.config, legacy_blocks(profile.files))
        for channel, variable, path, value in credentials_in(profile.environment, config, facts.catalog):
            told_apart = with_account(channel, variable, value, profile.environment, facts.catalog)
            places[name].setdefault((channel, told_apart), (variable, path))
            accounts.setdefault((channel, name), {})[variable] = value
    merged: dict[tuple[str, tuple[str, ...]], list[tuple[str, dict[str, tuple[str, str]]]]] = {}
    for (channel, value), whose in HolderIndex(places).shared():
        if any(each.issuperset(whose) for each in told.get(channel, ())):
            continue
        copies = {name: places[name][channel, value] for name in whose}
        dormant = [name for name in whose if channel not in facts.profiles[name].held.channels]
        is_one_bot = any(variable in ONE_BOT for variable, _ in copies.values())
        if is_one_bot or (dormant and not _have_accounts_of_their_own(channel, whose, accounts, facts)):
            merged.setdefault((channel, whose), []).append((value, copies))
    sources = SettingLocator(facts)
    for (channel, whose), found in merged.items():
        yield _copied(facts, sources, channel, whose, found)


def _have_accounts_of_their_own(
    channel: str, whose: Sequence[str], accounts: Mapping[tuple[str, str], Mapping[str, str]], facts: Facts
) -> bool:
    """Return whether each of these profiles names an account of its own: what else they have in common is no copy."""
    tell = identifying_variables(channel, facts.catalog)
    pairs = combinations([accounts[channel, name] for name in whose], 2)
    return bool(tell) and all(are_two_accounts(one, other, tell) for one, other in pairs)


def _copied(
    facts: Facts,
    sources: SettingLocator,
    channel: str,
    whose: tuple[str, ...],
    found: Sequence[tuple[str, dict[str, tuple[str, str]]]],
) -> Finding:
    dormant = [name for name in whose if channel not in facts.profiles[name].held.channels]
    keys = list(dict.fromkeys(variable for _, places in found for variable, _ in places.values()))
    what = f"{join_names(whose)} have the same {join_names(keys)}"
    if dormant:
        what += f"; {channel} is off in {join_names(dormant)}, and on the day it is switched on there two answer for one bot"
    else:
        what += ", though other tokens beside it differ"
    evidence = [
        place
        for _, places in found
        for name, (variable, path) in places.items()
        for place in sources.of_variable(facts.profiles[name], channel, variable, path)
    ]
    return Finding(
        what,
        repair_fix(channel, "keep it where it is used and take it out of the others"),
        whose,
        channel,
        tuple(dict.fromkeys(evidence)),
        Secret("\n".join(sorted(value for value, _ in found))),
    )


def inherited_identity(facts: Facts) -> Iterator[Finding]:
    """Yield identities that a live gateway has from the environment it was started in: its own files name none, and
    everything else that is started there gets it, too."""
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
    for (channel, inheriting, whose), keys in grouped.items():
        if len(facts.profiles) > 1:
            yield _inherited(facts, identity_label(channel, nouns[channel, keys[0]]), channel, inheriting, whose, keys)


def _inherited(
    facts: Facts, what: str, channel: str, inheriting: tuple[str, ...], owners: tuple[str, ...], keys: Sequence[str]
) -> Finding:
    pids = join_names([f"{name} (pid {facts.profiles[name].pid})" for name in inheriting])
    told = (
        f"{pids} {plural(inheriting, 'has a', 'have one')} {what} that no file of its own names, from the environment"
    )
    if len(inheriting) > 1:
        told = told.replace("its own", "their own")
    if owners:
        told += f"; it is the one of {join_names(owners)}"
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
        "start it from a clean environment, as its service does; or set the name in its .env, empty to switch it off",
        f"hermes-gateways restart {quote(first)}",
    )
    return Finding(
        told,
        fix,
        (*inheriting, *owners),
        channel,
        evidence,
        Secret("\n".join(sorted(keys))),
        severity=Severity.WARNING if alone else None,
    )


def held_elsewhere(facts: Facts) -> Iterator[Finding]:
    """Yield identities of this root that a gateway of another root, or of another user, has now."""
    foreign = {(lock.channel, lock.digest): lock for lock in facts.identities.locks if lock.profile is None}
    if not foreign:
        return
    sources = SettingLocator(facts)
    found: dict[tuple[str, int], dict[str, list[Identity]]] = {}
    for name, profile in facts.profiles.items():
        for identity in profile.held.identities:
            lock = foreign.get((identity.channel, identity.key[:16]))
            if lock is not None:
                found.setdefault((lock.channel, lock.pid), {}).setdefault(name, []).append(identity)
    for (channel, pid), held in found.items():
        home = next(lock.home for lock in foreign.values() if (lock.channel, lock.pid) == (channel, pid))
        whose = tuple(held)
        identities = [identity for several in held.values() for identity in several]
        where = f", which serves {home}" if home is not None else ", which is no gateway of this root"
        yield Finding(
            f"{process_label(pid)}{where}, has the {identity_label(channel, identities[0].noun)} of {join_names(whose)} now",
            Fix("stop that gateway, or take the bot out of it or out of this root", f"ps -fp {pid}"),
            whose,
            channel,
            _evidence(facts, sources, whose, identities),
            Secret("\n".join(sorted({identity.key for identity in identities}))),
        )
