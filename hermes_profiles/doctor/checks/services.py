"""Definitions of services: what they say, and whether that can work."""

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
    """Return the profiles whose service cannot start: what its manager says of it needs no further words."""
    found = {each.profile for each in facts.services.definitions if _gone_program(each) or not each.directory_exists}
    return frozenset(name for name in (*found, *facts.services.blockers) if name is not None)


def no_interpreter(facts: Facts) -> Iterator[Finding]:
    """Yield services whose Python is gone or cannot be run (exit 203, for ever)."""
    for each in _living(facts):
        program = _gone_program(each)
        if program is None:
            continue
        key = _COMMAND[each.manager]
        yield Finding(
            f"the service of {each.profile} runs {program}, which is gone or cannot be run{_tries(each)}",
            _own_edit(each, key)
            or Fix("have it run the Hermes that is there now; when there is none, install Hermes first", _anew(each)),
            profiles=(each.profile or "",),
            evidence=(_line(each, key),),
            repairs=_renewal(facts, each),
        )


_COMMAND = {
    ManagerKind.SYSTEMD: "ExecStart",
    ManagerKind.SUPERVISOR: "command",
    ManagerKind.LAUNCHD: "ProgramArguments",
}


def _line(found: Definition, key: str) -> Evidence:
    """Return where the setting of a definition stands that counts: the last one, in the last file that has it."""
    place = Evidence(found.profile, str(found.path), None, key)
    for path, content in found.contents.items():
        for number, line in enumerate(content.split(b"\n"), 1):
            if line.strip().startswith(key.encode() + b"=") and line.partition(b"=")[2].strip():
                place = Evidence(found.profile, str(path), number, key)
    return place


def _own_edit(found: Definition, key: str) -> Fix | None:
    """Return how to mend a setting that stands in a drop-in of the user's own: that is left alone by all others."""
    place = Path(_line(found, key).file or "")
    if place == found.path or place == drop_in(found.path):
        return None
    again = "systemctl --user daemon-reload" if found.scope == USER else "sudo systemctl daemon-reload"
    return Fix(f"take {key} out of {place}", f'"${{EDITOR:-vi}}" {shlex.quote(str(place))} && {again}')


def _living(facts: Facts) -> Iterator[Definition]:
    """Yield the services of profiles that are there."""
    yield from (each for each in facts.services.definitions if each.profile is not None and each.home_exists)


def _gone_program(found: Definition) -> str | None:
    return found.parsed.program if found.works.get(found.parsed.program) is False else None


def _tries(found: Definition) -> str:
    count = found.status.restarts if found.status is not None else None
    return f"; its manager has tried {count} times" if count else ""


def _anew(found: Definition) -> str:
    """Return the command that writes a service anew."""
    if found.scope == SYSTEM:
        return f"hermes-gateways install {found.profile} --system"
    return f"hermes-gateways install {found.profile}"


def _renewal(facts: Facts, found: Definition) -> tuple[Repair, ...]:
    """Return the repair that writes a service of ours anew, () for any other one."""
    drift = facts.services.drifts.get(found.profile or "")
    is_safe = found.is_ours and facts.services.is_main(found) and found.profile not in served_by_default(facts)
    if found.profile is None or drift is None or drift.code is not DriftCode.OUTDATED or not is_safe:
        return ()
    return (InstallService(found.profile),)


def no_home(facts: Facts) -> Iterator[Finding]:
    """Yield services that start in a folder, or run a home, that is gone (exit 200, for ever)."""
    for each in _living(facts):
        if each.directory_exists:
            continue
        key = "directory" if each.manager is ManagerKind.SUPERVISOR else "WorkingDirectory"
        yield Finding(
            f"the service of {each.profile} starts in {each.parsed.directory}, which is gone{_tries(each)}",
            _own_edit(each, key)
            or Fix(f"have it start in {facts.layout.home(each.profile or '')}", f"{_anew(each)} --force"),
            profiles=(each.profile or "",),
            evidence=(_line(each, key),),
        )
    for profile, found in facts.services.blockers.items():
        yield Finding(
            f"the service that has the name of {profile}'s runs {found.home_text}, which is gone{_tries(found)}",
            Fix(f"have it run {facts.layout.home(profile)}", f"hermes-gateways install {profile} --force"),
            profiles=(profile,),
            evidence=(Evidence(profile, str(found.path), None, HERMES_HOME),),
        )


def foreign(facts: Facts) -> Iterator[Finding]:
    """Yield services that one part of their files gives to this root and another part to another root."""
    for each in _living(facts):
        if not each.other_roots:
            continue
        yield Finding(
            f"the service {each.unit} belongs to {each.profile} and to {each.other_roots[0]}: two roots of one account "
            "write the same file",
            Fix(f"decide which one it runs: this command gives it to {each.profile}", f"{_anew(each)} --force"),
            profiles=(each.profile or "",),
            evidence=tuple(Evidence(each.profile, str(path), None, HERMES_HOME) for path in each.contents),
        )


def name_clash(facts: Facts) -> Iterator[Finding]:
    """Yield profiles whose services Hermes gives one name: a home behind a link is called after where it leads."""
    for unit, several in facts.services.clashes.items():
        first, home = several[0], facts.profiles[several[0]].home
        yield Finding(
            f"{' and '.join(sorted(several))} get one service, {unit}: {first} lies behind a link, and Hermes "
            "names its service after the folder that this leads to",
            Fix("put the folder itself where the link is", f"ls -ld {shlex.quote(str(home))}"),
            profiles=tuple(sorted(several)),
            evidence=tuple(Evidence(name, str(facts.profiles[name].home)) for name in several),
        )


