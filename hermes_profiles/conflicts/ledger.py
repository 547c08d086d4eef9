"""The ledger of claims (profile → identities and ports), and the pre-start step that maintains it.

The step runs inside the service, so a start at boot, after a crash or by hand is as safe as one by `hermes-gateways`.
It runs under one lock, and a gateway has its claim before its process exists: of two gateways that boot at the same
moment, the second sees the claim of the first. A claim counts while its profile runs, is starting, or has a recent
decision of `hermes-gateways start`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Literal

from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.lock import acquire_lock
from hermes_profiles.changes.state_files import remove_state_file, write_state_file
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause
from hermes_profiles.gateways.model import LiveGateway, LiveLock
from hermes_profiles.gateways.processes import Processes, processes_of
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, LEGACY_CONFIG_FILE
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.channels import ClaimedResources, Managed, claimed_resources, starting_resources
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.managed_folder import managed_files, managed_values
from hermes_profiles.profiles.ports import is_taken

from .claims import Claim, read_ledger, was_edited_at_start, write_ledger
from .decide import Address, Listening, assign_channels
from .multiplex_masks import without_shared_masks
from .overlay import compose, masks_json, overlay_folder
from .running import without
from .usage_evidence import evidence_of

OnConflict = Literal["mask", "refuse", "ignore"]
# These listen through a helper process. Hermes ends a left-over helper before it starts another.
_HELPERS = frozenset({"whatsapp", "photon"})
_LOCK_WAIT = 60.0


class Refreshed(NamedTuple):
    """The result of the pre-start step: masks and warnings."""

    masks: tuple[Mask, ...]
    problems: tuple[Problem, ...] = ()


def resolve_at_start(
    layout: Layout,
    profile: str,
    *,
    catalog: Catalog,
    environment: Mapping[str, str],
    live: Callable[[Sequence[str]], Mapping[str, LiveGateway]],
    now: float,
    on_conflict: OnConflict = "mask",
    managed: Path | None = None,
    processes: Processes | None = None,
    listening: Callable[[Collection[Address]], Listening] | None = None,
    unclaimed: Callable[[Sequence[str]], Collection[str]] = tuple,
) -> Refreshed:
    """Decide the masks of a profile that is about to start, write its overlay, and record its claim.

    `live`: the running and starting gateways of the given profiles; `managed`: a managed directory in use;
    `listening`: addresses → those that another process has, with its pid (default: `listening_now`);
    `unclaimed`: those of the given profiles without a claim that may run or start (default: all). Only these, and
    profiles that claim what this one needs, are observed. Raises Refused under `refuse`, and where a conflict cannot
    be masked.
    """
    with _locked(layout):
        ledger, names = read_ledger(layout), profile_names(layout)
        claims = {name: ledger[name] for name in names if name in ledger and name != profile}
        try:
            values = managed_values(managed, catalog)
            claims |= _edited_claims(layout, claims, catalog, values)
            own = starting_resources(layout.home(profile), profile, catalog=catalog, managed=values)
            met = _met_by(own, claims, unclaimed([name for name in names if name not in claims and name != profile]))
            states = live((profile, *met))
            _drop_ended(claims, met, states, now)
            waiting = ledger.get(profile)
            problems = list(own.problems)
            if waiting is not None and waiting.is_waiting(now):
                masks = tuple(mask for mask in waiting.masks if mask.channel in own.channels)
            else:
                world = _LedgerContext(
                    layout,
                    catalog,
                    values,
                    environment,
                    states,
                    claims,
                    [name for name in names if name in met or name == profile],
                )
                masks = _decided(world, profile, own, processes or processes_of(layout.platform), listening)
                kept, spares = without_shared_masks(layout, {profile: masks}, catalog, environment)
                masks, problems = kept[profile], [*problems, *spares]
                if masks and on_conflict == "refuse":
                    raise _refused(profile, masks)
                if on_conflict == "ignore":
                    problems += [_ignored(profile, mask) for mask in masks]
                    masks = ()
            _check_maskable(layout, profile, own, masks)
            problems += _write_overlay(layout, profile, own, masks, catalog, managed, now)
            claims[profile] = _claim(own, masks, now, "service")
        finally:
            write_ledger(layout, claims)  # a refused start has no claim
    return Refreshed(masks, tuple(problems))


def _edited_claims(layout: Layout, claims: Mapping[str, Claim], catalog: Catalog, managed: Managed) -> dict[str, Claim]:
    """Return the claims whose profiles were edited while they started, with what their files claim now as well."""
    return {
        name: claim.with_files(claimed_resources(layout.home(name), catalog=catalog, managed=managed))
        for name, claim in claims.items()
        if was_edited_at_start(layout.home(name), claim)
    }


def save_decision(
    layout: Layout,
    masks: Mapping[str, tuple[Mask, ...]],
    held: Mapping[str, ClaimedResources],
    *,
    now: float,
    live: Callable[[Sequence[str]], Mapping[str, LiveGateway]],
    fresh: Callable[[Sequence[str]], Mapping[str, LiveGateway]] | None = None,
) -> dict[str, tuple[Mask, ...]]:
    """Record the decision of `hermes-gateways start`; the pre-start step applies it for five minutes.

    `masks`: profile → masks, with `--owner` applied; `live`: the gateways as the decision knows them; `fresh`: observes
    gateways again, None under `--on-conflict ignore`. Returns the masks with those of channels that a service has
    claimed since: it started by itself between the observation and this record.
    """
    with _locked(layout):
        ledger, names = read_ledger(layout), profile_names(layout)
        states = dict(live(names))
        final = {name: tuple(decided) for name, decided in masks.items()}
        wanted = {name: _kept(held.get(name, ClaimedResources()), decided) for name, decided in final.items()}
        doubtful = _doubtful(wanted, ledger, states) if fresh is not None else []
        if fresh is not None and doubtful:
            states |= fresh(doubtful)
        claims = {name: ledger[name] for name in names if name in ledger}
        _drop_ended(claims, doubtful, states, now)
        others = {name: claim for name, claim in claims.items() if name not in masks}
        for profile in final if fresh is not None else ():
            final[profile] += _claimed_since(wanted[profile], others, states)
        for profile, decided in final.items():
            claims[profile] = _claim(held.get(profile, ClaimedResources()), decided, now, "start")
        write_ledger(layout, claims)
    return final


def _doubtful(
    wanted: Mapping[str, ClaimedResources], ledger: Mapping[str, Claim], states: Mapping[str, LiveGateway]
) -> list[str]:
    """Return the profiles that claim what a start needs, and that did not run when the decision was made."""
    return [
        name
        for name, claim in ledger.items()
        if name not in wanted
        and not _is_live(states, name)
        and any(_overlap(claim.held, need) for need in wanted.values())
    ]


def _claimed_since(
    own: ClaimedResources, claims: Mapping[str, Claim], states: Mapping[str, LiveGateway]
) -> tuple[Mask, ...]:
    """Return the masks of the channels that need what a claim of another profile holds."""
    found: dict[str, Mask] = {}
    for name, claim in claims.items():
        state = states.get(name)
        owner = ChannelOwner(name, state.pid if state is not None else None)
        places = {identity.place for identity in claim.identities}
        for identity in own.identities:
            if identity.place in places:
                found.setdefault(identity.channel, Mask(identity.channel, MaskCause(identity.noun), owner))
        for port in own.ports:
            if any(port.conflicts_with(other) for other in claim.ports):
                found.setdefault(port.channel, Mask(port.channel, MaskCause.PORT, owner, port.port))
    return tuple(found.values())


def drop_pending(layout: Layout, profiles: Collection[str]) -> None:
    """Remove pending decisions of `save_decision` whose start did not happen."""
    with _locked(layout):
        ledger = read_ledger(layout)
        write_ledger(
            layout, {name: one for name, one in ledger.items() if name not in profiles or one.source != "start"}
        )


class _LedgerContext(NamedTuple):
    layout: Layout
    catalog: Catalog
    managed: Managed
    environment: Mapping[str, str]
    states: Mapping[str, LiveGateway]
    claims: Mapping[str, Claim]
    names: Sequence[str]

    def holdings(self, name: str) -> ClaimedResources:
        """Return what the files of another profile claim."""
        return claimed_resources(self.layout.home(name), catalog=self.catalog, managed=self.managed)


def _met_by(own: ClaimedResources, claims: Mapping[str, Claim], unclaimed: Collection[str]) -> frozenset[str]:
    """Return the profiles that a start can meet: those without a claim, and those that claim what it needs."""
    if not own.identities and not own.ports:
        return frozenset()
    return frozenset(unclaimed).union(name for name, claim in claims.items() if _overlap(claim.held, own))


def _drop_ended(
    claims: dict[str, Claim], profiles: Collection[str], states: Mapping[str, LiveGateway], now: float
) -> None:
    """Remove the claims of those profiles that neither run nor start; the claims of others are not checked."""
    for name in profiles:
        claim = claims.get(name)
        if claim is not None and not _is_live(states, name) and not claim.is_waiting(now):
            del claims[name]


def _is_live(states: Mapping[str, LiveGateway], name: str) -> bool:
    state = states.get(name)
    return state is not None and (state.pid is not None or state.starting)


def _decided(
    world: _LedgerContext,
    profile: str,
    own: ClaimedResources,
    processes: Processes,
    listening: Callable[[Collection[Address]], Listening] | None,
) -> tuple[Mask, ...]:
    """Return the masks of a profile.

    It gives way to claims, to running gateways, and to starting gateways without a claim that have a higher
    `ownership.priority`.
    """
    if not own.identities and not own.ports:
        return ()
    held: dict[str, ClaimedResources] = {profile: own}
    live: dict[str, LiveGateway] = {}
    starting: list[str] = []
    for name in world.names:
        if name == profile:
            starting.append(name)
            continue
        state, claim = world.states.get(name, LiveGateway(pid=None, starting=False)), world.claims.get(name)
        if claim is not None:
            is_current = state.pid is not None or not _overlap(claim.held, own)
            held[name] = claim.held if is_current else _still_claimed(world, name, claim)
            live[name] = LiveGateway(state.pid, starting=True)
        elif state.pid is not None:
            held[name] = world.holdings(name)  # started without the pre-start step: its files count
            live[name] = state
        elif state.starting:
            held[name] = world.holdings(name)
            starting.append(name)
    masks = assign_channels(
        starting=starting,
        holdings=held,
        live=live,
        locks=_others_locks(world, profile, processes),
        listening=_listeners(world, profile, own, listening or listening_now),
        evidence=lambda name, channel: evidence_of(
            world.layout, name, channel, held=held[name], gateway=None, locks=(), catalog=world.catalog
        ),
    )
    return masks[profile]


def _overlap(one: ClaimedResources, other: ClaimedResources) -> bool:
    places = {identity.place for identity in other.identities}
    return any(identity.place in places for identity in one.identities) or any(
        first.conflicts_with(second) for first in one.ports for second in other.ports
    )


def _still_claimed(world: _LedgerContext, name: str, claim: Claim) -> ClaimedResources:
    """Return the part of a claim that the profile's files still need: the claim may be older than the last boot."""
    now = world.holdings(name)
    places = {identity.place for identity in now.identities}
    return ClaimedResources(
        tuple(one for one in claim.identities if one.place in places),
        tuple(one for one in claim.ports if any(_is_same_listener(one, other) for other in now.ports)),
    )


