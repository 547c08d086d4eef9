"""list and show: what profiles there are and what each holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from hermes_profiles.cli import output
from hermes_profiles.cli.examples import examples
from hermes_profiles.cli.fleet_session import FleetSession
from hermes_profiles.cli.options import Home, Json
from hermes_profiles.cli.session import Answer, run
from hermes_profiles.fleet.state import Gateway
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.model.result import Problem, Result
from hermes_profiles.profiles.discovery import Profile, read_profile
from hermes_profiles.profiles.roots import active_profile, aliases, profile_names, require


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
        warnings.append(Problem(
            "sticky-gone", f"the sticky default {active!r} does not exist", str(session.layout.active_profile),
            "choose one that does with `hermes-profiles use NAME`",
        ))  # fmt: skip
    rows = [profile_row(profile, gateways[profile.name]) for profile in profiles]
    return Answer(Result(("list",), {"profiles": rows}, warnings=warnings), lambda: _table(rows, session))


def profile_row(profile: Profile, gateway: Gateway) -> dict[str, Any]:
    """Return one profile as the command contract's `list` has it."""
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
    }


def _table(rows: list[dict[str, Any]], session: FleetSession) -> Iterator[str]:
    if not rows:
        yield f"no profiles in {session.layout.root}; make one with `hermes-profiles create NAME`"
        return
    cells = [
        (
            ("* " if row["is_active"] else "  ") + row["name"] + (" (disabled)" if row["disabled"] else ""),
            row["model"] or "-",
            row["gateway"]["state"] + (f" ({row['gateway']['pid']})" if row["gateway"]["pid"] else ""),
            ", ".join(row["channels"]) or "-",
            row["alias"] or "-",
        )
        for row in rows
    ]
    yield from output.table(("  profile", "model", "gateway", "channels", "alias"), cells)


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
    row = profile_row(profile, session.glance((name,))[name])
    row["keys"] = list(_keys(home, session))
    row["skills"] = sum(1 for _ in (home / "skills").rglob("SKILL.md")) if (home / "skills").is_dir() else 0
    return Answer(
        Result(("show",), row, warnings=[*session.problems, *session.manager_problems, *profile.problems]),
        lambda: _show_text(row),
    )


def _keys(home: Path, session: FleetSession) -> Iterator[dict[str, Any]]:
    """Yield the variables a profile's environment files set: name, file, line, class and channel."""
    from hermes_profiles.documents.envfile import EnvDocument
    from hermes_profiles.model.result import DocumentError
    from hermes_profiles.profiles.snapshot import read_document

    for file in (".env", ".op.env"):
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
                    "name": entry.name, "file": file, "line": entry.line, "set": any(entry.values),
                    "channel": fact.channel if fact else None, "class": str(fact.key_class) if fact else None,
                }  # fmt: skip


def _show_text(row: dict[str, Any]) -> Iterator[str]:
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
