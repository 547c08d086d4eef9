"""install, stage, uninstall and print: the files of services, and what the manager is told about them."""

from __future__ import annotations

import grp
import os
import shlex
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from hermes_profiles.changes.plan import describe
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.fleet_options import Except, Group, ManagerName, Names, Timeout
from hermes_profiles.cli.framework.options import DryRun, Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.fleet.attached_services import system_leftovers
from hermes_profiles.fleet.outcomes import Verb
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.service_specs import NONE, ServiceOptions
from hermes_profiles.fleet.uninstall import orphaned, uninstall_services
from hermes_profiles.model.errors import ExitCode, Result, UsageProblem
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.install_services import THERE, ServiceInstaller
from hermes_profiles.operations.run_fleet import SETTLE, FleetCommand, answer_of, outcome_table

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
    typer.Option("--force", help="Write over a file changed by hand or of another root; for a served profile, too."),
]


@examples(
    "hermes-gateways install --start",
    "hermes-gateways install work --memory 512M",
    "hermes-gateways install --dry-run",
)
def install(
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    start: Annotated[bool, typer.Option("--start", help="Start them, too.")] = False,
    enable: Annotated[
        bool | None,
        typer.Option(
            "--enable/--no-enable", help="Whether they start at boot or login (default: as it is; new ones do)."
        ),
    ] = None,
    memory: Memory = None,
    cpu: Cpu = None,
    env: Env = None,
    log_dir: LogFolder = None,
    boot_stagger: BootStagger = None,
    python: Python = None,
    timeout: Timeout = SETTLE,
    system: Annotated[
        bool, typer.Option("--system", help="Print the system unit and what an administrator runs; write nothing.")
    ] = False,
    force: ForceFiles = False,
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Write a service for every profile and load it; a second run changes nothing."""
    session = FleetSession(home, json, manager_option=manager)
    options = _options(memory, cpu, env, log_dir, python)._replace(enable=enable)
    writer = ServiceInstaller(session, options, boot_stagger, force=force)

    def body() -> Answer:
        if system and start:
            raise UsageProblem(
                "--system prints and starts nothing", target="--start", hint="leave out --start, or --system"
            )
        names = session.selection(profiles or (), excluded or (), group)
        if system:
            return _system_units(writer, names.profiles)
        session.recover(dry_run=dry_run)
        manager = session.require_manager()
        answer = writer.write("install", names.profiles, manager, named=names.named, load=True, dry_run=dry_run)
        ready = [row["profile"] for row in answer.result.data["outcomes"] if row["outcome"] in THERE]
        ready = [name for name in ready if name not in session.disabled]
        if not start or dry_run or not ready:
            return answer
        act = FleetCommand(session, Verb.START, RunOptions(settle=timeout), force=force)
        return _started(answer, act.over(Selection(tuple(ready), named=False)))

    run(("install",), session, body)


def _started(installed: Answer, started: Answer) -> Answer:
    """Return the answer of an installation followed by a start: one row for each profile."""
    rows = {row["profile"]: row for row in installed.result.data["outcomes"]}
    rows |= {row["profile"]: row for row in started.result.data["outcomes"]}
    data = {**installed.result.data, "outcomes": list(rows.values())}
    result = Result(
        ("install",),
        data,
        [*installed.result.warnings, *started.result.warnings],
        [*installed.result.errors, *started.result.errors],
        _graver(installed.result.exit_code, started.result.exit_code),
    )
    return Answer(result, lambda: outcome_table(data))


def _graver(*codes: ExitCode) -> ExitCode:
    """Return the exit code that tells of both: an interruption before a failure, a failure before a refusal."""
    order = (ExitCode.INTERRUPTED, ExitCode.FAILED, ExitCode.REFUSED)
    return next((code for code in order if code in codes), max(codes))


@examples(
    "hermes-gateways stage work",
    "hermes-gateways stage --dry-run",
)
def stage(
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    memory: Memory = None,
    cpu: Cpu = None,
    env: Env = None,
    log_dir: LogFolder = None,
    boot_stagger: BootStagger = None,
    python: Python = None,
    force: ForceFiles = False,
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Write the services' files and load nothing."""
    session = FleetSession(home, json, manager_option=manager)
    writer = ServiceInstaller(session, _options(memory, cpu, env, log_dir, python), boot_stagger, force=force)

    def body() -> Answer:
        names = session.selection(profiles or (), excluded or (), group)
        session.recover(dry_run=dry_run)
        manager = session.due
        return writer.write("stage", names.profiles, manager, named=names.named, load=False, dry_run=dry_run)

    run(("stage",), session, body)


@examples(
    "hermes-gateways uninstall work",
    "hermes-gateways uninstall",
)
def uninstall(
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Stop gateways and remove their services; the profiles stay. A profile that is gone can be named, too."""
    session = FleetSession(home, json, manager_option=manager)

    def body() -> Answer:
        given = profiles or ()
        orphans = orphaned(session.world, session.due, given)
        rest = [name for name in given if name not in orphans]
        chosen = session.selection(rest, excluded or (), group).profiles if rest or group or not orphans else ()
        names = (*chosen, *orphans)
        session.recover(dry_run=dry_run)
        session.require_manager()
        done = uninstall_services(session.world, names, session.catalog, dry_run=dry_run)
        left = [problem for name in names for problem in system_leftovers(session.world, name)]
        answer = answer_of("uninstall", done.outcomes, [*session.problems, *left], dry_run=dry_run)
        if dry_run:
            answer.result.data["plan"] = list(describe(done.plan)) if done.plan is not None else []
        elif done.change is not None:
            answer.result.data["change"] = done.change
        return answer

    run(("uninstall",), session, body)


@examples(
    "hermes-gateways print work",
    "hermes-gateways print work --manager launchd",
)
def print_service(
    profile: Annotated[str, typer.Argument(help="Name of the profile.")],
    memory: Memory = None,
    cpu: Cpu = None,
    env: Env = None,
    log_dir: LogFolder = None,
    python: Python = None,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Print the files of a profile's service, for any manager, on any platform."""
    session = FleetSession(home, json, manager_option=manager)
    writer = ServiceInstaller(session, _options(memory, cpu, env, log_dir, python))

    def body() -> Answer:
        (name,) = session.selection((profile,), (), None).profiles
        spec = writer.spec(name)
        files = session.due.definitions(spec)
        rows = [{"path": str(path), "mode": f"{mode:04o}", "text": text.decode()} for path, text, mode in files]
        data = {"profile": name, "files": rows}
        return Answer(Result(("print",), data, warnings=writer.unsupported(spec, session.due)), lambda: _printed(rows))

    run(("print",), session, body)


def _printed(rows: list[dict[str, str]]) -> Iterator[str]:
    for row in rows:
        yield f"# {row['path']}"
        yield from row["text"].splitlines()
        yield ""


def _options(
    memory: str | None, cpu: str | None, env: list[str] | None, log_folder: str | None, python: str | None
) -> ServiceOptions:
    return ServiceOptions(memory, cpu, tuple(env or ()), _path(log_folder), python=_path(python))


def _path(given: str | None) -> str | None:
    return given if given in (None, NONE) else os.path.abspath(os.path.expanduser(str(given)))


def _system_units(writer: ServiceInstaller, profiles: Sequence[str]) -> Answer:
    """Return the system units, and the commands that only an administrator can run."""
    from hermes_profiles.services.naming import drop_in, system_unit
    from hermes_profiles.services.systemd.render import render_drop_in, render_unit

    rows, commands = [], []
    for number, profile in enumerate(profiles):
        spec = writer.spec(profile, number)
        unit = system_unit(spec.name)
        base = render_unit(spec, system_user=(spec.account, _group()))
        rows.append({"path": str(unit), "mode": "0644", "text": base.decode()})
        rows.append({"path": str(drop_in(unit)), "mode": "0644", "text": render_drop_in(spec, base=base).decode()})
        commands.append(f"sudo systemctl enable --now {shlex.quote(unit.name)}")
    commands.insert(0, "sudo systemctl daemon-reload")
    data = {"files": rows, "commands": commands, "outcomes": []}

    def text() -> Iterator[str]:
        yield from _printed(rows)
        yield "# as an administrator, write the files above, then:"
        yield from commands

    return Answer(Result(("install",), data), text)


def _group() -> str:
    try:
        return grp.getgrgid(os.getgid()).gr_name
    except KeyError:  # a container's group without an entry
        return str(os.getgid())
