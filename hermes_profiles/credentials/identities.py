"""Which channels a profile holds, and which bots, accounts and ports: the answer every command gives. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .catalog import Catalog, Channel, Port
from .flags import is_truthy

# The sections of config.yaml that `channels_of` reads, besides those named like a channel.
CONFIG_SECTIONS = ("platforms", "gateway")

# Channels that a block without `enabled` starts too, and what it must hold (Hermes 0.19.0: the plugin's own
# `is_connected` decides, `enable_note` of the catalogue tells); () stands for any key at all.
_STARTED_BY_BLOCK: Mapping[str, tuple[str, ...]] = {
    "whatsapp": (), "feishu": ("app_id",), "wecom": ("bot_id",), "wecom_callback": ("corp_id",),
    "teams": ("client_id", "client_secret", "tenant_id"), "photon": ("project_id", "project_secret"),
    "raft": ("bridge_token",), "relay": ("relay_url",), "google_chat": ("project_id", "subscription_name"),
}  # fmt: skip
# What Hermes takes when nobody names it (plugins/platforms/{ntfy,irc}/adapter.py).
_DEFAULTS: Mapping[str, str] = {"NTFY_SERVER_URL": "https://ntfy.sh", "IRC_NICKNAME": "hermes-bot"}
# Where a later alternative is only a coarser word for the same party: two numbers of one Twilio account, or one
# topic on two servers, are no conflict.
_FINEST_ALONE = frozenset({"ntfy", "sms"})
# The mode in which a channel listens, by the variable and the config path that choose it; others always do.
_LISTENS_IN_MODE: Mapping[str, tuple[str, str, str]] = {
    "feishu": ("FEISHU_CONNECTION_MODE", "connection_mode", "webhook"),
    "onebot": ("ONEBOT_MODE", "mode", "reverse"),
}
# Variables whose values are addresses: capitals and a slash at the end mean nothing there.
_ADDRESSES = ("_URL", "_HOMESERVER", "_HOST", "_SERVER")
_REFERENCE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}"
# What documentation writes in place of a value: two profiles that hold it are in nobody's way.
_EXAMPLE = (
    r"(?i)<.*>|\[.*\]|[x*.\-_]+|.*\$\{.*|.*\byour[-_ ].*|.*[-_]here"
    r"|(?:change|replace|insert|paste|enter|put)[-_ ]?(?:me|this|it|your|the|here)\b.*"
    r"|.*@example\.(?:com|org|net)|\+?1?555\d{7}|123456(?:789)?:abc.*|xox[bp]-(?:x+|\.+|1234).*|xapp-(?:x+|\.+).*"
)
_EVERYWHERE = frozenset({"", "*", "::", "all", "0.0.0.0"})  # noqa: S104


class Identity(NamedTuple):
    """A remote party that only one gateway may speak for.

    `key`: sha256, in hex, of the text that names it, never the text; where Hermes has a lock for the channel its file
    is `<scope>-<key[:16]>.lock`. `noun`: what messages call it.
    """

    channel: str
    key: str
    noun: str = "identity"

    @property
    def place(self) -> tuple[str, str]:
        """Return what two profiles must have in common to be in each other's way."""
        return (self.channel, self.key)


class PortClaim(NamedTuple):
    """A port that a channel listens on; `bind` is the address, `*` for all of them."""

    channel: str
    port: int
    bind: str

    def meets(self, other: PortClaim) -> bool:
        """Return whether the two cannot listen at the same time."""
        return self.port == other.port and ("*" in (self.bind, other.bind) or self.bind == other.bind)


