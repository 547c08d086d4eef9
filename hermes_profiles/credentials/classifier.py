"""From the source's documents to verdicts: what leaves, what stays, and which values may appear nowhere.

Order matters: config.yaml is judged before the variables it refers to; only when all removals are known can
the values that must not reappear be searched for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.rules.config import (
    ConfigJudgement,
    channel_place,
    dotted,
    is_kept_by_user,
    judge_config,
)
from hermes_profiles.credentials.rules.environment import (
    API_SERVER,
    SourceFacts,
    judge_name,
    run_by_tools,
    tool_channels,
)
from hermes_profiles.credentials.rules.logins import AuthRemoval, judge_auth, judge_honcho, secrets_of_logins
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.truthy import is_truthy

from .policy import Channels, ClonePolicy, Ruling, Verdict
from .value_index import ValueIndex, searchable_parts, secrets_in_json

if TYPE_CHECKING:
    from hermes_profiles.documents.dotenv.document import EnvDocument, EnvEntry
    from hermes_profiles.documents.json_document import JsonDocument
    from hermes_profiles.documents.yaml.document import YamlDocument

_SETTING_CLASSES = (KeyClass.IDENTITY_SETTING, KeyClass.PORT_BIND, KeyClass.OPTION, None)


class SourceDocuments(NamedTuple):
    """The documents of one profile that can hold an identity, read and parsed; None where there is none.

    `state_values`: relative path of a channel's state file → secrets found in it.
    """

    env: EnvDocument | None = None
    op_env: EnvDocument | None = None
    config: YamlDocument | None = None
    gateway: JsonDocument | None = None
    auth: JsonDocument | None = None
    honcho: JsonDocument | None = None
    state_values: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def env_files(self) -> tuple[EnvDocument, ...]:
        """Return the environment files there are."""
        return tuple(document for document in (self.env, self.op_env) if document is not None)

    def __repr__(self) -> str:
        return "SourceDocuments(***)"


class EnvRuling(NamedTuple):
    """The ruling on one entry of an environment file."""

    entry: EnvEntry
    ruling: Ruling


class Classification(NamedTuple):
    """Everything decided about one source; rulings by file, and the index of values that must not reappear."""

    facts: SourceFacts
    env: Mapping[str, tuple[EnvRuling, ...]]
    config: ConfigJudgement
    gateway: ConfigJudgement
    auth: tuple[AuthRemoval, ...]
    honcho: tuple[AuthRemoval, ...]
    values: ValueIndex


def classify(documents: SourceDocuments, *, catalog: Catalog, policy: ClonePolicy) -> Classification:
    """Return the rulings on every key of the source and the index of its removed values."""
    facts = source_facts(documents, catalog)
    nothing = ConfigJudgement()
    config, gateway = nothing, nothing
    if documents.config is not None:
        config = judge_config(documents.config.entries, catalog=catalog, policy=policy, facts=facts)
    if documents.gateway is not None:
        gateway = judge_config(documents.gateway.entries, catalog=catalog, policy=policy, facts=facts)
    facts = SourceFacts(config.references | gateway.references, facts.tool_channels, facts.api_server_on)
    env = {
        document.path: tuple(
            EnvRuling(entry, judge_name(entry.name, catalog=catalog, policy=policy, facts=facts))
            for entry in document.entries
        )
        for document in documents.env_files()
    }
    auth = tuple(judge_auth(documents.auth.entries, catalog, policy)) if documents.auth is not None else ()
    honcho = tuple(judge_honcho(documents.honcho.entries, policy)) if documents.honcho is not None else ()
    logins = ((documents.auth, auth), (documents.honcho, honcho))
    values = _index(documents, env, (config, gateway), logins, catalog, policy)
    return Classification(facts, env, config, gateway, auth, honcho, values)


def source_facts(documents: SourceDocuments, catalog: Catalog) -> SourceFacts:
    """Return which channels run on tool keys alone, and whether the API server is on."""
    environment = source_environment(documents)
    flagged = frozenset(_switched_on(documents, catalog))
    on_tools = tool_channels(environment, catalog) | (flagged & run_by_tools(catalog))
    return SourceFacts(tool_channels=on_tools, api_server_on=API_SERVER in flagged | catalog.enabled_by(environment))


def _switched_on(documents: SourceDocuments, catalog: Catalog) -> Iterator[str]:
    """Yield the channels that config.yaml or gateway.json switches on by their flag."""
    for document in (documents.config, documents.gateway):
        for entry in document.entries if document is not None else ():
            if entry.path[-1] == "enabled" and is_truthy(entry.value) and entry.kind == "scalar":
                place = channel_place(entry.path, catalog)
                if place is not None and entry.path == (*place.block, "enabled"):
                    yield place.channel


def source_environment(documents: SourceDocuments) -> dict[str, str]:
    """Return the variables the source's gateway would see from its own files: `.env` wins over `.op.env`,
    both win over top-level scalars of config.yaml."""
    environment: dict[str, str] = {}
    if documents.config is not None:
        for entry in documents.config.entries:
            if len(entry.path) == 1 and entry.kind == "scalar" and entry.value:
                environment[entry.path[0]] = entry.value
    for document in (documents.op_env, documents.env):
        if document is not None:
            environment.update(document.line_environment())
            environment.update(document.environment())
    return environment


def secrets_in_state(text: str) -> tuple[str, ...]:
    """Return the strings of a channel's JSON state file that look like secrets: long ones under a telling name."""
    return secrets_in_json(text) or ()


