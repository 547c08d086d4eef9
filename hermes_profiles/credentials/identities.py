"""The channels that a profile switches on, with their bots, accounts and ports. Pure.

Every command reads them here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass, Sharing
from hermes_profiles.hermes.environment import GATEWAY_RELAY_ID, WEIXIN_ACCOUNT_ID, WEIXIN_TOKEN
from hermes_profiles.hermes.files import AUTH_FILE, WHATSAPP_PLATFORM_SESSION_FOLDER, WHATSAPP_SESSION_FOLDER
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.truthy import is_truthy

from .channels.channel_ports import claimed_ports
from .channels.channel_settings import ChannelView, account_id, below, mapping
from .channels.loaded_plugins import PLUGINS_DISABLED, disabled_plugins, without_plugin
from .channels.port_claim import PortClaim

# The sections of config.yaml that `channels_of` reads, besides those with the name of a channel.
CONFIG_SECTIONS = ("platforms", "gateway", "plugins")

# Channels that a block without `enabled` also starts, and the keys that it needs (Hermes 0.19.0: the plugin's own
# `is_connected` decides, see `enable_note` in the catalogue); () means any key.
_STARTED_BY_BLOCK: Mapping[str, tuple[str, ...]] = {
    "whatsapp": (),
    "feishu": ("app_id",),
    "wecom": ("bot_id",),
    "wecom_callback": ("corp_id",),
    "teams": ("client_id", "client_secret", "tenant_id"),
    "photon": ("project_id", "project_secret"),
    "raft": ("bridge_token",),
    "relay": ("relay_url",),
    "google_chat": ("project_id", "subscription_name"),
}
# A later alternative of these channels is only a coarser name for the same party: two numbers of one Twilio account
# do not conflict, nor does one topic on two servers.
_FINEST_ALONE = frozenset({"ntfy", "sms"})
# Variables that hold addresses: capitals and a slash at the end make no difference.
_ADDRESSES = ("_URL", "_HOMESERVER", "_HOST", "_SERVER")
# Placeholders from documentation: two profiles with the same one do not conflict.
_EXAMPLE = (
    r"(?i)<.*>|\[.*\]|[x*.\-_]+|.*\$\{.*|.*\byour[-_ ].*|.*[-_]here"
    r"|(?:change|replace|insert|paste|enter|put)[-_ ]?(?:me|this|it|your|the|here)\b.*"
    r"|.*@example\.(?:com|org|net)|\+?1?555\d{7}|123456(?:789)?:abc.*|xox[bp]-(?:x+|\.+|1234).*|xapp-(?:x+|\.+).*"
)
# A value under this many characters is not searched for (DESIGN.md, clone policy).
_SHORTEST = 8


class Identity(NamedTuple):
    """A remote party that only one gateway can use at a time.

    `key`: sha256, in hex, of the text that names it; where Hermes has a lock for the channel, its file is
    `<scope>-<key[:16]>.lock`. `noun`: its name in messages.
    """

    channel: str
    key: str
    noun: str = "identity"

    @property
    def place(self) -> tuple[str, str]:
        """Return the key by which two identities are compared."""
        return (self.channel, self.key)


class Origin(NamedTuple):
    """The place in a profile that names a channel's remote party.

    `variables`: names whose values together identify it; `paths`: for each, the config path below the channel's block
    that can replace it ("" for none); or `file`: a state file (relative to the home, or absolute) with the key in
    `path`.
    """

    variables: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    file: str = ""
    path: tuple[str, ...] = ()


class OffChannel(NamedTuple):
    """A channel that config.yaml switches off. `path`: its setting that does; `is_set_up`: it has an account."""

    channel: str
    path: tuple[str, ...]
    is_set_up: bool


def channels_of(
    environment: Mapping[str, str], config: Mapping[str, Any], catalog: Catalog, *, home: str = ""
) -> tuple[str, ...]:
    """Return the channels that a profile's own files switch on, in alphabetical order.

    `environment`: what its `.env` sets; `config`: the effective mapping of config.yaml, of which `platforms`,
    `gateway`, `plugins` and sections named like a channel are read. An explicit `enabled: false` wins only where it
    does in Hermes 0.19.0. `home`: see `without_plugin`.
    """
    flags = _switches(config, catalog)
    by_keys = catalog.enabled_by({**_scalars(config), **environment})
    on = {channel for channel, flag in flags.items() if flag}
    for channel in by_keys:
        fact = catalog.channels[channel]
        if flags.get(channel) is not False or not fact.explicit_disable_wins:
            on.add(channel)
    return tuple(sorted(on - without_plugin(environment, config, catalog, home)))


# The parents of channel blocks, weakest first; `_places` returns them.
_PARENTS = (("gateway", "platforms"), ("platforms",), ())


def _places(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the parents of channel blocks, weakest first: `gateway.platforms`, `platforms`, the top level."""
    gateway = config.get("gateway")
    return (gateway.get("platforms") if isinstance(gateway, Mapping) else None, config.get("platforms"), config)


