"""Readers of the files that a gateway writes into its home. They outlive the process, so they prove nothing.

Facts (Hermes 0.19.0, gateway/status.py): `gateway.pid` and `gateway.lock` hold `{pid, kind, argv, start_time}` (a bare
integer in old releases); start_time is field 22 of /proc/PID/stat on Linux, psutil's create_time × 100 elsewhere.
`gateway_state.json` keeps entries of channels for ever; `state/gateway.heartbeat` is rewritten every 30 s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hermes_profiles.hermes.files import HEARTBEAT_FILE, LOCK_FILE, PID_FILE, STATE_FILE
from hermes_profiles.hermes.gateway_states import IGNORED_PORT_KEY, READ_PORT_KEY
from hermes_profiles.hermes.multiplexing import MIRRORED, MIRRORED_STATES, PROFILE_PREFIX
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.regular_file import read_regular

_LARGEST = 1024 * 1024


class PidRecord(NamedTuple):
    """The process in a pid file; `pid` is 0 where the file cannot be parsed, `started` None where it is absent."""

    pid: int
    started: float | None = None


class ChannelRecord(NamedTuple):
    """The last record of one channel.

    `since`: an ISO time; `retrying_since`: that of the first failed try; `listener`: the address of a
    channel that other profiles have below it, of later releases; `is_mirrored`: the channel is that of another profile;
    `writer`: pid of the process that wrote it, 0 before 0.20.
    """

    name: str
    state: str
    code: str
    message: str
    since: str | None
    retrying_since: str | None = None
    listener: str = ""
    is_mirrored: bool = False
    writer: int = 0


class StateRecord(NamedTuple):
    """The last state record of a gateway.

    `served`: the profiles that a multiplexer serves; the first one has the channels without a prefix.
    `standalone_reason`: why a gateway of a later release serves one profile only.
    `commit`, `version`: of the code that the process runs, "" before 0.20.5 or where Hermes does not know it;
    `updated`: ISO time of the last write, by whichever process.
    """

    pid: int
    started: float | None
    state: str
    reason: str
    busy: int
    channels: tuple[ChannelRecord, ...]
    served: tuple[str, ...]
    standalone_reason: str = ""
    commit: str = ""
    version: str = ""
    updated: str = ""


class Heartbeat(NamedTuple):
    """The last heartbeat: pid and ISO time."""

    pid: int
    at: str


def pid_record(home: Path) -> PidRecord | None:
    """Return the process in the pid file, None without a file."""
    return record_at(home / PID_FILE)


def lock_record(home: Path) -> PidRecord | None:
    """Return the process in the gateway's lock file; the file stays when the process ends."""
    return record_at(home / LOCK_FILE)


def record_at(path: Path) -> PidRecord | None:
    """Return the process in a file of the pid file's format, None without a file."""
    data = _read(path)
    if data is None:
        return None
    if isinstance(data, int) and not isinstance(data, bool):
        return PidRecord(max(data, 0))
    if not isinstance(data, Mapping):
        return PidRecord(0)
    return PidRecord(_whole(data.get("pid")), _number(data.get("start_time")))


def state_record(home: Path) -> StateRecord | None:
    """Return the state record of the gateway, None without a file or where it cannot be parsed."""
    data = _read(home / STATE_FILE)
    if not isinstance(data, Mapping) or not data:
        return None
    served = data.get("served_profiles")
    return StateRecord(
        pid=_whole(data.get("pid")),
        started=_number(data.get("start_time")),
        state=_text(data.get("gateway_state")),
        reason=_text(data.get("exit_reason")),
        busy=_whole(data.get("active_agents")),
        channels=tuple(_channels(data.get("platforms"))),
        served=tuple(name for name in served if isinstance(name, str)) if isinstance(served, list) else (),
        standalone_reason=_text(data.get("multiplex_standalone_reason")),
        commit=_text(data.get("code_sha")),
        version=_text(data.get("code_version")),
        updated=_text(data.get("updated_at")),
    )


def _channels(platforms: object) -> Iterator[ChannelRecord]:
    for name, entry in platforms.items() if isinstance(platforms, Mapping) else ():
        if isinstance(entry, Mapping):
            yield ChannelRecord(
                str(name),
                _text(entry.get("state")),
                _text(entry.get("error_code")),
                _text(entry.get("error_message")).replace(IGNORED_PORT_KEY, READ_PORT_KEY),
                _text(entry.get("updated_at")) or None,
                _text(entry.get("retrying_since")) or None,
                _text(entry.get("listener_base")),
                writer=_whole(entry.get("writer_pid")),
            )


def channels_of(record: StateRecord, server: str, profile: str) -> tuple[ChannelRecord, ...]:
    """Return the channels of one profile in the record of a gateway that was started for `server`.

    A gateway for several profiles writes `PROFILE:CHANNEL`, and the channels of its first profile without a prefix
    (Hermes 0.20.4, gateway/run.py). API server and webhooks of the first profile also serve the others.
    """
    first = record.served[0] if record.served else server
    found = {}
    for each in record.channels:
        owner, colon, name = each.name.partition(":")
        if (owner if colon else first) == profile:
            found[name or each.name] = each._replace(name=name or each.name)
    if profile != first and profile in record.served:
        for each in record.channels:
            if each.name in MIRRORED and each.listener and each.state in MIRRORED_STATES:
                place = f"{each.listener}{PROFILE_PREFIX}{profile}"
                found.setdefault(each.name, each._replace(listener=place, is_mirrored=True))
    return tuple(found.values())


def heartbeat(home: Path) -> Heartbeat | None:
    """Return the last heartbeat of the gateway, None without one."""
    data = _read(home / HEARTBEAT_FILE)
    if not isinstance(data, Mapping):
        return None
    return Heartbeat(_whole(data.get("pid")), _text(data.get("updated_at")))


def _read(path: Path) -> Any:
    """Return the parsed file; None without a file, {} where it cannot be parsed."""
    try:
        data = json.loads(read_regular(path, _LARGEST))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    return {} if data is None else data


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
