"""install, stage, uninstall and print: the services of gateways."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun, Targets, Timeout, Yes
from hermes_profiles.cli.framework.prose import Block, Verbatim
from hermes_profiles.cli.framework.run import Answer, require_yes
from hermes_profiles.cli.render.outcomes import fleet_answer
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind
from hermes_profiles.fleet.protocols import SETTLE
from hermes_profiles.fleet.service_specs import NONE, ServiceOptions
from hermes_profiles.model.errors import Result, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.text import first_names
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways import install_services as installing
from hermes_profiles.operations.gateways.install_services import (
    InstallRequest,
    ServiceFile,
    SystemUnits,
    service_files,
    system_units,
)

from .start_stop import confirm_whole

# So many profiles are named in a question.
_NAMED = 4

Memory = Annotated[str | None, typer.Option("--memory", metavar="SIZE", help="Memory limit, such as 512M (systemd).")]
Cpu = Annotated[str | None, typer.Option("--cpu", metavar="PERCENT", help="CPU limit, 100% is one core (systemd).")]
Env = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="NAME[=VALUE]",
        help="One more variable for the gateway; without a value it is taken "
        "over from the manager. No secrets: they belong in `.env`.",
    ),
]
LogFolder = Annotated[
    str | None, typer.Option("--log-dir", metavar="PATH", help="Folder for output where there is no journal.")
]
Python = Annotated[
    str | None, typer.Option("--python", metavar="PATH", help="The Python that runs Hermes, when it is not found.")
]
BootStagger = Annotated[
    float | None,
    typer.Option("--boot-stagger", min=0, metavar="SECONDS", help="Seconds between two gateways at boot or login."),
]
ForceFiles = Annotated[
    bool,
    typer.Option("--force", help="Overwrite a file changed by hand or of another root; also for a served profile."),
]


class ServiceSettings(NamedTuple):
    """The options that a service keeps."""

    memory: Memory = None
    cpu: Cpu = None
    env: Env = None
    log_dir: LogFolder = None
    python: Python = None

    def options(self) -> ServiceOptions:
        """Return the options for the operation, with absolute paths."""
        env = tuple(self.env or ())
        return ServiceOptions(self.memory, self.cpu, env, _path(self.log_dir), python=_path(self.python))


@command(
    "install",
    examples=(
        "hermes-gateways install --start",
        "hermes-gateways install work --memory 512M",
        "hermes-gateways install --dry-run",
    ),
    manager=True,
)
def install(
    session: FleetSession,
    targets: Targets,
    service: ServiceSettings,
    start: Annotated[bool, typer.Option("--start", help="Also start them.")] = False,
    enable: Annotated[
        bool | None,
        typer.Option(
            "--enable/--no-enable", help="Whether they start at boot or login (default: as it is; new ones do)."
        ),
    ] = None,
    boot_stagger: BootStagger = None,
    timeout: Timeout = SETTLE,
    system: Annotated[
        bool, typer.Option("--system", help="Print the system unit and what an administrator runs; write nothing.")
    ] = False,
    force: ForceFiles = False,
    dry_run: DryRun = False,
) -> Answer:
    """Write the service of every gateway and load it; a second run changes nothing.

    Where one gateway serves all profiles (Hermes 0.21.4 and later), that is one service. A named profile gets its own
    there only with `gateway.standalone`.
    """
    options = service.options()._replace(enable=enable)
    request = InstallRequest(options, boot_stagger, force, start, timeout, dry_run)
    if system and start:
        raise UsageProblem(
            "--system prints and starts nothing", target="--start", hint="leave out --start, or --system"
        )
    selection = targets.selected(session)
    if system:
        return _system_answer(system_units(session, request, selection.profiles))
    return fleet_answer("install", installing.install(session, request, selection), with_plan=True)


@command("stage", examples=("hermes-gateways stage work", "hermes-gateways stage --dry-run"), manager=True)
def stage(
    session: FleetSession,
    targets: Targets,
    service: ServiceSettings,
    boot_stagger: BootStagger = None,
    force: ForceFiles = False,
    dry_run: DryRun = False,
) -> Answer:
    """Write the services' files and load nothing."""
    options = service.options()
    request = InstallRequest(options, boot_stagger, force, dry_run=dry_run)
    selection = targets.selected(session)
    return fleet_answer("stage", installing.stage(session, request, selection), with_plan=True)


@command(
    "uninstall",
    examples=("hermes-gateways uninstall work", "hermes-gateways uninstall --yes"),
    manager=True,
)
def uninstall(
    session: FleetSession,
    targets: Targets,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Answer:
    """Stop gateways and remove their services; the profiles stay. Also takes names of deleted profiles.

    Without names it asks first, or wants `--yes`. `hermes-profiles undo` brings the services back and starts the
    gateways that ran.

    Where one gateway serves all profiles (Hermes 0.21.4 and later), it asks when that gateway also serves profiles that
    were not named.
    """
    confirm = None if yes else confirm_whole
    chosen = (targets.profiles or (), targets.excluded or (), targets.group)
    if not (targets.profiles or targets.group or yes or dry_run):
        _confirm_all(installing.uninstall(session.fresh(), *chosen, dry_run=True).outcomes)
    result = installing.uninstall(session, *chosen, dry_run=dry_run, confirm=confirm)
    return fleet_answer("uninstall", result, with_plan=True)


def _confirm_all(planned: Sequence[Outcome]) -> None:
    """Ask before the services of all profiles are removed. Raises Refused; without any service nothing is asked."""
    names = [each.profile for each in planned if each.outcome is OutcomeKind.SKIPPED]
    if names:
        services = "the service" if len(names) == 1 else f"the {len(names)} services"
        question = f"stop and remove {services} of {first_names(names, _NAMED)}"
        hint = "use `hermes-gateways uninstall --yes`, or name the profiles"
        require_yes(question, "yes", yes=False, hint=hint)


@command("print", examples=("hermes-gateways print work", "hermes-gateways print work --manager launchd"), manager=True)
def print_service(
    session: FleetSession,
    profile: Annotated[str, typer.Argument(help="Name of the profile.")],
    service: ServiceSettings,
) -> Answer:
    """Print the files of a profile's service, for any manager, on any platform."""
    (name,) = session.selection((profile,), (), None).profiles
    found = service_files(session, name, service.options())
    rows = _rows(found.files)
    result = Result(("print",), {"profile": name, "files": rows}, warnings=list(found.unsupported))
    return Answer(result, lambda: _file_lines(rows))


def _rows(files: Sequence[ServiceFile]) -> list[dict[str, str]]:
    return [{"path": str(path), "mode": f"{mode:04o}", "text": content.decode()} for path, content, mode in files]


def _file_lines(rows: Sequence[Mapping[str, str]]) -> Iterator[Block]:
    for row in rows:
        yield Verbatim(f"# {row['path']}")
        yield from map(Verbatim, row["text"].splitlines())
        yield ""


def _path(given: str | None) -> str | None:
    return given if given in (None, NONE) else os.path.abspath(os.path.expanduser(str(given)))


def _system_answer(system: SystemUnits) -> Answer:
    """Return the system units, and the commands that only an administrator can run."""
    rows = _rows(system.files)
    enable = [f"sudo systemctl enable --now {shlex.quote(unit)}" for unit in system.units]
    commands = ["sudo systemctl daemon-reload", *enable]

    def text() -> Iterator[Block]:
        yield from _file_lines(rows)
        yield "# as an administrator, write the files above, then:"
        yield from map(Verbatim, commands)

    return Answer(Result(("install",), {"files": rows, "commands": commands, "outcomes": []}), text)
