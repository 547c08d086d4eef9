"""config: show, set or remove one setting of a profile's config.yaml; every other byte stays."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from hermes_profiles.cli.framework.command import command, command_group
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.prompt import read_value
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.changes import change_data, closing_lines, one_line
from hermes_profiles.credentials.detection.secret_detection import is_secret_path
from hermes_profiles.documents.yaml.paths import path_text
from hermes_profiles.documents.yaml.value import Value, block_lines, flow, to_json
from hermes_profiles.model.errors import Result, UsageProblem
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.profiles.settings import (
    HIDDEN,
    SettingChange,
    change_setting,
    get_setting,
    masked,
    setting_target,
)
from hermes_profiles.settings.files import parse_value

Profile = Annotated[str, typer.Argument(help="Name of the profile.")]
Path = Annotated[str, typer.Argument(metavar="PATH", help="Such as model.default or platforms.slack.extra.apps[0].")]


@command(
    "config",
    "get",
    examples=("hermes-profiles config get work model.default", "hermes-profiles config get work platforms --json"),
)
def get(
    session: Session,
    profile: Profile,
    path: Annotated[str | None, typer.Argument(metavar="PATH", help="Such as model.default; all without it.")] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show secrets too.")] = False,
) -> Answer:
    """Show a setting of config.yaml. Secrets read *** and have a fingerprint: equal values, equal fingerprints."""
    found = get_setting(session, profile, path, reveal=reveal)
    data = {
        "profile": found.profile,
        "path": found.path,
        "file": str(found.file),
        "line": found.line,
        "value": to_json(found.value),
        "secret": found.is_secret,
        "fingerprint": found.fingerprint,
    }

    def text() -> list[str]:
        value = found.value
        if found.fingerprint is not None:
            return [f"{HIDDEN}  fingerprint {found.fingerprint}"]
        if value.kind == "scalar":
            return value.text.split("\n")
        return block_lines(value, "", "  ") if value.items else [flow(value)]

    return Answer(Result(("config", "get"), data, warnings=session.problems), text, reveals=reveal)


def _given_value(
    session: Session, name: str, keys: tuple[str, ...], words: list[str] | None, *, as_text: bool
) -> Value:
    """Return the value: an argument, or a secret from a prompt or standard input. Raises UsageProblem."""
    path = path_text(keys)
    how = f"`hermes-profiles config set {name} {shlex.quote(path)}` asks for it; pipe it in from a script"
    if words and len(words) > 1:
        raise UsageProblem("more than one value was given", code="bad-value", hint="put quotes around it: 'a value'")
    if words and words[0] != "-":
        value = parse_value(words[0], as_text=as_text)
        if masked(value, keys, session)[1]:
            raise UsageProblem(
                f"the value of {path} is a secret: every user of this machine can see arguments (`ps`) "
                "and stay in the shell's history",
                target=path,
                code="secret-in-arguments",
                hint=how,
            )
        return value
    secret = is_secret_path(keys, session.catalog)
    return parse_value(read_value(f"value of {path} for {name}", secret=secret, hint=how), as_text=as_text or secret)


@command(
    "config",
    "set",
    examples=(
        "hermes-profiles config set work model.default gpt-5",
        "hermes-profiles config set work toolsets '[web, terminal]' --dry-run",
        "hermes-profiles config set work agent.nickname --string 42",
    ),
)
def set_value(
    session: Session,
    profile: Profile,
    path: Path,
    value: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VALUE]",
            help="true, 8, text, [a, b] or {a: 1}; without it, or with -, it is asked for or read from standard input. "
            "A secret is never an argument.",
        ),
    ] = None,
    string: Annotated[bool, typer.Option("--string", help="Store the value as text.")] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Set one setting of config.yaml; comments, order and every other byte stay. `undo` takes it back."""
    target = setting_target(session, profile, path, dry_run=dry_run)
    new = _given_value(session, target.file.profile, target.keys, value, as_text=string)
    return _answer("set", change_setting(session, target, new, dry_run=dry_run))


@command(
    "config",
    "unset",
    examples=(
        "hermes-profiles config unset work model.provider",
        "hermes-profiles config unset work 'toolsets[0]' --dry-run",
    ),
)
def unset(
    session: Session,
    profile: Profile,
    path: Path,
    dry_run: DryRun = False,
) -> Answer:
    """Take one setting out of config.yaml, with all below it. `undo` brings it back."""
    target = setting_target(session, profile, path, dry_run=dry_run)
    return _answer("unset", change_setting(session, target, None, dry_run=dry_run))


def _answer(verb: str, done: SettingChange) -> Answer:
    data: dict[str, Any] = {
        "profile": done.profile,
        "path": done.path,
        "file": str(done.file),
        "line": done.line,
        "before": to_json(done.before) if done.before is not None else None,
        "after": to_json(done.after) if done.after is not None else None,
        "secret": done.is_secret,
        "outcome": verb if done.change.changed else "same",
    }
    data |= change_data(done.change)

    def text() -> Iterable[str]:
        yield f"{done.path} of {done.profile}: {_change_text(done)}"
        yield from closing_lines(data, [done.profile])

    return Answer(Result(("config", verb), data, list(done.warnings)), text)


def _change_text(done: SettingChange) -> str:
    before, after = (one_line(value) if value is not None else "nothing" for value in (done.before, done.after))
    if not done.change.changed:
        return f"{after} already" if done.after is not None else "not set"
    if done.is_secret:
        return "a new secret" if done.after is not None else "removed"
    return f"{before} → {after}"


app = command_group(
    "Show, set or remove one setting of a profile's config.yaml.",
    {
        "get": get,
        "set": set_value,
        "unset": unset,
    },
)
