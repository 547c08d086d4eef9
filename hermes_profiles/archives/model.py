"""The manifest of an archive, which is its first member. Pure.

docs/reference/archive.md describes the format. A change of it that an older release cannot read gets a new number.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from enum import StrEnum
from shlex import quote
from typing import Any

from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, is_profile_folder_name

NAME = "hermes-profiles-archive"
VERSION = 1
MANIFEST = "manifest.json"
FOLDER = "profiles"  # of the members
_MOST_ENTRIES = 5_000_000


class _EveryName:
    """The names that a profile can have; `in` is all that it can do."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name == DEFAULT or is_profile_folder_name(name))


EVERY_PROFILE = _EveryName()


class Contents(StrEnum):
    """How much of a profile an archive has."""

    SHAREABLE = "shareable"
    KEYS = "keys"
    COMPLETE = "complete"

    @property
    def holds_secrets(self) -> bool:
        """Return whether an archive of it must be encrypted."""
        return self is not Contents.SHAREABLE


class EntryType(StrEnum):
    """What a member is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


class ArchiveEntry(NamedTuple):
    """One file, folder or link of a profile; `path` is relative to its home."""

    path: str
    type: EntryType
    mode: int
    mtime_ns: int
    size: int = 0
    sha256: str = ""
    target: str = ""


class NotArchived(NamedTuple):
    """A file, folder or setting of the profile that is not in the archive, and why."""

    path: str
    reason: str


class ArchivedProfile(NamedTuple):
    """One profile of an archive. `epoch`: the number of its moves between places; `api_server`: it was on."""

    name: str
    entries: tuple[ArchiveEntry, ...]
    left_out: tuple[NotArchived, ...] = ()
    epoch: int = 0
    api_server: bool = False

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(entry.size for entry in self.entries)


class Manifest(NamedTuple):
    """What an archive has. `kind`: export or backup; `hermes`: the version that was installed, "" where unknown."""

    kind: str
    contents: Contents
    created: str
    release: str
    hermes: str
    profiles: tuple[ArchivedProfile, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the profiles."""
        return tuple(profile.name for profile in self.profiles)

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(profile.size for profile in self.profiles)


