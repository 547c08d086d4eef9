"""Rulings on paths of config.yaml and gateway.json: the places of a channel's identity in a tree of keys.

Sources of the places: Hermes 0.19.0 `gateway/config.py` (`platforms`, `gateway.platforms`, top-level sections)
and `gateway/run.py` (top-level scalars become environment variables); newer Hermes also reads `gateway.<name>`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.channels.channel_place import ChannelPlace, channel_place
from hermes_profiles.credentials.policy import Channels, ClonePolicy, Ruling, Verdict
from hermes_profiles.credentials.references import references_in
from hermes_profiles.hermes.environment import REDIRECTS
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.truthy import is_truthy

from .environment import API_SERVER, ChannelReference, SourceFacts, judge_name
from .secret_sources import channels_to_mask, is_source_setting, judge_sources, secret_sources

if TYPE_CHECKING:
    from hermes_profiles.documents.entries import TreeEntry

_ENVIRONMENT_NAME = lazy_pattern(r"[A-Z][A-Z0-9_]*")
_SECRET_NAME = lazy_pattern(r"token|secret|passw|key|credential|auth", re.IGNORECASE)
# Asks for a gateway of the profile's own beside the one for all (Hermes 0.21.4, hermes_cli/profiles.py).
_STANDALONE = ("gateway", "standalone")
_NOT_STANDALONE = "asks for a gateway of the source alone; the gateway for all profiles serves the clone"


class EntryRemoval(NamedTuple):
    """One entry that is removed, with everything below it.

    `login_again` names the provider of a single-use login.
    """

    entry: TreeEntry
    ruling: Ruling
    login_again: str | None = None


class TreeJudgement(NamedTuple):
    """What a clone does to one document.

    `removals`: entries to leave behind (no entry below another one in the list); `switch_off`: blocks that need
    `enabled: false`; `masks`: blocks of channels that a source of secrets or a plugin could switch on, to be switched
    off as well;
    `values`: dotted path → removed values; `references`: names that kept scalars use as `${NAME}`;
    `channel_references`: names that removed settings of channels use; `channels`: channels that have a block;
    `staying`: origins of the entries in blocks of channels that stay (removed entries can share an anchor with them);
    `kept`: paths that the user asked to keep, with everything below them.
    """

    removals: tuple[EntryRemoval, ...] = ()
    switch_off: tuple[ChannelPlace, ...] = ()
    masks: tuple[ChannelPlace, ...] = ()
    values: Mapping[str, tuple[tuple[str, KeyClass | None], ...]] = MappingProxyType({})
    references: frozenset[str] = frozenset()
    channel_references: Mapping[str, ChannelReference] = MappingProxyType({})
    channels: frozenset[str] = frozenset()
    staying: frozenset[int] = frozenset()
    kept: frozenset[tuple[str, ...]] = frozenset()

    def __repr__(self) -> str:
        return "TreeJudgement(***)"


def dotted(path: Sequence[str]) -> str:
    """Return a path as text: `platforms.telegram.extra.apps[0].secret`."""
    return ".".join(path).replace(".[", "[")


def judge_config(
    entries: Sequence[TreeEntry], *, catalog: Catalog, policy: ClonePolicy, facts: SourceFacts
) -> TreeJudgement:
    """Return what a clone leaves behind of a document and which channels it switches off."""
    removals: list[EntryRemoval] = []
    removed: set[tuple[str, ...]] = set()
    blocks: dict[tuple[str, ...], ChannelPlace] = {}
    staying: set[int] = set()
    sources = secret_sources(entries)
    dropped = judge_sources(sources, catalog=catalog, policy=policy, facts=facts)
    filled = frozenset(_filled(entries))
    for entry in entries:
        if entry.path[-1] == "<<" or any(entry.path[:size] in removed for size in range(1, len(entry.path))):
            continue  # the merged entries are judged one by one
        place = channel_place(entry.path, catalog)
        if place is not None and not policy.concerns(place.channel):
            staying.add(entry.origin)
        ruling = judge_path(entry, place, catalog=catalog, policy=policy, facts=facts)
        ruling = ruling or dropped.get(entry.path)
        if ruling is not None and ruling.removes and _is_empty_default(entry, place, ruling, filled, policy):
            continue
        if ruling is not None and ruling.removes:
            removals.append(EntryRemoval(entry, ruling))
            removed.add(entry.path)
        elif place is not None and place.block == entry.path and entry.kind == "mapping":
            blocks[place.block] = place
    switched = tuple(_blocks_to_switch_off(entries, blocks, policy, facts))
    off = dict.fromkeys(_plugin_channels(entries, catalog, policy))
    if len(sources) > len(dropped):
        off |= dict.fromkeys(channels_to_mask(catalog, policy, facts))
    masks = tuple(_masks(off, blocks, policy)) if off else ()
    return TreeJudgement(
        removals=tuple(removals),
        switch_off=switched,
        masks=masks,
        values=_values_below(entries, removals),
        references=frozenset(_references(entries, removed)),
        channel_references=_channel_references(entries, removals),
        channels=frozenset(place.channel for place in blocks.values()),
        staying=frozenset(staying),
        kept=paths_kept_by_user(entries, policy),
    )


def _filled(entries: Iterable[TreeEntry]) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value that is not empty, and the paths above it."""
    for entry in entries:
        if entry.kind == "scalar" and entry.tag != "null" and (entry.value or "").strip():
            yield from (entry.path[:size] for size in range(1, len(entry.path) + 1))


