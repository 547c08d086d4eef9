"""The files of alerts in the state folder: destinations (0600), the state of deliveries, one record for each try."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.lock import acquire_lock, lock_holder
from hermes_profiles.changes.state_files import remove_state_file, write_state_file
from hermes_profiles.model.errors import Failed, HermesProfilesError, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.regular_file import read_regular

from .model import AlertState, Destination, destinations_bytes, parse_destinations, parse_state, state_bytes

_LARGEST = 16 * 1024 * 1024
_WAIT = 10.0
BEGUN, SENT, FAILED = "begun", "sent", "failed"


class SendRecord(NamedTuple):
    """What is recorded of the last try of a message: its number, `begun`, `sent` or `failed`, and the error.

    `is_unsure`: this try or one before may have arrived, although it failed.
    """

    number: int
    state: str
    error: str = ""
    is_unsure: bool = False


def destinations_file(layout: Layout) -> Path:
    """Return the file of the destinations, which holds their secrets."""
    return layout.alerts / "destinations.json"


def read_destinations(layout: Layout) -> dict[str, Destination]:
    """Return name → destination, {} without a file. Raises Failed for a file that cannot be read."""
    path = destinations_file(layout)
    try:
        return parse_destinations(read_regular(path, _LARGEST))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its content is not ours"
        raise Failed(
            f"{path}: {reason}", target=str(path), code="bad-state", hint=f"see it with `ls -l {quote(str(path))}`"
        ) from None


class DestinationsLock:
    """The lock of the file of destinations, as a context manager. Raises Refused(code="busy")."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = -1

    def __enter__(self) -> DestinationsLock:
        Files().private_folder(str(self._layout.alerts))
        path = self._layout.alerts / "lock"
        lock = acquire_lock(path, wait=_WAIT)
        if lock is None:
            raise Refused(
                "another command changes the alerts", target=str(path), code="busy", hint="run the command again"
            )
        self._lock = lock
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def write(self, destinations: Mapping[str, Destination]) -> None:
        """Write the destinations, 0600. Raises Failed."""
        write_state_file(destinations_file(self._layout), destinations_bytes(destinations))


def read_state(layout: Layout) -> AlertState | None:
    """Return the state of deliveries, None without one."""
    try:
        return parse_state(read_regular(_state_file(layout), _LARGEST))
    except OSError:
        return None


def write_state(layout: Layout, state: AlertState) -> None:
    """Write the state of deliveries; it is on the disk afterwards. Raises Failed."""
    Files().private_folder(str(layout.alerts))
    write_state_file(_state_file(layout), state_bytes(state))
    Files().sync_folder(str(layout.alerts))


def _state_file(layout: Layout) -> Path:
    return layout.alerts / "deliveries.json"


def _tries(layout: Layout) -> Path:
    return layout.alerts / "tries"


def lock_try(layout: Layout, message: str) -> int | None:
    """Return a descriptor that holds the lock of a message, None while another process sends it."""
    Files().private_folder(str(layout.alerts))
    Files().private_folder(str(_tries(layout)))
    return acquire_lock(_tries(layout) / f"{message}.lock", wait=0.0)


def is_sending(layout: Layout, message: str) -> bool:
    """Return whether a process sends a message now."""
    try:
        return lock_holder(_tries(layout) / f"{message}.lock") is not None
    except HermesProfilesError:
        return False


def read_record(layout: Layout, message: str) -> SendRecord | None:
    """Return what is recorded of the last try of a message, None without a record."""
    try:
        data = json.loads(read_regular(_tries(layout) / f"{message}.json", _LARGEST))
        return SendRecord(int(data["number"]), str(data["state"]), str(data["error"]), data.get("is_unsure") is True)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(layout: Layout, message: str, record: SendRecord) -> None:
    """Record a try; it is on the disk afterwards. Raises Failed."""
    write_state_file(_tries(layout) / f"{message}.json", json.dumps(record._asdict()).encode())
    Files().sync_folder(str(_tries(layout)))


def remove_tries(layout: Layout, *, kept: Iterable[str]) -> None:
    """Remove the records of messages that are no longer to be sent. Raises Failed."""
    wanted = frozenset(kept)
    for name in Files().names_inside(str(_tries(layout))):
        if name.partition(".")[0] not in wanted:
            remove_state_file(_tries(layout) / name)
