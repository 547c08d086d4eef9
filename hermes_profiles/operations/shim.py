"""Install and remove the shim, which puts a `hermes` before the real one, and report whether it is in effect."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.gateways.installation.hermes_code import read_code
from hermes_profiles.gateways.installation.hermes_install import installation_of
from hermes_profiles.gateways.installation.hermes_on_path import commands_on_path, real_hermes
from hermes_profiles.integration.shim.install import plan_install, plan_remove, read_start_files
from hermes_profiles.integration.shim.script import BYPASS
from hermes_profiles.integration.shim.shell_rc import SHELLS, path_line
from hermes_profiles.integration.shim.status import Shim, find_shim, own_shells
from hermes_profiles.model.errors import ExitCode, NotFound, Problem, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, check_existing_name
from hermes_profiles.profiles.lifecycle import unused_trash_id
from hermes_profiles.profiles.listing import require

from .apply import ChangeResult, carry_out
from .context import Session

PROGRAM = "hermes-profiles"


class ShellFile(NamedTuple):
    """The start file of a shell; `state`: of the line in it."""

    shell: str
    path: Path
    state: str


class ShimResult(NamedTuple):
    """The result of an installation or removal.

    `program`: what the shim runs; `hermes`: the real one; `aliases`: those that run the shim; `start_files`: those
    that were changed; `in_front`: the shim is the first `hermes` on PATH.
    """

    shim: Shim
    program: str | None
    hermes: str | None
    aliases: tuple[str, ...]
    start_files: tuple[Path, ...]
    in_front: bool
    change: ChangeResult
    warnings: tuple[Problem, ...]


class ShimStatus(NamedTuple):
    """Whether the shim is in effect. `first_on_path`: what `hermes` is here; `shadowed_by`: a file before the shim."""

    shim: Shim
    first_on_path: str | None
    in_effect: bool
    shadowed_by: str | None
    hermes: str | None
    hermes_version: str | None
    program: str | None
    program_runs: bool
    start_files: tuple[ShellFile, ...]
    warnings: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """Return 3 when the shim is installed and not in effect."""
        return ExitCode.NEGATIVE if self.shim.installed and not self.in_effect else ExitCode.OK


def install_shim(
    session: Session, shells: Sequence[str] = (), *, setup: bool = False, dry_run: bool = False
) -> ShimResult:
    """Install the shim. `shells`: whose start files get its line; `setup`: those of the user's shells."""
    layout, environment = session.layout, session.environment
    chosen = _chosen_shells(session, shells, setup=setup)
    warnings = session.recover(dry_run=dry_run)
    program, hermes = own_program(environment), _real_hermes(session)
    planned = plan_install(layout, environment, program=program, hermes=hermes, shells=chosen)
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
    change = carry_out(session, planned.plan, dry_run=dry_run)
    return ShimResult(
        shim,
        program,
        hermes,
        tuple(planned.aliases),
        tuple(planned.start_files),
        _is_first(shim, environment),
        change,
        tuple(warnings),
    )


def remove_shim(session: Session, *, dry_run: bool = False) -> ShimResult:
    """Remove the shim, and its lines from the start files of shells."""
    warnings = session.recover(dry_run=dry_run)
    shim = find_shim(session.layout, session.environment)
    planned = plan_remove(session.layout, session.environment)
    change = carry_out(session, planned.plan, dry_run=dry_run)
    files = tuple(planned.start_files)
    return ShimResult(shim, None, None, tuple(planned.aliases), files, False, change, tuple(warnings))  # noqa: FBT003


class PluginResult(NamedTuple):
    """The result of putting the plugin into profiles, or of removing it. `folders`: profile → its folder."""

    profiles: tuple[str, ...]
    folders: dict[str, Path]
    program: str | None
    change: ChangeResult
    warnings: tuple[Problem, ...]


def put_plugin(
    session: Session, profiles: Sequence[str] = (), *, remove: bool = False, dry_run: bool = False
) -> PluginResult:
    """Put the plugin into profiles (none: default) as a folder and enable it there, or remove it.

    Raises NotFound for a missing profile, DocumentError when a config.yaml cannot be edited with certainty.
    """
    from hermes_profiles.integration.plugin.folder import plan_plugin, plan_remove_plugin, plugin_folder

    layout, warnings = session.layout, session.recover(dry_run=dry_run)
    names = tuple(dict.fromkeys(check_existing_name(name) for name in profiles)) or (DEFAULT,)
    for name in names:
        require(layout, name)
    program = None if remove else own_program(session.environment)
    if program is not None:
        plan = plan_plugin(layout, names, program)
    else:
        now = utc_now()
        trash_id = unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now))
        plan = plan_remove_plugin(layout, names, trash_id=trash_id, deleted_at=iso(now))
    folders = {name: plugin_folder(layout, name) for name in names}
    return PluginResult(names, folders, program, carry_out(session, plan, dry_run=dry_run), tuple(warnings))


