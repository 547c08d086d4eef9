"""The trash: deleted profiles and files that were moved out of profiles, until the user empties it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from shlex import quote

from hermes_profiles.model.errors import Failed, NotFound, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, is_profile_folder_name
from hermes_profiles.model.secret import Secret

from .cleanup import EMPTYING
from .errors import translated_errors
from .filesystem import Files, taken
from .journal import Journal, StepKind, iso
from .lock import StateLock
from .plan import MoveTree, ReplaceFile, Step, TidyFolder, is_below
from .signature import ChangedMeanwhile, Signature

ABOUT = "about.json"
HOME = "home"
FILES = "files"
_SCHEMA = "hermes-profiles-trash/1"


class TrashEntry(NamedTuple):
    """A deleted profile (`kind` "profile"), or files of one ("files"), whose `paths` are relative to its home.

    `origin` (the home), `deleted_at` (ISO) and `size` are None, and `paths` empty, when about.json cannot be read.
    """

    id: str
    name: str
    folder: Path
    origin: Path | None = None
    deleted_at: str | None = None
    size: int | None = None
    about: Signature | None = None
    kind: str = "profile"
    paths: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def home(self) -> Path:
        """Return the folder of the profile's files."""
        return self.folder / (FILES if self.kind == "files" else HOME)


def steps_to_trash(
    layout: Layout,
    home: Path,
    *,
    trash_id: str,
    name: str,
    deleted_at: datetime | str,
    size: int | None = None,
) -> tuple[ReplaceFile, MoveTree]:
    """Return the two steps that move a profile's home to the trash; the second is the commit point.

    `trash_id` must be new: `Journal.fresh_id()` returns one. about.json is the first step, which the rollback of an
    interrupted change removes again.
    """
    folder = layout.trash / f"{trash_id}-{name}"
    about = _about(folder, deleted_at, id=trash_id, kind="profile", name=name, origin=str(home), size=size)
    return about, MoveTree(home, folder / HOME)


def steps_to_trash_files(
    layout: Layout,
    profile: str,
    paths: Iterable[Path],
    *,
    trash_id: str,
    deleted_at: datetime | str,
    reason: str,
    files: Files | None = None,
) -> tuple[Step, ...]:
    """Return the steps that move files, folders and links of a profile to the trash, each by one rename.

    `trash_id` must be new: `Journal.fresh_id()` returns one. `reason` must not contain a secret, because it is shown
    and kept. A path inside another one is ignored; without paths there are no steps. Raises ValueError for a path
    outside this profile, Refused for a path behind a link, which other profiles may share, and for an existing id.
    """
    files = files or Files()
    home, folder = layout.home(profile), layout.trash / f"{trash_id}-{profile}"
    relative = _outermost(_inside(path, profile, layout) for path in paths)
    if not relative:
        return ()
    for path in relative:
        _check_no_link_above(home, path, files)
    if files.lstat(str(folder)) is not None:
        raise taken(str(folder))
    about = _about(
        folder,
        deleted_at,
        id=trash_id,
        kind="files",
        name=profile,
        origin=str(home),
        paths=relative,
        reason=reason,
        size=None,
    )
    return about, *(MoveTree(home / path, folder / FILES / path) for path in relative)


def steps_to_trash_found(
    layout: Layout, profile: str, found: Mapping[str, Path], *, trash_id: str, deleted_at: datetime | str, reason: str
) -> tuple[Step, ...]:
    """Return the steps that move files from other folders to the trash as files of a profile.

    `found` maps each path relative to the home to the file. `trash_id` must be new; `reason` must not contain a secret.
    Raises ValueError for an invalid path.
    """
    paths = list(_paths(list(found)))
    folder = layout.trash / f"{trash_id}-{profile}"
    about = _about(
        folder,
        deleted_at,
        id=trash_id,
        kind="files",
        name=profile,
        origin=str(layout.home(profile)),
        paths=paths,
        reason=reason,
        size=None,
    )
    return about, *(MoveTree(source, folder / FILES / path) for path, source in found.items())


def _about(folder: Path, deleted_at: datetime | str, **fields: object) -> ReplaceFile:
    when = deleted_at if isinstance(deleted_at, str) else iso(deleted_at)
    content = json.dumps({"schema": _SCHEMA, **fields, "deleted_at": when}, indent=1)
    return ReplaceFile(folder / ABOUT, Secret(content.encode("ascii")))