def drifted(facts: Facts) -> Iterator[Finding]:
    """Yield services of ours that we would write otherwise today."""
    for each, details in _drifts(facts, DriftCode.OUTDATED):
        if each.is_ours:
            yield Finding(
                f"the service of {each.profile} is not what it would be today: {details}",
                Fix("write it anew; a gateway that runs takes it at its next start", _anew(each)),
                profiles=(each.profile or "",),
                evidence=(Evidence(each.profile, str(each.path)),),
                repairs=_renewal(facts, each),
            )


def hand_edited(facts: Facts) -> Iterator[Finding]:
    """Yield services that somebody changed by hand: Hermes, or the next install, writes over that."""
    for each, details in _drifts(facts, DriftCode.HAND_EDITED):
        yield Finding(
            f"the service of {each.profile} was changed by hand, which does not last: {details}",
            Fix(
                f"see how it differs, put what is yours into {each.path.name}.d/60-mine.conf"
                if each.manager is ManagerKind.SYSTEMD
                else "see how it differs",
                f"hermes-gateways install {each.profile} --dry-run",
            ),
            profiles=(each.profile or "",),
            evidence=(Evidence(each.profile, str(each.path)),),
        )


def not_adopted(facts: Facts) -> Iterator[Finding]:
    """Yield, as a remark, services that Hermes wrote and that lack what ours have."""
    codes = (DriftCode.OUTDATED, DriftCode.MISSING, DriftCode.SAME_MEANING)
    found = [each for code in codes for each, _ in _drifts(facts, code) if not each.is_ours]
    if found:
        names = sorted(each.profile or "" for each in found)
        yield Finding(
            f"Hermes' own services run {', '.join(names)}: they neither mask conflicts before a start nor keep "
            "variables of other profiles out",
            Fix("have hermes-profiles add its part to them", f"hermes-gateways install {' '.join(names)}"),
            profiles=tuple(names),
            evidence=tuple(Evidence(each.profile, str(each.path)) for each in found),
        )


def _drifts(facts: Facts, code: DriftCode) -> Iterator[tuple[Definition, str]]:
    """Yield (service, in which way) of those that stand so to what we would write, and of which nothing worse is
    known."""
    worse = unstartable(facts) | served_by_default(facts)
    for profile, drift in facts.services.drifts.items():
        found = facts.services.main(profile)
        if drift.code is code and found is not None and profile not in worse:
            folder = f"{found.path.parent}/"
            yield found, "; ".join(each.replace(folder, "") for each in drift.details[:4])


def not_reloaded(facts: Facts) -> Iterator[Finding]:
    """Yield services whose files changed and were not read again."""
    found = [
        each
        for each in _living(facts)
        if each.status is not None and each.status.stale_definition and each.manager is facts.services.manager
    ]
    if found:
        names = sorted({each.profile or "" for each in found})
        manager = found[0].manager
        command = (
            "systemctl --user daemon-reload"
            if manager is ManagerKind.SYSTEMD
            else f"hermes-gateways install {' '.join(names)}"
        )
        yield Finding(
            f"{manager} has not read the changed service of {', '.join(names)} again: it goes by the old one",
            Fix("have it read again", command),
            profiles=tuple(names),
            evidence=tuple(Evidence(each.profile, str(each.path)) for each in found),
            repairs=(ReloadManager(str(manager)),),
        )


def path_lacks(facts: Facts) -> Iterator[Finding]:
    """Yield services that do not find a program which the profile's configuration names and the user's shell finds."""
    for profile, needs in facts.services.needs.items():
        known = facts.profiles[profile]
        tools = sorted({each.tool for each in needs})
        fixed_by_reinstall = all(each.fixed_by_reinstall for each in needs)
        first = next((each for each in needs if not each.fixed_by_reinstall), needs[0])
        path, place = ".".join(first.at), shlex.quote(first.found)
        yield Finding(
            f"the service of {profile} does not find {', '.join(tools)}: the folder of it is on the PATH of this shell "
            "and not on its own",
            Fix("write the service anew with the PATH of today", f"hermes-gateways install {profile}")
            if fixed_by_reinstall
            else Fix(
                "name the program with its whole path",
                f"hermes-profiles config set {profile} {shlex.quote(path)} {place}",
            )
            if first.at[0] == "mcp_servers"
            else Fix(
                f"put a link to {first.found} into ~/.local/bin, then write the service anew",
                f"ln -s {place} ~/.local/bin/ && hermes-gateways install {profile}",
            ),
            profiles=(profile,),
            evidence=tuple(known.at_path(each.at) for each in needs),
        )


def sticky_redirect(facts: Facts) -> Iterator[Finding]:
    """Yield the service of the default profile that starts another one: without a pin it follows `active_profile`."""
    for each in facts.services.of(DEFAULT):
        if facts.active == DEFAULT or each.parsed.selected or not each.home_exists:
            continue
        yield Finding(
            f"the service {each.unit} is the default profile's, but starts the gateway of {facts.active}, the sticky "
            "profile: two gateways for that one, none for default",
            Fix("pin it to the default profile", _anew(each)),
            profiles=tuple(sorted({DEFAULT, facts.active} & {*facts.profiles})),
            evidence=(
                Evidence(DEFAULT, str(facts.layout.active_profile)),
                _line(each, _COMMAND[each.manager]),
            ),
        )
