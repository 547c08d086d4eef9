"""The watcher: looks at a fleet when something moved, and writes what changed to the log of events."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from hermes_profiles.events.clocks import STOOD_STILL, Clocks
from hermes_profiles.events.compare import changes, unseen, unwritten
from hermes_profiles.events.fleet_faults import disk_fault, fleet_faults, is_daemon_back, is_of_disk
from hermes_profiles.events.log import append_events, event_log, keep_reserve, read_events
from hermes_profiles.events.model import EventKind, FleetEvent
from hermes_profiles.events.quiet_signs import QuietSigns, quiet_signs
from hermes_profiles.events.reconstruct import with_unit_history
from hermes_profiles.events.requests import requests_in
from hermes_profiles.events.snapshot import NOTHING_SEEN, FleetSnapshot, Request, SeenGateway, dated, merged, remembered
from hermes_profiles.events.wakeups import Wakeups
from hermes_profiles.events.watch_state import save_snapshot, saved_snapshot, take_watch_lock
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.hermes.exit_codes import RESTART_ME
from hermes_profiles.hermes.files import CONFIG_FILE, PID_FILE, STATE_FILE
from hermes_profiles.model.errors import Failed, HermesProfilesError
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.services.manager import Activity, ManagerError, ManagerKind
from hermes_profiles.services.systemd.unit_history import UnitMoment, read_unit_history

from ..fleet_context import FleetSession
from ..gateways.fleet_status import FleetStatus, fleet_status
from .fleet_snapshot import old_code, snapshot_of

# Seconds: between two looks at signs, at gateways on their way, and at all gateways without a sign.
TICK, SOON, FULL = 5.0, 3.0, 60.0
# Seconds after a jump of the clocks in which ages of files prove nothing: a heartbeat comes every 30 s.
_SETTLING = 45.0
# Seconds after the end of a command of ours in which its effect is still seen.
_AFTER_COMMAND = 20.0
_LOCK_SECONDS = 30.0
# Seconds between two looks for the end of the journal.
_JOURNAL = 3600.0
_ENDED = 128 + signal.SIGTERM
_NAMES = frozenset({PID_FILE, STATE_FILE, CONFIG_FILE})
_FAULTY = frozenset({GatewayState.DEGRADED, GatewayState.UNSUPERVISED, GatewayState.SERVED})
_ON_ITS_WAY = frozenset({GatewayState.STARTING, GatewayState.UNKNOWN})


class WatchPart(Protocol):
    """What works on the events beside the log, such as alerts; it is called after each wait, and never waits itself."""

    def after(self, snapshot: FleetSnapshot, status: FleetStatus | None, events: Sequence[FleetEvent]) -> None:
        """Take in new events, which are in the log already; `status`: of a look at all gateways, None without one."""
        ...

    def close(self) -> None:
        """End: the watcher ends."""
        ...


class EventWatch:
    """One run of the watcher of a root.

    `parts`: what works on the events; `report`: is called with a text for the log of the service.
    """

    def __init__(
        self, session: FleetSession, parts: Sequence[WatchPart] = (), report: Callable[[str], None] = lambda _: None
    ) -> None:
        self._session = session
        self._layout = session.layout
        self._parts = parts
        self._report = report
        self._wakeups = Wakeups()
        self._seen = NOTHING_SEEN
        self._signs: dict[str, QuietSigns] = {}
        self._requests: tuple[Request, ...] = ()
        self._gone: dict[int, float] = {}
        self._read_to = 0
        self._log_state: tuple[int, int] | None = None
        self._code = _state(__file__)
        self._clocks = Clocks.now()
        self._calm_until = self._looked = self._saved = 0.0
        self._parent = os.getppid()
        self._is_orphan = False
        self._trouble = ""
        self._moments: dict[str, list[UnitMoment]] = {}
        self._journal_at = 0.0

    def run(self) -> None:
        """Watch until a signal ends this process. Raises Refused where another watcher runs, SystemExit at the end."""
        lock = take_watch_lock(self._layout, wait=_LOCK_SECONDS if self._is_supervised else 0.0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        try:
            self._begin()
            while True:
                self._step()
        finally:
            self._write([FleetEvent(time.time(), EventKind.WATCH_STOPPED, pid=os.getpid())])
            for part in self._parts:
                part.close()
            self._wakeups.close()
            os.close(lock)

    @property
    def _is_supervised(self) -> bool:
        return self._session.manager_name == ManagerKind.SUPERVISOR

    def _end(self, number: int, _frame: object) -> None:
        """End at once, unless the signal comes from the kernel because supervisord is gone: that is to be reported."""
        if number == signal.SIGTERM and not self._is_orphan and self._is_supervised and os.getppid() != self._parent:
            self._is_orphan = True
            return
        raise SystemExit(_ENDED if number == signal.SIGTERM else 128 + number)

    def _begin(self) -> None:
        """Take the first look, and reconstruct what happened since the last one of an earlier watcher."""
        earlier = saved_snapshot(self._layout)
        self._seen = earlier or NOTHING_SEEN
        self._requests, self._read_to = self._seen.requests, self._seen.number
        trouble = self._read_journal() if self._session.manager_kind == ManagerKind.SYSTEMD else ""
        self._write([FleetEvent(time.time(), EventKind.WATCH_STARTED, pid=os.getpid(), reason=trouble)])
        self._look(None, reconstructed=True)
        self._moments = {}

    def _read_journal(self) -> str:
        """Read what systemd did since the last look; return why it cannot be read, "" where it can.

        The first watcher of a root reads nothing: it only takes the place in the journal.
        """
        seen, self._journal_at = self._seen, time.monotonic()
        services = self._session.world.services(tuple(seen.gateways) or profile_names(self._layout))
        profiles = {each.name.unit: each.profile for each in services if each.profile in seen.gateways}
        units = [each.name.unit for each in services]
        try:
            history = read_unit_history(
                units, self._session.environment, cursor=seen.cursor, since=seen.at or time.time()
            )
        except ManagerError as error:
            self._seen = seen._replace(cursor="")
            return f"{error.problem.message}; what happened before is known from files and processes alone"
        for each in history.moments:
            if each.unit in profiles:
                self._moments.setdefault(profiles[each.unit], []).append(each)
        self._seen = seen._replace(cursor=history.cursor)
        return ""

    def _step(self) -> None:
        ended, moved = self._wakeups.wait(SOON if self._on_its_way() else TICK)
        jump = self._jump()
        if jump is not None:
            self._write([jump])
        if _state(__file__) != self._code:
            raise SystemExit(RESTART_ME)  # hermes-profiles was updated: its manager starts the new one
        if self._is_orphan and is_daemon_back(self._layout):
            raise SystemExit(0)
        status: FleetStatus | None = None
        events: tuple[FleetEvent, ...] = ()
        if time.monotonic() >= self._calm_until or ended:
            status, events = self._look_where_due(bool(ended), moved)
        for part in self._parts:
            part.after(self._seen, status, (*((jump,) if jump is not None else ()), *events))

    def _look_where_due(
        self, has_ended: bool, moved: Iterable[str]
    ) -> tuple[FleetStatus | None, tuple[FleetEvent, ...]]:
        names = profile_names(self._layout)
        is_full = has_ended or time.monotonic() - self._looked >= FULL or set(names) != set(self._seen.gateways)
        is_full = is_full or self._is_disk_news()
        homes = {str(self._layout.home(name)): name for name in names}
        if is_full or any(folder not in homes for folder in moved):
            return self._look(None)
        signs = self._signs_of(names)
        due = {name for name in names if signs[name] != self._signs.get(name)} | set(self._on_its_way())
        due |= {homes[folder] for folder in moved}
        return self._look(tuple(name for name in names if name in due)) if due else (None, ())

    def _is_disk_news(self) -> bool:
        """Return whether the disk is full since the last look, or no longer."""
        return bool(disk_fault(self._layout, self._seen.faults)) is not any(map(is_of_disk, self._seen.faults))

    def _on_its_way(self) -> tuple[str, ...]:
        """Return the gateways whose state changes within seconds without a sign."""
        return tuple(name for name, each in self._seen.gateways.items() if is_on_its_way(each))

    def _look(
        self, names: tuple[str, ...] | None, *, reconstructed: bool = False
    ) -> tuple[FleetStatus | None, tuple[FleetEvent, ...]]:
        """Look at these gateways, or at all; return the status of a look at all, and the events, which are written."""
        session, began = self._session.fresh(), time.monotonic()
        try:
            existing = profile_names(self._layout)
            status = fleet_status(session, existing if names is None else names, accounts=False)
        except (HermesProfilesError, OSError) as error:
            self._complain(f"cannot look at the gateways: {error}")
            return None, ()
        if time.monotonic() - began > STOOD_STILL:
            return None, ()  # this process stood still: ages of files prove nothing
        refusals = [each.message for each in status.errors]
        faults = fleet_faults(self._layout, session.manager_kind, refusals, self._seen.faults)
        is_whole = names is None
        if is_whole:
            faults = (*faults, *old_code(status))
        after = snapshot_of(self._layout, status, time.time(), faults)
        if not is_whole or status.errors:
            after = merged(self._seen, after, keep_living=bool(status.errors))
            after = after._replace(conflicts=self._seen.conflicts if not is_whole else after.conflicts)
        self._signs |= self._signs_of(existing if names is None else names)
        events = self._advance(after, reconstructed=reconstructed)
        if is_whole:
            self._looked = time.monotonic()
        return (status if is_whole else None), events

    def _advance(self, after: FleetSnapshot, *, reconstructed: bool) -> tuple[FleetEvent, ...]:
        """Write the events between the last snapshot and this one, which becomes the last one."""
        requests = self._current_requests()
        seen = self._seen
        after = remembered(seen, after._replace(requests=requests, number=seen.number, cursor=seen.cursor))
        events = changes(seen, after, reconstructed=reconstructed)
        if self._moments:
            asked = [each for each in read_events(self._layout, since=seen.at) if each.kind is EventKind.REQUESTED]
            events = with_unit_history(events, self._moments, asked, seen.at, after.at)
        if reconstructed and events:
            events = unwritten(events, read_events(self._layout, after=seen.number))
        written = self._write(events)
        if written is None:
            return ()  # the disk is full: the next look finds the same changes
        self._requests = unseen(requests, written)
        number = written[-1].number if written else self._seen.number
        self._seen = dated(self._seen, after._replace(requests=self._requests, number=number), written)
        self._watch()
        if written or reconstructed or time.monotonic() - self._saved >= FULL:
            self._save()
        return tuple(written)

    def _write(self, events: Sequence[FleetEvent]) -> list[FleetEvent] | None:
        """Return the events with their numbers, None where they cannot be written."""
        try:
            written = append_events(self._layout, events)
        except HermesProfilesError as error:
            self._complain(f"cannot write events: {error}")
            return None
        self._trouble = ""
        return written

    def _save(self) -> None:
        is_due = bool(self._journal_at) and time.monotonic() - self._journal_at >= _JOURNAL
        if is_due and not self._read_journal():
            self._moments = {}  # what it has was seen as it happened: the next watcher reads from here on
        try:
            keep_reserve(self._layout)
            save_snapshot(self._layout, self._seen)
            self._saved = time.monotonic()
        except Failed as error:
            self._complain(f"cannot keep the last look: {error}")

    def _watch(self) -> None:
        """Wait for the ends of the processes and for the files that were just seen."""
        pids = {each.pid for each in self._seen.gateways.values() if each.pid is not None}
        gone = self._wakeups.watch_processes(pids)
        folders = {str(self._layout.home(name)): _NAMES for name in self._seen.gateways}
        folders[str(self._layout.profiles)] = frozenset()
        folders |= {str(folder): frozenset() for folder in self._session.due.folders()}
        self._wakeups.watch_folders(folders)
        if gone:
            self._looked = 0.0  # one ended since the look

    def _signs_of(self, names: Iterable[str]) -> dict[str, QuietSigns]:
        known = {name: self._seen.gateways.get(name) or SeenGateway(name, "") for name in names}
        return {
            name: quiet_signs(str(self._layout.home(name)), each.pid, is_faulty=each.state in _FAULTY)
            for name, each in known.items()
        }

    def _current_requests(self) -> tuple[Request, ...]:
        """Return the commands of ours that may be behind a change: those that run, or have just ended."""
        state = _state(str(event_log(self._layout).path))
        if state != self._log_state:
            self._log_state = state
            new_events = list(read_events(self._layout, after=self._read_to))
            self._read_to = new_events[-1].number if new_events else self._read_to
            new = {each.profile: each for each in requests_in(new_events)}
            self._requests = (*(each for each in self._requests if each.profile not in new), *new.values())
        return tuple(each for each in self._requests if self._may_act(each))

    def _may_act(self, request: Request) -> bool:
        if request.pid is None:
            return False
        try:
            os.kill(request.pid, 0)
        except ProcessLookupError:
            since = self._gone.setdefault(request.pid, time.monotonic())
            return time.monotonic() - since < _AFTER_COMMAND
        except PermissionError:
            return True
        return True

    def _jump(self) -> FleetEvent | None:
        """Return the event of a clock that was set or a machine that was suspended, None where time just passed."""
        now = Clocks.now()
        what, self._clocks = now.jump_since(self._clocks), now
        if not what:
            return None
        self._calm_until = time.monotonic() + _SETTLING
        return FleetEvent(now.wall, EventKind.CLOCK_CHANGED, reason=what)

    def _complain(self, text: str) -> None:
        """Report a trouble once, not at every look."""
        if text != self._trouble:
            self._report(text)
        self._trouble = text


def is_on_its_way(gateway: SeenGateway) -> bool:
    """Return whether the state of a gateway changes within seconds: also one that its manager is about to restart."""
    if gateway.state in _ON_ITS_WAY or gateway.is_ending:
        return True
    is_between = gateway.activity in (Activity.ACTIVATING, Activity.DEACTIVATING) and gateway.pid is None
    return is_between and gateway.state != GatewayState.CRASH_LOOPING


def _state(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
