"""Explain what a clone does with one variable, path, file or channel, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from json import dumps as json_text
from pathlib import Path
from typing import Any

from hermes_profiles.clone.report import CloneReport
from hermes_profiles.credentials.catalog.catalog import Catalog, channel_document
from hermes_profiles.credentials.channels.channel_place import channel_place
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.config import judge_path
from hermes_profiles.credentials.rules.environment import SourceFacts, judge_name
from hermes_profiles.credentials.rules.files import FileRules, Scope
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.errors import NotFound
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, check_existing_name
from hermes_profiles.profiles.listing import require

from ..context import Session


class ExplainedPlace(NamedTuple):
    """One place of a profile where the thing is. `line`: from 1, None for a whole file."""

    file: str
    line: int | None
    name: str
    verdict: str
    reason: str


class GeneralRuling(NamedTuple):
    """What the catalogue rules about the thing, wherever it is set."""

    verdict: str
    reason: str
    channel: str | None
    key_class: str | None


class Explanation(NamedTuple):
    """What a clone of a profile does with a thing. `general`: None when no rule is about it."""

    thing: str
    profile: str
    general: GeneralRuling | None
    places: tuple[ExplainedPlace, ...]


class ExplainedCheck(NamedTuple):
    """A check of the doctor. `command`: runs it alone; `page`: of the documentation."""

    id: str
    severity: str
    title: str
    command: str
    page: str


def explained_check(thing: str) -> ExplainedCheck | None:
    """Return what a check of the doctor looks for, None for another word."""
    from hermes_profiles.doctor.registry import CHECKS

    found = next((check for check in CHECKS if check.id == thing), None)
    if found is None:
        return None
    where = " --place all" if found.family == "places" else ""
    command = f"hermes-profiles doctor{where} --only {found.id} -v"
    return ExplainedCheck(found.id, str(found.severity), found.title, command, "docs/reference/checks.md")


def explain(session: Session, thing: str, profile: str) -> Explanation:
    """Return what a clone of a profile would do with one key, path, file or channel. Raises NotFound."""
    name = check_existing_name(profile)
    report, catalog = _planned_clone(session, name)
    places = list(_places(report, thing, catalog))
    present = _is_file_of(thing, session.layout.home(name))
    general = _in_general(thing, catalog, report, is_default=name == DEFAULT, present=present)
    if present and general is not None and not places:
        places.append(ExplainedPlace(thing, None, thing, general.verdict, general.reason))
    if not places and general is None:
        raise NotFound(
            f"{thing!r} is not a channel, no variable or path of {name}, and no file of it",
            target=thing,
            hint="list what is known with `hermes-profiles catalog`",
        )
    return Explanation(thing, name, general, tuple(places))


def channel_details(catalog: Catalog, name: str) -> dict[str, Any]:
    """Return what the catalogue knows of a channel, as the command contract has it. Raises NotFound."""
    channel = catalog.channel_of_config_key(name)
    if channel is None:
        raise NotFound(
            f"no channel {name!r} in the catalogue", target=name, hint="list them with `hermes-profiles catalog`"
        )
    return channel_document(catalog.channels[channel])


def _planned_clone(session: Session, name: str) -> tuple[CloneReport, Catalog]:
    """Return the report of a clone that is planned and not made: explain and clone cannot differ."""
    from hermes_profiles.clone.plan import CloneContext, CloneRequest
    from hermes_profiles.operations.profiles.plan_clone import plan_clone
    from hermes_profiles.profiles.plugin_channels import catalog_for

    home = require(session.layout, name)
    catalog = catalog_for(session.layout, session.environment, homes=(home,))
    world = CloneContext(session.layout, session.environment, catalog, pick_port=lambda: 0, fresh_key=lambda: "")
    request = CloneRequest(name, "explained", Scope.ALL, ClonePolicy(skip_unreadable=True))
    return plan_clone(request, world)[1], catalog


def _places(report: CloneReport, thing: str, catalog: Catalog) -> Iterator[ExplainedPlace]:
    channel = catalog.channel_of_config_key(thing)
    path = thing.strip("/")
    for row in (*report.env_removed, *report.config_removed):
        if row.name == thing or row.name.startswith(f"{thing}.") or (channel and row.ruling.channel == channel):
            yield ExplainedPlace(row.file, row.line, row.name, "remove", row.ruling.reason)
    for name in report.assigned:
        if name == thing or (channel and channel in catalog.channels_of(name)):
            yield ExplainedPlace(ENV_FILE, None, name, "assign", "must be unique")
    for kept in report.kept:
        fact = catalog.lookup(kept.name)
        if kept.name == thing or (channel and fact is not None and fact.channel == channel):
            yield ExplainedPlace(kept.file, kept.line, kept.name, "keep", kept.reason)
    for name in report.masked:
        if name == thing or (channel and channel in catalog.channels_of(name)):
            yield ExplainedPlace(ENV_FILE, None, name, "mask", "set in this shell; the clone must not inherit it")
    for left in report.left_behind:
        if (
            left.path == path
            or left.path.startswith(f"{path}/")
            or path.startswith(f"{left.path}/")
            or (channel and left.channel == channel)
        ):
            yield ExplainedPlace(left.path, None, left.path, "remove", left.reason)
    for place in report.redacted:
        if place.name == thing or place.path == path:
            yield ExplainedPlace(place.path, place.line, place.name, "redact", "a removed value is here")


def _is_file_of(thing: str, home: Path) -> bool:
    path = thing.strip("/")
    return bool(path) and ".." not in path.split("/") and "\0" not in path and os.path.lexists(home / path)


def _in_general(
    thing: str, catalog: Catalog, report: CloneReport, *, is_default: bool, present: bool
) -> GeneralRuling | None:
    """Return what the catalogue rules about the thing, wherever it is set."""
    channel = catalog.channel_of_config_key(thing)
    if channel is not None:
        known = catalog.channels[channel]
        return GeneralRuling("remove", known.why, channel, None)
    fact = catalog.lookup(thing)
    if fact is not None:
        ruling = judge_name(thing, catalog=catalog, policy=ClonePolicy(), facts=SourceFacts())
        return GeneralRuling(str(ruling.verdict), ruling.reason, fact.channel, str(fact.key_class))
    ruling_there = _of_config_path(thing, catalog)
    if ruling_there is not None:
        return ruling_there
    if thing in report.kept_names:
        return GeneralRuling("keep", "no channel reads it", None, None)
    removed = next((row.ruling for row in report.env_removed if row.name == thing), None)
    if removed is not None:
        key_class = str(removed.key_class) if removed.key_class is not None else None
        return GeneralRuling(str(removed.verdict), removed.reason, removed.channel, key_class)
    rules = FileRules(catalog, ClonePolicy(), Scope.ALL, is_default)
    if "/" in thing or present:
        ruling = rules.judge(thing.strip("/"), folder=thing.endswith("/"))
        return GeneralRuling(str(ruling.verdict), ruling.reason, ruling.channel, None)
    return None


def _of_config_path(thing: str, catalog: Catalog) -> GeneralRuling | None:
    """Return the ruling about a path of config.yaml wherever it is set, None without a rule."""
    content: Any = "x"
    for part in reversed(thing.split(".")):
        content = {part: content}
    entry = JsonDocument.parse(json_text(content).encode(), path=CONFIG_FILE).entries[-1]
    place = channel_place(entry.path, catalog)
    if place is not None and place.known and entry.path in (place.block, (*place.block, "enabled")):
        return GeneralRuling("keep", "but switched off", place.channel, None)
    ruling = judge_path(entry, place, catalog=catalog, policy=ClonePolicy(), facts=SourceFacts())
    if ruling is None or "." not in thing:
        return None
    key_class = str(ruling.key_class) if ruling.key_class is not None else None
    return GeneralRuling(str(ruling.verdict), ruling.reason, ruling.channel, key_class)
