"""Reads from the journal what systemd did with units since a moment: starts, ends with their exit codes, stops."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.run_command import Runner, batches, listed_environment, run

# Where journald writes, below a folder for each machine.
JOURNALS = (Path("/run/log/journal"), Path("/var/log/journal"))
# Seconds: a journal of gigabytes on a slow disk must not hold the watcher.
LIMIT = 10.0
# MESSAGE_ID of systemd (sd-messages.h): a unit was started, was stopped, its main process ended.
_STARTED = "39f53479d3a045ac8e11786248231fbf"
_STOPPED = "9d1aaa27d60140bd96365438aad20286"
_EXITED = "98e322203f7a4ed290d09fe03c09fe15"
_FIELDS = "MESSAGE_ID,USER_UNIT,UNIT,EXIT_CODE,EXIT_STATUS,JOB_TYPE"


class UnitDeed(StrEnum):
    """What systemd did with a unit."""

    STARTED = "started"
    EXITED = "exited"
    STOPPED = "stopped"


class UnitMoment(NamedTuple):
    """One entry of systemd about a unit, without `.service`; `exit_code`: negative for a signal."""

    unit: str
    at: float
    deed: UnitDeed
    exit_code: int | None = None


class UnitHistory(NamedTuple):
    """The moments of some units, the oldest first, and the place in the journal after them."""

    moments: tuple[UnitMoment, ...]
    cursor: str


def read_unit_history(
    units: Sequence[str],
    environment: Mapping[str, str],
    *,
    cursor: str = "",
    since: float = 0.0,
    runner: Runner = run,
) -> UnitHistory:
    """Return what the journal has of units after a cursor, or after a time where there is no cursor.

    Raises ManagerError where the journal cannot be read within some seconds.
    """
    names = [f"--user-unit={unit}.service" for unit in units]
    ids = [f"MESSAGE_ID={each}" for each in (_STARTED, _STOPPED, _EXITED)]
    place = f"--after-cursor={cursor}" if cursor else f"--since=@{since:.6f}"
    words = ("journalctl", "--no-pager", "--output=json", f"--output-fields={_FIELDS}", place, *ids)
    moments: list[UnitMoment] = []
    for batch in batches(names):
        done = runner((*words, *batch), listed_environment(environment), LIMIT)
        problem = done.complaint if done.code else ""
        if not done.out.strip() and not _has_journal():  # `journalctl` ends with 0 then, and prints nothing
            problem = problem or "this machine keeps none"
        if problem:
            raise ManagerError(f"the journal cannot be read: {problem}", target="journalctl", code="no-journal")
        for row in _rows(done.out):
            moment = _moment(row)
            if moment is not None:
                moments.append(moment)
                cursor = str(row.get("__CURSOR") or cursor)
    return UnitHistory(tuple(sorted(moments, key=lambda each: each.at)), cursor)


def _has_journal() -> bool:
    return any(any(folder.glob("*/*.journal")) for folder in JOURNALS)


def _rows(output: str) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # "-- No entries --", a line that was cut
            continue
        if isinstance(row, dict):
            yield row


def _moment(row: Mapping[str, Any]) -> UnitMoment | None:
    try:
        at = int(row["__REALTIME_TIMESTAMP"]) / 1e6
        unit = str(row.get("USER_UNIT") or row["UNIT"]).removesuffix(".service")
        deed = {_STARTED: UnitDeed.STARTED, _STOPPED: UnitDeed.STOPPED, _EXITED: UnitDeed.EXITED}[row["MESSAGE_ID"]]
    except (KeyError, ValueError, TypeError):
        return None
    if deed is UnitDeed.STOPPED and row.get("JOB_TYPE") != "stop":  # the first half of a restart by systemd itself
        return None
    return UnitMoment(unit, at, deed, _exit_code(row) if deed is UnitDeed.EXITED else None)


def _exit_code(row: Mapping[str, Any]) -> int | None:
    try:
        status = int(row["EXIT_STATUS"])
    except ValueError:  # a version that writes the name
        status = getattr(signal, f"SIG{row['EXIT_STATUS']}", 0)
    except KeyError:
        return None
    return -status if row.get("EXIT_CODE") in ("killed", "dumped") else status
