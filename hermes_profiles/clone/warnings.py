"""Warnings of a clone, and the commands that come next."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator
from pathlib import Path

from hermes_profiles.accounts.requirements import can_connect, set_up_command
from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.classifier import Classification
from hermes_profiles.credentials.policy import Channels, ClonePolicy, Verdict
from hermes_profiles.credentials.rules.config import dotted
from hermes_profiles.credentials.rules.environment import API_SERVER, judge_name
from hermes_profiles.credentials.rules.secret_sources import secret_sources
from hermes_profiles.documents.entries import truthy
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.listing import has_identity

from .report import CloneReport
from .source import SourceProfile, paths_into

# Classes that two gateways cannot share; a tool's key counts only where a channel runs on it.
_EXCLUSIVE = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.PORT_BIND, KeyClass.TOOL_OR_PROVIDER_KEY)


def add_warnings(
    report: CloneReport,
    source: SourceProfile,
    judged: Classification,
    policy: ClonePolicy,
    catalog: Catalog,
    *,
    user_home: Path,
) -> None:
    """Add warnings and next steps to a report that is complete otherwise."""
    report.warnings += _left_folder(source)
    report.warnings += _not_searched(source)
    report.warnings += _bitwarden(source)
    report.warnings += _secret_sources(source, judged)
    report.warnings += _source_paths(report, source, user_home)
    report.warnings += _dangling_references(report, judged)
    if policy.channels is Channels.CLONE or policy.keep:
        report.warnings += _conflicts(report, source, judged, policy, catalog)
    report.next_steps += _next_steps(report, judged, catalog)


def _left_folder(source: SourceProfile) -> Iterator[Problem]:
    """Yield a warning for a source without a file of a profile: the clone is like a new profile."""
    if source.name != DEFAULT and not has_identity(source.home):
        yield Problem(
            "left-folder",
            f"{source.name} has no file of a profile: it is an empty folder, or what a deleted profile left",
            str(source.home),
            f"see `hermes-profiles doctor {source.name}`; `hermes-profiles list` shows the others",
        )


def _not_searched(source: SourceProfile) -> Iterator[Problem]:
    """Yield a warning for each unread document and state file: its values cannot be recognised in other files."""
    for name in sorted(source.unreadable):
        yield Problem(
            "not-searched",
            f"{name} could not be read: its values were not searched for in the files that were copied",
            name,
            "fix the file and clone again, or search skills and memories for pasted tokens",
        )
    for path, reason in sorted(source.unsearched.items()):
        yield Problem(
            "not-searched",
            f"{path}: {reason}, so its secrets were not searched for in the files that were copied",
            path,
            "search skills and memories for pasted tokens",
        )


def _bitwarden(source: SourceProfile) -> Iterator[Problem]:
    config = source.documents.config
    if config is not None and truthy(config.get(("secrets", "bitwarden", "enabled"))):
        yield Problem(
            "bitwarden",
            "Bitwarden passes every secret of its project to the clone as well; none can be filtered",
            CONFIG_FILE,
            "move the channels' secrets to a project of their own",
        )


def _secret_sources(source: SourceProfile, judged: Classification) -> Iterator[Problem]:
    """Yield a warning for each source of secrets that stays or is dropped: none can be filtered by variable."""
    config = source.documents.config
    dropped = {removal.entry.path for removal in judged.config.removals}
    off = len(judged.config.masks)
    for found in secret_sources(config.entries if config is not None else ()):
        name = dotted(found.path)
        if found.path in dropped:
            yield Problem(
                "secret-source-dropped",
                f"{name} passes an identity of {source.name}: it stays behind, with the other secrets that it passes",
                CONFIG_FILE,
                "give the clone a source of its own that passes only shareable keys",
            )
        else:
            switched = f"; {off} channels are off in the clone by `platforms.NAME.enabled: false`" if off else ""
            yield Problem(
                "secret-source",
                f"{name} passes the same secrets to the clone as to {source.name}; none can be filtered{switched}",
                CONFIG_FILE,
                "move the channels' secrets to a source that only this profile uses",
            )


def _source_paths(report: CloneReport, source: SourceProfile, user_home: Path) -> Iterator[Problem]:
    """Yield a warning for each kept setting or file that leads into the source's home: the clone would work there."""
    config = source.documents.config
    into = re.compile(paths_into(source.home, user_home))
    removed = {row.name for row in report.config_removed}
    for entry in config.entries if config is not None else ():
        if entry.value and into.search(entry.value) and not _is_below(entry.path, removed):
            name = dotted(entry.path)
            yield Problem(
                "source-path",
                f"config.yaml:{entry.line}: {name} points into the home of {source.name}",
                CONFIG_FILE,
                f"to change it: `hermes-profiles config set {report.profile} {shlex.quote(name)} PATH`",
            )
    kept = frozenset(report.kept_names)
    for variable in source.documents.env.entries if source.documents.env is not None else ():
        name = variable.name
        if not variable.commented and name in kept and any(into.search(value) for value in variable.values):
            yield Problem(
                "source-path",
                f"{ENV_FILE}:{variable.line}: {name} points into the home of {source.name}",
                ENV_FILE,
                f"to change it: `hermes-profiles env set {report.profile} {name}`",
            )
    for path, line in report.source_paths:
        message = f"{path}:{line}: a path into the home of {source.name}"
        yield Problem("source-path", message, path, f"look at it: `less {shlex.quote(str(report.path / path))}`")


