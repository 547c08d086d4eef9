"""create and clone: new profiles, with or without a source."""

from __future__ import annotations

import os
from typing import Annotated, Any, NamedTuple

import typer

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan, describe
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.options import DryRun, Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.cli.render.clone import no_alias_warning, report_lines
from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.model.errors import Problem, Refused, Result, UsageProblem
from hermes_profiles.model.names import check_existing_name, check_new_name
from hermes_profiles.operations.context import Session
from hermes_profiles.profiles.alias import alias_obstacle, find_command, with_alias
from hermes_profiles.profiles.listing import profile_names, require

Exclude = Annotated[
    bool,
    typer.Option("--exclude-platform-credentials", help="Leave every channel's identity behind (the default)."),
]
Strict = Annotated[
    bool, typer.Option("--strict-prefix", help="Leave behind every key with a channel's prefix, options too.")
]
CloneChannels = Annotated[
    bool,
    typer.Option(
        "--clone-channels",
        "--keep-platform-credentials",
        help="Copy the channels too; two gateways will fight over them.",
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option("--keep", metavar="KEY", help="Keep this key (or config path) all the same."),
]
Drop = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="KEY", help="Leave this key (or config path) behind too."),
]
NoApi = Annotated[bool, typer.Option("--no-api-server", help="Leave the API server off in the clone.")]
Skip = Annotated[
    bool,
    typer.Option("--skip-unreadable", help="Leave files behind that cannot be read, instead of stopping."),
]
NoAlias = Annotated[bool, typer.Option("--no-alias", help="Make no command that has the profile's name.")]
NoSkills = Annotated[bool, typer.Option("--no-skills", help="Make it without skills, and let Hermes add none.")]
Description = Annotated[
    str | None,
    typer.Option("--description", metavar="TEXT", help="What the profile is for, in a sentence or two."),
]
All = Annotated[
    bool,
    typer.Option(
        "--clone-all",
        "--all",
        help="Copy all files but those tied to the source's process or identity, not the agent's alone.",
    ),
]


class _CreateRequest(NamedTuple):
    """What the words of the command ask for."""

    name: str
    source: str | None
    scope: Scope
    policy: ClonePolicy
    description: str | None
    skills: bool
    alias: bool
    dry_run: bool
    command: tuple[str, ...]


