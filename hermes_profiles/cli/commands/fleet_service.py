"""install, stage, uninstall and print: the files of services, and what the manager is told about them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan, describe
from hermes_profiles.changes.runtime import make_folder
from hermes_profiles.cli import output
from hermes_profiles.cli.commands.fleet_run import SETTLE, Act, answer_of
from hermes_profiles.cli.examples import examples
from hermes_profiles.cli.fleet_options import Except, Group, ManagerName, Names, Timeout
from hermes_profiles.cli.fleet_session import FleetSession
from hermes_profiles.cli.options import DryRun, Home, Json
from hermes_profiles.cli.session import Answer, run
from hermes_profiles.fleet.actions import Pace
from hermes_profiles.fleet.install import Installation, log_folders, plan_installation, plan_writing
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.overlay import managed_folder
from hermes_profiles.fleet.program import find_installation, program_for
from hermes_profiles.fleet.specs import NONE, ServiceOptions, build_spec, to_keep
from hermes_profiles.fleet.uninstall import uninstall_services
from hermes_profiles.model.result import Problem, Result
from hermes_profiles.profiles.meta import plan_meta
from hermes_profiles.services.managers.base import Manager, Service
from hermes_profiles.services.spec import ServiceSpec

Memory = Annotated[str | None, typer.Option("--memory", metavar="SIZE", help="Memory limit, such as 512M (systemd).")]
Cpu = Annotated[str | None, typer.Option("--cpu", metavar="PERCENT", help="CPU limit, 100% is one core (systemd).")]
Env = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME[=VALUE]", help="One more variable for the gateway; without a value it is taken "
                 "over from the manager. No secrets: they belong into `.env`."),
]  # fmt: skip
LogFolder = Annotated[
    str | None, typer.Option("--log-dir", metavar="PATH", help="Folder for output where there is no journal.")
]
Python = Annotated[str | None, typer.Option("--python", metavar="PATH", help="Hermes' Python, when it is not found.")]
BootStagger = Annotated[
    float | None,
    typer.Option("--boot-stagger", min=0, metavar="SECONDS", help="Seconds between two gateways at boot or login."),
]
ForceFiles = Annotated[
    bool, typer.Option("--force", help="Write over a file changed by hand or of another root; serve a served profile.")
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
    enable: Annotated[bool, typer.Option("--enable/--no-enable", help="Whether they start at boot or login.")] = True,
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
    writer = Writer(session, _options(memory, cpu, env, log_dir), python, boot_stagger, force=force)

    def body() -> Answer:
        names = session.selection(profiles or (), excluded or (), group)
        if system:
            return _system_units(writer, names.profiles)
        session.recover(dry_run=dry_run)
        answer = writer.write("install", names.profiles, named=names.named, load=True, enable=enable, dry_run=dry_run)
        ready = [row["profile"] for row in answer.result.data["outcomes"] if row["outcome"] in _THERE]
        if not start or dry_run or not ready:
            return answer
        return _started(session, answer, ready, timeout)

    run(("install",), session, body)


_THERE = (str(OutcomeKind.INSTALLED), str(OutcomeKind.ALREADY_INSTALLED))


def _started(session: FleetSession, installed: Answer, ready: Sequence[str], timeout: float) -> Answer:
    """Return the answer of an installation followed by a start: one row for each profile."""
    started = Act(session, Verb.START, Pace(settle=timeout)).on(ready, (), None)
    rows = {row["profile"]: row for row in installed.result.data["outcomes"]}
    rows |= {row["profile"]: row for row in started.result.data["outcomes"]}
    data = {**installed.result.data, "outcomes": list(rows.values())}
    result = Result(
        ("install",), data, [*installed.result.warnings, *started.result.warnings],
        [*installed.result.errors, *started.result.errors],
        max(installed.result.exit_code, started.result.exit_code),
    )  # fmt: skip
    return Answer(result, lambda: _rows(list(rows.values())))


def _rows(rows: list[dict[str, Any]]) -> Iterator[str]:
    cells = [(row["profile"], row["outcome"], str(row["pid"] or "-"), row["detail"] or "-") for row in rows]
    yield from output.table(("profile", "outcome", "pid", "detail"), cells)


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
    writer = Writer(session, _options(memory, cpu, env, log_dir), python, boot_stagger, force=force)

    def body() -> Answer:
        names = session.selection(profiles or (), excluded or (), group)
        session.recover(dry_run=dry_run)
        return writer.write("stage", names.profiles, named=names.named, load=False, enable=None, dry_run=dry_run)

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
    """Stop gateways and remove their services; the profiles stay."""
    session = FleetSession(home, json, manager_option=manager)

    def body() -> Answer:
        names = session.selection(profiles or (), excluded or (), group)
        session.recover(dry_run=dry_run)
        session.require_manager()
        outcomes, plan = uninstall_services(session.world, names.profiles, session.catalog, dry_run=dry_run)
        answer = answer_of("uninstall", outcomes, session.problems, dry_run=dry_run)
        if plan is not None and dry_run:
            answer.result.data["plan"] = list(describe(plan))
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
    writer = Writer(session, _options(memory, cpu, env, log_dir), python, None)

    def body() -> Answer:
        (name,) = session.selection((profile,), (), None).profiles
        spec = writer.spec(name, 0)
        files = writer.manager(offline=True).definitions(spec)
        rows = [{"path": str(path), "mode": f"{mode:04o}", "text": text.decode()} for path, text, mode in files]
        data = {"profile": name, "files": rows}
        return Answer(Result(("print",), data, warnings=writer.warnings(spec)), lambda: _printed(rows))

    run(("print",), session, body)


def _printed(rows: list[dict[str, str]]) -> Iterator[str]:
    for row in rows:
        yield f"# {row['path']}"
        yield from row["text"].splitlines()
        yield ""


def _options(memory: str | None, cpu: str | None, env: list[str] | None, log_folder: str | None) -> ServiceOptions:
    folder = log_folder if log_folder in (None, NONE) else os.path.abspath(os.path.expanduser(str(log_folder)))
    return ServiceOptions(memory, cpu, tuple(env or ()), folder)


class Writer:
    """Writes the services of profiles."""

    def __init__(
        self, session: FleetSession, options: ServiceOptions, python: str | None, boot_stagger: float | None,
        *, force: bool = False,
    ) -> None:  # fmt: skip
        self._session = session
        self._options = options._replace(managed=managed_folder(session.environment, session.layout))
        self._python = python
        self._stagger = boot_stagger
        self._force = force

    def manager(self, *, offline: bool = False) -> Manager:
        """Return the manager to write for; `offline`: one that need not be there, for printing."""
        return self._session.manager_for_printing() if offline else self._session.require_manager()

    def spec(self, profile: str, number: int) -> ServiceSpec:
        """Return the model of a profile's service; `number`: its place in the fleet, from 0."""
        session = self._session
        found = find_installation(session.layout, session.environment, given=self._python)
        world = session.world
        program = program_for(found, world.layout.home(profile), world.user_home, session.environment)
        return build_spec(world, profile, program, session.environment, self._chosen(number))

    def _chosen(self, number: int) -> ServiceOptions:
        return self._options._replace(boot_delay=None if self._stagger is None else self._stagger * number)

    def warnings(self, spec: ServiceSpec) -> list[Problem]:
        """Return what the manager cannot do of what was asked for."""
        told = self._session.unsupported(spec)
        return [Problem("unsupported", f"{spec.profile}: {text}", spec.profile) for text in told]

    def write(
        self, command: str, profiles: Sequence[str], *, named: bool, load: bool, enable: bool | None, dry_run: bool
    ) -> Answer:
        """Write, and with `load` have the manager read, the services of profiles."""
        session, manager = self._session, self.manager()
        outcomes, due, warnings = [], [], [*session.problems]
        launch = session.served(profiles) if not self._force else {}
        for number, profile in enumerate(profiles):
            if profile in launch:
                kind = OutcomeKind.REFUSED if named else OutcomeKind.SKIPPED
                outcomes.append(Outcome(profile, kind, launch[profile], hint="`--force` installs it all the same"))
                continue
            spec = self.spec(profile, number)
            each = plan_installation(manager, spec)
            warnings += self.warnings(spec)
            if each.refusal is not None and not self._force:
                hint = f"see the difference below; `hermes-gateways {command} {profile} --force` writes over it"
                outcomes.append(Outcome(profile, OutcomeKind.REFUSED, each.refusal, log=each.drift.diff, hint=hint))
                continue
            due.append(each)
        plan = plan_writing(command, due)
        if dry_run:
            return self._planned(command, due, outcomes, plan, warnings)
        keep = {each.spec.profile: to_keep(self._chosen(profiles.index(each.spec.profile))) for each in due}
        kept = plan_meta(session.layout, {name: values for name, values in keep.items() if values}, command=command)
        if kept is not None:
            apply(kept, layout=session.layout)
        if plan is not None:
            for folder in log_folders(manager, due):
                make_folder(folder)
            apply(plan, layout=session.layout)
        failures = self._load(manager, due, enable) if load else {}
        outcomes += [_written(each, failures.get(each.spec.profile)) for each in due]
        if load and enable:
            warnings += session.linger_warning(manager)
        order = {name: at for at, name in enumerate(profiles)}
        return answer_of(
            command, sorted(outcomes, key=lambda one: order[one.profile]), _unique(warnings), dry_run=False
        )

    def _load(self, manager: Manager, due: Sequence[Installation], enable: bool | None) -> dict[str, str]:
        """Have definitions read; those of disabled profiles are not enabled."""
        off = self._session.disabled
        failures: dict[str, str] = {}
        for is_off in (False, True):
            services = [self._service(manager, each) for each in due if (each.spec.profile in off) is is_off]
            if services:
                failures |= dict(manager.load(services, enable=False if is_off and enable else enable))
        return failures

    def _service(self, manager: Manager, each: Installation) -> Service:
        return manager.service(each.spec.name, each.spec.profile)

    def _planned(
        self, command: str, due: Sequence[Installation], outcomes: Sequence[Outcome], plan: ChangePlan | None,
        warnings: list[Problem],
    ) -> Answer:  # fmt: skip
        answer = answer_of(command, outcomes, _unique(warnings), dry_run=True)
        rows = answer.result.data["outcomes"]
        for each in due:
            word = "already-installed" if each.is_there else f"would-{command}"
            rows.append({
                "profile": each.spec.profile, "outcome": word, "detail": "; ".join(each.drift.details), "pid": None,
                "masked_channels": [], "log": list(each.drift.diff),
            })  # fmt: skip
        answer.result.data["plan"] = list(describe(plan)) if plan is not None else []
        return Answer(answer.result, lambda: _plan_text(rows))


def _plan_text(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['profile']}: {row['outcome']}" + (f" ({row['detail']})" if row["detail"] else "")
        yield from (f"  {line}" for line in row["log"])


def _written(each: Installation, failure: str | None) -> Outcome:
    profile = each.spec.profile
    if failure is not None:
        return Outcome(profile, OutcomeKind.FAILED, failure)
    kind = OutcomeKind.ALREADY_INSTALLED if each.is_there else OutcomeKind.INSTALLED
    return Outcome(profile, kind, str(each.files[0][0]))


def _unique(problems: Sequence[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


def _system_units(writer: Writer, profiles: Sequence[str]) -> Answer:
    """Return the system units, and the commands that only an administrator can run."""
    from hermes_profiles.services.naming import drop_in, system_unit
    from hermes_profiles.services.systemd import render_drop_in, render_unit

    rows, commands = [], []
    for number, profile in enumerate(profiles):
        spec = writer.spec(profile, number)
        unit = system_unit(spec.name)
        base = render_unit(spec, system_user=(spec.account, spec.account))
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
