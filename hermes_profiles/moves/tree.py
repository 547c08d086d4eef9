"""The files of a home as a manifest with digests, and as a tar stream that ends with that manifest."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import IO

from hermes_profiles.changes.plan import is_below
from hermes_profiles.changes.receive_tree import MANIFEST, TREE
from hermes_profiles.hermes import files
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.default_files import Goes
from hermes_profiles.profiles.regular_file import open_regular
from hermes_profiles.profiles.tree_walk import EntryKind, TreeItem, walk

# What a gateway writes about its process: it is wrong on another machine.
LEFT_BEHIND = frozenset(
    {
        files.CONTROL_SOCKET_FILE,
        files.CONTROL_SOCKET_POINTER,
        files.DRAIN_REQUEST_FILE,
        files.HEARTBEAT_FILE,
        files.LOCK_FILE,
        files.PARKED_MARKER,
        files.PID_FILE,
        files.PLANNED_STOP_FILE,
        files.STARTS_FILE,
        files.STATE_FILE,
        files.TAKEOVER_FILE,
    }
)
_CHUNK = 1 << 20


class ManifestRow(NamedTuple):
    """One entry: `digest` is the SHA-256 of a file, the text of a link, "" for a folder."""

    path: str
    kind: str
    mode: int
    size: int
    mtime_ns: int
    digest: str = ""


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self.digest, self.size = descriptor, hashlib.sha256(), 0

    def read(self, size: int = _CHUNK) -> bytes:
        part = os.read(self._descriptor, min(size, _CHUNK))
        self.digest.update(part)
        self.size += len(part)
        return part


def everything(_: str) -> bool:
    """Have all of a home move: see `Goes`."""
    return True


def entries_of(home: Path, goes: Goes = everything) -> Iterator[TreeItem]:
    """Yield what moves of a home, parents first: no sockets, and nothing about its process."""
    for item in walk(home, lambda path: "/" in path or goes(path)):
        if not goes(item.path.partition("/")[0]):
            continue
        if item.kind is EntryKind.UNREADABLE:
            path = home / item.path
            hint = f"see its owner and mode with `ls -ld {quote(str(path))}`"
            raise Failed(f"{path} cannot be read", target=str(path), code="unreadable-file", hint=hint)
        if item.kind is not EntryKind.SPECIAL and item.path not in LEFT_BEHIND:
            yield item


def manifest_of(home: Path, goes: Goes = everything) -> list[ManifestRow]:
    """Return the entries of a home with their digests. Raises Failed, OSError."""
    rows = []
    for item in entries_of(home, goes):
        if item.kind is not EntryKind.FILE:
            rows.append(_row(item))
            continue
        descriptor, _ = open_regular(home / item.path)
        try:
            source = _Hashing(descriptor)
            while source.read():
                pass
        finally:
            os.close(descriptor)
        rows.append(_row(item)._replace(size=source.size, digest=source.digest.hexdigest()))
    return rows


def digest_of(rows: list[ManifestRow]) -> str:
    """Return one digest for all entries: equal trees have equal digests. Times do not count."""
    lines = [[row.path, row.kind, row.mode, row.size, row.digest] for row in rows]
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def send_tree(home: Path, out: IO[bytes], goes: Goes = everything) -> str:
    """Write a home to a stream and return its digest. Raises Failed, OSError, BrokenPipeError."""
    rows = []
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        top = tarfile.TarInfo(TREE)
        top.type, top.mode = tarfile.DIRTYPE, stat.S_IMODE(os.stat(home).st_mode)
        tar.addfile(top)
        for item in entries_of(home, goes):
            rows.append(_send(tar, home, item))
        manifest = json.dumps(rows).encode()
        last = tarfile.TarInfo(MANIFEST)
        last.size, last.mode = len(manifest), 0o600
        tar.addfile(last, io.BytesIO(manifest))
    return digest_of(rows)


def _send(tar: tarfile.TarFile, home: Path, item: TreeItem) -> ManifestRow:
    row = _row(item)
    info = tarfile.TarInfo(f"{TREE}/{item.path}")
    info.mode = row.mode
    if item.kind is EntryKind.FOLDER:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif item.kind is EntryKind.LINK:
        info.type, info.linkname = tarfile.SYMTYPE, item.target or ""
        tar.addfile(info)
    else:
        descriptor, status = open_regular(home / item.path)
        try:
            source = _Hashing(descriptor)
            info.size = status.st_size
            tar.addfile(info, source)
        finally:
            os.close(descriptor)
        row = row._replace(size=source.size, digest=source.digest.hexdigest())
    return row


def _row(item: TreeItem) -> ManifestRow:
    target = (item.target or "") if item.kind is EntryKind.LINK else ""
    mode = 0 if item.kind is EntryKind.LINK else stat.S_IMODE(item.mode) & 0o777
    return ManifestRow(item.path, str(item.kind), mode, 0, item.signature.mtime_ns, target)


def links_that_lead_out(home: Path, allowed: tuple[Path, ...], goes: Goes = everything) -> Iterator[str]:
    """Yield the paths of links that lead neither to what moves of the home nor into another home that moves with it."""
    others = [os.path.realpath(each) for each in allowed]
    for item in entries_of(home, goes):
        if item.kind is EntryKind.LINK:
            target = os.path.realpath(home / item.path)
            if not leads_to(target, home, goes) and not any(is_below(target, top) for top in others):
                yield item.path


def leads_to(target: str, home: Path, goes: Goes) -> bool:
    """Return whether a real path is the home, or something of the home that moves."""
    top = os.path.realpath(home)
    return target == top or (target.startswith(top + "/") and goes(target[len(top) + 1 :].partition("/")[0]))