def _flags(config: Mapping[str, Any], catalog: Catalog) -> Iterator[tuple[str, bool, tuple[str, ...]]]:
    """Yield (channel, enabled, path of the flag), weakest place first."""
    for parent, block in zip(_PARENTS, _places(config), strict=True):
        for name, settings in block.items() if isinstance(block, Mapping) else ():
            channel = catalog.channel_of_config_key(str(name))
            if channel is not None and isinstance(settings, Mapping) and "enabled" in settings:
                yield channel, is_truthy(settings["enabled"]), (*parent, str(name), "enabled")


def _switches(config: Mapping[str, Any], catalog: Catalog) -> dict[str, bool]:
    """Return channel → enabled, as its strongest place has it."""
    return {channel: flag for channel, flag, _ in _flags(config, catalog)}


def _scalars(config: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in config.items() if isinstance(value, str | int | float)}


def channels_on(
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    catalog: Catalog,
    *,
    stored: Callable[[str], object] = lambda path: None,
    home: str = "",
) -> tuple[str, ...]:
    """Return the channels that a gateway would start, in alphabetical order.

    These are the channels of `channels_of`, and those that a block without `enabled` or a stored login starts.
    `stored`: see `claimed_identities`.
    """
    on = set(channels_of(environment, config, catalog, home=home))
    flags = _switches(config, catalog)
    blocks = _blocks(config, catalog)
    for channel, needed in _STARTED_BY_BLOCK.items():
        if channel in on or channel in flags or channel not in catalog.channels:
            continue
        extra = [key for block in blocks.get(channel, ()) for key in below(block, "extra")]
        if extra and all(key in extra for key in needed):
            on.add(channel)
    if "photon" not in on and flags.get("photon") is not False and _photon_login(stored):
        on.add("photon")
    return tuple(sorted(on - without_plugin(environment, config, catalog, home)))


def channels_off(
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    catalog: Catalog,
    on: Collection[str],
    *,
    stored: Callable[[str], object] = lambda path: None,
    home: str = "",
) -> tuple[OffChannel, ...]:
    """Return the channels that `enabled: false` switches off, in alphabetical order, without listeners on a port.

    `on`: the channels that are on all the same; the others are those of `claimed_identities`.
    """
    places = {channel: (flag, path) for channel, flag, path in _flags(config, catalog)}
    places |= dict.fromkeys(disabled_plugins(config), (False, PLUGINS_DISABLED))
    off = sorted(channel for channel, (flag, _) in places.items() if not flag and channel not in on)
    if not off:
        return ()
    env, blocks = {**_scalars(config), **environment}, _blocks(config, catalog)
    by_keys = catalog.enabled_by(env)

    def is_set_up(name: str) -> bool:
        view = ChannelView(catalog.channels[name], env, blocks.get(name, ()))
        return name in by_keys or any(_identities(view, catalog, stored, home))

    found = (OffChannel(name, places[name][1], is_set_up(name)) for name in off)
    return tuple(
        each
        for each in found
        if catalog.channels[each.channel].sharing is not Sharing.port_exclusive
        and (each.is_set_up or each.path != PLUGINS_DISABLED)
    )


