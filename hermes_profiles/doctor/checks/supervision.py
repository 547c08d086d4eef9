"""Reports gateways that crash, failed, are stopped although enabled, or run although disabled."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.gateways.lost_definition import unmask_command
from hermes_profiles.gateways.model import MASKED, Gateway, GatewayState, epoch_of, exit_meaning, span
from hermes_profiles.gateways.resolve import CRASH_LOOP
from hermes_profiles.hermes.files import PROFILE_FILE, STATE_FILE
from hermes_profiles.services.manager import Activity, ServiceStatus

from .services import unstartable
from .topology import served_by_default

_START_LIMIT = "start-limit-hit"
_OLD = 7 * 24 * 3600.0  # seconds after which a failed start by hand is a warning only
# Fix for an exit code; `exit_meaning` explains the code.
_REMEDIES = {
    1: ("fix the error in its log, then start it", "hermes-gateways start {0}"),
    75: ("start it again", "hermes-gateways start {0}"),
    78: (
        "complete its configuration, then start it; this command prints what is missing",
        "hermes-gateways status {0}",
    ),
    126: ("install the service again with the current Hermes", "hermes-gateways install {0} --start"),
    127: ("install the service again with the current Hermes", "hermes-gateways install {0} --start"),
    200: ("install the service again", "hermes-gateways install {0} --start"),
    203: ("install the service again with the current Hermes", "hermes-gateways install {0} --start"),
    209: ("create the folder of its log, or set another one", "hermes-gateways install {0} --start"),
}
# Exit codes of a missing folder, program, log or configuration: every further start fails the same way.
_HOPELESS = (78, 126, 127, 200, 203, 209)
_REASONS = {
    "oom-kill": "killed by the out-of-memory killer",
    "timeout": "it did not start or stop in time",
    "watchdog": "killed by the watchdog of its manager",
    "core-dump": "its Python crashed",
    "resources": "its manager could not allocate its resources",
    "bad-setting": "systemd rejects a setting of its unit",
    MASKED: "its unit is masked",
}


def crash_loop(facts: Facts) -> Iterator[Finding]:
    """Find gateways in a crash loop: they end after every start and are started again."""
    for profile, gateway, service in _supervised(facts):
        if gateway.state is GatewayState.UNSUPERVISED and (service.waiting or (service.restarts or 0) >= CRASH_LOOP):
            yield Finding(
                f"the gateway of {profile.name} runs outside its service, which keeps trying to start another "
                f"one{_last(service)}",
                Fix("restart it under its service", f"hermes-gateways restart {profile.name}"),
                profiles=(profile.name,),
                evidence=_place(facts, profile),
            )
        if gateway.state is not GatewayState.CRASH_LOOPING:
            continue
        count = f"{service.restarts} times so far" if service.restarts else "repeatedly"
        yield Finding(
            f"the gateway of {profile.name} ends after every start ({count}){_last(service)}",
            _remedy(
                profile.name,
                service,
                "fix the error in its log; this command restarts it and prints the end of the log",
                "hermes-gateways restart {0}",
            ),
            profiles=(profile.name,),
            evidence=_place(facts, profile),
            severity=_severity(profile),
        )


def start_limit(facts: Facts) -> Iterator[Finding]:
    """Find services whose manager stopped restarting them."""
    for profile, gateway, service in _supervised(facts):
        if service.reason != _START_LIMIT or gateway.process is not None:
            continue
        yield Finding(
            f"the gateway of {profile.name} was started too often, and its manager no longer restarts "
            f"it{_last(service)}",
            Fix(
                "fix the error in its log, then start it, which resets the count",
                f"hermes-gateways start {profile.name}",
            ),
            profiles=(profile.name,),
            evidence=_place(facts, profile),
            severity=_severity(profile),
        )


def last_exit(facts: Facts) -> Iterator[Finding]:
    """Find gateways that failed and are down, with the meaning of their exit code."""
    for profile, gateway, service in _supervised(facts):
        if gateway.state is not GatewayState.FAILED or service.reason == _START_LIMIT:
            continue
        severity = Severity.WARNING if service.last_exit == 75 else None
        yield Finding(
            f"the gateway of {profile.name} is down: {service.unusable or _cause(service) or 'it could not start'}",
            _remedy(
                profile.name,
                service,
                "fix the error, then start it; this command prints the error",
                "hermes-gateways status {0}",
            ),
            profiles=(profile.name,),
            evidence=_place(facts, profile),
            severity=_severity(profile) or severity,
        )


def failed_start(facts: Facts) -> Iterator[Finding]:
    """Find gateways without a service whose last start failed, or that ended with an error."""
    gateways = facts.inventory.gateways if facts.inventory is not None else {}
    for name, profile in facts.profiles.items():
        gateway = gateways.get(name)
        if gateway is None or gateway.process is not None or (gateway.service and gateway.service.installed):
            continue
        found = _failure(facts, profile, gateway)
        if found is None:
            continue
        message, file, at = found
        age = facts.now - at if at is not None else 0.0
        when = f" {span(age)} ago" if at is not None and age > 0 else ""
        yield Finding(
            f"{message}{when}; it was started by hand, and no service starts it again",
            Fix(
                "fix the error, then start it; this command shows its log",
                f"hermes-gateways logs {name}",
            ),
            profiles=(name,),
            evidence=(Evidence(name, file),),
            severity=_severity(profile) or (Severity.WARNING if age > _OLD else None),
        )


def _failure(facts: Facts, profile: ProfileFacts, gateway: Gateway) -> tuple[str, str, float | None] | None:
    """Return how a gateway that does not run has failed, the file that shows it, and when; None where it has not."""
    record = gateway.observation.runtime if gateway.observation is not None else None
    if gateway.state is GatewayState.FAILED and record is not None:
        what = f"the gateway of {profile.name} is down: {gateway.detail}"
        return what, str(profile.home / STATE_FILE), epoch_of(record.updated)
    log = facts.runtime.failed_logs.get(profile.name)
    if log is not None:
        return f"the gateway of {profile.name} ended with an error ({log.text})", str(log.path), log.at
    return None


def not_running(facts: Facts) -> Iterator[Finding]:
    """Find enabled gateways that are stopped or were never started."""
    for profile, gateway, service in _supervised(facts):
        is_down = gateway.state in (GatewayState.STOPPED, GatewayState.STALE)
        if not is_down or profile.disabled or not service.enabled or service.reason == _START_LIMIT:
            continue
        yield Finding(
            f"the gateway of {profile.name} is not running, though its service is enabled",
            Fix(
                f"start it, or disable its service with `hermes-gateways disable {profile.name}`",
                f"hermes-gateways start {profile.name}",
            ),
            profiles=(profile.name,),
            evidence=_place(facts, profile),
        )


def moved(facts: Facts) -> Iterator[Finding]:
    """Find homes of profiles that live in another place, whether their gateways run or not."""
    gateways = facts.inventory.gateways if facts.inventory is not None else {}
    for name, away in facts.runtime.elsewhere.items():
        gateway = gateways.get(name)
        pid = gateway.pid if gateway is not None and gateway.is_alive else None
        runs = f", and its gateway runs (PID {pid}): the bot can be in use twice" if pid is not None else ""
        stop = Fix(f"stop it; {away.hint}", f"hermes-gateways stop {quote(name)}")
        place = quote(away.record.place)
        finish = Fix(away.hint, f"hermes-gateways move {quote(name)} --to {place}")
        remove = Fix(away.hint, f"hermes-profiles delete {quote(name)}")
        yield Finding(
            f"{away.reason}{runs}",
            stop if pid is not None else finish if away.is_under_way else remove,
            profiles=(name,),
            evidence=(Evidence(name, str(facts.layout.home(name) / PROFILE_FILE)),),
        )


def disabled_but_enabled(facts: Facts) -> Iterator[Finding]:
    """Find disabled profiles whose gateway runs or whose service is enabled."""
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
        state = " and ".join(
            word
            for word, is_so in (("its gateway runs", runs), ("its service starts with its manager", starts))
            if is_so
        )
        now = " --now" if runs else ""
        yield Finding(
            f"{profile.name} is disabled, but {state}",
            Fix("disable its service", f"hermes-gateways disable {profile.name}{now}"),
            profiles=(profile.name,),
            evidence=(profile.at_path(("disabled",), PROFILE_FILE), *_place(facts, profile)),
        )


def _supervised(facts: Facts) -> Iterator[tuple[ProfileFacts, Gateway, ServiceStatus]]:
    """Yield profiles with a user service, without those whose state another finding explains."""
    explained = unstartable(facts) | served_by_default(facts)
    gateways = facts.inventory.gateways if facts.inventory is not None else {}
    for name, profile in facts.profiles.items():
        gateway = gateways.get(name)
        if gateway is None or gateway.service is None or name in explained:
            continue
        if gateway.service.installed and gateway.service.scope == "user":
            yield profile, gateway, gateway.service


def _cause(service: ServiceStatus) -> str:
    """Return why the gateway of a service ended last, "" when unknown."""
    if service.lost:
        return service.lost
    return _REASONS.get(service.reason) or (exit_meaning(service.last_exit) if service.last_exit else "")


def _last(service: ServiceStatus) -> str:
    cause = _cause(service)
    return f"; last: {cause}" if cause else ""


def _remedy(name: str, service: ServiceStatus, text: str, command: str) -> Fix:
    if service.reason == MASKED:
        return unmasked(name)
    if service.lost:
        return Fix("start it again", f"hermes-gateways start {name}")
    known = _REMEDIES.get(service.last_exit or 0)
    if known is not None and (service.last_exit in _HOPELESS or service.last_exit == 75):
        text, command = known
    return Fix(text, command.format(name))


def unmasked(name: str) -> Fix:
    """Return the fix for a masked unit."""
    return Fix("unmask its unit", unmask_command(name))


def _severity(profile: ProfileFacts) -> Severity | None:
    """Return the severity for a disabled profile, None for others."""
    return Severity.INFO if profile.disabled else None


def _place(facts: Facts, profile: ProfileFacts) -> tuple[Evidence, ...]:
    found = facts.services.main(profile.name)
    return (Evidence(profile.name, str(found.path)),) if found is not None else ()
