"""The service manager itself: whether it can be reached, and whether services outlive the session."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hermes_profiles.doctor.facts.services import USER
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix
from hermes_profiles.model.errors import Problem

_COMMAND = re.compile(r"`([^`]+)`")
# Why the user's own manager does not listen, though the machine has one.
_NO_BUS = ("no-user-bus", "linger-off", "sudo", "no-domain")
# Nothing of the kind runs here at all: a container, or WSL.
_NOT_HERE = ("no-systemd", "wsl-without-systemd")


def no_user_bus(facts: Facts) -> Iterator[Finding]:
    """Yield services whose manager does not run for this user: nothing starts them."""
    yield from (_out_of_reach(facts, each) for each in _problems(facts) if each.code in _NO_BUS)


def unreachable(facts: Facts) -> Iterator[Finding]:
    """Yield services whose manager does not answer for any other reason."""
    yield from (_out_of_reach(facts, each) for each in _problems(facts) if each.code not in (*_NO_BUS, *_NOT_HERE))


def no_systemd(facts: Facts) -> Iterator[Finding]:
    """Yield, as a remark, services that mean nothing on this machine: it runs without their manager."""
    for each in _problems(facts):
        if each.code in _NOT_HERE:
            names = _installed(facts)
            yield Finding(
                f"the services of {', '.join(names)} start nothing here: {each.message}",
                Fix(
                    each.hint or "run gateways with the manager that comes along",
                    f"hermes-gateways install {' '.join(names)} --manager supervisor",
                ),
                profiles=names,
                evidence=_places(facts),
            )


def linger_off(facts: Facts) -> Iterator[Finding]:
    """Yield services that end with the last session of their user, and do not start at boot."""
    if facts.services.linger is not False:
        return
    names = tuple(
        sorted(
            {
                each.profile
                for each in facts.services.definitions
                if each.profile is not None and each.enabled and facts.services.is_main(each) and each.home_exists
            }
        )
    )
    if names:
        yield Finding(
            f"the services of {', '.join(names)} end when the last session of this user does, and do not start at boot",
            Fix("have them run without a session", "loginctl enable-linger"),
            profiles=names,
        )


def _problems(facts: Facts) -> tuple[Problem, ...]:
    return facts.services.unreachable[:1] if _installed(facts) else ()


def _installed(facts: Facts) -> tuple[str, ...]:
    """Return the profiles whose services the manager out of reach has."""
    found = {
        each.profile
        for each in facts.services.definitions
        if each.manager is facts.services.manager
        and each.scope == USER
        and each.profile is not None
        and each.home_exists
    }
    return tuple(sorted(found))


def _places(facts: Facts) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(each.profile, str(each.path))
        for each in facts.services.definitions
        if each.manager is facts.services.manager and each.scope == USER and each.home_exists
    )


def _out_of_reach(facts: Facts, problem: Problem) -> Finding:
    names = _installed(facts)
    hint = problem.hint or ""
    found = _COMMAND.search(hint)
    command = found[1] if found is not None and not found[1].startswith("-") else "hermes-gateways status"
    return Finding(
        f"the services of {', '.join(names)} are out of reach: {problem.message}",
        Fix(hint.replace("`", "") or "see what it says", command),
        profiles=names,
        evidence=_places(facts),
    )
