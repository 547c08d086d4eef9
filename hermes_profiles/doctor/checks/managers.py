"""Reports an unreachable service manager, and services that end with the login session."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.doctor.facts.services import USER
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.patterns import lazy_pattern

_COMMAND = lazy_pattern(r"`([^`]+)`")
# Problem codes: the machine has a service manager, but it does not run for this user.
_NO_BUS = ("no-user-bus", "linger-off", "sudo", "no-domain")
# Problem codes: the machine runs without this service manager (a container, or WSL).
_NOT_HERE = ("no-systemd", "wsl-without-systemd")


def no_user_bus(facts: Facts) -> Iterator[Finding]:
    """Find services whose manager does not run for this user; they are never started."""
    yield from (_unreachable(facts, problem) for problem in _problems(facts) if problem.code in _NO_BUS)


def unreachable(facts: Facts) -> Iterator[Finding]:
    """Find services whose manager cannot be queried for another reason."""
    yield from (
        _unreachable(facts, problem) for problem in _problems(facts) if problem.code not in (*_NO_BUS, *_NOT_HERE)
    )


def no_systemd(facts: Facts) -> Iterator[Finding]:
    """Find services on a machine without their manager; they have no effect."""
    for problem in _problems(facts):
        if problem.code in _NOT_HERE:
            names = _installed(facts)
            yield Finding(
                f"the services of {', '.join(names)} have no effect on this machine: {problem.message}",
                Fix(
                    problem.hint or "run gateways with the included supervisor",
                    f"hermes-gateways install {' '.join(names)} --manager supervisor",
                ),
                profiles=names,
                evidence=_places(facts),
            )


def linger_off(facts: Facts) -> Iterator[Finding]:
    """Find services that end with the last session of their user and do not start at boot."""
    if facts.services.linger is not False:
        return
    names = tuple(
        sorted(
            {
                service.profile
                for service in facts.services.definitions
                if service.profile is not None
                and service.enabled
                and facts.services.is_main(service)
                and service.home_exists
            }
        )
    )
    if names:
        yield Finding(
            f"the services of {', '.join(names)} end with the last session of this user and do not start at boot",
            Fix("enable lingering for this user", "loginctl enable-linger"),
            profiles=names,
        )


def _problems(facts: Facts) -> tuple[Problem, ...]:
    return facts.services.unreachable[:1] if _installed(facts) else ()


def _installed(facts: Facts) -> tuple[str, ...]:
    """Return the profiles with services of the unreachable manager."""
    found = {
        service.profile
        for service in facts.services.definitions
        if service.manager is facts.services.manager
        and service.scope == USER
        and service.profile is not None
        and service.home_exists
    }
    return tuple(sorted(found))


def _places(facts: Facts) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(service.profile, str(service.path))
        for service in facts.services.definitions
        if service.manager is facts.services.manager and service.scope == USER and service.home_exists
    )


def _unreachable(facts: Facts, problem: Problem) -> Finding:
    names = _installed(facts)
    hint = problem.hint or ""
    found = _COMMAND.search(hint)
    command = found[1] if found is not None and not found[1].startswith("-") else "hermes-gateways status"
    return Finding(
        f"the services of {', '.join(names)} cannot be controlled: {problem.message}",
        Fix(hint.replace("`", "") or "query the manager", command),
        profiles=names,
        evidence=_places(facts),
    )