def _is_below(path: tuple[str, ...], names: Collection[str]) -> bool:
    """Return whether a path of config.yaml, or a block that it is in, has one of these dotted names."""
    return any(dotted(path[:size]) in names for size in range(1, len(path) + 1))


def _dangling_references(report: CloneReport, judged: Classification) -> Iterator[Problem]:
    removed = {row.name for row in report.env_removed}
    for name in sorted(judged.facts.references & removed):
        yield Problem(
            "dangling-reference",
            f"config.yaml refers to ${{{name}}}, which stays behind",
            CONFIG_FILE,
            f"if only a tool needs it, clone again with `--keep {name}`",
        )


def _conflicts(
    report: CloneReport, source: SourceProfile, judged: Classification, policy: ClonePolicy, catalog: Catalog
) -> Iterator[Problem]:
    """Yield a warning for each kept key that two gateways cannot use at the same time."""
    usual = ClonePolicy(drop=policy.drop)
    everything = policy.channels is Channels.CLONE
    for rulings in judged.env.values():
        for item in rulings:
            if item.entry.commented or not any(item.entry.values) or not item.ruling.keeps:
                continue
            ruling = judge_name(item.entry.name, catalog=catalog, policy=usual, facts=judged.facts)
            exclusive = ruling.key_class in _EXCLUSIVE or ruling.verdict is Verdict.ASSIGN
            if exclusive and not ruling.keeps and (everything or item.ruling.by_user):
                yield _conflict(ruling.channel or "gateway", item.entry.name, source.name, report.profile)
    documents = source.documents
    for document, judgement in ((documents.config, judged.config), (documents.gateway, judged.gateway)):
        for entry in document.entries if document is not None else ():
            channel, key_class = catalog_place(entry.path, catalog)
            if not channel or not entry.value or dotted(entry.path) in policy.drop:
                continue
            if key_class in _EXCLUSIVE and (everything or entry.path in judgement.kept):
                yield _conflict(channel, dotted(entry.path), source.name, report.profile)


def catalog_place(path: tuple[str, ...], catalog: Catalog) -> tuple[str | None, KeyClass | None]:
    """Return (channel, class) of a path in a channel's block of config.yaml, else (None, None)."""
    from hermes_profiles.credentials.channels.channel_place import channel_place

    place = channel_place(path, catalog)
    if place is None or not place.known or len(path) <= len(place.block):
        return None, None
    return place.channel, catalog.config_class(place.channel, path[len(place.block) :])


def _conflict(channel: str, name: str, first: str, second: str) -> Problem:
    return Problem(
        "conflict",
        f"{channel}: {name} is held by {first} and by {second}; only one gateway can use it",
        second,
        f"give {second} its own: `hermes-profiles connect {second} {channel}`; or run only one of the two gateways",
    )


def _next_steps(report: CloneReport, judged: Classification, catalog: Catalog) -> Iterator[str]:
    """Yield the commands that set up the channels and logins that stayed behind, one line a command.

    `connect` also switches the channel on. `gateway setup` of Hermes 0.19.0 stores the new keys and leaves
    `enabled: false` as it is. For half of the channels that flag wins, so they need one more line.
    """
    commands: dict[str, list[str]] = {}
    facts = [catalog.channels[name] for name in report.channels if name in catalog.channels and name != API_SERVER]
    for fact in facts:
        if can_connect(fact):
            yield f"connect {fact.name} with an account of its own: {set_up_command(fact, report.profile)}"
        else:
            commands.setdefault(fact.set_up.format(profile=report.profile), []).append(fact.name)
    for set_up, channels in commands.items():
        yield f"set up {', '.join(channels)} with accounts of its own: {set_up}"
    others = {name for channels in commands.values() for name in channels}
    switched = [place for place in judged.config.switch_off if place.channel in others]
    if switched:
        blocks = ", ".join(dotted((*place.block, "enabled")) for place in switched)
        yield f"then switch on what you have set up, by `true` at {blocks} in {report.path / CONFIG_FILE}"
    for provider in report.login_again:
        login = "honcho setup" if provider == "honcho" else f"auth add {provider}"
        yield f"log in with {provider} again: hermes -p {report.profile} {login}"
    yield f"talk to it: hermes -p {report.profile} chat"
    yield f"run its gateway, now and at boot: hermes-gateways install {report.profile} --start"
