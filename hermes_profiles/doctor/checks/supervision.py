"""What managers say of services: what keeps ending, what does not run, what runs though it should not."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.gateways.model import Gateway, GatewayState, exit_meaning
from hermes_profiles.gateways.resolve import CRASH_LOOP
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.services.manager import Activity, ServiceStatus

from .services import unstartable
from .topology import served_by_default

_START_LIMIT = "start-limit-hit"
# What to do about an exit code; the words of `status` say what it means.
_REMEDIES = {
    1: ("see why in its log", "hermes-gateways start {0}"),
    75: ("nobody started it again: do so", "hermes-gateways start {0}"),
    78: ("see what its configuration lacks, mend it, then start it", "hermes-gateways status {0}"),
    126: ("have it run the Hermes that is there now", "hermes-gateways install {0} --start"),
    127: ("have it run the Hermes that is there now", "hermes-gateways install {0} --start"),
    200: ("write the service anew", "hermes-gateways install {0} --start"),
    203: ("have it run the Hermes that is there now", "hermes-gateways install {0} --start"),
    209: ("make the folder of its log, or name another one", "hermes-gateways install {0} --start"),
}
# Without a folder, a program, a log or a configuration, a further try ends the same way.
_HOPELESS = (78, 126, 127, 200, 203, 209)
_OF_MANAGER = {
    "oom-kill": "the machine ran out of memory and it was killed",
    "timeout": "it did not come up, or go down, in time",
    "watchdog": "it did not answer and was killed",
    "core-dump": "its Python crashed",
    "resources": "its manager could not set it up",
    "bad-setting": "its unit has a setting that systemd refuses",
    "masked": "its unit is masked",
}


def crash_loop(facts: Facts) -> Iterator[Finding]:
    """Yield gateways that end again and again, and are started again and again."""
    for profile, gateway, service in _supervised(facts):
        if gateway.state is GatewayState.UNSUPERVISED and (service.waiting or (service.restarts or 0) >= CRASH_LOOP):
            yield Finding(
                f"the gateway of {profile.name} runs outside its service, which tries to start another one again and "
                f"again{_last(service)}",
                Fix("bring it back under its service", f"hermes-gateways restart {profile.name}"),
                profiles=(profile.name,),
                evidence=_place(facts, profile),
            )
        if gateway.state is not GatewayState.CRASH_LOOPING:
            continue
        count = f"{service.restarts} times so far" if service.restarts else "again and again"
        yield Finding(
            f"the gateway of {profile.name} ends as soon as it is started, {count}{_last(service)}",
            _remedy(profile.name, service, "see why: the end of its log is shown", "hermes-gateways restart {0}"),
            profiles=(profile.name,),
            evidence=_place(facts, profile),
            severity=_of(profile),
        )


def start_limit(facts: Facts) -> Iterator[Finding]:
    """Yield services that their manager has given up."""
    for profile, gateway, service in _supervised(facts):
        if service.reason != _START_LIMIT or gateway.process is not None:
            continue
        yield Finding(
            f"the gateway of {profile.name} was started too often and its manager has given it up{_last(service)}",
            Fix("mend what it ends of, then start it: the count begins anew", f"hermes-gateways start {profile.name}"),
            profiles=(profile.name,),
            evidence=_place(facts, profile),
            severity=_of(profile),
        )


def last_exit(facts: Facts) -> Iterator[Finding]:
    """Yield gateways that are down because they failed, with what their exit code means."""
    for profile, gateway, service in _supervised(facts):
        if gateway.state is not GatewayState.FAILED or service.reason == _START_LIMIT:
            continue
        said = _OF_MANAGER.get(service.reason) or (exit_meaning(service.last_exit) if service.last_exit else "")
        severity = Severity.WARNING if service.last_exit == 75 else None
        yield Finding(
            f"the gateway of {profile.name} is down: {said or 'it could not start'}",
            _remedy(profile.name, service, "see what it says, mend it, then start it", "hermes-gateways status {0}"),
            profiles=(profile.name,),
            evidence=_place(facts, profile),
            severity=_of(profile) or severity,
        )


def not_running(facts: Facts) -> Iterator[Finding]:
    """Yield gateways that should run and were stopped, or never started: `status` says so with exit 3."""
    for profile, gateway, service in _supervised(facts):
        is_down = gateway.state in (GatewayState.STOPPED, GatewayState.STALE)
        if not is_down or profile.disabled or not service.enabled or service.reason == _START_LIMIT:
            continue
        yield Finding(
            f"the gateway of {profile.name} is not running, though its service is enabled",
            Fix(
                f"start it, or say that it shall not run with `hermes-gateways disable {profile.name}`",
                f"hermes-gateways start {profile.name}",
            ),
            profiles=(profile.name,),
            evidence=_place(facts, profile),
        )


def disabled_but_enabled(facts: Facts) -> Iterator[Finding]:
    """Yield profiles that were switched off and whose service starts, or runs, all the same."""
    gateways = facts.inventory.gateways if facts.inventory is not None else {}
    for profile in facts.profiles.values():
        gateway = gateways.get(profile.name)
        if not profile.disabled or gateway is None:
            continue
        service = gateway.service
        starts = service is not None and service.enabled
        runs = gateway.process is not None or (
            service is not None and service.activity in (Activity.ACTIVE, Activity.ACTIVATING)
        )
        if not starts and not runs:
            continue
        doing = " and ".join(
            word
            for word, is_so in (("its gateway runs", runs), ("its service starts with its manager", starts))
            if is_so
        )
        now = " --now" if runs else ""
        yield Finding(
            f"{profile.name} is disabled, but {doing}",
            Fix("switch it off altogether", f"hermes-gateways disable {profile.name}{now}"),
            profiles=(profile.name,),
            evidence=(profile.at_path(("disabled",), PROFILE_FILE), *_place(facts, profile)),
        )


def _supervised(facts: Facts) -> Iterator[tuple[ProfileFacts, Gateway, ServiceStatus]]:
    """Yield profiles with a service of their own of which nothing is known yet that explains all the rest."""
    explained = unstartable(facts) | served_by_default(facts)
    gateways = facts.inventory.gateways if facts.inventory is not None else {}
    for name, profile in facts.profiles.items():
        gateway = gateways.get(name)
        if gateway is None or gateway.service is None or name in explained:
            continue
        if gateway.service.installed and gateway.service.scope == "user":
            yield profile, gateway, gateway.service


def _last(service: ServiceStatus) -> str:
    said = _OF_MANAGER.get(service.reason) or (exit_meaning(service.last_exit) if service.last_exit else "")
    return f"; last: {said}" if said else ""


def _remedy(name: str, service: ServiceStatus, text: str, command: str) -> Fix:
    if service.reason == "masked":
        return Fix("take the mask off", f"systemctl --user unmask hermes-gateway-{name}.service")
    known = _REMEDIES.get(service.last_exit or 0)
    if known is not None and (service.last_exit in _HOPELESS or service.last_exit == 75):
        text, command = known
    return Fix(text, command.format(name))


def _of(profile: ProfileFacts) -> Severity | None:
    """Return the severity for a profile that is switched off; it hurts nobody."""
    return Severity.INFO if profile.disabled else None


def _place(facts: Facts, profile: ProfileFacts) -> tuple[Evidence, ...]:
    found = facts.services.main(profile.name)
    return (Evidence(profile.name, str(found.path)),) if found is not None else ()
