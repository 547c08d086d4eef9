"""Value types of the catalogue: classes of keys, channels, rows of files and logins.

NamedTuples, because every `list` loads them: a frozen, slotted dataclass takes three times as long to create.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from hermes_profiles.model.named_tuple import NamedTuple

Origin = Literal["catalogue", "user", "plugin"]


class KeyClass(StrEnum):
    """The class of a key: what it means for an identity. `STRICTNESS` orders the classes."""

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
# an option of `whatsapp_cloud`, so it is removed.
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
    value itself gives access; `alias_of`: the variable that it replaces; `config`: the dotted path below
    `platforms.<channel>` that holds the same value, None without one.
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

    `env`: variables that set it; `config`: paths below `platforms.<channel>` that set it; `when`: the
    condition, as text.
    """

    default: int
    env: tuple[str, ...]
    config: tuple[tuple[str, ...], ...]
    bind: str
    when: str


class PluginPlace(NamedTuple):
    """A plugin in the folder `plugins` of a home, or of an installed package ("").

    `names`: each, in `plugins.enabled`, makes Hermes load it.
    """

    folder: str
    names: tuple[str, ...]


class Channel(NamedTuple):
    """The facts about one channel.

    `enable_sets`: any one, complete, switches it on; `explicit_disable_wins`: whether `enabled: false` in
    config.yaml beats a complete set; `config`: (dotted path below `platforms.<name>`, class) pairs;
    `state`: globs relative to the home, folders end in `/`, rows of auth.json as `auth.json#dotted.path`;
    `lock_scope`: the scope of Hermes' own lock, None without one; `lock_effective`: whether it stops a copy;
    `lock_identity`: alternatives, each a combination of variables that identify the remote party by their values
    (two profiles with equal values of one alternative are the same bot, lock or none); `set_up`: the
    command that sets the channel up again, with `{profile}`; `since`: `newer` when 0.19.0 does not have
    it; `examples_*`: names and config paths that belong to this channel, and look-alikes that do not;
    `plugins`: names of plugins of a home whose code registers it, as `plugins.enabled` of config.yaml has them;
    `loaded_by`: those plugins with their folders.
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
    plugins: tuple[str, ...] = ()
    loaded_by: tuple[PluginPlace, ...] = ()


class LeftBehindRule(NamedTuple):
    """Files that a copy of a home must not contain: a glob relative to the home (folders end in `/`) and why.

    `default_only`: applies to the default profile's home only, where the files belong to the installation.
    """

    glob: str
    reason: str
    default_only: bool = False


class OAuthRow(NamedTuple):
    """A stored login.

    `path`: (file, key, key …), the file relative to the home and a folder when it ends in `/`; `channel`:
    the channel that it identifies, None for a provider's login; `single_use`: a copy logs the other profile out after
    one rotation; `only_oauth_entries`: static API keys in the same place can stay.
    """

    path: tuple[str, ...]
    provider: str
    single_use: bool
    only_oauth_entries: bool = False
    channel: str | None = None
    note: str = ""


class UserChannel(NamedTuple):
    """The user's declaration of a channel, new or known to the catalogue; None and () change nothing."""

    name: str
    prefixes: tuple[str, ...] = ()
    sharing: Sharing | None = None
    keys: tuple[KeyFact, ...] = ()
    enable_sets: tuple[frozenset[str], ...] = ()
    state: tuple[str, ...] = ()


class UserAdditions(NamedTuple):
    """The additions of the user's catalog.toml: channels, and keys outside of any channel."""

    channels: tuple[UserChannel, ...] = ()
    keys: tuple[KeyFact, ...] = ()
