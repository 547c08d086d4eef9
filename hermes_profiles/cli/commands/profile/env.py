"""env: the variables of a profile's `.env`, listed without their values, set from a prompt or a pipe, taken out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from hermes_profiles.changes.fingerprint_key import any_key
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.examples import epilog, examples
from hermes_profiles.cli.framework.options import DryRun, Home, Json
from hermes_profiles.cli.framework.prompt import read_value
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.credentials.secret_detection import role_of_name
from hermes_profiles.documents.dotenv.document import EnvEntry
from hermes_profiles.hermes.files import ENV_FILE
from hermes_profiles.model.errors import Problem, Result, UsageProblem
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.model.secret import fingerprint
from hermes_profiles.operations.apply import carry_out, closing_lines
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.team_warnings import variable_warnings
from hermes_profiles.settings.files import (
    SettingsFile,
    check_may_write,
    checked_variable,
    plan_settings,
    settings_file,
    shared_file_warnings,
    variables,
    with_variable,
    without_variables,
)
from hermes_profiles.settings.sharing_warnings import shared_with_others

from .config import Profile

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the variable; never NAME=VALUE.")]


@examples("hermes-profiles env list work", "hermes-profiles env list work --json")
def list_variables(profile: Profile, home: Home = None, json: Json = False) -> None:
    """List the variables of `.env`: names, what they are, and fingerprints. Equal values have equal fingerprints."""
    session = Session(home, json)

    def body() -> Answer:
        file = settings_file(session.layout, check_existing_name(profile), ENV_FILE)
        rows = list(_rows(session, file))
        data = {"profile": file.profile, "file": str(file.path), "variables": rows}
        cells = [
            (
                str(row["line"]),
                row["name"],
                (row["class"] or "-").replace("_", " "),
                row["channel"] or "-",
                row["fingerprint"] or "empty",
                "" if row["effective"] else "overruled below",
            )
            for row in rows
        ]

        def text() -> list[str]:
            headers = ("line", "name", "class", "channel", "fingerprint", "")
            return output.table(headers, cells) if cells else [f"{file.profile} has no variables in {file.path}"]

        return Answer(Result(("env", "list"), data, warnings=session.problems), text)

    run(("env", "list"), session, body)


def _rows(session: Session, file: SettingsFile) -> Iterator[dict[str, Any]]:
    document = file.env(session.catalog)
    entries = variables(document)
    key = any_key(session.layout) if any(entry.value for entry in entries) else b""
    for entry in entries:
        role = role_of_name(entry.name, session.catalog)
        yield {
            "name": entry.name,
            "class": str(role.key_class) if role.key_class else None,
            "channel": role.channel,
            "line": entry.line,
            "set": bool(entry.value),
            "effective": document.get(entry.name) is entry,
            "fingerprint": fingerprint(entry.value, key) if entry.value else None,
        }


@examples(
    "hermes-profiles env set work OPENAI_API_KEY",
    "hermes-profiles env set work OPENAI_API_KEY --dry-run < key.txt",
)
def set_variable(
    profile: Profile,
    name: Name,
    words: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="Set it to nothing, which hides one that is inherited.")
    ] = False,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Set a variable in `.env`. The value is asked for, or read from standard input; it is never a word of the command.

    Comments, order and every other byte stay; the file is 0600. `undo` takes it back.
    """
    session = Session(home, json)

    def body() -> Answer:
        who = check_existing_name(profile)
        how = "leave it out: it is asked for; in a script pipe it in: `hermes-profiles env set PROFILE NAME < FILE`"
        if "=" in name or (words and words != ["-"]):
            raise UsageProblem(
                "a value does not belong into the command: its words are seen by every user of this machine (`ps`) and "
                "stay in the shell's history",
                code="secret-in-arguments",
                hint=how,
            )
        variable = checked_variable(name)
        warnings = session.recover(dry_run=dry_run)
        file = settings_file(session.layout, who, ENV_FILE)
        check_may_write(session.layout, file)
        value = "" if empty else read_value(f"value of {variable} for {who}", secret=True, hint=how)
        return _set(session, file, variable, value, warnings, dry_run=dry_run)

    run(("env", "set"), session, body)


