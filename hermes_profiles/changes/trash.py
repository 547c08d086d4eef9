"""Deleted profiles, and files taken out of profiles: they wait below our state until somebody empties the trash."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.model.errors import Failed, NotFound, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT, is_profile_folder_name
from hermes_profiles.model.secret import Secret

from .cleanup import EMPTYING
from .errors import translated_errors
from .filesystem import Files, taken
from .journal import Journal, StepKind, iso
from .lock import StateLock
from .plan import ChangedMeanwhile, MoveTree, ReplaceFile, Signature, Step, TidyFolder, is_below

ABOUT = "about.json"
HOME = "home"
FILES = "files"
_SCHEMA = "hermes-profiles-trash/1"


class TrashEntry(NamedTuple):
    """A deleted profile (`kind` "profile"), or files that were taken out of one ("files"): `paths`, below its home.

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
        """Return where the profile's files are."""
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
    """Return the two steps that put a profile's home into the trash; the second is the commit point.

    `trash_id` must be new: `Journal.fresh_id()` gives one. about.json comes first: interrupted after it, the
    change is taken back and it goes again.
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

    `trash_id` must be new: `Journal.fresh_id()` gives one. `reason` is shown and kept, so nothing secret may be in it.
    Of two paths one of which lies in the other the outer one counts; no paths are no steps. Raises ValueError for a
    path that is no part of this profile, Refused for one behind a link, which may be everybody's, and for an id that
    is not new.
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
    """Return the steps that move files from elsewhere to the trash as if they were a profile's: `found` says where
    below its home each belongs. Raises ValueError for a place that is none.

    `trash_id` must be new; nothing secret may be in `reason`.
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
    """Return a path relative to the profile's home. The other profiles lie in the default one's, and are not its."""
    relative = path.relative_to(layout.home(profile))
    if not relative.parts or ".." in relative.parts:
        raise ValueError(f"{path} does not lie in the home of {profile}")
    if profile == DEFAULT and is_below(str(path), str(layout.profiles)):
        raise ValueError(f"{path} is no file of {profile}: other profiles are there")
    return str(relative)


def _outermost(paths: Iterable[str]) -> list[str]:
    """Return the paths in their order, each once, without those that lie in another one."""
    unique = dict.fromkeys(paths)
    return [path for path in unique if not any(str(above) in unique for above in Path(path).parents)]


def _check_no_link_above(home: Path, relative: str, files: Files) -> None:
    for above in Path(relative).parents[:-1]:
        status = files.lstat(str(home / above))
        if status is not None and stat.S_ISLNK(status.st_mode):
            raise Refused(
                f"{home / relative} lies behind the link {home / above}, so it may not be this profile's alone",
                target=str(home / relative),
                code="behind-a-link",
                hint=f"see where it leads: `ls -ld {home / above}`",
            )


def steps_from_trash(entry: TrashEntry, target: Path) -> tuple[Step, ...]:
    """Return the steps that bring a deleted profile back to `target`; the first is the commit point."""
    return (
        MoveTree(entry.home, target),
        ReplaceFile(entry.folder / ABOUT, None, expected=entry.about),
        TidyFolder(entry.folder),
    )


def steps_from_trash_files(entry: TrashEntry, home: Path, files: Files | None = None) -> tuple[Step, ...]:
    """Return the steps that put files back into a home, each where it was; the first is the commit point.

    What somebody has taken out of the trash by hand is passed over. Raises Refused when something is in the place
    of one, or a link above it; Failed when the entry does not say what it holds.
    """
    files = files or Files()
    there = [path for path in entry.paths if files.lstat(str(entry.home / path)) is not None]
    if not there:
        raise Failed(
            f"{entry.folder / ABOUT} names no file that is there, so nothing can be put back by itself",
            target=str(entry.folder),
            code="unreadable-entry",
            hint=f"see what is there with `ls -RA {entry.folder}`",
        )
    for path in there:
        _check_no_link_above(home, path, files)
        place = home / path
        if files.lstat(str(place)) is not None:
            raise Refused(
                f"{place} is there again, so {entry.id} cannot be put back",
                target=str(place),
                code="exists",
                hint=f"move it away first: `mv {place} {place}.other`",
            )
    folders = {above for path in there for above in Path(path).parents}
    return (
        *(MoveTree(entry.home / path, home / path) for path in there),
        *(TidyFolder(entry.home / each) for each in sorted(folders, key=lambda each: -len(each.parts))),
        ReplaceFile(entry.folder / ABOUT, None, expected=entry.about),
        TidyFolder(entry.folder),
    )


def trash_entries(layout: Layout, files: Files | None = None) -> tuple[TrashEntry, ...]:
    """Return what is in the trash, newest first; folders with neither a home nor files are none."""
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
        return bare  # the profile itself is what counts


def _paths(given: object) -> tuple[str, ...]:
    """Return paths that stay in the folder they are put below; raises ValueError for anything else."""
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
    """Delete entries for good and return them: those in `ids`, deleted before `older_than`, or all.

    An entry whose time is unknown is not older than anything. Raises NotFound for an unknown id before
    anything is deleted, Failed for what the disk does not allow. This is the one thing that has no undo: what the
    journal kept of the files of profiles that are gone now goes, too.
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
                hint="see what is there with `hermes-profiles trash list`",
            )
        chosen = tuple(each for each in entries if _is_chosen(each, older_than, ids))
        left = {each.name for each in entries if each not in chosen}
        gone = {each.name: each.id for each in chosen if each.kind == "profile" and each.name not in left}
        _forget(gone, layout, files)  # first: killed in between, the next run still knows whom to forget
        for entry in chosen:
            _delete(entry, layout, files)
        return chosen


def _forget(gone: Mapping[str, str], layout: Layout, files: Files) -> None:
    """Delete what the journal kept of files of profiles that are gone for good: old contents with their secrets.

    `gone`: profile → id of its entry in the trash; what is older was its own, under its earlier names too. An undo
    could not put it anywhere.
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
    """Return the named profile in whose home a path is, or which it is; None for any other path."""
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
    """Delete one entry. Renamed first: killed half way, it is no entry any more, and the next run goes on."""
    away = os.path.join(layout.trash, f"{EMPTYING}{entry.id}")
    files.remove_tree(away)
    files.replace(str(entry.folder), away)
    files.remove_tree(away)
