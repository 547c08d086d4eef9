"""The plan of a clone: what is copied, what is rewritten, what stays behind, and the report of it all.

Nothing is written here. The plan that `--dry-run` shows is the plan that is applied.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hermes_profiles.changes.plan import (
    ChangePlan, CopyFile, MakeFolder, MakeLink, PublishTree, ReplaceFile, Step, TreeEntry, WriteFile,
)  # fmt: skip
from hermes_profiles.credentials.catalog import Catalog, KeyClass
from hermes_profiles.credentials.classifier import Classification, classify, source_environment
from hermes_profiles.credentials.environment_rules import API_SERVER_ASSIGNED, SourceFacts, judge_name, tool_channels
from hermes_profiles.credentials.file_rules import AGENT_FILES, DOCUMENTS, FileRules, Scope
from hermes_profiles.credentials.rewrite import Rewrite, rewrite_auth, rewrite_config, rewrite_env
from hermes_profiles.credentials.verdicts import Channels, ClonePolicy, Verdict
from hermes_profiles.model.layout import PROFILE_FOLDERS, Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.result import DocumentError, Failed, Problem
from hermes_profiles.model.secret import Secret

from .fresh import ENV_HEADER, NO_SKILLS_MARKER, NO_SKILLS_NOTE, describe_profile
from .report import CloneReport, RedactedPlace
from .snapshot import Kind, TreeItem, data_chunks, read_document
from .source import SKIP_HINT, LeftBehind, Source, read_source

# Larger files are searched piece by piece; if one holds a removed value it stays behind instead of being rewritten.
_LARGEST_REWRITE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CloneRequest:
    """What the user asked for: `source` and `name` are normalised names that have been checked."""

    source: str
    name: str
    scope: Scope = Scope.AGENT
    policy: ClonePolicy = field(default_factory=ClonePolicy)
    description: str | None = None
    skills: bool = True
    command: tuple[str, ...] = ("clone",)


@dataclass(frozen=True, slots=True)
class World:
    """What a plan may know of the world: facts and functions given by the caller, so that plans stay testable.

    `environment` is the process environment a gateway of the clone might inherit.
    """

    layout: Layout
    environment: Mapping[str, str]
    catalog: Catalog
    pick_port: Callable[[], int]
    fresh_key: Callable[[], str]


def build_clone(request: CloneRequest, world: World) -> tuple[ChangePlan, CloneReport]:
    """Return the plan and its report.

    Raises DocumentError or Failed when something cannot be read with certainty; nothing has been created then.
    """
    home = world.layout.home(request.source)
    rules = FileRules(world.catalog, request.policy, request.scope, request.source == DEFAULT, request.skills)
    source = read_source(request.source, home, rules)
    classification = classify(source.documents, catalog=world.catalog, policy=request.policy)
    builder = _CloneBuilder(request, world, rules, source, classification)
    entries = builder.build()
    target = world.layout.home(request.name)
    plan = ChangePlan(
        command=request.command,
        summary=f"clone {request.source} as {request.name}",
        steps=(PublishTree(target, entries, screen=classification.values or None),),
        profiles=(request.name,),
    )
    return plan, builder.report


def with_alias(plan: ChangePlan, alias_path: Path, script: bytes) -> ChangePlan:
    """Return the plan with the alias script as its last step; the new profile is the commit point."""
    step: Step = ReplaceFile(alias_path, Secret(script), mode=0o755)
    return ChangePlan(plan.command, plan.summary, (*plan.steps, step), plan.commit, plan.profiles)


class _CloneBuilder:
    """Collects the entries of the new tree and the rows of the report."""

    def __init__(
        self, request: CloneRequest, world: World, rules: FileRules, source: Source, classification: Classification
    ) -> None:
        self.request, self.world, self.rules, self.source = request, world, rules, source
        self.found = classification
        self.values = classification.values
        self.report = CloneReport(
            profile=request.name, source=request.source, path=world.layout.home(request.name),
            left_behind=list(source.left_behind),
        )  # fmt: skip
        self.entries: dict[str, TreeEntry] = {}

    def build(self) -> tuple[TreeEntry, ...]:
        """Return all entries; the report is complete afterwards."""
        for folder in PROFILE_FOLDERS:
            self.entries[folder] = MakeFolder(folder)
        self._add_documents()
        for item in self.source.items:
            self._add_item(item)
        self._add_own_files()
        self.report.copied = sum(isinstance(entry, CopyFile | WriteFile) for entry in self.entries.values())
        self._add_warnings()
        self._add_next_steps()
        return tuple(self.entries.values())

    # documents

    def _add_documents(self) -> None:
        documents, policy = self.source.documents, self.request.policy
        assigned = self._assignments()
        masked = self._masked(assigned)
        self.report.assigned = {name: None if name.endswith("KEY") else value for name, value in assigned.items()}
        self.report.masked = list(masked)
        if documents.env is not None:
            rulings = self.found.env[documents.env.path]
            rewrite = rewrite_env(documents.env, rulings, self.values, policy=policy, assigned=assigned, masked=masked)
            self._add_document(".env", rewrite, environment=True)
        else:
            lines = [*(f"{name}={value}\n" for name, value in assigned.items()), *(f"{name}=\n" for name in masked)]
            # Never without an `.env`: `hermes update` fills a missing one with the default profile's, tokens and all.
            self.entries[".env"] = WriteFile(".env", Secret((ENV_HEADER + "".join(lines)).encode()))
        if documents.op_env is not None:
            rulings = self.found.env[documents.op_env.path]
            rewrite = rewrite_env(documents.op_env, rulings, self.values, policy=policy, assigned={})
            self._add_document(".op.env", rewrite, environment=True)
        for name, document, judgement in (
            ("config.yaml", documents.config, self.found.config), ("gateway.json", documents.gateway, self.found.gateway),
        ):  # fmt: skip
            if document is not None:
                rewrite = rewrite_config(document, judgement.removals, judgement, self.values, policy=policy)
                self._add_document(name, rewrite)
        self._add_auth()

    def _add_auth(self) -> None:
        document, removals = self.source.documents.auth, self.found.auth
        if document is None:
            return
        self.report.login_again = sorted({row.login_again for row in removals if row.login_again})
        if self.source.name == DEFAULT and self.request.policy.channels is not Channels.CLONE:
            # A profile without a row of its own uses the root's: nothing to copy, nobody to log in again.
            self.report.login_again = []
            return
        self._add_document("auth.json", rewrite_auth(document, removals, self.values))

    def _add_document(self, name: str, rewrite: Rewrite, *, environment: bool = False) -> None:
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
        makers = {"API_SERVER_PORT": lambda: str(self.world.pick_port()), "API_SERVER_KEY": self.world.fresh_key}
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
        facts = SourceFacts(facts.references, tool_channels(together, catalog), facts.api_server_on)
        masked = []
        for name in sorted(inherited):
            fact = catalog.lookup(name)
            ruling = judge_name(name, catalog=catalog, policy=policy, facts=facts)
            if fact is None or not fact.known or ruling.keeps or name in assigned:
                continue
            present = own.get(name) if own is not None else None
            if present is None or any(present.values):  # an empty entry of the source masks it already
                masked.append(name)
        return tuple(masked)

    # files

    def _add_item(self, item: TreeItem) -> None:
        if self.values and self.values.names_in(os.fsencode(item.path)):
            shown, _ = self.values.redact(item.path)
            self._leave(LeftBehind(shown, "its name holds a removed value"))
        elif item.kind is Kind.FOLDER:
            self.entries[item.path] = MakeFolder(item.path)
        elif item.kind is Kind.LINK:
            self._add_link(item)
        else:
            self._add_file(item)

    def _add_file(self, item: TreeItem) -> None:
        path = self.source.home / item.path
        copy = CopyFile(item.path, path, item.signature, item.executable)
        try:
            if not self.values:
                if not os.access(path, os.R_OK):
                    raise PermissionError(13, "permission denied")
                self.entries[item.path] = copy
            elif item.signature.size > _LARGEST_REWRITE:
                self._add_large_file(item, copy)
            else:
                with open(path, "rb", buffering=0) as file:
                    content = file.read()
                if self.values.hits(content):
                    self._add_redacted(item, content)
                else:
                    self.entries[item.path] = copy
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            if not self.request.policy.skip_unreadable:
                raise Failed(f"cannot read {path}: {reason}", target=str(path), code="unreadable", hint=SKIP_HINT) from error
            self._leave(LeftBehind(item.path, f"cannot be read: {reason}"))

    def _add_large_file(self, item: TreeItem, copy: CopyFile) -> None:
        for chunk in data_chunks(copy.source, self.values.overlap):
            names = self.values.names_in(chunk) if self.values.hits(chunk) else ()
            if names:
                self._leave(LeftBehind(item.path, f"too large to redact, and it holds the value of {names[0]}"))
                return
        self.entries[item.path] = copy

    def _add_redacted(self, item: TreeItem, content: bytes) -> None:
        names = self.values.names_in(content)
        result = self._redact_yaml(item, content) or self.values.redact_bytes(content)
        if result is None:
            self._leave(LeftBehind(item.path, f"not plain text, and it holds the value of {names[0]}"))
            return
        redacted, places = result
        self.entries[item.path] = WriteFile(item.path, Secret(redacted), item.executable, item.signature.mtime_ns)
        self.report.redacted += [RedactedPlace(item.path, place.line, place.name) for place in places]

    def _redact_yaml(self, item: TreeItem, content: bytes):  # type: ignore[no-untyped-def]
        """Return redacted YAML that is still YAML (`<removed: X>` needs quotes there), None when it is not YAML."""
        if not item.path.endswith((".yaml", ".yml")):
            return None
        from hermes_profiles.credentials.config_rules import ConfigJudgement
        from hermes_profiles.documents.yamlfile import YamlDocument

        try:
            document = YamlDocument.parse(content, path=item.path)
            rewrite = rewrite_config(document, (), ConfigJudgement(), self.values, policy=self.request.policy)
        except DocumentError:
            return None
        return (rewrite.content, rewrite.redacted) if rewrite.redacted and not rewrite.removed else None

    def _add_link(self, item: TreeItem) -> None:
        target = item.target or ""
        if item.path in AGENT_FILES:
            self._add_private_copy(item)
            return
        home = os.fspath(self.source.home)
        absolute = os.path.normpath(os.path.join(home, os.path.dirname(item.path), target))
        inner = os.path.relpath(absolute, home)
        if inner != ".." and not inner.startswith("../") and not (self.rules.is_default and inner.split("/")[0] == "profiles"):
            if inner in DOCUMENTS or self.rules.judge(inner, folder=False).keeps:
                text = os.path.relpath(inner, os.path.dirname(item.path) or ".") if os.path.isabs(target) else target
                self.entries[item.path] = MakeLink(item.path, text)
            else:
                self._leave(LeftBehind(item.path, "a link to something that stays behind"))
        elif self._leads_to_identity(absolute):
            self._leave(LeftBehind(item.path, "a link into another profile's identity"))
        else:
            # Kept as a link, never followed: shared skill folders are linked on purpose.
            self.entries[item.path] = MakeLink(item.path, absolute if self.rules.is_default else target)
            self.report.warnings.append(
                Problem("outside-link", f"{item.path} is a link out of the profile; the clone has the same link", item.path)
            )

    def _leads_to_identity(self, absolute: str) -> bool:
        root = os.fspath(self.world.layout.root)
        inner = os.path.relpath(absolute, root)
        if inner.startswith("../"):
            return False
        parts = inner.split("/")
        rest = "/".join(parts[2:]) if parts[0] == "profiles" and len(parts) > 2 else inner
        ruling = self.rules.judge(rest, folder=True)
        return rest in DOCUMENTS or rest in (".", "profiles") or (ruling.channel is not None)

    def _add_private_copy(self, item: TreeItem) -> None:
        """Persona and memory behind a link become the clone's own: an edit there must not reach the source."""
        content = read_document(self.source.home / item.path)
        if content is None:
            self._leave(LeftBehind(item.path, "a link to nothing"))
        elif self.values and self.values.hits(content):
            self._add_redacted(item, content)
        else:
            self.entries[item.path] = WriteFile(item.path, Secret(content))

    def _leave(self, row: LeftBehind) -> None:
        self.report.left_behind.append(row)

    # the rest

    def _add_own_files(self) -> None:
        if self.request.description is not None:
            existing = read_document(self.source.home / "profile.yaml") if "profile.yaml" in self.entries else None
            content = describe_profile(existing, self.request.description)
            self.entries["profile.yaml"] = WriteFile("profile.yaml", Secret(content))
        if not self.request.skills:
            self.entries[NO_SKILLS_MARKER] = WriteFile(NO_SKILLS_MARKER, Secret(NO_SKILLS_NOTE))

    def _add_warnings(self) -> None:
        warn = self.report.warnings.append
        config = self.source.documents.config
        if config is not None:
            bitwarden = config.get(("secrets", "bitwarden", "enabled"))
            if bitwarden is not None and (bitwarden.value or "").lower() not in ("false", "no", "off", "0", ""):
                warn(Problem(
                    "bitwarden", "Bitwarden hands every secret of its project to the clone too; none can be filtered",
                    "config.yaml", "put the channels' secrets into a project of their own",
                ))  # fmt: skip
            self._warn_about_paths(config)
        self._warn_about_references()
        if self.request.policy.channels is Channels.CLONE:
            self._warn_about_conflicts()

    def _warn_about_paths(self, config) -> None:  # type: ignore[no-untyped-def]
        home = os.fspath(self.source.home)
        gone = {row.name for row in self.report.config_removed}
        for entry in config.entries:
            name = ".".join(entry.path)
            if entry.value and home + "/" in entry.value + "/" and not any(name == g or name.startswith(g + ".") for g in gone):
                self.report.warnings.append(Problem(
                    "source-path", f"config.yaml:{entry.line}: {name} points into the home of {self.source.name}",
                    "config.yaml", f"if it should be the clone's own: `hermes -p {self.request.name} config set {name} PATH`",
                ))  # fmt: skip

    def _warn_about_references(self) -> None:
        removed = {row.name for row in self.report.env_removed}
        for name in sorted(self.found.facts.references & removed):
            self.report.warnings.append(Problem(
                "dangling-reference", f"config.yaml refers to ${{{name}}}, which stays behind", "config.yaml",
                f"if a tool needs it and no channel does: clone again with `--keep {name}`",
            ))  # fmt: skip

    def _warn_about_conflicts(self) -> None:
        """Name what two gateways will now fight over: the user asked for it, and should know each piece."""
        usual = ClonePolicy(keep=self.request.policy.keep, drop=self.request.policy.drop)
        facts = self.found.facts
        for rulings in self.found.env.values():
            for item in rulings:
                ruling = judge_name(item.entry.name, catalog=self.world.catalog, policy=usual, facts=facts)
                exclusive = ruling.key_class is KeyClass.IDENTITY_CREDENTIAL or ruling.verdict is Verdict.ASSIGN
                if exclusive and any(item.entry.values) and not ruling.keeps:
                    self.report.warnings.append(Problem(
                        "conflict", f"{ruling.channel}: {item.entry.name} is now held by {self.source.name} and {self.request.name}; "
                        "only one gateway can use it", self.request.name,
                        f"give the clone its own, or run only one of the two gateways",
                    ))  # fmt: skip

    def _add_next_steps(self) -> None:
        steps = self.report.next_steps
        for channel in self.report.channels:
            fact = self.world.catalog.channels.get(channel)
            if fact is not None and channel not in ("api_server",):
                steps.append(f"set up {channel}: {fact.set_up.format(profile=self.request.name)}")
        steps += [f"log in again with {provider}: hermes -p {self.request.name} auth add {provider}" for provider in self.report.login_again]
        steps.append(f"talk to it: hermes -p {self.request.name} chat")