def _is_empty_default(
    entry: TreeEntry,
    place: ChannelPlace | None,
    ruling: Ruling,
    filled: Collection[tuple[str, ...]],
    policy: ClonePolicy,
) -> bool:
    """Return whether an entry is an empty setting of a channel: Hermes writes these for unused channels."""
    if policy.empties or policy.channels is Channels.STRICT_PREFIX or ruling.by_user:
        return False
    if place is None:  # `gateway.relay_url: ''`, or `SLACK_BOT_TOKEN:` at the top
        return entry.kind == "scalar" and entry.path not in filled and entry.path[0] not in REDIRECTS
    if not place.known:
        return False
    return len(entry.path) > len(place.block) and entry.path not in filled


def judge_path(
    entry: TreeEntry, place: ChannelPlace | None, *, catalog: Catalog, policy: ClonePolicy, facts: SourceFacts
) -> Ruling | None:
    """Return the ruling on one entry; None when the entries below it decide."""
    name = dotted(entry.path)
    if is_kept_by_user(entry.path, policy):
        return Ruling(Verdict.KEEP, "you asked to keep it", place.channel if place else None, by_user=True)
    if name in policy.drop:
        return Ruling(Verdict.REMOVE, "you asked to drop it", place.channel if place else None, by_user=True)
    if entry.path == _STANDALONE and policy.only is None:
        return Ruling(Verdict.REMOVE, _NOT_STANDALONE, "gateway", KeyClass.IDENTITY_SETTING)
    if policy.channels is Channels.CLONE or (place is not None and not policy.concerns(place.channel)):
        return None
    if place is not None and (len(entry.path) > len(place.block) or entry.kind != "scalar"):
        return _judge_in_block(entry, place, catalog, policy, facts)
    if entry.kind == "scalar" and entry.path[-2:-1] == ("platforms",) and place is not None:
        return None if entry.tag in ("null", "bool") else _not_a_block(place)
    return _judge_outside(entry, catalog, policy, facts)


def _not_a_block(place: ChannelPlace) -> Ruling:
    return Ruling(Verdict.REMOVE, "not a block, but in the place of a channel's block", place.channel, KeyClass.UNKNOWN)


def is_kept_by_user(path: Sequence[str], policy: ClonePolicy) -> bool:
    """Return whether `--keep` names a path, one above it, or the variable at its end."""
    if not policy.keep:
        return False
    if _ENVIRONMENT_NAME.fullmatch(path[-1]) and path[-1] in policy.keep:
        return True
    return any(dotted(path[:size]) in policy.keep for size in range(1, len(path) + 1))


def paths_kept_by_user(entries: Iterable[TreeEntry], policy: ClonePolicy) -> frozenset[tuple[str, ...]]:
    """Return the paths of a document that `--keep` names, with everything below them."""
    return (
        frozenset(entry.path for entry in entries if is_kept_by_user(entry.path, policy))
        if policy.keep
        else frozenset()
    )


