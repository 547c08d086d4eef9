"""The files of backups, one for each profile and time, and the key that opens them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from hermes_profiles.archives.encryption import new_identity, recipient_of
from hermes_profiles.changes.lock import acquire_lock
from hermes_profiles.changes.state_files import make_folder, write_state_file
from hermes_profiles.hermes.files import ROOT_FOLDER
from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.layout import Layout, shim_folder
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.profiles.user_config import user_config_folder
from hermes_profiles.services.checksum import digest

STAMP = "%Y%m%dT%H%M%SZ"
_NAME = lazy_pattern(r"(?P<profile>.+)-(?P<stamp>\d{8}T\d{6}Z)\.tar\.(?:zst|gz)(?P<age>\.age)?")
_LARGEST_KEY = 64 * 1024
_WAIT = 10.0


class Backup(NamedTuple):
    """One file of a backup folder."""

    profile: str
    created: datetime
    path: Path
    size: int
    encrypted: bool

    @property
    def id(self) -> str:
        """Return the profile and the time, which name a backup in commands."""
        return f"{self.profile}-{self.created.strftime(STAMP)}"


def default_folder(layout: Layout, environment: Mapping[str, str]) -> Path:
    """Return the folder of the backups of a root: outside of it, so that a deletion of the root leaves them."""
    base = shim_folder(environment, user_home=layout.user_home).parent / "backups"
    root = Path(os.path.realpath(layout.root))
    is_usual = root == Path(os.path.realpath(layout.user_home)) / ROOT_FOLDER
    return base / ("hermes" if is_usual else f"{root.name}-{digest(str(root).encode())[:8]}")


def backups_in(folder: Path, profiles: Iterable[str] = ()) -> tuple[Backup, ...]:
    """Return the backups in a folder, of these profiles or of all, the newest first; () without the folder."""
    wanted = frozenset(profiles)
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    found = []
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        if match is None or not entry.is_file(follow_symlinks=False) or (wanted and match["profile"] not in wanted):
            continue
        try:
            created = datetime.strptime(match["stamp"], STAMP).replace(tzinfo=UTC)
        except ValueError:
            continue
        size = entry.stat(follow_symlinks=False).st_size
        found.append(Backup(match["profile"], created, Path(entry.path), size, match["age"] is not None))
    return tuple(sorted(found, key=lambda each: (each.created, each.profile), reverse=True))


def beyond(backups: Iterable[Backup], keep: int) -> tuple[Backup, ...]:
    """Return the backups that are more than the `keep` newest ones of their profile."""
    counted: dict[str, int] = {}
    old = []
    for backup in sorted(backups, key=lambda each: each.created, reverse=True):
        counted[backup.profile] = counted.get(backup.profile, 0) + 1
        if counted[backup.profile] > keep:
            old.append(backup)
    return tuple(old)


def key_file(environment: Mapping[str, str]) -> Path:
    """Return the file of the key that opens the backups of this user."""
    return user_config_folder(environment) / "backup.key"


def stored_key(environment: Mapping[str, str]) -> Secret[str] | None:
    """Return the key, None without one. Raises Failed for a file that cannot be read."""
    path = key_file(environment)
    try:
        text = read_regular(path, _LARGEST_KEY).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Failed(
            f"{path}: {error.strerror}",
            target=str(path),
            code="bad-state",
            hint=f"see it with `ls -l {quote(str(path))}`",
        ) from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return Secret(lines[0]) if lines else None


def own_recipient(environment: Mapping[str, str], now: datetime) -> tuple[str, bool]:
    """Return the recipient of the key of this user, and whether the key was made now. Raises Failed, Refused."""
    path = key_file(environment)
    make_folder(path.parent)
    lock = acquire_lock(path.parent / "backup.lock", wait=_WAIT)
    if lock is None:
        raise Refused("another command makes the key", target=str(path), code="busy", hint="run the command again")
    try:
        known = stored_key(environment)
        if known is not None:
            return recipient_of(known), False
        secret, recipient = new_identity()
        text = (
            f"# Opens the backups of hermes-profiles; made {now.isoformat(timespec='seconds')}.\n"
            f"# Keep a copy on another machine: without this key no backup can be opened.\n"
            f"# public key: {recipient}\n{secret.reveal()}\n"
        )
        write_state_file(path, text.encode("ascii"))
    finally:
        os.close(lock)
    return recipient, True
