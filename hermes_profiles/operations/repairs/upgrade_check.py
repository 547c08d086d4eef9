"""Says what `hermes update` will do to a root, and what it did. Nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hermes_profiles.doctor.collect import FactCollector
from hermes_profiles.doctor.facts.services import Definition, ServiceLeftover
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.gateways.host.host_gateway import HostGateway, host_gateway
from hermes_profiles.gateways.installation.hermes_install import find_installation, installed_code
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.version import BASE, NEWEST_KNOWN, HermesFacts
from hermes_profiles.model.errors import ExitCode, NotFound, Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.multiplex.facts import MultiplexFacts, read_facts
from hermes_profiles.multiplex.fold import FoldedService, FoldFacts, FoldForecast, FoldOutcome, forecast
from hermes_profiles.multiplex.model import Issue, IssueSeverity
from hermes_profiles.multiplex.update_settings import UpdateSettings, read_update_settings, standing_warnings
from hermes_profiles.profiles.managed_folder import managed_folder, managed_values
from hermes_profiles.services.manager import Activity
from hermes_profiles.services.spec import ServiceSpec

from ..fleet_context import FleetSession
from .doctor import doctor_context

_RUNNING = (Activity.ACTIVE, Activity.ACTIVATING)


class InstalledHermes(NamedTuple):
    """The Hermes that serves a root. `launcher`: what must be run instead of `python`, None without one."""

    version: str
    commit: str
    folder: Path | None
    python: Path
    launcher: Path | None
    found_by: str
    facts: HermesFacts


class UnservedProfile(NamedTuple):
    """A profile with channels that no gateway serves; `why`: the reason."""

    profile: str
    why: str
    hint: str


class UpgradeCheck(NamedTuple):
    """The result. `hermes`: None where none is installed; `host`: the live gateway of the host record.

    `ahead`: what `hermes update` does; `leftovers`: files of services that a fold left behind; `left`: services of
    named profiles that one gateway serves; `unserved`: profiles that no gateway serves.
    """

    hermes: InstalledHermes | None
    settings: UpdateSettings
    host: HostGateway | None
    host_profile: str | None
    ahead: FoldForecast
    leftovers: tuple[ServiceLeftover, ...]
    left: tuple[Definition, ...]
    unserved: tuple[UnservedProfile, ...]
    warnings: tuple[Problem, ...]

    @property
    def needs_user(self) -> bool:
        """Return whether something is to be decided or repaired."""
        is_ahead = self.ahead.outcome in (FoldOutcome.FOLDS, FoldOutcome.BLOCKED, FoldOutcome.RESUMES)
        behind = self.leftovers or self.left or self.unserved or self.settings.migration is not None
        return is_ahead or bool(behind)

    @property
    def exit_code(self) -> ExitCode:
        """Return 3 when something needs the user, else 0."""
        return ExitCode.NEGATIVE if self.needs_user else ExitCode.OK


def upgrade_check(session: FleetSession) -> UpgradeCheck:
    """Return what an update of Hermes will do to the root, and what is left of one."""
    layout, environment = session.layout, session.environment
    hermes = installed_hermes(session)
    seen = FactCollector(doctor_context(session, _no_spec)).facts()
    managed = managed_values(managed_folder(environment, layout), session.catalog)
    settings = read_update_settings(layout, session.existing, managed.config)
    gateways = seen.inventory.gateways if seen.inventory is not None else {}
    profiles = read_facts(layout, session.existing, session.catalog, environment)
    ahead = forecast(
        FoldFacts(
            layout.root,
            profiles,
            tuple(_folded(each) for each in seen.services.definitions if each.profile is not None),
            tuple(name for name, each in gateways.items() if each.process is not None),
            settings,
            {name: sum(map(len, each.approved.values())) for name, each in profiles.items()},
        ),
        session.catalog,
    )
    host = host_gateway(
        environment, session.world.user_home, processes=session.world.processes, platform=layout.platform
    )
    return UpgradeCheck(
        hermes,
        settings,
        host,
        _profile_at(session, host),
        ahead,
        seen.services.leftovers,
        tuple(_left_services(seen, gateways)),
        tuple(_unserved(gateways, profiles, settings, hermes)),
        tuple(dict.fromkeys([*_warnings(hermes, settings), *session.manager_problems])),
    )


def installed_hermes(session: FleetSession) -> InstalledHermes | None:
    """Return the Hermes that serves a root, None where none is found."""
    try:
        found = find_installation(session.layout, session.environment)
    except NotFound:
        return None
    code = installed_code(session.layout, session.environment)
    return InstalledHermes(
        code.version if code is not None else "",
        code.commit if code is not None else "",
        code.folder if code is not None else None,
        found.python,
        found.launcher,
        found.found_by,
        code.facts if code is not None else BASE,
    )


def _no_spec(profile: str) -> ServiceSpec:
    """Raise NotFound: how a service would be written today does not matter here."""
    raise NotFound(f"{profile}: not asked", target=profile)


def _folded(service: Definition) -> FoldedService:
    running = service.status is not None and service.status.activity in _RUNNING
    profile = service.profile or ""
    return FoldedService(
        profile, service.unit, service.manager, service.scope, service.path, service.home_text, running
    )


def _profile_at(session: FleetSession, host: HostGateway | None) -> str | None:
    """Return the profile of this root whose gateway owns the host record, None for another root's or none."""
    if host is None:
        return None
    home = os.path.realpath(host.home)
    return next((name for name in session.existing if os.path.realpath(session.layout.home(name)) == home), None)


