"""shim: the word `hermes` in a shell: profiles, gateways and the doctor of ours, all the rest of the real one."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from hermes_profiles import __version__
from hermes_profiles.cli.framework.examples import epilog, examples
from hermes_profiles.cli.framework.options import DryRun, Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.cli.render.changes import change_data
from hermes_profiles.cli.render.clone import dry_run_lines
from hermes_profiles.gateways.hermes_install import interpreter_of, version_of
from hermes_profiles.gateways.hermes_on_path import commands_on_path, real_hermes
from hermes_profiles.integration.shim.install import ShimChange, found_start_files, plan_install, plan_remove
from hermes_profiles.integration.shim.script import BYPASS
from hermes_profiles.integration.shim.shell_rc import SHELLS, path_line
from hermes_profiles.integration.shim.status import Shim, find_shim, own_shells, start_files
from hermes_profiles.model.errors import ExitCode, NotFound, Problem, Result, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.apply import carry_out
from hermes_profiles.operations.context import Session

PROGRAM = "hermes-profiles"


def _lines(layout: Layout, shim: Shim) -> dict[str, str]:
    return {shell: path_line(shell, shim.path.parent, layout.user_home) for shell in SHELLS}


def own_program(environment: Mapping[str, str]) -> str:
    """Return the absolute path of `hermes-profiles`: as it was called, beside this Python, or on PATH. Links are kept,
    for what they lead to changes with each update. Raises NotFound."""
    called = os.path.abspath(sys.argv[0]) if os.path.basename(sys.argv[0]) == PROGRAM else None
    beside = os.path.join(os.path.dirname(sys.executable), PROGRAM)
    on_path = (os.path.join(folder, PROGRAM) for folder in environment.get("PATH", "").split(":") if folder[:1] == "/")
    for path in (called, beside, *on_path):
        if path is not None and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise NotFound(
        f"the command {PROGRAM} is found neither beside {sys.executable} nor on PATH",
        target=PROGRAM,
        code="no-program",
        hint="install it with `pipx install hermes-profiles`, then call it by its name",
    )


def _chosen_shells(session: Session, names: list[str], *, setup: bool) -> tuple[str, ...]:
    """Return the shells whose start files are to be written. Raises UsageProblem."""
    for name in names:
        if name not in SHELLS:
            raise UsageProblem(
                f"{name!r} is no shell that is known here",
                target=name,
                code="bad-shell",
                hint=f"say one of {', '.join(SHELLS)}, or put the folder on PATH yourself",
            )
    if names:
        return tuple(names)
    chosen = own_shells(session.layout, session.environment) if setup else ()
    if setup and not chosen:
        raise UsageProblem(
            "which shell is yours cannot be seen: SHELL names none that is known here",
            code="no-shell",
            hint="name it: `hermes-profiles shim install --shell bash`",
        )
    return chosen


@examples(
    "hermes-profiles shim install --dry-run",
    "hermes-profiles shim install",
    "hermes-profiles shim install --shell-setup",
    "hermes-profiles shim install --shell zsh",
)
def install(
    setup: Annotated[
        bool,
        typer.Option("--shell-setup", help="Write the line into the start files of your shells, between marks."),
    ] = False,
    shell: Annotated[
        list[str] | None,
        typer.Option("--shell", metavar="SHELL", help="Write it for this one: bash, zsh or fish (repeatable)."),
    ] = None,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Put a small `hermes` in front of the real one: its `profile`, `gateways` and `doctor` are ours then."""
    session = Session(home, json)

    def body() -> Answer:
        layout, environment = session.layout, session.environment
        shells = _chosen_shells(session, shell or [], setup=setup)
        warnings = session.recover(dry_run=dry_run)
        program, hermes = own_program(environment), _real(session)
        change = plan_install(layout, environment, program=program, hermes=hermes, shells=shells)
        shim = find_shim(layout, environment)
        if hermes is None:
            warnings.append(
                Problem(
                    "no-hermes",
                    "no hermes is on PATH yet; the shim looks for it each time it runs",
                    "hermes",
                    "install it with `pip install hermes-agent`",
                )
            )
        data: dict[str, Any] = {
            "path": str(shim.path),
            "program": program,
            "hermes": hermes,
            "lines": _lines(layout, shim),
            **_carried_out(session, change, dry_run=dry_run),
        }
        text = _install_text(session, change, data, shim)
        return Answer(Result(("shim", "install"), data, warnings=warnings), lambda: text)

    run(("shim", "install"), session, body)


