"""What gateways left behind: pid files, locks and markers of processes that are gone, and changes of ours cut short.

Facts (Hermes 0.19.0, gateway/status.py): a start takes away a pid file and locks whose process is dead, unless it
cannot: a folder in their place, or a folder of locks that is not the user's. So most leftovers only mislead.
"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from hermes_profiles.doctor.facts.profile import FileFact, ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, MoveAway, RemoveFile, Repair, Severity
from hermes_profiles.gateways.model import GatewayFacts as Seen
from hermes_profiles.gateways.model import GatewayState
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
from hermes_profiles.profiles.tree_walk import EntryKind

# Hermes obeys a marker for a minute; so long, and longer, whoever wrote it may still be at work.
_MARKER_AGE = 60.0
_REQUEST_AGE = 600.0
_NOTICE_AGE = 86400.0
_LONG_DRAIN = 3600.0
_STORM = 5
# In these a home has no gateway of its own: `resolve` says so only when no process is proven.
_SETTLED = frozenset({GatewayState.STOPPED, GatewayState.STALE, GatewayState.FAILED, GatewayState.SERVED})
# Marker → from which age it is a leftover, and what it does at the next start, "" for nothing.
_MARKERS = {
    PLANNED_STOP_FILE: (_MARKER_AGE, ""),
    TAKEOVER_FILE: (_MARKER_AGE, ""),
    DRAIN_REQUEST_FILE: (_REQUEST_AGE, ""),
    RESTART_NOTIFY_FILE: (_NOTICE_AGE, "the next start tells a chat of a restart long ago"),
    RESTART_PENDING_FILE: (_NOTICE_AGE, "the next start tells a chat of a restart long ago"),
    UPDATE_PENDING_FILE: (_NOTICE_AGE, "the next start tells a chat of an update long ago"),
    UPDATE_CLAIMED_FILE: (_NOTICE_AGE, "the next start tells a chat of an update long ago"),
    UPDATE_PROMPT_FILE: (_NOTICE_AGE, ""),
    UPDATE_RESPONSE_FILE: (_NOTICE_AGE, ""),
    UPDATE_OUTPUT_FILE: (_NOTICE_AGE, ""),
    UPDATE_EXIT_CODE_FILE: (_NOTICE_AGE, ""),
}


def stale_pid(facts: Facts) -> Iterator[Finding]:
    """Yield pid files whose process is certainly gone: the gateway was killed, or crashed."""
    for profile, seen, file in _pid_files(facts):
        record = seen.record
        if record is None or not record.pid or seen.named is not None or not _is_idle(profile):
            continue
        words = f"gateway.pid of {profile.name} names process {record.pid}, which is gone"
        yield _pid_finding(profile, file, f"{words}: the gateway was killed or crashed")


def reused_pid(facts: Facts) -> Iterator[Finding]:
    """Yield pid files whose number another program, or another home's gateway, has now."""
    for profile, seen, file in _pid_files(facts):
        if seen.record is None or seen.named is None or not _is_idle(profile):
            continue
        pid = seen.named.pid
        owner = next((each.name for each in facts.profiles.values() if each.pid == pid), None)
        whose = f"the gateway of {owner}" if owner is not None else "another program's now"
        yield _pid_finding(profile, file, f"gateway.pid of {profile.name} names process {pid}, which is {whose}")


def bad_pid_file(facts: Facts) -> Iterator[Finding]:
    """Yield pid files that name nobody, or not the gateway that runs."""
    for profile, seen, file in _pid_files(facts):
        process, record = seen.process, seen.record
        name = profile.name
        blocks = file.kind is EntryKind.FOLDER
        if record is not None and record.pid:
            if process is not None and record.pid != process.pid and _is_up(profile):
                words = f"gateway.pid of {name} names process {record.pid}, but its gateway is process {process.pid}"
                yield _restart(profile, file, words)
            continue
        what = {EntryKind.FOLDER: "is a folder", EntryKind.LINK: "is a link", EntryKind.SPECIAL: "is no regular file"}
        words = f"gateway.pid of {name} {what.get(file.kind, 'cannot be understood')}"
        if blocks:
            words += ": its gateway cannot start"
        if _is_idle(profile):
            found = _pid_finding(profile, file, words)
            yield found._replace(severity=Severity.ERROR) if blocks else found
        elif _is_up(profile):
            yield _restart(profile, file, words)


def _pid_files(facts: Facts) -> Iterator[tuple[ProfileFacts, Seen, FileFact]]:
    for profile in facts.profiles.values():
        file = profile.listing.get(PID_FILE)
        if file is not None and profile.gateway is not None and profile.gateway.seen is not None:
            yield profile, profile.gateway.seen, file


def _is_idle(profile: ProfileFacts) -> bool:
    """Return whether no gateway is at work in a home, none is on its way, and none may be."""
    gateway = profile.gateway
    if gateway is None or gateway.seen is None or gateway.state not in _SETTLED:
        return False
    return gateway.seen.doubtful is None


def _is_up(profile: ProfileFacts) -> bool:
    return profile.gateway is not None and profile.gateway.process is not None and profile.gateway.settled


def _pid_finding(profile: ProfileFacts, file: FileFact, words: str) -> Finding:
    return Finding(
        words,
        _taking_away(profile),
        profiles=(profile.name,),
        evidence=(profile.at(PID_FILE),),
        repairs=(_removal(profile, file),),
    )


