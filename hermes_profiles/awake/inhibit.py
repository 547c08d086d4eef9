"""Inhibitor locks of logind: whether this user can take one, their holders, and gateways that want one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.run_command import shown
from hermes_profiles.services.systemd.manager import SystemdManager
from hermes_profiles.services.systemd.show import blocks

from .render import inhibit_command

# `foo-.service.d` since 239, Type=exec since 240 (systemd's NEWS).
_OLDEST = 240
_UP = ("active", "reloading", "refreshing", "activating")
_DENIED = lazy_pattern(r"access denied|permission denied|not authorized|authentication", re.IGNORECASE)
# WHO UID USER PID: a lock in the table of `systemd-inhibit --list`.
_LOCK = lazy_pattern(r"^.*?\s(\d+)\s+\S+\s+(\d+)\s", re.MULTILINE)


def check_may_hold(manager: SystemdManager, inhibit: str, sleep: str, what: Sequence[str]) -> None:
    """Take the lock for a moment, as a service of this user: it can have fewer rights than a shell.

    Raises ManagerError without logind, and Refused where logind does not allow it or systemd is too old.
    """
    version = manager.version()
    if version < _OLDEST:
        raise Refused(
            f"systemd {version} is too old: this needs version {_OLDEST}",
            code="old-systemd",
            target="systemd",
            hint="hold the lock by hand: `systemd-inhibit --what=idle:sleep sleep infinity`",
        )
    words = inhibit_command(inhibit, what, (sleep, "0"))
    done = manager.ask("systemd-run", "--user", "--wait", "--collect", "--pipe", "--quiet", "--", *words)
    if done.code == 0:
        return
    if _DENIED.search(done.complaint):
        raise Refused(
            f"logind does not let a service of this user keep the machine awake ({done.complaint}): polkit allows it "
            "only for a user who is logged in at the machine",
            code="not-allowed",
            target="logind",
            hint="add a polkit rule that allows org.freedesktop.login1.inhibit-block-sleep",
        )
    raise ManagerError(
        f"cannot keep this machine awake, no logind: {done.complaint}",
        code="no-logind",
        target="logind",
        hint=f"run `{shown(('systemd-inhibit', '--list'))}`; in a container, use the host's logind",
    )


def lock_holders(manager: SystemdManager, inhibit: str) -> frozenset[int] | None:
    """Return the pids of this user that hold a lock, from logind; None when it does not answer."""
    try:
        done = manager.ask(inhibit, "--list", "--no-pager", COLUMNS="1000")
    except ManagerError:
        return None
    if done.code != 0:
        return None
    return frozenset(int(pid) for uid, pid in _LOCK.findall(done.out) if int(uid) == os.getuid())


def gateway_units(manager: SystemdManager, wanted: str) -> Mapping[str, bool]:
    """Return the gateways' units that are up, without `.service` → whether they want a unit, from one call.

    A unit between a failure and its next try counts as up.
    """
    done = manager.ask("systemctl", "--user", "show", "--property=Id,ActiveState,Wants", "--", f"{UNIT}*.service")
    return {
        name.removesuffix(".service"): f"{wanted}.service" in block.get("Wants", "").split()
        for name, block in sorted(blocks(done.out).items())
        if block.get("ActiveState") in _UP
    }
