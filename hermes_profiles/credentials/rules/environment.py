"""Rulings on names of environment variables: catalogue class and policy → verdict with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass, KeyFact
from hermes_profiles.credentials.policy import Channels, ClonePolicy, Ruling, Verdict
from hermes_profiles.hermes.environment import (
    API_SERVER_CORS_ORIGINS,
    API_SERVER_ENABLED,
    API_SERVER_HOST,
    API_SERVER_KEY,
    API_SERVER_MODEL_NAME,
    API_SERVER_PORT,
    HERMES_HOME,
    HERMES_MANAGED_DIR,
    REDIRECTS,
)
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.truthy import is_truthy

if TYPE_CHECKING:
    from hermes_profiles.documents.dotenv.document import EnvEntry

# The API server has no remote identity: a clone keeps it, on a port and with a key of its own.
API_SERVER = "api_server"
API_SERVER_ASSIGNED = (API_SERVER_PORT, API_SERVER_KEY)
API_SERVER_KEPT = (
    API_SERVER_ENABLED,
    API_SERVER_HOST,
    API_SERVER_CORS_ORIGINS,
    API_SERVER_MODEL_NAME,
)

_CLASS_REASONS = {
    KeyClass.IDENTITY_CREDENTIAL: "a credential of {channel}: only one process may hold it",
    KeyClass.IDENTITY_COMPANION: "belongs to the {channel} identity",
    KeyClass.IDENTITY_SETTING: "a setting of the {channel} identity",
    KeyClass.PORT_BIND: "an address that {channel} of only one profile can listen on",
    KeyClass.UNKNOWN: "not in the catalogue, but it carries the prefix of {channel}",
}
_REDIRECT_REASONS = {
    HERMES_HOME: "it would make the gateway of the clone run in another home",
    HERMES_MANAGED_DIR: "it would put the settings of a managed directory over those of the clone",
}


_OFF = frozenset({"false", "no", "off", "0"})


class ChannelReference(NamedTuple):
    """A removed setting of a channel that refers to a variable.

    `place`: the setting's dotted path; `is_secret`: the setting gives access, so the variable's value is the identity
    even where something else uses it too.
    """

    channel: str
    key_class: KeyClass | None
    place: str
    is_secret: bool


class SourceFacts(NamedTuple):
    """Facts about the source that a ruling on a name depends on.

    `references`: names that kept parts of config.yaml use as `${NAME}`;
    `channel_references`: names that removed settings of channels use in the same way;
    `tool_channels`: channels that tool keys alone switch on (Home Assistant, SMS, e-mail);
    `api_server_on`: the source's API server runs.
    """

    references: frozenset[str] = frozenset()
    tool_channels: frozenset[str] = frozenset()
    api_server_on: bool = False
    channel_references: Mapping[str, ChannelReference] = MappingProxyType({})


def tool_channels(environment: Mapping[str, str], catalog: Catalog) -> frozenset[str]:
    """Return the channels that the shareable keys of this environment switch on by themselves.

    `HASS_TOKEN` alone starts Home Assistant; a Google Cloud project alone starts nothing.
    """
    shareable = {
        name: value
        for name, value in environment.items()
        if (fact := catalog.lookup(name)) is not None and fact.key_class is KeyClass.TOOL_OR_PROVIDER_KEY
    }
    return catalog.enabled_by(shareable)


def run_by_tools(catalog: Catalog) -> frozenset[str]:
    """Return the channels that need nothing but keys of tools: once such a channel is on, the keys belong to it."""
    tool = KeyClass.TOOL_OR_PROVIDER_KEY
    return frozenset(
        channel.name
        for channel in catalog.channels.values()
        for names in channel.enable_sets
        if all((fact := catalog.lookup(name)) is not None and fact.key_class is tool for name in names)
    )


def judge_name(name: str, *, catalog: Catalog, policy: ClonePolicy, facts: SourceFacts) -> Ruling:
    """Return the ruling on one variable of the source's environment files."""
    ruling = _judge_alone(name, catalog=catalog, policy=policy, facts=facts)
    reference = facts.channel_references.get(name)
    if reference is None or not ruling.keeps or ruling.by_user or name == HERMES_HOME:
        return ruling
    return _judge_reference(name, ruling, reference, facts)


def judge_entry(entry: EnvEntry, *, catalog: Catalog, policy: ClonePolicy, facts: SourceFacts) -> Ruling:
    """Return the ruling on one entry: a flag that is off stays, because it is the default of an unused channel."""
    ruling = judge_name(entry.name, catalog=catalog, policy=policy, facts=facts)
    is_default = policy.channels is Channels.EXCLUDE and policy.only is None and not policy.empties
    if is_default and ruling.verdict is Verdict.REMOVE and not ruling.by_user and is_flag_off(entry):
        return Ruling(Verdict.KEEP, "off: it switches nothing on", ruling.channel, ruling.key_class)
    return ruling


