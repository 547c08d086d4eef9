"""Writes an archive from a snapshot of its profiles."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from hermes_profiles.changes.errors import translated_errors
from hermes_profiles.changes.new_file import new_file, scratch_file
from hermes_profiles.profiles.tree_walk import EntryKind, TreeItem, walk

from .compression import Compression, compressing
from .encryption import Protection, encrypt
from .model import MANIFEST, ArchiveEntry, EntryType, Manifest, manifest_bytes, member_name

_CHUNK = 1 << 20


def staged_entries(place: Path, known: Mapping[str, tuple[int, int]]) -> tuple[ArchiveEntry, ...]:
    """Return the entries of a snapshot with their checksums.

    `known`: path → mode and time of the original, where they differ from those of the snapshot.
    """
    return tuple(_entry(place, item, known) for item in walk(place, lambda _: True))


def _entry(place: Path, item: TreeItem, known: Mapping[str, tuple[int, int]]) -> ArchiveEntry:
    mode, time = known.get(item.path, (stat.S_IMODE(item.mode), item.signature.mtime_ns))
    mode &= 0o777
    if item.kind is EntryKind.FOLDER:
        return ArchiveEntry(item.path, EntryType.FOLDER, mode, time)
    if item.kind is EntryKind.LINK:
        return ArchiveEntry(item.path, EntryType.LINK, 0o777, time, target=item.target or "")
    with open(place / item.path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ArchiveEntry(item.path, EntryType.FILE, mode, item.signature.mtime_ns, item.signature.size, digest)


def write_archive(
    target: Path,
    manifest: Manifest,
    staged: Mapping[str, Path],
    *,
    compression: Compression,
    protection: Protection | None,
    scratch: Path,
    replace: bool = False,
) -> int:
    """Write an archive of snapshots (`staged`: profile → folder) and return its size.

    `scratch`: a path in a private folder, for what is to be encrypted. Raises Refused when the target exists.
    """
    with translated_errors(), new_file(target, replace=replace) as out:
        if protection is None:
            _write(out, manifest, staged, compression)
        else:
            with scratch_file(scratch) as plain:
                _write(plain, manifest, staged, compression)
            with open(scratch, "rb") as source:
                encrypt(source, os.fstat(source.fileno()).st_size, out, protection)
        out.flush()
        return os.fstat(out.fileno()).st_size


def _write(out: BinaryIO, manifest: Manifest, staged: Mapping[str, Path], compression: Compression) -> None:
    with (
        compressing(out, compression) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_CHUNK) as tar,
    ):
        raw = manifest_bytes(manifest)
        head = tarfile.TarInfo(MANIFEST)
        head.size, head.mode = len(raw), 0o600
        tar.addfile(head, BytesIO(raw))
        for name, path, entry in _members(manifest):
            info = tarfile.TarInfo(name)
            if entry is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o700
                tar.addfile(info)
                continue
            info.mode, info.mtime = entry.mode, entry.mtime_ns // 10**9
            if entry.type is EntryType.FOLDER:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            elif entry.type is EntryType.LINK:
                info.type, info.linkname = tarfile.SYMTYPE, entry.target
                tar.addfile(info)
            else:
                info.size = entry.size
                with open(staged[path] / entry.path, "rb") as file:
                    tar.addfile(info, file)


def _members(manifest: Manifest) -> Iterator[tuple[str, str, ArchiveEntry | None]]:
    for profile in manifest.profiles:
        yield member_name(profile.name), profile.name, None
        yield from ((member_name(profile.name, entry.path), profile.name, entry) for entry in profile.entries)
