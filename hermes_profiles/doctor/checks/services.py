"""Reports service definitions with missing programs or folders, name clashes, drift, or a wrong profile."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.doctor.facts.services import SYSTEM, USER, Definition
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, InstallService, ReloadManager, Repair
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.services.drift import DriftCode
from hermes_profiles.services.manager import ManagerKind
from hermes_profiles.services.naming import drop_in

from .topology import served_by_default


def unstartable(facts: Facts) -> frozenset[str]:
    """Return the profiles with a service that cannot start; its status needs no separate finding."""
    found = {
        service.profile
        for service in facts.services.definitions
        if _missing_program(service) or not service.directory_exists
    }
    return frozenset(name for name in (*found, *facts.services.blockers) if name is not None)


def no_interpreter(facts: Facts) -> Iterator[Finding]:
    """Find services with a missing or non-executable program (exit 203 on every start)."""
    for service in _existing(facts):
        program = _missing_program(service)
        if program is None:
            continue
        key = _COMMAND[service.manager]
        yield Finding(
            f"the service of {service.profile} runs {program}, which is missing or not executable{_tries(service)}",
            _own_edit(service, key)
            or Fix(
                "install the service again with the current Hermes; install Hermes first if it is missing",
                _install_command(service),
            ),
            profiles=(service.profile or "",),
            evidence=(_setting_place(service, key),),
            repairs=_reinstall(facts, service),
        )


_COMMAND = {
    ManagerKind.SYSTEMD: "ExecStart",
    ManagerKind.SUPERVISOR: "command",
    ManagerKind.LAUNCHD: "ProgramArguments",
}


def _setting_place(service: Definition, key: str) -> Evidence:
    """Return the effective place of a setting: its last line in the last file of the definition."""
    place = Evidence(service.profile, str(service.path), None, key)
    for path, content in service.contents.items():
        for number, line in enumerate(content.split(b"\n"), 1):
            if line.strip().startswith(key.encode() + b"=") and line.partition(b"=")[2].strip():
                place = Evidence(service.profile, str(path), number, key)
    return place


def _own_edit(service: Definition, key: str) -> Fix | None:
    """Return the fix for a setting in a drop-in of the user, which no command rewrites; None otherwise."""
    place = Path(_setting_place(service, key).file or "")
    if place == service.path or place == drop_in(service.path):
        return None
    again = "systemctl --user daemon-reload" if service.scope == USER else "sudo systemctl daemon-reload"
    return Fix(f"remove {key} from {place}", f"${{EDITOR:-vi}} {shlex.quote(str(place))} && {again}")


def _existing(facts: Facts) -> Iterator[Definition]:
    """Yield the services of existing profiles."""
    yield from (
        service for service in facts.services.definitions if service.profile is not None and service.home_exists
    )


def _missing_program(service: Definition) -> str | None:
    return service.parsed.program if service.works.get(service.parsed.program) is False else None


def _tries(service: Definition) -> str:
    count = service.status.restarts if service.status is not None else None
    return f"; its manager has tried {count} times" if count else ""


def _install_command(service: Definition) -> str:
    """Return the command that installs a service again."""
    if service.scope == SYSTEM:
        return f"hermes-gateways install {service.profile} --system"
    return f"hermes-gateways install {service.profile}"


def _reinstall(facts: Facts, service: Definition) -> tuple[Repair, ...]:
    """Return the repair that installs an outdated service of hermes-profiles again, () for other services."""
    drift = facts.services.drifts.get(service.profile or "")
    is_safe = service.is_ours and facts.services.is_main(service) and service.profile not in served_by_default(facts)
    if service.profile is None or drift is None or drift.code is not DriftCode.OUTDATED or not is_safe:
        return ()
    return (InstallService(service.profile),)


def no_home(facts: Facts) -> Iterator[Finding]:
    """Find services with a missing working directory or home (exit 200 on every start)."""
    for service in _existing(facts):
        if service.directory_exists:
            continue
        key = "directory" if service.manager is ManagerKind.SUPERVISOR else "WorkingDirectory"
        yield Finding(
            f"the service of {service.profile} starts in {service.parsed.directory}, which does not "
            f"exist{_tries(service)}",
            _own_edit(service, key)
            or Fix(
                f"install it again with the folder {facts.layout.home(service.profile or '')}",
                f"{_install_command(service)} --force",
            ),
            profiles=(service.profile or "",),
            evidence=(_setting_place(service, key),),
        )
    for profile, found in facts.services.blockers.items():
        yield Finding(
            f"the service with the name for {profile} runs {found.home_text}, which does not exist{_tries(found)}",
            Fix(f"install it again for {facts.layout.home(profile)}", f"hermes-gateways install {profile} --force"),
            profiles=(profile,),
            evidence=(Evidence(profile, str(found.path), None, HERMES_HOME),),
        )


def foreign(facts: Facts) -> Iterator[Finding]:
    """Find services with files that name homes of two roots; both roots write the same files."""
    for service in _existing(facts):
        if not service.other_roots:
            continue
        yield Finding(
            f"the service {service.unit} belongs to {service.profile} and to "
            f"{service.other_roots[0]}: two roots of one user "
            "write the same files",
            Fix(
                f"choose one of them; this command assigns the service to {service.profile}",
                f"{_install_command(service)} --force",
            ),
            profiles=(service.profile or "",),
            evidence=tuple(Evidence(service.profile, str(path), None, HERMES_HOME) for path in service.contents),
        )


def name_clash(facts: Facts) -> Iterator[Finding]:
    """Find profiles that share one service name. Hermes names the service of a linked home after the link target."""
    for unit, several in facts.services.clashes.items():
        first, home = several[0], facts.layout.home(several[0])
        yield Finding(
            f"{' and '.join(sorted(several))} share one service, {unit}: {first} is a link, and Hermes names its "
            "service after the link target",
            Fix("replace the link by the folder itself", f"ls -ld {shlex.quote(str(home))}"),
            profiles=tuple(sorted(several)),
            evidence=tuple(Evidence(name, str(facts.layout.home(name))) for name in several),
        )


def drifted(facts: Facts) -> Iterator[Finding]:
    """Find services of hermes-profiles that an installation today would write differently."""
    for service, details in _drifts(facts, DriftCode.OUTDATED):
        if service.is_ours:
            yield Finding(
                f"the service of {service.profile} is outdated: {details}",
                Fix(
                    "install the service again; a running gateway uses the service after its next start",
                    _install_command(service),
                ),
                profiles=(service.profile or "",),
                evidence=(Evidence(service.profile, str(service.path)),),
                repairs=_reinstall(facts, service),
            )


def hand_edited(facts: Facts) -> Iterator[Finding]:
    """Find services edited by hand; the next install by Hermes or hermes-gateways overwrites the edits."""
    for service, details in _drifts(facts, DriftCode.HAND_EDITED):
        yield Finding(
            f"the service of {service.profile} was edited by hand, and the next install overwrites "
            f"the edits: {details}",
            Fix(
                f"move your settings to {service.path.name}.d/60-mine.conf; this command prints the differences"
                if service.manager is ManagerKind.SYSTEMD
                else "move your settings away; this command prints the differences",
                f"hermes-gateways install {service.profile} --dry-run",
            ),
            profiles=(service.profile or "",),
            evidence=(Evidence(service.profile, str(service.path)),),
        )


def not_adopted(facts: Facts) -> Iterator[Finding]:
    """Find services written by Hermes without the additions of hermes-profiles."""
    codes = (DriftCode.OUTDATED, DriftCode.MISSING, DriftCode.SAME_MEANING)
    services = [service for code in codes for service, _ in _drifts(facts, code) if not service.is_ours]
    if services:
        names = sorted(service.profile or "" for service in services)
        yield Finding(
            f"Hermes wrote the services of {', '.join(names)}: they mask no shared bot before a start",
            Fix("install the additions of hermes-profiles", f"hermes-gateways install {' '.join(names)}"),
            profiles=tuple(names),
            evidence=tuple(Evidence(service.profile, str(service.path)) for service in services),
        )


def _drifts(facts: Facts, code: DriftCode) -> Iterator[tuple[Definition, str]]:
    """Yield (service, differences) of the services with this kind of drift and without a worse fault."""
    worse = unstartable(facts) | served_by_default(facts)
    for profile, drift in facts.services.drifts.items():
        found = facts.services.main(profile)
        if drift.code is code and found is not None and profile not in worse:
            folder = f"{found.path.parent}/"
            yield found, "; ".join(detail.replace(folder, "") for detail in drift.details[:4])


def not_reloaded(facts: Facts) -> Iterator[Finding]:
    """Find services with files that changed after the manager loaded them."""
    services = [
        service
        for service in _existing(facts)
        if service.status is not None and service.status.stale_definition and service.manager is facts.services.manager
    ]
    if services:
        names = sorted({service.profile or "" for service in services})
        manager = services[0].manager
        command = (
            "systemctl --user daemon-reload"
            if manager is ManagerKind.SYSTEMD
            else f"hermes-gateways install {' '.join(names)}"
        )
        yield Finding(
            f"{manager} has not reloaded the changed service of {', '.join(names)}, and uses the old one",
            Fix("reload the service", command),
            profiles=tuple(names),
            evidence=tuple(Evidence(service.profile, str(service.path)) for service in services),
            repairs=(ReloadManager(str(manager)),),
        )


def path_lacks(facts: Facts) -> Iterator[Finding]:
    """Find services that do not find a program named in the configuration, although the shell finds it."""
    for profile, needs in facts.services.needs.items():
        holder = facts.profiles[profile]
        tools = sorted({program.tool for program in needs})
        fixed_by_reinstall = all(program.fixed_by_reinstall for program in needs)
        first = next((program for program in needs if not program.fixed_by_reinstall), needs[0])
        path, place = ".".join(first.at), shlex.quote(first.found)
        yield Finding(
            f"the service of {profile} does not find {', '.join(tools)}: the folder is missing on its PATH",
            Fix("install the service again with the current PATH", f"hermes-gateways install {profile} --force")
            if fixed_by_reinstall
            else Fix(
                "set the absolute path of the program",
                f"hermes-profiles config set {profile} {shlex.quote(path)} {place}",
            )
            if first.at[0] == "mcp_servers"
            else Fix(
                f"link {first.found} into ~/.local/bin, then install the service again",
                f"ln -s {place} ~/.local/bin/ && hermes-gateways install {profile} --force",
            ),
            profiles=(profile,),
            evidence=tuple(holder.at_path(program.at) for program in needs),
        )


def sticky_redirect(facts: Facts) -> Iterator[Finding]:
    """Find services of the default profile that start the sticky profile, since they name no profile."""
    for service in facts.services.of(DEFAULT):
        if facts.active == DEFAULT or service.parsed.selected or not service.home_exists:
            continue
        yield Finding(
            f"the service {service.unit} of the default profile starts the gateway of {facts.active}, "
            "the sticky profile: "
            f"{facts.active} has two gateways, default has none",
            Fix("install the service again for the default profile", _install_command(service)),
            profiles=tuple(sorted(name for name in {DEFAULT, facts.active} if facts.is_profile(name))),
            evidence=(
                Evidence(DEFAULT, str(facts.layout.active_profile)),
                _setting_place(service, _COMMAND[service.manager]),
            ),
        )
