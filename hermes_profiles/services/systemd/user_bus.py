"""Finds the socket of the user's systemd, and explains why it is missing."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.hermes.service_names import SYSTEM_UNITS
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.run_command import listed_environment

OTHERWISE = "or use the bundled manager with `--manager supervisor`"


class SystemdPaths(NamedTuple):
    """Folders of systemd that are read; tests pass their own."""

    runtime: Path = Path("/run/user")
    system_units: Path = Path(SYSTEM_UNITS)
    linger: Path = Path("/var/lib/systemd/linger")
    booted: Path = Path("/run/systemd/system")
    proc: Path = Path("/proc")


def account_name(uid: int, environment: Mapping[str, str]) -> str:
    """Return the login name of a uid; of one without an account, the name in the environment."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return environment.get("USER") or str(uid)


def find_bus(environment: Mapping[str, str], uid: int, places: SystemdPaths) -> dict[str, str] | None:
    """Return the environment in which `systemctl --user` finds this user's manager, None without a socket.

    XDG_RUNTIME_DIR of the caller counts only if this user owns the folder: after `su` or `sudo -E` another user does.
    """
    given = environment.get("XDG_RUNTIME_DIR", "")
    for folder in ([given] if given.startswith("/") else []) + [str(places.runtime / str(uid))]:
        bus, private = f"{folder}/bus", f"{folder}/systemd/private"
        if not (os.path.exists(bus) or os.path.exists(private)) or os.stat(folder).st_uid != uid:
            continue
        address = environment.get("DBUS_SESSION_BUS_ADDRESS") if folder == given else None
        if address is None and os.path.exists(bus):
            address = f"unix:path={bus}"
        found = listed_environment(environment) | {"XDG_RUNTIME_DIR": folder}
        return found | ({"DBUS_SESSION_BUS_ADDRESS": address} if address else {})
    return None


def lingers(account: str, places: SystemdPaths) -> bool | None:
    """Return whether the user's services run after the last logout; None without systemd."""
    if os.path.exists(places.linger / account):
        return True
    return False if os.path.exists(places.booted) else None


def is_wsl(environment: Mapping[str, str], places: SystemdPaths) -> bool:
    """Return whether this is the Windows Subsystem for Linux."""
    if environment.get("WSL_DISTRO_NAME"):
        return True
    try:
        return b"microsoft" in (places.proc / "sys/kernel/osrelease").read_bytes().lower()
    except OSError:
        return False


def no_bus(environment: Mapping[str, str], uid: int, places: SystemdPaths) -> ManagerError:
    """Return the error that says why the user's systemd cannot be reached, with the command that fixes it."""
    account = account_name(uid, environment)
    caller = environment.get("SUDO_USER")
    if uid == 0 and caller and caller != "root":
        return ManagerError(
            "root has no systemd user manager: the command was run through sudo",
            code="sudo",
            target="systemd",
            hint=f"run it as {caller}, without sudo: the services belong to that user",
        )
    if not os.path.exists(places.booted):
        if is_wsl(environment, places):
            return ManagerError(
                "this WSL distribution runs without systemd",
                code="wsl-without-systemd",
                target="systemd",
                hint="put `[boot]` and `systemd=true` into /etc/wsl.conf, then `wsl.exe --shutdown`; " + OTHERWISE,
            )
        return ManagerError(
            f"this machine was not booted with systemd ({places.booted} is missing)",
            code="no-systemd",
            target="systemd",
            hint="use the bundled manager with `--manager supervisor`",
        )
    where = f"no `bus` and no `systemd/private` in {places.runtime / str(uid)}"
    if lingers(account, places):
        return ManagerError(
            f"the systemd user manager of {account} does not run: {where}",
            code="no-user-bus",
            target="systemd",
            hint=f"start it with `sudo systemctl start user@{uid}.service`; " + OTHERWISE,
        )
    return ManagerError(
        f"the systemd user manager of {account} does not run, and linger is off: {where}",
        code="linger-off",
        target="systemd",
        hint=f"run `loginctl enable-linger {account}`; " + OTHERWISE,
    )
