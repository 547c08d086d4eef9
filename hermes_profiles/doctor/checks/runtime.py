"""Reports stale pid files, locks and markers, start storms, and interrupted changes.

Facts (Hermes 0.19.0, gateway/status.py): a start removes the pid file and locks of a dead process. It cannot remove a
folder in their place, or locks in a folder of another user. So most leftovers only mislead.
"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from hermes_profiles.doctor.facts.profile import FileFact, ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, MoveAway, RemoveFile, Repair, Severity
from hermes_profiles.doctor.wording import join_names, shell_command
from hermes_profiles.fleet.lock_obstacle import LockObstacle
from hermes_profiles.gateways.model import GatewayFacts, GatewayState, span
from hermes_profiles.hermes.environment import HERMES_GATEWAY_LOCK_DIR
from hermes_profiles.hermes.files import (
    DRAIN_REQUEST_FILE,
    LOCK_FILE,
    NO_LAUNCHD_MARKER,
    PID_FILE,
    PLANNED_STOP_FILE,
    RESTART_NOTIFY_FILE,
    RESTART_PENDING_FILE,
    STARTS_FILE,
    TAKEOVER_FILE,
    UPDATE_CLAIMED_FILE,
    UPDATE_EXIT_CODE_FILE,
    UPDATE_OUTPUT_FILE,
    UPDATE_PENDING_FILE,
    UPDATE_PROMPT_FILE,
    UPDATE_RESPONSE_FILE,
)
from hermes_profiles.hermes.version import NEWEST_KNOWN
from hermes_profiles.profiles.tree_walk import EntryKind

# Hermes obeys a marker for a minute; during that time the command that wrote it can still be running.
_MARKER_AGE = 60.0
_REQUEST_AGE = 600.0
_NOTICE_AGE = 86400.0
_LONG_DRAIN = 3600.0
_STORM = 5
# States of a home without a gateway of its own. `resolve` returns them only without a proven process.
_SETTLED = frozenset({GatewayState.STOPPED, GatewayState.STALE, GatewayState.FAILED, GatewayState.SERVED})
# Marker → (age in seconds from which it is a leftover, its effect on the next start or "").
_MARKERS = {
    PLANNED_STOP_FILE: (_MARKER_AGE, ""),
    TAKEOVER_FILE: (_MARKER_AGE, ""),
    DRAIN_REQUEST_FILE: (_REQUEST_AGE, ""),
    RESTART_NOTIFY_FILE: (_NOTICE_AGE, "the next start sends a message about an old restart to a chat"),
    RESTART_PENDING_FILE: (_NOTICE_AGE, "the next start sends a message about an old restart to a chat"),
    UPDATE_PENDING_FILE: (_NOTICE_AGE, "the next start sends a message about an old update to a chat"),
    UPDATE_CLAIMED_FILE: (_NOTICE_AGE, "the next start sends a message about an old update to a chat"),
    UPDATE_PROMPT_FILE: (_NOTICE_AGE, ""),
    UPDATE_RESPONSE_FILE: (_NOTICE_AGE, ""),
    UPDATE_OUTPUT_FILE: (_NOTICE_AGE, ""),
    UPDATE_EXIT_CODE_FILE: (_NOTICE_AGE, ""),
}


def stale_pid(facts: Facts) -> Iterator[Finding]:
    """Find pid files of a process that has ended: the gateway was killed or crashed."""
    for profile, observed, file in _pid_files(facts):
        record = observed.record
        if record is None or not record.pid or observed.other_program is not None or not _is_idle(profile):
            continue
        message = f"gateway.pid of {profile.name} names process {record.pid}, which has ended"
        yield _pid_finding(profile, file, f"{message}: the gateway was killed or crashed")


def reused_pid(facts: Facts) -> Iterator[Finding]:
    """Find pid files with a pid that now belongs to another program, or to the gateway of another home."""
    for profile, observed, file in _pid_files(facts):
        if observed.record is None or observed.other_program is None or not _is_idle(profile):
            continue
        pid = observed.other_program.pid
        owner = next((other.name for other in facts.profiles.values() if other.pid == pid), None)
        owner_label = f"the gateway of {owner}" if owner is not None else "another program now"
        yield _pid_finding(profile, file, f"gateway.pid of {profile.name} names process {pid}, which is {owner_label}")


def bad_pid_file(facts: Facts) -> Iterator[Finding]:
    """Find pid files without a valid pid, or with another pid than the running gateway."""
    for profile, observed, file in _pid_files(facts):
        process, record = observed.process, observed.record
        name = profile.name
        blocks = file.kind is EntryKind.FOLDER
        if record is not None and record.pid:
            if process is not None and record.pid != process.pid and _is_up(profile):
                message = f"gateway.pid of {name} names process {record.pid}, but its gateway is process {process.pid}"
                yield _restart(profile, file, message)
            continue
        what = {
            EntryKind.FOLDER: "is a folder",
            EntryKind.LINK: "is a link",
            EntryKind.SPECIAL: "is not a regular file",
        }
        message = f"gateway.pid of {name} {what.get(file.kind, 'cannot be parsed')}"
        if blocks:
            message += ": its gateway cannot start"
        if _is_idle(profile):
            found = _pid_finding(profile, file, message)
            yield found._replace(severity=Severity.ERROR) if blocks else found
        elif _is_up(profile):
            yield _restart(profile, file, message)


def _pid_files(facts: Facts) -> Iterator[tuple[ProfileFacts, GatewayFacts, FileFact]]:
    for profile in facts.profiles.values():
        file = profile.listing.get(PID_FILE)
        if file is not None and profile.gateway is not None and profile.gateway.observation is not None:
            yield profile, profile.gateway.observation, file


def _is_idle(profile: ProfileFacts) -> bool:
    """Return whether it is certain that no gateway runs or starts in a home."""
    gateway = profile.gateway
    if gateway is None or gateway.observation is None or gateway.state not in _SETTLED:
        return False
    return gateway.observation.unverified is None


def _is_up(profile: ProfileFacts) -> bool:
    return profile.gateway is not None and profile.gateway.process is not None and profile.gateway.settled


def _pid_finding(profile: ProfileFacts, file: FileFact, message: str) -> Finding:
    return Finding(
        message,
        _remove_fix(profile),
        profiles=(profile.name,),
        evidence=(profile.at(PID_FILE),),
        repairs=(_removal(profile, file),),
    )


def _remove_fix(profile: ProfileFacts) -> Fix:
    return Fix(
        "remove the file; the next start of the gateway creates a new one",
        f"hermes-profiles doctor {profile.name} --fix",
    )


def _restart(profile: ProfileFacts, file: FileFact, message: str) -> Finding:
    fix = Fix("restart the gateway, which writes the file again", f"hermes-gateways restart {profile.name}")
    return Finding(message, fix, profiles=(profile.name,), evidence=(profile.at(file.path.name),))


def _removal(profile: ProfileFacts, file: FileFact) -> Repair:
    if file.kind in (EntryKind.FILE, EntryKind.LINK):
        return RemoveFile(file.path, file.signature)
    return MoveAway(profile.name, (file.path,), f"{file.path.name} is not a file")


def stale_lock(facts: Facts) -> Iterator[Finding]:
    """Find locks that block the start of a gateway or of a channel. Hermes takes over all other stale locks."""
    for profile in facts.profiles.values():
        file = profile.listing.get(LOCK_FILE)
        if file is not None and file.kind in (EntryKind.FOLDER, EntryKind.SPECIAL) and _is_idle(profile):
            yield Finding(
                f"gateway.lock of {profile.name} is not a file: its gateway cannot start",
                _remove_fix(profile),
                profiles=(profile.name,),
                evidence=(profile.at(LOCK_FILE),),
                repairs=(_removal(profile, file),),
            )
    yield from _scoped_locks(facts)


def _scoped_locks(facts: Facts) -> Iterator[Finding]:
    yield from _lock_obstacles(facts)
    locks = facts.runtime.locks
    if locks is None:
        return
    wanted: dict[str, list[tuple[str, str]]] = {}
    for profile in facts.profiles.values():
        for identity in profile.held.identities:
            known = facts.catalog.channels.get(identity.channel)
            if known is not None and known.lock_scope:
                name = f"{known.lock_scope}-{identity.key[:16]}.lock"
                wanted.setdefault(name, []).append((profile.name, identity.channel))
    for name in sorted(locks.immovable & wanted.keys()):
        names = tuple(sorted({holder for holder, _ in wanted[name]}))
        channel = wanted[name][0][1]
        place = str(locks.path / name)
        yield Finding(
            f"a folder is in place of the {channel} lock of {' and '.join(names)}: the channel cannot start",
            Fix("move the folder away", f"mv {quote(place)} {quote(place + '.old')}"),
            profiles=names,
            channel=channel,
            evidence=(Evidence(None, place),),
        )


def _lock_obstacles(facts: Facts) -> Iterator[Finding]:
    """Yield the lock folders in which gateways cannot write; one finding names all profiles of a folder."""
    places: dict[LockObstacle, list[str]] = {}
    for name, found in facts.runtime.lock_obstacles.items():
        places.setdefault(found, []).append(name)
    for found, names in places.items():
        yield Finding(
            found.sentence,
            Fix(*found.way_out(names[0])),
            profiles=tuple(sorted(names)),
            evidence=(
                Evidence(names[0], found.file, found.line, HERMES_GATEWAY_LOCK_DIR)
                if found.line is not None
                else Evidence(None, str(found.folder)),
            ),
        )


def stale_marker(facts: Facts) -> Iterator[Finding]:
    """Find expired marker files; one finding lists all of a home."""
    for profile in facts.profiles.values():
        if _is_idle(profile):
            yield from _leftovers(facts, profile)
        elif _is_up(profile):
            yield from _long_drain(facts, profile)


def _leftovers(facts: Facts, profile: ProfileFacts) -> Iterator[Finding]:
    files, effects = [], []
    markers = dict(_MARKERS)
    if facts.layout.platform != "darwin":
        markers[NO_LAUNCHD_MARKER] = (_MARKER_AGE, "")
    for name, (age, effect) in markers.items():
        file = profile.listing.get(name)
        if file is None or file.kind is EntryKind.FOLDER or facts.now - file.mtime <= age:
            continue
        files.append(file)
        if name == DRAIN_REQUEST_FILE and facts.runtime.drains.get(profile.name):
            effect = "the next start refuses all messages"
        effects.append(effect)
    if not files:
        return
    effect_text = "; ".join(dict.fromkeys(filter(None, effects)))
    names = ", ".join(file.path.name for file in files)
    yield Finding(
        f"{profile.name} has leftover files of an ended gateway: {names}{f'; {effect_text}' if effect_text else ''}",
        Fix("remove the files", f"hermes-profiles doctor {profile.name} --fix"),
        profiles=(profile.name,),
        evidence=tuple(profile.at(file.path.name) for file in files),
        repairs=tuple(_removal(profile, file) for file in files),
        severity=None if effect_text else Severity.INFO,
    )


def _long_drain(facts: Facts, profile: ProfileFacts) -> Iterator[Finding]:
    file = profile.listing.get(DRAIN_REQUEST_FILE)
    if file is None or not facts.runtime.drains.get(profile.name) or facts.now - file.mtime < _LONG_DRAIN:
        return
    yield Finding(
        f"the gateway of {profile.name} has refused all messages for more than an hour: a drain request is in effect",
        Fix("remove the request if the drain is over", f"rm {quote(str(file.path))}"),
        profiles=(profile.name,),
        evidence=(profile.at(DRAIN_REQUEST_FILE),),
    )


def start_storm(facts: Facts) -> Iterator[Finding]:
    """Find gateways started more than 5 times in two minutes; Hermes delays each further start."""
    for name, count in facts.runtime.starts.items():
        if count > _STORM:
            yield Finding(
                f"the gateway of {name} was started {count} times in two minutes: "
                "Hermes delays each further start by up to five minutes",
                Fix(
                    f"stop the gateway, fix the error in the log (`hermes-gateways logs {name}`), then start it once",
                    f"hermes-gateways stop {name}",
                ),
                profiles=(name,),
                evidence=(facts.profiles[name].at(STARTS_FILE),),
            )


def journal_interrupted(facts: Facts) -> Iterator[Finding]:
    """Find interrupted changes of hermes-profiles. The next command that makes a change completes or reverts them."""
    for change in facts.runtime.interrupted:
        place = (Evidence(None, change.file),)
        if not change.id:
            fix = Fix(
                "make the entry readable; until then no command can make a change", f"ls -la {quote(change.file)}"
            )
            yield Finding(f"cannot read the journal of changes: {change.summary}", fix, evidence=place)
            continue
        yield Finding(
            f"a change was interrupted: {change.summary} ({change.id})",
            Fix("complete or revert the change", "hermes-profiles doctor --fix"),
            evidence=place,
        )


def restart_interrupted(facts: Facts) -> Iterator[Finding]:
    """Find an interrupted restart: its process ended, and its gateways can be down."""
    restart = facts.runtime.restart
    if restart is None:
        return
    names = [name for name in restart.profiles if facts.is_profile(name)]
    age = max(0.0, facts.now - restart.begun_at)
    yield Finding(
        f"a restart was interrupted {span(age)} ago: {join_names(restart.profiles)} may be down",
        Fix("start the gateways that the restart stopped", shell_command("hermes-gateways start", names)),
        profiles=tuple(names),
        evidence=(Evidence(None, restart.file),),
    )


def journal_unreadable(facts: Facts) -> Iterator[Finding]:
    """Find entries of the journal that cannot be read: their changes cannot be undone."""
    for problem in facts.runtime.unreadable_entries:
        path = problem.target or ""
        yield Finding(
            f"{problem.message}: its change cannot be undone, and `undo` without an id is refused",
            Fix(
                f"rename the entry; the bytes from before the change stay in {path.removesuffix('.json')}",
                f"mv {quote(path)} {quote(path)}.unreadable",
            ),
            evidence=(Evidence(None, path),),
        )


def unknown_release(facts: Facts) -> Iterator[Finding]:
    """Find an installed Hermes that is newer than every release this program knows; it is treated like the newest."""
    if facts.code is None or not facts.code.facts.is_newer_than_known:
        return
    known = ".".join(map(str, NEWEST_KNOWN))
    message = f"Hermes {facts.code.version} is newer than every release this program knows, and is treated like {known}"
    if facts.code.unseen:
        message += f", though its code does not show {len(facts.code.unseen)} of that release's behaviours"
    yield Finding(
        message,
        Fix("update hermes-profiles when a release knows this Hermes", "pip install --upgrade hermes-profiles"),
        evidence=(Evidence(None, str(facts.code.folder)),),
    )
