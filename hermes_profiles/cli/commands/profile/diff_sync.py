"""diff and sync: what two profiles do not have in common, and carrying named settings from one to others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.changes import change_data, change_row, change_text, closing_lines, one_line
from hermes_profiles.cli.render.matrix import matrix_answer
from hermes_profiles.documents.yaml.paths import split_paths
from hermes_profiles.documents.yaml.value import Value, to_json
from hermes_profiles.model.errors import ExitCode, Result, UsageProblem
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.profiles.settings import HIDDEN, compare_all_profiles, compare_profiles, sync_settings
from hermes_profiles.settings.changes import SyncChange
from hermes_profiles.settings.diff import Difference
from hermes_profiles.settings.sync import TargetSync

Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--keys",
        metavar="PATHS",
        help="With --all, only these settings or variables, with commas between, and all below them.",
    ),
]


@command(
    "diff",
    examples=(
        "hermes-profiles diff default work",
        "hermes-profiles diff default work --json",
        "hermes-profiles diff --all",
        "hermes-profiles diff --all --keys model,toolsets",
    ),
    view=("wide", "color"),
)
def diff(
    session: Session,
    a: Annotated[str | None, typer.Argument(metavar="A", help="Name of a profile.")] = None,
    b: Annotated[str | None, typer.Argument(metavar="B", help="Name of the other one.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Compare all profiles: where which one differs.")] = False,
    keys: Keys = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 3 when they differ in anything but their identities.")
    ] = False,
) -> Answer:
    """Show the settings, variables, skills and persona in which two profiles differ. Values of secrets stay hidden."""
    if every:
        if a is not None:
            raise UsageProblem(
                "`--all` and names exclude each other", target=a, hint="use `hermes-profiles diff --all`"
            )
        return matrix_answer(compare_all_profiles(session, split_paths(keys or ())), chosen=bool(keys), check=check)
    if keys:
        raise UsageProblem(
            "`--keys` needs `--all`", target="--keys", hint="use `hermes-profiles diff --all --keys PATHS`"
        )
    if a is None or b is None:
        hint = "use `hermes-profiles diff A B`, or `hermes-profiles diff --all` for all profiles"
        raise UsageProblem("two profiles are compared, or all of them", target="diff", hint=hint)
    one, other = check_existing_name(a), check_existing_name(b)
    found = compare_profiles(session, one, other)
    rows = [_row(each) for each in found.differences]
    data: dict[str, Any] = {
        "a": one,
        "b": other,
        "only_a": [row for row, each in zip(rows, found.differences, strict=True) if not each.in_b],
        "only_b": [row for row, each in zip(rows, found.differences, strict=True) if not each.in_a],
        "differ": [row for row, each in zip(rows, found.differences, strict=True) if each.in_a and each.in_b],
    }
    matters = any(not each.role.is_identity for each in found.differences)
    code = ExitCode.NEGATIVE if check and matters else ExitCode.OK

    def text() -> list[Block]:
        cells = [(each.place, each.key, *_cells(each), _remark(each)) for each in found.differences]
        return output.table(("where", "what", one, other, ""), cells) if cells else [f"{one} and {other} are alike"]

    return Answer(Result(("diff",), data, list(found.warnings), exit_code=code), text)


def _row(each: Difference) -> dict[str, Any]:
    return {
        "place": each.place,
        "key": each.key,
        "a": to_json(each.a) if each.a else None,
        "b": to_json(each.b) if each.b else None,
        "secret": each.hidden,
        "identity": each.role.is_identity,
        "class": str(each.role.key_class) if each.role.key_class else None,
        "channel": each.role.channel,
    }


def _cells(each: Difference) -> tuple[str, str]:
    def cell(is_there: bool, value: Value | None) -> str:
        if not is_there:
            return "-"
        return one_line(value) if value is not None else HIDDEN

    return cell(each.in_a, each.a), cell(each.in_b, each.b)


def _remark(each: Difference) -> str:
    if each.role.is_identity:
        return f"identity of {each.role.channel or 'the gateway'}"
    return "another value" if each.hidden and each.in_a and each.in_b else ""


@command(
    "sync",
    examples=(
        "hermes-profiles sync --from default --to work --keys model.default,model.provider --dry-run",
        "hermes-profiles sync --from default --to all --keys model",
        "hermes-profiles sync --from default --to work --env OPENAI_API_KEY",
    ),
)
def sync(
    session: Session,
    source: Annotated[str, typer.Option("--from", metavar="PROFILE", help="Profile to copy the settings from.")],
    to: Annotated[
        list[str],
        typer.Option(
            "--to", metavar="PROFILES", help="Profiles that get them, with commas between; `all` are all others."
        ),
    ],
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--keys", metavar="PATHS", help="Settings of config.yaml, with commas between, and all below them."
        ),
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", metavar="NAMES", help="Variables of .env, with commas between.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Take out what a target has below the keys and the source has not.")
    ] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Carry named settings from one profile to others; comments stay, identities never travel. One `undo` for all."""
    paths = tuple(split_paths(keys or ()))
    done = sync_settings(session, source, _names(to), paths, _names(env or ()), exact=exact, dry_run=dry_run)
    data: dict[str, Any] = {
        "source": done.source,
        "targets": [_target_row(target, dry_run=dry_run) for target in done.targets],
    }
    data |= change_data(done.change)

    def text() -> Iterable[str]:
        for target in done.targets:
            yield from _target_lines(target)
        yield from closing_lines(data, [target.profile for target in done.targets if target.steps])

    return Answer(Result(("sync",), data, list(done.warnings)), text)


def _names(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip()))


def _target_row(target: TargetSync, *, dry_run: bool) -> dict[str, Any]:
    outcome = "same" if not target.steps else "would-change" if dry_run else "synced"
    return {
        "profile": target.profile,
        "outcome": outcome,
        "changes": [change_row(each) for each in target.changes],
    }


def _target_lines(target: TargetSync) -> Iterator[str]:
    yield f"{target.profile}: {'the same already' if not target.steps else ''}".rstrip()
    width = max((len(each.key) for each in target.changes), default=0)
    for each in target.changes:
        yield f"  {each.key.ljust(width)}  {_change_text(each)}"


def _change_text(change: SyncChange) -> str:
    if change.action == "keep":
        return "stays, though the source does not have it (--exact removes it)"
    return change_text(change)
