"""Forecasts what `hermes update` does to a root whose profiles run gateways of their own. Pure.

Source: Hermes 0.22.2, hermes_cli/gateway_migrate.py (`build_migration_plan`, `maybe_auto_migrate_after_update`) and
gateway_migrate_guards.py. Of a release before 0.21.3 the forecast says what an update to a later one does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.hermes.files import PROFILES_FOLDER
from hermes_profiles.hermes.multiplexing import AUTO_MIGRATION
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.services.manager import ManagerKind

from .facts import MultiplexFacts
from .ingress_limits import ingress_limit_issues
from .model import Issue, IssueSeverity
from .update_settings import UpdateSettings

_BLOCKING = ("same-account", "unreadable")
_OFF = ".".join(AUTO_MIGRATION)


class FoldOutcome(StrEnum):
    """What `hermes update` does: `resumes` continues an unfinished migration, also where something blocks it."""

    NOTHING = "nothing"
    FOLDS = "folds"
    BLOCKED = "blocked"
    OFF = "off"
    RESUMES = "resumes"


class FoldedService(NamedTuple):
    """A service of a named profile; `scope`: user or system, `home`: the home that it sets, `running`: its state."""

    profile: str
    unit: str
    manager: ManagerKind
    scope: str
    path: Path
    home: str
    running: bool


class FoldForecast(NamedTuple):
    """The forecast. `services`: removed; `gateways`: profiles whose running gateways without a service are stopped.

    `kept`: profiles with `gateway.standalone`, left alone; `blockers`: why nothing is folded; `consequences`: what is
    different afterwards.
    """

    outcome: FoldOutcome
    services: tuple[FoldedService, ...] = ()
    gateways: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    blockers: tuple[Issue, ...] = ()
    consequences: tuple[Issue, ...] = ()


class FoldFacts(NamedTuple):
    """What the forecast depends on. `services`: of all profiles, default included; `running`: own live gateways."""

    root: Path
    profiles: Mapping[str, MultiplexFacts]
    services: Sequence[FoldedService]
    running: Sequence[str]
    settings: UpdateSettings
    approvals: Mapping[str, int]


def forecast(facts: FoldFacts, catalog: Catalog) -> FoldForecast:
    """Return what `hermes update` does to a root."""
    settings = facts.settings
    named = [name for name in facts.profiles if name != DEFAULT and name not in settings.standalone]
    services = tuple(each for each in facts.services if each.profile in named)
    with_service = {each.profile for each in services}
    gateways = tuple(name for name in named if name in facts.running and name not in with_service)
    kept = tuple(sorted(settings.standalone & set(facts.profiles)))
    if not services and not gateways and settings.migration is None:
        return FoldForecast(FoldOutcome.NOTHING, kept=kept)
    folded = {name: profile for name, profile in facts.profiles.items() if name not in settings.standalone}
    limits = ingress_limit_issues(folded, catalog, parked=settings.parked)
    blockers = (*(each for each in limits if each.code in _BLOCKING), *_boundaries(facts, services, gateways))
    consequences = (
        *(each for each in limits if each.code not in _BLOCKING),
        *_supervised(services),
        *_carried(facts, named),
    )
    outcome = _outcome(settings, blockers)
    return FoldForecast(outcome, services, gateways, kept, blockers, consequences)


def _outcome(settings: UpdateSettings, blockers: Sequence[Issue]) -> FoldOutcome:
    if not settings.folds:
        return FoldOutcome.OFF
    if settings.migration is not None:
        return FoldOutcome.RESUMES
    return FoldOutcome.BLOCKED if blockers else FoldOutcome.FOLDS


def _boundaries(facts: FoldFacts, services: Sequence[FoldedService], gateways: Sequence[str]) -> Iterator[Issue]:
    """Yield the boundaries that Hermes does not cross by itself: another manager or scope, another folder."""
    seen = [each for each in services if each.manager is not ManagerKind.SUPERVISOR]  # Hermes does not know that one
    own = [each for each in facts.services if each.profile == DEFAULT and each.manager is not ManagerKind.SUPERVISOR]
    kinds = {(each.manager, each.scope) for each in own or seen[:1]}
    for name in dict.fromkeys([*(each.profile for each in seen), *gateways]):
        mine = [each for each in seen if each.profile == name]
        if len(mine) > 1:
            why = f"{name} has {len(mine)} services"
        elif {(each.manager, each.scope) for each in mine} != kinds:
            how = f"a service of {mine[0].scope} {mine[0].manager}" if mine else "no service"
            why = f"{name} runs under {how}, and the others do not"
        else:
            why = ""
        if why:
            hint = f"see its services with `hermes-profiles doctor {name}`"
            yield Issue(name, "another-domain", why, IssueSeverity.REFUSE, hint=hint)
        outside = next((each for each in mine if not _is_below(each.home, facts.root)), None)
        if outside is not None:
            yield Issue(
                name,
                "outside",
                f"{name} runs in {outside.home}, which is outside {facts.root / PROFILES_FOLDER}",
                IssueSeverity.REFUSE,
                str(outside.path),
                f"keep it apart: `hermes-profiles config set {name} gateway.standalone true`",
            )


def _is_below(home: str, root: Path) -> bool:
    folder = os.path.join(root, PROFILES_FOLDER) + os.sep
    return home.startswith(folder) or os.path.realpath(home).startswith(os.path.realpath(folder) + os.sep)


def _supervised(services: Sequence[FoldedService]) -> Iterator[Issue]:
    names = [each.profile for each in services if each.manager is ManagerKind.SUPERVISOR]
    if names:
        yield Issue(
            names[0],
            "unknown-manager",
            f"Hermes does not know supervisord: it signals the gateways of {', '.join(names)}, supervisord starts them "
            "again, and default gets a gateway without a service",
            IssueSeverity.DECIDE,
            hint="before that run `hermes-profiles team run-mode multiplex` or `hermes-profiles config set default "
            f"{_OFF} false`",
        )


def _carried(facts: FoldFacts, named: Sequence[str]) -> Iterator[Issue]:
    """Yield what goes on in the one gateway: scheduled jobs and approvals of members."""
    for name in named:
        jobs, people = facts.profiles[name].jobs, facts.approvals.get(name, 0)
        if jobs:
            text = f"{name}: {jobs} scheduled job{'s' if jobs > 1 else ''} go on in the gateway of default"
            yield Issue(name, "jobs-kept", text, IssueSeverity.NOTE)
        if people:
            text = f"{name}: {people} approved by pairing keep their access; its approvals stay in its home"
            yield Issue(name, "approvals-kept", text, IssueSeverity.NOTE)
