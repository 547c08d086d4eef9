"""A bounded log of lines in our state folder: appended under a lock, rotated by size, read without a lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hermes_profiles.model.errors import Failed, HermesProfilesError
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.text import system_reason

from .errors import translated_errors
from .filesystem import Files
from .lock import acquire_lock
from .state_files import own_folder

_LARGEST_LINE = 64 * 1024
_WAIT = 5.0


class LogPlace(NamedTuple):
    """A log of lines: its newest file, the size at which it is rotated, and how many older files are kept."""

    path: Path
    size: int = 1024 * 1024
    kept: int = 3

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files, the oldest first; not each of them exists."""
        older = (self.path.with_name(f"{self.path.name}.{number}") for number in range(self.kept, 0, -1))
        return (*older, self.path)


def append_lines(
    place: LogPlace, made: Callable[[bytes], Sequence[bytes]], *, sync: bool, files: Files | None = None
) -> None:
    """Append whole lines; `made` gets the last whole line of the log, b"" without one, and returns the new ones.

    All of them are written, or none. `sync`: they are on the disk afterwards. Raises Failed.
    """
    files, path = files or Files(), str(place.path)
    with translated_errors():
        files.private_folder(os.path.dirname(path))
    lock = acquire_lock(place.path.with_name(f"{place.path.name}.lock"), wait=_WAIT)
    if lock is None:
        raise Failed(f"another process writes {path}", target=path, code="busy", hint="run the command again")
    try:
        with translated_errors():
            last = _last_line(place)
            content = b"".join(made(last))
            if not content:
                return
            status = files.lstat(path)
            if status is not None and status.st_size + len(content) > place.size:
                _rotate(place, files)
            files.append(path, content, mode=0o600, owner=files.owner_below(os.path.dirname(path)), sync=sync)
    finally:
        os.close(lock)


def log_lines(place: LogPlace) -> Iterator[bytes]:
    """Yield the whole lines of a log, the oldest first; a last line that was cut is left out."""
    for path in place.files:
        try:
            with open(path, "rb") as file:
                for line in file:
                    if line.endswith(b"\n"):
                        yield line
        except OSError:
            continue


def _rotate(place: LogPlace, files: Files) -> None:
    for older, newer in zip(place.files, place.files[1:], strict=False):
        if files.lstat(str(newer)) is not None:
            files.replace(str(newer), str(older))


def _last_line(place: LogPlace) -> bytes:
    """Return the last whole line of a log, b"" without one."""
    for path in reversed(place.files):
        try:
            with open(path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _LARGEST_LINE))
                tail = file.read(_LARGEST_LINE)
        except FileNotFoundError:
            continue
        whole = tail[: tail.rfind(b"\n") + 1].splitlines(keepends=True)
        if whole:
            return whole[-1]
    return b""


def append_fault(path: str | None) -> str:
    """Return why another program cannot append to its log, "" where it can; a missing folder is created.

    supervisord names neither the file nor the reason, and a FIFO without a reader would stop it for ever.
    """
    if not path or not os.path.isabs(path):
        return ""
    folder = os.path.dirname(path)
    try:
        if not os.path.lexists(folder) and os.path.isdir(os.path.dirname(folder)):
            own_folder(Path(folder), os.getuid())
        if not os.path.isdir(folder):
            return f"its log folder {folder} is not a folder"
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC))
    except FileNotFoundError:  # its writer creates it
        return ""
    except OSError as error:
        return f"its log {path} cannot be written: {system_reason(error)}"
    except HermesProfilesError as error:
        return f"its log {path} cannot be written: {error}"
    return ""
