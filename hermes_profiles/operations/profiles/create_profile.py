"""Create a profile, empty or as a clone of another."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.deletion_marker import clear_marker
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.clone.report import CloneReport
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import check_existing_name, check_new_name
from hermes_profiles.profiles.alias import alias_obstacle, find_command, with_alias
from hermes_profiles.profiles.listing import folder_fault, profile_names, require
from hermes_profiles.profiles.placement import require_name_here

from ..apply import ChangeResult
from ..context import Session
from ..gateways.adopting_host import adopting_host
from .profile_warnings import no_alias_warning


class CreateRequest(NamedTuple):
    """What a caller asks of a new profile. `source`: the profile to clone, None for an empty one.

    `skills`: with skills; `alias`: make a command of its name; `command`: recorded in the journal.
    """

    name: str
    source: str | None = None
    scope: Scope = Scope.AGENT
    policy: ClonePolicy = ClonePolicy()
    description: str | None = None
    skills: bool = True
    alias: bool = True
    command: tuple[str, ...] = ("create",)


class PlannedProfile(NamedTuple):
    """The plan of a new profile. `report`: of a clone; `alias`: the path of its command, None for none."""

    name: str
    home: Path
    plan: ChangePlan
    report: CloneReport | None
    alias: Path | None
    warnings: tuple[Problem, ...]


class CreatedProfile(NamedTuple):
    """A new profile, or its dry run.

    `server`: the profile whose running gateway takes it in by itself, or None; `one_gateway`: the installed Hermes has
    one gateway for all profiles.
    """

    planned: PlannedProfile
    change: ChangeResult
    warnings: tuple[Problem, ...]
    server: str | None = None
    one_gateway: bool = False


def create_profile(
    session: Session,
    request: CreateRequest,
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> CreatedProfile:
    """Create a profile. `progress` gets the bytes copied and the total."""
    check_new_name(request.name)
    recovered = session.recover(dry_run=dry_run)
    planned = plan_profile(session, request)
    change = ChangeResult(planned.plan, dry_run)
    if not dry_run:
        change = change._replace(change=apply(planned.plan, layout=session.layout, progress=progress).change_id)
    host = adopting_host(session)
    if host is not None and not dry_run:
        host.rescan()
    server = host.profile if host is not None else None
    one_gateway = session.layout.installed().has(Behaviour.ONE_GATEWAY)
    return CreatedProfile(planned, change, (*recovered, *planned.warnings), server, one_gateway)


def plan_profile(session: Session, request: CreateRequest) -> PlannedProfile:
    """Return the plan of a new profile. Raises Refused when it exists, DocumentError for an unreadable source."""
    name = _check_is_free(session.layout, request.name)
    planned = _plan_fresh(session, request, name) if request.source is None else _plan_clone(session, request, name)
    return _with_alias(session, planned) if request.alias and session.layout.is_ours else planned


def check_can_clone(session: Session, request: CreateRequest) -> None:
    """Raise Refused when the new profile exists, NotFound without the source: what a plan raises, in no time."""
    _check_is_free(session.layout, request.name)
    require(session.layout, check_existing_name(request.source or ""))


def _check_is_free(layout: Layout, new: str) -> str:
    """Return a name that no profile has. Raises Refused, UsageProblem for one that is not valid."""
    name = check_new_name(new)
    home = layout.home(name)
    if os.path.lexists(home):
        raise Refused(f"{home} exists already", target=name, code="exists", hint=taken_hint(layout, name))
    require_name_here(layout, name)
    return name


def taken_hint(layout: Layout, name: str) -> str:
    """Return what to do about a folder that has the name of a new profile."""
    if layout.home(name).is_dir() and folder_fault(layout, name) is not None:
        return f"it is not a profile; move it to the trash with `hermes-profiles delete {name}`"
    if not os.path.exists(layout.home(name)):
        return f"choose another name; it is a link to nothing: `ls -l {quote(str(layout.home(name)))}`"
    return f"choose another name, or look at it with `hermes-profiles show {name}`"


def _plan_fresh(session: Session, request: CreateRequest, name: str) -> PlannedProfile:
    from hermes_profiles.profiles.create import build_fresh

    plan = build_fresh(
        session.layout, name, description=request.description, skills=request.skills, command=(*request.command, name)
    )
    return PlannedProfile(name, session.layout.home(name), plan, None, None, ())


def _plan_clone(session: Session, request: CreateRequest, name: str) -> PlannedProfile:
    from hermes_profiles.clone.plan import CloneContext, CloneRequest
    from hermes_profiles.profiles.plugin_channels import catalog_for
    from hermes_profiles.profiles.ports import declared_ports, default_ports, free_port

    from .plan_clone import plan_clone

    layout = session.layout
    source = check_existing_name(request.source or "")
    catalog = catalog_for(layout, session.environment, homes=(require(layout, source),))
    homes = [layout.home(other) for other in profile_names(layout)]
    context = CloneContext(
        layout=layout,
        environment=session.environment,
        catalog=catalog,
        pick_port=lambda: free_port(declared_ports(homes) | default_ports(catalog)),
        fresh_key=lambda: os.urandom(32).hex(),
    )
    clone = CloneRequest(
        source=source,
        name=name,
        scope=request.scope,
        policy=request.policy,
        description=request.description,
        skills=request.skills,
        command=(*request.command, source, name),
    )
    plan, report = plan_clone(clone, context)
    plan = replace(plan, steps=(*plan.steps, *clear_marker(layout, name)))
    return PlannedProfile(name, layout.home(name), plan, report, None, tuple(report.warnings))


def _with_alias(session: Session, planned: PlannedProfile) -> PlannedProfile:
    """Return the plan with the command of the profile's name, or with a warning why it gets none."""
    name, layout = planned.name, session.layout
    why = alias_obstacle(layout, name, name, session.environment)
    if why is not None:
        return planned._replace(warnings=(*planned.warnings, no_alias_warning(why, name)))
    plan = with_alias(planned.plan, layout, name, hermes=find_command("hermes", session.environment))
    return planned._replace(plan=plan, alias=layout.alias_folder / name)