def is_flag_off(entry: EnvEntry) -> bool:
    """Return whether an entry is `WHATSAPP_ENABLED=false` or the like, and on for no reader."""
    if not entry.name.endswith("_ENABLED"):
        return False
    return entry.value.strip().lower() in _OFF and not any(is_truthy(value) for value in entry.values)


def _judge_reference(name: str, ruling: Ruling, reference: ChannelReference, facts: SourceFacts) -> Ruling:
    """Return the ruling on a variable that a setting of a channel refers to: it goes where the setting goes.

    A variable that also serves something else stays, unless the setting is the secret of the channel: then its value
    is the identity, under any name.
    """
    shareable = ruling.key_class in (KeyClass.TOOL_OR_PROVIDER_KEY, KeyClass.OPTION)
    if not reference.is_secret and (shareable or name in facts.references):
        return ruling
    reason = f"{reference.channel} reads it: {reference.place} refers to ${{{name}}}"
    return Ruling(Verdict.REMOVE, reason, reference.channel, reference.key_class)


def _judge_alone(name: str, *, catalog: Catalog, policy: ClonePolicy, facts: SourceFacts) -> Ruling:
    """Return the ruling on one variable by its name alone."""
    fact = catalog.lookup(name)
    channel = fact.channel if fact else None
    key_class = fact.key_class if fact else None
    if name in policy.keep:
        return Ruling(Verdict.KEEP, "you asked to keep it", channel, key_class, by_user=True)
    if name in policy.drop:
        return Ruling(Verdict.REMOVE, "you asked to drop it", channel, key_class, by_user=True)
    if name in REDIRECTS and policy.only is None:
        return Ruling(Verdict.REMOVE, _REDIRECT_REASONS[name], None, KeyClass.IDENTITY_SETTING)
    if name in policy.assign:
        return Ruling(Verdict.ASSIGN, "must be unique: the profile gets its own", channel, key_class)
    if fact is None:
        return Ruling(Verdict.KEEP, "no channel reads it", None, None)
    if not policy.concerns(*catalog.channels_of(name)):
        return Ruling(Verdict.KEEP, "belongs to what stays", channel, key_class)
    if policy.channels is Channels.CLONE:
        return Ruling(Verdict.KEEP, "channels are cloned as you asked", channel, key_class)
    if channel == API_SERVER and facts.api_server_on and policy.api_server:
        return _judge_api_server(name, fact)
    return _judge_class(name, fact, policy, facts, catalog)


def _judge_api_server(name: str, fact: KeyFact) -> Ruling:
    if name in API_SERVER_ASSIGNED:
        what = "free port" if name.endswith("PORT") else "fresh key"
        return Ruling(Verdict.ASSIGN, f"must be unique: the clone gets its own {what}", API_SERVER, fact.key_class)
    if name in API_SERVER_KEPT:
        return Ruling(
            Verdict.KEEP,
            "the API server stays on, with a port and a key of its own",
            API_SERVER,
            fact.key_class,
        )
    return Ruling(
        Verdict.REMOVE,
        _CLASS_REASONS[KeyClass.UNKNOWN].format(channel=API_SERVER),
        API_SERVER,
        fact.key_class,
    )


def _judge_class(name: str, fact: KeyFact, policy: ClonePolicy, facts: SourceFacts, catalog: Catalog) -> Ruling:
    channel, key_class = fact.channel, fact.key_class
    owner = channel or "gateway"
    if key_class is KeyClass.TOOL_OR_PROVIDER_KEY:
        readers = [reader for reader in catalog.channels_of(name) if policy.concerns(reader)]
        switched_on = facts.tool_channels.intersection(readers)
        if switched_on:
            on = sorted(switched_on)[0]
            return Ruling(Verdict.REMOVE, f"the channel {on} runs on it", on, key_class)
        if (
            policy.channels is Channels.STRICT_PREFIX
            and channel
            and name.startswith(catalog.channels[channel].prefixes)
        ):
            return Ruling(Verdict.REMOVE, f"carries the prefix of {owner} (--strict-prefix)", channel, key_class)
        return Ruling(Verdict.KEEP, "a key of a tool or provider", channel, key_class)
    if policy.channels is Channels.STRICT_PREFIX and channel is not None:
        return Ruling(Verdict.REMOVE, f"carries the prefix of {owner} (--strict-prefix)", channel, key_class)
    if key_class is KeyClass.OPTION:
        return Ruling(Verdict.KEEP, "harmless behaviour", channel, key_class)
    if key_class is KeyClass.UNKNOWN and name in facts.references:
        return Ruling(Verdict.KEEP, f"config.yaml refers to ${{{name}}}", channel, key_class)
    return Ruling(Verdict.REMOVE, _CLASS_REASONS[key_class].format(channel=owner), channel, key_class)
