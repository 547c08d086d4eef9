"""Reports damaged SQLite databases, unreadable rows, and databases that could not be checked."""

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

_MOST_PLACES = 40
_LOST = {
    RESPONSE_DATABASE: "stop the gateway and move it away: only conversations of the API server are lost",
    EVIDENCE_DATABASE: "stop the gateway and move it away: Hermes creates a new one",
    RETAINDB_QUEUE: "stop the gateway and move it away: Hermes creates a new one",
    DISCORD_DATABASE: "stop the gateway and move it away: Hermes creates a new one",
}


def damaged(facts: Facts) -> Iterator[Finding]:
    """Find damaged databases: their content is unreliable, and writes to them can fail."""
    for database in facts.runtime.databases.damaged:
        profile = facts.profiles[database.profile]
        if database.file == STATE_DATABASE and database.how == "is damaged inside":
            text = "stop the gateway, then repair it with Hermes, which keeps a copy"
            fix = Fix(text, f"hermes-gateways stop {database.profile} && hermes -p {database.profile} sessions repair")
        else:
            text = _LOST.get(
                database.file, "stop the gateway and restore a backup, or move the database away and lose its content"
            )
            fix = Fix(text, f"hermes-gateways stop {database.profile} && {_move_command(profile, database.file)}")
        yield Finding(
            f"{database.file} of {database.profile} {database.how}",
            fix,
            profiles=(database.profile,),
            evidence=(profile.at(database.file),),
        )


def _move_command(profile: ProfileFacts, file: str) -> str:
    """Return the command that moves a database and its side files away. An old log would damage a new database."""
    folder = quote(f"{profile.home / file}.damaged")
    sides = [file + end for end in ("", "-wal", "-shm", "-journal") if file + end in profile.listing]
    return f"mkdir {folder} && mv {' '.join(quote(str(profile.home / side)) for side in sides)} {folder}/"


def unreadable_rows(facts: Facts) -> Iterator[Finding]:
    """Find databases with rows that Hermes cannot parse; Hermes skips or deletes such rows."""
    for rows in facts.runtime.databases.bad_rows:
        profile = facts.profiles[rows.profile]
        many = "1 row" if rows.number == 1 else f"{rows.number} rows"
        what = "conversation of the API server" if rows.file == RESPONSE_DATABASE else "chat"
        yield Finding(
            f"{many} of {rows.table} in {rows.file} of {rows.profile} {'is' if rows.number == 1 else 'are'} not JSON: "
            f"Hermes loses {'that' if rows.number == 1 else 'those'} {what}{'' if rows.number == 1 else 's'}",
            Fix("restore them from a backup, and check for a full disk or a crash"),
            profiles=(rows.profile,),
            evidence=(profile.at(rows.file, rows.table),),
        )


def unchecked(facts: Facts) -> Iterator[Finding]:
    """Find databases that were not checked; one finding lists all of them."""
    databases = facts.runtime.databases.unchecked
    suspects = [database for database in databases if database.suspect]
    if suspects:
        yield _finding(facts, suspects, "could not be checked and look damaged", Severity.WARNING)
    rest = [database for database in databases if not database.suspect]
    if rest:
        yield _finding(facts, rest, "could not be checked", None)


def _finding(facts: Facts, databases: list[UncheckedDatabase], what: str, severity: Severity | None) -> Finding:
    largest = max(databases, key=lambda database: (database.size, database.profile, database.file))
    home = facts.profiles[largest.profile].home
    many = "1 database" if len(databases) == 1 else f"{len(databases)} databases"
    sizes = f", {largest.size / 1024**2:.0f} MB" if largest.size >= 1024**2 else ""
    which = f"{largest.file} of {largest.profile}{sizes}"
    message = f"{many} {what}: {which if len(databases) == 1 else f'the largest is {which}'}: {largest.why}"
    uri = f"file:{in_uri(str(home / largest.file))}?mode=ro"
    script = f"import sqlite3; print(sqlite3.connect({uri!r}, uri=True).execute('PRAGMA quick_check').fetchone()[0])"
    return Finding(
        message,
        Fix("check it without a time limit", f"python3 -c {quote(script)}"),
        profiles=tuple(sorted({database.profile for database in databases})),
        evidence=tuple(facts.profiles[database.profile].at(database.file) for database in databases[:_MOST_PLACES]),
        severity=severity,
    )