def _taking_away(profile: ProfileFacts) -> Fix:
    return Fix("take it away; a start of the gateway makes a new one", f"hermes-profiles doctor {profile.name} --fix")


def _restart(profile: ProfileFacts, file: FileFact, words: str) -> Finding:
    fix = Fix("restart the gateway, which writes it anew", f"hermes-gateways restart {profile.name}")
    return Finding(words, fix, profiles=(profile.name,), evidence=(profile.at(file.path.name),))


def _removal(profile: ProfileFacts, file: FileFact) -> Repair:
    if file.kind in (EntryKind.FILE, EntryKind.LINK):
        return RemoveFile(file.path, file.signature)
    return MoveAway(profile.name, (file.path,), f"{file.path.name} is no file")


def stale_lock(facts: Facts) -> Iterator[Finding]:
    """Yield locks that keep a gateway from starting, or from a channel: what is stale Hermes takes over by itself."""
    for profile in facts.profiles.values():
        file = profile.listing.get(LOCK_FILE)
        if file is not None and file.kind in (EntryKind.FOLDER, EntryKind.SPECIAL) and _is_idle(profile):
            yield Finding(
                f"gateway.lock of {profile.name} is no file: its gateway cannot start",
                _taking_away(profile),
                profiles=(profile.name,),
                evidence=(profile.at(LOCK_FILE),),
                repairs=(_removal(profile, file),),
            )
    yield from _scoped_locks(facts)


def _scoped_locks(facts: Facts) -> Iterator[Finding]:
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
    if wanted and not locks.writable:
        names = tuple(sorted({name for holders in wanted.values() for name, _ in holders}))
        yield Finding(
            f"the folder of Hermes' locks, {locks.path}, is not yours to write: no gateway can take a channel's lock",
            Fix("make it yours again", f'sudo chown -R "$(id -u)" {quote(str(locks.path))}'),
            profiles=names,
            evidence=(Evidence(None, str(locks.path)),),
        )
    for name in sorted(locks.immovable & wanted.keys()):
        names = tuple(sorted({holder for holder, _ in wanted[name]}))
        channel = wanted[name][0][1]
        place = str(locks.path / name)
        yield Finding(
            f"a folder lies where the lock of {channel} of {' and '.join(names)} belongs: the channel stays closed",
            Fix("move it out of the way", f"mv {quote(place)} {quote(place + '.old')}"),
            profiles=names,
            channel=channel,
            evidence=(Evidence(None, place),),
        )


def stale_marker(facts: Facts) -> Iterator[Finding]:
    """Yield markers that outlived what they were for, all of one home together."""
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
            effect = "the next start refuses every message"
        effects.append(effect)
    if not files:
        return
    told = "; ".join(dict.fromkeys(filter(None, effects)))
    names = ", ".join(file.path.name for file in files)
    yield Finding(
        f"{profile.name} has leftovers of a gateway that is gone: {names}{f'; {told}' if told else ''}",
        Fix("take them away", f"hermes-profiles doctor {profile.name} --fix"),
        profiles=(profile.name,),
        evidence=tuple(profile.at(file.path.name) for file in files),
        repairs=tuple(_removal(profile, file) for file in files),
        severity=None if told else Severity.INFO,
    )


def _long_drain(facts: Facts, profile: ProfileFacts) -> Iterator[Finding]:
    file = profile.listing.get(DRAIN_REQUEST_FILE)
    if file is None or not facts.runtime.drains.get(profile.name) or facts.now - file.mtime < _LONG_DRAIN:
        return
    yield Finding(
        f"the gateway of {profile.name} has refused every message for more than an hour: it was asked to drain",
        Fix("when nobody waits for that any more, take the request back", f"rm {quote(str(file.path))}"),
        profiles=(profile.name,),
        evidence=(profile.at(DRAIN_REQUEST_FILE),),
    )


def start_storm(facts: Facts) -> Iterator[Finding]:
    """Yield gateways that are started again and again: Hermes lets them wait longer each time."""
    for name, count in facts.runtime.starts.items():
        if count > _STORM:
            yield Finding(
                f"the gateway of {name} was started {count} times in two minutes: "
                "Hermes lets each further start wait, up to five minutes",
                Fix(
                    f"stop it, look into its log (`hermes-gateways logs {name}`), then start it once",
                    f"hermes-gateways stop {name}",
                ),
                profiles=(name,),
                evidence=(facts.profiles[name].at(STARTS_FILE),),
            )


def journal_interrupted(facts: Facts) -> Iterator[Finding]:
    """Yield changes of ours that were cut short: the next command that changes something finishes them."""
    for each in facts.runtime.interrupted:
        place = (Evidence(None, each.file),)
        if not each.id:
            fix = Fix("mend what keeps it from being read: no change can be made before", f"ls -la {quote(each.file)}")
            yield Finding(f"the journal of changes cannot be read: {each.summary}", fix, evidence=place)
            continue
        yield Finding(
            f"a change was cut short and is neither done nor taken back: {each.summary} ({each.id})",
            Fix("the next command that changes something ends it, or takes it back", "hermes-profiles doctor --fix"),
            evidence=place,
        )
