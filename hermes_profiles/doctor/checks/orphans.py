"""Services that belong to nobody, and homes that belong to several services."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from hermes_profiles.doctor.facts.services import SYSTEM, Definition, ServiceLeftover
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, RemoveFile, RemoveService, Repair, Severity
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.secret import Secret
from hermes_profiles.services.manager import Activity, ManagerKind

_AT_WORK = (Activity.ACTIVE, Activity.ACTIVATING, Activity.DEACTIVATING)


def orphan(facts: Facts) -> Iterator[Finding]:
    """Yield services of this root whose profile is gone, and what is left of services."""
    for each in facts.services.definitions:
        if not each.home_exists:
            yield _orphan(facts, each)
    groups: dict[str, list[ServiceLeftover]] = {}
    for left in facts.services.leftovers:
        groups.setdefault(left.unit, []).append(left)
    for unit, several in groups.items():
        yield _left(unit, several)


def _orphan(facts: Facts, found: Definition) -> Finding:
    is_up = found.status is not None and (found.status.activity in _AT_WORK or bool(found.status.restarts))
    can_start = found.enabled or is_up
    loops = found.status.restarts if found.status is not None and found.status.waiting else None
    doing = (
        f", and its manager tries to start it again and again ({loops} times so far)"
        if loops
        else ", and it runs"
        if is_up
        else ", and it starts with its manager"
        if found.enabled
        else ""
    )
    who = found.profile or "a gateway"
    where = "system service" if found.scope == SYSTEM else "service"
    repairs: tuple[Repair, ...] = ()
    if found.scope != SYSTEM and found.is_own_name and found.status is not None:
        repairs = (RemoveService(found.unit, found.files, str(found.manager)),)
    text = "remove it" if repairs or found.scope == SYSTEM else "stop it and remove its files"
    if found.scope != SYSTEM and found.status is None and facts.services.unreachable:
        text = f"remove it, once {found.manager} can be reached"
    return Finding(
        f"the {where} {found.unit} is for {who} in {found.home_text}, which is gone{doing}",
        Fix(text, removal_command(facts, found)),
        profiles=(found.profile,) if found.profile is not None else (),
        evidence=(Evidence(found.profile, str(found.path), None, HERMES_HOME),),
        subject=Secret(str(found.path)),
        repairs=repairs,
        severity=Severity.ERROR if can_start else Severity.WARNING,
    )


def removal_command(facts: Facts, found: Definition) -> str:
    """Return the command that takes a service away, whoever has to run it."""
    if found.scope != SYSTEM and found.is_own_name and found.profile is not None:
        option = "" if found.manager is facts.services.manager else f" --manager {found.manager}"
        return f"hermes-gateways uninstall {found.profile}{option}"
    name, path = shlex.quote(found.path.name), shlex.quote(str(found.path))
    ours = next((each for each, _ in found.files if each.parent.name.endswith(".service.d")), None)
    if found.scope == SYSTEM:
        return f"sudo systemctl disable --now {name} && sudo rm -r {path}{f' {shlex.quote(str(ours))}' if ours else ''}"
    if found.manager is ManagerKind.SYSTEMD:
        more = f" {shlex.quote(str(ours))}" if ours else ""
        return f"systemctl --user disable --now {name} && rm {path}{more} && systemctl --user daemon-reload"
    if found.manager is ManagerKind.LAUNCHD:
        return f"launchctl bootout gui/{facts.uid}/{shlex.quote(found.unit)}; rm {path}"
    return f"rm {path}"


def _left(unit: str, several: list[ServiceLeftover]) -> Finding:
    what = " and ".join(
        word
        for word, is_link in (("a link that starts it", True), ("our drop-in", False))
        if any(each.is_link is is_link for each in several)
    )
    profile = next((each.profile for each in several if each.profile is not None), None)
    return Finding(
        f"of the service {unit}, only {what} {'is' if len(several) == 1 else 'are'} left: its unit is gone",
        Fix("remove what is left", shlex.join(["rm", *(str(each.path) for each in several)])),
        profiles=(profile,) if profile is not None else (),
        evidence=tuple(Evidence(each.profile, str(each.path)) for each in several),
        subject=Secret(f"left\0{unit}"),
        repairs=tuple(RemoveFile(each.path, each.signature) for each in several),
        severity=Severity.WARNING,
    )


def two_supervisors(facts: Facts) -> Iterator[Finding]:
    """Yield homes that more than one service runs: two gateways fight over everything they have."""
    for profile in facts.profiles:
        services = facts.services.of(profile)
        if len(services) < 2:
            continue
        starting = [each for each in services if _may_start(each)]
        kept = facts.services.main(profile) or services[0]
        others = [each for each in services if each is not kept]
        names = " and ".join(_called(each) for each in services)
        yield Finding(
            f"{profile} has {len(services)} services, {names}: "
            + ("each starts a gateway of its own" if len(starting) > 1 else "only one of them may ever be started"),
            Fix(
                f"keep {_called(kept)} and remove the rest",
                " && ".join(removal_command(facts, each) for each in others),
            ),
            profiles=(profile,),
            evidence=tuple(Evidence(profile, str(each.path)) for each in services),
            severity=Severity.ERROR if len(starting) > 1 else Severity.WARNING,
        )


def _may_start(found: Definition) -> bool:
    return found.enabled or (found.status is not None and found.status.activity in _AT_WORK)


def _called(found: Definition) -> str:
    scope = "the system's" if found.scope == SYSTEM else "the user's"
    return f"{found.path.name} of {scope} {found.manager}"


def legacy_unit(facts: Facts) -> Iterator[Finding]:
    """Yield services under a name that only old releases gave: no command of today sees them."""
    for each in facts.services.definitions:
        if not each.is_legacy or not each.home_exists or len(facts.services.of(each.profile or "")) > 1:
            continue
        command = (
            "hermes gateway migrate-legacy" if each.manager is ManagerKind.SYSTEMD else removal_command(facts, each)
        )
        yield Finding(
            f"{_called(each)} is from an old release of Hermes: `hermes gateway` and `hermes-gateways` do not see it",
            Fix("remove it, then install the service anew with `hermes-gateways install`", command),
            profiles=(each.profile,) if each.profile is not None else (),
            evidence=(Evidence(each.profile, str(each.path)),),
        )
