"""What this root answers when it is asked as a place: its facts, and the exchange of the key of the fleet."""

from __future__ import annotations

import hmac
import json
import time
from hashlib import sha256
from typing import Any

from hermes_profiles import __version__
from hermes_profiles.doctor.checks.machine import is_unfit
from hermes_profiles.doctor.probes.machine import mount_of, mount_table
from hermes_profiles.gateways.installation.hermes_install import installed_code
from hermes_profiles.model.errors import Refused, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret
from hermes_profiles.places.facts import IdentityThere, PlaceFacts, ProfileThere
from hermes_profiles.places.fleet_key import key_id, key_of, key_text, root_key, take_key
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.placement import all_elsewhere, read_placement

from ..fleet_context import FleetSession

_MARK = 32  # hex digits: also of two thousand bots, no two have the same


class KeyRequest(NamedTuple):
    """What a fleet asks a place. `key`: its own, None for the key of the place; `replaces`: another one is replaced."""

    key: Secret[bytes] | None
    replaces: bool = False


def key_request_of(typed: str) -> KeyRequest:
    """Return the request in a standard input. Raises UsageProblem."""
    try:
        data: Any = json.loads(typed)
        text, replaces = data["key"], bool(data.get("replace"))
        key = key_of(text) if text is not None else None
    except (ValueError, KeyError, TypeError, AttributeError):
        text, replaces, key = "", False, None
    if text is not None and key is None:
        raise UsageProblem("standard input is not a key", hint="see `hermes-gateways place add --help`")
    return KeyRequest(key, replaces)


def key_request_text(request: KeyRequest) -> bytes:
    """Return the standard input of a request. It holds the key."""
    key = key_text(request.key) if request.key is not None else None
    return json.dumps({"key": key, "replace": request.replaces}).encode()


def exchange_key(session: FleetSession, request: KeyRequest) -> dict[str, Any]:
    """Take the key of a fleet, or give the key that this root has. Raises Refused for a root of another fleet."""
    layout = session.layout
    known = root_key(layout)
    if request.key is None:
        return {"key_id": key_id(known) if known is not None else None, "key": key_text(known) if known else None}
    if known is not None and known != request.key and not request.replaces:
        raise Refused(
            f"this root belongs to another fleet, whose key is {key_id(known)}",
            target=str(layout.root),
            code="other-fleet",
            hint="give it this key with the option `--replace-key` of `hermes-gateways place add`",
        )
    if known != request.key:
        take_key(layout, request.key)
    return {"key_id": key_id(request.key), "key": None}


def own_facts(session: FleetSession) -> PlaceFacts:
    """Return the facts of this root."""
    layout = session.layout
    mount = mount_of(layout.root, mount_table())
    manager = session.reachable
    key = root_key(layout)
    code = installed_code(layout, session.environment)
    names = profile_names(layout)
    away = all_elsewhere(layout, names, catalog=lambda: session.catalog)
    return PlaceFacts(
        version=__version__,
        hermes_version=code.version if code is not None else "",
        time=time.time(),
        zone=time.strftime("%z"),
        root=str(layout.root),
        file_system=mount.kind if mount is not None else "",
        is_fit=mount is None or not is_unfit(mount),
        manager=str(manager.kind) if manager is not None else "",
        linger=manager.linger() if manager is not None else None,
        key_id=key_id(key) if key is not None else "",
        profiles=tuple(_profile(session, name, key, is_elsewhere=name in away) for name in names),
    )


def _profile(session: FleetSession, name: str, key: Secret[bytes] | None, *, is_elsewhere: bool) -> ProfileThere:
    home = session.layout.home(name)
    placement = read_placement(home)
    identities = identities_of(session, name, key) if key is not None else ()
    return ProfileThere(name, placement.id, placement.epoch, is_elsewhere, identities)


def identities_of(session: FleetSession, name: str, key: Secret[bytes]) -> tuple[IdentityThere, ...]:
    """Return the bots and accounts of a profile, with their fingerprints under the key of the fleet."""
    held = claimed_resources(session.layout.home(name), catalog=session.catalog, managed=session.managed)
    return tuple(
        IdentityThere(each.channel, each.noun, _mark(f"{each.channel}\0{each.key}", key)) for each in held.identities
    )


def _mark(text: str, key: Secret[bytes]) -> str:
    return hmac.new(key.reveal(), text.encode("utf-8", "surrogatepass"), sha256).hexdigest()[:_MARK]
