"""explain and catalog: what a clone does with one thing and why, and what the catalogue knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.profiles import explain as operations


@command(
    "explain",
    examples=(
        "hermes-profiles explain TELEGRAM_BOT_TOKEN",
        "hermes-profiles explain platforms.slack.extra.allow_from --profile work",
        "hermes-profiles explain weixin/accounts",
        "hermes-profiles explain runtime.deaf",
        "hermes-profiles explain telegram --json",
    ),
)
def explain(
    session: Session,
    thing: Annotated[
        str,
        typer.Argument(
            metavar="KEY|PATH|CHANNEL|CHECK",
            help="A variable, a path of config.yaml, a file, a channel, or a check of `doctor`.",
        ),
    ],
    profile: Annotated[
        str | None,
        typer.Option("--profile", "-p", metavar="NAME", help="Profile to look at (default: the one in use)."),
    ] = None,
) -> Answer:
    """Show what a clone would do with one key, path, file or channel, and why; or what a check looks for."""
    check = operations.explained_check(thing)
    return _explain(session, thing, profile) if check is None else _check(check)


def _check(check: operations.ExplainedCheck) -> Answer:
    data: dict[str, Any] = {
        "thing": check.id,
        "profile": None,
        "in_general": None,
        "places": [],
        "check": check._asdict(),
    }

    def text() -> Iterator[str]:
        yield f"{check.id} ({check.severity}): {check.title}"
        yield f"  look for it with `{check.command}`"
        yield f"  why it matters, how to fix and how to silence it: {check.page}, {check.id}"

    return Answer(Result(("explain",), data), text)


def _explain(session: Session, thing: str, profile: str | None) -> Answer:
    name = profile
    if name is None:
        name, why = session.chosen_profile()
        output.note(f"profile: {name} ({why})")
    found = operations.explain(session, thing, name)
    general = found.general
    data = {
        "thing": found.thing,
        "profile": found.profile,
        "in_general": {
            "verdict": general.verdict,
            "reason": general.reason,
            "channel": general.channel,
            "class": general.key_class,
        }
        if general is not None
        else None,
        "places": [place._asdict() for place in found.places],
        "check": None,
    }
    return Answer(Result(("explain",), data, warnings=[]), lambda: _explain_text(data))


# verdict → text
_VERDICTS = {
    "keep": "kept",
    "remove": "left behind",
    "assign": "the clone gets its own",
    "mask": "kept out",
    "redact": "removed from the text",
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
        differs = data["places"] and all(row["verdict"] != general["verdict"] for row in data["places"])
        scope = " in general" if differs else ""
        yield f"{data['thing']}{kind}: {_VERDICTS[general['verdict']]}{scope}{pause}{general['reason']}"
    if not data["places"]:
        yield f"  {data['profile']} does not have it"
    for row in data["places"]:
        place = f"{row['file']}:{row['line']}" if row["line"] else row["file"]
        yield f"  {place}  {row['name']}: {_VERDICTS[row['verdict']]}, {row['reason']}"


@command(
    "catalog",
    examples=("hermes-profiles catalog", "hermes-profiles catalog weixin", "hermes-profiles catalog slack --json"),
)
def catalog(
    session: Session,
    channel: Annotated[str | None, typer.Argument(help="Show this channel alone, with every variable.")] = None,
) -> Answer:
    """Show what the catalogue knows: channels, their variables, ports and files."""
    return _catalog(session, channel)


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
    document = operations.channel_details(known, wanted)
    return Answer(Result(("catalog",), document, warnings=session.problems), lambda: _channel_text(document))


def _channel_text(document: dict[str, Any]) -> Iterator[Block]:
    yield f"{document['name']}: {document['why']}"
    for label in ("sharing", "origin", "set_up"):
        if document.get(label):
            yield f"  {label.replace('_', ' ')}: {document[label]}"
    cells = [(row["name"], row["class"].replace("_", " "), row.get("note") or "") for row in document.get("keys", ())]
    yield from output.table(("variable", "class", "note"), cells, indent=2)
    for path in document.get("state", ()):
        yield f"  file: {path}"
