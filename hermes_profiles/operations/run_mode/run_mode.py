"""Switch between one gateway for all profiles (multiplex) and one for each (processes), and report which it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.fleet.install import plan_installation
from hermes_profiles.fleet.outcomes import Outcome
from hermes_profiles.fleet.protocols import SETTLE
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.service_specs import ServiceOptions
from hermes_profiles.gateways.host.topology import multiplexing_asked
from hermes_profiles.gateways.installation.hermes_install import installed_facts
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.processes import ancestors
from hermes_profiles.hermes import multiplexing
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.environment import GATEWAY_MULTIPLEX_PROFILES
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.multiplex import saved_state
from hermes_profiles.multiplex.disable import plan_disable
from hermes_profiles.multiplex.enable import EnablePlan, plan_enable
from hermes_profiles.multiplex.facts import read_facts
from hermes_profiles.multiplex.model import Issue, IssueSeverity
from hermes_profiles.multiplex.saved_state import MULTIPLEX, PROCESSES, SwitchPhase
from hermes_profiles.multiplex.services import gateway_issues, has_service, is_up
from hermes_profiles.multiplex.standalone import StandaloneSwitch, plan_separate
from hermes_profiles.multiplex.switch import RunModeSwitch, SwitchResult, apply_plan
from hermes_profiles.multiplex.update_settings import (
    fold_warning,
    read_update_settings,
    standalone_reason,
    standing_warnings,
)
from hermes_profiles.profiles.profile import environment_of
from hermes_profiles.profiles.redact import redacted, secrets_around
from hermes_profiles.teams.model import read_teams

from ..fleet_context import FleetSession, other_managers
from ..gateways.install_services import InstallRequest, ServiceInstaller, install
from .run_mode_result import RunModeBlocked, RunModeResult, RunModeStatus, ServedProfile

Switch = TypeVar("Switch", bound=RunModeSwitch)


class RunMode:
    """The run mode of a root. `yes`: accept the issues that the user may decide; `install`: write missing services.

    `standalone`: use the temporary setting of a Hermes with one gateway; `write`: makes the change of files, and
    returns its id.
    """

    def __init__(
        self,
        session: FleetSession,
        timeout: float = SETTLE,
        *,
        yes: bool = False,
        install: bool = False,
        standalone: bool = False,
        dry_run: bool = False,
        write: Callable[[ChangePlan], str] | None = None,
    ) -> None:
        self._session = session
        self._timeout = timeout
        self._yes = yes
        self._install = install
        self._standalone = standalone
        self._hermes = installed_facts(session.layout, session.environment)
        self._dry_run = dry_run
        self._write = write or apply_plan(session.world)
        self._is_undo = write is not None
        self._target = ""
        self._notes: list[Problem] = []

    @property
    def is_one_gateway(self) -> bool:
        """Return whether the installed Hermes serves all profiles with one gateway."""
        return self._hermes.has(Behaviour.ONE_GATEWAY)

    def status(self) -> RunModeStatus:
        """Return the run mode, and which gateway serves each profile."""
        session, layout = self._session, self._session.layout
        gateways = session.observe(session.existing)
        teams = read_teams(layout, session.existing)
        unfinished = saved_state.is_unfinished(layout)
        settings = read_update_settings(layout, session.existing if self.is_one_gateway else ())
        profiles = tuple(
            ServedProfile(
                name,
                team.name if (team := teams.of(name)) is not None else None,
                _served_by(gateways[name]),
                gateways[name].state,
                gateways[name].pid,
                "standalone" if name in settings.standalone else "parked" if name in settings.parked else None,
            )
            for name in session.existing
        )
        return RunModeStatus(
            self._mode(gateways),
            unfinished,
            self.is_one_gateway,
            self._standalone_reason(gateways),
            profiles,
            tuple(dict.fromkeys([*session.manager_problems, *standing_warnings(settings)])),
            (self._unfinished_problem(),) if unfinished else (),
        )

    def _standalone_reason(self, gateways: Mapping[str, Gateway]) -> str:
        default = gateways.get(DEFAULT)
        if not self.is_one_gateway or default is None or default.process is None:
            return ""
        layout = self._session.layout
        reason = standalone_reason(layout.home(DEFAULT))
        return redacted((reason,), secrets_around(layout, DEFAULT, self._session.catalog))[0] if reason else ""

    def _mode(self, gateways: Mapping[str, Gateway]) -> str:
        """Return the run mode: the setting, or with one gateway by rule what is running."""
        asked = multiplexing_asked(self._session.layout.home(DEFAULT), self._session.environment)
        if not self.is_one_gateway:
            return MULTIPLEX if asked else PROCESSES
        is_served = any(each.state is GatewayState.SERVED for each in gateways.values())
        own = any(name != DEFAULT and each.process is not None for name, each in gateways.items())
        return PROCESSES if own and not is_served else MULTIPLEX

    def _unfinished_problem(self) -> Problem:
        words = ("multiplex", "processes")
        if saved_state.separating(self._session.layout) is not None:
            words = ("processes --standalone", "multiplex")
        return Problem(
            "unfinished",
            "a switch of the run mode was interrupted: some gateways are down",
            str(saved_state.saved_state_path(self._session.layout)),
            f"finish it with `hermes-profiles team run-mode {words[0]}`, or go back with "
            f"`hermes-profiles team run-mode {words[1]}`",
        )

    def _alone(self) -> AbstractContextManager[None]:
        """Hold the fleet lock, except in a dry run: the state during another switch is no reason to refuse."""
        return nullcontext() if self._dry_run else self._session.exclusive()

    def to_multiplex(self) -> RunModeResult:
        """Have one gateway serve all profiles. Raises RunModeBlocked."""
        with self._alone():
            return self._to_multiplex()

    def _to_multiplex(self) -> RunModeResult:
        self._target = MULTIPLEX
        session, layout = self._session, self._session.layout
        session.require_manager()
        gateways = session.observe(session.existing)
        separating = saved_state.separating(layout)
        if separating is not None:
            return self._take_back(separating, gateways)
        facts = read_facts(layout, session.existing, session.catalog, session.environment)
        enable = plan_enable(layout, facts, session.catalog, self._hermes)
        self._check([*self._service_issues(gateways), *enable.issues])
        if self._is_enabled(gateways, enable):
            return self._unchanged()
        if self._dry_run:
            return self._planned_multiplex(enable, gateways)
        with saved_state.switch_lock(layout):
            done = self._switch(lambda switch: switch.enable(self._write, self._check_again))
        return self._result(done)._replace(enable=enable)

    def _take_back(self, record: saved_state.SavedState, gateways: dict[str, Gateway]) -> RunModeResult:
        """Restore the state before an unfinished separation; where that was no one gateway, `multiplex` makes it."""
        self._check(_blocking_gateways(gateways))
        if self._dry_run:
            return RunModeResult(MULTIPLEX, changed=True, dry_run=True, warnings=self._warnings())
        with saved_state.switch_lock(self._session.layout):
            done = self._switcher(StandaloneSwitch).take_back(record)
        if self._is_undo or not any(was.up for name, was in record.apart.items() if name != DEFAULT):
            return self._result(done)
        return RunMode(self._session.fresh(), self._timeout, yes=self._yes).to_multiplex()

    def _is_enabled(self, gateways: dict[str, Gateway], enable: EnablePlan) -> bool:
        """Return whether the switch is complete: files written, one gateway up, no other service enabled."""
        record = saved_state.read_saved_state(self._session.layout)
        if enable.steps or (record is not None and record.phase is not SwitchPhase.THERE):
            return False
        if self.is_one_gateway and any(has_service(each) for name, each in gateways.items() if name != DEFAULT):
            return False  # Hermes takes an installed service for a gateway of the profile's own
        parked = read_update_settings(self._session.layout, gateways).parked if self.is_one_gateway else ()
        named = [gateway for name, gateway in gateways.items() if name != DEFAULT and name not in parked]
        return is_up(gateways[DEFAULT]) and all(
            each.state is GatewayState.SERVED and not (each.service is not None and each.service.enabled)
            for each in named
        )

    def _service_issues(self, gateways: dict[str, Gateway]) -> Iterator[Issue]:
        """Yield the issues of gateways, services and managers that block the switch."""
        session = self._session
        yield from gateway_issues(gateways, disabled=session.disabled, ancestors=ancestors())
        for other in other_managers(session):
            for name in session.existing:
                path = other.service(session.world.service_name(name), name).path
                if path.exists():
                    yield Issue(
                        name,
                        "another-manager",
                        f"{name} also has a service under {other.kind}: {path}",
                        IssueSeverity.REFUSE,
                        str(path),
                        f"remove it with `hermes-gateways uninstall {name} --manager {other.kind}`",
                    )

    def _check(self, limits: Sequence[Issue]) -> None:
        """Raise RunModeBlocked for the issues that block the switch; the others become warnings."""
        weights = {IssueSeverity.REFUSE} if self._yes else {IssueSeverity.REFUSE, IssueSeverity.DECIDE}
        blocking = [each for each in limits if each.severity in weights]
        self._notes = [each.problem for each in limits if each not in blocking]
        if blocking:
            raise RunModeBlocked(self._target, blocking)

    def _check_again(self, enable: EnablePlan) -> None:
        notes = self._notes
        self._check(enable.issues)
        self._notes = list(dict.fromkeys([*notes, *self._notes]))

    def _planned_multiplex(self, enable: EnablePlan, gateways: dict[str, Gateway]) -> RunModeResult:
        others = {name: gateway for name, gateway in gateways.items() if name != DEFAULT}
        return RunModeResult(
            MULTIPLEX,
            changed=True,
            dry_run=True,
            enable=enable,
            stops=tuple(name for name, each in others.items() if has_service(each) and is_up(each)),
            disables=tuple(name for name, each in others.items() if each.service is not None and each.service.enabled),
            installs=() if has_service(gateways[DEFAULT]) else (DEFAULT,),
            plan=enable.plan(),
            warnings=self._warnings(),
        )

    def undo_multiplex(self) -> RunModeResult:
        """Undo a switch to the multiplexer. Raises Refused where an older Hermes made it: it would not be the same."""
        record = saved_state.read_saved_state(self._session.layout)
        if not self.is_one_gateway or (record is not None and record.folded):
            with self._alone():
                return self._leave_multiplexer(self._session.observe(self._session.existing))
        raise self._no_such_mode("that switch was made under a Hermes with separate gateways")

    def to_processes(self) -> RunModeResult:
        """Have each profile run a gateway of its own. Raises RunModeBlocked."""
        with self._alone():
            return self._to_processes()

    def _to_processes(self) -> RunModeResult:
        self._target = PROCESSES
        session, layout = self._session, self._session.layout
        gateways = session.observe(session.existing)
        record = saved_state.read_saved_state(layout)
        if self.is_one_gateway:
            if record is None or record.phase in (SwitchPhase.THERE, SwitchPhase.SEPARATING):
                return self._to_standalone(gateways)
            if self._standalone:
                problem = self._unfinished_problem()
                raise Refused(problem.message, target=problem.target, code=problem.code, hint=problem.hint)
            return self._leave_multiplexer(gateways)
        if record is None and self._mode(gateways) == PROCESSES:
            session.require_manager()
            return self._unchanged()
        return self._leave_multiplexer(gateways)

    def _leave_multiplexer(self, gateways: dict[str, Gateway]) -> RunModeResult:
        """Restore what was before the multiplexer."""
        self._target = PROCESSES
        session, layout = self._session, self._session.layout
        self._refuse_overruled()
        session.require_manager()
        record = saved_state.read_saved_state(layout)
        bare = self._without_service(gateways)
        self._check([*_blocking_gateways(gateways), *self._unserved(bare)])
        if self._dry_run:
            return self._planned_processes(bare)
        with saved_state.switch_lock(layout):
            done = self._switch(lambda switch: switch.disable(record, self._write))
        if self._install and bare:
            done = done._replace(outcomes=(*done.outcomes, *self._installed(bare)))
        return self._result(done)

    def _to_standalone(self, gateways: dict[str, Gateway]) -> RunModeResult:
        """Give the profiles with channels gateways of their own by `gateway.standalone`."""
        session, layout = self._session, self._session.layout
        facts = read_facts(layout, session.existing, session.catalog, session.environment)
        settings = read_update_settings(layout, session.existing)
        skipped = {DEFAULT, *session.disabled, *settings.parked}
        names = [name for name in session.existing if name not in skipped and facts[name].held.channels]
        own = [name for name in names if gateways[name].process is not None]
        is_resumed = saved_state.separating(layout) is not None
        if (
            names
            and own == names
            and not is_resumed
            and (settings.standalone.issuperset(names) or not self._standalone)
        ):
            self._notes += standing_warnings(settings._replace(standalone=settings.standalone & set(names)))
            self._notes += [fold] if (fold := fold_warning(layout, self._hermes, names)) is not None else []
            return self._unchanged()
        if not self._standalone and not is_resumed:
            raise self._no_such_mode("it serves all profiles with one gateway")
        manager = session.require_manager()
        self._check(list(gateway_issues(gateways, disabled=(), ancestors=ancestors())))
        installer = ServiceInstaller(session, ServiceOptions())
        missing = [name for name in names if not has_service(gateways[name])]
        wanted = plan_separate(layout, names, [plan_installation(manager, installer.spec(name)) for name in missing])
        self._notes.append(Problem("temporary", multiplexing.STANDALONE_END, "gateway.standalone"))
        if self._dry_run:
            starts = tuple(name for name in names if name not in own)
            installs = tuple(each.spec.profile for each in wanted.services)
            plan = wanted.plan
            return RunModeResult(
                PROCESSES, changed=True, dry_run=True, starts=starts, installs=installs, plan=plan,
                warnings=self._warnings(), standalone=tuple(names),
            )  # fmt: skip
        with saved_state.switch_lock(layout):
            done = self._switcher(StandaloneSwitch).separate(wanted, self._write)
        return self._result(done)._replace(standalone=tuple(names))

    def _no_such_mode(self, why: str) -> Refused:
        number = ".".join(map(str, self._hermes.version)) or "this Hermes"
        return Refused(
            f"Hermes {number} has no mode with a gateway for each profile: {why}",
            target="hermes",
            code="no-such-mode",
            hint="use its temporary exception with `hermes-profiles team run-mode processes --standalone`",
        )

    def _refuse_overruled(self) -> None:
        session = self._session
        value = environment_of(session.layout.home(DEFAULT)).get(GATEWAY_MULTIPLEX_PROFILES, "").strip().lower()
        if value in multiplexing.ON:
            raise Refused(
                f"{GATEWAY_MULTIPLEX_PROFILES} is on in default's `.env`, which overrides config.yaml",
                target=GATEWAY_MULTIPLEX_PROFILES,
                code="overruled",
                hint=f"remove it: `hermes-profiles env unset default {GATEWAY_MULTIPLEX_PROFILES}`",
            )

    def _without_service(self, gateways: dict[str, Gateway]) -> list[str]:
        """Return the profiles with channels that are served now and would not be afterwards."""
        session = self._session
        facts = read_facts(session.layout, session.existing, session.catalog, session.environment)
        record = saved_state.read_saved_state(session.layout)
        restored = {name for name, was in record.services.items() if was.installed} if record is not None else set()
        return [
            name
            for name, each in gateways.items()
            if name not in (DEFAULT, *session.disabled, *restored)
            and not has_service(each)
            and facts[name].held.channels
        ]

    def _unserved(self, bare: Sequence[str]) -> Iterator[Issue]:
        for name in bare if not self._install else ():
            yield Issue(
                name,
                "no-service",
                f"{name} has no service of its own and would not be served",
                IssueSeverity.DECIDE,
                hint="use `--install` to write and start services for such profiles, or `--yes` to leave them out",
            )

    def _planned_processes(self, bare: Sequence[str]) -> RunModeResult:
        record = saved_state.read_saved_state(self._session.layout)
        services = record.services if record is not None else {}
        return RunModeResult(
            PROCESSES,
            changed=True,
            dry_run=True,
            starts=tuple(name for name, before in services.items() if before.up),
            enables=tuple(name for name, before in services.items() if before.installed and before.enabled),
            installs=tuple(bare) if self._install else (),
            plan=plan_disable(self._session.layout, record, self._session.catalog).plan,
            warnings=self._warnings(),
        )

    def _installed(self, names: Sequence[str]) -> list[Outcome]:
        """Write and start services for profiles without one; returns the outcomes."""
        request = InstallRequest(start=True, settle=self._timeout)
        done = install(self._session.fresh(), request, Selection(tuple(names), named=True))
        return [outcome._replace(log=(), hint=None) for outcome in done.outcomes]

    def _switch(self, switch: Callable[[RunModeSwitch], SwitchResult]) -> SwitchResult:
        return switch(self._switcher(RunModeSwitch))

    def _switcher(self, kind: type[Switch]) -> Switch:
        session = self._session
        return kind(
            session.world,
            session.require_manager(),
            session.existing,
            session.catalog,
            session.environment,
            session.on_outcome,
            self._timeout,
            self._hermes,
        )

    def _unchanged(self) -> RunModeResult:
        warnings = tuple(dict.fromkeys(self._warnings()))
        return RunModeResult(self._target, changed=False, dry_run=self._dry_run, warnings=warnings)

    def _result(self, done: SwitchResult) -> RunModeResult:
        return RunModeResult(
            self._target,
            changed=True,
            dry_run=False,
            outcomes=done.outcomes,
            change=done.change,
            warnings=tuple(dict.fromkeys([*self._warnings(), *done.warnings])),
        )

    def _warnings(self) -> tuple[Problem, ...]:
        return (*self._session.problems, *self._notes)


def _blocking_gateways(gateways: Mapping[str, Gateway]) -> list[Issue]:
    """Return the issues of gateways that block a way back: one without a service does not."""
    found = gateway_issues(gateways, disabled=(), ancestors=ancestors())
    return [issue for issue in found if issue.code != "unsupervised"]


def _served_by(gateway: Gateway) -> str | None:
    """Return the profile whose gateway serves a profile, None when no gateway does."""
    if gateway.state is GatewayState.SERVED:
        return gateway.observation.server if gateway.observation is not None else DEFAULT
    return gateway.profile if gateway.process is not None else None
