"""Judges every key of the source, and collects the values that must not appear in the clone.

The order matters. config.yaml is judged before the variables that it refers to. Removed values are indexed last, when
all removals are known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.channels.channel_place import channel_place
from hermes_profiles.credentials.rules.environment import (
    API_SERVER,
    SourceFacts,
    is_flag_off,
    judge_entry,
    judge_name,
    run_by_tools,
    tool_channels,
)
from hermes_profiles.credentials.rules.logins import judge_auth, judge_honcho, secrets_of_logins
from hermes_profiles.hermes.environment import REDIRECTS
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.truthy import is_truthy

from .channels.outer_settings import OuterSettings, inherited_identities
from .channels.shared_settings import is_shared_path, is_shared_variable
from .detection.forms import KnownValues, may_have_form, values_by_form
from .detection.secret_shapes import looks_secret
from .known_values import known_values
from .mentions.structured_mentions import commented_blocks
from .mentions.variable_mentions import Mention, mentions_in_code, mentions_in_comment
from .policy import Channels, ClonePolicy, Ruling, Verdict
from .references import references_in
from .rules.config import EntryRemoval, TreeJudgement, dotted, judge_config, paths_kept_by_user
from .search.value_index import ValueIndex, is_address, searchable_parts

if TYPE_CHECKING:
    from hermes_profiles.documents.dotenv.document import EnvDocument, EnvEntry
    from hermes_profiles.documents.json_document import JsonDocument
    from hermes_profiles.documents.yaml.document import YamlDocument

# An empty HERMES_HOME in `.env` would send the gateway to the default root.
_NEVER_MASKED = frozenset(REDIRECTS)
# The section of config.yaml whose tokens are used to call a service, not to answer in it.
_OUTBOUND = "mcp_servers"
_SECRET_NAME = lazy_pattern(r"token|secret|passw|key|credential", re.IGNORECASE)
# `openrouter`, `qwen3-coder`, `meta/llama-3.1-70b`: words with numbers.
_MODEL_WORD = r"(?:[a-z]{2,}\d{0,3}|\d{1,3}[a-z]{0,2})"
_MODEL_NAME = lazy_pattern(rf"{_MODEL_WORD}(?:[-._/:]{_MODEL_WORD})*")
_DEFAULTS = lazy_pattern(r"\$\{[^{}:]*:-([^{}]*)\}")
_PIECES = lazy_pattern(r"[,;\s]+")
_LONGEST_SHARED = 24
_SETTING_CLASSES = (KeyClass.IDENTITY_SETTING, KeyClass.PORT_BIND, KeyClass.OPTION, None)


class SourceDocuments(NamedTuple):
    """The parsed documents of one profile that can hold an identity; None for a missing one.

    `state_values`: relative path of a channel's state file → secrets found in it; name of a key → its earlier values.
    """

    env: EnvDocument | None = None
    op_env: EnvDocument | None = None
    config: YamlDocument | None = None
    gateway: JsonDocument | None = None
    auth: JsonDocument | None = None
    honcho: JsonDocument | None = None
    state_values: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    outer: OuterSettings = OuterSettings()

    def env_files(self) -> tuple[EnvDocument, ...]:
        """Return the environment files that exist."""
        return tuple(document for document in (self.env, self.op_env) if document is not None)

    def texts(self) -> tuple[str, ...]:
        """Return the texts of the documents that exist."""
        documents = (*self.env_files(), self.config, self.gateway, self.auth, self.honcho)
        return tuple(document.text for document in documents if document is not None)

    def __repr__(self) -> str:
        return "SourceDocuments(***)"


class EnvRuling(NamedTuple):
    """The ruling on one entry of an environment file.

    `is_shared`: the entry belongs to a model, a provider or a tool, so only a secret in it is removed.
    """

    entry: EnvEntry
    ruling: Ruling
    is_shared: bool = False


class Classification(NamedTuple):
    """The rulings on one source, by file, and the index of its removed values.

    `known`: values with the form of a credential that stay; None when credentials are not searched by their form.
    """

    facts: SourceFacts
    env: Mapping[str, tuple[EnvRuling, ...]]
    config: TreeJudgement
    gateway: TreeJudgement
    auth: TreeJudgement
    honcho: TreeJudgement
    values: ValueIndex
    known: KnownValues | None = None


def classify(documents: SourceDocuments, *, catalog: Catalog, policy: ClonePolicy) -> Classification:
    """Return the rulings on every key of the source and the index of its removed values."""
    facts = source_facts(documents, catalog)
    nothing = TreeJudgement()
    config, gateway = nothing, nothing
    if documents.config is not None:
        config = judge_config(documents.config.entries, catalog=catalog, policy=policy, facts=facts)
    if documents.gateway is not None:
        gateway = judge_config(documents.gateway.entries, catalog=catalog, policy=policy, facts=facts)
    managed = nothing
    if documents.outer.config is not None:
        managed = judge_config(documents.outer.config.entries, catalog=catalog, policy=policy, facts=facts)
    facts = facts._replace(
        references=config.references | gateway.references,
        channel_references={
            **managed.channel_references,
            **gateway.channel_references,
            **config.channel_references,
        },
    )
    env = {
        document.path: tuple(
            EnvRuling(
                entry,
                judge_entry(entry, catalog=catalog, policy=policy, facts=facts),
                not entry.commented and is_shared_variable(entry.name, catalog),
            )
            for entry in document.entries
        )
        for document in documents.env_files()
    }
    auth, honcho = nothing, nothing
    if documents.auth is not None:
        auth = _logins(documents.auth, judge_auth(documents.auth.entries, catalog, policy), policy)
    if documents.honcho is not None:
        honcho = _logins(documents.honcho, judge_honcho(documents.honcho.entries, policy), policy)
    trees = ((documents.config, config), (documents.gateway, gateway), (documents.outer.config, managed))
    logins = ((documents.auth, auth), (documents.honcho, honcho))
    mentioned = _judged_mentions(documents, catalog, policy, facts)
    known = None
    if policy.channels is not Channels.CLONE and policy.only is None:
        pairs = [(item.entry, item.ruling) for rulings in env.values() for item in rulings]
        known = known_values(pairs, trees, (documents.auth, documents.honcho), facts)
        kept = {fact.channel for name in policy.keep if (fact := catalog.lookup(name)) is not None and fact.secret}
        known = known._replace(channels=frozenset(channel for channel in kept if channel is not None))
    values = _index(documents, env, trees, logins, mentioned, catalog, policy, known)
    return Classification(facts, env, config, gateway, auth, honcho, values, known)


def _logins(document: JsonDocument, removals: Iterable[EntryRemoval], policy: ClonePolicy) -> TreeJudgement:
    return TreeJudgement(removals=tuple(removals), kept=paths_kept_by_user(document.entries, policy))


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
    """Return the variables that the source's gateway reads from its own files.

    `.env` wins over `.op.env`; both win over top-level scalars of config.yaml. Hermes 0.19.0 loads the files twice: a
    reference finds what is set further down, in the other file, or by the managed directory.
    """
    environment: dict[str, str] = {}
    if documents.config is not None:
        for entry in documents.config.entries:
            if len(entry.path) == 1 and entry.kind == "scalar" and entry.value:
                environment[entry.path[0]] = entry.value
    files = [document for document in (documents.op_env, documents.env) if document is not None]
    loaded: dict[str, str] = {}
    for _ in range(2):
        before = {**documents.outer.environment, **loaded}
        for document in files:
            loaded.update(document.line_environment())
            loaded.update(document.environment(before))
    return environment | loaded


def channels_by_reference(documents: SourceDocuments, catalog: Catalog) -> dict[str, frozenset[str]]:
    """Return variable → channels whose settings refer to it as `${NAME}`."""
    found: dict[str, set[str]] = {}
    for document in (documents.config, documents.gateway):
        for entry in document.entries if document is not None else ():
            if entry.kind == "scalar" and entry.value and "${" in entry.value:
                place = channel_place(entry.path, catalog)
                if place is not None:
                    for name in references_in(entry.value):
                        found.setdefault(name, set()).add(place.channel)
    return {name: frozenset(channels) for name, channels in found.items()}


def variables_to_mask(
    documents: SourceDocuments,
    facts: SourceFacts,
    environment: Mapping[str, str],
    *,
    catalog: Catalog,
    policy: ClonePolicy,
    assigned: Collection[str] = (),
) -> tuple[str, ...]:
    """Return the variables of removed channels that a gateway would inherit from `environment`.

    An empty entry in its `.env` masks each of them. `assigned`: names that get a value of their own there.
    """
    if policy.channels is Channels.CLONE:
        return ()
    inherited = {name: value for name, value in environment.items() if value}
    on_tools = facts.tool_channels | tool_channels({**inherited, **source_environment(documents)}, catalog)
    facts = facts._replace(tool_channels=on_tools)
    masked = []
    for name in sorted(inherited):
        fact = catalog.lookup(name)
        is_known = (fact is not None and fact.known) or name in facts.channel_references
        if not is_known or name in assigned or name in _NEVER_MASKED:
            continue
        if judge_name(name, catalog=catalog, policy=policy, facts=facts).keeps:
            continue
        present = documents.env.get(name) if documents.env is not None else None
        # An empty entry masks it already, and so does a flag that is off.
        if present is None or (any(present.values) and not is_flag_off(present)):
            masked.append(name)
    return tuple(masked)


def _index(
    documents: SourceDocuments,
    env: Mapping[str, tuple[EnvRuling, ...]],
    trees: Sequence[tuple[YamlDocument | JsonDocument | None, TreeJudgement]],
    logins: Iterable[tuple[JsonDocument | None, TreeJudgement]],
    mentioned: Iterable[Mention],
    catalog: Catalog,
    policy: ClonePolicy,
    known: KnownValues | None,
) -> ValueIndex:
    # Some people write the name of a variable in place of its value; every placeholder contains names.
    common = catalog.common_values | {name.lower() for name in catalog.known_names}
    parts: dict[str, list[str]] = {}
    public: dict[str, list[str]] = {}
    shared_pieces = _pieces_of_many(env)

    def add(name: str, value: str, key_class: KeyClass | None, *, prose: bool = False) -> None:
        if name in REDIRECTS:
            return  # a path, not an identity: many harmless paths begin with it
        setting = key_class in _SETTING_CLASSES
        if setting and policy.only is not None:
            return  # the agent keeps its memory, and the people in it
        is_public = _is_public(name, key_class, catalog)
        defaults = _DEFAULTS.findall(value) if "${" in value else ()
        for part in dict.fromkeys(
            part
            for text in (value, *defaults)
            for part in searchable_parts(text, common=common, setting=setting or prose)
        ):
            if part in shared_pieces and part != value.strip():
                continue
            places = public if is_public or is_address(part, hosts=False) else parts
            places.setdefault(name, []).append(part)

    for name, value, key_class, is_prose in _removed_values(documents, env, trees, logins, mentioned, catalog, policy):
        add(name, value, key_class, prose=is_prose)
    if known is not None:
        for text in documents.texts():
            if may_have_form(text.encode("utf-8", "replace")):
                for kind, found in values_by_form(text, known).items():
                    parts.setdefault(kind, []).extend(found)
    return ValueIndex(parts, public=public, spared=_kept_values(env, trees, catalog, policy))


def _removed_values(
    documents: SourceDocuments,
    env: Mapping[str, tuple[EnvRuling, ...]],
    trees: Sequence[tuple[YamlDocument | JsonDocument | None, TreeJudgement]],
    logins: Iterable[tuple[JsonDocument | None, TreeJudgement]],
    mentioned: Iterable[Mention],
    catalog: Catalog,
    policy: ClonePolicy,
) -> Iterator[tuple[str, str, KeyClass | None, bool]]:
    """Yield (name, value, class, whether it is in prose) of everything that must be in no file of the clone."""
    for rulings in env.values():
        for item in rulings:
            if item.ruling.verdict in (Verdict.REMOVE, Verdict.ASSIGN):
                for value in item.entry.values:
                    yield item.entry.name, value, item.ruling.key_class, False
    inherited = dict(inherited_identities(documents.outer, catalog, policy))
    for name, value in inherited.items():
        yield name, value, KeyClass.IDENTITY_CREDENTIAL, False
    for name, value in _interpolation_sources(documents, env, trees, inherited, catalog):
        yield name, value, KeyClass.IDENTITY_CREDENTIAL, False
    for mention in mentioned:
        yield mention.fact.name, mention.value, mention.fact.key_class, True
    for found in commented_blocks(documents.config, catalog) if policy.channels is not Channels.CLONE else ():
        if found.name not in policy.keep and (found.channel is None or policy.concerns(found.channel)):
            yield found.name, found.value, KeyClass.IDENTITY_CREDENTIAL, True
    for _, judgement in trees:
        for name, pairs in judgement.values.items():
            for value, key_class in pairs:
                yield name, value, key_class, False
    for login, judgement in logins:
        for path, value in secrets_of_logins(login.entries if login is not None else (), judgement.removals):
            yield path, value, KeyClass.IDENTITY_CREDENTIAL, False
    if policy.channels is not Channels.CLONE:
        for path, secrets in documents.state_values.items():
            for value in secrets:
                yield path, value, KeyClass.IDENTITY_CREDENTIAL, False


def _is_public(name: str, key_class: KeyClass | None, catalog: Catalog) -> bool:
    """Return whether a removed key holds no secret: an address, a list of people, an id that others see."""
    if key_class is None or key_class is KeyClass.UNKNOWN:
        return False
    fact = catalog.lookup(name)
    if fact is not None:
        return not fact.secret
    return key_class is not KeyClass.IDENTITY_CREDENTIAL and _SECRET_NAME.search(name.rpartition(".")[2]) is None


def _pieces_of_many(env: Mapping[str, tuple[EnvRuling, ...]]) -> frozenset[str]:
    """Return the short pieces that several values have: an encrypted file has `ENC[AES256_GCM` in each of them."""
    owners: dict[str, set[str]] = {}
    for rulings in env.values():
        for value in {value for item in rulings if not item.entry.commented for value in item.entry.values}:
            for piece in _PIECES.split(value) if len(value) > _LONGEST_SHARED else ():
                if len(piece) <= _LONGEST_SHARED:
                    owners.setdefault(piece.strip(" \t\"'[](){}"), set()).add(value.strip("\"'"))
    return frozenset(piece for piece, values in owners.items() if len(values) > 1 and not looks_secret(piece))


def _judged_mentions(
    documents: SourceDocuments, catalog: Catalog, policy: ClonePolicy, facts: SourceFacts
) -> Iterator[Mention]:
    """Yield the values beside the names of removed variables in comments and in texts of the source's settings."""
    for mention in _mentions(documents, catalog):
        ruling = judge_name(mention.fact.name, catalog=catalog, policy=policy, facts=facts)
        if ruling.verdict in (Verdict.REMOVE, Verdict.ASSIGN):
            yield mention