class ClaimedIdentities(NamedTuple):
    """The channels that are on in one profile, their identities and their ports.

    `accounts`: channel → public id of its account, where one is set.
    """

    channels: tuple[str, ...]
    identities: tuple[Identity, ...]
    ports: tuple[PortClaim, ...]
    accounts: Mapping[str, str]


def claimed_identities(
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    catalog: Catalog,
    *,
    stored: Callable[[str], object] = lambda path: None,
    home: str = "",
) -> ClaimedIdentities:
    """Return the identities and ports that a gateway with these files would use.

    `environment` and `config` as for `channels_of`, with gateway.json's blocks below `gateway.platforms`. `stored`
    returns the parsed JSON of a file (a path relative to the home, or an absolute one), None without it; `home` is the
    profile's home as Hermes gets it.
    """
    env = {**_scalars(config), **environment}
    on, blocks = channels_on(environment, config, catalog, stored=stored, home=home), _blocks(config, catalog)
    identities: list[Identity] = []
    ports: list[PortClaim] = []
    accounts: dict[str, str] = {}
    for name in on:
        view = ChannelView(catalog.channels[name], env, blocks.get(name, ()))
        identities += [identity for identity, _ in _identities(view, catalog, stored, home)]
        ports += claimed_ports(view)
        if account := account_id(view.channel, view.value):
            accounts[name] = account
    return ClaimedIdentities(on, tuple(dict.fromkeys(identities)), tuple(ports), accounts)


def channel_views(
    environment: Mapping[str, str], config: Mapping[str, Any], catalog: Catalog, names: Iterable[str]
) -> Iterator[ChannelView]:
    """Yield the settings of these channels; the other arguments as for `claimed_identities`."""
    env, blocks = {**_scalars(config), **environment}, _blocks(config, catalog)
    yield from (ChannelView(catalog.channels[name], env, blocks.get(name, ())) for name in names)


def origins_of(
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    catalog: Catalog,
    *,
    stored: Callable[[str], object] = lambda path: None,
    home: str = "",
) -> dict[tuple[str, str], Origin]:
    """Return `Identity.place` → origin, for the identities that `claimed_identities` returns for these arguments."""
    env, blocks = {**_scalars(config), **environment}, _blocks(config, catalog)
    origins: dict[tuple[str, str], Origin] = {}
    for name in channels_on(environment, config, catalog, stored=stored, home=home):
        view = ChannelView(catalog.channels[name], env, blocks.get(name, ()))
        for identity, origin in _identities(view, catalog, stored, home):
            paths = origin.paths or tuple(view.path_of(variable) for variable in origin.variables)
            origins.setdefault(identity.place, origin._replace(paths=paths))
    return origins


def telling_values(
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    catalog: Catalog,
    *,
    stored: Callable[[str], object] = lambda path: None,
    home: str = "",
) -> Iterator[tuple[str, Origin, tuple[str, ...]]]:
    """Yield (channel, origin, values of its variables) of the identities that `claimed_identities` returns."""
    env, blocks = {**_scalars(config), **environment}, _blocks(config, catalog)
    for name in channels_on(environment, config, catalog, stored=stored, home=home):
        view = ChannelView(catalog.channels[name], env, blocks.get(name, ()))
        for _, origin in _identities(view, catalog, stored, home):
            yield name, origin, tuple(view.value(variable) for variable in origin.variables)


