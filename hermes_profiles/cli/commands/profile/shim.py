"""shim: install, remove or report the `hermes` that is put before the real one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from hermes_profiles import __version__
from hermes_profiles.cli.framework.command import command, command_group
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.changes import change_data
from hermes_profiles.cli.render.plan import dry_run_lines
from hermes_profiles.integration.shim.status import Shim, start_files
from hermes_profiles.model.errors import Result
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.shim import (
    ShimResult,
    ShimStatus,
    install_shim,
    path_lines,
    put_plugin,
    remove_shim,
    shim_status,
    start_file_states,
)


@command(
    "shim",
    "install",
    examples=(
        "hermes-profiles shim install --dry-run",
        "hermes-profiles shim install",
        "hermes-profiles shim install --shell-setup",
        "hermes-profiles shim install --shell zsh",
    ),
)
def install(
    session: Session,
    setup: Annotated[
        bool,
        typer.Option("--shell-setup", help="Write the line into the start files of your shells, between marks."),
    ] = False,
    shell: Annotated[
        list[str] | None,
        typer.Option("--shell", metavar="SHELL", help="Write it for this one: bash, zsh or fish (repeatable)."),
    ] = None,
    dry_run: DryRun = False,
) -> Answer:
    """Put a small `hermes` in front of the real one: its `profile`, `gateways` and `doctor` are ours then."""
    done = install_shim(session, shell or (), setup=setup, dry_run=dry_run)
    data: dict[str, Any] = {
        "path": str(done.shim.path),
        "program": done.program,
        "hermes": done.hermes,
        "lines": path_lines(session.layout, done.shim),
        **_change_data(done),
    }
    text = _install_text(session, done, data)
    return Answer(Result(("shim", "install"), data, warnings=list(done.warnings)), lambda: text)


def _change_data(done: ShimResult) -> dict[str, Any]:
    files = [str(path) for path in done.start_files]
    return {"aliases": list(done.aliases), "start_files": files} | change_data(done.change)


def _install_text(session: Session, done: ShimResult, data: Mapping[str, Any]) -> list[str]:
    if done.change.plan is not None and done.change.dry_run:
        return list(dry_run_lines(done.change.plan.summary, data["plan"]))
    lines = [f"the shim is at {done.shim.path}{'' if data['changed'] else ' already'}; it runs {done.hermes or '-'}"]
    lines += [f"  the alias {alias} also runs it" for alias in done.aliases]
    lines += [f"  written into {path}" for path in done.start_files]
    if done.in_front:
        return lines
    if any(file.state == "written" for file in start_file_states(session, done.shim)):
        return [*lines, "it is first in every shell that you open from now on"]
    files = start_files(session.layout, session.environment)
    lines.append("put its folder first on PATH, at the end of your shell's start file:")
    for name, line in data["lines"].items():
        lines += [f"  {name}, {_short(files[name], session.layout)}:", f"    {line}"]
    return [*lines, "or write the line with `hermes-profiles shim install --shell-setup`"]


def _short(path: Path, layout: Layout) -> str:
    try:
        return f"~/{path.relative_to(layout.user_home)}"
    except ValueError:
        return str(path)


@command("shim", "remove", examples=("hermes-profiles shim remove --dry-run", "hermes-profiles shim remove"))
def remove(
    session: Session,
    dry_run: DryRun = False,
) -> Answer:
    """Remove the shim, and its lines from the start files of shells."""
    done = remove_shim(session, dry_run=dry_run)
    data: dict[str, Any] = {"path": str(done.shim.path), **_change_data(done)}

    def text() -> Iterator[str]:
        if done.change.plan is None:
            yield f"there is no shim at {done.shim.path}"
        elif dry_run:
            yield from dry_run_lines(done.change.plan.summary, data["plan"])
        else:
            yield "the shim is removed"
            yield from (f"  the alias {alias} runs Hermes itself again" for alias in done.aliases)
            yield from (f"  removed from {path}" for path in done.start_files)
            yield "a shell that is open remembers it until `hash -r`"

    return Answer(Result(("shim", "remove"), data, warnings=list(done.warnings)), text)


@command(
    "shim",
    "plugin",
    examples=(
        "hermes-profiles shim plugin --dry-run",
        "hermes-profiles shim plugin",
        "hermes-profiles shim plugin default work",
        "hermes-profiles shim plugin --remove",
    ),
)
def plugin(
    session: Session,
    profiles: Annotated[
        list[str] | None, typer.Argument(metavar="[PROFILE...]", help="Profiles that get it (default: default).")
    ] = None,
    remove_it: Annotated[bool, typer.Option("--remove", help="Remove it instead.")] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Put the Hermes plugin into a profile as a folder and enable it: for a Hermes that takes no packages."""
    done = put_plugin(session, profiles or (), remove=remove_it, dry_run=dry_run)
    data: dict[str, Any] = {
        "profiles": list(done.profiles),
        "folders": {name: str(path) for name, path in done.folders.items()},
        "program": done.program,
        "removed": remove_it,
    } | change_data(done.change)

    def text() -> Iterator[str]:
        if done.change.plan is not None and dry_run:
            yield from dry_run_lines(done.change.plan.summary, data["plan"])
        elif done.change.plan is None:
            yield "the plugin is not there" if remove_it else "the plugin is there already"
        elif remove_it:
            yield f"the plugin is removed from {', '.join(done.profiles)}"
        else:
            yield from (f"the plugin is at {path}" for path in done.folders.values())
            yield "use it with `hermes profiles list` and `hermes gateways status`"

    return Answer(Result(("shim", "plugin"), data, warnings=list(done.warnings)), text)


@command("shim", "status", examples=("hermes-profiles shim status", "hermes-profiles shim status --json"))
def status(
    session: Session,
) -> Answer:
    """Show whether `hermes` in this shell is the shim, and which Hermes it runs. Exit 3 when it is installed and
    not in effect."""
    found = shim_status(session)
    data = _status_data(found)
    result = Result(("shim", "status"), data, warnings=list(found.warnings), exit_code=found.exit_code)
    return Answer(result, lambda: _status_lines(data, found.shim))


def _status_data(found: ShimStatus) -> dict[str, Any]:
    return {
        "installed": found.shim.installed,
        "path": str(found.shim.path),
        "current": found.shim.is_current,
        "first_on_path": found.first_on_path,
        "in_effect": found.in_effect,
        "shadowed_by": found.shadowed_by,
        "hermes": {"path": found.hermes, "version": found.hermes_version},
        "program": {"path": found.program, "runs": found.program_runs, "version": __version__},
        "start_files": [
            {"shell": file.shell, "path": str(file.path), "state": file.state} for file in found.start_files
        ],
    }


def _status_lines(data: Mapping[str, Any], shim: Shim) -> Iterator[str]:
    if not data["installed"]:
        yield f"not installed ({shim.path}); `hermes-profiles shim install` puts it there"
        return
    yield f"{'in effect' if data['in_effect'] else 'installed, but not in effect'}: {shim.path}"
    hermes, program = data["hermes"], data["program"]
    yield f"  runs:      {hermes['path'] or '-'}{' (' + hermes['version'] + ')' if hermes['version'] else ''}"
    yield f"  program:   {program['path'] or '-'} ({program['version']})"
    yield f"  in this shell `hermes` is {data['first_on_path'] or 'not found'}"
    for file in data["start_files"]:
        if file["state"] != "absent":
            yield f"  line in:   {file['path']} ({file['state']})"


app = command_group(
    "Put our `hermes` before the real one on PATH, remove it, or show its state.",
    {
        "install": install,
        "remove": remove,
        "plugin": plugin,
        "status": status,
    },
)