def _mentions(documents: SourceDocuments, catalog: Catalog) -> Iterator[Mention]:
    prefixes = {prefix for channel in catalog.channels.values() for prefix in channel.prefixes}

    def may_mention(text: str) -> bool:
        return any(prefix in text for prefix in prefixes)

    for document in documents.env_files():
        for line in document.text.splitlines() if "#" in document.text else ():
            _, mark, comment = line.partition("#")
            if mark:
                yield from mentions_in_comment(comment, catalog)
        for entry in document.entries:
            for value in entry.values if not entry.commented else ():
                if "_" in value and may_mention(value):
                    yield from mentions_in_code(value, catalog)
    config = documents.config
    if config is None or not may_mention(config.text):
        return
    for span in config.comments:
        yield from mentions_in_comment(config.text[span.start : span.end], catalog)
    for setting in config.entries:
        if setting.kind == "scalar" and setting.value and "_" in setting.value and setting.path[0] != _OUTBOUND:
            yield from mentions_in_code(setting.value, catalog)


def _interpolation_sources(
    documents: SourceDocuments,
    env: Mapping[str, tuple[EnvRuling, ...]],
    trees: Iterable[tuple[YamlDocument | JsonDocument | None, TreeJudgement]],
    inherited: Mapping[str, str],
    catalog: Catalog,
) -> Iterator[tuple[str, str]]:
    """Yield the variables that a removed credential is built from (`TOKEN=${BOT_ID}:${BOT_HASH}`), over all files.

    A value can come from `.env`, `.op.env`, a top-level scalar of config.yaml, the managed directory, or the process.
    """
    trees = tuple(trees)
    items = [item for rulings in env.values() for item in rulings]
    wanted = [
        name for item in items if item.ruling.removes and _is_secret(item, catalog) for name in item.entry.references
    ]
    wanted += [name for _, judgement in trees for name, one in judgement.channel_references.items() if one.is_secret]
    wanted += [name for value in inherited.values() for name in references_in(value)]
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in seen or catalog.lookup(name) is not None:
            continue
        seen.add(name)
        for item in items:
            if item.entry.name == name and not item.ruling.kept_by_user:
                wanted += item.entry.references
                for value in item.entry.values:
                    yield name, value
        for value in _outer_values(name, documents, trees):
            wanted += references_in(value)
            yield name, value