def _judge_in_block(
    entry: TreeEntry, place: ChannelPlace, catalog: Catalog, policy: ClonePolicy, facts: SourceFacts
) -> Ruling | None:
    inner = entry.path[len(place.block) :]
    if not place.known:
        return Ruling(
            Verdict.REMOVE,
            "not in the catalogue; everything below `platforms` is a channel",
            place.channel,
            KeyClass.UNKNOWN,
        )
    if not inner or inner == ("enabled",):
        return None
    if inner == ("extra",) and entry.kind == "mapping":
        return None
    key_class = catalog.config_class(place.channel, inner)
    if place.channel == API_SERVER and facts.api_server_on and policy.api_server:
        if key_class in (KeyClass.IDENTITY_SETTING, KeyClass.OPTION) or inner[-1] == "host":
            return Ruling(
                Verdict.KEEP,
                "the API server stays on, with a port and a key of its own",
                place.channel,
                key_class,
            )
        return Ruling(Verdict.REMOVE, "must be unique: the clone gets its own in .env", place.channel, key_class)
    if key_class is KeyClass.OPTION and policy.channels is not Channels.STRICT_PREFIX:
        return Ruling(Verdict.KEEP, "harmless behaviour", place.channel, key_class)
    strict = policy.channels is Channels.STRICT_PREFIX
    if key_class is KeyClass.TOOL_OR_PROVIDER_KEY and place.channel not in facts.tool_channels and not strict:
        return Ruling(Verdict.KEEP, "a key of a tool or provider", place.channel, key_class)
    reason = {
        KeyClass.IDENTITY_CREDENTIAL: "a credential of {}: only one process may hold it",
        KeyClass.PORT_BIND: "an address that {} of only one profile can listen on",
        KeyClass.UNKNOWN: "not in the catalogue, but it belongs to {}",
    }.get(key_class, "belongs to the {} identity")
    return Ruling(Verdict.REMOVE, reason.format(place.channel), place.channel, key_class)


def _judge_outside(entry: TreeEntry, catalog: Catalog, policy: ClonePolicy, facts: SourceFacts) -> Ruling | None:
    if entry.path in catalog.gateway_config_identity:
        owner = _owner(entry.path)
        if not policy.concerns(owner):
            return None
        reason = "belongs to the gateway that owns it"
        return Ruling(Verdict.REMOVE, reason, owner, KeyClass.IDENTITY_COMPANION)
    if len(entry.path) == 1 and entry.kind == "scalar" and _ENVIRONMENT_NAME.fullmatch(entry.path[0]):
        # The gateway copies every top-level scalar into its environment.
        return _as_environment(entry.path[0], catalog, policy, facts)
    if entry.path[:3] == ("secrets", "onepassword", "env") and len(entry.path) == 4:
        # 1Password sets the variable again at every start, over .env.
        return _as_environment(entry.path[3], catalog, policy, facts)
    return None


def _as_environment(name: str, catalog: Catalog, policy: ClonePolicy, facts: SourceFacts) -> Ruling:
    ruling = judge_name(name, catalog=catalog, policy=policy, facts=facts)
    if ruling.verdict is Verdict.ASSIGN:
        profile = "the clone" if policy.only is None else "the profile"
        return ruling._replace(verdict=Verdict.REMOVE, reason=f"must be unique: {profile} gets its own in .env")
    return ruling


def _owner(path: Sequence[str]) -> str:
    return "relay" if any(part.startswith(("relay_", "idp")) for part in path) else "gateway"


def _blocks_to_switch_off(
    entries: Iterable[TreeEntry],
    blocks: Mapping[tuple[str, ...], ChannelPlace],
    policy: ClonePolicy,
    facts: SourceFacts,
) -> Iterator[ChannelPlace]:
    """Yield the blocks that need `enabled: false`.

    A block without the key needs it too: WhatsApp and Feishu start on any `extra` key alone. Top-level sections
    count only where they carry `enabled` themselves.
    """
    if policy.channels is Channels.CLONE:
        return
    flags: dict[tuple[str, ...], bool] = {}
    not_empty: set[tuple[str, ...]] = set()
    for entry in entries:
        not_empty.add(entry.path[:-1])
        if entry.path[-1] == "enabled":  # a merge or a duplicate can bring it twice
            flags[entry.path] = flags.get(entry.path, False) or is_truthy(entry.value)
    for block, place in blocks.items():
        if place.channel == API_SERVER and facts.api_server_on and policy.api_server:
            continue
        if not policy.concerns(place.channel):
            continue
        if is_kept_by_user((*block, "enabled"), policy) or block not in not_empty:
            continue
        if flags.get((*block, "enabled"), place.switchable):
            yield place


