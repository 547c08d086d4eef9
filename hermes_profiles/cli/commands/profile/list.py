"""list and show: what profiles there are and what each holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.options import Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.hermes.files import ENV_FILE, OP_ENV_FILE, SKILL_FILE
from hermes_profiles.model.errors import Problem, Result
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.profiles.listing import active_profile, aliases, profile_names, require
from hermes_profiles.profiles.profile import Profile, read_profile

if TYPE_CHECKING:
    from hermes_profiles.teams.model import Teams


@examples(
    "hermes-profiles list",
    "hermes-profiles list --names",
    "hermes-profiles list --json",
)
def list_profiles(
    names: Annotated[bool, typer.Option("--names", help="Only the names, one on a line.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """List the profiles of a root: model, gateway, channels, alias."""
    session = FleetSession(home, json)
    run(("list",), session, lambda: _list(session, names_only=names))


def _list(session: FleetSession, *, names_only: bool) -> Answer:
    found = profile_names(session.layout)
    if names_only and not session.as_json:
        return Answer(Result(("list",), {"names": list(found)}), lambda: found)
    active, alias_map = active_profile(session.layout), aliases(session.layout)
    profiles = [
        read_profile(session.layout, name, catalog=session.catalog, active=active, alias=alias_map.get(name))
        for name in found
    ]
    gateways = session.glance(found)
    warnings = [
        *session.problems,
        *session.manager_problems,
        *(problem for profile in profiles for problem in profile.problems),
    ]
    if active not in found and found:
        warnings.append(
            Problem(
                "sticky-gone",
                f"the sticky default {active!r} does not exist",
                str(session.layout.active_profile),
                "choose one that does with `hermes-profiles use NAME`",
            )
        )
    teams = _teams_of(profiles)
    rows = [profile_row(profile, gateways[profile.name], teams) for profile in profiles]
    return Answer(Result(("list",), {"profiles": rows}, warnings=warnings), lambda: _table(rows, session))


def _teams_of(profiles: Iterable[Profile]) -> Teams | None:
    """Return the teams that these profiles tell of, None when there is no word of any: nothing is imported then."""
    told = {profile.name: profile.teams for profile in profiles if profile.teams}
    if not told:
        return None
    from hermes_profiles.teams.model import teams_in

    return teams_in(told)


def profile_row(profile: Profile, gateway: Gateway, teams: Teams | None) -> dict[str, Any]:
    """Return one profile as the command contract's `list` has it."""
    team = teams.of(profile.name) if teams is not None else None
    return {
        "name": profile.name,
        "path": str(profile.home),
        "is_default": profile.is_default,
        "is_active": profile.is_active,
        "model": profile.model,
        "provider": profile.provider,
        "alias": profile.alias,
        "description": profile.description,
        "disabled": profile.disabled,
        "gateway": {"state": str(gateway.state), "pid": gateway.pid},
        "channels": list(profile.channels),
        "team": team.name if team is not None else None,
        "lead": (team.lead or None) if team is not None else None,
        "leads": [each.name for each in teams.led_by(profile.name)] if teams is not None else [],
    }


def _table(rows: list[dict[str, Any]], session: FleetSession) -> Iterator[str]:
    if not rows:
        yield f"no profiles in {session.layout.root}; make one with `hermes-profiles create NAME`"
        return
    has_teams = any(row["team"] or row["leads"] for row in rows)
    cells = [
        (
            ("* " if row["is_active"] else "  ") + row["name"] + (" (disabled)" if row["disabled"] else ""),
            row["model"] or "-",
            row["gateway"]["state"] + (f" ({row['gateway']['pid']})" if row["gateway"]["pid"] else ""),
            ", ".join(row["channels"]) or "-",
            row["alias"] or "-",
            *((_team(row),) if has_teams else ()),
        )
        for row in rows
    ]
    headers = ("  profile", "model", "gateway", "channels", "alias", *(("team",) if has_teams else ()))
    yield from output.table(headers, cells)


def _team(row: dict[str, Any]) -> str:
    """Return a profile's part in teams in a word or two: `weixin`, `leads weixin`."""
    parts = [row["team"]] if row["team"] else []
    parts += [f"leads {', '.join(row['leads'])}"] if row["leads"] else []
    return "; ".join(parts) or "-"


@examples(
    "hermes-profiles show work",
    "hermes-profiles show default --json",
)
def show(
    profile: Annotated[str, typer.Argument(help="Name of the profile.")],
    home: Home = None,
    json: Json = False,
) -> None:
    """Show one profile: where it is, what it holds, which keys its files set (never their values)."""
    session = FleetSession(home, json)
    run(("show",), session, lambda: _show(session, profile))


def _show(session: FleetSession, given: str) -> Answer:
    name = check_existing_name(given)
    home = require(session.layout, name)
    alias = aliases(session.layout).get(name)
    profile = read_profile(
        session.layout, name, catalog=session.catalog, active=active_profile(session.layout), alias=alias
    )
    teams = None
    if profile.teams:  # who is in no team and leads none tells so itself: nobody else is looked at
        from hermes_profiles.teams.model import read_teams

        teams = read_teams(session.layout)
    row = profile_row(profile, session.glance((name,))[name], teams)
    row["members"] = {team.name: list(team.members) for team in teams.led_by(name)} if teams is not None else {}
    row["keys"] = list(_keys(home, session))
    row["skills"] = sum(1 for _ in (home / "skills").rglob(SKILL_FILE)) if (home / "skills").is_dir() else 0
    return Answer(
        Result(("show",), row, warnings=[*session.problems, *session.manager_problems, *profile.problems]),
        lambda: _show_text(row),
    )


def _membership(row: dict[str, Any]) -> str | None:
    if row["team"] is None:
        return None
    return f"{row['team']} (lead {row['lead']})" if row["lead"] else f"{row['team']}, which no profile leads any more"


def _keys(home: Path, session: FleetSession) -> Iterator[dict[str, Any]]:
    """Yield the variables a profile's environment files set: name, file, line, class and channel."""
    from hermes_profiles.documents.dotenv.document import EnvDocument
    from hermes_profiles.model.errors import DocumentError
    from hermes_profiles.profiles.tree_walk import read_document

    for file in (ENV_FILE, OP_ENV_FILE):
        raw = read_document(home / file)
        if raw is None:
            continue
        try:
            document = EnvDocument.parse(raw, path=str(home / file), known_keys=session.catalog.known_names)
        except DocumentError:
            continue  # told as a problem of the profile already
        for entry in document.entries:
            if not entry.commented:
                fact = session.catalog.lookup(entry.name)
                yield {
                    "name": entry.name,
                    "file": file,
                    "line": entry.line,
                    "set": any(entry.values),
                    "channel": fact.channel if fact else None,
                    "class": str(fact.key_class) if fact else None,
                }


def _show_text(row: dict[str, Any]) -> Iterator[str]:
    from hermes_profiles.operations.team_warnings import named

    gateway = row["gateway"]
    yield f"{row['name']}{' (sticky default)' if row['is_active'] else ''}{' (disabled)' if row['disabled'] else ''}"
    for label, value in (
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
        for line in output.table(("name", "place", "channel", "class"), cells):
            yield f"    {line}"
