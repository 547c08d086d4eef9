"""Where the user's systemd listens, and what to do when it does not."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.hermes.service_names import SYSTEM_UNITS
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.run_command import listed_environment

OTHERWISE = "or use the bundled manager with `--manager supervisor`"


class SystemdPaths(NamedTuple):
    """Where systemd keeps what we look at; tests put folders of their own here."""

    runtime: Path = Path("/run/user")
    system_units: Path = Path(SYSTEM_UNITS)
    linger: Path = Path("/var/lib/systemd/linger")
    booted: Path = Path("/run/systemd/system")
    proc: Path = Path("/proc")


def account_name(uid: int, environment: Mapping[str, str]) -> str:
    """Return the login name of a uid; a uid that no password file knows is called what the environment says."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return environment.get("USER") or str(uid)


def find_bus(environment: Mapping[str, str], uid: int, places: SystemdPaths) -> dict[str, str] | None:
    """Return the environment in which `systemctl --user` finds this user's manager, None when it listens nowhere.

    XDG_RUNTIME_DIR of the caller counts only while the folder is this user's: after `su` or `sudo -E` it is another's.
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
    """Return whether the user's services go on after the last logout; None where no systemd decides it."""
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
    """Return the error that names why the user's systemd cannot be reached, and the one command that mends it."""
    account = account_name(uid, environment)
    caller = environment.get("SUDO_USER")
    if uid == 0 and caller and caller != "root":
        return ManagerError(
            "root has no systemd user manager here: it was called through sudo",
            code="sudo",
            target="systemd",
            hint=f"call it as {caller}, without sudo; the services are that user's",
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
        hint=f"have it run without a login: `loginctl enable-linger {account}`; " + OTHERWISE,
    )
