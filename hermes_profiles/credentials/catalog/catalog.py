"""The catalogue: the channel and the class of a variable, a config path or a file.

How the data is maintained: `data/channels.json` (one object a channel, one line a variable) and
`data/shared.json` (what belongs to no channel). JSON, because `list` loads all of it on each call and
`json` is ten times as fast as any YAML reader; comments live in `note` fields. To add a variable, add a
line with its class, and `"auto_enables": true` when it is part of an `enable` set, `"secret": true` when
the value itself gives access, `"config"` when a path below `platforms.<channel>` carries the same value.
Every channel ships `examples`: names that must be attributed to it and look-alikes that must not be; the
tests run them all, and tests/unit/credentials/test_catalog_coverage.py compares the data with the installed
hermes-agent.

Pure: text and mappings in, values out; the one thing read is this package's own data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from hermes_profiles.hermes.environment import SHORTEST_SECRET, TRUTHY
from hermes_profiles.hermes.files import APPROVED_ENDING, PENDING_ENDING, PLUGIN_NAME_ENDING
from hermes_profiles.model.named_tuple import NamedTuple

from . import load
from .globs import GlobIndex, normal
from .model import (
    STRICTNESS,
    Channel,
    KeyClass,
    KeyFact,
    LeftBehindRule,
    OAuthRow,
    Port,
    Sharing,
    UserAdditions,
    UserChannel,
)

if TYPE_CHECKING:
    from .plugin_code import PluginCode

__all__ = [
    "GATEWAY",
    "Catalog",
    "Channel",
    "KeyClass",
    "KeyFact",
    "LeftBehindRule",
    "OAuthRow",
    "Port",
    "Sharing",
    "UserAdditions",
    "UserChannel",
    "channel_document",
    "extend",
    "load_catalog",
    "parse_package",
    "parse_plugin",
    "parse_plugin_channel",
    "parse_user_catalog",
]

# Owner of state that belongs to all channels together (the lockout counters beside the pairing files).
GATEWAY = "gateway"
_SECRET_ENDINGS = ("_KEY", "_TOKEN", "_PASSWORD")


class CatalogTables(NamedTuple):
    """The rows of a catalogue."""

    channels: Mapping[str, Channel]
    gateway_keys: tuple[KeyFact, ...]
    patterns: tuple[tuple[str, KeyClass], ...]
    placeholders: frozenset[str]
    common_values: frozenset[str]
    gateway_config_identity: tuple[tuple[str, ...], ...]
    pairing_folders: tuple[str, ...]
    left_behind: tuple[LeftBehindRule, ...]
    oauth_rows: tuple[OAuthRow, ...]


class Catalog:
    """Channels by name, and queries about them; indexes are built on first use."""

    def __init__(self, tables: CatalogTables) -> None:
        self.tables = tables
        self.channels = tables.channels
        self.gateway_keys = tables.gateway_keys
        self.patterns = tables.patterns
        self.placeholders = tables.placeholders
        self.common_values = tables.common_values
        self.gateway_config_identity = tables.gateway_config_identity
        self.pairing_folders = tables.pairing_folders
        self.left_behind = tables.left_behind
        self.oauth_rows = tables.oauth_rows

    @cached_property
    def names_in_bytes(self) -> tuple[bytes, ...]:
        """Return the names of the channels as they are searched for in files."""
        return tuple(name.encode() for name in self.channels)

    @cached_property
    def of_plugins(self) -> tuple[Channel, ...]:
        """Return the channels that only plugins in the homes of this root bring."""
        return tuple(channel for channel in self.channels.values() if channel.plugins and channel.origin == "plugin")

    def lookup(self, name: str) -> KeyFact | None:
        """Return the class and the channel of an environment variable; None when the catalogue does not know it.

        An exact row decides, then a pattern (`<CHANNEL>_HOME_CHANNEL`), then the longest prefix (class
        UNKNOWN, `known` False). A row that several channels read keeps its strictest class.
        """
        return self._facts.get(name) or self._by_pattern(name) or self._by_prefix(name)

    def channels_of(self, name: str) -> tuple[str, ...]:
        """Return every channel that reads a variable, the one `lookup` names first; () when none does."""
        readers = self._readers.get(name)
        if readers is not None:
            return readers
        fact = self.lookup(name)
        return (fact.channel,) if fact is not None and fact.channel is not None else ()

    def config_class(self, channel: str, path: tuple[str, ...]) -> KeyClass:
        """Return the class of a path inside `platforms.<channel>`, UNKNOWN without a row for it or a parent.

        Hermes reads most keys both directly and below `extra`, so a leading `extra` does not count;
        capitals do not either. A path below a known path has its class. A path that only mirrors a
        variable (`bot_token` of TELEGRAM_BOT_TOKEN) has the class of the variable: newer releases read such
        keys.
        """
        parts = tuple(part.lower() for part in path)
        if parts[:1] == ("extra",):
            parts = parts[1:]
        index = self._config_index(channel)
        for size in range(len(parts), 0, -1):
            key_class = index.get(".".join(parts[:size]))
            if key_class is not None:
                return key_class
        return self._config_class_of_variable(channel, parts[0]) if parts else KeyClass.UNKNOWN

    def channel_of_config_key(self, key: str) -> str | None:
        """Return the channel that a key below `platforms` names, None when it names none.

        Hermes strips blanks and ignores capitals (`Platform("Telegram")`, gateway/config.py); later releases also take
        the name of the plugin's manifest, `telegram-platform`. `-` for `_` is accepted here too: a block Hermes ignores
        must not carry a token into a clone.
        """
        name = key.strip().lower()
        for spelled in (name, name.removesuffix(PLUGIN_NAME_ENDING)):
            if spelled in self.channels:
                return spelled
            spelled = spelled.replace("-", "_")
            if spelled in self.channels:
                return spelled
        return None

    def state_owner(self, relative_path: str) -> str | None:
        """Return the channel that owns a file or folder of the home, None when none does.

        `auth.json#credential_pool.photon` names a row of that file. A folder below `platforms/` belongs to
        the channel of that name, known or not; pairing files belong to the channel their name begins with,
        and other files beside them to GATEWAY.
        """
        path = normal(relative_path)
        for folder in self.pairing_folders:
            if path == folder.rstrip("/") or path.startswith(folder):
                return _pairing_owner(path.removeprefix(folder))
        owner = next(self._state_globs.matching(path), None)
        if owner is not None:
            return owner
        first, _, rest = path.partition("/")
        if first == "platforms" and rest:
            return rest.partition("/")[0]
        return None

    @cached_property
    def known_names(self) -> frozenset[str]:
        """Return every variable name that has a row, shareable and gateway-wide ones included."""
        return frozenset(self._facts)

    def enabled_by(self, environment: Mapping[str, str]) -> frozenset[str]:
        """Return the channels that these variables switch on by themselves, config.yaml aside."""
        given = environment.keys()
        sets = [(channel, names) for channel, names in self._enable_sets if names <= given]
        return frozenset(channel for channel, names in sets if all(self._counts(name, environment) for name in names))

    def is_placeholder(self, value: str) -> bool:
        """Return whether Hermes refuses this value as a secret: an exact match, or under 4 characters."""
        cleaned = value.strip()
        return len(cleaned) < SHORTEST_SECRET or cleaned.lower() in self.placeholders

    def left_behind_reason(self, relative_path: str, *, is_default: bool) -> str | None:
        """Return why a copy must not contain this file or folder, None when it can."""
        path = normal(relative_path)
        rows = self._left_behind_globs.matching(path)
        return next((row.reason for row in rows if is_default or not row.default_only), None)

    def _counts(self, name: str, environment: Mapping[str, str]) -> bool:
        """Return whether a variable is set in the way that switches a channel on.

        Blanks alone count: Hermes tests the raw string, and only warns about it later (gateway/config.py).
        """
        value = environment.get(name, "")
        if name.endswith("_ENABLED"):
            return value.strip().lower() in TRUTHY
        if not value.strip():
            return value != ""
        fact = self._facts.get(name)
        return not (fact is not None and fact.secret and self.is_placeholder(value))

    def _by_pattern(self, name: str) -> KeyFact | None:
        for suffix, key_class in self.patterns:
            if name.endswith(suffix):
                channel = self._stems.get(name[: -len(suffix)])
                if channel is not None:
                    return KeyFact(name, channel, key_class, note=f"built by Hermes from <CHANNEL>{suffix}")
        return None

    def _by_prefix(self, name: str) -> KeyFact | None:
        for size in self._prefix_sizes:
            prefix = name[:size]
            channel = self._prefixes.get(prefix) if len(name) > size else None
            if channel is not None:
                return KeyFact(
                    name,
                    channel,
                    KeyClass.UNKNOWN,
                    note=f"only the prefix {prefix} is known",
                    known=False,
                    origin=self.channels[channel].origin,
                )
        return None

    def _config_class_of_variable(self, channel: str, key: str) -> KeyClass:
        known = self.channels.get(channel)
        for prefix in known.prefixes if known is not None else ():
            fact = self._facts.get(prefix + key.upper())
            if fact is None or fact.channel != channel:
                continue
            if fact.key_class is not KeyClass.TOOL_OR_PROVIDER_KEY:
                return fact.key_class
            # A tool's key inside the channel's own block serves nothing but the channel.
            return KeyClass.IDENTITY_CREDENTIAL if fact.secret else KeyClass.IDENTITY_COMPANION
        return KeyClass.UNKNOWN

    def _config_index(self, channel: str) -> Mapping[str, KeyClass]:
        index = self._config_indexes.get(channel)
        if index is None:
            known = self.channels.get(channel)
            pairs = reversed(known.config) if known is not None else ()
            index = {path.removeprefix("extra.").lower(): key_class for path, key_class in pairs}
            self._config_indexes[channel] = index
        return index

    @cached_property
    def _config_indexes(self) -> dict[str, Mapping[str, KeyClass]]:
        return {}

    @cached_property
    def _facts(self) -> dict[str, KeyFact]:
        facts: dict[str, KeyFact] = {}
        for channel in self.channels.values():
            for fact in channel.keys:
                known = facts.get(fact.name)
                facts[fact.name] = fact if known is None else _stricter(known, fact)
        for fact in self.gateway_keys:
            facts.setdefault(fact.name, fact)
        return facts

    @cached_property
    def _enable_sets(self) -> tuple[tuple[str, frozenset[str]], ...]:
        sets = ((channel.name, names) for channel in self.channels.values() for names in channel.enable_sets)
        return tuple(row for row in sets if row[1])

    @cached_property
    def _readers(self) -> dict[str, tuple[str, ...]]:
        readers: dict[str, tuple[str, ...]] = {}
        for channel in self.channels.values():
            for fact in channel.keys:
                readers[fact.name] = (*readers.get(fact.name, ()), channel.name)
        return readers

    @cached_property
    def _prefixes(self) -> dict[str, str]:
        """Return prefix → channel; of two channels the first by name has it: no order of files decides."""
        pairs = [(prefix, name) for name, channel in self.channels.items() for prefix in channel.prefixes]
        return dict(sorted(pairs, reverse=True))

    @cached_property
    def _prefix_sizes(self) -> tuple[int, ...]:
        """Return the lengths of the prefixes, the longest first."""
        return tuple(sorted({len(prefix) for prefix in self._prefixes}, reverse=True))

    @cached_property
    def _stems(self) -> dict[str, str]:
        stems = {prefix.rstrip("_"): channel for prefix, channel in self._prefixes.items()}
        return stems | {name.upper(): name for name in self.channels}

    @cached_property
    def _state_globs(self) -> GlobIndex[str]:
        return GlobIndex((glob, name) for name, channel in self.channels.items() for glob in channel.state)

    @cached_property
    def state_folders(self) -> frozenset[str]:
        """The folders above files of state: `plugins` and `plugins/acme` of `plugins/acme/token.json`."""
        folders = (glob.split("/")[:-1] for channel in self.channels.values() for glob in channel.state)
        return frozenset("/".join(parts[:size]) for parts in folders for size in range(1, len(parts) + 1))

    @cached_property
    def _left_behind_globs(self) -> GlobIndex[LeftBehindRule]:
        return GlobIndex((row.glob, row) for row in self.left_behind)


@cache
def load_catalog() -> Catalog:
    """Return the catalogue of this package; read once a process."""
    shared = load.read_data("shared.json")
    keys = [load.key_fact(row, None) for row in shared["gateway_keys"]]
    keys += [
        KeyFact(name, None, KeyClass.TOOL_OR_PROVIDER_KEY, secret=name.endswith(_SECRET_ENDINGS))
        for name in shared["shareable"]
    ]
    tables = CatalogTables(
        channels=load.channels(load.read_data("channels.json")),
        gateway_keys=tuple(keys),
        patterns=tuple((row["suffix"], KeyClass(row["class"])) for row in shared["patterns"]),
        placeholders=frozenset(shared["placeholders"]),
        common_values=frozenset(shared["common_values"]),
        gateway_config_identity=tuple(tuple(path) for path in shared["gateway_config_identity"]),
        pairing_folders=tuple(shared["pairing_folders"]),
        left_behind=load.left_behind(shared["left_behind"]),
        oauth_rows=load.oauth_rows(shared["oauth_rows"]),
    )
    return Catalog(tables)


def extend(catalog: Catalog, *, channels: Iterable[Channel] = (), additions: UserAdditions | None = None) -> Catalog:
    """Return the catalogue with plugin channels and the user's additions; the user's classes win over all.

    A row of the catalogue wins over a plugin's, shareable keys included: a plugin that requires
    OPENROUTER_API_KEY does not make it an identity. Variables, prefixes and files that a known channel lacks
    are added to it.
    """
    from .merge import reclassed, with_plugin, with_user

    merged = dict(catalog.channels)
    for channel in channels:
        own = tuple(fact for fact in channel.keys if fact.name not in catalog.known_names)
        new = channel._replace(keys=own)
        merged[new.name] = with_plugin(merged[new.name], new) if new.name in merged else new
    keys = {fact.name: fact for fact in catalog.gateway_keys}
    if additions is not None:
        for user in additions.channels:
            merged[user.name] = with_user(merged.get(user.name), user)
        keys |= {fact.name: fact for fact in additions.keys}
        merged = {name: reclassed(channel, additions.keys) for name, channel in merged.items()}
    return Catalog(catalog.tables._replace(channels=merged, gateway_keys=tuple(keys.values())))


# The next four are in modules of their own, which `list` does not need and so does not import.


def parse_user_catalog(text: str, *, path: str) -> UserAdditions:
    """Return what the user's catalog.toml adds; DocumentError when it is invalid (user_file.py)."""
    from . import user_file

    return user_file.parse_user_catalog(text, path=path)