def _is_secret(item: EnvRuling, catalog: Catalog) -> bool:
    fact = catalog.lookup(item.entry.name)
    return item.ruling.key_class is KeyClass.IDENTITY_CREDENTIAL or (fact is not None and fact.secret)


def _outer_values(
    name: str, documents: SourceDocuments, trees: Iterable[tuple[YamlDocument | JsonDocument | None, TreeJudgement]]
) -> Iterator[str]:
    """Yield the values of a variable outside of the environment files; a path is not part of a credential."""
    for document, judgement in trees:
        for entry in document.entries if document is not None else ():
            if entry.path == (name,) and entry.value and entry.path not in judgement.kept:
                yield entry.value
    value = documents.outer.environment.get(name, "")
    if value and not value.startswith(("/", "~")):
        yield value


def _kept_values(
    env: Mapping[str, tuple[EnvRuling, ...]],
    trees: Sequence[tuple[YamlDocument | JsonDocument | None, TreeJudgement]],
    catalog: Catalog,
    policy: ClonePolicy,
) -> frozenset[str]:
    """Return the values that are not searched for: those of keys that the user keeps, or that others need."""
    kept: set[str] = set()
    for rulings in env.values():
        for item in rulings:
            if item.ruling.kept_by_user:
                for value in item.entry.values:
                    kept.update(searchable_parts(value))
    for document, judgement in trees:
        for entry in document.entries if document is not None and judgement.kept else ():
            if entry.value and entry.path in judgement.kept:
                kept.update(searchable_parts(entry.value))
    kept.update(_names_of_models(document for document, _ in trees))
    if policy.only is not None:
        for value in _needed_by_others([document for document, _ in trees], env, catalog, policy):
            kept.update(searchable_parts(value))
    return frozenset(kept)


