"""awake: keep the host awake while gateways run, from the first to the last of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from hermes_profiles.awake import status as fleet_awake
from hermes_profiles.awake.render import CAFFEINATE, LID, WHAT
from hermes_profiles.awake.status import Programs, Wakefulness
from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan, describe
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.fleet_options import ManagerName
from hermes_profiles.cli.framework.options import DryRun, Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.cli.render.awake import limits, lines, on_words
from hermes_profiles.cli.render.clone import dry_run_lines
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.gateways.processes import processes_of
from hermes_profiles.model.errors import ExitCode, Problem, Refused, Result, UsageProblem
from hermes_profiles.operations.fleet_context import FleetSession, manager_of
from hermes_profiles.profiles.alias import find_command
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.services.manager import Manager, ManagerError, ManagerKind

ACTIONS = ("on", "off", "status")

Idle = Annotated[bool, typer.Option("--idle/--no-idle", help="macOS: no idle sleep (caffeinate -i); the default.")]
Display = Annotated[bool, typer.Option("--display", help="macOS: the display stays on, too (caffeinate -d).")]
Disk = Annotated[bool, typer.Option("--disk", help="macOS: disks stay up, too (caffeinate -m).")]
System = Annotated[bool, typer.Option("--system", help="macOS: no sleep at all on mains power (caffeinate -s).")]


@examples(
    "hermes-gateways awake status",
    "hermes-gateways awake on",
    "hermes-gateways awake on --lid",
    "hermes-gateways awake off",
)
def awake(
    action: Annotated[str, typer.Argument(metavar="[on|off|status]", help="What to do.")] = "status",
    lid: Annotated[
        bool, typer.Option("--lid", help="Linux: closing the lid does not send it to sleep either.")
    ] = False,
    idle: Idle = True,
    display: Display = False,
    disk: Disk = False,
    system: System = False,
    linger: Annotated[
        bool, typer.Option("--linger", help="Linux: also have this user's services run without a login.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is not ours or was changed.")] = False,
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Keep this machine awake while gateways run: it ends when the last one stops. Exit 3 of `status`: it is on, a
    gateway runs, and nothing is held."""
    session = FleetSession(home, json, manager_option=manager)
    given = {"idle": idle, "display": display, "disk": disk, "system": system}

    def body() -> Answer:
        if action not in ACTIONS:
            raise UsageProblem(
                f"{action!r} is none of: {', '.join(ACTIONS)}", target=action, hint="say `hermes-gateways awake on`"
            )
        warnings = session.recover(dry_run=dry_run or action == "status")
        switch = AwakeRun(session, warnings, dry_run=dry_run)
        if action == "on":
            chosen = _ways(switch.due, given, lid=lid, linger=linger)
            return switch.on(chosen, linger=linger, force=force)
        if lid or linger or force or display or disk or system or not idle:
            raise UsageProblem(
                f"`awake {action}` takes no such option", target=action, hint="say it with `hermes-gateways awake on`"
            )
        return switch.off() if action == "off" else switch.status()

    run(("awake",), session, body)


def _ways(manager: Manager, given: dict[str, bool], *, lid: bool, linger: bool) -> tuple[str, ...]:
    """Return what is to be held, for the manager that is due. Raises UsageProblem for options of another system."""
    changed = [name for name, is_set in given.items() if is_set != (name == "idle")]
    if manager.kind is ManagerKind.LAUNCHD:
        if lid or linger:
            raise UsageProblem(
                f"`--{'lid' if lid else 'linger'}` is for Linux: a Mac whose lid is closed sleeps, whatever is held, "
                "unless it has power and a display",
                target="--lid",
                hint="leave it out",
            )
        ways = tuple(name for name in CAFFEINATE if given[name])
        if not ways:
            raise UsageProblem("nothing is left to hold", target="--no-idle", hint="say one of --display, --system")
        return ways
    if changed:
        raise UsageProblem(
            f"`--{changed[0]}` is for macOS; here idleness and sleep are held off",
            target=f"--{changed[0]}",
            hint="leave it out",
        )
    return (*WHAT, LID) if lid else WHAT