@examples(
    "hermes-profiles create work",
    "hermes-profiles create work --clone",
    'hermes-profiles create work --clone-from default --description "answers the team"',
    "hermes-profiles create work --clone-from default --clone-all --dry-run",
    "hermes-profiles create work --clone --keep SLACK_TEAM_ID --drop MY_OLD_TOKEN",
)
def create(
    name: Annotated[str, typer.Argument(help="Name of the new profile.")],
    clone_it: Annotated[
        bool, typer.Option("--clone", help="Clone the profile in use: models, tools, skills, persona.")
    ] = False,
    clone_from: Annotated[str | None, typer.Option("--clone-from", metavar="SRC", help="Clone this profile.")] = None,
    clone_all: All = False,
    exclude: Exclude = False,
    strict_prefix: Strict = False,
    clone_channels: CloneChannels = False,
    keep: Keep = None,
    drop: Drop = None,
    no_api_server: NoApi = False,
    skip_unreadable: Skip = False,
    no_alias: NoAlias = False,
    no_skills: NoSkills = False,
    description: Description = None,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Make a profile, empty or as a clone. A clone never carries an identity."""
    session = Session(home, json)

    def body() -> Answer:
        policy = _policy(exclude, strict_prefix, clone_channels, keep, drop, not no_api_server, skip_unreadable)
        check_new_name(name)
        source = clone_from
        if source is None and (clone_it or clone_all):
            source, why = session.chosen_profile()
            output.note(f"cloning {source} ({why})")
        scope = Scope.ALL if clone_all else Scope.AGENT
        return _make(
            session,
            _CreateRequest(name, source, scope, policy, description, not no_skills, not no_alias, dry_run, ("create",)),
        )

    run(("create",), session, body)


@examples(
    "hermes-profiles clone default work",
    "hermes-profiles clone default work --dry-run",
    "hermes-profiles clone work night --clone-all --no-api-server",
    "hermes-profiles clone default twin --clone-channels",
)
def clone(
    source: Annotated[str, typer.Argument(metavar="SRC", help="Profile to clone.")],
    name: Annotated[str, typer.Argument(help="Name of the new profile.")],
    clone_all: All = False,
    exclude: Exclude = False,
    strict_prefix: Strict = False,
    clone_channels: CloneChannels = False,
    keep: Keep = None,
    drop: Drop = None,
    no_api_server: NoApi = False,
    skip_unreadable: Skip = False,
    no_alias: NoAlias = False,
    no_skills: NoSkills = False,
    description: Description = None,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Clone a profile: models, tools, skills and persona; never a bot, an account or a device."""
    session = Session(home, json)

    def body() -> Answer:
        policy = _policy(exclude, strict_prefix, clone_channels, keep, drop, not no_api_server, skip_unreadable)
        scope = Scope.ALL if clone_all else Scope.AGENT
        return _make(
            session,
            _CreateRequest(name, source, scope, policy, description, not no_skills, not no_alias, dry_run, ("clone",)),
        )

    run(("clone",), session, body)


def _policy(
    exclude: bool,
    strict: bool,
    channels: bool,
    keep: list[str] | None,
    drop: list[str] | None,
    api_server: bool,
    skip: bool,
) -> ClonePolicy:
    if channels and (exclude or strict):
        other = "--exclude-platform-credentials" if exclude else "--strict-prefix"
        raise UsageProblem(f"--clone-channels and {other} exclude each other", hint="say only one of the two")
    both = set(keep or ()) & set(drop or ())
    if both:
        raise UsageProblem(f"{sorted(both)[0]} is named by --keep and by --drop", hint="say only one of the two")
    mode = Channels.CLONE if channels else Channels.STRICT_PREFIX if strict else Channels.EXCLUDE
    return ClonePolicy(mode, frozenset(keep or ()), frozenset(drop or ()), api_server, skip)


def _make(session: Session, wish: _CreateRequest) -> Answer:
    layout = session.layout
    name = check_new_name(wish.name)
    target = layout.home(name)
    recovered = session.recover(dry_run=wish.dry_run)
    if os.path.lexists(target):
        raise Refused(
            f"{target} exists already",
            target=name,
            code="exists",
            hint=f"choose another name, or look at it with `hermes-profiles show {name}`",
        )
    if wish.source is None:
        plan, data, warnings = _fresh(session, wish, name)
    else:
        plan, data, warnings = _clone(session, wish, name)
    plan = _with_alias(session, wish, name, plan, data, warnings)
    if wish.dry_run:
        data["plan"] = list(describe(plan))
    else:
        progress = output.Progress(f"copying to {name}")
        try:
            applied = apply(plan, layout=layout, progress=progress)
        finally:
            progress.end()
        data["change"] = applied.change_id
    warnings[:0] = recovered
    return Answer(Result(wish.command, data, warnings=warnings), lambda: report_lines(data))


def _fresh(session: Session, wish: _CreateRequest, name: str) -> tuple[ChangePlan, dict[str, Any], list[Problem]]:
    from hermes_profiles.profiles.create import build_fresh

    plan = build_fresh(
        session.layout, name, description=wish.description, skills=wish.skills, command=(*wish.command, name)
    )
    data = _empty_data(name, str(session.layout.home(name)), dry_run=wish.dry_run)
    data["next_steps"] = [
        f"choose a model: hermes -p {name} model",
        f"set up a channel: hermes -p {name} gateway setup",
        f"have its gateway run, now and at boot: hermes-gateways install {name} --start",
    ]
    return plan, data, []


def _empty_data(name: str, path: str, *, dry_run: bool) -> dict[str, Any]:
    return {
        "profile": name,
        "source": None,
        "path": path,
        "dry_run": dry_run,
        "env": {"kept": [], "removed": [], "assigned": [], "masked": []},
        "config": {"removed": [], "disabled": []},
        "files": {"copied": 0, "left_behind": [], "redacted": []},
        "login_again": [],
        "next_steps": [],
        "alias": None,
    }


def _clone(session: Session, wish: _CreateRequest, name: str) -> tuple[ChangePlan, dict[str, Any], list[Problem]]:
    from hermes_profiles.clone.plan import CloneContext, CloneRequest
    from hermes_profiles.operations.plan_clone import plan_clone
    from hermes_profiles.profiles.plugin_channels import catalog_for
    from hermes_profiles.profiles.ports import declared_ports, default_ports, free_port

    layout = session.layout
    source = check_existing_name(wish.source or "")
    source_home = require(layout, source)
    catalog = catalog_for(layout, session.environment, homes=(source_home,))
    homes = [layout.home(other) for other in profile_names(layout)]
    world = CloneContext(
        layout=layout,
        environment=session.environment,
        catalog=catalog,
        pick_port=lambda: free_port(declared_ports(homes) | default_ports(catalog)),
        fresh_key=lambda: os.urandom(32).hex(),
    )
    request = CloneRequest(
        source=source,
        name=name,
        scope=wish.scope,
        policy=wish.policy,
        description=wish.description,
        skills=wish.skills,
        command=(*wish.command, source, name),
    )
    plan, report = plan_clone(request, world)
    return plan, report.as_data(dry_run=wish.dry_run), report.warnings


def _with_alias(
    session: Session, wish: _CreateRequest, name: str, plan: ChangePlan, data: dict[str, Any], warnings: list[Problem]
) -> ChangePlan:
    if not wish.alias:
        return plan
    why = alias_obstacle(session.layout, name, name, session.environment)
    if why is not None:
        warnings.append(no_alias_warning(why, name))
        return plan
    data["alias"] = str(session.layout.alias_folder / name)
    return with_alias(plan, session.layout, name, hermes=find_command("hermes", session.environment))
