"""SQLite databases of homes: damaged ones, rows nobody can read, and what could not be looked through."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from urllib.parse import quote as in_uri

from hermes_profiles.doctor.facts.databases import UncheckedDatabase
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Finding, Fix, Severity
from hermes_profiles.hermes.files import (
    DISCORD_DATABASE,
    EVIDENCE_DATABASE,
    RESPONSE_DATABASE,
    RETAINDB_QUEUE,
    STATE_DATABASE,
)

_NOT_SAID = 40
_LOST = {
    RESPONSE_DATABASE: "it only remembers conversations of the API server: with the gateway stopped, move it away",
    EVIDENCE_DATABASE: "with the gateway stopped, move it away: Hermes makes a new one",
    RETAINDB_QUEUE: "with the gateway stopped, move it away: Hermes makes a new one",
    DISCORD_DATABASE: "with the gateway stopped, move it away: Hermes makes a new one",
}


def damaged(facts: Facts) -> Iterator[Finding]:
    """Yield databases that are damaged: what they hold cannot be trusted, and writes to them may fail."""
    for each in facts.runtime.databases.damaged:
        profile = facts.profiles[each.profile]
        if each.file == STATE_DATABASE and each.how == "is damaged inside":
            text = "stop the gateway, then let Hermes repair it: it keeps a copy"
            fix = Fix(text, f"hermes-gateways stop {each.profile} && hermes -p {each.profile} sessions repair")
        else:
            text = _LOST.get(each.file, "stop the gateway and put a backup in its place, or move it away and lose it")
            fix = Fix(text, f"hermes-gateways stop {each.profile} && {_moving_away(profile, each.file)}")
        yield Finding(
            f"{each.file} of {each.profile} {each.how}",
            fix,
            profiles=(each.profile,),
            evidence=(profile.at(each.file),),
        )


def _moving_away(profile: ProfileFacts, file: str) -> str:
    """Return the command that moves a database away, with its side files: the log of another one harms a new one."""
    folder = quote(f"{profile.home / file}.damaged")
    sides = [file + end for end in ("", "-wal", "-shm", "-journal") if file + end in profile.listing]
    return f"mkdir {folder} && mv {' '.join(quote(str(profile.home / side)) for side in sides)} {folder}/"


def rows(facts: Facts) -> Iterator[Finding]:
    """Yield databases with rows that Hermes cannot read: it passes over them, or throws them away."""
    for each in facts.runtime.databases.bad_rows:
        profile = facts.profiles[each.profile]
        many = "1 row" if each.number == 1 else f"{each.number} rows"
        what = "conversation of the API server" if each.file == RESPONSE_DATABASE else "chat"
        yield Finding(
            f"{many} of {each.table} in {each.file} of {each.profile} {'is' if each.number == 1 else 'are'} no JSON: "
            f"Hermes forgets {'that' if each.number == 1 else 'those'} {what}{'' if each.number == 1 else 's'}",
            Fix("nothing brings them back but a backup; look for what cut them off: a full disk, a crash"),
            profiles=(each.profile,),
            evidence=(profile.at(each.file, each.table),),
        )


def unchecked(facts: Facts) -> Iterator[Finding]:
    """Yield, all together, the databases that were not looked through: of them nothing is said."""
    found = facts.runtime.databases.unchecked
    suspects = [each for each in found if each.suspect]
    if suspects:
        yield _finding(facts, suspects, "could not be checked and look damaged", Severity.WARNING)
    rest = [each for each in found if not each.suspect]
    if rest:
        yield _finding(facts, rest, "could not be checked", None)


def _finding(facts: Facts, found: list[UncheckedDatabase], what: str, severity: Severity | None) -> Finding:
    largest = max(found, key=lambda each: (each.size, each.profile, each.file))
    home = facts.profiles[largest.profile].home
    many = "1 database" if len(found) == 1 else f"{len(found)} databases"
    sizes = f", {largest.size / 1024**2:.0f} MB" if largest.size >= 1024**2 else ""
    which = f"{largest.file} of {largest.profile}{sizes}"
    words = f"{many} {what}: {which if len(found) == 1 else f'the largest is {which}'}: {largest.why}"
    uri = f"file:{in_uri(str(home / largest.file))}?mode=ro"
    script = f"import sqlite3; print(sqlite3.connect({uri!r}, uri=True).execute('PRAGMA quick_check').fetchone()[0])"
    return Finding(
        words,
        Fix("check it without a limit of time", f"python3 -c {quote(script)}"),
        profiles=tuple(sorted({each.profile for each in found})),
        evidence=tuple(facts.profiles[each.profile].at(each.file) for each in found[:_NOT_SAID]),
        severity=severity,
    )
