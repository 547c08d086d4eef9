"""Root that works on the home of another user becomes that user first.

Otherwise a link in that home (`SOUL.md -> /etc/shadow`) hands the user what only root can read, and a link in the place
of one of our folders makes root write through it.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from hermes_profiles.hermes.files import ROOT_FOLDER
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import given_home

_MOST_LINKS = 40  # as the kernel


def become_owner(arguments: Sequence[str]) -> None:
    """Become the owner of the home that the command works on, if this is root and the home is another user's.

    All ids change for good, so that child processes are that user's. Raises Refused when that is not possible, or
    when that user cannot read this program.
    """
    home = _home_of(arguments)
    owner = owner_on_way(home)
    if owner is None:
        return
    uid, gid, first = owner
    name, account, group = _account(uid, gid)
    if not _can_be_read_by(uid, group):
        raise Refused(
            f"{home} belongs to {name}, who cannot read this program in {sys.prefix}",
            target=str(home),
            code="other-user",
            hint=f"install hermes-profiles where {name} can read it, then run `sudo -u {quote(name)} hermes-profiles`",
        )
    try:
        _become(uid, group, name)
    except OSError as error:
        raise Refused(
            f"{home} belongs to {name}, and this process cannot become {name}: {error.strerror}",
            target=str(home),
            code="other-user",
            hint=f"run the command as that user: `sudo -u {quote(name)} hermes-profiles`",
        ) from error
    _adapt_environment(uid, name, account or first)


def owner_on_way(path: Path) -> tuple[int, int, str] | None:
    """Return (uid, gid, path) of the first folder or link on the way to a path that is not root's, None without one.

    A user who owns a folder above a home decides where the home leads. Links of root are followed: they can lead into
    the home of a user.
    """
    path = path.absolute()
    links, rest = 0, list(reversed(path.parts[1:]))
    place = Path(path.anchor)
    while True:
        try:
            status = os.lstat(place)
        except OSError:
            return None
        if status.st_uid != 0:
            return status.st_uid, status.st_gid, str(place)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _MOST_LINKS:
                return None
            target = place.parent / os.readlink(place)
            rest += reversed(target.parts[1:])
            place = Path(target.anchor)
        if not rest:
            return None
        name = rest.pop()
        place = place.parent if name == ".." else place / name


def _home_of(arguments: Sequence[str]) -> Path:
    user = Path(os.environ.get("HOME") or "/root")
    given = None
    for index, argument in enumerate(arguments):
        if argument == "--home" and index + 1 < len(arguments):
            given = arguments[index + 1]
        elif argument.startswith("--home="):
            given = argument.partition("=")[2]
    try:
        environment = {**os.environ, "PWD": os.getcwd()}
    except OSError:
        environment = dict(os.environ)
    return given_home(environment, user_home=user, home=given) or user / ROOT_FOLDER


def _account(uid: int, gid: int) -> tuple[str, str | None, int]:
    """Return the name, the home folder and the group of a user; without an account, the number and the given group."""
    import pwd

    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return f"#{uid}", None, gid
    return entry.pw_name, entry.pw_dir, entry.pw_gid


def _can_be_read_by(uid: int, gid: int) -> bool:
    """Return whether a user can read this package and the libraries of this Python: they are imported later."""
    pid = os.fork()
    if pid == 0:
        try:
            _become(uid, gid, "")
            places = (
                __file__,
                os.__file__,
                *(path for path in sys.path if os.path.isdir(path) or os.path.isfile(path)),
            )
            os._exit(0 if all(os.access(place, os.R_OK) for place in places) else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _become(uid: int, gid: int, name: str) -> None:
    if name and not name.startswith("#"):
        os.initgroups(name, gid)
    else:
        os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)


def _adapt_environment(uid: int, name: str, account: str) -> None:
    """Set the variables of the environment that name the user and the folders of root."""
    if not _is_of(os.environ.get("HOME", ""), uid):
        os.environ["HOME"] = account
        for name_of_folder in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "ZDOTDIR"):
            os.environ.pop(name_of_folder, None)
    if not name.startswith("#"):
        os.environ["USER"] = os.environ["LOGNAME"] = name
    if not _is_of(os.environ.get("XDG_RUNTIME_DIR", ""), uid):
        os.environ.pop("XDG_RUNTIME_DIR", None)
        os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)
        if _is_of(f"/run/user/{uid}", uid):
            os.environ["XDG_RUNTIME_DIR"] = f"/run/user/{uid}"


def _is_of(folder: str, uid: int) -> bool:
    try:
        return bool(folder) and os.stat(folder).st_uid == uid
    except OSError:
        return False
