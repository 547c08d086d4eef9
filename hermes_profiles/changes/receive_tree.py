"""Writes a tree that arrives as a tar stream into a private folder; nothing outside the folder is touched."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import IO, Any

from hermes_profiles.model.errors import Failed

from .copy_file import write_all
from .errors import translated_errors
from .filesystem import Files, Owner
from .rmtree import named

MANIFEST = "manifest.json"
TREE = "home"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 20
_LARGEST = 256 * 1024 * 1024


def receive_tree(stream: IO[bytes], folder: Path, files: Files | None = None) -> list[Any]:
    """Write the tree of a stream to `folder`/home and return its manifest; the folder must not exist.

    Links are made last, so no file is written through one. Folders get their modes last. Raises Failed for a stream
    that ends early, that names a path outside the tree, or when the disk is full; then the folder is removed again.
    """
    files = files or Files()
    with translated_errors():
        files.private_folder(str(folder.parent))
        files.make_folder(str(folder), files.owner_below(str(folder.parent)))
        try:
            return _Receiver(str(folder), files).receive(stream)
        except BaseException as error:
            files.remove_tree(str(folder))
            if isinstance(error, tarfile.TarError | EOFError | ValueError):
                raise _broken(folder, str(error)) from error
            raise


def replace_link(path: Path, target: str) -> None:
    """Give a link of a tree that was received another target. Raises Failed."""
    files = Files()
    with translated_errors():
        files.unlink(str(path))
        files.make_link(str(path), target, files.owner_below(str(path.parent)))


class _Receiver:
    def __init__(self, folder: str, files: Files) -> None:
        self._folder, self._files = folder, files
        self._owner: Owner | None = files.owner_below(os.path.dirname(folder))
        self._folders: list[tarfile.TarInfo] = []
        self._links: list[tarfile.TarInfo] = []
        self._seen: set[str] = set()

    def receive(self, stream: IO[bytes]) -> list[Any]:
        manifest: bytes | None = None
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if member.name == MANIFEST and member.isreg():
                    manifest = _content(tar, member)
                    continue
                self._take(tar, member)
        if manifest is None:
            raise EOFError("it ended before its manifest")
        for link in self._links:
            self._files.make_link(self._path(link), link.linkname, self._owner)
        for folder in reversed(self._folders):
            self._files.operation("chmod", self._path(folder))
            os.chmod(self._path(folder), folder.mode & 0o777)
        rows = list(json.loads(manifest))
        self._set_times(rows)
        return rows

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        parts = member.name.split("/")
        if parts[0] != TREE or any(part in ("", ".", "..") for part in parts) or "\0" in member.name:
            raise ValueError(f"it names {member.name!r}, which is outside the tree")
        if member.name in self._seen or ("/".join(parts[:-1]) not in self._seen and len(parts) > 1):
            raise ValueError(f"{member.name!r} is in it twice, or before its folder")
        if member.isdir():
            self._seen.add(member.name)
            self._files.make_folder(self._path(member), self._owner)
            self._folders.append(member)
        elif member.issym():
            self._links.append(member)
        elif member.isreg():
            self._write(tar, member)
        else:
            raise ValueError(f"{member.name!r} is neither a file, a folder nor a link")

    def _write(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path, source = self._path(member), tar.extractfile(member)
        assert source is not None  # noqa: S101  a regular file has content
        self._files.operation("create", path)
        descriptor = os.open(path, _NEW, 0o600)
        try:
            if self._owner is not None:
                os.fchown(descriptor, *self._owner)
            while part := source.read(_CHUNK):
                self._files.operation("write", path)
                write_all(descriptor, part)
            os.fchmod(descriptor, member.mode & 0o777)
            os.fsync(descriptor)
        except OSError as error:
            raise named(error, path) from error
        finally:
            os.close(descriptor)

    def _set_times(self, rows: list[Any]) -> None:
        """Give every entry its time, children before their folders."""
        for path, kind, _, _, mtime_ns, _ in reversed(rows):
            full = f"{self._folder}/{TREE}/{path}"
            if kind != "link" or os.utime in os.supports_follow_symlinks:
                os.utime(full, ns=(int(mtime_ns), int(mtime_ns)), follow_symlinks=False)

    def _path(self, member: tarfile.TarInfo) -> str:
        return f"{self._folder}/{member.name}"


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    source = tar.extractfile(member)
    if source is None or member.size > _LARGEST:
        raise ValueError("its manifest cannot be read")
    return source.read()


def _broken(folder: Path, why: str) -> Failed:
    return Failed(
        f"the stream of the files is not whole: {why or 'it ended early'}",
        target=str(folder),
        code="broken-stream",
        hint="run the command again",
    )
