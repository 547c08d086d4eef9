"""config: one setting of a profile's config.yaml, shown, set or taken out; every other byte stays."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from hermes_profiles.changes.fingerprint_key import any_key
from hermes_profiles.cli.framework.examples import epilog, examples
from hermes_profiles.cli.framework.options import DryRun, Home, Json
from hermes_profiles.cli.framework.prompt import read_value
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.credentials.secret_detection import is_secret, is_secret_path, role_of_path
from hermes_profiles.documents.yaml.paths import parsed_path, path_text
from hermes_profiles.documents.yaml.value import Value, block_lines, flow, scalar, to_json
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.model.errors import Problem, Result, UsageProblem
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.model.secret import fingerprint
from hermes_profiles.operations.apply import HIDDEN, carry_out, closing_lines, one_line
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.team_warnings import setting_warnings
from hermes_profiles.settings.files import (
    SettingsFile,
    check_may_write,
    found_value,
    parse_value,
    plan_settings,
    settings_file,
    shared_file_warnings,
    with_setting,
)
from hermes_profiles.settings.sharing_warnings import shared_with_others

Profile = Annotated[str, typer.Argument(help="Name of the profile.")]
Path = Annotated[str, typer.Argument(metavar="PATH", help="Such as model.default or platforms.slack.extra.apps[0].")]


def masked(value: Value, path: tuple[str, ...], session: Session) -> tuple[Value, bool]:
    """Return a value whose secrets read `***`, and whether there are any."""
    if not value.items:
        hidden = value.kind == "scalar" and is_secret(path, value.text, value.tag, session.catalog)
        return (scalar("str", HIDDEN) if hidden else value), hidden
    below = [
        (key, *masked(each, (*path, name), session))
        for (key, _), (name, each) in zip(value.items, value.named(), strict=True)
    ]
    return value._replace(items=tuple((key, each) for key, each, _ in below)), any(hidden for *_, hidden in below)


@examples(
    "hermes-profiles config get work model.default",
    "hermes-profiles config get work platforms --json",
)
def get(
    profile: Profile,
    path: Annotated[str | None, typer.Argument(metavar="PATH", help="Such as model.default; all without it.")] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show secrets too.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Show a setting of config.yaml. Secrets read *** and have a fingerprint: equal values, equal fingerprints."""
    session = Session(home, json)

    def body() -> Answer:
        name, keys = check_existing_name(profile), parsed_path(path) if path is not None else ()
        file = settings_file(session.layout, name, CONFIG_FILE)
        document = file.config()
        value = found_value(file, document, keys)
        shown, secret = (value, False) if reveal else masked(value, keys, session)
        entry = document.get(keys) if keys else None
        mark = None
        if secret and value.kind == "scalar":
            mark = fingerprint(value.text, any_key(session.layout))
        data = {
            "profile": name,
            "path": path_text(keys),
            "file": str(file.path),
            "line": entry.line if entry else None,
            "value": to_json(shown),
            "secret": secret,
            "fingerprint": mark,
        }

        def text() -> list[str]:
            if mark is not None:
                return [f"{HIDDEN}  fingerprint {mark}"]
            if shown.kind == "scalar":
                return shown.text.split("\n")
            return block_lines(shown, "", "  ") if shown.items else [flow(shown)]

        return Answer(Result(("config", "get"), data, warnings=session.problems), text)

    run(("config", "get"), session, body)


def _given_value(
    session: Session, name: str, keys: tuple[str, ...], words: list[str] | None, *, as_text: bool
) -> Value:
    """Return the value to set, from the words of the command or from where secrets come. Raises UsageProblem."""
    path = path_text(keys)
    how = f"`hermes-profiles config set {name} {shlex.quote(path)}` asks for it; in a script pipe it in"
    if words and len(words) > 1:
        raise UsageProblem("more than one value was given", code="bad-value", hint="put quotes around it: 'a value'")
    if words and words[0] != "-":
        value = parse_value(words[0], as_text=as_text)
        if masked(value, keys, session)[1]:
            raise UsageProblem(
                f"the value of {path} is a secret: words of a command are seen by every user of this machine (`ps`) "
                "and stay in the shell's history",
                target=path,
                code="secret-in-arguments",
                hint=how,
            )
        return value
    secret = is_secret_path(keys, session.catalog)
    return parse_value(read_value(f"value of {path} for {name}", secret=secret, hint=how), as_text=as_text or secret)