def _set(
    session: Session, file: SettingsFile, name: str, value: str, warnings: list[Problem], *, dry_run: bool
) -> Answer:
    before = file.env(session.catalog)
    was_there = before.get(name) is not None
    raw = with_variable(file, name, value, session.catalog)
    step = file.replaced(raw, private=True)
    after = file._replace(raw=raw).env(session.catalog)
    entry = after.get(name)
    role = role_of_name(name, session.catalog)
    data: dict[str, Any] = {
        "profile": file.profile,
        "name": name,
        "file": str(file.path),
        "line": entry.line if entry else None,
        "class": str(role.key_class) if role.key_class else None,
        "channel": role.channel,
        "outcome": ("set" if was_there else "added") if step is not None else "same",
        "fingerprint": fingerprint(value, any_key(session.layout)) if value else None,
    }
    plan = None
    if step is not None:
        number = int(value) if name.endswith("PORT") and value.isdecimal() and len(value) < 6 else None
        warnings = [*warnings, *shared_file_warnings(file), *_overruled(file, name, after.entries, entry)]
        warnings += shared_with_others(
            session.layout,
            file.profile,
            {ENV_FILE: raw},
            session.catalog,
            channels=session.catalog.channels_of(name) if role.is_identity else (),
            port=number,
            remedy=f"hermes-profiles env unset {{profile}} {name}",
        )
        warnings += variable_warnings(session, file, (name,), raw)
        plan = plan_settings(
            ("env", "set", file.profile, name), f"set {name} of {file.profile}", [(file.profile, step)]
        )
    carry_out(session, plan, data, dry_run=dry_run)
    words = {"set": "a new value", "added": "added", "same": "has this value already"}

    def text() -> Iterable[str]:
        mark = f", fingerprint {data['fingerprint']}" if data["fingerprint"] else ", empty"
        yield f"{name} of {file.profile}: {words[data['outcome']]} (line {data['line']}{mark})"
        yield from closing_lines(data, [file.profile])

    return Answer(Result(("env", "set"), data, [*warnings, *session.problems]), text)


def _overruled(
    file: SettingsFile, name: str, entries: Iterable[EnvEntry], counts: EnvEntry | None
) -> Iterator[Problem]:
    for entry in entries:
        if entry.name == name and not entry.commented and entry is not counts:
            yield Problem(
                "duplicate",
                f"{name} stands in line {entry.line} of {file.path} too, where it does not count",
                name,
                f"to have it once, take it out first: `hermes-profiles env unset {file.profile} {name}`",
            )


@examples(
    "hermes-profiles env unset work TELEGRAM_BOT_TOKEN",
    "hermes-profiles env unset work HASS_TOKEN HASS_URL --dry-run",
)
def unset_variables(
    profile: Profile,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of variables.")],
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Take variables out of `.env`, duplicates included. `undo` brings them back."""
    session = Session(home, json)

    def body() -> Answer:
        who = check_existing_name(profile)
        wanted = tuple(dict.fromkeys(checked_variable(name) for name in names))
        warnings = session.recover(dry_run=dry_run)
        file = settings_file(session.layout, who, ENV_FILE)
        check_may_write(session.layout, file)
        raw, gone = without_variables(file, wanted, session.catalog)
        absent = [name for name in wanted if name not in gone]
        warnings += [Problem("not-set", f"{who} has no {name}: there is nothing to take out", name) for name in absent]
        step = file.replaced(raw, private=True)
        data: dict[str, Any] = {"profile": who, "file": str(file.path), "removed": list(gone), "absent": absent}
        plan = None
        if step is not None:
            warnings += [*shared_file_warnings(file), *variable_warnings(session, file, gone, raw)]
            plan = plan_settings(("env", "unset", who, *gone), f"unset {', '.join(gone)} of {who}", [(who, step)])
        carry_out(session, plan, data, dry_run=dry_run)

        def text() -> Iterable[str]:
            yield f"{who}: took out {', '.join(gone)}" if gone else f"{who}: nothing to take out"
            yield from closing_lines(data, [who])

        return Answer(Result(("env", "unset"), data, [*warnings, *session.problems]), text)

    run(("env", "unset"), session, body)


app = typer.Typer(
    help="List, set or take out variables of a profile's .env; values are never shown.", rich_markup_mode=None
)
app.command("list", epilog=epilog(list_variables))(list_variables)
app.command("set", epilog=epilog(set_variable))(set_variable)
app.command("unset", epilog=epilog(unset_variables))(unset_variables)
