"""Alias scripts: `coder chat` for `hermes -p coder chat`, in the form that Hermes writes and recognises."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile
from hermes_profiles.changes.signature import signature
from hermes_profiles.model.errors import NotFound, Refused, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import check_alias_name
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.secret import Secret

from .listing import alias_target

ALIAS_MODE = 0o755
_ALIAS = lazy_pattern(rb"""#!/bin/sh\nexec ([^\n]+) -p ([a-z0-9][a-z0-9_-]{0,63}) "\$@"\n?""")


def alias_script(profile: str, hermes: str | None) -> bytes:
    """Return the script. Hermes 0.19.0 treats a file as an alias when it contains `hermes -p`."""
    return f'#!/bin/sh\nexec {shlex.quote(hermes or "hermes")} -p {profile} "$@"\n'.encode()


def find_command(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the first executable of this name on PATH."""
    for folder in environment.get("PATH", "").split(os.pathsep):
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def aliases_of(layout: Layout, profile: str) -> tuple[Path, ...]:
    """Return every alias script that starts this profile, matched exactly (`erp` is not `erp-dev`).

    Only scripts in the form that Hermes and this program write: only these are changed or removed.
    """
    return tuple(path for path in _scripts(layout, profile) if _is_alias(path, profile))


def foreign_scripts(layout: Layout, profile: str) -> tuple[Path, ...]:
    """Return other scripts in the alias folder that start this profile; they are never changed.

    Hermes 0.19.0 treats them as aliases (it searches for `hermes -p NAME` anywhere in a file), and so does `list`.
    """
    return tuple(path for path in _scripts(layout, profile) if not _is_alias(path, profile))


def _scripts(layout: Layout, profile: str) -> Iterator[Path]:
    if not layout.is_ours:  # they start the profiles of the root in which Hermes works
        return
    try:
        with os.scandir(layout.alias_folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError:
        return
    yield from (Path(entry.path) for entry in entries if alias_target(entry) == profile)


def _is_alias(path: Path, profile: str) -> bool:
    try:
        match = _ALIAS.fullmatch(path.read_bytes())
        program = shlex.split(match.group(1).decode()) if match and match.group(2).decode() == profile else []
    except (OSError, ValueError):
        return False
    return len(program) == 1 and os.path.basename(program[0]) == "hermes"


def program_of(path: Path) -> tuple[str, str] | None:
    """Return the (hermes, profile) of an alias script, None for a file that is not an alias."""
    try:
        match = _ALIAS.fullmatch(path.read_bytes())
        program = shlex.split(match.group(1).decode()) if match else []
    except (OSError, ValueError):
        return None
    return (program[0], match.group(2).decode()) if match and len(program) == 1 else None


def renamed_script(path: Path, new: str) -> bytes:
    """Return an alias script for another profile; it runs the same `hermes`."""
    match = _ALIAS.fullmatch(path.read_bytes())
    return alias_script(new, shlex.split(match.group(1).decode())[0] if match else None)


def alias_obstacle(layout: Layout, alias: str, profile: str, environment: Mapping[str, str]) -> str | None:
    """Return why this alias cannot be made for the profile, None when it can."""
    try:
        check_alias_name(alias)
    except UsageProblem as error:
        return error.problem.message
    if not layout.is_ours:
        return f"it would start a profile of the root in which `hermes` works, which is not {layout.root}"
    path = layout.alias_folder / alias
    if path in aliases_of(layout, profile):
        return None
    if os.path.lexists(path):
        return f"{path} exists and does not start {profile}"
    taken = find_command(alias, environment)
    return f"the command {taken} has that name" if taken else None


def plan_alias(
    layout: Layout, profile: str, alias: str, *, environment: Mapping[str, str], hermes: str | None
) -> ChangePlan | None:
    """Return the plan that creates the alias; None when it exists already.

    Raises Refused when the name is taken.
    """
    why = alias_obstacle(layout, alias, profile, environment)
    if why is not None:
        raise Refused(
            f"cannot create the alias {alias!r}: {why}",
            target=alias,
            code="alias-taken",
            hint=f"choose another with `hermes-profiles alias {profile} --name OTHER`"
            if layout.is_ours
            else f"start it with `HERMES_HOME={quote(str(layout.root))} hermes -p {profile}`",
        )
    path = layout.alias_folder / alias
    script = alias_script(profile, hermes)
    if path.is_file() and path.read_bytes() == script:
        return None
    step = ReplaceFile(path, Secret(script), mode=ALIAS_MODE, expected=signature(path))
    return ChangePlan(("alias", profile), f"alias {alias} for {profile}", (step,), profiles=(profile,))


def with_alias(plan: ChangePlan, layout: Layout, profile: str, *, hermes: str | None) -> ChangePlan:
    """Return the plan of a new profile with its alias as the last step; a leftover alias is replaced."""
    path = layout.alias_folder / profile
    step = ReplaceFile(path, Secret(alias_script(profile, hermes)), mode=ALIAS_MODE, expected=signature(path))
    return replace(plan, steps=(*plan.steps, step))


def plan_remove_alias(layout: Layout, profile: str, alias: str | None) -> ChangePlan:
    """Return the plan that removes one alias of a profile, or all of them.

    Raises NotFound without an alias, Refused for a script in another form.
    """
    paths = [path for path in aliases_of(layout, profile) if alias is None or path.name == alias]
    foreign = [path for path in foreign_scripts(layout, profile) if alias is None or path.name == alias]
    if foreign and not paths:
        raise Refused(
            f"{foreign[0]} starts {profile}, but it is not in the form of an alias, so it is not removed",
            target=str(foreign[0]),
            code="not-an-alias",
            hint=f"look at it with `cat {quote(str(foreign[0]))}`",
        )
    if not paths:
        raise NotFound(
            f"{profile} has no alias{f' {alias!r}' if alias else ''} in {layout.alias_folder}",
            target=alias or profile,
            hint="see aliases with `hermes-profiles list`",
        )
    steps = tuple(ReplaceFile(path, None, expected=signature(path)) for path in paths)
    return ChangePlan(("alias", profile, "--remove"), f"remove the alias of {profile}", steps, profiles=(profile,))
