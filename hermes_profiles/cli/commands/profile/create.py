"""create: a new profile, empty or as a clone; with the options that `clone` has too."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.clone import created_data, report_lines
from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.model.errors import Result, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import check_new_name
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.profiles.create_profile import CreatedProfile, CreateRequest, create_profile

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
StrictShapes = Annotated[
    bool,
    typer.Option("--strict-shapes", help="Refuse the clone when anything in it looks like an identity."),
]
NoAlias = Annotated[bool, typer.Option("--no-alias", help="Create no alias command for the profile.")]
NoSkills = Annotated[bool, typer.Option("--no-skills", help="Create it without skills; Hermes adds none.")]
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


class CloneOptions(NamedTuple):
    """The options of `create` and `clone`."""

    clone_all: All = False
    exclude: Exclude = False
    strict_prefix: Strict = False
    clone_channels: CloneChannels = False
    keep: Keep = None
    drop: Drop = None
    no_api_server: NoApi = False
    skip_unreadable: Skip = False
    strict_shapes: StrictShapes = False
    no_alias: NoAlias = False
    no_skills: NoSkills = False
    description: Description = None

    def policy(self) -> ClonePolicy:
        """Return the clone policy. Raises UsageProblem for options that contradict each other."""
        if self.clone_channels and (self.exclude or self.strict_prefix):
            other = "--exclude-platform-credentials" if self.exclude else "--strict-prefix"
            raise UsageProblem(f"--clone-channels and {other} exclude each other", hint="use only one of the two")
        keep, drop = frozenset(self.keep or ()), frozenset(self.drop or ())
        if keep & drop:
            name = min(keep & drop)
            raise UsageProblem(f"{name} is named by --keep and by --drop", hint="use only one of the two")
        excluded = Channels.STRICT_PREFIX if self.strict_prefix else Channels.EXCLUDE
        mode = Channels.CLONE if self.clone_channels else excluded
        policy = ClonePolicy(mode, keep, drop, not self.no_api_server, self.skip_unreadable)
        return policy._replace(strict_shapes=self.strict_shapes)

    def request(self, name: str, source: str | None, policy: ClonePolicy, command: str) -> CreateRequest:
        """Return the request for the operation."""
        scope = Scope.ALL if self.clone_all else Scope.AGENT
        skills, alias = not self.no_skills, not self.no_alias
        return CreateRequest(name, source, scope, policy, self.description, skills, alias, (command,))


@command(
    "create",
    examples=(
        "hermes-profiles create work",
        "hermes-profiles create work --clone",
        'hermes-profiles create work --clone-from default --description "answers the team"',
        "hermes-profiles create work --clone-from default --clone-all --dry-run",
        "hermes-profiles create work --clone --keep SLACK_TEAM_ID --drop MY_OLD_TOKEN",
    ),
)
def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="Name of the new profile.")],
    options: CloneOptions,
    clone_it: Annotated[
        bool, typer.Option("--clone", help="Clone the profile in use: models, tools, skills, persona.")
    ] = False,
    clone_from: Annotated[str | None, typer.Option("--clone-from", metavar="SRC", help="Clone this profile.")] = None,
    dry_run: DryRun = False,
) -> Answer:
    """Create a profile, empty or as a clone. A clone never carries an identity."""
    policy = options.policy()
    check_new_name(name)
    source = clone_from
    if source is None and (clone_it or options.clone_all):
        source, why = session.chosen_profile()
        output.note(f"cloning {source} ({why})")
    return created_answer(session, options.request(name, source, policy, "create"), dry_run=dry_run)


def created_answer(session: Session, request: CreateRequest, *, dry_run: bool) -> Answer:
    """Create a profile and return the answer."""
    done = created_profile(session, request, dry_run=dry_run)
    data = created_data(done)
    return Answer(Result(request.command, data, warnings=list(done.warnings)), lambda: report_lines(data))


def created_profile(session: Session, request: CreateRequest, *, dry_run: bool) -> CreatedProfile:
    """Create a profile, with the progress of the copy."""
    progress = output.Progress(f"copying to {request.name}")
    try:
        return create_profile(session, request, dry_run=dry_run, progress=progress)
    finally:
        progress.end()