def credentials_in(
    environment: Mapping[str, str], config: Mapping[str, Any], catalog: Catalog
) -> Iterator[tuple[str, str, str, str]]:
    """Yield (channel, variable, config path, value) of every credential of an identity, of channels that are off too.

    The config path is the one that can replace the variable. Values that are too short or too common, and keys of
    listeners, are left out.
    """
    env, blocks = {**_scalars(config), **environment}, _blocks(config, catalog)
    index = _credential_names(catalog)
    named = {index[name] for name in env if name in index}
    for name in sorted(named | (set(blocks) & set(index.values()))):
        channel = catalog.channels[name]
        view = ChannelView(channel, env, blocks.get(name, ()))
        for variable in (variable for variable, owner in index.items() if owner == name):
            value = view.value(variable)
            if len(value) >= _SHORTEST and names_account([value], catalog):
                yield name, variable, view.path_of(variable), value


@lru_cache(maxsize=4)
def _credential_names(catalog: Catalog) -> dict[str, str]:
    """Return variable → channel of the variables that identify or authenticate an account on their own."""
    channels: dict[str, str] = {}
    for channel in catalog.channels.values():
        alone = {names[0] for names in channel.lock_identity if len(names) == 1}
        for fact in channel.keys if channel.sharing is not Sharing.port_exclusive else ():
            if fact.key_class is KeyClass.IDENTITY_CREDENTIAL and (fact.secret or fact.name in alone):
                channels.setdefault(fact.name, channel.name)
    return channels


def _blocks(config: Mapping[str, Any], catalog: Catalog) -> dict[str, list[Mapping[str, Any]]]:
    """Return the blocks of each channel, strongest first.

    Of a top-level section of a channel, 0.19.0 reads only the flags; newer releases read the rest as well.
    """
    nested, platforms, top = _places(config)
    blocks: dict[str, list[Mapping[str, Any]]] = {}
    for place in (platforms, nested, top):
        for name, settings in place.items() if isinstance(place, Mapping) else ():
            if isinstance(settings, Mapping):
                channel = catalog.channel_of_config_key(str(name))
                if channel is not None:
                    blocks.setdefault(channel, []).append(settings)
    return blocks


def _identities(
    view: ChannelView, catalog: Catalog, stored: Callable[[str], object], home: str
) -> Iterator[tuple[Identity, Origin]]:
    """Yield the remote parties of a channel that is on, with their origins; placeholders and examples are skipped."""
    for names in _alternatives(view):
        values = [view.value(name) for name in names]
        if names_account(values, catalog):
            noun = "token" if names[0].endswith("_TOKEN") else "identity"
            for text in _texts(view.name, names, values):
                yield Identity(view.name, _digest(text), noun), Origin(names)
    if view.name == "weixin":
        account = view.value(WEIXIN_ACCOUNT_ID)
        file = f"weixin/accounts/{account}.json"
        login = stored(file) if account and "/" not in account else None
        token = view.text(mapping(login).get("token"))
        # The stored token is used only without a token in the environment (gateway/platforms/weixin.py).
        if not view.value(WEIXIN_TOKEN) and names_account([token], catalog):
            yield Identity(view.name, _digest(token), "token"), Origin(file=file, path=("token",))
    elif view.name == "whatsapp":
        yield from _linked_device(view, stored, home)
    elif view.name == "photon" and not view.value("PHOTON_PROJECT_ID") and (project := _photon_login(stored)):
        yield (
            Identity(view.name, _digest(project)),
            Origin(file=AUTH_FILE, path=("credential_pool", "photon_project")),
        )
    elif view.name == "relay" and not view.value(GATEWAY_RELAY_ID) and (relay := view.path("extra.relay_id")):
        yield Identity(view.name, _digest(relay)), Origin((GATEWAY_RELAY_ID,), ("extra.relay_id",))
    elif view.name == "wecom_callback":
        yield from _apps(view)


def _alternatives(view: ChannelView) -> Iterator[tuple[str, ...]]:
    """Yield the combinations of variables that identify the remote party and are all set."""
    complete = [names for names in view.channel.lock_identity if all(view.value(name) for name in names)]
    yield from complete[:1] if view.name in _FINEST_ALONE else complete


