"""Undo a change, with the gateways and services that it was about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from hermes_profiles.awake import status
from hermes_profiles.changes.allowed_paths import check_entry
from hermes_profiles.changes.apply import undo
from hermes_profiles.changes.journal import ChangeEntry, Journal, Status
from hermes_profiles.changes.plan import ChangePlan, MoveTree, ReplaceFile
from hermes_profiles.changes.undo_plan import obstacle, plan_undo, select_change
from hermes_profiles.fleet.attached_services import Attached, attached_to, check_may_go, forget, load_again
from hermes_profiles.fleet.service_specs import ServiceOptions, kept_options
from hermes_profiles.gateways.host.topology import multiplexing_asked
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.hermes.service_names import LABEL, UNIT
from hermes_profiles.model.errors import HermesProfilesError, Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.multiplex.saved_state import is_mode_switch, is_unfinished, note_renamed
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.placement import require_here
from hermes_profiles.profiles.profile import read_meta
from hermes_profiles.services.manager import Manager, ManagerKind
from hermes_profiles.services.naming import drop_in

from .apply import ChangeResult
from .context import Session
from .fleet_context import FleetSession, other_managers
from .fleet_exclusive import exclusively, surviving_change
from .gateways.profile_identity import move_rows, purge_rows
from .gateways.profile_services import attached_services, multiplexer_of, restart_for, start_and_wait, stopped_during
from .gateways.run_fleet import recover_fleet
from .own_services.watch_service import follow_watch, is_watch_file

if TYPE_CHECKING:
    from .run_mode.run_mode_result import RunModeResult


class UndoResult(NamedTuple):
    """The result of an undo. `services`: what was done about gateways and services."""

    entry: ChangeEntry
    services: dict[str, Any]
    change: ChangeResult
    warnings: tuple[Problem, ...]
    errors: tuple[Problem, ...] = ()


class ChangeList(NamedTuple):
    """The journal, the newest change first. `obstacles`: change → why an undo would be refused now."""

    entries: tuple[ChangeEntry, ...]
    obstacles: dict[str, Problem]
    warnings: tuple[Problem, ...]


def list_changes(session: Session) -> ChangeList:
    """Return the changes that the journal records."""
    entries, problems = Journal(session.layout.state).read()
    found = {each.id: obstacle(each, session.layout) for each in entries if each.status is Status.DONE}
    obstacles = {change: error.problem for change, error in found.items() if error is not None}
    return ChangeList(tuple(entries), obstacles, tuple(problems))


@exclusively
def undo_change(
    session: FleetSession, change: str | None = None, *, dry_run: bool = False
) -> UndoResult | RunModeResult:
    """Undo a change (None: the newest), with its services; a switch of the run mode by the opposite switch."""
    layout = session.layout
    warnings = recover_fleet(session, dry_run=dry_run)
    if change is None and not dry_run and is_unfinished(layout):
        from .run_mode.undo_run_mode import take_back_switch

        if (taken := take_back_switch(session)) is not None:
            return taken
    entry = select_change(Journal(layout.state), change)
    check_entry(entry, layout)
    if is_mode_switch(Journal(layout.state), entry):
        from .run_mode.undo_run_mode import undo_switch

        return undo_switch(session, entry, dry_run=dry_run)
    plan = plan_undo(entry, layout)
    _check_place(session, entry, plan)
    services = ServiceUndo(session, plan, entry.profiles, ran=entry.running)
    if dry_run:
        return UndoResult(entry, services.data, ChangeResult(plan, dry_run=True), tuple(dict.fromkeys(warnings)))
    data = services.data
    with services.surviving():
        with services.down():
            made = undo(layout, entry.id).change_id
        warnings += services.finish()
    change_result = ChangeResult(plan, dry_run, made)
    return UndoResult(entry, data, change_result, tuple(dict.fromkeys(warnings)), tuple(services.errors))


def _check_place(session: FleetSession, entry: ChangeEntry, plan: ChangePlan) -> None:
    """Raise Refused where an undo would bring back a profile that lives in another place, or is a part of a move."""
    layout = session.layout
    if entry.command[:1] == ("move",):
        name = entry.profiles[0] if entry.profiles else ""
        raise Refused(
            f"{entry.summary}: a move is not undone",
            target=name,
            code="moved",
            hint=f"move it back: `hermes-gateways move {quote(name)} --to PLACE`",
        )
    for step in plan.steps:
        if isinstance(step, MoveTree) and step.target.parent == layout.profiles:
            name = step.target.name
            require_here(layout, name, "undo it", catalog=lambda: session.catalog, home=step.source)
        elif isinstance(step, MoveTree) and step.target == layout.root / PROFILE_FILE:  # of all files of default
            require_here(layout, DEFAULT, "undo it", catalog=lambda: session.catalog, home=step.source.parent)


class AffectedService(NamedTuple):
    """A service whose files an undo writes. `goes`: it removes them; `was_there`: the definition existed before."""

    world: SystemContext
    profile: str
    path: Path
    goes: bool
    was_there: bool


class ServiceUndo:
    """The services of an undo. `profiles`: those of the change; `ran`: those whose gateways ran before it.

    Raises Refused for a profile whose folder would be removed while its service stays, and where a process may run that
    cannot be stopped; ManagerError when the manager of an affected service cannot be reached.
    """

    def __init__(
        self, session: FleetSession, plan: ChangePlan, profiles: tuple[str, ...], *, ran: tuple[str, ...] = ()
    ) -> None:
        self._session = session
        self._moves = {step.source: step.target for step in plan.steps if isinstance(step, MoveTree)}
        self._files = {step.path: step.removes for step in plan.steps if isinstance(step, ReplaceFile)}
        self._names = tuple(dict.fromkeys((*profiles, *profile_names(session.layout))))
        self._affected = list(self._find())
        back = [each for each in self._affected if each.profile in ran and not each.goes and not each.was_there]
        self._ran = [each for each in back if not self._is_off(each.profile)]
        self._left_off = [each.profile for each in back if each not in self._ran]
        self._awake = list(self._find_awake())
        self._removed = [*self._removed_profiles(), *self._removed_services()]
        for each in self._removed:
            check_may_go(each, "undo the change of")
        self._multiplexer = multiplexer_of(session, self._removed, arriving=tuple(self._renamed().values()))
        self._disabled = {name: read_meta(session.layout.home(name))[0] for name in self._with_new_options()}
        self.errors: list[Problem] = []

    @property
    def data(self) -> dict[str, Any]:
        """Return the gateways and services that the undo changes."""
        started = {"gateways_started": list(dict.fromkeys(each.profile for each in self._ran))} if self._ran else {}
        return started | {
            "gateways_stopped": list(dict.fromkeys(each.profile for each in self._removed if each.is_up)),
            "services_removed": [str(each.path) for each in self._affected if each.goes],
            "services_loaded": [str(each.path) for each in self._affected if not each.goes],
            "multiplexer": self._multiplexer.data if self._multiplexer is not None else None,
        }

    def _find(self) -> Iterator[AffectedService]:
        if not any(path.name.startswith((UNIT, LABEL, "50-hermes")) for path in self._files):
            return
        session = self._session
        for manager in (session.due, *other_managers(session)):
            for name in self._names:
                path = manager.service(session.world.service_name(name), name).path
                meant = [self._files[each] for each in (path, drop_in(path)) if each in self._files]
                if meant:
                    goes = self._files.get(path, False)
                    yield AffectedService(self._world(manager), name, path, goes, path.exists())

    def _find_awake(self) -> Iterator[SystemContext]:
        """Yield the systems whose manager keeps the host awake with files that change."""
        for manager in (self._session.due, *other_managers(self._session)) if self._files else ():
            if manager.kind is not ManagerKind.SUPERVISOR and status.is_touched(manager, self._files):
                yield self._world(manager)

    def _world(self, manager: Manager) -> SystemContext:
        """Return a system whose manager responds. Raises ManagerError."""
        session = self._session
        if manager is session.due:
            return SystemContext(
                session.layout, session.require_manager(), session.world.processes, environment=session.environment
            )
        manager.check()
        return SystemContext(session.layout, manager, session.world.processes, environment=session.environment)

    def _removed_profiles(self) -> Iterator[Attached]:
        """Yield the gateways and services of profiles whose folder is removed."""
        going = {each.path for each in self._affected if each.goes}
        for name in self._names:
            if self._session.layout.home(name) not in self._moves:
                continue
            for each in attached_services(self._session, name):
                if each.service is not None and each.is_installed and each.service.path not in going:
                    raise Refused(
                        f"{name} got a service after the change: {each.service.path}",
                        target=name,
                        code="has-service",
                        hint=f"remove it first: `hermes-gateways uninstall {name}`",
                    )
                yield each

    def _removed_services(self) -> Iterator[Attached]:
        """Yield services that lose their definition while their profile stays."""
        for each in self._affected:
            if each.goes and self._session.layout.home(each.profile) not in self._moves:
                yield attached_to(each.world, each.profile)

    def _is_off(self, profile: str) -> bool:
        home = self._session.layout.home(profile)
        there = next((source for source, target in self._moves.items() if target == home), home)
        return not there.exists() or read_meta(there)[0]

    def _with_new_options(self) -> list[str]:
        return [name for name in self._names if self._session.layout.home(name) / PROFILE_FILE in self._files]

    @contextmanager
    def surviving(self) -> Iterator[None]:
        """Have what ran run again if this process is killed during the body: the undo, and `finish`."""
        up = [each for each in self._removed if each.is_up]
        renamed = self._renamed()
        runs = [name for each in up for name in (each.profile, renamed.get(each.profile, each.profile))]
        runs += [each.profile for each in self._ran]
        if self._multiplexer is not None and self._multiplexer.data["restarted"]:
            runs.append(DEFAULT)
        enabled = [each.profile for each in up if each.is_installed and each.was_enabled]
        enabled += [renamed[name] for name in enabled if name in renamed]
        with surviving_change(self._session, runs, enabled=[*enabled, *(each.profile for each in self._ran)]):
            yield

    @contextmanager
    def down(self) -> Iterator[None]:
        """Stop gateways and disable removed services during the undo inside; they are put back if it fails."""
        with ExitStack() as stack:
            if self._multiplexer is not None:
                stack.enter_context(self._multiplexer.down())
            stack.enter_context(stopped_during(self._session, self._removed))
            yield

    def finish(self) -> list[Problem]:
        """Have managers forget removed services and load restored ones; returns warnings.

        What does not start is in `errors`.
        """
        note_renamed(self._session.layout, self._renamed())
        warnings = [problem for each in self._removed for problem in forget(each)]
        warnings += self._move_rows()
        for each in self._affected:
            if not each.goes:
                warnings += load_again(each.world, {each.profile: None if each.was_there else self._enabled(each)})
        warnings += self._switch()
        if any(map(is_watch_file, self._files)):
            self.errors += follow_watch(self._session)
        for world in self._awake:
            warnings += status.follow(world)
        back = {each.profile: each.world for each in self._affected if not each.goes}
        for gone in self._removed:
            target = self._moves.get(self._session.layout.home(gone.profile))
            name = next((name for name in self._names if self._session.layout.home(name) == target), None)
            if gone.is_up and name in back and name is not None:
                self.errors += start_and_wait(self._session, back[name], name)
        for each in self._ran:
            self.errors += start_and_wait(self._session, each.world, each.profile)
        warnings += self._served_again()
        warnings += self._not_started()
        return [*warnings, *self._session.manager_problems]

    def _not_started(self) -> Iterator[Problem]:
        """Yield a warning for each profile that is restored with its service, and whose gateway does not run."""
        for name in self._left_off:
            text = f"the gateway of {name} ran before and is not started: the profile is disabled"
            hint = f"start it with `hermes-gateways enable {name} && hermes-gateways start {name}`"
            yield Problem("not-started", text, name, hint)
        restored = {target for source, target in self._moves.items() if self._session.layout.trash in source.parents}
        for each in self._affected:
            home = self._session.layout.home(each.profile)
            if each.goes or home not in restored or read_meta(home)[0]:
                continue
            if not attached_to(each.world, each.profile).is_up:
                yield Problem(
                    "not-started",
                    f"the service of {each.profile} is restored, and its gateway does not run",
                    each.profile,
                    f"start it with `hermes-gateways start {each.profile}`",
                )

    def _move_rows(self) -> Iterator[Problem]:
        """Move the rows of renamed profiles back, and remove those of profiles whose folder goes; yields warnings."""
        layout = self._session.layout
        renamed = self._renamed()
        for old, new in renamed.items():
            yield from move_rows(self._session, old, new)[1]
        for source, target in self._moves.items():
            if source.parent == layout.profiles and source.name not in renamed and layout.trash in target.parents:
                yield from purge_rows(self._session, source.name)[1]

    def _renamed(self) -> dict[str, str]:
        """Return the profiles that have another name after the undo."""
        names = {self._session.layout.home(name): name for name in self._names}
        return {names[old]: names[new] for old, new in self._moves.items() if old in names and new in names}

    def _served_again(self) -> list[Problem]:
        """Start the multiplexer with the profiles that there are now; returns warnings."""
        if self._multiplexer is not None:
            self.errors += self._multiplexer.start()
            return []
        homes = set(self._moves.values())
        warnings, errors = restart_for(
            self._session, [each for each in self._names if self._session.layout.home(each) in homes]
        )
        self.errors += errors
        return warnings

    def _enabled(self, service: AffectedService) -> bool | None:
        home = self._session.layout.home(service.profile)
        if not home.exists():  # an orphan is back: what had it started came back with it
            return None
        if service.profile != DEFAULT and multiplexing_asked(
            self._session.layout.home(DEFAULT), self._session.environment
        ):
            return False  # it is served, and Hermes refuses a gateway of its own: its manager would try for ever
        try:
            kept = kept_options(home, ServiceOptions()).enable
        except HermesProfilesError:  # reported when its service is written
            kept = None
        return kept is not False and not read_meta(home)[0]

    def _switch(self) -> Iterator[Problem]:
        """Enable or disable the services of profiles whose `disabled` the undo changes."""
        for name, before in self._disabled.items():
            now = read_meta(self._session.layout.home(name))[0]
            if now is before:
                continue
            for each in attached_services(self._session, name):
                manager = each.world.manager
                if manager is not None and each.is_installed and each.service is not None:
                    refused = manager.enable((each.service,), enabled=not now)
                    for who, why in refused.items():
                        yield Problem("service", f"{who}: {why}", who, f"see `hermes-gateways status {who}`")
