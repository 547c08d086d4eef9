"""Causes of a start and of an end: who asked for it, from what the manager, Hermes and our commands left. Pure."""

from __future__ import annotations

from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.hermes.exit_codes import FATAL_CONFIGURATION, RESTART_ME
from hermes_profiles.services.manager import Activity

from .model import EventCause
from .snapshot import SIGNALLED, STARTS, Request, SeenGateway

# A change of profiles by `hermes-profiles`, such as `delete`, also stops gateways.
PROFILES = "hermes-profiles"
STOPS = frozenset({PROFILES, "stop", "restart", "uninstall", "delete", "rename", "run-mode"})
# services/supervisor/manager.py
LEFT_BEHIND = "was started again without it"
# Signals that end a program because of its own fault: ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS.
_OWN_FAULTS = frozenset({4, 5, 6, 7, 8, 11, 31})
# The manager's terms for an end by the kernel or by a limit of its own.
_BY_SYSTEM = frozenset({"oom-kill", "signal", "core-dump", "watchdog", "timeout"})


def cause_of_end(before: SeenGateway, after: SeenGateway, request: Request | None) -> EventCause:
    """Return the cause of the end of the process of `before`."""
    if request is not None and request.verb in STOPS:
        return EventCause.COMMAND
    code = after.last_exit
    if code is not None and (code < 0 or code in (RESTART_ME, FATAL_CONFIGURATION)):
        return cause_of_exit(code)
    if after.trouble in _BY_SYSTEM:
        return EventCause.SIGNAL
    recorded = after.ended if after.ended_pid is not None and after.ended_pid == before.pid else ""
    if recorded == "startup_failed":
        return EventCause.CRASH
    if recorded in ("stopped", SIGNALLED):
        return _of_recorded_stop(after, code)
    if code is None:
        # Without a service a stale pid file is all that is left of a process that had no time to record its end.
        return EventCause.CRASH if after.state == GatewayState.STALE else EventCause.UNKNOWN
    return cause_of_exit(code)


def cause_of_exit(code: int | None) -> EventCause:
    """Return the cause of an end of which nothing but the exit code is known."""
    if code is not None and code < 0:
        return EventCause.CRASH if -code in _OWN_FAULTS else EventCause.SIGNAL
    if code in (RESTART_ME, FATAL_CONFIGURATION):
        return EventCause.HERMES
    return EventCause.CRASH if code else EventCause.UNKNOWN


def _of_recorded_stop(after: SeenGateway, code: int | None) -> EventCause:
    """Return who asked for a stop that Hermes recorded: exit 0 is planned, exit 1 a SIGTERM without notice."""
    if code == 0:
        return EventCause.HERMES
    is_at_rest = after.activity in (Activity.INACTIVE, Activity.DEACTIVATING) and not after.waiting
    is_stopped_by_manager = is_at_rest and not is_left_behind(after)
    return EventCause.MANAGER if is_stopped_by_manager else EventCause.SIGNAL


def is_left_behind(gateway: SeenGateway) -> bool:
    """Return whether a manager that was killed is back without a gateway that it ran: it has not stopped it."""
    return gateway.state == GatewayState.FAILED and LEFT_BEHIND in gateway.detail


def cause_of_start(before: SeenGateway, after: SeenGateway, request: Request | None) -> EventCause:
    """Return the cause of the start of the process of `after`."""
    is_same = before.pid is not None and before.pid == after.pid
    if is_same and before.state != GatewayState.STARTING:  # it recovered by itself, or was continued by a signal
        return EventCause.SIGNAL if before.is_frozen else EventCause.HERMES
    if request is not None and request.verb in STARTS:
        return EventCause.COMMAND
    if after.state == GatewayState.SERVED or after.activity in (Activity.ACTIVE, Activity.ACTIVATING):
        return EventCause.MANAGER
    return EventCause.UNKNOWN