def parse_plugin_channel(text: str, *, path: str) -> Channel | None:
    """Return the channel of a plugin.yaml, None for another plugin; DocumentError when it is invalid (plugins.py)."""
    from . import plugins

    return plugins.parse_plugin_channel(text, path=path)


def parse_plugin(text: str, files: Mapping[str, str], *, path: str) -> tuple[tuple[Channel, ...], PluginCode]:
    """Return the channels of a plugin's manifest and code; DocumentError when it is invalid (plugins.py)."""
    from . import plugins

    return plugins.parse_plugin(text, files, path=path)


def parse_package(plugin: str, files: Mapping[str, str], *, path: str) -> tuple[Channel, ...]:
    """Return the channels that an installed package registers (plugins.py)."""
    from . import plugins

    return plugins.parse_package(plugin, files, path=path)


def channel_document(channel: Channel) -> dict[str, Any]:
    """Return a JSON-ready description of a channel: names, places and reasons (to_json.py)."""
    from . import to_json

    return to_json.channel_document(channel)


def _pairing_owner(name: str) -> str:
    for ending in (APPROVED_ENDING, PENDING_ENDING):
        if name.endswith(ending):
            return name.removesuffix(ending)
    channel, dash, _ = name.partition("-")
    return channel if dash and channel else GATEWAY


def _stricter(first: KeyFact, second: KeyFact) -> KeyFact:
    """Return the first fact with the stricter class of both."""
    key_class = min(first.key_class, second.key_class, key=STRICTNESS.index)
    return first if key_class is first.key_class else first._replace(key_class=key_class)
