"""logind's locks against sleep: whether this user may have one, who holds one, and which gateways ask for it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import Refused
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.run_command import shown
from hermes_profiles.services.systemd.manager import SystemdManager
from hermes_profiles.services.systemd.show import blocks

from .render import inhibit_command

# `foo-.service.d` is read since 239, Type=exec is there since 240 (systemd's NEWS).
_OLDEST = 240
_UP = ("active", "reloading", "refreshing", "activating")
_DENIED = re.compile(r"access denied|permission denied|not authorized|authentication", re.IGNORECASE)
# WHO UID USER PID: a lock in the table of `systemd-inhibit --list`.
_LOCK = re.compile(r"^.*?\s(\d+)\s+\S+\s+(\d+)\s", re.MULTILINE)


def check_may_hold(manager: SystemdManager, inhibit: str, sleep: str, what: Sequence[str]) -> None:
    """Hold the lock for a moment, as a service of this user: what a shell may, a service may not always.

    Raises ManagerError where there is no logind, Refused where logind does not allow it, or systemd is too old.
    """
    version = manager.version()
    if version < _OLDEST:
        raise Refused(
            f"systemd {version} is too old for this: {_OLDEST} is the oldest",
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
            "to who is logged in at the machine itself",
            code="not-allowed",
            target="logind",
            hint="an administrator can allow it: a polkit rule for org.freedesktop.login1.inhibit-block-sleep",
        )
    raise ManagerError(
        f"there is no logind that could keep this machine awake: {done.complaint}",
        code="no-logind",
        target="logind",
        hint=f"in a container the host decides; see what it says with `{shown(('systemd-inhibit', '--list'))}`",
    )


def lock_holders(manager: SystemdManager, inhibit: str) -> frozenset[int] | None:
    """Return the pids of this user that hold a lock, as logind tells; None when it cannot be asked."""
    try:
        done = manager.ask(inhibit, "--list", "--no-pager", COLUMNS="1000")
    except ManagerError:
        return None
    if done.code != 0:
        return None
    return frozenset(int(pid) for uid, pid in _LOCK.findall(done.out) if int(uid) == os.getuid())


def gateway_units(manager: SystemdManager, wanted: str) -> Mapping[str, bool]:
    """Return the gateways' units that are up, without `.service` → whether they want a unit. One look.

    A unit between a failure and its next try counts: systemd says that it will be there.
    """
    done = manager.ask("systemctl", "--user", "show", "--property=Id,ActiveState,Wants", "--", f"{UNIT}*.service")
    return {
        name.removesuffix(".service"): f"{wanted}.service" in block.get("Wants", "").split()
        for name, block in sorted(blocks(done.out).items())
        if block.get("ActiveState") in _UP
    }
