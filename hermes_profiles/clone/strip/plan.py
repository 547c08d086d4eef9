"""The plan that strips identities from an existing profile: it removes in place what a clone would leave behind.

The classifier is the clone's, restricted to some channels (`ClonePolicy.only`). Nothing is written here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from hermes_profiles.changes.plan import ReplaceFile, Step
from hermes_profiles.changes.signature import Signature
from hermes_profiles.changes.trash import steps_to_trash_files
from hermes_profiles.clone.report import RedactedPlace
from hermes_profiles.clone.source import Document, read_documents, state_secrets
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.classifier import (
    Classification,
    SourceDocuments,
    channels_by_reference,
    classify,
    source_environment,
    variables_to_mask,
)
from hermes_profiles.credentials.edits import EditRows, env_edits, tree_edits
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rewrite import rewrite_env, rewrite_tree
from hermes_profiles.credentials.rules.config import TreeJudgement
from hermes_profiles.credentials.rules.files import may_hold_channel_secrets
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.hermes.files import AUTH_FILE, CONFIG_FILE, ENV_FILE, HONCHO_FILE, LEGACY_CONFIG_FILE, OP_ENV_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.profiles.create import new_env
from hermes_profiles.profiles.tree_walk import EntryKind, read_document, walk

from .files import Home, HomeRedactor, channel_state
from .ports import NOTHING_NEW, Reassigned, reassign_ports
from .report import KeptVariable, StripReport, Trashed

_SECRET_FILES = frozenset({ENV_FILE, OP_ENV_FILE, AUTH_FILE, HONCHO_FILE})


class StripRequest(NamedTuple):
    """The identities to strip from one profile.

    `channels`: channels that lose their identity; `logins`: providers that lose their single-use login; `reassign`:
    channels that stay and get a port of their own; `new_key`: whether the API server also gets a key of its own.
    """

    channels: frozenset[str] = frozenset()
    logins: frozenset[str] = frozenset()
    reassign: frozenset[str] = frozenset()
    new_key: bool = False


class StripPlan(NamedTuple):
    """The steps, () when nothing changes, and the report."""

    steps: tuple[Step, ...]
    report: StripReport


class _Opened(NamedTuple):
    """A document of the home as it was read; `signature` is that of the path, taken before reading."""

    signature: Signature
    mode: int
    raw: bytes

    def __repr__(self) -> str:
        return "_Opened(***)"


def plan_strip(
    layout: Layout,
    profile: str,
    request: StripRequest,
    *,
    catalog: Catalog,
    environment: Mapping[str, str],
    assigned_port: Callable[[], int],
    fresh_key: Callable[[], str],
    trash_id: str,
    deleted_at: datetime | str,
) -> StripPlan:
    """Return the steps that strip the requested identities from a profile; everything else stays byte for byte.

    `environment`: the variables that a gateway of the profile can inherit; those of the removed channels are masked
    with `NAME=`. Raises DocumentError or Failed where a document cannot be read or edited with certainty.
    """
    builder = _StripPlanner(layout, profile, request, catalog, environment)
    builder.reassign(assigned_port, fresh_key)
    builder.rewrite_documents()
    redactor = HomeRedactor(builder.home, builder.judged.values, builder.policy, builder.report)
    builder.steps += redactor.steps({*builder.opened, *(row.path for row in builder.trashed)})
    paths = [builder.home.path / row.path for row in builder.trashed]
    builder.steps += steps_to_trash_files(
        layout, profile, paths, trash_id=trash_id, deleted_at=deleted_at, reason="state of channels that were removed"
    )
    builder.report.trashed = list(builder.trashed)
    builder.report.hide(builder.judged.values)
    return StripPlan(tuple(builder.steps), builder.report)


class _StripPlanner:
    """Collects the steps and the rows of the report of one profile."""

    def __init__(
        self, layout: Layout, profile: str, request: StripRequest, catalog: Catalog, environment: Mapping[str, str]
    ) -> None:
        self.home = Home(profile, layout.home(profile), catalog)
        self.request, self.catalog, self.environment = request, catalog, environment
        self.report = StripReport(profile, tuple(sorted(request.channels)), logins=sorted(request.logins))
        self.steps: list[Step] = []
        self.opened: dict[str, _Opened] = {}
        self.trashed: tuple[Trashed, ...] = channel_state(self.home, request.channels, request.logins)
        self.documents = self._read()
        self.new: Reassigned = NOTHING_NEW
        self.policy = ClonePolicy(keep=self._shared(), only=request.channels, logins=request.logins)
        self.judged: Classification

    def reassign(self, assigned_port: Callable[[], int], fresh_key: Callable[[], str]) -> None:
        """Choose new ports and keys for the channels that stay, then judge the documents."""
        documents = self.documents
        self.new = reassign_ports(
            self.request.reassign,
            documents,
            self.catalog,
            assigned_port=assigned_port,
            fresh_key=fresh_key if self.request.new_key else None,
        )
        self.policy = self.policy._replace(assign=frozenset(self.new.shown()))
        self.judged = classify(documents, catalog=self.catalog, policy=self.policy)
        self.report.assigned = self.new.shown()

    def rewrite_documents(self) -> None:
        """Add the replacement of every document that changes."""
        documents, judged, new = self.documents, self.judged, self.new
        masked = variables_to_mask(
            documents,
            judged.facts,
            self.environment,
            catalog=self.catalog,
            policy=self.policy,
            assigned=new.variables,
        )
        self.report.masked = list(masked)
        if documents.env is not None:
            self._rewrite_env(ENV_FILE, documents.env, new.variables, masked)
        elif new.variables or masked:
            self.steps.append(ReplaceFile(self.home.path / ENV_FILE, Secret(new_env(new.variables, masked))))
        if documents.op_env is not None:
            self._rewrite_env(OP_ENV_FILE, documents.op_env)
        self._rewrite_tree(CONFIG_FILE, documents.config, judged.config, new.config)
        self._rewrite_tree(LEGACY_CONFIG_FILE, documents.gateway, judged.gateway, new.gateway)
        self._rewrite_tree(AUTH_FILE, documents.auth, judged.auth)
        self._rewrite_tree(HONCHO_FILE, documents.honcho, judged.honcho)

    def _rewrite_env(
        self,
        name: str,
        document: EnvDocument,
        assigned: Mapping[str, str] = MappingProxyType({}),
        masked: Iterable[str] = (),
    ) -> None:
        values, rulings = self.judged.values, self.judged.env[document.path]
        edits = env_edits(document, rulings, values, assigned=assigned, masked=masked)
        self._add(name, rewrite_env(document, edits, values), edits.rows)

    def _rewrite_tree(
        self,
        name: str,
        document: YamlDocument | JsonDocument | None,
        judgement: TreeJudgement,
        assigned: Mapping[tuple[str, ...], str] = MappingProxyType({}),
    ) -> None:
        if document is not None:
            values = self.judged.values
            edits = tree_edits(document, judgement, values, assigned=assigned)
            self._add(name, rewrite_tree(document, edits, values), edits.rows)
        elif assigned:
            self._make_config(assigned)

    def _make_config(self, assigned: Mapping[tuple[str, ...], str]) -> None:
        document = YamlDocument.parse(b"", path=CONFIG_FILE)
        content = document.edit(insert=list(assigned.items()))
        self.steps.append(ReplaceFile(self.home.path / CONFIG_FILE, Secret(content)))

    def _add(self, name: str, content: bytes, rows: EditRows) -> None:
        before = self.opened[name]
        self.report.removed += [row._replace(file=name) for row in rows.removed]
        self.report.disabled += [channel for channel in rows.disabled if channel not in self.report.disabled]
        self.report.redacted += [RedactedPlace(name, place.line, place.name) for place in rows.redacted]
        if content != before.raw:
            path = self.home.path / name
            if path.is_symlink():
                message = f"{path} is a link to {os.path.realpath(path)}; {self.home.name} gets a file of its own there"
                self.report.warnings.append(Problem("link-replaced", message, str(path)))
            mode = before.mode & 0o700 if name in _SECRET_FILES else before.mode
            self.steps.append(ReplaceFile(path, Secret(content), mode, before.signature))

    # reading

    def _read(self) -> SourceDocuments:
        return read_documents(self._open, self.catalog)._replace(state_values=dict(self._state_values()))

    def _open(self, name: str, parse: Callable[[bytes, str], Document]) -> Document | None:
        path = self.home.path / name
        try:
            signature = Signature.of(os.lstat(path))
            mode = stat.S_IMODE(os.stat(path).st_mode)
        except FileNotFoundError:
            return None
        raw = read_document(path)
        if raw is None:
            return None
        self.opened[name] = _Opened(signature, mode, raw)
        return parse(raw, str(path))

    def _state_values(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the secrets in the state files that are removed, to find them in other files."""
        for row in self.trashed:
            for path in _files_below(self.home.path, row.path):
                if row.channel is None or not may_hold_channel_secrets(path, self.catalog, copies=True):
                    continue
                place = self.home.path / path
                secrets, reason = state_secrets(place)
                if reason:
                    message = f"{path}: {reason}, so its secrets were not searched for in other files"
                    hint = "search skills and memories for pasted tokens"
                    self.report.warnings.append(Problem("not-searched", message, path, hint))
                yield path, secrets

    # shared variables

    def _shared(self) -> frozenset[str]:
        """Return the variables of these channels that a remaining channel of the profile also reads."""
        staying = frozenset(claimed_resources(self.home.path, catalog=self.catalog).channels) - self.request.channels
        referring = channels_by_reference(self.documents, self.catalog)
        for name in sorted(source_environment(self.documents)):
            readers = frozenset(self.catalog.channels_of(name)) | referring.get(name, frozenset())
            if readers & self.request.channels and readers & staying:
                self.report.kept.append(KeptVariable(name, tuple(sorted(readers & staying))))
        return frozenset(row.name for row in self.report.kept)


def _files_below(home: Path, path: str) -> Iterator[str]:
    """Yield a file, or the files of a folder."""
    if (home / path).is_symlink() or not (home / path).is_dir():
        yield path
        return
    for item in walk(home / path, lambda _: True):
        if item.kind is EntryKind.FILE:
            yield f"{path}/{item.path}"
