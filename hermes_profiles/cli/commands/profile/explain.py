"""explain and catalog: what a clone would do with one thing and why, and what the catalogue knows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from json import dumps as json_text
from pathlib import Path
from typing import Annotated, Any

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.options import Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.clone.report import CloneReport
from hermes_profiles.credentials.catalog.catalog import Catalog, channel_document
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.config import channel_place, judge_path
from hermes_profiles.credentials.rules.environment import SourceFacts, judge_name
from hermes_profiles.credentials.rules.files import FileRules, Scope
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.errors import NotFound, Result
from hermes_profiles.model.names import DEFAULT, check_existing_name
from hermes_profiles.operations.context import Session
from hermes_profiles.profiles.listing import require


@examples(
    "hermes-profiles explain TELEGRAM_BOT_TOKEN",
    "hermes-profiles explain platforms.slack.extra.allow_from --profile work",
    "hermes-profiles explain weixin/accounts",
    "hermes-profiles explain telegram --json",
)
def explain(
    thing: Annotated[
        str,
        typer.Argument(metavar="KEY|PATH|CHANNEL", help="A variable, a path of config.yaml, a file, or a channel."),
    ],
    profile: Annotated[
        str | None,
        typer.Option("--profile", "-p", metavar="NAME", help="Profile to look at (default: the one in use)."),
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Tell what a clone would do with one key, path, file or channel, and why."""
    session = Session(home, json)
    run(("explain",), session, lambda: _explain(session, thing, profile))


def _explain(session: Session, thing: str, profile: str | None) -> Answer:
    if profile is not None:
        name = check_existing_name(profile)
    else:
        name, why = session.chosen_profile()
        output.note(f"looking at {name} ({why})")
    report, catalog = _rehearse(session, name)
    rows = list(_places(report, thing, catalog))
    present = _is_file_of(thing, session.layout.home(name))
    general = _in_general(thing, catalog, report, is_default=name == DEFAULT, present=present)
    if present and general is not None and not rows:
        rows.append({"file": thing, "line": None, "name": thing} | {key: general[key] for key in ("verdict", "reason")})
    if not rows and general is None:
        raise NotFound(
            f"{thing!r} is no channel, no variable or path of {name}, and no file of it",
            target=thing,
            hint="list what is known with `hermes-profiles catalog`",
        )
    data = {"thing": thing, "profile": name, "in_general": general, "places": rows}
    return Answer(Result(("explain",), data, warnings=[]), lambda: _explain_text(data))


def _rehearse(session: Session, name: str) -> tuple[CloneReport, Catalog]:
    """Return the report of a clone that is never made: explain cannot say anything else than clone does."""
    from hermes_profiles.clone.plan import CloneContext, CloneRequest
    from hermes_profiles.operations.plan_clone import plan_clone
    from hermes_profiles.profiles.plugin_channels import catalog_for

    home = require(session.layout, name)
    catalog = catalog_for(session.layout, session.environment, homes=(home,))
    world = CloneContext(session.layout, session.environment, catalog, pick_port=lambda: 0, fresh_key=lambda: "")
    request = CloneRequest(name, "explained", Scope.ALL, ClonePolicy(skip_unreadable=True))
    return plan_clone(request, world)[1], catalog


def _places(report: CloneReport, thing: str, catalog: Catalog) -> Iterator[dict[str, Any]]:
    channel = catalog.channel_of_config_key(thing)
    path = thing.strip("/")
    for row in (*report.env_removed, *report.config_removed):
        if row.name == thing or row.name.startswith(f"{thing}.") or (channel and row.ruling.channel == channel):
            yield {
                "file": row.file,
                "line": row.line,
                "name": row.name,
                "verdict": "remove",
                "reason": row.ruling.reason,
            }
    for name in report.assigned:
        if name == thing or (channel and channel in catalog.channels_of(name)):
            yield {
                "file": ENV_FILE,
                "line": None,
                "name": name,
                "verdict": "assign",
                "reason": "must be unique",
            }
    for name in report.kept:
        fact = catalog.lookup(name)
        if name == thing or (channel and fact is not None and fact.channel == channel):
            reason = "harmless behaviour" if fact is not None and fact.channel else "shareable"
            yield {"file": ENV_FILE, "line": None, "name": name, "verdict": "keep", "reason": reason}
    for name in report.masked:
        if name == thing or (channel and channel in catalog.channels_of(name)):
            yield {
                "file": ENV_FILE,
                "line": None,
                "name": name,
                "verdict": "mask",
                "reason": "set in this shell; the clone must not inherit it",
            }
    for left in report.left_behind:
        if (
            left.path == path
            or left.path.startswith(f"{path}/")
            or path.startswith(f"{left.path}/")
            or (channel and left.channel == channel)
        ):
            yield {
                "file": left.path,
                "line": None,
                "name": left.path,
                "verdict": "remove",
                "reason": left.reason,
            }
    for place in report.redacted:
        if place.name == thing or place.path == path:
            yield {
                "file": place.path,
                "line": place.line,
                "name": place.name,
                "verdict": "redact",
                "reason": "a removed value stands here",
            }


def _is_file_of(thing: str, home: Path) -> bool:
    path = thing.strip("/")
    return bool(path) and ".." not in path.split("/") and "\0" not in path and os.path.lexists(home / path)


