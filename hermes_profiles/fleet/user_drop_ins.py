"""Warnings about the user's own drop-ins of a service that is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.services.naming import drop_in
from hermes_profiles.services.spec import ServiceSpec
from hermes_profiles.services.systemd.user_drop_ins import read_user_drop_ins

from .carried_wrapper import carried_wrapper
from .install import ServiceInstallPlan

_RESET = "put a line `ExecStart=` before the one in it, then "


def check_redirects(world: SystemContext, unit: Path, spec: ServiceSpec) -> None:
    """Raise Refused where a drop-in of the user sends the gateway of a service into another home, or past its masks."""
    if unit.suffix != ".service":
        return
    for path, name, value in read_user_drop_ins(unit, world.user_home).redirects:
        if name == HERMES_HOME and os.path.realpath(value) == str(spec.home):
            continue
        what = (
            "makes its gateway work in another home, with the bots of that home"
            if name == HERMES_HOME
            else "replaces the masks of hermes-gateways, so that two gateways can use one bot"
        )
        raise Refused(
            f"{name} of {path} {what}",
            target=spec.profile,
            code="redirected",
            hint=f"take {name} out of that drop-in or its environment file, then install again",
        )


def drop_in_warnings(world: SystemContext, installation: ServiceInstallPlan) -> Iterator[Problem]:
    """Yield a warning for each drop-in of the user that gives variables, has no effect, or replaces our settings."""
    unit, profile = installation.files[0][0], installation.spec.profile
    if unit.suffix != ".service":
        return
    ours = next((content for path, content, _ in installation.files if path == drop_in(unit)), None)
    found = read_user_drop_ins(unit, world.user_home, ours)
    if found.names:
        where = ", ".join(path.name for path in found.files)
        yield Problem(
            "drop-in-kept",
            f"{profile}: the gateway keeps {', '.join(found.names)} of {where}",
            str(found.files[0]),
        )
    for path, line in found.broken:
        yield Problem(
            "drop-in-unread",
            f"{profile}: {path}:{line}: the name of a section is not closed, so systemd refuses to start the gateway",
            str(path),
            f"close it with ] in an editor: `${{EDITOR:-vi}} {quote(str(path))}`",
        )
    for text in found.unread:
        yield Problem(
            "drop-in-unread",
            f"{profile}: the environment file {text} cannot be read, so its variables do not reach the gateway",
            text,
            f"create it, or make it readable, then run `hermes-gateways install {profile}`",
        )
    carried = carried_wrapper(found, profile, installation.spec.watchdog)
    without = [each for each in found.without_effect if carried is None or each != (carried.path, "ExecStart")]
    if carried is not None:
        yield Problem(
            "drop-in-carried",
            f"{profile}: the gateway is started through {Path(carried.wrapper.words[0]).name} of {carried.path.name}",
            str(carried.path),
        )
    for path, keys in _by_file(tuple(without)):
        yield Problem(
            "drop-in-without-effect",
            f"{profile}: {', '.join(keys)} in {path} has no effect: {drop_in(unit).name} is read after it",
            str(path),
            (_RESET if path in found.second and "ExecStart" in keys else "")
            + f"have it read last: `mv {quote(str(path))} {quote(str(path.with_name('90-' + path.name)))}`",
        )
    for path, keys in _by_file(found.in_front):
        if path in found.second and "ExecStart" in keys:
            yield Problem(
                "drop-in-in-front",
                f"{profile}: {path} sets a second ExecStart, so systemd refuses to start the gateway",
                str(path),
                f"{_RESET}run `systemctl --user daemon-reload`",
            )
            continue
        yield Problem(
            "drop-in-in-front",
            f"{profile}: {', '.join(keys)} in {path} replaces the setting of hermes-profiles",
            str(path),
            f"compare both with `systemctl --user cat {unit.name}`",
        )


def _by_file(found: tuple[tuple[Path, str], ...]) -> Iterator[tuple[Path, list[str]]]:
    for path in dict.fromkeys(path for path, _ in found):
        yield path, [key for each, key in found if each == path]