def _plugin_channels(entries: Iterable[TreeEntry], catalog: Catalog, policy: ClonePolicy) -> Iterator[str]:
    """Yield the channels that the code of an enabled plugin registers: it can start without any variable."""
    if policy.channels is Channels.CLONE:
        return
    channels = [channel for channel in catalog.channels.values() if channel.plugins and policy.concerns(channel.name)]
    if channels:
        enabled = {entry.value for entry in entries if entry.path[:2] == ("plugins", "enabled") and entry.value}
        yield from (channel.name for channel in channels if enabled.intersection(channel.plugins))


def _masks(
    channels: Iterable[str], blocks: Mapping[tuple[str, ...], ChannelPlace], policy: ClonePolicy
) -> Iterator[ChannelPlace]:
    """Yield the blocks below `platforms` that switch these channels off; those that exist are switched off anyway."""
    present = {place.channel for place in blocks.values() if place.switchable}
    for channel in channels:
        place = ChannelPlace(channel, ("platforms", channel), known=True, switchable=True)
        if channel not in present and not is_kept_by_user((*place.block, "enabled"), policy):
            yield place


def _values_below(
    entries: Sequence[TreeEntry], removals: Sequence[EntryRemoval]
) -> dict[str, tuple[tuple[str, KeyClass | None], ...]]:
    rulings = {removal.entry.path: removal.ruling for removal in removals}
    values: dict[str, list[tuple[str, KeyClass | None]]] = {}
    for entry in entries:
        if entry.kind != "scalar" or not entry.value or is_source_setting(entry.path):
            continue
        above = next(
            (rulings[entry.path[:size]] for size in range(len(entry.path), 0, -1) if entry.path[:size] in rulings),
            None,
        )
        if above is not None:
            values.setdefault(dotted(entry.path), []).append((entry.value, above.key_class))
    return {name: tuple(pairs) for name, pairs in values.items()}


def _references(entries: Iterable[TreeEntry], removed: set[tuple[str, ...]]) -> Iterator[str]:
    for entry in entries:
        if entry.kind == "scalar" and entry.value and "${" in entry.value:
            if any(entry.path[:size] in removed for size in range(1, len(entry.path) + 1)):
                continue
            yield from references_in(entry.value)


def _channel_references(entries: Iterable[TreeEntry], removals: Sequence[EntryRemoval]) -> dict[str, ChannelReference]:
    """Return name → removed setting of a channel that refers to it; of several, one that gives access."""
    rulings = {removal.entry.path: removal.ruling for removal in removals if removal.ruling.channel is not None}
    found: dict[str, ChannelReference] = {}
    for entry in entries if rulings else ():
        if entry.kind != "scalar" or not entry.value or "${" not in entry.value:
            continue
        above = (rulings.get(entry.path[:size]) for size in range(len(entry.path), 0, -1))
        ruling = next((ruling for ruling in above if ruling is not None), None)
        if ruling is None or ruling.channel is None:
            continue
        reference = ChannelReference(
            ruling.channel, ruling.key_class, dotted(entry.path), _gives_access(entry.path, ruling.key_class)
        )
        for name in references_in(entry.value):
            if name not in found or (reference.is_secret and not found[name].is_secret):
                found[name] = reference
    return found


def _gives_access(path: Sequence[str], key_class: KeyClass | None) -> bool:
    if key_class is KeyClass.UNKNOWN:  # of an unknown setting, the name decides
        return _SECRET_NAME.search(path[-1]) is not None
    return key_class in (KeyClass.IDENTITY_CREDENTIAL, KeyClass.TOOL_OR_PROVIDER_KEY)