def _real(session: Session) -> str | None:
    """Return the absolute path of the real `hermes`, as a shell finds it here."""
    found = real_hermes(session.environment)
    if found is None:
        known = find_shim(session.layout, session.environment).recorded
        return known.hermes if known is not None else None
    return os.path.abspath(found)


def _carried_out(session: Session, change: ShimChange, *, dry_run: bool) -> dict[str, Any]:
    data: dict[str, Any] = {"aliases": list(change.aliases), "start_files": [str(path) for path in change.start_files]}
    return data | change_data(carry_out(session, change.plan, dry_run=dry_run))


def _install_text(session: Session, change: ShimChange, data: Mapping[str, Any], shim: Shim) -> list[str]:
    if "plan" in data and change.plan is not None:
        return list(dry_run_lines(change.plan.summary, data["plan"]))
    lines = [f"the shim is at {shim.path}{'' if data['changed'] else ' already'}; it hands to {data['hermes'] or '-'}"]
    lines += [f"  the alias {alias} runs it, too" for alias in data["aliases"]]
    lines += [f"  written into {path}" for path in data["start_files"]]
    if _is_first(shim, session.environment):
        return lines
    if any(file.state == "written" for file in found_start_files(session.layout, shim, session.environment)):
        return [*lines, "it is in front in every shell that you open from now on"]
    files = start_files(session.layout, session.environment)
    lines.append("put its folder in front on PATH, at the end of your shell's start file:")
    for name, line in data["lines"].items():
        lines += [f"  {name}, {_short(files[name], session.layout)}:", f"    {line}"]
    return [*lines, "or have it written there: `hermes-profiles shim install --shell-setup`"]


def _short(path: Path, layout: Layout) -> str:
    try:
        return f"~/{path.relative_to(layout.user_home)}"
    except ValueError:
        return str(path)


@examples("hermes-profiles shim remove --dry-run", "hermes-profiles shim remove")
def remove(dry_run: DryRun = False, home: Home = None, json: Json = False) -> None:
    """Take the shim away, and its lines out of the start files of shells: all is as it was before."""
    session = Session(home, json)

    def body() -> Answer:
        warnings = session.recover(dry_run=dry_run)
        shim = find_shim(session.layout, session.environment)
        change = plan_remove(session.layout, session.environment)
        data: dict[str, Any] = {"path": str(shim.path), **_carried_out(session, change, dry_run=dry_run)}

        def text() -> Iterator[str]:
            if change.plan is None:
                yield f"there is no shim at {shim.path}"
            elif "plan" in data:
                yield from dry_run_lines(change.plan.summary, data["plan"])
            else:
                yield "the shim is gone"
                yield from (f"  the alias {alias} runs Hermes itself again" for alias in data["aliases"])
                yield from (f"  taken out of {path}" for path in data["start_files"])
                yield "a shell that is open remembers it until `hash -r`"

        return Answer(Result(("shim", "remove"), data, warnings=warnings), text)

    run(("shim", "remove"), session, body)


@examples("hermes-profiles shim status", "hermes-profiles shim status --json")
def status(home: Home = None, json: Json = False) -> None:
    """Tell whether `hermes` in this shell is the shim, and which Hermes it hands to. Exit 3 when it is installed and
    not in effect."""
    session = Session(home, json)

    def body() -> Answer:
        shim = find_shim(session.layout, session.environment)
        data = _facts(session, shim)
        warnings = list(_faults(session, shim, data)) if shim.installed else []
        code = ExitCode.NEGATIVE if shim.installed and not data["in_effect"] else ExitCode.OK
        return Answer(
            Result(("shim", "status"), data, warnings=warnings, exit_code=code), lambda: _status_lines(data, shim)
        )

    run(("shim", "status"), session, body)


def _is_first(shim: Shim, environment: Mapping[str, str]) -> bool:
    first = next(commands_on_path(environment), None)
    return first is not None and shim.raw is not None and os.path.samefile(first, shim.path)