def _inside(path: Path, profile: str, layout: Layout) -> str:
    """Return a path relative to the profile's home; the other profiles are not a part of the default one."""
    relative = path.relative_to(layout.home(profile))
    if not relative.parts or ".." in relative.parts:
        raise ValueError(f"{path} is not in the home of {profile}")
    if profile == DEFAULT and is_below(str(path), str(layout.profiles)):
        raise ValueError(f"{path} is not a file of {profile}: it belongs to another profile")
    return str(relative)


def _outermost(paths: Iterable[str]) -> list[str]:
    """Return the distinct paths in their order, without those inside another one."""
    unique = dict.fromkeys(paths)
    return [path for path in unique if not any(str(above) in unique for above in Path(path).parents)]


def _check_no_link_above(home: Path, relative: str, files: Files) -> None:
    for above in Path(relative).parents[:-1]:
        status = files.lstat(str(home / above))
        if status is not None and stat.S_ISLNK(status.st_mode):
            raise Refused(
                f"{home / relative} is behind the link {home / above}, so other profiles may share it",
                target=str(home / relative),
                code="behind-a-link",
                hint=f"see its target with `ls -ld {quote(str(home / above))}`",
            )


def steps_from_trash(entry: TrashEntry, target: Path) -> tuple[Step, ...]:
    """Return the steps that restore a deleted profile at `target`; the first is the commit point."""
    return (
        MoveTree(entry.home, target),
        ReplaceFile(entry.folder / ABOUT, None, expected=entry.about),
        TidyFolder(entry.folder),
    )


def steps_from_trash_files(entry: TrashEntry, home: Path, files: Files | None = None) -> tuple[Step, ...]:
    """Return the steps that restore files at their paths in a home; the first is the commit point.

    Files that the user has removed from the trash are skipped. Raises Refused when a path exists or is behind a link;
    Failed when about.json names no file of the entry.
    """
    files = files or Files()
    there = [path for path in entry.paths if files.lstat(str(entry.home / path)) is not None]
    if not there:
        raise Failed(
            f"{entry.folder / ABOUT} names no file in the trash, so no file can be restored",
            target=str(entry.folder),
            code="unreadable-entry",
            hint=f"see the files with `ls -RA {quote(str(entry.folder))}`",
        )
    for path in there:
        _check_no_link_above(home, path, files)
        place = home / path
        if files.lstat(str(place)) is not None:
            raise Refused(
                f"{place} exists again, so {entry.id} cannot be restored",
                target=str(place),
                code="exists",
                hint=f"move it away first: `mv {quote(str(place))} {quote(str(place))}.other`",
            )
    folders = {above for path in there for above in Path(path).parents}
    return (
        *(MoveTree(entry.home / path, home / path) for path in there),
        *(TidyFolder(entry.home / each) for each in sorted(folders, key=lambda each: -len(each.parts))),
        ReplaceFile(entry.folder / ABOUT, None, expected=entry.about),
        TidyFolder(entry.folder),
    )


def trash_entries(layout: Layout, files: Files | None = None) -> tuple[TrashEntry, ...]:
    """Return the entries of the trash, newest first, without folders that have neither a home nor files."""
    files = files or Files()
    found = []
    for folder_name in reversed(files.names(str(layout.trash))):
        folder = layout.trash / folder_name
        if folder_name.startswith("."):
            continue
        for kind, name in (("profile", HOME), ("files", FILES)):
            if files.lstat(str(folder / name)) is not None:
                found.append(_read(folder, kind, files))
                break
    return tuple(found)


def _read(folder: Path, kind: str, files: Files) -> TrashEntry:
    path = str(folder / ABOUT)
    bare = TrashEntry(folder.name, folder.name[22:] or folder.name, folder, about=files.signature(path), kind=kind)
    try:
        raw, status = files.read(path)
        about = json.loads(raw)
        return TrashEntry(
            folder.name,
            str(about["name"]),
            folder,
            Path(about["origin"]),
            str(about["deleted_at"]),
            None if about["size"] is None else int(about["size"]),
            Signature.of(status),
            kind,
            *((_paths(about["paths"]), str(about["reason"])) if kind == "files" else ()),
        )
    except (OSError, ChangedMeanwhile, ValueError, KeyError, TypeError, RecursionError):
        return bare  # the profile can be restored without its details


