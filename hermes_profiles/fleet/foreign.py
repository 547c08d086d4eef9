"""What a command does with a gateway that another supervisor runs: stop it through that one, or refuse."""

from __future__ import annotations

from collections.abc import Sequence

from hermes_profiles.gateways.model import Gateway, Supervisor
from hermes_profiles.services.manager import ManagerKind

from .outcomes import Outcome, OutcomeKind, Verb

# Seconds to look for a gateway that is started again after its end: by a known supervisor, by an unknown parent, by a
# user's shell.
_LOOK_KNOWN, _LOOK_UNKNOWN, _LOOK_SHELL = 3.0, 10.0, 1.0


def unit_to_stop(gateway: Gateway) -> str:
    """Return the unit of the manager that runs a gateway and can be stopped, "" without one."""
    by = gateway.foreign_supervisor
    if by is None:
        return ""
    kind = gateway.observation.manager if gateway.observation is not None else None
    return by.program or (by.unit if by.is_user_unit and kind is not ManagerKind.SUPERVISOR else "")


def also_stopped(gateway: Gateway) -> tuple[str, ...]:
    """Return the profiles, or else `PID n`, whose gateways end when the unit is stopped that runs a gateway."""
    by = gateway.foreign_supervisor
    return by.also_runs if by is not None and unit_to_stop(gateway) else ()


def refusal(verb: Verb, gateway: Gateway) -> Outcome | None:
    """Return why a gateway cannot be stopped or restarted here, None where it can.

    Its supervisor would start it again.
    """
    by = gateway.foreign_supervisor
    if verb is Verb.START or by is None or not by.revives:
        return None
    unit = unit_to_stop(gateway)
    if unit and verb is Verb.STOP:
        return None
    detail = f"supervised by {by.title}, not by its own service"
    hint = f"restart it with `{by.restart_command}`" if unit and not by.program else by.stop
    return Outcome(gateway.profile, OutcomeKind.REFUSED, detail, gateway.pid, hint=hint)


def started_by_others(gateway: Gateway, unit: str, starters: Sequence[str]) -> Outcome | None:
    """Return the refusal to stop a unit that other units, such as a timer, start again; None without them."""
    if not starters:
        return None
    detail = f"supervised by {unit}, which {', '.join(starters)} starts again"
    hint = f"stop them together with `systemctl --user stop {' '.join((*starters, unit))}`"
    return Outcome(gateway.profile, OutcomeKind.REFUSED, detail, gateway.pid, hint=hint)


def seconds_to_look(verb: Verb, gateway: Gateway) -> float:
    """Return how long to look for another start after a stop, 0 where its own service ran the gateway."""
    if gateway.process is None or gateway.is_under_service:
        return 0.0
    by = gateway.foreign_supervisor
    if by is not None:
        return _LOOK_KNOWN if by.revives else _LOOK_UNKNOWN
    return _LOOK_SHELL if verb is Verb.STOP else 0.0


def started_again(pid: int | None, by: Supervisor | None) -> str:
    """Return the failure of a stop after which the gateway was started again."""
    title = by.title if by is not None else "another process"
    return f"it was stopped, and {title} started it again (PID {pid})"
