"""Reports what an update of Hermes is about to do to services, and what it left half-done."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.doctor.facts.services import USER, Definition
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, SwitchRunMode
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.hermes.multiplexing import AUTO_MIGRATION, STANDALONE, STANDALONE_END
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.text import first_names
from hermes_profiles.multiplex.saved_state import MULTIPLEX

_ONE_GATEWAY = "hermes-profiles team run-mode multiplex"
_LONGEST = 5  # names in one message


def _own_services(facts: Facts) -> list[Definition]:
    """Return the user's services of named profiles that Hermes takes for gateways of their own."""
    kept = facts.update.settings.standalone
    return [
        each
        for each in facts.services.definitions
        if facts.is_profile(each.profile) and each.profile not in (DEFAULT, *kept) and each.scope == USER
    ]


def half_migrated(facts: Facts) -> Iterator[Finding]:
    """Find a switch or a migration of Hermes that was interrupted, and services beside the one gateway."""
    if facts.update.unfinished_switch:
        yield Finding(
            "a switch of the run mode was interrupted",
            Fix("finish it or go back", "hermes-profiles team run-mode"),
            repairs=(SwitchRunMode(MULTIPLEX),),
        )
        return
    migration = facts.update.settings.migration
    if migration is not None:
        names = tuple(name for name in migration.profiles if facts.is_profile(name))
        yield Finding(
            f"a migration of Hermes to one gateway is unfinished: {migration.path.name} is still there",
            Fix("finish it", _ONE_GATEWAY),
            profiles=names,
            evidence=(Evidence(DEFAULT, str(migration.path)),),
            repairs=(SwitchRunMode(MULTIPLEX),),
        )
        return
    if not facts.update.hermes.has(Behaviour.ONE_GATEWAY) or facts.inventory is None:
        return
    gateways = facts.inventory.gateways
    left = [
        each
        for each in _own_services(facts)
        if each.profile is not None and each.profile in gateways and gateways[each.profile].state is GatewayState.SERVED
    ]
    if left:
        names = tuple(dict.fromkeys(each.profile for each in left if each.profile is not None))
        yield Finding(
            f"one gateway serves {first_names(names, _LONGEST)}, and their services are still installed",
            Fix("remove these services", _ONE_GATEWAY),
            profiles=names,
            evidence=tuple(Evidence(each.profile, str(each.path)) for each in left),
            repairs=(SwitchRunMode(MULTIPLEX),),
        )


def fold_ahead(facts: Facts) -> Iterator[Finding]:
    """Find services of named profiles that the next `hermes update` removes."""
    settings, hermes = facts.update.settings, facts.update.hermes
    if not hermes.has(Behaviour.FOLDS_ON_UPDATE) or not settings.folds or settings.migration is not None:
        return
    services = _own_services(facts)
    gateways = facts.inventory.gateways if facts.inventory is not None else {}
    services = [
        each
        for each in services
        if each.profile not in gateways or gateways[each.profile or ""].state is not GatewayState.SERVED
    ]
    if not services:
        return
    names = tuple(dict.fromkeys(each.profile for each in services if each.profile is not None))
    one = hermes.has(Behaviour.ONE_GATEWAY)
    off = f"hermes-profiles config set default {'.'.join(AUTO_MIGRATION)} false"
    text = f"go over to one gateway, or keep them with `{off}`" if one else "keep them"
    yield Finding(
        f"the next `hermes update` removes the services of {first_names(names, _LONGEST)} and has default's gateway "
        "serve all profiles",
        Fix(text, _ONE_GATEWAY if one else off),
        profiles=names,
        evidence=tuple(Evidence(each.profile, str(each.path)) for each in services),
        repairs=(SwitchRunMode(MULTIPLEX),) if one else (),
    )


def standalone(facts: Facts) -> Iterator[Finding]:
    """Find profiles that depend on the temporary setting of Hermes."""
    for name in sorted(facts.update.settings.standalone & set(facts.profiles)):
        yield Finding(
            f"{name} runs a gateway of its own by a setting that will go: {STANDALONE_END}",
            Fix("go over to one gateway when you are ready", _ONE_GATEWAY),
            profiles=(name,),
            evidence=(facts.profiles[name].at_path(STANDALONE, CONFIG_FILE),),
        )
