"""The ports that a channel listens on by its settings. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hermes_profiles.credentials.catalog.catalog import Port
from hermes_profiles.model.named_tuple import NamedTuple

from .channel_settings import ChannelView
from .port_claim import PortClaim

# The mode in which a channel listens, by the variable and the config path that choose it; others always do.
_LISTENS_IN_MODE: Mapping[str, tuple[str, str, str]] = {
    "feishu": ("FEISHU_CONNECTION_MODE", "connection_mode", "webhook"),
    "onebot": ("ONEBOT_MODE", "mode", "reverse"),
}
# Channels that do not start while anything answers at their port on 127.0.0.1, whichever host they listen on
# (0.19.0, plugins/platforms/wecom/callback_adapter.py, plugins/platforms/raft/adapter.py).
_ASK_LOOPBACK = frozenset({"raft", "wecom_callback"})
_LOOPBACK = "127.0.0.1"
_EVERYWHERE = frozenset({"", "*", "all"})
# Longer ones are no ports, and int() refuses thousands of digits.
_MOST_DIGITS = 12


class UnusablePort(NamedTuple):
    """A setting that names no port. `number`: what Hermes makes of it, None where it is not a number."""

    variable: str
    path: str
    number: int | None


def claimed_ports(view: ChannelView) -> Iterator[PortClaim]:
    """Yield the ports of a channel that is on; none where the setting is 0 (any free port) or out of range."""
    for port in view.channel.ports:
        number = _number(view, port)
        if is_port(number) and _listens(view):
            claim = PortClaim(view.name, number, _address(view, port))
            yield claim
            asked = claim._replace(bind=_LOOPBACK)
            if view.name in _ASK_LOOPBACK and not asked.conflicts_with(claim):
                yield asked


def unusable_ports(view: ChannelView) -> Iterator[UnusablePort]:
    """Yield the settings of ports that are not a number, 0, or out of range; 0 is right where it is the default."""
    for port in view.channel.ports if _listens(view) else ():
        for variable, path, text in _settings(view, port):
            number = port_number(text)
            if text and not is_port(number) and not (number == 0 == port.default):
                yield UnusablePort(variable, path, number)
            if number is not None:
                break


def effect_of(view: ChannelView, setting: UnusablePort) -> str:
    """Return what an unusable setting is and what its channel does then, after the name of the setting."""
    if setting.number is None:
        default = view.channel.ports[0].default
        return f"is not a number: {view.name} listens on its default port {default}, or does not start"
    if setting.number == 0:
        return f"is 0: {view.name} listens on another port after each start"
    return f"is not between 1 and 65535: {view.name} cannot listen"


def port_number(text: str) -> int | None:
    """Return the number that Hermes reads in a setting of a port (`int()`: `+8643`, `8_643`), None for no number."""
    try:
        return int(text) if len(text) <= _MOST_DIGITS else None
    except ValueError:
        return None


def is_port(number: int | None) -> bool:
    """Return whether a number is a port that a program can name."""
    return number is not None and 0 < number < 65536


def _listens(view: ChannelView) -> bool:
    if view.name == "telegram":
        return bool(view.value("TELEGRAM_WEBHOOK_URL"))
    if view.name in _LISTENS_IN_MODE:
        variable, path, wanted = _LISTENS_IN_MODE[view.name]
        return (view.value(variable) or view.path(path)).lower() == wanted
    return True


def _settings(view: ChannelView, port: Port) -> Iterator[tuple[str, str, str]]:
    """Yield (variable, config path, text) of each setting of a port, strongest first."""
    yield from ((name, "", view.own(name)) for name in port.env)
    paths = dict.fromkeys((*(view.path_of(name) for name in port.env), *(".".join(path) for path in port.config)))
    yield from (("", path, view.in_extra(path)) for path in paths)


def _number(view: ChannelView, port: Port) -> int:
    numbers = (port_number(text) for _, _, text in _settings(view, port))
    return next((number for number in numbers if number is not None), port.default)


def _address(view: ChannelView, port: Port) -> str:
    """Return the address of a port, from the setting beside that of the port (`…_PORT`, `…_HOST`)."""
    texts = [view.value(name.removesuffix("PORT") + "HOST") for name in port.env if name.endswith("PORT")]
    texts += [view.path(".".join(path).removesuffix("port") + "host") for path in port.config]
    address = next((text for text in texts if text), port.bind.split(" ")[0])
    return "*" if address in _EVERYWHERE else address