def is_example(value: str) -> bool:
    """Return whether a value is a placeholder from documentation (`your_bot_token`)."""
    return re.fullmatch(_EXAMPLE, value) is not None


def names_account(values: list[str], catalog: Catalog) -> bool:
    """Return whether values identify an account: all are set, and none is a placeholder."""
    if any(not value or value.lower() in catalog.placeholders or is_example(value) for value in values):
        return False
    # An address on this machine identifies a server; a common word identifies nothing.
    return any("://" in value or value not in catalog.common_values for value in values)


def _texts(channel: str, names: tuple[str, ...], values: list[str]) -> Iterator[str]:
    """Yield the texts that identify the party: the text of Hermes' lock, where it has one, in one spelling."""
    if channel == "irc":
        yield ":".join(values)
    elif channel == "line":
        yield _digest(values[0])[:16]
    elif channel == "email":
        yield " ".join(value.lower() for value in values)
    elif channel == "signal":  # Hermes' lock uses the number as written (gateway/platforms/signal.py)
        yield from dict.fromkeys((values[0], _phone(values[0])))
    else:
        pairs = zip(names, values, strict=True)
        yield "\n".join(
            value.rstrip("/").lower()
            if name.endswith(_ADDRESSES)
            else _phone(value)
            if name.endswith("_PHONE_NUMBER")
            else value
            for name, value in pairs
        )


def _phone(text: str) -> str:
    """Return a phone number in the form `+4915112345`, any other text unchanged."""
    digits = re.sub(r"[\s().\-/]", "", text)
    digits = f"+{digits[2:]}" if digits.startswith("00") else digits
    return digits if re.fullmatch(r"\+\d{5,15}", digits) else text


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _linked_device(view: ChannelView, stored: Callable[[str], object], home: str) -> Iterator[tuple[Identity, Origin]]:
    """Yield WhatsApp's linked device by the id in its creds (a copied session has another path), and by the path.

    Hermes' lock uses the path.
    """
    given = view.path("extra.session_path")
    # The old folder wins where it is in use (hermes_constants.py, `get_hermes_dir`).
    folders = (given,) if given else (WHATSAPP_SESSION_FOLDER, WHATSAPP_PLATFORM_SESSION_FOLDER)
    for folder in folders:
        creds = stored(f"{folder}/creds.json")
        if not isinstance(creds, Mapping):
            continue
        device = below(creds, "me").get("id") or below(creds, "noiseKey").get("public") or creds.get("registrationId")
        origin = Origin(file=f"{folder}/creds.json")
        if device:
            yield Identity(view.name, _digest(str(device)), "session"), origin
        yield Identity(view.name, _digest(folder if folder.startswith("/") else f"{home}/{folder}"), "session"), origin
        return


def _photon_login(stored: Callable[[str], object]) -> str:
    """Return the project of Photon that auth.json holds a login for (plugins/platforms/photon/auth.py)."""
    pool = below(mapping(stored(AUTH_FILE)), "credential_pool").get("photon_project")
    entry = mapping(pool[0]) if isinstance(pool, list) and pool else {}
    if not entry.get("project_secret"):
        return ""
    return str(entry.get("spectrum_project_id") or entry.get("project_id") or "")


def _apps(view: ChannelView) -> Iterator[tuple[Identity, Origin]]:
    """Yield the apps of WeCom's list in config.yaml; each is a remote party."""
    for block in view.blocks:
        apps = below(block, "extra").get("apps")
        for app in apps if isinstance(apps, list) else ():
            if isinstance(app, Mapping):
                values = [view.text(app.get("corp_id")), view.text(app.get("agent_id"))]
                if all(values):
                    yield Identity(view.name, _digest("\n".join(values))), Origin(("",), ("extra.apps",))
