"""Finds links into another profile's pool, and plans copies that replace them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.changes.plan import TreeEntry
from hermes_profiles.changes.signature import Signature
from hermes_profiles.clone.files import FileCopier
from hermes_profiles.clone.plan import CloneContext, CloneRequest
from hermes_profiles.clone.report import CloneReport
from hermes_profiles.clone.source import LeftBehind, read_source
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.classifier import classify
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import FileRules, Scope
from hermes_profiles.credentials.search.value_index import ValueIndex
from hermes_profiles.model.errors import Failed, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, is_profile_folder_name
from hermes_profiles.profiles.tree_walk import EntryKind, TreeItem, walk

from .model import read_membership
from .shares import POOL


class PoolLink(NamedTuple):
    """A link from a home to the same path of another profile; the `owner` may no longer exist."""

    path: str
    owner: str
    target: str
    signature: Signature


def pool_links(layout: Layout, profile: str, *, at: Path | None = None) -> tuple[PoolLink, ...]:
    """Return the links of a profile into another profile's pool; other links are the user's own.

    `at`: present place of its home, if a change is to move it.
    """
    return tuple(_pool_links(layout, profile, at or layout.home(profile)))


def _pool_links(layout: Layout, profile: str, place: Path) -> Iterator[PoolLink]:
    home = layout.home(profile)
    profiles = os.path.realpath(layout.profiles)
    here = os.path.realpath(home) if os.path.isdir(home) else os.path.join(profiles, profile)
    for path in POOL:
        try:
            status = os.lstat(place / path)
            if not stat.S_ISLNK(status.st_mode):
                continue
            target = os.readlink(place / path)
        except OSError:
            continue
        there = os.path.normpath(os.path.join(here, target))
        owner = _owner(there, path, os.path.realpath(layout.root), profiles)
        if owner is not None and owner != profile:
            yield PoolLink(path, owner, target, Signature.of(status))


def _owner(there: str, path: str, root: str, profiles: str) -> str | None:
    """Return the profile that a target belongs to, None if it is not `path` in a profile."""
    if there == os.path.join(root, path):
        return DEFAULT
    owner, _, rest = there.removeprefix(f"{profiles}/").partition("/")
    return owner if there.startswith(f"{profiles}/") and rest == path and is_profile_folder_name(owner) else None


class PoolCopies:
    """Copies of the lead's pool as a clone would get them: the same files, without the values of its identities.

    `values`: the lead's removed values, and those in `also`. Raises DocumentError or Failed for documents of the lead
    that cannot be read with certainty, as the values to remove are then unknown.
    """

    def __init__(
        self, layout: Layout, lead: str, catalog: Catalog, report: CloneReport, *, also: ValueIndex | None = None
    ) -> None:
        self._home = layout.home(lead)
        self._rules = FileRules(catalog, ClonePolicy(), Scope.ALL, lead == DEFAULT)
        source = read_source(lead, self._home, self._rules, files=False)
        judged = classify(source.documents, catalog=catalog, policy=ClonePolicy())
        own = judged.values
        self.values = own if also is None or not also else own.joined(also)
        # An unreadable file is skipped and reported: it must not prevent a member from leaving.
        lenient = self._rules._replace(policy=ClonePolicy(skip_unreadable=True))
        self._copier = FileCopier(source, lenient, self.values, layout, report, judged.known)

    def entries(self, path: str) -> dict[str, TreeEntry]:
        """Return the entries for one path of the pool, by path below a home; empty if the lead does not have it."""
        found: dict[str, TreeEntry] = {}
        for item in self._items(path):
            found.update(self._copier.entries_for(item))
        self._copier.finish(found)
        return found

    def _items(self, path: str) -> Iterator[TreeItem]:
        place = self._home / path
        try:
            status = os.stat(place)
        except OSError:
            return
        if not stat.S_ISDIR(status.st_mode):
            # The copier handles a link of the lead and makes a file of it.
            own = os.lstat(place)
            kind = EntryKind.LINK if stat.S_ISLNK(own.st_mode) else EntryKind.FILE
            target = os.readlink(place) if kind is EntryKind.LINK else None
            yield TreeItem(path, kind, Signature.of(own), own.st_mode, target)
            return
        yield TreeItem(path, EntryKind.FOLDER, Signature.of(status), status.st_mode)
        kept: set[str] = set()
        for item in walk(place, lambda below: f"{path}/{below}" in kept):
            item = item._replace(path=f"{path}/{item.path}")
            is_folder = item.kind in (EntryKind.FOLDER, EntryKind.UNREADABLE)
            if item.kind is not EntryKind.SPECIAL and self._rules.judge(item.path, folder=is_folder).keeps:
                kept.add(item.path)
                yield item


class SharedPool:
    """Copies that replace a member's links in a clone of it; empty for profiles that are not members.

    `values`: values that no file of the clone can hold: those in `own`, and the identities of the owner of the pool.
    Raises what `PoolCopies` raises, unless unreadable files are skipped.
    """

    def __init__(self, request: CloneRequest, context: CloneContext, report: CloneReport, own: ValueIndex) -> None:
        layout, profile, catalog = context.layout, request.source, context.catalog
        self.values = own
        self._report = report
        self._links: dict[str, PoolLink] = {}
        self._pools: dict[str, PoolCopies] = {}
        self._reasons: dict[str, str] = {}
        membership = read_membership(layout.home(profile))
        if membership is None:
            return
        self._links = {link.path: link for link in pool_links(layout, profile)}
        for owner in dict.fromkeys(link.owner for link in self._links.values()):
            try:
                if layout.home(owner).is_dir():
                    self._pools[owner] = PoolCopies(layout, owner, catalog, report, also=self.values)
                    self.values = self._pools[owner].values
            except Failed as error:
                if not request.policy.skip_unreadable:
                    raise
                self._reasons[owner] = error.problem.message
        report.warnings.append(
            Problem(
                "no-member",
                f"{profile} is a member of the team {membership.team}; the clone is not, and gets copies of "
                "the shared files",
                profile,
            )
        )

    def entries(self, path: str) -> dict[str, TreeEntry] | None:
        """Return the copies that replace a link, {} if its target is missing, None for any other path."""
        link = self._links.get(path)
        if link is None:
            return None
        pool = self._pools.get(link.owner)
        found = pool.entries(path) if pool is not None else {}
        if not found:
            reason = self._reasons.get(link.owner, "the target of the link is missing")
            self._report.left_behind.append(LeftBehind(path, reason))
        return found