def _is_same_listener(one: PortClaim, other: PortClaim) -> bool:
    return one.channel == other.channel and one.conflicts_with(other)


def _others_locks(world: _LedgerContext, profile: str, processes: Processes) -> tuple[LiveLock, ...]:
    state = world.states.get(profile)
    found = live_locks(
        world.environment,
        world.layout.user_home,
        catalog=world.catalog,
        processes=processes,
        platform=world.layout.platform,
    )
    return tuple(lock for lock in found if state is None or lock.pid != state.pid)


def _listeners(
    world: _LedgerContext,
    profile: str,
    own: ClaimedResources,
    listening: Callable[[Collection[Address]], Listening],
) -> Listening:
    """Return the listeners on the profile's ports; {} while its own gateway may be the listener."""
    state = world.states.get(profile)
    if state is not None and state.pid is not None:
        return {}
    return listening(ports_to_hear(own))


def ports_to_hear(own: ClaimedResources) -> set[Address]:
    """Return the addresses of a profile that must be free of other listeners before its start."""
    return {claim.address for claim in own.ports if claim.channel not in _HELPERS}


def listening_now(addresses: Collection[Address]) -> Listening:
    """Return the addresses that another process of this machine has; the pid is always None (not searched)."""
    return {address: None for address in addresses if is_taken(*address)}