def _names_of_models(trees: Iterable[YamlDocument | JsonDocument | None]) -> Iterator[str]:
    """Yield the names of models and providers: a password can be the same word, and the model must work."""
    for document in trees:
        for entry in document.entries if document is not None else ():
            is_name = entry.kind == "scalar" and entry.value and _MODEL_NAME.fullmatch(entry.value)
            if is_name and is_shared_path(entry.path) and _SECRET_NAME.search(entry.path[-1]) is None:
                yield entry.value or ""


def _needed_by_others(
    trees: Iterable[YamlDocument | JsonDocument | None],
    env: Mapping[str, tuple[EnvRuling, ...]],
    catalog: Catalog,
    policy: ClonePolicy,
) -> Iterator[str]:
    """Yield the values of known keys that stay in a stripped profile: two accounts can have the same password."""
    for rulings in env.values():
        for item in rulings:
            fact = catalog.lookup(item.entry.name)
            if fact is not None and fact.known and item.ruling.keeps and not item.entry.commented:
                yield from item.entry.values
    for document in trees:
        for entry in document.entries if document is not None else ():
            place = channel_place(entry.path, catalog)
            if place is None or not place.known or policy.concerns(place.channel):
                continue
            if entry.value and dotted(entry.path) not in policy.assign:
                yield entry.value
