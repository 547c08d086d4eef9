"""The words of the catalogue: classes of keys, channels, rows of files and logins. Pure values.

NamedTuples, because every `list` loads them: making a frozen, slotted dataclass costs three times as much.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple

Origin = Literal["catalogue", "user", "plugin"]


class KeyClass(StrEnum):
    """What a key is to an identity; DESIGN vocabulary. `STRICTNESS` orders them."""

    IDENTITY_CREDENTIAL = "identity_credential"
    IDENTITY_COMPANION = "identity_companion"
    IDENTITY_SETTING = "identity_setting"
    PORT_BIND = "port_bind"
    OPTION = "option"
    TOOL_OR_PROVIDER_KEY = "tool_or_provider_key"
    UNKNOWN = "unknown"


class Sharing(StrEnum):
    """What happens when two live gateways hold the same identity of a channel."""

    exclusive = "exclusive"
    exclusive_inbound = "exclusive_inbound"
    port_exclusive = "port_exclusive"
    conditional = "conditional"


# The first class wins where several channels read one variable: WHATSAPP_MODE is a setting of `whatsapp` and
# an option of `whatsapp_cloud`, so it goes.
STRICTNESS = (
    KeyClass.IDENTITY_CREDENTIAL,
    KeyClass.IDENTITY_COMPANION,
    KeyClass.IDENTITY_SETTING,
    KeyClass.PORT_BIND,
    KeyClass.UNKNOWN,
    KeyClass.TOOL_OR_PROVIDER_KEY,
    KeyClass.OPTION,
)


class KeyFact(NamedTuple):
    """One environment variable.

    `channel`: the first channel that reads it, None when gateway-wide or shareable; `auto_enables`: part of
    a set that switches the channel on; `known`: False when only a channel's prefix matched; `secret`: the
    value itself gives access; `alias_of`: the variable it stands in for; `config`: the dotted path below
    `platforms.<channel>` that carries the same value, None when there is none.
    """

    name: str
    channel: str | None
    key_class: KeyClass
    auto_enables: bool = False
    note: str = ""
    known: bool = True
    secret: bool = False
    origin: Origin = "catalogue"
    alias_of: str | None = None
    config: str | None = None


class Port(NamedTuple):
    """A port that a channel listens on (0: any free one).

    `env`: variables that move it; `config`: paths below `platforms.<channel>` that do; `when`: in words.
    """

    default: int
    env: tuple[str, ...]
    config: tuple[tuple[str, ...], ...]
    bind: str
    when: str


class Channel(NamedTuple):
    """All that is known of one channel.

    `enable_sets`: any one, complete, switches it on; `explicit_disable_wins`: whether `enabled: false` in
    config.yaml beats a complete set; `config`: (dotted path below `platforms.<name>`, class) pairs;
    `state`: globs relative to the home, folders end in `/`, rows of auth.json as `auth.json#dotted.path`;
    `lock_scope`: the scope of Hermes' own lock, None without one; `lock_effective`: whether it keeps a copy
    out; `lock_identity`: alternatives, each a combination of variables whose values name the remote party
    (two profiles with equal values of one alternative are the same bot, lock or none); `set_up`: the
    command that sets the channel up again, with `{profile}`; `since`: `newer` for what 0.19.0 does not
    have; `examples_*`: names and config paths that are, and that only look like, this channel's.
    """

    name: str
    sharing: Sharing
    why: str
    prefixes: tuple[str, ...]
    keys: tuple[KeyFact, ...]
    enable_sets: tuple[frozenset[str], ...] = ()
    enable_note: str = ""
    explicit_disable_wins: bool = True
    config: tuple[tuple[str, KeyClass], ...] = ()
    ports: tuple[Port, ...] = ()
    state: tuple[str, ...] = ()
    lock_scope: str | None = None
    lock_effective: bool = False
    lock_note: str = ""
    lock_identity: tuple[tuple[str, ...], ...] = ()
    set_up: str = "hermes -p {profile} gateway setup"
    since: str = ""
    origin: Origin = "catalogue"
    examples_positive: tuple[str, ...] = ()
    examples_negative: tuple[str, ...] = ()


class LeftBehindRule(NamedTuple):
    """Files that no copy of a home may hold: a glob relative to the home (folders end in `/`) and why.

    `default_only`: counts in the default profile's home alone, where it belongs to the installation.
    """

    glob: str
    reason: str
    default_only: bool = False


class OAuthRow(NamedTuple):
    """A stored login.

    `path`: (file, key, key …), the file relative to the home and a folder when it ends in `/`; `channel`:
    whose identity it is, None for a provider's login; `single_use`: a copy logs the other one out after one
    rotation; `only_oauth_entries`: static API keys in the same place may stay.
    """

    path: tuple[str, ...]
    provider: str
    single_use: bool
    only_oauth_entries: bool = False
    channel: str | None = None
    note: str = ""


class UserChannel(NamedTuple):
    """What the user says of one channel, a new one or one the catalogue knows; None and () say nothing."""

    name: str
    prefixes: tuple[str, ...] = ()
    sharing: Sharing | None = None
    keys: tuple[KeyFact, ...] = ()
    enable_sets: tuple[frozenset[str], ...] = ()
    state: tuple[str, ...] = ()


class UserAdditions(NamedTuple):
    """What the user's own catalog.toml adds: channels, and keys that stand outside any channel."""

    channels: tuple[UserChannel, ...] = ()
    keys: tuple[KeyFact, ...] = ()
