"""Plans the file changes that disable the multiplexer.

A file that was not changed since gets its original bytes back; in other files only the written settings are removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.fingerprint_key import any_key
from hermes_profiles.changes.journal import ChangeEntry, FileIdentity, Journal, Old, Status, StepKind
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step
from hermes_profiles.changes.signature import Signature
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.set_path import delete_path, set_path
from hermes_profiles.documents.yaml.value import parse_scalar
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret, fingerprint
from hermes_profiles.model.truthy import is_truthy
from hermes_profiles.settings.files import SettingsFile, settings_file, without_variables

from .approvals import OWN, SERVED, move_to_process
from .facts import multiplex_setting
from .saved_state import COMMAND, MULTIPLEX, PROCESSES, SavedState, is_mode_switch, is_service_file, resulting_mode


class DisablePlan(NamedTuple):
    """The change that disables the multiplexer (None: no file changes), and warnings for settings that stay."""

    plan: ChangePlan | None
    warnings: tuple[Problem, ...] = ()


class WrittenFile(NamedTuple):
    """A file that the switch wrote: its original state, and the state it left; None for no file."""

    old: Old | None
    backup: Path | None
    left: FileIdentity | None


def plan_disable(layout: Layout, record: SavedState | None, catalog: Catalog, more: Iterable[Step] = ()) -> DisablePlan:
    """Return the change that reverts the files of the multiplexer; `more`: steps for services.

    Raises DocumentError for a file that cannot be edited with certainty.
    """
    builder = _DisablePlanner(layout, record, catalog)
    builder.run()
    steps = (*builder.steps, *more)
    if not steps:
        return DisablePlan(None, tuple(builder.warnings))
    profiles = tuple(dict.fromkeys((DEFAULT, *(record.pinned if record is not None else ()))))
    plan = ChangePlan((*COMMAND, PROCESSES), "have each profile run a gateway of its own", steps, profiles=profiles)
    return DisablePlan(plan, tuple(builder.warnings))


def written_files(layout: Layout, record: SavedState) -> dict[Path, WrittenFile]:
    """Return every file that the switch has written, from the journal; files of pruned changes are missing."""
    journal = Journal(layout.state)
    entries = journal.entries()
    found: dict[Path, WrittenFile] = {}
    for entry in reversed(entries):  # oldest first
        if not _is_enabling_change(journal, entry, record):
            continue
        for step in entry.steps:
            if step.kind not in (StepKind.REPLACE, StepKind.REMOVE):
                continue
            path = Path(step.target)
            before = found.get(path)
            old, backup = (before.old, before.backup) if before is not None else (step.old, None)
            if before is None and step.old is not None and step.old.backup:
                backup = Path(journal.backups(entry.id)) / os.path.basename(step.old.backup)
            found[path] = WrittenFile(old, backup, step.new if step.kind is StepKind.REPLACE else None)
    return found


def _is_enabling_change(journal: Journal, entry: ChangeEntry, record: SavedState) -> bool:
    """Return whether a change enabled the multiplexer after the state was saved."""
    if entry.status is not Status.DONE or entry.started < record.since or not is_mode_switch(journal, entry):
        return False
    return resulting_mode(journal, entry) == MULTIPLEX


class _DisablePlanner:
    """Collects the steps; without a `record` the multiplexer was enabled by hand."""

    def __init__(self, layout: Layout, record: SavedState | None, catalog: Catalog) -> None:
        self._layout = layout
        self._record = record
        self._catalog = catalog
        self._files = Files()
        self._written = written_files(layout, record) if record is not None else {}
        self._done: set[Path] = set()
        self.steps: list[Step] = []
        self.warnings: list[Problem] = []

    def run(self) -> None:
        """Collect the steps of all files."""
        for path, written in self._written.items():
            is_setting = path.name in (CONFIG_FILE, ENV_FILE) or path.parent.name == SERVED.name
            if is_setting or self._is_removed_service(path, written):
                self._restore(path, written)
        self._restore_setting()
        if self._record is None:
            return
        for name, rows in self._record.pinned.items():
            self._remove_pinned(name, dict(rows))
        for name, channels in self._record.approvals.items():
            self._move_approvals(name, channels)

    def _is_removed_service(self, path: Path, written: WrittenFile) -> bool:
        """Return whether the switch removed a file of a service."""
        is_folded = self._record is not None and self._record.folded
        return is_folded and written.left is None and is_service_file(self._layout, path)

    def _restore(self, path: Path, written: WrittenFile) -> None:
        """Restore the original bytes of a file that was not changed since."""
        if not self._home_of(path).is_dir():
            return  # the profile was deleted: do not create it again
        status = self._files.lstat(str(path))
        is_unchanged = status is None if written.left is None else written.left.is_same_file(status)
        old = written.old
        content = None
        if old is not None and old.link is None:
            try:
                content = self._files.read(str(written.backup))[0] if written.backup is not None else None
            except OSError:
                content = None
            is_unchanged = is_unchanged and content is not None
        if not is_unchanged:
            return
        self._done.add(path)
        seen = Signature.of(status) if status is not None else None
        if old is None and seen is None:
            return
        self.steps.append(
            ReplaceFile(
                path,
                Secret(content) if content is not None else None,
                old.mode if old is not None else 0o600,
                seen,
                old.link if old is not None else None,
                old.identity.mtime_ns if old is not None else None,
            )
        )

    def _home_of(self, path: Path) -> Path:
        profiles = self._layout.profiles
        return profiles / path.relative_to(profiles).parts[0] if profiles in path.parents else self._layout.root

    def _restore_setting(self) -> None:
        """Restore the multiplex setting if the bytes of config.yaml were not restored."""
        home = self._layout.home(DEFAULT)
        file = self._file(DEFAULT, CONFIG_FILE)
        if file is None:
            return
        path, value = multiplex_setting(home)
        if value is None or not is_truthy(value):
            return
        before = self._record.setting if self._record is not None else None
        document = file.config()
        document = delete_path(document, path) if before is None else set_path(document, path, parse_scalar(before))
        above = document.value().at(path[:-1])
        if before is None and len(path) > 1 and above is not None and not above.items:
            document = delete_path(document, path[:-1])
        self._add(file, document.raw, private=False)

    def _remove_pinned(self, name: str, rows: Mapping[str, str]) -> None:
        """Remove pinned settings that still have the written value from a profile's files."""
        if not self._layout.home(name).is_dir():
            return
        key = any_key(self._layout)
        for file_name in (ENV_FILE, CONFIG_FILE):
            digests = {
                place.partition(":")[2]: digest for place, digest in rows.items() if place.startswith(f"{file_name}:")
            }
            file = self._file(name, file_name) if digests else None
            if file is None or file.raw is None:
                continue
            if file_name == ENV_FILE:
                self._add(file, self._without(file, digests, key), private=True)
            else:
                self._add(file, self._without_settings(file, digests, key).raw, private=False)

    def _file(self, name: str, file_name: str) -> SettingsFile | None:
        """Return a file to edit; None if its bytes were restored."""
        file = settings_file(self._layout, name, file_name)
        return None if file.path in self._done or self._layout.home(name) / file_name in self._done else file

    def _without(self, file: SettingsFile, digests: Mapping[str, str], key: bytes) -> bytes:
        document = file.env(self._catalog)
        removed = []
        for variable, digest in digests.items():
            entry = document.get(variable)
            if entry is not None and fingerprint(entry.value, key) == digest:
                removed.append(variable)
            elif entry is not None:
                self._warn_kept(file, variable)
        return without_variables(file, removed, self._catalog)[0] if removed else file.raw or b""

    def _without_settings(self, file: SettingsFile, digests: Mapping[str, str], key: bytes) -> YamlDocument:
        document = file.config()
        for dotted, digest in digests.items():
            path = tuple(dotted.split("."))
            found = document.value().at(path)
            if found is not None and fingerprint(found.text, key) == digest:
                document = delete_path(document, path)
            elif found is not None:
                self._warn_kept(file, dotted)
        return document

    def _warn_kept(self, file: SettingsFile, what: str) -> None:
        self.warnings.append(
            Problem(
                "kept",
                f"{file.profile}: {what} in {file.path} was not removed: it was changed since",
                str(file.path),
                f"show the settings: `hermes-profiles show {file.profile}`",
            )
        )

    def _add(self, file: SettingsFile, content: bytes, *, private: bool) -> None:
        step = file.replaced(content, private=private)
        if step is not None:
            self.steps.append(step)

    def _move_approvals(self, name: str, channels: Iterable[str]) -> None:
        """Move approvals back if their files were not restored."""
        home = self._layout.home(name)
        changed = []
        for channel in channels:
            files = {home / folder / f"{channel}-approved.json" for folder in (SERVED, OWN)}
            if not files <= self._done:
                self.steps = [step for step in self.steps if not (isinstance(step, ReplaceFile) and step.path in files)]
                changed.append(channel)
        for each in move_to_process(name, home, tuple(changed)):
            self.steps += each.steps
