"""Reads a file of `hermes profile export`: a gzipped tar with one folder, the profile, and no checksums.

Source: hermes_cli/profiles.py, `export_profile`, Hermes 0.19.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from hermes_profiles.changes.staging import write_links
from hermes_profiles.changes.state_files import make_folder
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, is_profile_folder_name

from .model import FOLDER, MANIFEST, NotArchived, bad_archive, is_inner_path, leads_inside
from .read import MOST_BYTES, members, open_tar, take_file

_MOST_MEMBERS = 5_000_000


class HermesExport(NamedTuple):
    """A profile that Hermes wrote to a file. `home`: the folder with its files; `left_out`: links out of it."""

    name: str
    home: Path
    left_out: tuple[NotArchived, ...]


def is_own_archive(path: Path, source: BinaryIO) -> bool:
    """Return whether the first member is our manifest. Raises Refused for a file that is no tar file."""
    with open_tar(source, str(path), MOST_BYTES) as (tar, _):
        first = tar.next()
    source.seek(0)
    return first is not None and (first.name == MANIFEST or first.name.startswith(f"{FOLDER}/"))


def read_hermes_export(path: Path, source: BinaryIO, profiles: Path, name: str | None) -> HermesExport:
    """Write the files of the archive to `profiles/NAME`; `name`: None for that of the folder in the archive.

    Raises Refused for a path out of the folder, a path that occurs twice, and for anything but files, folders, links.
    """
    archive = str(path)
    top, left, seen = "", [], set()
    links: dict[str, str] = {}
    with open_tar(source, archive, MOST_BYTES) as (tar, _):
        for count, member in enumerate(members(tar)):
            where = member.name.removeprefix("./")
            if where in ("", ".") and member.isdir():
                continue
            if count > _MOST_MEMBERS:
                raise bad_archive(archive, f"it has more than {_MOST_MEMBERS:,} files")
            if not is_inner_path(where):
                raise bad_archive(archive, f"{member.name!r} is not a path inside the profile")
            first, _, inner = where.partition("/")
            if top not in ("", first):
                raise bad_archive(archive, f"it has two folders, {top!r} and {first!r}: it is no export of a profile")
            if first != DEFAULT and not is_profile_folder_name(first):
                raise bad_archive(archive, f"its folder {first!r} is not the name of a profile")
            top = first
            home = profiles / (name or top)
            if inner in seen and not member.isdir():
                raise bad_archive(archive, f"{member.name!r} is in it twice")
            if any(above in links for above in _above(inner)):
                raise bad_archive(archive, f"{member.name!r} is below a link")
            seen.add(inner)
            if member.isdir():
                make_folder(home / inner)
            elif member.issym() and leads_inside(inner, member.linkname, top, (top,)):
                links[inner] = member.linkname
            elif member.issym():
                left.append(NotArchived(inner, f"a link out of the profile, to {member.linkname}"))
                links[inner] = ""
            elif member.isreg() and not member.issparse() and inner:
                take_file(tar, member, home / inner, archive)
            else:
                raise bad_archive(archive, f"{member.name!r} is neither a file, a folder nor a link")
    if not top:
        raise bad_archive(archive, "it is empty")
    home = profiles / (name or top)
    write_links(home, {path: target for path, target in links.items() if target})
    return HermesExport(top, home, tuple(left))


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:size]) for size in range(1, len(parts))]
