"""Reads an archive into a private folder; every name, size and checksum is checked on the way.

What is in the archive is not trusted: it may come from another person.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any, BinaryIO

from hermes_profiles.changes.new_file import scratch_file
from hermes_profiles.changes.state_files import make_folder
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.named_tuple import NamedTuple

from .compression import compression_errors, compression_of, decompressing
from .encryption import MAGIC, Unlock, decrypt
from .model import MANIFEST, ArchiveEntry, EntryType, Manifest, bad_archive, member_name, parse_manifest

MOST_BYTES = 64 * 1024**3
_MOST_MANIFEST = 512 * 1024**2
_CHUNK = 1 << 20
# Of tar for each member: its header, those of long names, and what fills the last block.
_FRAME = 16 * 1024
_END = 1 << 20


class OpenedArchive(NamedTuple):
    """An archive whose files were checked. `homes`: profile → folder with its files, each 0600."""

    manifest: Manifest
    homes: dict[str, Path]


class _UnpackLimit:
    """A file that refuses to yield more bytes than an archive of its manifest can have."""

    def __init__(self, source: BinaryIO, limit: int, archive: str) -> None:
        self._source = source
        self._left = limit
        self._archive = archive

    def limit(self, size: int) -> None:
        """Allow so many more bytes, and no others."""
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes. Raises Failed beyond the limit."""
        chunk = self._source.read(_CHUNK if size < 0 else min(size, _CHUNK))
        self._left -= len(chunk)
        if self._left < 0:
            raise bad_archive(self._archive, "it unpacks to more bytes than it may")
        return chunk


@contextmanager
def plain_file(path: Path, place: Path, unlock: Unlock) -> Iterator[BinaryIO]:
    """Yield the decrypted file of an archive; `place`: a private folder. Raises Refused, Failed."""
    with open(path, "rb") as source:
        head = source.read(len(MAGIC))
        source.seek(0)
        if head != MAGIC:
            yield source
            return
        with scratch_file(place / "decrypted") as out:
            decrypt(source, out, unlock, str(path))
    with open(place / "decrypted", "rb") as decrypted:
        yield decrypted


def is_encrypted(path: Path) -> bool:
    """Return whether a file is encrypted by age."""
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with open(path, "rb") as file:
        return file.read(512)


@contextmanager
def open_tar(source: BinaryIO, archive: str, limit: int) -> Iterator[tuple[tarfile.TarFile, _UnpackLimit]]:
    """Yield the tar stream of a file, and its budget. Raises Failed for a damaged or truncated stream."""
    start = source.read(8)
    source.seek(0)
    budget = _UnpackLimit(decompressing(source, compression_of(start)), limit, archive)
    stream: Any = budget
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as tar:
            yield tar, budget
    except tarfile.TarError as error:
        raise bad_archive(archive, f"it is damaged, truncated, or not a tar file ({error})") from error
    except compression_errors() as error:
        raise bad_archive(archive, "it is damaged or truncated") from error


def read_archive(
    path: Path, source: BinaryIO, place: Path, *, most: int = MOST_BYTES, siblings: bool = False
) -> OpenedArchive:
    """Write the files of an archive below `place`, and return them with their manifest; see `parse_manifest`.

    Raises Failed for anything that the manifest does not name, that differs from it, or is missing.
    """
    archive = str(path)
    with open_tar(source, archive, _MOST_MANIFEST) as (tar, budget):
        manifest = _manifest(tar, archive, siblings=siblings)
        if manifest.size > most:
            raise bad_archive(archive, f"its files have {manifest.size:,} bytes, and at most {most:,} are taken in")
        expected = expected_members(manifest)
        budget.limit(manifest.size + len(expected) * _FRAME + _END)
        homes = {name: place / name for name in manifest.names}
        for member in members(tar):
            known = expected.pop(member.name, None)
            if known is None:
                raise bad_archive(archive, f"{member.name!r} is not in {MANIFEST}, or is in the archive twice")
            profile, entry = known
            if entry is None:
                _check_type(member, EntryType.FOLDER, archive)
                make_folder(homes[profile])
            else:
                _take(tar, member, entry, homes[profile] / entry.path, archive)
        if expected:
            raise bad_archive(archive, f"{min(expected)!r} is missing: the file is truncated")
        while budget.read():  # what follows the end of the tar
            pass
    return OpenedArchive(manifest, homes)


def members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members that were not read yet; they are not kept."""
    while (member := tar.next()) is not None:
        yield member
        tar.members = []  # type: ignore[attr-defined]


def expected_members(manifest: Manifest) -> dict[str, tuple[str, ArchiveEntry | None]]:
    """Return member → profile and entry; None for the folder of the profile."""
    expected: dict[str, tuple[str, ArchiveEntry | None]] = {}
    for profile in manifest.profiles:
        expected[member_name(profile.name)] = (profile.name, None)
        expected |= {member_name(profile.name, entry.path): (profile.name, entry) for entry in profile.entries}
    return expected


def _manifest(tar: tarfile.TarFile, archive: str, *, siblings: bool) -> Manifest:
    member = tar.next()
    if member is None or member.name != MANIFEST or not member.isreg() or member.size > _MOST_MANIFEST:
        raise bad_archive(archive, f"its first member is not {MANIFEST}")
    file = tar.extractfile(member)
    raw = file.read() if file is not None else b""
    if len(raw) != member.size:
        raise bad_archive(archive, "it is truncated")
    return parse_manifest(raw, archive, siblings=siblings)


def _check_type(member: tarfile.TarInfo, kind: EntryType, archive: str) -> None:
    is_it = {
        EntryType.FILE: member.isreg() and not member.issparse(),
        EntryType.FOLDER: member.isdir(),
        EntryType.LINK: member.issym(),
    }
    if not is_it[kind]:
        raise bad_archive(archive, f"{member.name!r} is not a {kind}")


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, entry: ArchiveEntry, target: Path, archive: str) -> None:
    """Write one file or folder. Links are not made here: the plan makes them."""
    _check_type(member, entry.type, archive)
    if entry.type is EntryType.FOLDER:
        make_folder(target)
    elif entry.type is EntryType.LINK:
        if member.linkname != entry.target:
            raise bad_archive(archive, f"{member.name!r} leads elsewhere than {MANIFEST} has it")
    else:
        if member.size != entry.size:
            raise bad_archive(archive, f"{member.name!r} has not the size that {MANIFEST} has")
        if take_file(tar, member, target, archive) != entry.sha256:
            raise bad_archive(archive, f"{member.name!r} has not the checksum that {MANIFEST} has: it was changed")


def take_file(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, archive: str) -> str:
    """Write one file, 0600, and return its checksum."""
    digest, size = hashlib.sha256(), 0
    file = tar.extractfile(member)
    make_folder(target.parent)
    with scratch_file(target, int(member.mtime * 10**9)) as out:
        while file is not None and (chunk := file.read(_CHUNK)):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
    if size != member.size:
        raise bad_archive(archive, f"{member.name!r} is truncated")
    return digest.hexdigest()


def check_is_file(path: Path) -> None:
    """Raise Failed unless the path is a file that can be read."""
    if not os.path.isfile(path):
        raise Failed(
            f"{path} is not a file",
            target=str(path),
            code="no-such-file",
            hint=f"see the folder with `ls -l {quote(str(next(each for each in path.parents if each.is_dir())))}`",
        )
