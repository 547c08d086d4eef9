"""State files of our own: written by one rename, without journal and undo."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from shlex import quote

from hermes_profiles.model.errors import Refused

from .errors import translated_errors
from .filesystem import Files


def write_state_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file by one rename; missing folders are created, 0700.

    The file gets the owner of its folder, so that under sudo it belongs to the user. Raises Failed.
    """
    files, target = Files(), str(path)
    with translated_errors():
        folder = os.path.dirname(target)
        files.make_folders(folder)
        draft = f"{target}.{os.urandom(4).hex()}.tmp"
        try:
            files.write_new(draft, content, mode=mode, owner=files.owner_below(folder))
            files.replace(draft, target)
        except BaseException as error:
            files.unlink(draft)
            if isinstance(error, OSError) and error.filename == draft:
                error.filename, error.filename2 = target, None  # the draft is gone, and its name says nothing
            raise


def remove_state_file(path: Path) -> None:
    """Remove a file if it exists. Raises Failed."""
    with translated_errors():
        Files().unlink(str(path))


def remove_empty(path: Path) -> None:
    """Remove a folder if it exists and is empty. Raises Failed."""
    with translated_errors():
        Files().rmdir(str(path))


def own_folder(path: Path, uid: int) -> None:
    """Create a folder, 0700 and owned by this user, unless it exists; the folders above it must exist.

    Raises Refused when the path is a link or belongs to another user (in `/tmp` every user can create it), Failed when
    it cannot be created.
    """
    files = Files()
    with translated_errors():
        try:
            files.make_folder(str(path), None)
        except FileExistsError:
            pass
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid:
            raise Refused(
                f"{path} is not a folder of user {uid}",
                target=str(path),
                code="foreign-folder",
                hint=f"see the path with `ls -ld {quote(str(path))}`, and remove it or set XDG_RUNTIME_DIR",
            )
        files.private_folder(str(path))


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents, each 0700 and with the owner of the folder above it. Raises Failed."""
    with translated_errors():
        Files().make_folders(str(path))
