"""Packed files of a clone: what is in archives, git history and databases, and what stays behind together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath

from hermes_profiles.changes.copy_file import data_segments
from hermes_profiles.credentials.detection.forms import KnownValues, may_have_form, values_by_form
from hermes_profiles.credentials.detection.shapes import LONGEST
from hermes_profiles.credentials.search.base64_runs import base64_runs, beginnings_of
from hermes_profiles.credentials.search.spellings import as_text
from hermes_profiles.credentials.search.value_index import ValueIndex, what_it_is
from hermes_profiles.documents.containers.limits import MIB, Budget
from hermes_profiles.documents.containers.packed_result import PackedResult, may_be_packed
from hermes_profiles.documents.sealed import closed_form

# Folders of version control: without one of its files such a folder is damaged, so it stays behind whole.
_REPOSITORIES = (".git", ".hg", ".svn", ".jj", ".bzr", "_darcs", ".fslckout")
_GIT_POINTER = b"gitdir:"
_ALTERNATES = ("objects/info/alternates", "objects/info/http-alternates")
# Texts in a folder of git that a person can edit; git checks every other one, or breaks without it.
_EDITABLE = ("config", "description", "COMMIT_EDITMSG", "MERGE_MSG", "FETCH_HEAD", "hooks/", "info/", "logs/")
_DATABASE_PARTS = ("-wal", "-shm", "-journal")
_CHUNK = 1024 * 1024
_MOST_OF_A_TEXT = 64 * MIB
_DEEPEST_TEXT = 2
_NOTHING = PackedResult(None)


class PackedFiles:
    """Searches the packed parts of files for removed values, within the limits of one clone.

    With `known`, also for credentials by their form. `mention`: returns the name of a channel's variable beside which
    some bytes have a value, None without one.
    """

    def __init__(
        self, values: ValueIndex, known: KnownValues | None = None, mention: Callable[[bytes], str | None] | None = None
    ) -> None:
        self._values, self._known, self._mention = values, known, mention
        self._mentioned: dict[str, None] = {}
        self._overlap = values.overlap if known is None else max(values.overlap, LONGEST)
        self._budget = Budget(time.monotonic)

    def search(self, path: str, content: bytes, *, has_run: bool = True) -> PackedResult:
        """Return what is in the packed parts of a file, and in those that a text holds in base64.

        `has_run`: whether it has a run of letters and digits at all; most files have none.
        """
        is_packed = may_be_packed(content)
        if not (is_packed or has_run) or (not self._values and self._known is None):
            return _NOTHING
        unsearched = dict.fromkeys(filter(None, (closed_form(path, content),)))
        runs = base64_runs(content) if has_run else ()
        before = self._budget.total
        self._mentioned.clear()
        for part in chain((content,) if is_packed else (), (run.content for run in runs)):
            if not is_packed and self._budget.total - before > _MOST_OF_A_TEXT:
                unsearched[f"its base64 unpacks to more than {_MOST_OF_A_TEXT // MIB} MiB"] = None
                break
            found = self._search_part(part)
            if found.name is not None:
                return found
            unsearched.update(dict.fromkeys(found.unsearched.split("; ") if found.unsearched else ()))
        return PackedResult(None, "; ".join(unsearched), tuple(self._mentioned))

    def runs_in(self, content: bytes) -> tuple[dict[str, list[str]], str]:
        """Return name → the parts of a text that hold its value packed in base64, and what was not searched."""
        parts: dict[str, list[str]] = {}
        unsearched: dict[str, None] = {}
        if self._values or self._known is not None:
            for run in base64_runs(content):
                for beginning in beginnings_of(run):  # the word behind it can be the next name
                    found = self._search_part(beginning.content)
                    if found.name is not None:
                        lines = beginning.text.split()
                        parts.setdefault(found.name, []).extend((beginning.text, "\n".join(lines), "".join(lines)))
                        break
                else:
                    unsearched.update(dict.fromkeys(filter(None, (found.unsearched,))))
        return parts, "; ".join(unsearched)

    def _search_part(self, content: bytes, deeper: int = _DEEPEST_TEXT) -> PackedResult:
        if not may_be_packed(content):
            name = self._name_in(content)
            inner = base64_runs(content) if name is None and deeper else ()
            found_within = (self._search_part(run.content, deeper - 1) for run in inner)
            return next((found for found in found_within if found.name is not None), PackedResult(name))
        from hermes_profiles.documents.containers.scanner import PDF_LETTERS, search_packed

        found = search_packed(content, self._name_in, self._overlap, self._budget)
        if found.unsearched == PDF_LETTERS and not self._values:
            return _NOTHING  # most PDFs are so: without a value to search for, that is not worth a row
        return found

    def search_large(self, path: Path, size: int) -> PackedResult:
        """Return what is in the packed parts of a file that is not read as a whole. Raises OSError."""
        if not self._values and self._known is None:
            return _NOTHING
        from hermes_profiles.documents.containers.scanner import PackedSearch

        self._mentioned.clear()
        search = PackedSearch(self._name_in, self._overlap, self._budget, size)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for start, end in data_segments(descriptor, size):
                for position in range(start, end, _CHUNK):
                    search.feed(os.pread(descriptor, min(_CHUNK, end - position), position))
        finally:
            os.close(descriptor)
        return search.result()._replace(mentioned=tuple(self._mentioned))

    def _name_in(self, data: bytes) -> str | None:
        if self._values.hits(data):
            return self._values.names_in(data)[0]
        if self._known is not None and may_have_form(data):
            name = next(iter(values_by_form(as_text(data), self._known)), None)
            if name is not None:
                return name
        if self._mention is not None and (mentioned := self._mention(data)) is not None:
            self._mentioned[mentioned] = None
        return None


class Repositories:
    """The folders of version control among the paths of a clone, and those that stay behind."""

    def __init__(self, paths: Collection[str]) -> None:
        self._bare = {
            folder
            for path in paths
            if path.endswith("/HEAD") and (folder := path.removesuffix("/HEAD")) + "/objects" in paths
        }
        self.left: dict[str, str] = {}

    def of(self, path: str) -> str | None:
        """Return the folder of version control that a path is or is in, the outermost one."""
        parts = path.split("/")
        for size, part in enumerate(parts, 1):
            folder = "/".join(parts[:size])
            if part in _REPOSITORIES or folder in self._bare:
                return folder
        return None

    def leave(self, path: str, name: str) -> str | None:
        """Leave the repository of a path behind, because of the value of `name`; return its folder, None without."""
        folder = self.of(path)
        if folder is not None:
            self.left.setdefault(folder, f"its history holds {what_it_is(name)}")
        return folder

    def breaks_without(self, path: str) -> bool:
        """Return whether a redaction of this text would damage its repository."""
        folder = self.of(path)
        if folder is None or folder == path:
            return False
        inner = path[len(folder) + 1 :]
        is_git = folder.endswith(".git") or folder in self._bare
        return not (is_git and any(inner == name or (name[-1] == "/" and inner.startswith(name)) for name in _EDITABLE))

    def outside_reason(self, path: str, content: bytes) -> str | None:
        """Return why a file makes its repository use another one, None when it does not.

        The file `.git` of a worktree names the folder of its repository; `alternates` names folders with more objects.
        A submodule's file names a folder next to it, which is a part of the clone.
        """
        if not content.startswith(_GIT_POINTER) and not path.endswith(_ALTERNATES):
            return None
        folder = self.of(path)
        if folder == path and content.startswith(_GIT_POINTER):
            target = os.fsdecode(content.removeprefix(_GIT_POINTER)).strip()
            inner = os.path.normpath(os.path.join(os.path.dirname(path), target))
            if os.path.isabs(target) or inner.startswith("../") or inner == "..":
                return "a worktree of a repository that is not a part of the clone"
        elif folder is not None and path.removeprefix(folder + "/") in _ALTERNATES and content.strip():
            return "a repository with objects in another folder, which is not a part of the clone"
        return None

    def pointers_to_left(self, files: Collection[str], home: Path) -> Iterator[str]:
        """Yield the files `.git` of submodules whose folder stays behind."""
        for path in files if self.left else ():
            if PurePosixPath(path).name == ".git":
                try:
                    content = (home / path).read_bytes()
                except OSError:
                    continue
                target = os.fsdecode(content.removeprefix(_GIT_POINTER)).strip()
                inner = os.path.normpath(os.path.join(os.path.dirname(path), target))
                if self.of(inner) in self.left:
                    yield path


def parts_of_database(path: str) -> tuple[str, ...]:
    """Return the paths of the other files of a SQLite database."""
    stem = next((path.removesuffix(ending) for ending in _DATABASE_PARTS if path.endswith(ending)), path)
    return tuple(other for other in (stem, *(stem + ending for ending in _DATABASE_PARTS)) if other != path)
