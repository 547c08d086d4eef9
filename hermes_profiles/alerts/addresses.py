"""Addresses of destinations: their form, whether they hold a secret, and how they are shown. Pure."""

from __future__ import annotations

import re
import shlex
from urllib.parse import unquote, urlsplit

from hermes_profiles.credentials.detection.secret_shapes import looks_secret
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.model.patterns import lazy_pattern

from .model import Destination, DestinationKind

URLS = frozenset({DestinationKind.WEBHOOK, DestinationKind.APPRISE, DestinationKind.HEARTBEAT})
# A part of a path that is long and has letters and digits, such as the id of a webhook.
_RANDOM = lazy_pattern(r"(?=[^/]*[0-9])(?=[^/]*[A-Za-z])[A-Za-z0-9_.~-]{12,}")
_LOCAL = lazy_pattern(r"localhost|127\.\d+\.\d+\.\d+|\[?::1\]?")
_SHORTEST = 4
_HIDDEN = "***"
# Services of Apprise whose URL names a host, and nothing that gives access.
_OPEN_SCHEMES = frozenset({"json", "jsons", "xml", "xmls", "form", "forms", "syslog", "dbus", "gnome", "macosx"})


def fault_of(kind: DestinationKind, address: str) -> str:
    """Return what is wrong with the form of an address, "" for a good one. The address is not in the text."""
    if any(character < " " for character in address) or not address.strip():
        return "it is empty, or has a control character"
    if kind is DestinationKind.EXEC:
        return _fault_of_command(address)
    if kind is DestinationKind.HERMES:
        profile, colon, channel = address.partition(":")
        if not colon or not channel.strip() or channel.startswith("-"):
            return "it is not PROFILE:CHANNEL, such as `work:telegram`"
        check_existing_name(profile)
        return ""
    try:
        parts = urlsplit(address)
        if kind is not DestinationKind.APPRISE:
            parts.port  # noqa: B018  a wrong one raises
    except ValueError:
        return "it is not a URL"
    if kind is DestinationKind.APPRISE:
        return "" if parts.scheme and "://" in address else "it is not a URL of Apprise, such as `ntfy://HOST/TOPIC`"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "it is not a URL that begins with https:// or http://"
    return ""


def _fault_of_command(command: str) -> str:
    try:
        return "" if shlex.split(command) else "it is empty"
    except ValueError:
        return "its quotes do not match"


def has_secret(kind: DestinationKind, address: str) -> bool:
    """Return whether an address may hold what gives access: it must not be an argument then."""
    if kind not in URLS:
        return looks_secret(address)
    parts = urlsplit(address)
    is_open = kind is not DestinationKind.APPRISE or parts.scheme in _OPEN_SCHEMES
    return (
        not is_open
        or "@" in parts.netloc
        or bool(parts.query)
        or bool(parts.fragment)
        or looks_secret(address)
        or any(_RANDOM.fullmatch(part) for part in parts.path.split("/"))
    )


def shown_address(destination: Destination) -> str:
    """Return an address for lists and messages: of a URL that may hold a secret, scheme and host alone."""
    address = destination.address.reveal()
    if destination.kind not in URLS:
        return _HIDDEN if looks_secret(address) else address
    if not has_secret(destination.kind, address):
        return address
    parts = urlsplit(address)
    is_host = destination.kind is not DestinationKind.APPRISE
    host = parts.netloc.rpartition("@")[2] if is_host else _HIDDEN
    return f"{parts.scheme}://{host}/{_HIDDEN}" if is_host else f"{parts.scheme}://{_HIDDEN}"


def is_plain_http(destination: Destination) -> bool:
    """Return whether an address sends alerts unencrypted to another machine."""
    parts = urlsplit(destination.address.reveal()) if destination.kind in URLS else None
    return parts is not None and parts.scheme == "http" and not _LOCAL.fullmatch(parts.hostname or "")


def without_address(text: str, destination: Destination) -> str:
    """Return a text, such as an error of a library, without the address and without its parts that may be secret."""
    address = destination.address.reveal()
    if destination.kind not in URLS or not has_secret(destination.kind, address):
        return text
    parts = urlsplit(address)
    host = parts.hostname if destination.kind is not DestinationKind.APPRISE else None
    pieces = {address, parts.netloc, parts.path, parts.query, *re.split(r"[/:@?&=#,]+", address)}
    pieces |= {unquote(piece) for piece in pieces}
    for piece in sorted(pieces - {parts.scheme, host or "", ""}, key=len, reverse=True):
        if len(piece) >= _SHORTEST:
            text = text.replace(piece, _HIDDEN)
    return text