class AwakeRun:
    """One run of the command; which manager it is about, and what is told."""

    def __init__(self, session: FleetSession, warnings: list[Problem], *, dry_run: bool) -> None:
        self._session = session
        self._warnings = [*warnings]
        self._dry_run = dry_run

    @property
    def due(self) -> Manager:
        """Return the manager that runs the gateways here."""
        return self._session.due

    @property
    def _own(self) -> Manager:
        """Return the manager of this system whose files are meant: supervisord has none for this."""
        if self.due.kind is not ManagerKind.SUPERVISOR:
            return self.due
        return manager_of(ManagerKind.LAUNCHD if sys.platform == "darwin" else ManagerKind.SYSTEMD, self._session)

    def _world(self, manager: Manager) -> SystemContext:
        manager.check()
        return SystemContext(self._session.layout, manager, processes_of(sys.platform))

    def on(self, ways: tuple[str, ...], *, linger: bool, force: bool) -> Answer:
        """Switch it on. Raises Refused or ManagerError, before anything is written, where it cannot work."""
        session, manager = self._session, self.due
        if manager.kind is ManagerKind.SUPERVISOR:
            raise _without_manager(session)
        world = self._world(manager)
        programs = self._programs(manager, ways)
        plan = fleet_awake.plan_on(fleet_awake.definitions(manager, programs, ways), force=force)
        if self._dry_run:
            return self._planned("on", plan)
        if linger:
            _linger(manager)
        change = apply(plan, layout=session.layout).change_id if plan is not None else None
        before = self._look(world)
        is_due = plan is not None or before.is_missing or before.is_unread
        problems = fleet_awake.follow(world) if is_due else []
        found = fleet_awake.wait_until_held(lambda: self._look(world), time.sleep)
        outcome = "on" if plan is not None else "already-on"
        errors = problems or ([_not_held(manager, found)] if found.is_missing else [])
        self._warnings += session.linger_warning(manager)
        return self._answer(manager, found, outcome, errors, change)

    def _programs(self, manager: Manager, ways: tuple[str, ...]) -> Programs:
        """Return the programs that are named; systemd's were tried. Raises Refused or ManagerError."""
        from hermes_profiles.services.systemd.manager import SystemdManager

        if not isinstance(manager, SystemdManager):
            return Programs()
        from hermes_profiles.awake.inhibit import check_may_hold
        from hermes_profiles.services.systemd.user_bus import SystemdPaths, is_wsl

        if is_wsl(self._session.environment, SystemdPaths()):
            raise Refused(
                "Windows decides when this machine sleeps: nothing inside WSL can keep it awake",
                code="wsl",
                target="systemd",
                hint="in Windows: `powercfg.exe /change standby-timeout-ac 0`",
            )
        found = {name: find_command(name, self._session.environment) for name in ("systemd-inhibit", "sleep")}
        for name, path in found.items():
            if path is None:
                raise ManagerError(
                    f"`{name}` is not on PATH",
                    target=name,
                    code="no-program",
                    hint="systemd-inhibit is a part of systemd; see `command -v systemd-inhibit`",
                )
        programs = Programs(found["systemd-inhibit"] or "", found["sleep"] or "")
        check_may_hold(manager, programs.inhibit, programs.sleep, ways)
        return programs

    def off(self) -> Answer:
        """Switch it off: end it, and remove what was written. Raises ManagerError when the manager of files that are
        there cannot be reached."""
        manager = self._own
        plan, foreign = fleet_awake.plan_off(manager, self._session.layout)
        for path in foreign:
            words = f"{path} stays: it is not of hermes-profiles"
            self._warnings.append(Problem("foreign-file", words, str(path), f"see it with `cat {path}`"))
        if plan is None:
            return self._answer(manager, Wakefulness(), "already-off", [])
        world = self._world(manager)
        if self._dry_run:
            return self._planned("off", plan)
        change = apply(plan, layout=self._session.layout).change_id
        return self._answer(manager, Wakefulness(), "off", fleet_awake.follow(world), change)

    def status(self) -> Answer:
        """Tell how it is."""
        manager = self._own
        if not self._is_there(manager):  # where nothing was written nobody needs to be asked
            return self._answer(self.due, Wakefulness(), None, [])
        found = self._look(self._world(manager))
        code = ExitCode.NEGATIVE if found.is_missing or found.broken else ExitCode.OK
        return self._answer(manager, found, None, [], code=code)

    def _is_there(self, manager: Manager) -> bool:
        return any(path.exists() for path in fleet_awake.paths(manager))

    def _look(self, world: SystemContext) -> Wakefulness:
        is_systemd = world.manager is not None and world.manager.kind is ManagerKind.SYSTEMD
        return fleet_awake.wakefulness(
            world, self._session.look(profile_names(self._session.layout)) if is_systemd else {}
        )

    def _planned(self, action: str, plan: ChangePlan | None) -> Answer:
        outcome = f"would-be-{action}" if plan is not None else f"already-{action}"
        steps = list(describe(plan)) if plan is not None else []
        data = {"outcome": outcome, "manager": str(self.due.kind), "dry_run": True, "plan": steps}

        def text() -> Iterator[str]:
            yield from dry_run_lines(f"awake {action}", steps) if steps else [f"wakefulness is {action} already"]

        return Answer(Result(("awake",), data, self._warnings), text)

    def _answer(
        self,
        manager: Manager,
        found: Wakefulness,
        outcome: str | None,
        errors: list[Problem],
        change: str | None = None,
        code: ExitCode = ExitCode.OK,
    ) -> Answer:
        data: dict[str, Any] = {
            "manager": str(manager.kind),
            "on": found.is_on,
            "held": found.held,
            "holds": list(found.ways),
            "kept_by": list(found.kept_by),
            "not_counted": [each._asdict() for each in found.uncounted],
            "linger": manager.linger(),
            "files": [str(path) for path in found.files],
            "broken": found.broken or None,
            "limits": list(limits(manager.kind, found)),
        }
        if outcome is not None:
            data |= {"outcome": outcome, "dry_run": False}
        if change is not None:
            data["change"] = change
        result = Result(("awake",), data, self._warnings, errors, ExitCode.FAILED if errors else code)
        return Answer(result, lambda: lines(data) if outcome is None else on_words(data))


def _linger(manager: Manager) -> None:
    if manager.linger() is not True:
        manager.enable_linger()


def _without_manager(session: FleetSession) -> Refused:
    daemon = session.layout.state / "supervisor" / "supervisord.pid"
    by_hand = (
        f'caffeinate -i -w "$(cat {daemon})"'
        if sys.platform == "darwin"
        else f'systemd-inhibit --what=idle:sleep tail --pid="$(cat {daemon})" -f /dev/null'
    )
    return Refused(
        "supervisor runs the gateways here, and it cannot keep a machine awake: no service is written",
        code="supervisor",
        target="supervisor",
        hint=f"hold it by hand while its daemon runs: `{by_hand}`",
    )


def _not_held(manager: Manager, found: Wakefulness) -> Problem:
    tail = manager.journal_tail(fleet_awake.service_of(manager), 1)
    why = f": {tail[-1]}" if tail else ""
    return Problem(
        "not-held",
        f"it is on, {', '.join(found.kept_by)} run, and this machine is not kept awake{why}",
        "awake",
        "take it back with `hermes-gateways awake off`",
    )
