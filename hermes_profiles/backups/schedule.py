"""The daily time of backups, and the part of the watcher that starts them.

The watcher starts the backup under every service manager, because supervisord has no timer. A backup that was missed
while the machine was off is made when the watcher runs again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hermes_profiles.changes.state_files import remove_state_file, write_state_file
from hermes_profiles.model.errors import Failed, HermesProfilesError, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.regular_file import read_regular

_AT = lazy_pattern(r"([01]\d|2[0-3]):([0-5]\d)")
_LARGEST = 64 * 1024
DEFAULT_AT, DEFAULT_KEEP = "03:30", 7


class Schedule(NamedTuple):
    """When a backup of all profiles is made each day (local time), where, and how many of each are kept."""

    at: str = DEFAULT_AT
    keep: int = DEFAULT_KEEP
    folder: str | None = None
    recipients: tuple[str, ...] = ()


class LastRun(NamedTuple):
    """The last backup that the watcher started: seconds since 1970; `ended` and `code` are None while it runs."""

    started: float
    ended: float | None = None
    code: int | None = None


def schedule_file(layout: Layout) -> Path:
    """Return the file of the schedule."""
    return layout.state / "backup-timer.json"


def _last_file(layout: Layout) -> Path:
    return layout.state / "backup-last.json"


def check_time(text: str) -> str:
    """Return a time of day. Raises UsageProblem for anything but `HH:MM`."""
    if _AT.fullmatch(text) is None:
        raise UsageProblem(f"{text!r} is not a time of day", target="--at", hint="use `--at 03:30`")
    return text


def read_schedule(layout: Layout) -> Schedule | None:
    """Return the schedule, None without one. Raises Failed for a file without one."""
    path = schedule_file(layout)
    try:
        data = json.loads(read_regular(path, _LARGEST))
        return Schedule(check_time(data["at"]), int(data["keep"]), data["folder"], tuple(data["recipients"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, UsageProblem) as error:
        raise Failed(
            f"{path} is not a schedule of backups",
            target=str(path),
            code="bad-state",
            hint="write it again with `hermes-profiles backup timer on`",
        ) from error


def write_schedule(layout: Layout, schedule: Schedule) -> None:
    """Write the schedule. Raises Failed."""
    write_state_file(schedule_file(layout), json.dumps(schedule._asdict()).encode())


def remove_schedule(layout: Layout) -> None:
    """Remove the schedule. Raises Failed."""
    remove_state_file(schedule_file(layout))


def read_last(layout: Layout) -> LastRun | None:
    """Return the last backup that the watcher started, None without one."""
    try:
        data: dict[str, Any] = json.loads(read_regular(_last_file(layout), _LARGEST))
        return LastRun(float(data["started"]), data.get("ended"), data.get("code"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_last(layout: Layout, last: LastRun) -> None:
    """Write the result of the last backup. Raises Failed."""
    write_state_file(_last_file(layout), json.dumps(last._asdict()).encode())


def next_run(schedule: Schedule, now: datetime) -> datetime:
    """Return the next time of day of a schedule after a moment; both local."""
    today = _at(schedule, now)
    return today if today > now else _at(schedule, now + timedelta(days=1))


def is_due(schedule: Schedule, last: LastRun | None, now: datetime, *, set_at: float) -> bool:
    """Return whether a backup is due: the last time of day of the schedule is over, and no backup was started since.

    `set_at`: when the schedule was written. An earlier time is ignored.
    """
    today = _at(schedule, now)
    before = today if today <= now else _at(schedule, now - timedelta(days=1))
    return before.timestamp() > max(set_at, last.started if last is not None else 0.0)


def _at(schedule: Schedule, day: datetime) -> datetime:
    hour, minute = schedule.at.split(":")
    return day.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)


def create_words(root: str, schedule: Schedule) -> tuple[str, ...]:
    """Return the command that makes the backups of a schedule."""
    isolated = ("-I",) if sys.flags.isolated else ()
    words = (sys.executable, *isolated, "-m", "hermes_profiles.cli", "backup", "create", "--all", "--home", root)
    folder = ("--to", schedule.folder) if schedule.folder is not None else ()
    recipients = tuple(word for each in schedule.recipients for word in ("--recipient", each))
    return (*words, "--keep", str(schedule.keep), *folder, *recipients, "--json")


class BackupTimer:
    """Starts the daily backup of a root. `report`: is called with a text for the log of the watcher."""

    def __init__(self, layout: Layout, report: Callable[[str], None] = lambda _: None) -> None:
        self._layout = layout
        self._report = report
        self._process: subprocess.Popen[bytes] | None = None
        self._complaint = ""

    def after(self, _snapshot: object, _status: object, _events: Sequence[object]) -> None:
        """Start a due backup without waiting for it. The watcher calls this after each wait."""
        self.step(datetime.now().astimezone())

    def step(self, now: datetime) -> None:
        """Start a due backup, or record the end of one. A failure is reported, not raised."""
        try:
            self._step(now)
            self._complaint = ""
        except (HermesProfilesError, OSError) as error:
            if str(error) != self._complaint:
                self._report(f"cannot make the daily backup: {error}")
            self._complaint = str(error)

    def close(self) -> None:
        """Do nothing: a running backup continues."""

    def _step(self, now: datetime) -> None:
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            self._process = None
            last = read_last(self._layout) or LastRun(time.time())
            write_last(self._layout, last._replace(ended=time.time(), code=code))
            if code:
                self._report(f"the daily backup failed with exit code {code}: see why with `hermes-profiles doctor`")
        try:
            set_at = schedule_file(self._layout).stat().st_mtime
        except OSError:
            return
        schedule = read_schedule(self._layout)
        if schedule is None or not is_due(schedule, read_last(self._layout), now, set_at=set_at):
            return
        write_last(self._layout, LastRun(now.timestamp()))
        words = create_words(str(self._layout.root), schedule)
        nothing = subprocess.DEVNULL
        self._process = subprocess.Popen(words, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