def _refused(profile: str, masks: Sequence[Mask]) -> Refused:
    first = masks[0]
    return Refused(
        f"{profile}: {first.sentence('would be disabled')}",
        target=profile,
        code="conflict",
        hint=f"stop the owner, or start with that channel masked: `hermes-gateways start {profile}`",
    )


def _ignored(profile: str, mask: Mask) -> Problem:
    return Problem(
        "conflict-ignored",
        mask.sentence("is not disabled"),
        profile,
        f"mask it with `hermes-gateways restart {profile} --on-conflict mask`",
    )


def _check_maskable(layout: Layout, profile: str, own: ClaimedResources, masks: Sequence[Mask]) -> None:
    for mask in masks:
        if mask.channel in own.unmaskable:
            home = layout.home(profile)
            raise Refused(
                f"{mask.sentence('cannot be disabled for this run alone')}; "
                f"{home / LEGACY_CONFIG_FILE} enables it, and a mask needs a config.yaml that Hermes reads",
                target=profile,
                code="conflict",
                hint=f"create or fix config.yaml: `touch {quote(str(home / CONFIG_FILE))}`",
            )


def _write_overlay(
    layout: Layout,
    profile: str,
    own: ClaimedResources,
    masks: tuple[Mask, ...],
    catalog: Catalog,
    managed: Path | None,
    now: float,
) -> tuple[Problem, ...]:
    """Write the overlay's files; the folder must exist, or Hermes reads no managed directory at all."""
    env, config = managed_files(managed)
    overlay = compose(
        masks, catalog=catalog, managed_env=env, managed_config=config, on=own.channels, spellings=own.spellings
    )
    folder = overlay_folder(layout, profile)
    for name, content in ((ENV_FILE, overlay.env), (CONFIG_FILE, overlay.config)):
        if content:
            write_state_file(folder / name, content, 0o600)
        else:
            remove_state_file(folder / name)
    write_state_file(folder / "masks.json", masks_json(masks, now), 0o600)
    return overlay.problems


def _kept(held: ClaimedResources, masks: tuple[Mask, ...]) -> ClaimedResources:
    return without(held, [mask.channel for mask in masks])


def _claim(held: ClaimedResources, masks: tuple[Mask, ...], now: float, source: str) -> Claim:
    kept = _kept(held, masks)
    return Claim(kept.identities, kept.ports, masks, now, source)


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    Files().private_folder(str(layout.state))
    path = layout.state / "claims.lock"
    descriptor = acquire_lock(path, wait=_LOCK_WAIT)
    if descriptor is None:
        raise Refused(
            f"another start holds the ledger and did not finish within {_LOCK_WAIT:g} s",
            target=str(path),
            code="busy",
            hint=f"see the process that holds it with `cat {quote(str(path))}`",
        )
    try:
        yield
    finally:
        os.close(descriptor)
