"""Alias scripts: `coder chat` for `hermes -p coder chat`, in the very form Hermes writes and recognises."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Signature
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import check_alias_name
from hermes_profiles.model.result import NotFound, Refused, UsageProblem
from hermes_profiles.model.secret import Secret

from .roots import alias_target

ALIAS_MODE = 0o755


def alias_script(profile: str, hermes: str | None) -> bytes:
    """Return the script: Hermes 0.19.0 takes a file for an alias when it contains `hermes -p`."""
    return f'#!/bin/sh\nexec {shlex.quote(hermes or "hermes")} -p {profile} "$@"\n'.encode()


def find_command(name: str, environment: Mapping[str, str]) -> str | None:
    """Return the first executable of this name on PATH."""
    for folder in environment.get("PATH", "").split(os.pathsep):
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def aliases_of(layout: Layout, profile: str) -> tuple[Path, ...]:
    """Return every alias script that starts this profile, matched exactly (`erp` is not `erp-dev`)."""
    try:
        with os.scandir(layout.alias_folder) as scan:
            return tuple(
                Path(entry.path) for entry in sorted(scan, key=lambda e: e.name) if alias_target(entry) == profile
            )
    except OSError:
        return ()


def obstacle(layout: Layout, alias: str, profile: str, environment: Mapping[str, str]) -> str | None:
    """Return why this alias cannot be made for the profile, None when it can."""
    try:
        check_alias_name(alias)
    except UsageProblem as error:
        return error.problem.message
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
    """Return the plan that makes the alias; None when it is there already.

    Raises Refused when the name is taken by something else.
    """
    why = obstacle(layout, alias, profile, environment)
    if why is not None:
        raise Refused(
            f"cannot make the alias {alias!r}: {why}", target=alias, code="alias-taken",
            hint=f"choose another with `hermes-profiles alias {profile} --name OTHER`",
        )  # fmt: skip
    path = layout.alias_folder / alias
    script = alias_script(profile, hermes)
    if path.is_file() and path.read_bytes() == script:
        return None
    step = ReplaceFile(path, Secret(script), mode=ALIAS_MODE, expected=signature(path))
    return ChangePlan(("alias", profile), f"alias {alias} for {profile}", (step,), profiles=(profile,))


def plan_remove_alias(layout: Layout, profile: str, alias: str | None) -> ChangePlan:
    """Return the plan that removes one alias of a profile, or all of them.

    Raises NotFound when there is none: a script that starts another profile is never touched.
    """
    paths = [path for path in aliases_of(layout, profile) if alias is None or path.name == alias]
    if not paths:
        raise NotFound(
            f"{profile} has no alias{f' {alias!r}' if alias else ''} in {layout.alias_folder}", target=alias or profile,
            hint="see aliases with `hermes-profiles list`",
        )  # fmt: skip
    steps = tuple(ReplaceFile(path, None, expected=signature(path)) for path in paths)
    return ChangePlan(("alias", profile, "--remove"), f"remove the alias of {profile}", steps, profiles=(profile,))


def signature(path: Path) -> Signature | None:
    """Return the signature of what is at a path now, None when nothing is."""
    try:
        return Signature.of(os.lstat(path))
    except FileNotFoundError:
        return None