def shim_status(session: Session) -> ShimStatus:
    """Return whether `hermes` in this shell is the shim, and which Hermes it runs."""
    environment, shim = session.environment, find_shim(session.layout, session.environment)
    first, hermes = next(commands_on_path(environment), None), _real_hermes(session)
    if hermes is not None and not os.access(hermes, os.X_OK):
        hermes = None
    installation = installation_of(Path(hermes)) if hermes is not None else None
    code = installation.code if installation is not None else None
    program = shim.recorded.program if shim.recorded is not None else None
    is_first, runs = _is_first(shim, environment), program is not None and os.access(program, os.X_OK)
    status = ShimStatus(
        shim,
        first,
        shim.installed and is_first and runs and environment.get(BYPASS) != "off",
        first if not is_first and _on_path(shim, environment) else None,
        hermes,
        read_code(code).version or None if code is not None else None,
        program,
        runs,
        start_file_states(session, shim),
    )
    return status._replace(warnings=tuple(_faults(session, shim, status))) if shim.installed else status


def start_file_states(session: Session, shim: Shim) -> tuple[ShellFile, ...]:
    """Return the start files of shells, and the state of the shim's line in each."""
    files = read_start_files(session.layout, shim, session.environment)
    return tuple(ShellFile(file.shell, file.path, file.state) for file in files)


def path_lines(layout: Layout, shim: Shim) -> dict[str, str]:
    """Return shell → the line that puts the shim's folder first on PATH."""
    return {shell: path_line(shell, shim.path.parent, layout.user_home) for shell in SHELLS}


def own_program(environment: Mapping[str, str]) -> str:
    """Return the absolute path of `hermes-profiles`: as it was called, beside this Python, or on PATH.

    Links are kept, for their targets change with each update. Raises NotFound.
    """
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


def _chosen_shells(session: Session, names: Sequence[str], *, setup: bool) -> tuple[str, ...]:
    """Return the shells whose start files get the line. Raises UsageProblem."""
    for name in names:
        if name not in SHELLS:
            raise UsageProblem(
                f"{name!r} is no shell that is known here",
                target=name,
                code="bad-shell",
                hint=f"use {' or '.join(f'`--shell {each}`' for each in SHELLS)}, or put the folder on PATH yourself",
            )
    if names:
        return tuple(names)
    chosen = own_shells(session.layout, session.environment) if setup else ()
    if setup and not chosen:
        raise UsageProblem(
            "your shell is not known: SHELL names none of those supported",
            code="no-shell",
            hint="name it: `hermes-profiles shim install --shell bash`",
        )
    return chosen


def _real_hermes(session: Session) -> str | None:
    """Return the absolute path of the real `hermes`, as a shell finds it here."""
    found = real_hermes(session.environment)
    if found is None:
        known = find_shim(session.layout, session.environment).recorded
        return known.hermes if known is not None else None
    return os.path.abspath(found)


def _is_first(shim: Shim, environment: Mapping[str, str]) -> bool:
    first = next(commands_on_path(environment), None)
    return first is not None and shim.raw is not None and os.path.samefile(first, shim.path)


def _on_path(shim: Shim, environment: Mapping[str, str]) -> bool:
    return shim.raw is not None and any(os.path.samefile(path, shim.path) for path in commands_on_path(environment))


def _faults(session: Session, shim: Shim, status: ShimStatus) -> Iterator[Problem]:
    again = "write it again with `hermes-profiles shim install`"
    line = path_lines(session.layout, shim).get(os.path.basename(session.environment.get("SHELL", "")))
    if session.environment.get(BYPASS) == "off":
        yield Problem("bypassed", f"{BYPASS}=off hands everything to Hermes itself", BYPASS, f"`unset {BYPASS}`")
    if status.shadowed_by is not None:
        yield Problem(
            "shadowed",
            f"{status.shadowed_by} is before it on PATH",
            status.shadowed_by,
            "put the line of the shim at the very end of your shell's start file, then open a new shell",
        )
    elif not _on_path(shim, session.environment):
        written = any(file.state == "written" for file in status.start_files)
        how = (
            f"put this at the end of your shell's start file: {line}" if line else "see `hermes-profiles shim install`"
        )
        yield Problem(
            "not-on-path",
            f"{shim.path.parent} is not on PATH",
            str(shim.path.parent),
            "open a new shell: the line is in a start file" if written else how,
        )
    if not status.program_runs:
        yield Problem("no-program", f"{status.program}, which it runs, is gone", PROGRAM, again)
    if not shim.is_current:
        yield Problem("other-text", "it was written by another version, or changed by hand", str(shim.path), again)
    for file in status.start_files:
        if file.state in ("edited", "emptied"):
            yield Problem(
                "edited-block",
                f"the lines between its marks in {file.path} were changed",
                str(file.path),
                f"look at them with `grep -n -A 2 '>>> {PROGRAM} shim' {shlex.quote(str(file.path))}`",
            )
    if status.hermes is None:
        yield Problem("no-hermes", "no other hermes is on PATH", "hermes", "install it: `pip install hermes-agent`")
