"""Finds what else runs the gateway of a profile: a service beside it would start a second gateway."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind
from hermes_profiles.hermes.service_names import LAUNCH_AGENTS, LAUNCH_DAEMONS, SHARED_AGENTS, SYSTEM_UNITS
from hermes_profiles.model.errors import NotFound
from hermes_profiles.services.enabled_units import agents_of_home, units_of_home
from hermes_profiles.services.manager import ManagerKind
from hermes_profiles.services.naming import unit_folders

from ..fleet_context import FleetSession


def second_supervisor(session: FleetSession, profile: str, own: str) -> Outcome | None:
    """Return why a profile gets no service, None where nothing else runs its gateway.

    `own`: the name of its unit. An enabled unit of another name counts although it does not run now.
    """
    gateway = session.observe_cheaply((profile,))[profile]
    by = gateway.foreign_supervisor
    if by is not None:
        hint = f"{by.stop}, then install" if by.stop else None
        if by.unit:
            hint = f"hand over with `{by.disable_command}`, then install"
        return Outcome(profile, OutcomeKind.REFUSED, f"its gateway is supervised by {by.title}", gateway.pid, hint=hint)
    if (session.world.manager or session.due).kind is ManagerKind.LAUNCHD:
        return _enabled_agent(session, profile)
    home = session.layout.user_home
    system = Path(SYSTEM_UNITS)
    folders = (*unit_folders(home, session.environment), system)
    found = units_of_home(session.layout.home(profile), home, folders)
    unit = next((each for each in found if each.folder == system or each.name != f"{own}.service"), None)
    if unit is None:
        return None
    command = "sudo systemctl" if unit.folder == system else "systemctl --user"
    detail = f"the enabled unit {unit.name} is there to run its gateway"
    hint = f"disable it with `{command} disable --now {unit.name}`, or start it with `{command} start {unit.name}`"
    return Outcome(profile, OutcomeKind.REFUSED, detail, hint=hint)


def _enabled_agent(session: FleetSession, profile: str) -> Outcome | None:
    """Return why a profile gets no agent: launchd loads one of another label that runs its gateway."""
    home, daemons = session.layout.user_home, Path(LAUNCH_DAEMONS)
    folders = (home / LAUNCH_AGENTS, Path(SHARED_AGENTS), daemons)
    own = session.world.service_name(profile).label
    disabled = session.world.manager.disabled_jobs() if session.world.manager is not None else frozenset()
    agents = agents_of_home(session.layout.home(profile), home, folders, disabled)
    agent = next((each for each in agents if each.folder == daemons or each.name != own), None)
    if agent is None:
        return None
    sudo, domain = ("sudo ", "system") if agent.folder == daemons else ("", f"gui/{os.getuid()}")
    target = quote(f"{domain}/{agent.name}")
    detail = f"the agent {agent.name} in {agent.folder} is there to run its gateway"
    hint = f"hand over with `{sudo}launchctl bootout {target}; {sudo}launchctl disable {target}`, then install"
    return Outcome(profile, OutcomeKind.REFUSED, detail, hint=hint)


def with_unit_of_another_name(session: FleetSession, error: NotFound) -> NotFound:
    """Return the error of a start without a service, with the enabled unit of another name that runs the gateway.

    An installation beside that unit is refused, so the error must not name it as the way out.
    """
    name = error.problem.target
    if name is None or name not in session.existing:
        return error
    other = second_supervisor(session, name, session.world.service_name(name).unit)
    if other is None:
        return error
    return NotFound(f"{error.problem.message}: {other.detail}", target=name, code=error.problem.code, hint=other.hint)