def _index(
    documents: SourceDocuments,
    env: Mapping[str, tuple[EnvRuling, ...]],
    configs: Iterable[ConfigJudgement],
    logins: Iterable[tuple[JsonDocument | None, Iterable[AuthRemoval]]],
    catalog: Catalog,
    policy: ClonePolicy,
) -> ValueIndex:
    # Some people write the name of a variable where its value belongs; names are in every placeholder.
    common = catalog.common_values | {name.lower() for name in catalog.known_names}
    parts: dict[str, list[str]] = {}

    def add(name: str, value: str, key_class: KeyClass | None) -> None:
        if name == HERMES_HOME:
            return  # a path, no identity: it stands in front of many honest ones
        setting = key_class in _SETTING_CLASSES
        if setting and policy.only is not None:
            return  # whom a living agent knows stays in its memory: the people are not the bot
        parts.setdefault(name, []).extend(searchable_parts(value, common=common, setting=setting))

    for rulings in env.values():
        for item in rulings:
            if item.ruling.verdict in (Verdict.REMOVE, Verdict.ASSIGN):
                for value in item.entry.values:
                    add(item.entry.name, value, item.ruling.key_class)
        for name, value in _interpolation_sources(rulings, catalog):
            add(name, value, KeyClass.IDENTITY_CREDENTIAL)
    for judgement in configs:
        for name, found in judgement.values.items():
            for value, key_class in found:
                add(name, value, key_class)
    for document, removals in logins:
        for path, value in secrets_of_logins(document.entries if document is not None else (), removals):
            add(path, value, KeyClass.IDENTITY_CREDENTIAL)
    if policy.channels is not Channels.CLONE:
        for path, secrets in documents.state_values.items():
            for value in secrets:
                add(path, value, KeyClass.IDENTITY_CREDENTIAL)
    return ValueIndex(parts, spared=_kept_by_user(documents, env, catalog, policy))


def _interpolation_sources(rulings: Iterable[EnvRuling], catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Yield the parts a removed credential is put together from (`TOKEN=${BOT_ID}:${BOT_HASH}`)."""
    rulings = tuple(rulings)
    sources = {
        name
        for item in rulings
        if item.ruling.removes and item.ruling.key_class is KeyClass.IDENTITY_CREDENTIAL
        for name in item.entry.references
    }
    for item in rulings:
        if item.entry.name in sources and catalog.lookup(item.entry.name) is None:
            for value in item.entry.values:
                yield item.entry.name, value


def _kept_by_user(
    documents: SourceDocuments,
    env: Mapping[str, tuple[EnvRuling, ...]],
    catalog: Catalog,
    policy: ClonePolicy,
) -> frozenset[str]:
    """Return the values of keys the user asked to keep: they may stand wherever they stand."""
    kept: set[str] = set()
    for rulings in env.values():
        for item in rulings:
            if item.entry.name in policy.keep:
                for value in item.entry.values:
                    kept.update(searchable_parts(value))
    for document in (documents.config, documents.gateway):
        for entry in document.entries if document is not None else ():
            if entry.value and is_kept_by_user(entry.path, policy):
                kept.update(searchable_parts(entry.value))
    if policy.only is not None:
        for value in _needed_by_others(documents, env, catalog, policy):
            kept.update(searchable_parts(value))
    return frozenset(kept)


def _needed_by_others(
    documents: SourceDocuments, env: Mapping[str, tuple[EnvRuling, ...]], catalog: Catalog, policy: ClonePolicy
) -> Iterator[str]:
    """Yield the values of known keys that stay in a profile which lives on: two accounts may have one password."""
    for rulings in env.values():
        for item in rulings:
            fact = catalog.lookup(item.entry.name)
            if fact is not None and fact.known and item.ruling.keeps and not item.entry.commented:
                yield from item.entry.values
    for document in (documents.config, documents.gateway):
        for entry in document.entries if document is not None else ():
            place = channel_place(entry.path, catalog)
            if place is None or not place.known or policy.concerns(place.channel):
                continue
            if entry.value and dotted(entry.path) not in policy.assign:
                yield entry.value
