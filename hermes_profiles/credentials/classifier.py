"""From the source's documents to verdicts: what leaves, what stays, and which values may appear nowhere.

Order matters: config.yaml is judged before the variables it refers to; only when all removals are known can
the values that must not reappear be searched for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .catalog import Catalog, KeyClass
from .config_rules import ConfigJudgement, channel_place, dotted, judge_config
from .environment_rules import API_SERVER, SourceFacts, judge_name, tool_channels
from .flags import is_truthy
from .values import ValueIndex, searchable_parts
from .verdicts import Channels, ClonePolicy, Ruling, Verdict

if TYPE_CHECKING:
    from hermes_profiles.documents.entries import TreeEntry
    from hermes_profiles.documents.envfile import EnvDocument, EnvEntry
    from hermes_profiles.documents.jsonfile import JsonDocument
    from hermes_profiles.documents.yamlfile import YamlDocument

_SECRET_FIELD = re.compile(r"token|secret|passw|key|cred|auth|signature", re.IGNORECASE)
_SETTING_CLASSES = (KeyClass.IDENTITY_SETTING, KeyClass.PORT_BIND, KeyClass.OPTION, None)


@dataclass(frozen=True, slots=True)
class SourceDocuments:
    """The documents of one profile that can hold an identity, read and parsed; None where there is none.

    `state_values`: relative path of a channel's state file → secrets found in it.
    """

    env: EnvDocument | None = None
    op_env: EnvDocument | None = None
    config: YamlDocument | None = None
    gateway: JsonDocument | None = None
    auth: JsonDocument | None = None
    state_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def env_files(self) -> tuple[EnvDocument, ...]:
        """Return the environment files there are."""
        return tuple(document for document in (self.env, self.op_env) if document is not None)


@dataclass(frozen=True, slots=True)
class EnvRuling:
    """The ruling on one entry of an environment file."""

    entry: EnvEntry
    ruling: Ruling


@dataclass(frozen=True, slots=True)
class AuthRemoval:
    """A row of auth.json that stays behind; `login_again` names the provider of a single-use login."""

    entry: TreeEntry
    ruling: Ruling
    login_again: str | None = None


@dataclass(frozen=True, slots=True)
class Classification:
    """Everything decided about one source; rulings by file, and the index of values that must not reappear."""

    facts: SourceFacts
    env: Mapping[str, tuple[EnvRuling, ...]]
    config: ConfigJudgement
    gateway: ConfigJudgement
    auth: tuple[AuthRemoval, ...]
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
    values = _index(documents, env, (config, gateway), auth, catalog, policy)
    return Classification(facts, env, config, gateway, auth, values)


def source_facts(documents: SourceDocuments, catalog: Catalog) -> SourceFacts:
    """Return which channels run on tool keys alone, and whether the API server is on."""
    environment = source_environment(documents)
    api_server_on = API_SERVER in catalog.enabled_by(environment)
    for document in (documents.config, documents.gateway):
        for entry in document.entries if document is not None else ():
            if entry.path[-1] == "enabled" and is_truthy(entry.value) and entry.kind == "scalar":
                place = channel_place(entry.path, catalog)
                if place and place.channel == API_SERVER and entry.path == (*place.block, "enabled"):
                    api_server_on = True
    return SourceFacts(tool_channels=tool_channels(environment, catalog), api_server_on=api_server_on)


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


def judge_auth(entries: Iterable[TreeEntry], catalog: Catalog, policy: ClonePolicy) -> Iterator[AuthRemoval]:
    """Yield the rows of auth.json that stay behind: channel identities, and single-use logins.

    Single-use refresh tokens stay behind even when channels are cloned: a copy would log the source out.
    """
    entries = tuple(entries)
    removed: set[tuple[str, ...]] = set()
    for row in catalog.oauth_rows:
        if not row.path or row.path[0] != "auth.json":
            continue
        path = row.path[1:]
        for entry in entries:
            if entry.path == path and path not in removed:
                if row.channel is not None:
                    if policy.channels is Channels.CLONE or row.channel in policy.keep:
                        continue
                    ruling = Ruling(
                        Verdict.REMOVE,
                        f"the stored login of {row.channel}",
                        row.channel,
                        KeyClass.IDENTITY_CREDENTIAL,
                    )
                    yield AuthRemoval(entry, ruling)
                    removed.add(path)
                elif row.only_oauth_entries:
                    yield from _oauth_items(entries, path, row.provider)
                elif row.single_use:
                    yield AuthRemoval(entry, _single_use(row.provider), row.provider)
                    removed.add(path)


def _single_use(provider: str) -> Ruling:
    return Ruling(Verdict.REMOVE, f"single-use login of {provider}: a copy would log the source out", None, None)


def _oauth_items(entries: tuple[TreeEntry, ...], path: tuple[str, ...], provider: str) -> Iterator[AuthRemoval]:
    """Yield the mappings at or just below `path` that hold an OAuth grant; plain API keys beside them may stay."""
    for entry in entries:
        if entry.kind == "mapping" and entry.path in (
            path,
            *(other.path for other in entries if other.path[:-1] == path),
        ):
            inner = [other for other in entries if other.path[:-1] == entry.path]
            if any("refresh" in other.path[-1].lower() or "oauth" in (other.value or "").lower() for other in inner):
                yield AuthRemoval(entry, _single_use(provider), provider)


def secrets_in_state(text: str) -> tuple[str, ...]:
    """Return the strings of a channel's JSON state file that look like secrets: under a telling name, or long."""
    try:
        data = json.loads(text)
    except ValueError:
        return ()
    return tuple(dict.fromkeys(_secrets_in(data, name="")))


def _secrets_in(data: Any, *, name: str) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _secrets_in(value, name=str(key))
    elif isinstance(data, list):
        for value in data:
            yield from _secrets_in(value, name=name)
    elif isinstance(data, str) and len(data) >= 12 and _SECRET_FIELD.search(name):
        yield data


def _index(
    documents: SourceDocuments,
    env: Mapping[str, tuple[EnvRuling, ...]],
    configs: Iterable[ConfigJudgement],
    auth: Iterable[AuthRemoval],
    catalog: Catalog,
    policy: ClonePolicy,
) -> ValueIndex:
    common = catalog.common_values
    parts: dict[str, list[str]] = {}

    def add(name: str, value: str, key_class: KeyClass | None) -> None:
        setting = key_class in _SETTING_CLASSES
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
    for removal in auth:
        if removal.ruling.channel is not None and documents.auth is not None:
            for entry in documents.auth.entries:
                if (
                    entry.path[: len(removal.entry.path)] == removal.entry.path
                    and entry.value
                    and len(entry.value) >= 12
                ):
                    add(dotted(("auth.json", *removal.entry.path)), entry.value, KeyClass.IDENTITY_CREDENTIAL)
    if policy.channels is not Channels.CLONE:
        for path, secrets in documents.state_values.items():
            for value in secrets:
                add(path, value, KeyClass.IDENTITY_CREDENTIAL)
    return ValueIndex(parts, spared=_kept_by_user(documents, env, policy, common))


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
    policy: ClonePolicy,
    common: Iterable[str],
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
            if entry.value and (dotted(entry.path) in policy.keep or entry.path[-1] in policy.keep):
                kept.update(searchable_parts(entry.value))
    return frozenset(kept)