def _facts(session: Session, shim: Shim) -> dict[str, Any]:
    environment = session.environment
    first, hermes = next(commands_on_path(environment), None), _real(session)
    if hermes is not None and not os.access(hermes, os.X_OK):
        hermes = None
    python = interpreter_of(Path(hermes)) if hermes is not None else None
    numbers = version_of(python) if python is not None else None
    program = shim.recorded.program if shim.recorded is not None else None
    is_first, runs = _is_first(shim, environment), program is not None and os.access(program, os.X_OK)
    return {
        "installed": shim.installed,
        "path": str(shim.path),
        "current": shim.is_current,
        "first_on_path": first,
        "in_effect": shim.installed and is_first and runs and environment.get(BYPASS) != "off",
        "shadowed_by": first if not is_first and _on_path(shim, environment) else None,
        "hermes": {"path": hermes, "version": ".".join(map(str, numbers)) if numbers else None},
        "program": {"path": program, "runs": runs, "version": __version__},
        "start_files": [
            {"shell": file.shell, "path": str(file.path), "state": file.state}
            for file in found_start_files(session.layout, shim, environment)
        ],
    }


def _on_path(shim: Shim, environment: Mapping[str, str]) -> bool:
    return shim.raw is not None and any(os.path.samefile(path, shim.path) for path in commands_on_path(environment))


def _faults(session: Session, shim: Shim, data: Mapping[str, Any]) -> Iterator[Problem]:
    again = "write it anew with `hermes-profiles shim install`"
    line = _lines(session.layout, shim).get(os.path.basename(session.environment.get("SHELL", "")))
    if session.environment.get(BYPASS) == "off":
        yield Problem("bypassed", f"{BYPASS}=off hands everything to Hermes itself", BYPASS, f"`unset {BYPASS}`")
    if data["shadowed_by"] is not None:
        yield Problem(
            "shadowed",
            f"{data['shadowed_by']} stands before it on PATH",
            data["shadowed_by"],
            "put the line of the shim at the very end of your shell's start file, then open a new shell",
        )
    elif not _on_path(shim, session.environment):
        written = any(file["state"] == "written" for file in data["start_files"])
        how = (
            f"put this at the end of your shell's start file: {line}" if line else "see `hermes-profiles shim install`"
        )
        yield Problem(
            "not-on-path",
            f"{shim.path.parent} is not on PATH",
            str(shim.path.parent),
            "open a new shell: the line stands in a start file" if written else how,
        )
    if not data["program"]["runs"]:
        yield Problem("no-program", f"{data['program']['path']}, which it runs, is gone", PROGRAM, again)
    if not shim.is_current:
        yield Problem("other-text", "it was written by another version, or changed by hand", str(shim.path), again)
    for file in data["start_files"]:
        if file["state"] in ("edited", "emptied"):
            yield Problem(
                "edited-block",
                f"the lines between its marks in {file['path']} were changed",
                file["path"],
                f"look at them with `grep -n -A 2 '>>> {PROGRAM} shim' {shlex.quote(file['path'])}`",
            )
    if data["hermes"]["path"] is None:
        yield Problem("no-hermes", "no other hermes is on PATH", "hermes", "install it: `pip install hermes-agent`")


def _status_lines(data: Mapping[str, Any], shim: Shim) -> Iterator[str]:
    if not data["installed"]:
        yield f"not installed ({shim.path}); `hermes-profiles shim install` puts it there"
        return
    yield f"{'in effect' if data['in_effect'] else 'installed, but not in effect'}: {shim.path}"
    hermes, program = data["hermes"], data["program"]
    yield f"  hands to:  {hermes['path'] or '-'}{' (' + hermes['version'] + ')' if hermes['version'] else ''}"
    yield f"  runs:      {program['path'] or '-'} ({program['version']})"
    yield f"  in this shell `hermes` is {data['first_on_path'] or 'not found'}"
    for file in data["start_files"]:
        if file["state"] != "absent":
            yield f"  line in:   {file['path']} ({file['state']})"


app = typer.Typer(help="Put `hermes` in front of the real one, take it away, or see how it is.", rich_markup_mode=None)
app.command("install", epilog=epilog(install))(install)
app.command("remove", epilog=epilog(remove))(remove)
app.command("status", epilog=epilog(status))(status)
