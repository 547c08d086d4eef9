"""Reports services without a profile, homes with several services, and services of old releases."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from hermes_profiles.doctor.facts.services import SYSTEM, USER, Definition, ServiceLeftover
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, RemoveFile, RemoveService, Repair, Severity
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.secret import Secret
from hermes_profiles.services.manager import Activity, ManagerKind
from hermes_profiles.services.naming import unit_folder

_RUNNING = (Activity.ACTIVE, Activity.ACTIVATING, Activity.DEACTIVATING)


def orphan(facts: Facts) -> Iterator[Finding]:
    """Find services of this root whose profile is missing, and leftover files of removed services."""
    for service in facts.services.definitions:
        if not service.home_exists:
            yield _orphan(facts, service)
    groups: dict[str, list[ServiceLeftover]] = {}
    for leftover in facts.services.leftovers:
        groups.setdefault(leftover.unit, []).append(leftover)
    for unit, files in groups.items():
        yield _leftover(unit, files)


def _orphan(facts: Facts, service: Definition) -> Finding:
    is_up = service.status is not None and (service.status.activity in _RUNNING or bool(service.status.restarts))
    can_start = service.enabled or is_up
    loops = service.status.restarts if service.status is not None and service.status.waiting else None
    state = (
        f", and its manager keeps restarting it ({loops} times so far)"
        if loops
        else ", and it is running"
        if is_up
        else ", and it starts with its manager"
        if service.enabled
        else ""
    )
    label = service.profile or "a gateway"
    where = "system service" if service.scope == SYSTEM else "service"
    repairs: tuple[Repair, ...] = ()
    if service.scope != SYSTEM and service.is_own_name and service.status is not None:
        repairs = (RemoveService(service.unit, service.files, str(service.manager)),)
    text = "remove it" if repairs or service.scope == SYSTEM else "stop it and remove its files"
    if service.scope != SYSTEM and service.status is None and facts.services.unreachable:
        text = f"remove it, once {service.manager} can be reached"
    return Finding(
        f"the {where} {service.unit} runs {label} in {service.home_text}, which does not exist{state}",
        Fix(text, removal_command(facts, service)),
        profiles=(service.profile,) if service.profile is not None else (),
        evidence=(Evidence(service.profile, str(service.path), None, HERMES_HOME),),
        subject=Secret(str(service.path)),
        repairs=repairs,
        severity=Severity.ERROR if can_start else Severity.WARNING,
    )


def removal_command(facts: Facts, service: Definition) -> str:
    """Return the command that removes a service."""
    kept = facts.services.main(service.profile or "")
    is_other_file = kept is not None and kept.unit == service.unit and kept.path != service.path
    is_other_file = is_other_file and kept is not None and kept.manager is service.manager
    if is_other_file and service.scope != SYSTEM:
        # A unit of the same name in another folder: systemd and our commands act on the other file.
        return f"{shlex.join(['rm', *(str(file) for file, _ in service.files)])} && systemctl --user daemon-reload"
    if service.scope != SYSTEM and service.is_own_name and service.profile is not None:
        option = "" if service.manager is facts.services.manager else f" --manager {service.manager}"
        return f"hermes-gateways uninstall {service.profile}{option}"
    name, path = shlex.quote(service.path.name), shlex.quote(str(service.path))
    ours = next((file for file, _ in service.files if file.parent.name.endswith(".service.d")), None)
    if service.scope == SYSTEM:
        return f"sudo systemctl disable --now {name} && sudo rm -r {path}{f' {shlex.quote(str(ours))}' if ours else ''}"
    if service.manager is ManagerKind.SYSTEMD:
        more = f" {shlex.quote(str(ours))}" if ours else ""
        return f"systemctl --user disable --now {name} && rm {path}{more} && systemctl --user daemon-reload"
    if service.manager is ManagerKind.LAUNCHD:
        return f"launchctl bootout gui/{facts.uid}/{shlex.quote(service.unit)}; rm {path}"
    return f"rm {path}"


def _leftover(unit: str, files: list[ServiceLeftover]) -> Finding:
    what = " and ".join(
        word
        for word, is_link in (("a link that enables it", True), ("a drop-in of hermes-profiles", False))
        if any(file.is_link is is_link for file in files)
    )
    profile = next((file.profile for file in files if file.profile is not None), None)
    return Finding(
        f"the unit {unit} is missing, but {what} {'is' if len(files) == 1 else 'are'} left",
        Fix("remove the leftover files", shlex.join(["rm", *(str(file.path) for file in files)])),
        profiles=(profile,) if profile is not None else (),
        evidence=tuple(Evidence(file.profile, str(file.path)) for file in files),
        subject=Secret(f"left\0{unit}"),
        repairs=tuple(RemoveFile(file.path, file.signature) for file in files),
        severity=Severity.WARNING,
    )


def two_supervisors(facts: Facts) -> Iterator[Finding]:
    """Find homes with more than one service; their gateways would compete for the same bots and files."""
    for profile in facts.profiles:
        services = facts.services.of(profile)
        if len(services) < 2:
            continue
        starting = [service for service in services if _can_start(service)]
        kept = facts.services.main(profile) or services[0]
        others = [service for service in services if service is not kept]
        names = " and ".join(_service_label(service) for service in services)
        yield Finding(
            f"{profile} has {len(services)} services, {names}: "
            + ("each of them starts a gateway" if len(starting) > 1 else "only one of them can be used"),
            Fix(
                f"keep {_service_label(kept)} and remove the rest",
                " && ".join(removal_command(facts, service) for service in others),
            ),
            profiles=(profile,),
            evidence=tuple(Evidence(profile, str(service.path)) for service in services),
            severity=Severity.ERROR if len(starting) > 1 else Severity.WARNING,
        )


def _can_start(service: Definition) -> bool:
    return service.enabled or (service.status is not None and service.status.activity in _RUNNING)


def _service_label(service: Definition) -> str:
    scope = "the system's" if service.scope == SYSTEM else "the user's"
    return f"{service.path.name} of {scope} {service.manager}"


def unread_unit(facts: Facts) -> Iterator[Finding]:
    """Find units in a folder that the installed Hermes does not read, because of XDG_CONFIG_HOME."""
    read = unit_folder(facts.layout.user_home, facts.environment, facts.update.hermes)
    for profile in facts.profiles:
        units = [each for each in facts.services.of(profile) if each.manager is ManagerKind.SYSTEMD]
        units = [each for each in units if each.scope == USER and each.is_own_name]
        if not units or any(each.path.parent == read for each in units):
            continue
        service = units[0]
        start = " --start" if _can_start(service) else ""
        yield Finding(
            f"the unit of {profile} is in {service.path.parent}, and the installed Hermes reads {read}:"
            " `hermes gateway` and `hermes update` do not find it",
            Fix(
                f"install it again, which writes it to {read}",
                f"hermes-gateways uninstall {profile} && hermes-gateways install {profile}{start}",
            ),
            profiles=(profile,),
            evidence=(Evidence(profile, str(service.path)),),
        )


def legacy_unit(facts: Facts) -> Iterator[Finding]:
    """Find services with a name of an old Hermes release; current commands do not find them."""
    for service in facts.services.definitions:
        if not service.is_legacy or not service.home_exists or len(facts.services.of(service.profile or "")) > 1:
            continue
        command = (
            "hermes gateway migrate-legacy"
            if service.manager is ManagerKind.SYSTEMD
            else removal_command(facts, service)
        )
        yield Finding(
            f"{_service_label(service)} has a name of an old Hermes release: `hermes gateway` and `hermes-gateways`"
            " do not find it",
            Fix("remove it, then install the service again with `hermes-gateways install`", command),
            profiles=(service.profile,) if service.profile is not None else (),
            evidence=(Evidence(service.profile, str(service.path)),),
        )
