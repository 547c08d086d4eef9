"""Turn the watcher of a root on or off, and report whether it watches."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.changes.state_files import make_folder
from hermes_profiles.events.log import event_log, read_events
from hermes_profiles.events.model import EventKind
from hermes_profiles.events.watch_service import WatchName, render_watch, watch_command, watch_name, watch_variables
from hermes_profiles.events.watch_state import LOG_FILE, watcher_pid
from hermes_profiles.gateways.processes import processes_of
from hermes_profiles.model.errors import Problem
from hermes_profiles.services.manager import Manager, ManagerError, ManagerKind, Service, ServiceStatus
from hermes_profiles.services.naming import WATCH_LABEL, WATCH_UNIT
from hermes_profiles.services.own_files import is_ours, own_content, plan_no_own_files, plan_own_files

from ..context import user_home
from ..fleet_context import FleetSession
from .own_service import OwnServiceResult, foreign_file

ON, OFF = ("watch", "on"), ("watch", "off")
_PROFILE = "watch"  # the key of the service in the answers of a manager
_UP_SECONDS, _POLL = 15.0, 0.1


@dataclass(frozen=True, kw_only=True)
class WatchResult(OwnServiceResult):
    """Whether a root is watched. `since`: epoch seconds of its start; `events`: in the log."""

    service: str
    path: Path
    log: Path
    is_on: bool = False
    pid: int | None = None
    since: float | None = None
    rss: int | None = None
    events: int = 0

    @property
    def is_working(self) -> bool:
        """Return false when it is on and no process watches."""
        return not self.is_on or self.pid is not None


class WatchSwitch:
    """The watcher of one root: turn it on or off, or report it."""

    def __init__(self, session: FleetSession, *, dry_run: bool = False) -> None:
        self._session = session
        self._dry_run = dry_run
        self._warnings: list[Problem] = []

    def on(self, *, force: bool) -> WatchResult:
        """Turn it on, or bring it up to date. Raises Refused or ManagerError before anything is written."""
        session, manager = self._session, self._session.require_manager()
        self._warnings += session.recover(dry_run=self._dry_run)
        service, content = _service(session, manager), _definition(session, manager)
        mode = 0o600 if manager.kind is ManagerKind.SUPERVISOR else 0o644
        plan = plan_own_files(ON, [(service.path, content)], mode=mode, force=force)
        if self._dry_run:
            return self._result("would-be-on" if plan is not None else "already-on", plan=plan)
        if manager.kind is not ManagerKind.SYSTEMD:  # the folder of its log
            make_folder(session.layout.events)
        change = apply(plan, layout=session.layout).change_id if plan is not None else None
        status = manager.query([service])[_PROFILE]
        is_current = plan is None and status.pid is not None and watcher_pid(session.layout) is not None
        problems = [] if is_current else _restart(session, manager, service, status)
        pid = _wait_until_up(session) if not problems else None
        if pid is None and not problems:
            tail = manager.journal_tail(service, 1)
            why = f": {tail[-1]}" if tail else ""
            problems = [Problem("not-watching", f"the watcher does not start{why}", service.name.unit, _SEE)]
        self._warnings += session.linger_warning(manager)
        return self._result("already-on" if is_current else "on", errors=problems, change=change)

    def off(self) -> WatchResult:
        """Turn it off and remove its file; the log of events stays. Raises ManagerError without a manager."""
        session = self._session
        self._warnings += session.recover(dry_run=self._dry_run)
        manager = session.due
        service = _service(session, manager)
        plan, foreign = plan_no_own_files(OFF, [service.path])
        self._warnings += map(foreign_file, foreign)
        if plan is None or self._dry_run:
            outcome = "already-off" if plan is None else "would-be-off"
            return self._result(outcome, plan=plan)
        manager = session.require_manager()
        refused = _stop(session, manager, service)
        change = apply(plan, layout=session.layout).change_id
        refused |= manager.unload([service])
        errors = [_refused(manager, service, why) for why in refused.values()]
        return self._result("off", errors=errors, change=change)

    def status(self) -> WatchResult:
        """Return whether it is on, and which process watches."""
        return self._result(None)

    def _result(
        self,
        outcome: str | None,
        *,
        plan: ChangePlan | None = None,
        errors: list[Problem] | None = None,
        change: str | None = None,
    ) -> WatchResult:
        session, manager = self._session, self._session.due
        service = _service(session, manager)
        pid = watcher_pid(session.layout)
        processes = processes_of(sys.platform)
        process = processes.find(pid) if pid is not None else None
        return WatchResult(
            manager=manager.kind,
            service=service.name.label if manager.kind is ManagerKind.LAUNCHD else service.name.unit,
            path=service.path,
            log=event_log(session.layout).path,
            is_on=is_watch_on(session),
            pid=pid,
            since=processes.epoch(process) if process is not None else None,
            rss=processes.usage(process).rss if process is not None else None,
            events=sum(1 for event in read_events(session.layout) if event.kind is not EventKind.REQUESTED),
            outcome=outcome,
            dry_run=self._dry_run and outcome is not None,
            plan=plan,
            change=change,
            warnings=tuple(dict.fromkeys(self._warnings)),
            errors=tuple(errors or ()),
        )


_SEE = "see what it prints with `hermes-gateways watch status`"


def is_watch_on(session: FleetSession) -> bool:
    """Return whether the watcher of the root is switched on: its definition is there. No manager is queried."""
    content = own_content(_service(session, session.due).path)
    return content is not None and is_ours(content)


def keep_watching(session: FleetSession) -> None:
    """Start the watcher again where it is on and its manager does not run it after a new start.

    Only the bundled supervisord starts nothing by itself. A failure of the watcher is no failure of a gateway.
    """
    if session.due.kind is not ManagerKind.SUPERVISOR or not is_watch_on(session):
        return
    try:
        manager = session.require_manager()
        service = _service(session, manager)
        if manager.query([service])[_PROFILE].pid is None:
            manager.start([service])
    except ManagerError:
        return


def _name(session: FleetSession) -> WatchName:
    root, home = (Path(os.path.realpath(path)) for path in (session.layout.root, user_home(session.environment)))
    return watch_name(root, home)


def _service(session: FleetSession, manager: Manager) -> Service:
    return manager.service(_name(session), _PROFILE)


def _definition(session: FleetSession, manager: Manager) -> bytes:
    root = Path(os.path.realpath(session.layout.root))
    return render_watch(
        manager.kind,
        _name(session),
        watch_command(sys.executable, root, manager.kind),
        watch_variables(session.environment),
        log=session.layout.events / LOG_FILE,
    )


def _restart(session: FleetSession, manager: Manager, service: Service, status: ServiceStatus) -> list[Problem]:
    """Load the definition and start it; an older process is stopped first."""
    refused = dict(manager.load([service], enable=True))
    if not refused and status.pid is not None:
        refused = _stop(session, manager, service)
    if not refused:
        refused = dict(manager.start([service]))
    return [_refused(manager, service, why) for why in refused.values()]


def _refused(manager: Manager, service: Service, why: str) -> Problem:
    return Problem("watch", f"{manager.kind} refuses: {why}", service.name.unit)


def _wait_until_up(session: FleetSession) -> int | None:
    """Return the pid of the watcher once it watches, None where it does not within some seconds."""
    deadline = time.monotonic() + _UP_SECONDS
    while (pid := watcher_pid(session.layout)) is None and time.monotonic() < deadline:
        time.sleep(_POLL)
    return pid


def _stop(session: FleetSession, manager: Manager, service: Service) -> dict[str, str]:
    """Stop the watcher, and wait until its manager has seen its end: it gives up its lock before that."""
    refused = dict(manager.stop([service]))
    deadline = time.monotonic() + _UP_SECONDS
    while (
        watcher_pid(session.layout) is not None or manager.query([service])[_PROFILE].pid is not None
    ) and time.monotonic() < deadline:
        time.sleep(_POLL)
    return refused


def is_watch_file(path: Path) -> bool:
    """Return whether a file has the name of a watcher's definition."""
    return path.name.startswith((WATCH_UNIT, WATCH_LABEL))


def follow_watch(session: FleetSession) -> list[Problem]:
    """Make the manager follow a definition that an undo wrote or removed. Raises ManagerError."""
    manager = session.require_manager()
    service = _service(session, manager)
    status = manager.query([service])[_PROFILE]
    if is_watch_on(session):
        return _restart(session, manager, service, status)
    refused = {**_stop(session, manager, service), **manager.unload([service])}
    return [_refused(manager, service, why) for why in refused.values()]
