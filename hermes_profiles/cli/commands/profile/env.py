"""env: list the variables of a profile's `.env` without their values, set them from a prompt or a pipe, remove them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command, command_group
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.prompt import read_value
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.changes import change_data, closing_lines
from hermes_profiles.model.errors import Result, UsageProblem
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.profiles import settings as operations
from hermes_profiles.operations.profiles.settings import VariableChange, VariableEntry, variable_target
from hermes_profiles.operations.profiles.settings import list_variables as variables_of

from .config import Profile

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the variable; never NAME=VALUE.")]


@command("env", "list", examples=("hermes-profiles env list work", "hermes-profiles env list work --json"))
def list_variables(
    session: Session,
    profile: Profile,
) -> Answer:
    """List the variables of `.env`: names, what they are, and fingerprints. Equal values have equal fingerprints."""
    found = variables_of(session, profile)
    rows = [_row(entry) for entry in found.variables]
    data = {"profile": found.profile, "file": str(found.file), "variables": rows}
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

    def text() -> list[Block]:
        headers = ("line", "name", "class", "channel", "fingerprint", "")
        return output.table(headers, cells) if cells else [f"{found.profile} has no variables in {found.file}"]

    return Answer(Result(("env", "list"), data, warnings=session.problems), text)


def _row(entry: VariableEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "class": str(entry.role.key_class) if entry.role.key_class else None,
        "channel": entry.role.channel,
        "line": entry.line,
        "set": entry.fingerprint is not None,
        "effective": entry.effective,
        "fingerprint": entry.fingerprint,
    }


@command(
    "env",
    "set",
    examples=(
        "hermes-profiles env set work OPENAI_API_KEY",
        "hermes-profiles env set work OPENAI_API_KEY --dry-run < key.txt",
    ),
)
def set_variable(
    session: Session,
    profile: Profile,
    name: Name,
    words: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="Set it to nothing, which hides one that is inherited.")
    ] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Set a variable in `.env`. The value is typed at a prompt or read from standard input; it is never an argument.

    Comments, order and every other byte stay; the file is 0600. `undo` takes it back.
    """
    who = check_existing_name(profile)
    variable = name.partition("=")[0]
    how = f"leave it out: it is asked for; in a script pipe it in: `hermes-profiles env set {who} {variable} < FILE`"
    if "=" in name or (words and words != ["-"]):
        raise UsageProblem(
            "a value must not be an argument: every user of this machine can see arguments (`ps`), and "
            "stay in the shell's history",
            code="secret-in-arguments",
            hint=how,
        )
    target = variable_target(session, who, (name,), dry_run=dry_run)
    (variable,) = target.names
    value = "" if empty else read_value(f"value of {variable} for {who}", secret=True, hint=how)
    return _set_answer(operations.set_variable(session, target, value, dry_run=dry_run))


def _set_answer(done: VariableChange) -> Answer:
    data: dict[str, Any] = {
        "profile": done.profile,
        "name": done.name,
        "file": str(done.file),
        "line": done.line,
        "class": str(done.role.key_class) if done.role.key_class else None,
        "channel": done.role.channel,
        "outcome": done.outcome,
        "fingerprint": done.fingerprint,
    }
    data |= change_data(done.change)
    outcomes = {"set": "a new value", "added": "added", "same": "has this value already"}

    def text() -> Iterable[str]:
        mark = f", fingerprint {done.fingerprint}" if done.fingerprint else ", empty"
        yield f"{done.name} of {done.profile}: {outcomes[done.outcome]} (line {done.line}{mark})"
        yield from closing_lines(data, [done.profile])

    return Answer(Result(("env", "set"), data, list(done.warnings)), text)


@command(
    "env",
    "unset",
    examples=(
        "hermes-profiles env unset work TELEGRAM_BOT_TOKEN",
        "hermes-profiles env unset work HASS_TOKEN HASS_URL --dry-run",
    ),
)
def unset_variables(
    session: Session,
    profile: Profile,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of variables.")],
    dry_run: DryRun = False,
) -> Answer:
    """Take variables out of `.env`, duplicates included. `undo` brings them back."""
    target = variable_target(session, profile, names, dry_run=dry_run)
    done = operations.unset_variables(session, target, dry_run=dry_run)
    data: dict[str, Any] = {
        "profile": done.profile,
        "file": str(done.file),
        "removed": list(done.removed),
        "absent": list(done.absent),
    }
    data |= change_data(done.change)

    def text() -> Iterable[str]:
        removed = ", ".join(done.removed)
        yield f"{done.profile}: removed {removed}" if removed else f"{done.profile}: nothing to remove"
        yield from closing_lines(data, [done.profile])

    return Answer(Result(("env", "unset"), data, list(done.warnings)), text)


app = command_group(
    "List, set or remove variables of a profile's .env; values are never shown.",
    {
        "list": list_variables,
        "set": set_variable,
        "unset": unset_variables,
    },
)
