"""Reads the evidence of a channel's use: gateway state, Hermes' locks, and the files that use leaves in a home.

The age of a home is the oldest birth time of its first files where the system records one, else their oldest `ctime`.
A clone copies the other times with the files; `ctime` cannot be set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.identities import Identity
from hermes_profiles.gateways.hermes_files import state_record
from hermes_profiles.gateways.model import Gateway, LiveLock, epoch_of
from hermes_profiles.hermes.files import (
    CHANNEL_DIRECTORY_FILE,
    CONFIG_FILE,
    ENV_FILE,
    PLATFORM_PAIRING_FOLDER,
    PROFILE_FILE,
    PROFILE_FOLDERS,
    SOUL_FILE,
)
from hermes_profiles.hermes.gateway_states import CONNECTED
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import ClaimedResources
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.profiles.tree_walk import EntryKind, walk

from .ownership import UsageEvidence

_LARGEST = 4 * 1024 * 1024
_MOST_FILES = 2000
_END_OF_TIME = 1e10
_FIRST_FILES = (CONFIG_FILE, ENV_FILE, SOUL_FILE, PROFILE_FILE, *PROFILE_FOLDERS)
_PAIRING = ("pairing", PLATFORM_PAIRING_FOLDER)


class Use(NamedTuple):
    """One trace of use: its name and its time (epoch seconds)."""

    what: str
    at: float


def evidence_of(
    layout: Layout,
    profile: str,
    channel: str,
    *,
    held: ClaimedResources,
    gateway: Gateway | None,
    locks: Sequence[LiveLock],
    catalog: Catalog,
) -> UsageEvidence:
    """Return the evidence of a profile's use of a channel; `held`: the claims of its files."""
    home = layout.home(profile)
    pid = gateway.process.pid if gateway is not None and gateway.process is not None else None
    masked = gateway is not None and any(mask.channel == channel for mask in gateway.masks)
    alive = gateway is not None and gateway.is_alive and not masked
    states = {each.name: each.state for each in gateway.channels} if gateway is not None else {}
    uses = sorted(_uses(home, profile, channel, catalog), key=lambda use: -use.at)
    return UsageEvidence(
        locked=pid is not None and not masked and _has_lock(pid, channel, held.identities, locks),
        connected=alive and states.get(channel) == CONNECTED,
        running=alive,
        on=channel in held.channels,
        used_at=uses[0].at if uses else 0.0,
        uses=tuple(dict.fromkeys(use.what for use in uses)),
        created_at=created_at(home),
        first=profile == DEFAULT,
    )


def _has_lock(pid: int, channel: str, identities: Collection[Identity], locks: Sequence[LiveLock]) -> bool:
    digests = {one.key[:16] for one in identities if one.channel == channel}
    return any(lock.pid == pid and lock.channel == channel and lock.digest in digests for lock in locks)


def created_at(home: Path) -> float:
    """Return the age of a home as epoch seconds, 0 where it is unknown."""
    times = []
    for name in _FIRST_FILES:
        try:
            status = os.lstat(home / name)
        except OSError:
            continue
        times.append(float(getattr(status, "st_birthtime", status.st_ctime)))
    return min(times, default=0.0)


def _uses(home: Path, profile: str, channel: str, catalog: Catalog) -> Iterator[Use]:
    """Yield the traces that use of a channel left in a home."""
    for folder in _PAIRING:
        paired = _read(home / folder / f"{channel}-approved.json")
        times = [_epoch(each.get("approved_at")) for each in _values(paired) if isinstance(each, Mapping)]
        if isinstance(paired, Mapping) and paired:
            yield Use("pairing", max(times, default=0.0))
    sessions = _read(home / "sessions" / "sessions.json")
    rows = [each for each in _values(sessions) if isinstance(each, Mapping) and each.get("platform") == channel]
    if rows:
        yield Use("sessions", max(_epoch(each.get("updated_at")) for each in rows))
    directory = _read(home / CHANNEL_DIRECTORY_FILE)
    chats = directory.get("platforms") if isinstance(directory, Mapping) else None
    if isinstance(directory, Mapping) and isinstance(chats, Mapping) and chats.get(channel):
        yield Use("directory of chats", _epoch(directory.get("updated_at")))
    record = state_record(home)
    for each in record.channels if record is not None else ():
        if each.name == channel and each.state == CONNECTED and each.since:
            yield Use("connected", epoch_of(each.since) or 0.0)
    try:
        times = list(_state_times(home, profile, channel, catalog))
    except OSError:  # a home without permission to list it
        times = []
    if times:
        yield Use("state files", max(times))


def _state_times(home: Path, profile: str, channel: str, catalog: Catalog) -> Iterator[float]:
    """Yield the times of change of the channel's state files."""

    def enter(path: str) -> bool:
        if profile == DEFAULT and path == "profiles":
            return False
        return path == "platforms" or catalog.state_owner(path + "/") == channel

    for item in islice(walk(home, enter), _MOST_FILES):
        if item.kind is EntryKind.FILE and "pairing/" not in item.path and catalog.state_owner(item.path) == channel:
            yield item.signature.mtime_ns / 1e9


def _read(path: Path) -> Any:
    try:
        return json.loads(read_regular(path, _LARGEST))
    except (OSError, ValueError, RecursionError):  # absent, broken or not a regular file: no evidence
        return None


def _values(data: object) -> Collection[object]:
    return data.values() if isinstance(data, Mapping) else ()


def _epoch(value: object) -> float:
    """Return a time that Hermes wrote, as a number or in ISO form; 0 for anything else."""
    if isinstance(value, str):
        return epoch_of(value) or 0.0
    is_time = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _END_OF_TIME
    return float(value) if is_time and isinstance(value, int | float) else 0.0