def channels_of(environment: Mapping[str, str], config: Mapping[str, Any], catalog: Catalog) -> tuple[str, ...]:
    """Return the channels that a profile's own files switch on, in alphabetical order.

    `environment`: what its `.env` sets; `config`: the effective mapping of config.yaml, of which `platforms`, `gateway`
    and sections named like a channel are read. An explicit `enabled: false` wins only where Hermes 0.19.0 lets it.
    """
    flags = dict(_flags(config, catalog))
    by_keys = catalog.enabled_by({**_scalars(config), **environment})
    on = {channel for channel, flag in flags.items() if flag}
    for channel in by_keys:
        fact = catalog.channels[channel]
        if flags.get(channel) is not False or not fact.explicit_disable_wins:
            on.add(channel)
    return tuple(sorted(on))


def _places(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return where blocks of channels stand, weakest first: `gateway.platforms`, `platforms`, the top level."""
    gateway = config.get("gateway")
    return (gateway.get("platforms") if isinstance(gateway, Mapping) else None, config.get("platforms"), config)


def _flags(config: Mapping[str, Any], catalog: Catalog) -> Iterator[tuple[str, bool]]:
    """Yield (channel, enabled), weakest place first."""
    for block in _places(config):
        for name, settings in block.items() if isinstance(block, Mapping) else ():
            channel = catalog.channel_of_config_key(str(name))
            if channel is not None and isinstance(settings, Mapping) and "enabled" in settings:
                yield channel, is_truthy(settings["enabled"])


def _scalars(config: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in config.items() if isinstance(value, str | int | float)}


def channels_on(
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    catalog: Catalog,
    *,
    stored: Callable[[str], object] = lambda path: None,
) -> tuple[str, ...]:
    """Return the channels that a gateway would start, in alphabetical order: what `channels_of` tells, and those that a
    block without `enabled` or a stored login starts. `stored`: see `held_by`."""
    on = set(channels_of(environment, config, catalog))
    flags = dict(_flags(config, catalog))
    blocks = _blocks(config, catalog)
    for channel, needed in _STARTED_BY_BLOCK.items():
        if channel in on or channel in flags or channel not in catalog.channels:
            continue
        extra = [key for block in blocks.get(channel, ()) for key in _below(block, "extra")]
        if extra and all(key in extra for key in needed):
            on.add(channel)
    if "photon" not in on and flags.get("photon") is not False and _photon_login(stored):
        on.add("photon")
    return tuple(sorted(on))


class Held(NamedTuple):
    """What the files of one profile would have a gateway hold: channels that are on, whom they speak for, and ports."""

    channels: tuple[str, ...]
    identities: tuple[Identity, ...]
    ports: tuple[PortClaim, ...]


def held_by(
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    catalog: Catalog,
    *,
    stored: Callable[[str], object] = lambda path: None,
    home: str = "",
) -> Held:
    """Return what a gateway with these files would hold.

    `environment` and `config` as for `channels_of`, with gateway.json's blocks below `gateway.platforms`. `stored`
    returns the parsed JSON of a file (a path relative to the home, or an absolute one), None without it; `home` is the
    profile's home as Hermes is given it.
    """
    env = {**_scalars(config), **environment}
    on, blocks = channels_on(environment, config, catalog, stored=stored), _blocks(config, catalog)
    identities: list[Identity] = []
    ports: list[PortClaim] = []
    for name in on:
        view = _View(catalog.channels[name], env, blocks.get(name, ()))
        identities += _identities(view, catalog, stored, home)
        ports += _ports(view)
    return Held(on, tuple(dict.fromkeys(identities)), tuple(ports))


def identities_of(
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    catalog: Catalog,
    *,
    stored: Callable[[str], object] = lambda path: None,
    home: str = "",
) -> tuple[Identity, ...]:
    """Return the remote parties of the channels that are on (see `held_by`)."""
    return held_by(environment, config, catalog, stored=stored, home=home).identities


def _blocks(config: Mapping[str, Any], catalog: Catalog) -> dict[str, list[Mapping[str, Any]]]:
    """Return the blocks of each channel, strongest first; of a section of its own 0.19.0 reads flags alone, newer
    releases the rest too."""
    nested, platforms, top = _places(config)
    found: dict[str, list[Mapping[str, Any]]] = {}
    for place in (platforms, nested, top):
        for name, settings in place.items() if isinstance(place, Mapping) else ():
            if isinstance(settings, Mapping):
                channel = catalog.channel_of_config_key(str(name))
                if channel is not None:
                    found.setdefault(channel, []).append(settings)
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _below(block: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _mapping(block.get(name))


class _View:
    """One channel of one profile: its values, wherever they stand."""

    def __init__(self, channel: Channel, env: Mapping[str, str], blocks: Iterable[Mapping[str, Any]]) -> None:
        self.channel = channel
        self.name = channel.name
        self._env = env
        self.blocks = tuple(blocks)

    def value(self, variable: str) -> str:
        """Return what a variable of the channel is, "" when nothing sets it: the environment wins, as in Hermes."""
        found = self._env.get(variable, "").strip()
        return found or self.path(self._path_of(variable)) or _DEFAULTS.get(variable, "")

    def path(self, dotted: str) -> str:
        """Return a single value below the channel's blocks, directly or below `extra`; `${NAME}` is looked up."""
        if not dotted:
            return ""
        bare = dotted.removeprefix("extra.")
        for block in self.blocks:
            for place in (block, _below(block, "extra")) if bare == dotted else (_below(block, "extra"), block):
                text = self.text(place.get(bare))
                if text:
                    return text
        return ""

    def text(self, value: object) -> str:
        """Return a value as Hermes would hand it on, references to variables resolved."""
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            return ""
        text = str(value).strip()
        if "${" in text:  # 0.19.0 takes it as it stands, which logs nobody in; newer releases expand it
            text = re.sub(_REFERENCE, lambda match: self._env.get(match[1], "") or match[0], text)
        return text

    def _path_of(self, variable: str) -> str:
        fact = next((fact for fact in self.channel.keys if fact.name == variable), None)
        if fact is not None and fact.config:
            return fact.config
        for prefix in self.channel.prefixes:
            if variable.startswith(prefix):
                return "extra." + variable.removeprefix(prefix).lower()
        return ""


def _identities(view: _View, catalog: Catalog, stored: Callable[[str], object], home: str) -> Iterator[Identity]:
    """Yield the remote parties of one channel that is on; placeholders and examples are none."""
    for names in _alternatives(view):
        values = [view.value(name) for name in names]
        if _is_real(values, catalog):
            text = _text(view.name, names, values)
            yield Identity(view.name, _digest(text), "token" if names[0].endswith("_TOKEN") else "identity")
    if view.name == "weixin":
        account = view.value("WEIXIN_ACCOUNT_ID")
        login = stored(f"weixin/accounts/{account}.json") if account and "/" not in account else None
        token = view.text(_mapping(login).get("token"))
        # The stored token serves only where nothing else names one (gateway/platforms/weixin.py).
        if not view.value("WEIXIN_TOKEN") and _is_real([token], catalog):
            yield Identity(view.name, _digest(token), "token")
    elif view.name == "whatsapp":
        yield from _linked_device(view, stored, home)
    elif view.name == "photon" and not view.value("PHOTON_PROJECT_ID") and (project := _photon_login(stored)):
        yield Identity(view.name, _digest(project))
    elif view.name == "relay" and not view.value("GATEWAY_RELAY_ID") and (relay := view.path("extra.relay_id")):
        yield Identity(view.name, _digest(relay))
    elif view.name == "wecom_callback":
        yield from _apps(view)


def _alternatives(view: _View) -> Iterator[tuple[str, ...]]:
    """Yield the combinations of variables that name the remote party and are complete."""
    complete = [names for names in view.channel.lock_identity if all(view.value(name) for name in names)]
    yield from complete[:1] if view.name in _FINEST_ALONE else complete


def _is_real(values: list[str], catalog: Catalog) -> bool:
    if any(not value or value.lower() in catalog.placeholders or re.fullmatch(_EXAMPLE, value) for value in values):
        return False
    # An address on this machine is a party like any other; a word that everybody writes is none.
    return any("://" in value or value not in catalog.common_values for value in values)


def _text(channel: str, names: tuple[str, ...], values: list[str]) -> str:
    """Return the text that names the party: Hermes' own where it has a lock, one spelling for all elsewhere."""
    if channel == "irc":
        return ":".join(values)
    if channel == "line":
        return _digest(values[0])[:16]
    if channel == "email":
        return " ".join(value.lower() for value in values)
    pairs = zip(names, values, strict=True)
    return "\n".join(value.rstrip("/").lower() if name.endswith(_ADDRESSES) else value for name, value in pairs)


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _linked_device(view: _View, stored: Callable[[str], object], home: str) -> Iterator[Identity]:
    """Yield WhatsApp's linked device: whom the session's creds name, since a copied session has another path; and
    the path, which is what Hermes' lock knows."""
    given = view.path("extra.session_path")
    # The old folder wins where it is in use (hermes_constants.py, `get_hermes_dir`).
    folders = (given,) if given else ("whatsapp/session", "platforms/whatsapp/session")
    for folder in folders:
        creds = stored(f"{folder}/creds.json")
        if not isinstance(creds, Mapping):
            continue
        device = _below(creds, "me").get("id") or _below(creds, "noiseKey").get("public") or creds.get("registrationId")
        if device:
            yield Identity(view.name, _digest(str(device)), "session")
        yield Identity(view.name, _digest(folder if folder.startswith("/") else f"{home}/{folder}"), "session")
        return


def _photon_login(stored: Callable[[str], object]) -> str:
    """Return the project of Photon that auth.json holds a login for (plugins/platforms/photon/auth.py)."""
    pool = _below(_mapping(stored("auth.json")), "credential_pool").get("photon_project")
    entry = _mapping(pool[0]) if isinstance(pool, list) and pool else {}
    if not entry.get("project_secret"):
        return ""
    return str(entry.get("spectrum_project_id") or entry.get("project_id") or "")


def _apps(view: _View) -> Iterator[Identity]:
    """Yield the apps of WeCom's list in config.yaml, each a party of its own."""
    for block in view.blocks:
        apps = _below(block, "extra").get("apps")
        for app in apps if isinstance(apps, list) else ():
            if isinstance(app, Mapping):
                values = [view.text(app.get("corp_id")), view.text(app.get("agent_id"))]
                if all(values):
                    yield Identity(view.name, _digest("\n".join(values)))


def _ports(view: _View) -> Iterator[PortClaim]:
    for port in view.channel.ports:
        number = _number(view, port)
        if number and _listens(view, port):
            yield PortClaim(view.name, number, _address(view, port))


def _listens(view: _View, port: Port) -> bool:
    if view.name == "telegram":
        return bool(view.value("TELEGRAM_WEBHOOK_URL"))
    if view.name in _LISTENS_IN_MODE:
        variable, path, wanted = _LISTENS_IN_MODE[view.name]
        return (view.value(variable) or view.path(path)).lower() == wanted
    return True


def _number(view: _View, port: Port) -> int:
    texts = [view.value(name) for name in port.env] + [view.path(".".join(path)) for path in port.config]
    numbers = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 6]
    return next((number for number in numbers if 0 < number < 65536), port.default)


def _address(view: _View, port: Port) -> str:
    """Return the address of a port; what names the port names the address beside it (`…_PORT`, `…_HOST`)."""
    texts = [view.value(name.removesuffix("PORT") + "HOST") for name in port.env if name.endswith("PORT")]
    texts += [view.path(".".join(path).removesuffix("port") + "host") for path in port.config]
    address = next((text for text in texts if text), port.bind.split(" ")[0])
    if address == "localhost":
        return "127.0.0.1"
    return "*" if address in _EVERYWHERE else address