def member_name(profile: str, path: str = "") -> str:
    """Return the name of a member."""
    return f"{FOLDER}/{profile}/{path}" if path else f"{FOLDER}/{profile}"


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as JSON, one row a line."""
    profiles = [
        {
            "name": profile.name,
            "epoch": profile.epoch,
            "api_server": profile.api_server,
            "entries": [_entry_row(entry) for entry in profile.entries],
            "left_out": [row._asdict() for row in profile.left_out],
        }
        for profile in manifest.profiles
    ]
    data = {
        "format": NAME,
        "version": VERSION,
        "kind": manifest.kind,
        "contents": str(manifest.contents),
        "created": manifest.created,
        "hermes_profiles": manifest.release,
        "hermes": manifest.hermes,
        "profiles": profiles,
    }
    return json.dumps(data, indent=0).encode("ascii") + b"\n"


def _entry_row(entry: ArchiveEntry) -> dict[str, Any]:
    row: dict[str, Any] = {
        "path": entry.path,
        "type": str(entry.type),
        "mode": f"{entry.mode:04o}",
        "mtime_ns": entry.mtime_ns,
    }
    if entry.type is EntryType.FILE:
        row |= {"size": entry.size, "sha256": entry.sha256}
    elif entry.type is EntryType.LINK:
        row["target"] = entry.target
    return row


def parse_manifest(raw: bytes, archive: str, *, siblings: bool = False) -> Manifest:
    """Return the manifest of an archive; with `siblings`, its links may lead to any other profile of the root.

    Raises Failed for a newer format, Refused for what this program did not write.
    """
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise bad_archive(archive, f"{MANIFEST} is not JSON") from None
    if not isinstance(data, dict) or data.get("format") != NAME:
        raise bad_archive(archive, f"{MANIFEST} is not that of an archive of hermes-profiles")
    version = data.get("version")
    if isinstance(version, int) and version > VERSION:
        raise Failed(
            f"{archive}: it has format {version}; this release reads formats up to {VERSION}",
            target=archive,
            code="newer-format",
            hint="update with `pipx upgrade hermes-profiles`, then run the command again",
        )
    try:
        manifest = Manifest(
            str(data["kind"]),
            Contents(data["contents"]),
            str(data["created"]),
            str(data["hermes_profiles"]),
            str(data["hermes"]),
            tuple(map(_profile, data["profiles"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise bad_archive(archive, f"{MANIFEST} has a field that is missing or wrong") from None
    _check(manifest, archive, siblings=siblings)
    return manifest


def _profile(row: Mapping[str, Any]) -> ArchivedProfile:
    entries = tuple(map(_entry, row["entries"]))
    left = tuple(NotArchived(str(each["path"]), str(each["reason"])) for each in row["left_out"])
    return ArchivedProfile(str(row["name"]), entries, left, int(row["epoch"]), bool(row["api_server"]))


def _entry(row: Mapping[str, Any]) -> ArchiveEntry:
    kind, path, size = EntryType(row["type"]), row["path"], row.get("size", 0)
    sha256, target = row.get("sha256", ""), row.get("target", "")
    if not isinstance(path, str) or not isinstance(size, int) or size < 0 or not isinstance(target, str):
        raise ValueError(path)
    if kind is EntryType.FILE and (not isinstance(sha256, str) or len(sha256) != 64):
        raise ValueError(path)
    return ArchiveEntry(path, kind, int(row["mode"], 8) & 0o777, int(row["mtime_ns"]), size, sha256, target)


def _check(manifest: Manifest, archive: str, *, siblings: bool) -> None:
    """Raise Failed for doubled names and for paths that are not inside a home."""
    if not manifest.profiles:
        raise bad_archive(archive, "it has no profile")
    names = manifest.names
    if len(set(names)) < len(names):
        raise bad_archive(archive, "a profile is in it twice")
    for profile in manifest.profiles:
        if profile.name != DEFAULT and not is_profile_folder_name(profile.name):
            raise bad_archive(archive, f"{profile.name!r} is not the name of a profile")
        if len(profile.entries) > _MOST_ENTRIES:
            raise bad_archive(archive, f"it has more than {_MOST_ENTRIES:,} files")
        check_entries(profile.entries, profile.name, EVERY_PROFILE if siblings else names, archive)


def check_entries(entries: Iterable[ArchiveEntry], profile: str, names: Container[str], archive: str) -> None:
    """Raise Failed for a path that is absolute, has `..` or occurs twice, is below a file, or for a link out."""
    kinds: dict[str, EntryType] = {}
    for entry in entries:
        where = member_name(profile, entry.path)
        if not is_inner_path(entry.path):
            raise bad_archive(archive, f"{where!r} is not a path inside the profile")
        if entry.path in kinds:
            raise bad_archive(archive, f"{where!r} is in it twice")
        if entry.type is EntryType.LINK and not leads_inside(entry.path, entry.target, profile, names):
            raise bad_archive(archive, f"{where!r} is a link out of the profile, to {entry.target!r}")
        kinds[entry.path] = entry.type
    for above in {folder for path in kinds for folder in _above(path)}:
        if kinds.get(above, EntryType.FOLDER) is not EntryType.FOLDER:
            raise bad_archive(archive, f"{member_name(profile, above)!r} is a file or link with entries below it")


def is_inner_path(path: str) -> bool:
    """Return whether a path stays inside a folder."""
    return bool(path) and "\0" not in path and not {"", ".", ".."} & set(path.split("/"))


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def leads_inside(path: str, target: str, profile: str, names: Container[str]) -> bool:
    """Return whether a link leads into its own profile, or into another one of `names`.

    `..` counts only at the front of a target: behind the name of a link it would lead elsewhere than it seems.
    """
    if not target or target.startswith("/") or "\0" in target:
        return False
    place = [*(() if profile == DEFAULT else (FOLDER, profile)), *path.split("/")[:-1]]
    parts = [part for part in target.split("/") if part not in ("", ".")]
    while parts[:1] == [".."]:
        if not place:
            return False
        place.pop()
        del parts[0]
    place += parts
    if ".." in parts or (place[:1] == [FOLDER] and len(place) < 2):
        return False
    owner = place[1] if place[:1] == [FOLDER] else DEFAULT
    return owner == profile or (owner in names and (owner != DEFAULT or names is EVERY_PROFILE))


def bad_archive(archive: str, why: str) -> Refused:
    """Return the error for an archive that is damaged or was not made by this program."""
    return Refused(
        f"{archive}: {why}; nothing was changed",
        target=archive,
        code="bad-archive",
        hint=f"see what is in it with `tar -tf {quote(archive)}`, or use another copy of the file",
    )
