"""The plan of a clone and its report: what is copied, rewritten and left behind.

Nothing is written here. The plan that `--dry-run` shows is the plan that is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from hermes_profiles.changes.plan import (
    ChangePlan,
    CopyFile,
    MakeFolder,
    PublishTree,
    TreeEntry,
    WriteFile,
)
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.channels.outer_settings import OuterSettings
from hermes_profiles.credentials.classifier import Classification, classify, variables_to_mask
from hermes_profiles.credentials.detection.forms import places_in
from hermes_profiles.credentials.edits import EditRows, env_edits, tree_edits
from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.credentials.rewrite import rewrite_env, rewrite_tree
from hermes_profiles.credentials.rules.config import TreeJudgement
from hermes_profiles.credentials.rules.environment import API_SERVER_ASSIGNED
from hermes_profiles.credentials.rules.files import FileRules, Scope
from hermes_profiles.credentials.search.value_index import ValueIndex
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.hermes.environment import API_SERVER_KEY, API_SERVER_PORT
from hermes_profiles.hermes.files import (
    AUTH_FILE,
    CONFIG_FILE,
    ENV_FILE,
    HONCHO_FILE,
    LEGACY_CONFIG_FILE,
    NO_SKILLS_MARKER,
    OP_ENV_FILE,
    PLUGINS_FOLDER,
    PROFILE_FILE,
    PROFILE_FOLDERS,
    SOUL_FILE,
)
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.create import NO_SKILLS_NOTE, describe_profile, new_env
from hermes_profiles.profiles.placement import with_placement
from hermes_profiles.profiles.plugin_channels import unread_registrations
from hermes_profiles.profiles.profile_yaml import without_teams
from hermes_profiles.profiles.tree_walk import read_document

from .files import FileCopier, LinkedFiles
from .former_values import former_values
from .packed import PackedFiles
from .report import CloneReport, NamedPlace, RedactedPlace, refuse_named
from .source import LeftBehind, SourceProfile, add_skip_hint, read_source
from .warnings import add_warnings


class CloneRequest(NamedTuple):
    """The arguments of one clone; `source` and `name` are normalised, checked names."""

    source: str
    name: str
    scope: Scope = Scope.AGENT
    policy: ClonePolicy = ClonePolicy()
    description: str | None = None
    skills: bool = True
    command: tuple[str, ...] = ("clone",)


class CloneContext(NamedTuple):
    """The paths, facts and functions that a plan depends on; given by the caller, so that plans are testable.

    `environment` is the process environment that a gateway of the clone can inherit; `managed_env` and `managed_config`
    are the files of the machine's managed directory, which lie over those of every profile.
    """

    layout: Layout
    environment: Mapping[str, str]
    catalog: Catalog
    pick_port: Callable[[], int]
    fresh_key: Callable[[], str]
    managed_env: bytes | None = None
    managed_config: bytes | None = None

    def outer(self) -> OuterSettings:
        """Return the settings from outside of the profile; a managed file that cannot be parsed has none."""
        environment, config = dict(self.environment), None
        try:
            managed = EnvDocument.parse(self.managed_env or b"", known_keys=self.catalog.known_names)
            environment.update({one.name: one.literal for one in managed.entries if "dotenv" in one.readers})
            config = YamlDocument.parse(self.managed_config) if self.managed_config else None
        except DocumentError:
            pass  # the start of a gateway reports it
        return OuterSettings(environment, config)


# Reads what the source has through links into another profile: given the report and the source's own removed values.
LinkedFilesReader = Callable[[CloneRequest, CloneContext, CloneReport, ValueIndex], LinkedFiles]


def build_clone(
    request: CloneRequest, context: CloneContext, linked: LinkedFilesReader
) -> tuple[ChangePlan, CloneReport]:
    """Return the plan and its report.

    Raises DocumentError or Failed when a file cannot be read with certainty, and Refused with `strict_shapes` when the
    report names a place.
    """
    home = context.layout.home(request.source)
    rules = FileRules(context.catalog, request.policy, request.scope, request.source == DEFAULT, request.skills)
    source = read_source(request.source, home, rules)
    documents = source.documents._replace(outer=context.outer())
    if not rules.clones_channels:
        paths = [item.path for item in source.items]
        former = former_values(context.layout, home, paths, documents.texts(), context.catalog, request.policy)
        documents = documents._replace(state_values={**documents.state_values, **former})
    source = source._replace(documents=documents)
    classification = classify(source.documents, catalog=context.catalog, policy=request.policy)
    builder = _CloneBuilder(request, context, linked, rules, source, classification)
    entries = builder.build()
    if request.policy.strict_shapes:
        refuse_named(builder.report)
    target = context.layout.home(request.name)
    plan = ChangePlan(
        command=request.command,
        summary=f"clone {request.source} as {request.name}",
        steps=(PublishTree(target, entries, screen=builder.values or None),),
        profiles=(request.name,),
    )
    return plan, builder.report


class CloneDocuments(NamedTuple):
    """The documents of a clone: `entries` by name, and the rulings that they come from.

    `report` has rows for the documents only; they can hold removed values until `report.hide` is called.
    """

    entries: Mapping[str, WriteFile]
    source: SourceProfile
    judged: Classification
    report: CloneReport


def build_documents(request: CloneRequest, context: CloneContext, linked: LinkedFilesReader) -> CloneDocuments:
    """Return the documents of a clone without its files; only the documents of the source are read.

    Raises what `build_clone` raises.
    """
    rules = FileRules(context.catalog, request.policy, request.scope, request.source == DEFAULT, request.skills)
    source = read_source(request.source, context.layout.home(request.source), rules, files=False)
    source = source._replace(documents=source.documents._replace(outer=context.outer()))
    judged = classify(source.documents, catalog=context.catalog, policy=request.policy)
    builder = _CloneBuilder(request, context, linked, rules, source, judged)
    return CloneDocuments(builder.documents(), source, judged, builder.report)


class _CloneBuilder:
    """Collects the entries of the new tree and the rows of the report."""

    def __init__(
        self,
        request: CloneRequest,
        context: CloneContext,
        linked: LinkedFilesReader,
        rules: FileRules,
        source: SourceProfile,
        classification: Classification,
    ) -> None:
        self.request, self.context, self.rules, self.source = request, context, rules, source
        self.judged = classification
        self.report = CloneReport(
            profile=request.name,
            source=request.source,
            path=context.layout.home(request.name),
            left_behind=list(source.left_behind),
        )
        self.linked = linked(request, context, self.report, classification.values)
        self.values = self.linked.values
        self.entries: dict[str, TreeEntry] = {}

    def build(self) -> tuple[TreeEntry, ...]:
        """Return all entries, and complete the report."""
        for folder in PROFILE_FOLDERS:
            self.entries[folder] = MakeFolder(folder)
        self._add_documents()
        files = FileCopier(self.source, self.rules, self.values, self.context.layout, self.report, self.judged.known)
        for item in self.source.items:
            copies = self.linked.entries(item.path)
            self.entries.update(files.entries_for(item) if copies is None else copies)
        files.finish(self.entries)
        if not self.rules.clones_channels:
            self._name_unread_plugins()
        self._add_own_files()
        self.report.copied = sum(isinstance(entry, CopyFile | WriteFile) for entry in self.entries.values())
        # An empty persona is Hermes' default one. Without the file, the boot of a container makes no slot for the
        # profile (hermes_cli/container_boot.py).
        self.entries.setdefault(SOUL_FILE, WriteFile(SOUL_FILE, Secret(b"")))
        add_warnings(
            self.report,
            self.source,
            self.judged,
            self.request.policy,
            self.context.catalog,
            user_home=self.context.layout.user_home,
        )
        self.report.hide(self.values)
        return tuple(self.entries.values())

    def _find_packed_values(self) -> None:
        """Add what the documents hold packed in base64 to the values: it is removed like the value in it."""
        packed = PackedFiles(self.values, self.judged.known)
        documents = self.source.documents
        files = (ENV_FILE, documents.env), (OP_ENV_FILE, documents.op_env), (CONFIG_FILE, documents.config)
        for name, document in files:
            parts, unsearched = packed.runs_in(document.raw) if document is not None else ({}, "")
            self.values = self.values.joined(ValueIndex(parts)) if parts else self.values
            if unsearched:
                self.report.named.append(NamedPlace(name, None, f"not searched: {unsearched}"))

    def _name_unread_plugins(self) -> None:
        for path, line in unread_registrations(self.source.home / PLUGINS_FOLDER):
            inner = path.relative_to(self.source.home).as_posix()
            if inner in self.entries:
                kind = "registers a channel under a name that only running it would show; see that it is off here"
                self.report.named.append(NamedPlace(inner, line, kind))

    # documents

    def documents(self) -> Mapping[str, WriteFile]:
        """Return the entries of the documents alone."""
        self._add_documents()
        return {name: entry for name, entry in self.entries.items() if isinstance(entry, WriteFile)}

    def _add_documents(self) -> None:
        self._find_packed_values()
        documents = self.source.documents
        assigned = self._assignments()
        masked = variables_to_mask(
            documents,
            self.judged.facts,
            self.context.environment,
            catalog=self.context.catalog,
            policy=self.request.policy,
            assigned=assigned,
        )
        self.report.assigned = {name: None if name.endswith("KEY") else value for name, value in assigned.items()}
        self.report.masked = list(masked)
        self._add_env(ENV_FILE, documents.env, assigned, masked)
        if ENV_FILE not in self.entries:
            # A clone always has an `.env`: `hermes update` replaces a missing one with a copy of the default profile's.
            self.entries[ENV_FILE] = WriteFile(ENV_FILE, Secret(new_env(assigned, masked)))
        self._add_env(OP_ENV_FILE, documents.op_env)
        self._add_tree(CONFIG_FILE, documents.config, self.judged.config)
        self._add_tree(LEGACY_CONFIG_FILE, documents.gateway, self.judged.gateway)
        self._add_tree(HONCHO_FILE, documents.honcho, self.judged.honcho)
        self._add_auth(documents.auth)

    def _add_auth(self, document: JsonDocument | None) -> None:
        removals = self.judged.honcho.removals
        if document is None:
            pass
        elif self.source.name == DEFAULT and self.request.policy.channels is not Channels.CLONE:
            # A profile without a row of its own uses the row of the root: nothing to copy, no new login.
            self.report.left_behind.append(LeftBehind(AUTH_FILE, "a profile without logins uses those of the root"))
        else:
            removals += self.judged.auth.removals
            self._add_tree(AUTH_FILE, document, self.judged.auth)
        self.report.login_again = sorted({removal.login_again for removal in removals if removal.login_again})

    def _add_env(
        self,
        name: str,
        document: EnvDocument | None,
        assigned: Mapping[str, str] = MappingProxyType({}),
        masked: Iterable[str] = (),
    ) -> None:
        if document is None:
            return

        def rewrite() -> tuple[bytes, EditRows]:
            rulings = self.judged.env[document.path]
            edits = env_edits(document, rulings, self.values, assigned=assigned, masked=masked)
            return rewrite_env(document, edits, self.values), edits.rows

        rows = self._add_document(name, rewrite)
        self.report.env_removed += [row._replace(file=name) for row in rows.removed]
        known = set(self.report.kept_names)
        self.report.kept += [row._replace(file=name) for row in rows.kept if row.name not in known]

    def _add_tree(self, name: str, document: YamlDocument | JsonDocument | None, judgement: TreeJudgement) -> None:
        if document is None:
            return

        def rewrite() -> tuple[bytes, EditRows]:
            edits = tree_edits(document, judgement, self.values)
            return rewrite_tree(document, edits, self.values), edits.rows

        rows = self._add_document(name, rewrite)
        self.report.config_removed += [row._replace(file=name) for row in rows.removed]
        self.report.disabled += [channel for channel in rows.disabled if channel not in self.report.disabled]

    def _add_document(self, name: str, rewrite: Callable[[], tuple[bytes, EditRows]]) -> EditRows:
        """Add one rewritten document and return its rows.

        With `--skip-unreadable`, a document that cannot be edited with certainty stays behind, and there are no rows.
        """
        try:
            content, rows = rewrite()
        except DocumentError as error:
            if not self.request.policy.skip_unreadable:
                add_skip_hint(error)
                raise
            self.report.left_behind.append(LeftBehind(name, error.problem.message))
            return EditRows()
        self.entries[name] = WriteFile(name, Secret(content))
        self.report.redacted += [RedactedPlace(name, place.line, place.name) for place in rows.redacted]
        known = self.judged.known
        for place in places_in(content, known) if known is not None else ():
            self.report.named.append(NamedPlace(name, place.line, place.kind))
        return rows

    def _assignments(self) -> dict[str, str]:
        policy = self.request.policy
        if not self.judged.facts.api_server_on or not policy.api_server or policy.channels is Channels.CLONE:
            return {}
        makers = {
            API_SERVER_PORT: lambda: str(self.context.pick_port()),
            API_SERVER_KEY: self.context.fresh_key,
        }
        wanted = [name for name in API_SERVER_ASSIGNED if name not in policy.keep and name not in policy.drop]
        return {name: makers[name]() for name in wanted}

    def _add_own_files(self) -> None:
        if PROFILE_FILE in self.entries or self.request.description is not None:
            self._add_about()
        if not self.request.skills:
            self.entries[NO_SKILLS_MARKER] = WriteFile(NO_SKILLS_MARKER, Secret(NO_SKILLS_NOTE))

    def _add_about(self) -> None:
        """Add profile.yaml: a clone is in no team, leads none, and is not the profile that moved between places."""
        name, entry = PROFILE_FILE, self.entries.pop(PROFILE_FILE, None)
        own = entry.content.reveal() if isinstance(entry, WriteFile) else None
        before = own if own is not None or entry is None else read_document(self.source.home / name)
        try:
            content = without_teams(before or b"", path=str(self.source.home / name))
            content = with_placement(content, None, path=str(self.source.home / name))
            if self.request.description is not None:
                content = describe_profile(content, self.request.description)
        except DocumentError as error:
            if not self.request.policy.skip_unreadable:
                add_skip_hint(error)
                raise
            self.report.left_behind.append(LeftBehind(name, error.problem.message))
            return
        if entry is not None and content == before:
            self.entries[name] = entry
            return
        redacted = self.values.redact_bytes(content)  # a profile.yaml behind a link has not been searched yet
        self.entries[name] = WriteFile(name, Secret(redacted[0] if redacted is not None else b""))