def _paths(given: object) -> tuple[str, ...]:
    """Return relative paths. Raises ValueError for a path that would leave its folder."""
    if not isinstance(given, list) or not all(isinstance(path, str) for path in given):
        raise ValueError("not a list of paths")
    if any("\0" in path or {"", ".", ".."} & set(path.split("/")) for path in given):
        raise ValueError("not a plain path")
    return tuple(given)


def empty(
    layout: Layout,
    *,
    older_than: datetime | None = None,
    ids: Collection[str] | None = None,
    files: Files | None = None,
    wait: float = 30.0,
) -> tuple[TrashEntry, ...]:
    """Delete entries permanently and return them: those in `ids`, deleted before `older_than`, or all.

    An entry of unknown time is never older than `older_than`. Raises NotFound for an unknown id before any entry is
    deleted, Failed for an error of the system. This cannot be undone: the old bytes that the journal keeps of these
    profiles are deleted as well.
    """
    files = files or Files()
    with translated_errors():
        if files.lstat(str(layout.trash)) is None and not ids:
            return ()
        return _empty(layout, older_than, ids, files, wait)


def _empty(
    layout: Layout, older_than: datetime | None, ids: Collection[str] | None, files: Files, wait: float
) -> tuple[TrashEntry, ...]:
    with StateLock(layout.state, files, wait=wait):
        entries = trash_entries(layout, files)
        unknown = sorted(set(ids or ()) - {entry.id for entry in entries})
        if unknown:
            raise NotFound(
                f"{unknown[0]!r} is not in the trash ({layout.trash})",
                target=unknown[0],
                code="no-such-entry",
                hint="list the entries with `hermes-profiles trash list`",
            )
        chosen = tuple(each for each in entries if _is_chosen(each, older_than, ids))
        left = {each.name for each in entries if each not in chosen}
        gone = {each.name: each.id for each in chosen if each.kind == "profile" and each.name not in left}
        _forget(gone, layout, files)  # before the entries: after a kill in between, the next run can do it again
        for entry in chosen:
            _delete(entry, layout, files)
        return chosen


def _forget(gone: Mapping[str, str], layout: Layout, files: Files) -> None:
    """Delete the journal's old bytes, which may contain secrets, of profiles that are deleted permanently.

    `gone`: profile → id of its trash entry. Old bytes of earlier changes belong to that profile, also under its earlier
    names, and no undo can restore them any more.
    """
    until = dict(gone)
    journal = Journal(layout.state, files)
    for entry in journal.entries() if gone else ():
        for record in entry.steps:
            name = _profile_of(record.target, layout)
            if name is None or entry.id >= until.get(name, ""):
                continue
            if record.kind is StepKind.MOVE and record.source and Path(record.target) == layout.home(name):
                before = _profile_of(record.source, layout)
                if before is not None and files.lstat(str(layout.home(before))) is None:
                    until.setdefault(before, entry.id)
            elif record.old is not None and record.old.backup is not None:
                files.unlink(f"{journal.backups(entry.id)}/{os.path.basename(record.old.backup)}")


def _profile_of(path: str, layout: Layout) -> str | None:
    """Return the named profile to whose home a path belongs, the home itself included; None for another path."""
    try:
        name = Path(path).relative_to(layout.profiles).parts[0]
    except (ValueError, IndexError):
        return None
    return name if is_profile_folder_name(name) else None


def _is_chosen(entry: TrashEntry, older_than: datetime | None, ids: Collection[str] | None) -> bool:
    if ids is not None and entry.id not in ids:
        return False
    if older_than is None:
        return True
    try:
        return entry.deleted_at is not None and datetime.fromisoformat(entry.deleted_at) < older_than
    except (ValueError, TypeError):
        return False


def _delete(entry: TrashEntry, layout: Layout, files: Files) -> None:
    """Delete one entry. It is renamed first, so that the next run can continue after a kill."""
    away = os.path.join(layout.trash, f"{EMPTYING}{entry.id}")
    files.remove_tree(away)
    files.replace(str(entry.folder), away)
    files.remove_tree(away)