def _in_general(
    thing: str, catalog: Catalog, report: CloneReport, *, is_default: bool, present: bool
) -> dict[str, Any] | None:
    """Return what the catalogue says of the thing, wherever it stands."""
    channel = catalog.channel_of_config_key(thing)
    if channel is not None:
        known = catalog.channels[channel]
        return {"verdict": "remove", "reason": known.why, "channel": channel, "class": None}
    fact = catalog.lookup(thing)
    if fact is not None:
        ruling = judge_name(thing, catalog=catalog, policy=ClonePolicy(), facts=SourceFacts())
        return {
            "verdict": str(ruling.verdict),
            "reason": ruling.reason,
            "channel": fact.channel,
            "class": str(fact.key_class),
        }
    ruling_there = _of_config_path(thing, catalog)
    if ruling_there is not None:
        return ruling_there
    if thing in report.kept:
        return {"verdict": "keep", "reason": "no channel reads it", "channel": None, "class": None}
    rules = FileRules(catalog, ClonePolicy(), Scope.ALL, is_default)
    if "/" in thing or present:
        ruling = rules.judge(thing.strip("/"), folder=thing.endswith("/"))
        return {
            "verdict": str(ruling.verdict),
            "reason": ruling.reason,
            "channel": ruling.channel,
            "class": None,
        }
    return None


def _of_config_path(thing: str, catalog: Catalog) -> dict[str, Any] | None:
    """Return what becomes of a path of config.yaml wherever it is set, None when no rule is about it."""
    content: Any = "x"
    for part in reversed(thing.split(".")):
        content = {part: content}
    entry = JsonDocument.parse(json_text(content).encode(), path=CONFIG_FILE).entries[-1]
    place = channel_place(entry.path, catalog)
    if place is not None and place.block == entry.path and place.known:
        return {"verdict": "keep", "reason": "but switched off", "channel": place.channel, "class": None}
    ruling = judge_path(entry, place, catalog=catalog, policy=ClonePolicy(), facts=SourceFacts())
    if ruling is None or "." not in thing:
        return None
    key_class = str(ruling.key_class) if ruling.key_class is not None else None
    return {"verdict": str(ruling.verdict), "reason": ruling.reason, "channel": ruling.channel, "class": key_class}


# What a clone does, in the words of its report.
_WORDS = {
    "keep": "kept",
    "remove": "left behind",
    "assign": "the clone gets its own",
    "mask": "kept out",
    "redact": "taken out of the text",
}


def _explain_text(data: dict[str, Any]) -> Iterator[str]:
    general = data["in_general"]
    if general is not None:
        kind = (
            f" ({general['class'].replace('_', ' ')} of {general['channel']})"
            if general["class"] and general["channel"]
            else ""
        )
        pause = ". " if general["reason"][:1].isupper() else ", "
        yield f"{data['thing']}{kind}: {_WORDS[general['verdict']]}{pause}{general['reason']}"
    if not data["places"]:
        yield f"  {data['profile']} does not have it"
    for row in data["places"]:
        place = f"{row['file']}:{row['line']}" if row["line"] else row["file"]
        yield f"  {place}  {row['name']}: {_WORDS[row['verdict']]}, {row['reason']}"


@examples(
    "hermes-profiles catalog",
    "hermes-profiles catalog weixin",
    "hermes-profiles catalog slack --json",
)
def catalog(
    channel: Annotated[str | None, typer.Argument(help="Show this channel alone, with every variable.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Show what the catalogue knows: channels, their variables, ports and files."""
    session = Session(home, json)
    run(("catalog",), session, lambda: _catalog(session, channel))


def _catalog(session: Session, wanted: str | None) -> Answer:
    known = session.catalog
    if wanted is None:
        channels = known.channels.values()
        rows = [
            {"name": c.name, "sharing": str(c.sharing), "why": c.why, "variables": len(c.keys), "origin": c.origin}
            for c in channels
        ]
        cells = [(c.name, str(c.sharing), str(len(c.keys)), c.origin, c.why) for c in channels]
        headers = ("channel", "sharing", "variables", "origin", "why")
        return Answer(
            Result(("catalog",), {"channels": rows}, warnings=session.problems), lambda: output.table(headers, cells)
        )
    name = known.channel_of_config_key(wanted)
    if name is None:
        raise NotFound(
            f"no channel {wanted!r} in the catalogue",
            target=wanted,
            hint="list them with `hermes-profiles catalog`",
        )
    document = channel_document(known.channels[name])
    return Answer(Result(("catalog",), document, warnings=session.problems), lambda: _channel_text(document))


def _channel_text(document: dict[str, Any]) -> Iterator[str]:
    yield f"{document['name']}: {document['why']}"
    for label in ("sharing", "origin", "set_up"):
        if document.get(label):
            yield f"  {label.replace('_', ' ')}: {document[label]}"
    cells = [(row["name"], row["class"].replace("_", " "), row.get("note") or "") for row in document.get("keys", ())]
    yield from (f"  {line}" for line in output.table(("variable", "class", "note"), cells))
    for path in document.get("state", ()):
        yield f"  file: {path}"
