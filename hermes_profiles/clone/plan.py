"""The plan of a clone: what is copied, what is rewritten, what stays behind, and the report of it all.

Nothing is written here. The plan that `--dry-run` shows is the plan that is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from hermes_profiles.changes.plan import (
    ChangePlan,
    CopyFile,
    MakeFolder,
    PublishTree,
    TreeEntry,
    WriteFile,
)
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.classifier import Classification, classify, source_environment
from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.credentials.rewrite import Rewrite, rewrite_config, rewrite_env, rewrite_logins
from hermes_profiles.credentials.rules.config import ConfigJudgement
from hermes_profiles.credentials.rules.environment import (
    API_SERVER_ASSIGNED,
    SourceFacts,
    judge_name,
    tool_channels,
)
from hermes_profiles.credentials.rules.files import FileRules, Scope
from hermes_profiles.credentials.value_index import ValueIndex
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.hermes.environment import API_SERVER_KEY, API_SERVER_PORT, HERMES_HOME
from hermes_profiles.hermes.files import (
    AUTH_FILE,
    CONFIG_FILE,
    ENV_FILE,
    HONCHO_FILE,
    LEGACY_CONFIG_FILE,
    NO_SKILLS_MARKER,
    OP_ENV_FILE,
    PROFILE_FILE,
    PROFILE_FOLDERS,
)
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.create import ENV_HEADER, NO_SKILLS_NOTE, describe_profile
from hermes_profiles.profiles.profile_yaml import without_teams
from hermes_profiles.profiles.tree_walk import read_document

from .files import FileCopier, LinkedFiles
from .report import CloneReport, RedactedPlace
from .source import LeftBehind, SourceProfile, offer_to_skip, read_source
from .warnings import add_advice

# An empty HERMES_HOME in `.env` would send the clone's gateway to the default root.
_NEVER_MASKED = frozenset({HERMES_HOME})


class CloneRequest(NamedTuple):
    """What the user asked for: `source` and `name` are normalised names that have been checked."""

    source: str
    name: str
    scope: Scope = Scope.AGENT
    policy: ClonePolicy = ClonePolicy()
    description: str | None = None
    skills: bool = True
    command: tuple[str, ...] = ("clone",)


class CloneContext(NamedTuple):
    """What a plan may know of the world: facts and functions given by the caller, so that plans stay testable.

    `environment` is the process environment a gateway of the clone might inherit.
    """

    layout: Layout
    environment: Mapping[str, str]
    catalog: Catalog
    pick_port: Callable[[], int]
    fresh_key: Callable[[], str]


# Reads what the source has through links into another profile: given the report and the source's own removed values.
LinkedFilesReader = Callable[[CloneRequest, CloneContext, CloneReport, ValueIndex], LinkedFiles]


def build_clone(
    request: CloneRequest, world: CloneContext, linked: LinkedFilesReader
) -> tuple[ChangePlan, CloneReport]:
    """Return the plan and its report.

    Raises DocumentError or Failed when something cannot be read with certainty; nothing has been created then.
    """
    home = world.layout.home(request.source)
    rules = FileRules(world.catalog, request.policy, request.scope, request.source == DEFAULT, request.skills)
    source = read_source(request.source, home, rules)
    classification = classify(source.documents, catalog=world.catalog, policy=request.policy)
    builder = _CloneBuilder(request, world, linked, rules, source, classification)
    entries = builder.build()
    target = world.layout.home(request.name)
    plan = ChangePlan(
        command=request.command,
        summary=f"clone {request.source} as {request.name}",
        steps=(PublishTree(target, entries, screen=builder.values or None),),
        profiles=(request.name,),
    )
    return plan, builder.report


class CloneDocuments(NamedTuple):
    """What the documents of a clone would hold: `entries` by name, and what was judged on the way to them.

    `report` tells of documents alone; its rows may hold removed values until `report.hide` was called.
    """

    entries: Mapping[str, WriteFile]
    source: SourceProfile
    found: Classification
    report: CloneReport


def build_documents(request: CloneRequest, world: CloneContext, linked: LinkedFilesReader) -> CloneDocuments:
    """Return the documents of a clone without its files: of the source nothing else is read, or even listed.

    Raises what `build_clone` raises.
    """
    rules = FileRules(world.catalog, request.policy, request.scope, request.source == DEFAULT, request.skills)
    source = read_source(request.source, world.layout.home(request.source), rules, files=False)
    found = classify(source.documents, catalog=world.catalog, policy=request.policy)
    builder = _CloneBuilder(request, world, linked, rules, source, found)
    return CloneDocuments(builder.documents(), source, found, builder.report)


class _CloneBuilder:
    """Collects the entries of the new tree and the rows of the report."""

    def __init__(
        self,
        request: CloneRequest,
        world: CloneContext,
        linked: LinkedFilesReader,
        rules: FileRules,
        source: SourceProfile,
        classification: Classification,
    ) -> None:
        self.request, self.world, self.rules, self.source = request, world, rules, source
        self.found = classification
        self.report = CloneReport(
            profile=request.name,
            source=request.source,
            path=world.layout.home(request.name),
            left_behind=list(source.left_behind),
        )
        self.linked = linked(request, world, self.report, classification.values)
        self.values = self.linked.values
        self.entries: dict[str, TreeEntry] = {}

    def build(self) -> tuple[TreeEntry, ...]:
        """Return all entries; the report is complete afterwards."""
        for folder in PROFILE_FOLDERS:
            self.entries[folder] = MakeFolder(folder)
        self._add_documents()
        files = FileCopier(self.source, self.rules, self.values, self.world.layout, self.report)
        for item in self.source.items:
            copies = self.linked.entries(item.path)
            self.entries.update(files.entries_for(item) if copies is None else copies)
        self._add_own_files()
        self.report.copied = sum(isinstance(entry, CopyFile | WriteFile) for entry in self.entries.values())
        add_advice(self.report, self.source, self.found, self.request.policy, self.world.catalog)
        self.report.hide(self.values)
        return tuple(self.entries.values())

    # documents

    def documents(self) -> Mapping[str, WriteFile]:
        """Return the entries of the documents alone."""
        self._add_documents()
        return {name: entry for name, entry in self.entries.items() if isinstance(entry, WriteFile)}

    def _add_documents(self) -> None:
        documents, policy = self.source.documents, self.request.policy
        assigned = self._assignments()
        masked = self._masked(assigned)
        self.report.assigned = {name: None if name.endswith("KEY") else value for name, value in assigned.items()}
        self.report.masked = list(masked)
        env, op_env = documents.env, documents.op_env
        if env is not None:
            rulings = self.found.env[env.path]
            self._add_document(
                ENV_FILE,
                lambda: rewrite_env(env, rulings, self.values, policy=policy, assigned=assigned, masked=masked),
                environment=True,
            )
        if ENV_FILE not in self.entries:
            lines = [
                *(f"{name}={value}\n" for name, value in assigned.items()),
                *(f"{name}=\n" for name in masked),
            ]
            # Never without an `.env`: `hermes update` fills a missing one with the default profile's, tokens and all.
            self.entries[ENV_FILE] = WriteFile(ENV_FILE, Secret((ENV_HEADER + "".join(lines)).encode()))
        if op_env is not None:
            op_rulings = self.found.env[op_env.path]
            self._add_document(
                OP_ENV_FILE,
                lambda: rewrite_env(op_env, op_rulings, self.values, policy=policy, assigned={}),
                environment=True,
            )
        self._add_tree(CONFIG_FILE, documents.config, self.found.config)
        self._add_tree(LEGACY_CONFIG_FILE, documents.gateway, self.found.gateway)
        self._add_logins()

    def _add_tree(self, name: str, document: YamlDocument | JsonDocument | None, judgement: ConfigJudgement) -> None:
        if document is not None:
            policy = self.request.policy
            self._add_document(
                name, lambda: rewrite_config(document, judgement.removals, judgement, self.values, policy=policy)
            )

    def _add_logins(self) -> None:
        policy, documents = self.request.policy, self.source.documents
        again = {row.login_again for row in self.found.honcho if row.login_again}
        document, removals = documents.auth, self.found.auth
        honcho = documents.honcho
        if honcho is not None:
            self._add_document(
                HONCHO_FILE, lambda: rewrite_logins(honcho, self.found.honcho, self.values, policy=policy)
            )
        if document is not None and self.source.name == DEFAULT and policy.channels is not Channels.CLONE:
            # A profile without a row of its own uses the root's: nothing to copy, nobody to log in again.
            self.report.left_behind.append(LeftBehind(AUTH_FILE, "a profile without logins uses those of the root"))
            document = None
        elif document is not None:
            again |= {row.login_again for row in removals if row.login_again}
        self.report.login_again = sorted(again)
        if document is not None:
            own = document
            self._add_document(AUTH_FILE, lambda: rewrite_logins(own, removals, self.values, policy=policy))

    def _add_document(self, name: str, make: Callable[[], Rewrite], *, environment: bool = False) -> None:
        """Add one rewritten document; one that cannot be edited with certainty stays behind if the user said so."""
        try:
            rewrite = make()
        except DocumentError as error:
            if not self.request.policy.skip_unreadable:
                offer_to_skip(error)
                raise
            self.report.left_behind.append(LeftBehind(name, error.problem.message))
            return
        self.entries[name] = WriteFile(name, Secret(rewrite.content))
        rows = [type(row)(row.name, name, row.line, row.ruling) for row in rewrite.removed]
        if environment:
            self.report.env_removed += rows
            self.report.kept += [key for key in rewrite.kept if key not in self.report.kept]
        else:
            self.report.config_removed += rows
        self.report.disabled += [channel for channel in rewrite.disabled if channel not in self.report.disabled]
        self.report.redacted += [RedactedPlace(name, item.line, item.name) for item in rewrite.redacted]

    def _assignments(self) -> dict[str, str]:
        policy = self.request.policy
        if not self.found.facts.api_server_on or not policy.api_server or policy.channels is Channels.CLONE:
            return {}
        makers = {
            API_SERVER_PORT: lambda: str(self.world.pick_port()),
            API_SERVER_KEY: self.world.fresh_key,
        }
        wanted = [name for name in API_SERVER_ASSIGNED if name not in policy.keep and name not in policy.drop]
        return {name: makers[name]() for name in wanted}

    def _masked(self, assigned: Mapping[str, str]) -> tuple[str, ...]:
        """Return names of channel variables in the process environment that the clone must not inherit."""
        policy, catalog = self.request.policy, self.world.catalog
        if policy.channels is Channels.CLONE:
            return ()
        inherited = {name: value for name, value in self.world.environment.items() if value and catalog.lookup(name)}
        own = self.source.documents.env
        facts = self.found.facts
        together = {**inherited, **source_environment(self.source.documents)}
        on_tools = facts.tool_channels | tool_channels(together, catalog)
        facts = SourceFacts(facts.references, on_tools, facts.api_server_on)
        masked = []
        for name in sorted(inherited):
            fact = catalog.lookup(name)
            ruling = judge_name(name, catalog=catalog, policy=policy, facts=facts)
            if fact is None or not fact.known or ruling.keeps or name in assigned or name in _NEVER_MASKED:
                continue
            present = own.get(name) if own is not None else None
            if present is None or any(present.values):  # an empty entry of the source masks it already
                masked.append(name)
        return tuple(masked)

    def _add_own_files(self) -> None:
        if PROFILE_FILE in self.entries or self.request.description is not None:
            self._add_about()
        if not self.request.skills:
            self.entries[NO_SKILLS_MARKER] = WriteFile(NO_SKILLS_MARKER, Secret(NO_SKILLS_NOTE))

    def _add_about(self) -> None:
        """Add profile.yaml: a clone is in no team and leads none."""
        name, entry = PROFILE_FILE, self.entries.pop(PROFILE_FILE, None)
        own = entry.content.reveal() if isinstance(entry, WriteFile) else None
        before = own if own is not None or entry is None else read_document(self.source.home / name)
        try:
            content = without_teams(before or b"", path=str(self.source.home / name))
            if self.request.description is not None:
                content = describe_profile(content, self.request.description)
        except DocumentError as error:
            if not self.request.policy.skip_unreadable:
                offer_to_skip(error)
                raise
            self.report.left_behind.append(LeftBehind(name, error.problem.message))
            return
        if entry is not None and content == before:
            self.entries[name] = entry
            return
        redacted = self.values.redact_bytes(content)  # one behind a link has not been looked at
        self.entries[name] = WriteFile(name, Secret(redacted[0] if redacted is not None else b""))
