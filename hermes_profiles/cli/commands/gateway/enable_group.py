"""enable, disable, group and reset: what is kept with a profile, and the hard way to a clean start."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import Annotated, Any

import typer

from hermes_profiles.changes.plan import describe
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun, Targets, Timeout
from hermes_profiles.cli.framework.pick import is_user_there, pick_profile
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.framework.table import Column, Table
from hermes_profiles.cli.render.outcomes import fleet_answer, run_answer
from hermes_profiles.fleet.protocols import SETTLE
from hermes_profiles.model.errors import Result, UsageProblem
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.enable_profiles import change_group, enable_profiles, list_groups
from hermes_profiles.operations.gateways.reset_gateways import reset_gateways


@command("enable", examples=("hermes-gateways enable night",), manager=True)
def enable(
    session: FleetSession,
    profiles: Annotated[list[str], typer.Argument(metavar="PROFILE...", help="Profiles to enable.")],
    dry_run: DryRun = False,
) -> Answer:
    """Include profiles in fleet commands again, and start them at boot or login."""
    return _switch(session, profiles, enabled=True, now=False, dry_run=dry_run)


@command("disable", examples=("hermes-gateways disable night", "hermes-gateways disable night --now"), manager=True)
def disable(
    session: FleetSession,
    profiles: Annotated[list[str], typer.Argument(metavar="PROFILE...", help="Profiles to disable.")],
    now: Annotated[bool, typer.Option("--now", help="Also stop their gateways.")] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Exclude profiles from fleet commands without deleting them; they do not start at boot."""
    return _switch(session, profiles, enabled=False, now=now, dry_run=dry_run)


def _switch(session: FleetSession, names: Sequence[str], *, enabled: bool, now: bool, dry_run: bool) -> Answer:
    done = enable_profiles(session, names, enabled=enabled, stop=now, dry_run=dry_run)
    if done.stop_failed:
        return run_answer("stop", done.result)
    return fleet_answer("enable" if enabled else "disable", done.result, with_plan=True)


@command(
    "group",
    examples=(
        "hermes-gateways group",
        "hermes-gateways group family mum dad kid",
        "hermes-gateways group family --remove kid",
        "hermes-gateways start --group family",
    ),
)
def group(
    session: FleetSession,
    name: Annotated[str | None, typer.Argument(metavar="[GROUP]", help="Name of the group (default: all).")] = None,
    profiles: Annotated[list[str] | None, typer.Argument(metavar="[PROFILE]...", help="Profiles to put in.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="PROFILE", help="Take this profile out.")
    ] = None,
    dry_run: DryRun = False,
) -> Answer:
    """Put profiles into a group for `--group`; without profiles, show its members; alone, list the groups."""
    if name is None:
        if remove:
            hint = "use `hermes-gateways group GROUP --remove PROFILE`"
            raise UsageProblem("`--remove` needs the group", target="--remove", hint=hint)
        return _groups(session)
    changed = change_group(session, name, profiles or (), remove or (), dry_run=dry_run)
    data: dict[str, Any] = {"group": name, "profiles": list(changed.profiles), "dry_run": dry_run}
    if changed.plan is not None:
        data["plan"] = list(describe(changed.plan))
    if changed.change is not None:
        data["change"] = changed.change
    line = f"{name}: {', '.join(changed.profiles)}"
    if not changed.profiles:
        line = f"no profile is in the group {name}; add one with `hermes-gateways group {quote(name)} PROFILE`"
    return Answer(Result(("group",), data), lambda: [line])


def _groups(session: FleetSession) -> Answer:
    found = list_groups(session)
    data = {"groups": [{"group": name, "profiles": list(profiles)} for name, profiles in found.items()]}

    def text() -> list[Block]:
        if not found:
            return ["no groups; make one with `hermes-gateways group NAME PROFILE...`"]
        rows = [(name, str(len(profiles)), ", ".join(profiles)) for name, profiles in found.items()]
        return [Table((Column("group"), Column("size", rank=1), Column("profiles", fewest=12)), rows)]

    return Answer(Result(("group",), data), text)


@command("reset", examples=("hermes-gateways reset work", "hermes-gateways reset work --dry-run"), manager=True)
def reset(
    session: FleetSession,
    targets: Targets,
    timeout: Timeout = SETTLE,
    dry_run: DryRun = False,
) -> Answer:
    """Recover a stuck gateway: unload its service, end the old process, clear stale files, start again.

    The old process must be proved gone before its pid and lock files are removed.
    """
    if not targets.profiles and targets.group is None and not session.as_json and is_user_there():
        chosen = pick_profile(session.existing)
        targets = targets._replace(profiles=[chosen] if chosen is not None else None)
    if not targets.profiles and targets.group is None:
        raise UsageProblem("no profile named", target="reset", hint="name one: `hermes-gateways reset PROFILE`")
    selection = targets.selected(session)
    return fleet_answer("reset", reset_gateways(session, selection, settle=timeout, dry_run=dry_run))
