"""list and show: what profiles there are and what each holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.place_option import InPlaces
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.profiles import profile_row
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.profiles import list_profiles as operations
from hermes_profiles.profiles.listing import profile_names

if TYPE_CHECKING:
    from hermes_profiles.cli.framework.prose import Block


@command(
    "list",
    examples=("hermes-profiles list", "hermes-profiles list --names", "hermes-profiles list --json"),
    view=("wide", "color"),
    places=InPlaces("hermes-profiles", "profiles", alone=("names",)),
)
def list_profiles(
    session: FleetSession,
    names: Annotated[bool, typer.Option("--names", help="Only the names, one on a line.")] = False,
) -> Answer:
    """List the profiles of a root: model, gateway, channels, alias."""
    return _list(session, names_only=names)


def _list(session: FleetSession, *, names_only: bool) -> Answer:
    if names_only and not session.as_json:
        names = profile_names(session.layout)
        return Answer(Result(("list",), {"names": list(names)}), lambda: names)
    found = operations.list_profiles(session)
    rows = [profile_row(listed) for listed in found.profiles]
    return Answer(Result(("list",), {"profiles": rows}, list(found.warnings)), lambda: _lines(rows, session))


def _lines(rows: list[dict[str, Any]], session: FleetSession) -> Iterable[Block]:
    if not rows:
        return [f"no profiles in {session.layout.root}; make one with `hermes-profiles create NAME`"]
    from hermes_profiles.cli.render.fleet_tables import list_lines

    return list_lines(rows)


@command(
    "show",
    examples=("hermes-profiles show work", "hermes-profiles show default --json"),
    view=("wide", "color"),
)
def show(
    session: FleetSession,
    profile: Annotated[str, typer.Argument(help="Name of the profile.")],
) -> Answer:
    """Show one profile: where it is, what it holds, which keys its files set (never their values)."""
    return _show(session, profile)


def _show(session: FleetSession, profile: str) -> Answer:
    found = operations.show_profile(session, profile)
    row = profile_row(found.listed)
    row["members"] = {team.name: list(team.members) for team in found.listed.leads}
    row["keys"] = [
        {
            "name": key.name,
            "file": key.file,
            "line": key.line,
            "set": key.is_set,
            "channel": key.channel,
            "class": key.key_class,
        }
        for key in found.keys
    ]
    row["skills"] = found.skills
    return Answer(Result(("show",), row, list(found.warnings)), lambda: _show_text(row))


def _membership(row: dict[str, Any]) -> str | None:
    if row["team"] is None:
        return None
    return f"{row['team']} (lead {row['lead']})" if row["lead"] else f"{row['team']}, which no profile leads any more"


def _show_text(row: dict[str, Any]) -> Iterator[Block]:
    from hermes_profiles.cli.render.remarks import remark_lines
    from hermes_profiles.operations.profiles.team_warnings import named

    gateway = row["gateway"]
    yield f"{row['name']}{' (sticky default)' if row['is_active'] else ''}{' (disabled)' if row['disabled'] else ''}"
    for label, value in (
        ("shown as", row.get("display_name")),
        ("before", ", ".join(row.get("previous_names", ()))),
        ("home", row["path"]),
        ("description", row["description"] or None),
        (
            "model",
            " ".join(filter(None, (row["model"], f"({row['provider']})" if row["provider"] else None))) or None,
        ),
        ("gateway", gateway["state"] + (f" (pid {gateway['pid']})" if gateway["pid"] else "")),
        ("channels", ", ".join(row["channels"]) or "none"),
        ("team", _membership(row)),
        *(("leads", f"{team} ({named(members) or 'no members yet'})") for team, members in row["members"].items()),
        ("alias", row["alias"]),
        ("skills", str(row["skills"])),
    ):
        if value:
            yield f"  {label + ':':13}{value}"
    yield from remark_lines("  gateway", row["remarks"])
    if row["keys"]:
        yield "  keys:"
        cells = [
            (
                k["name"] + ("" if k["set"] else " (empty)"),
                f"{k['file']}:{k['line']}",
                k["channel"] or "-",
                (k["class"] or "-").replace("_", " "),
            )
            for k in row["keys"]
        ]
        from hermes_profiles.cli.framework.table import Column, Table

        columns = (Column("name"), Column("place"), Column("channel", rank=1), Column("class", rank=2, fewest=10))
        yield Table(columns, cells, indent=4)
