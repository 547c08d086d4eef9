"""Take profiles in from a file: of our own format, or of `hermes profile export`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from hermes_profiles.archives.contents import documents_of, missing_settings, reason_elsewhere
from hermes_profiles.archives.encryption import Unlock
from hermes_profiles.archives.hermes_export import is_own_archive, read_hermes_export
from hermes_profiles.archives.model import ArchivedProfile, Contents, EntryType, Manifest, NotArchived
from hermes_profiles.archives.own_port import with_own_port
from hermes_profiles.archives.read import OpenedArchive, check_is_file, plain_file, read_archive
from hermes_profiles.changes.deletion_marker import clear_marker
from hermes_profiles.changes.plan import (
    ChangePlan,
    CopyFile,
    MakeFolder,
    MakeLink,
    PublishTree,
    Step,
    TreeEntry,
    WriteFile,
)
from hermes_profiles.changes.signature import Signature
from hermes_profiles.clone.plan import CloneContext, CloneRequest
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.classifier import source_facts
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.hermes.files import AUTH_FILE, ENV_FILE, HONCHO_FILE, OP_ENV_FILE, PROFILES_FOLDER
from hermes_profiles.model.errors import DocumentError, Failed, Problem, Refused, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, check_new_name
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.alias import alias_obstacle, find_command, with_alias
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.placement import require_here
from hermes_profiles.profiles.ports import declared_ports, default_ports, free_port, is_free
from hermes_profiles.profiles.tree_walk import read_document

from ..apply import ChangeResult, carry_out
from ..context import Session
from ..profiles.adopt_copy import settle_restored
from ..profiles.create_profile import taken_hint
from ..profiles.plan_clone import plan_clone
from ..profiles.profile_warnings import no_alias_warning
from .export_profiles import private_scratch

_SCRATCH = "import"
# Files that hold secrets: they are always private.
PRIVATE = (ENV_FILE, OP_ENV_FILE, AUTH_FILE, HONCHO_FILE)


class ArchiveImport(NamedTuple):
    """What to take in. `name`: the new name of the only profile, None for the name it has."""

    path: Path
    name: str | None = None
    unlock: Unlock = Unlock()
    alias: bool = True


class ImportedProfile(NamedTuple):
    """One profile of the file as it arrives. `assigned`: names in `.env` that got a value here; a port with it.

    `channels`, `keys`: what it had and the file has not: channels with their accounts, names in `.env`.
    """

    name: str
    source: str
    home: Path
    tree: PublishTree
    files: int
    size: int
    left_behind: tuple[NotArchived, ...] = ()
    assigned: Mapping[str, str | None] = MappingProxyType({})
    alias: Path | None = None
    warnings: tuple[Problem, ...] = ()
    channels: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


class Import(NamedTuple):
    """Profiles that were taken in, or a dry run. `manifest`: None for a file of Hermes."""

    path: Path
    manifest: Manifest | None
    profiles: tuple[ImportedProfile, ...]
    change: ChangeResult
    warnings: tuple[Problem, ...]


def import_profiles(session: Session, request: ArchiveImport, *, dry_run: bool = False) -> Import:
    """Take profiles in from a file, all of them or none; nothing is written to a profile before all is checked.

    Raises Refused for a damaged or hostile file, a wrong passphrase, and a name that exists.
    """
    path = Path(os.path.abspath(request.path))
    check_is_file(path)
    if request.name is not None:
        check_can_take(session.layout, check_new_name(request.name))
    recovered = session.recover(dry_run=dry_run)
    with private_scratch(session.layout, _SCRATCH) as place:
        with plain_file(path, place, request.unlock) as source:
            if is_own_archive(path, source):
                opened = read_archive(path, source, place / PROFILES_FOLDER)
                manifest, profiles = opened.manifest, tuple(_of_archive(session, request, opened))
            else:
                manifest, profiles = None, (_of_hermes(session, request, source, place),)
        if request.alias and session.layout.is_ours:
            profiles = tuple(_with_alias(session, profile) for profile in profiles)
        plan = _plan(session, profiles, path)
        change = carry_out(session, plan, dry_run=dry_run)
    if not dry_run:
        for profile in profiles:
            settle_restored(session, profile.name)
    warnings = tuple(each for profile in profiles for each in profile.warnings)
    return Import(path, manifest, profiles, change._replace(plan=plan), (*recovered, *warnings))


def check_can_take(layout: Layout, name: str) -> None:
    """Raise Refused when a folder has the name of a new profile."""
    home = layout.home(name)
    if os.path.lexists(home):
        hint = f"{taken_hint(layout, name)}; or import it under another name with `--as NAME`"
        raise Refused(f"{home} exists already", target=name, code="exists", hint=hint)


def archived_tree(profile: ArchivedProfile, place: Path, target: Path) -> PublishTree:
    """Return the tree of a profile of an archive, whose files are in `place`, with the modes and times it had."""
    entries: list[TreeEntry] = []
    for entry in profile.entries:
        file = place / entry.path
        if entry.type is EntryType.FOLDER:
            entries.append(MakeFolder(entry.path, entry.mode | 0o700, entry.mtime_ns))
        elif entry.type is EntryType.LINK:
            entries.append(MakeLink(entry.path, entry.target, entry.mtime_ns))
        else:
            mode = entry.mode & 0o700 if entry.path in PRIVATE else entry.mode
            seen, runs = Signature.of(os.lstat(file)), bool(entry.mode & 0o100)
            entries.append(CopyFile(entry.path, file, seen, runs, mode, entry.mtime_ns))
    return PublishTree(target, tuple(entries))


def _of_archive(session: Session, request: ArchiveImport, opened: OpenedArchive) -> Iterator[ImportedProfile]:
    manifest = opened.manifest
    if request.name is not None and len(manifest.profiles) > 1:
        raise UsageProblem(
            f"--as names one profile, and the file has {len(manifest.profiles)}",
            target="--as",
            hint="run it again without `--as`",
        )
    for profile in manifest.profiles:
        name = request.name or profile.name
        _check_name(session, name)
        place = opened.homes[profile.name]
        require_here(session.layout, name, "import it", catalog=lambda: session.catalog, home=place)
        target = session.layout.home(name)
        tree, assigned = with_own_settings(session, archived_tree(profile, place, target), place, on=profile.api_server)
        warnings = (_twice(name, profile.name),) if manifest.contents is Contents.COMPLETE else ()
        files = sum(entry.type is EntryType.FILE for entry in profile.entries)
        left = tuple(row._replace(reason=reason_elsewhere(row.reason)) for row in profile.left_out)
        missing = missing_settings(left, session.catalog)
        yield ImportedProfile(
            name, profile.name, target, tree, files, profile.size, left, assigned, None, warnings, *missing
        )


def _check_name(session: Session, name: str) -> None:
    """Raise Refused where no profile of this name can be made, as for the default profile."""
    if name == DEFAULT:
        raise Refused(
            "the file has the default profile, which every root has already",
            target=name,
            code="exists",
            hint="give it another name with `--as NAME`",
        )
    check_can_take(session.layout, check_new_name(name))


def _twice(name: str, source: str) -> Problem:
    return Problem(
        "holds-identities",
        f"{name} has the bots and accounts of {source}: only one of the two may run",
        name,
        f"stop the other one, then see `hermes-profiles doctor {name}`",
    )


def with_own_settings(
    session: Session, tree: PublishTree, place: Path, *, on: bool, but: str = ""
) -> tuple[PublishTree, dict[str, str | None]]:
    """Return a tree whose API server has a port that is free here and a key, and the names that were assigned.

    `but`: a profile that the tree replaces.
    """
    index = next((at for at, entry in enumerate(tree.entries) if entry.path == ENV_FILE), None)
    entry = tree.entries[index] if index is not None else None
    if index is None or not isinstance(entry, CopyFile):
        return tree, {}
    layout, catalog = session.layout, session.catalog
    taken = declared_ports(layout.home(other) for other in profile_names(layout) if other != but)
    own = with_own_port(
        read_document(place / ENV_FILE) or b"",
        catalog,
        is_on=on or _serves(place, catalog),
        taken=taken,
        is_free=is_free,
        pick=lambda: free_port(taken | default_ports(catalog)),
    )
    if own is None:
        return tree, {}
    written = WriteFile(ENV_FILE, Secret(own.content))
    return replace(tree, entries=(*tree.entries[:index], written, *tree.entries[index + 1 :])), own.assigned


def _serves(home: Path, catalog: Catalog) -> bool:
    """Return whether the API server of a home is on; False when its files cannot be read with certainty."""
    try:
        return source_facts(documents_of(home, catalog), catalog).api_server_on
    except (DocumentError, Failed):
        return False


def _of_hermes(session: Session, request: ArchiveImport, source: BinaryIO, place: Path) -> ImportedProfile:
    """Return the profile of a file of Hermes as a clone of it: what is in it may be the bot of another machine."""
    found = read_hermes_export(request.path, source, place / PROFILES_FOLDER, request.name)
    name = request.name or found.name
    _check_name(session, name)
    layout, catalog = session.layout, session.catalog
    taken = declared_ports(layout.home(other) for other in profile_names(layout)) | default_ports(catalog)
    context = CloneContext(
        layout=layout._replace(root=place),
        environment={},
        catalog=catalog,
        pick_port=lambda: free_port(taken),
        fresh_key=lambda: os.urandom(32).hex(),
    )
    plan, report = plan_clone(CloneRequest(name, name, Scope.ALL, command=("import",)), context)
    tree = replace(next(step for step in plan.steps if isinstance(step, PublishTree)), target=layout.home(name))
    rows = [NotArchived(row.path, row.reason) for row in report.left_behind]
    rows += [
        NotArchived(f"{row.file}: {row.name}", row.ruling.reason) for row in report.env_removed + report.config_removed
    ]
    warnings = tuple(each for each in report.warnings if each.code != "source-path")
    size = sum(each.signature.size for each in tree.entries if isinstance(each, CopyFile))
    missing = missing_settings(rows, catalog)
    return ImportedProfile(
        name,
        found.name,
        layout.home(name),
        tree,
        report.copied,
        size,
        (*found.left_out, *rows),
        dict(report.assigned),
        None,
        warnings,
        *missing,
    )


def _with_alias(session: Session, profile: ImportedProfile) -> ImportedProfile:
    why = alias_obstacle(session.layout, profile.name, profile.name, session.environment)
    if why is not None:
        return profile._replace(warnings=(*profile.warnings, no_alias_warning(why, profile.name)))
    return profile._replace(alias=session.layout.alias_folder / profile.name)


def _plan(session: Session, profiles: tuple[ImportedProfile, ...], path: Path) -> ChangePlan:
    layout, names = session.layout, tuple(profile.name for profile in profiles)
    steps: list[Step] = [profile.tree for profile in profiles]
    steps += [step for name in names for step in clear_marker(layout, name)]
    plan = ChangePlan(
        ("import", path.name), f"import {', '.join(names)} from {path.name}", tuple(steps), profiles=names
    )
    hermes = find_command("hermes", session.environment)
    for profile in profiles:
        if profile.alias is not None:
            plan = with_alias(plan, layout, profile.name, hermes=hermes)
    return plan
