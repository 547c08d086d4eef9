"""Write profiles into one file."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from hermes_profiles import __version__
from hermes_profiles.archives.compression import Compression, chosen_compression
from hermes_profiles.archives.contents import complete_contents, partial_contents
from hermes_profiles.archives.encryption import ENDING, Protection, check_protection
from hermes_profiles.archives.model import EVERY_PROFILE, ArchivedProfile, Contents, Manifest, NotArchived
from hermes_profiles.archives.write import staged_entries, write_archive
from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import iso
from hermes_profiles.changes.new_file import check_free
from hermes_profiles.changes.snapshot import take_snapshot
from hermes_profiles.changes.staging import write_tree
from hermes_profiles.changes.temp_home import clear_scratch, make_scratch, temporary_home
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.model.errors import Problem, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.profiles.listing import require
from hermes_profiles.profiles.placement import read_placement
from hermes_profiles.teams.pool_copies import SharedPool

from ..context import Session

_SCRATCH = "archive"
BACKUP = "backup"  # a kind of file: its links may lead to the other profiles of the root


class ExportRequest(NamedTuple):
    """What to write. `target`: None for a file in the current folder named by the profiles and the time."""

    names: tuple[str, ...]
    target: Path | None = None
    contents: Contents = Contents.SHAREABLE
    protection: Protection | None = None
    kind: str = "export"
    gzip: bool = False


class Export(NamedTuple):
    """A written archive, or its dry run. `size`: None in a dry run."""

    manifest: Manifest
    path: Path
    encrypted: bool
    size: int | None
    dry_run: bool
    warnings: tuple[Problem, ...] = ()


class _Planned(NamedTuple):
    """One profile before it is written: `stage` makes its snapshot in a folder."""

    profile: ArchivedProfile
    size: int
    files: int
    stage: Callable[[Path], ArchivedProfile]
    warnings: tuple[Problem, ...] = ()


def export_profiles(session: Session, request: ExportRequest, *, dry_run: bool = False) -> Export:
    """Write profiles into one file, which appears only when it is complete.

    Raises NotFound for an unknown profile, UsageProblem for secrets without encryption, Refused when the file exists.
    """
    names = tuple(dict.fromkeys(check_existing_name(name) for name in request.names))
    for name in names:
        require(session.layout, name)
    if request.contents.holds_secrets and request.protection is None:
        raise UsageProblem(
            "an archive with keys or identities is written only encrypted",
            target="--recipient",
            hint="add `--recipient age1…`, or `--passphrase` to be asked for one",
        )
    if request.protection is not None:
        check_protection(request.protection)
    compression = chosen_compression(request.target.name if request.target else "", gzip=request.gzip)
    target = _target(request, names, compression)
    check_free(target)
    linked = EVERY_PROFILE if request.kind == BACKUP else names
    planned = {name: _plan(session, name, linked, request.contents) for name in names}
    warnings = tuple(each for plan in planned.values() for each in plan.warnings)
    encrypted = request.protection is not None
    if dry_run:
        manifest = _manifest(session.layout, request, tuple(plan.profile for plan in planned.values()))
        return Export(manifest, target, encrypted, None, dry_run, warnings)
    with private_scratch(session.layout, _SCRATCH) as place:
        profiles = tuple(plan.stage(place / name) for name, plan in planned.items())
        manifest = _manifest(session.layout, request, profiles)
        size = write_archive(
            target,
            manifest,
            {name: place / name for name in names},
            compression=compression,
            protection=request.protection,
            scratch=place / ".archive",
        )
    return Export(manifest, target, encrypted, size, dry_run, warnings)


@contextmanager
def private_scratch(layout: Layout, name: str) -> Iterator[Path]:
    """Yield an empty private folder, which is removed at the end, after an error as well. Raises Refused, Failed."""
    with temporary_home(layout, name) as place:
        make_scratch(place)
        try:
            yield place
        finally:
            clear_scratch(place)


def _manifest(layout: Layout, request: ExportRequest, profiles: tuple[ArchivedProfile, ...]) -> Manifest:
    hermes = ".".join(map(str, layout.installed().version))
    return Manifest(request.kind, request.contents, iso(utc_now()), __version__, hermes, profiles)


def _target(request: ExportRequest, names: Sequence[str], compression: Compression) -> Path:
    if request.target is not None:
        return Path(os.path.abspath(request.target))
    stamp = utc_now().strftime("%Y%m%d-%H%M%S")
    name = names[0] if len(names) == 1 else "profiles"
    ending = ENDING if request.protection is not None else ""
    return Path(os.path.abspath(f"{name}-{stamp}.tar.{compression}{ending}"))


def _plan(session: Session, name: str, names: Container[str], contents: Contents) -> _Planned:
    return (
        _plan_complete(session, name, names) if contents is Contents.COMPLETE else _plan_part(session, name, contents)
    )


def _plan_complete(session: Session, name: str, names: Container[str]) -> _Planned:
    home = session.layout.home(name)
    top = session.layout.root if names is EVERY_PROFILE else None
    found = complete_contents(name, home, session.catalog, names, root=top)
    profile = ArchivedProfile(name, (), found.left_out, read_placement(home).epoch)

    def stage(place: Path) -> ArchivedProfile:
        snapshot = take_snapshot(place, found.entries)
        gone = tuple(NotArchived(path, "it was removed while the archive was made") for path in snapshot.gone)
        return profile._replace(entries=staged_entries(place, found.known), left_out=(*found.left_out, *gone))

    links = [row for row in found.left_out if row.reason.startswith("a link out")]
    warnings = [
        Problem("link-out", f"{name}: {row.path} stays behind: {row.reason}", name, _link_hint(home / row.path))
        for row in links
    ]
    return _Planned(profile, found.size, len(found.entries), stage, tuple(warnings))


def _link_hint(link: Path) -> str:
    return f"take along what it leads to, and make the link again there; see it with `ls -ld {quote(str(link))}`"


def _plan_part(session: Session, name: str, contents: Contents) -> _Planned:
    context = CloneContext(
        layout=session.layout,
        environment={},
        catalog=session.catalog,
        pick_port=lambda: 8642,  # the import assigns a free one, and a key
        fresh_key=lambda: "",
    )
    found = partial_contents(name, context, contents, SharedPool)
    profile = ArchivedProfile(name, (), found.left_out, api_server=found.api_server)

    def stage(place: Path) -> ArchivedProfile:
        write_tree(place, found.tree)
        return profile._replace(entries=staged_entries(place, {}))

    return _Planned(profile, 0, len(found.tree.entries), stage, tuple(found.report.warnings))