@examples(
    "hermes-profiles config set work model.default gpt-5",
    "hermes-profiles config set work toolsets '[web, terminal]' --dry-run",
    "hermes-profiles config set work agent.nickname --string 42",
)
def set_value(
    profile: Profile,
    path: Path,
    value: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VALUE]",
            help="true, 8, text, [a, b] or {a: 1}; without it, or with -, it is asked for or read from standard input. "
            "A secret never stands here.",
        ),
    ] = None,
    string: Annotated[bool, typer.Option("--string", help="Take the value as text, whatever it looks like.")] = False,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Set one setting of config.yaml; comments, order and every other byte stay. `undo` takes it back."""
    session = Session(home, json)

    def body() -> Answer:
        name, keys = check_existing_name(profile), parsed_path(path)
        warnings = session.recover(dry_run=dry_run)
        file = settings_file(session.layout, name, CONFIG_FILE)
        check_may_write(session.layout, file)
        new = _given_value(session, name, keys, value, as_text=string)
        return _changed(session, file, keys, new, warnings, dry_run=dry_run)

    run(("config", "set"), session, body)


@examples(
    "hermes-profiles config unset work model.provider",
    "hermes-profiles config unset work 'toolsets[0]' --dry-run",
)
def unset(profile: Profile, path: Path, dry_run: DryRun = False, home: Home = None, json: Json = False) -> None:
    """Take one setting out of config.yaml, with all below it. `undo` brings it back."""
    session = Session(home, json)

    def body() -> Answer:
        name, keys = check_existing_name(profile), parsed_path(path)
        warnings = session.recover(dry_run=dry_run)
        file = settings_file(session.layout, name, CONFIG_FILE)
        check_may_write(session.layout, file)
        return _changed(session, file, keys, None, warnings, dry_run=dry_run)

    run(("config", "unset"), session, body)


def _changed(
    session: Session,
    file: SettingsFile,
    keys: tuple[str, ...],
    new: Value | None,
    warnings: list[Problem],
    *,
    dry_run: bool,
) -> Answer:
    """Return the answer of `set` and `unset`, which have changed the file unless it is a dry run."""
    verb, path, name = "set" if new is not None else "unset", path_text(keys), file.profile
    before = file.config().value().at(keys)
    after = with_setting(file, keys, new)
    old, was_secret = masked(before, keys, session) if before is not None else (None, False)
    shown, is_now_secret = masked(new, keys, session) if new is not None else (None, False)
    secret = was_secret or is_now_secret
    step = file.replaced(after.raw, private=secret)
    entry = after.get(keys)
    data: dict[str, Any] = {
        "profile": name,
        "path": path,
        "file": str(file.path),
        "line": entry.line if entry else None,
        "before": to_json(old) if old is not None else None,
        "after": to_json(shown) if shown is not None else None,
        "secret": secret,
        "outcome": verb if step is not None else "same",
    }
    if step is not None:
        warnings = [*warnings, *shared_file_warnings(file), *_sharing(session, file, keys, new, after.raw)]
        warnings += setting_warnings(session, file, keys, after.raw)
        plan = plan_settings(("config", verb, name, path), f"{verb} {path} of {name}", [(name, step)])
        carry_out(session, plan, data, dry_run=dry_run)
    else:
        if new is None:
            warnings = [*warnings, Problem("not-set", f"{name} has no {path}: there is nothing to take out", path)]
        carry_out(session, None, data, dry_run=dry_run)

    def text() -> Iterable[str]:
        yield f"{path} of {name}: {_words(old, shown, data)}"
        yield from closing_lines(data, [name])

    return Answer(Result(("config", verb), data, [*warnings, *session.problems]), text)


def _sharing(
    session: Session, file: SettingsFile, keys: tuple[str, ...], new: Value | None, raw: bytes
) -> list[Problem]:
    role = role_of_path(keys, session.catalog)
    if new is None:
        return []
    number = int(new.text) if role.is_identity and new.text.isdecimal() and len(new.text) < 6 else None
    return shared_with_others(
        session.layout,
        file.profile,
        {CONFIG_FILE: raw},
        session.catalog,
        channels=(role.channel,) if role.channel and role.is_identity else (),
        port=number if keys[-1].endswith("port") else None,
        remedy=f"hermes-profiles config unset {{profile}} {path_text(keys)}",
    )


def _words(old: Value | None, new: Value | None, data: dict[str, Any]) -> str:
    before, after = (one_line(each) if each is not None else "nothing" for each in (old, new))
    if not data["changed"]:
        return f"{after} already" if new is not None else "not set"
    if data["secret"]:
        return "a new secret" if new is not None else "taken out"
    return f"{before} → {after}"


app = typer.Typer(help="Show, set or take out one setting of a profile's config.yaml.", rich_markup_mode=None)
app.command("get", epilog=epilog(get))(get)
app.command("set", epilog=epilog(set_value))(set_value)
app.command("unset", epilog=epilog(unset))(unset)