def _left_services(seen: Facts, gateways: Mapping[str, Gateway]) -> Iterator[Definition]:
    """Yield services of named profiles that another gateway serves."""
    for service in seen.services.definitions:
        gateway = gateways.get(service.profile or "")
        if service.profile != DEFAULT and gateway is not None and gateway.state is GatewayState.SERVED:
            yield service


def _unserved(
    gateways: Mapping[str, Gateway],
    profiles: Mapping[str, MultiplexFacts],
    settings: UpdateSettings,
    hermes: InstalledHermes | None,
) -> Iterator[UnservedProfile]:
    """Yield enabled profiles with channels that no gateway serves while others of the root are served."""
    if not any(each.is_alive for each in gateways.values()):
        return
    one = hermes is not None and hermes.facts.has(Behaviour.ONE_GATEWAY)
    for name, profile in profiles.items():
        gateway = gateways.get(name)
        if gateway is None or gateway.is_alive or profile.disabled or not profile.held.channels:
            continue
        if name in settings.parked:
            yield UnservedProfile(name, "it is parked", f"hermes -p {name} gateway start")
        elif name in settings.standalone:
            yield UnservedProfile(name, "it is standalone and its gateway is down", f"hermes-gateways start {name}")
        elif one and name != DEFAULT:
            yield UnservedProfile(name, "the one gateway does not serve it", "hermes-profiles team run-mode multiplex")
        else:
            yield UnservedProfile(name, f"its gateway is {gateway.state}", f"hermes-gateways start {name}")


def _warnings(hermes: InstalledHermes | None, settings: UpdateSettings) -> Iterator[Problem]:
    if hermes is not None and hermes.facts.is_newer_than_known:
        known = ".".join(map(str, NEWEST_KNOWN))
        yield Problem(
            "newer-hermes",
            f"Hermes {hermes.version} is newer than any release that was tried: it is treated like {known}",
            str(hermes.folder) if hermes.folder is not None else None,
            "update this program with `pip install --upgrade hermes-profiles`",
        )
    yield from standing_warnings(settings)


def serious(issues: Sequence[Issue]) -> tuple[Issue, ...]:
    """Return the issues that lose something, without the notes."""
    return tuple(each for each in issues if each.severity is not IssueSeverity.NOTE)
