"""Drop-ins that the user wrote for a unit (`systemctl --user edit`): what they set, and what has no effect.

The folder of a family of units (`hermes-gateway-.service.d`) counts as well, the same folders in the other places of
systemd (`systemctl edit --runtime`, `/etc/systemd/user`), and what was added to the unit itself.
systemd reads drop-ins in the order of their names, and ours is `50-hermes-profiles.conf`. Ours resets `Environment=`
and `ExecStart=`, so these settings of an earlier file have no effect. Variables that a drop-in sets reach the gateway
only if our command keeps their names: its shell unsets all others.
"""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from hermes_profiles.hermes.environment import REDIRECTS
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.naming import drop_in

from .quoting import split
from .unit_file import UnitDocument, parse_unit

_NAME = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LINE = lazy_pattern(rb"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)", re.MULTILINE)
_OPEN_SECTION = lazy_pattern(rb"(?:\A|(?<!\\)\n)[ \t]*(\[[^\]\r\n]*)\r?(?:\n|\Z)")
_LARGEST = 1 << 20
# Settings that systemd collects from all files, and that ours does not reset.
_COLLECTED = frozenset(("EnvironmentFile", "PassEnvironment", "ExecStop", "ExecStopPost", "SuccessExitStatus"))
# The same where ours does: one that is read later comes on top of ours, unless it resets.
_ON_TOP = frozenset(
    (
        *("Environment", "ExecCondition", "ExecStartPre", "ExecStartPost", "ExecReload"),
        *("RestartForceExitStatus", "RestartPreventExitStatus"),
    )
)
# Settings for which systemd itself sets a variable (systemd.exec(5), "Environment Variables in Spawned Processes").
_CREDENTIALS = ("LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted")
_GIVES_VARIABLE = {
    **dict.fromkeys((*_CREDENTIALS, "ImportCredential"), "CREDENTIALS_DIRECTORY"),
    "RuntimeDirectory": "RUNTIME_DIRECTORY",
    "StateDirectory": "STATE_DIRECTORY",
    "CacheDirectory": "CACHE_DIRECTORY",
    "LogsDirectory": "LOGS_DIRECTORY",
    "ConfigurationDirectory": "CONFIGURATION_DIRECTORY",
}


class Redirect(NamedTuple):
    """A variable of Hermes that sends a gateway elsewhere, and the file of the user that sets it."""

    path: Path
    name: str
    target: str


class UserDropIns(NamedTuple):
    """What the user's drop-ins of a unit do beside ours.

    `names`: the variables that they set, whose values are not read; `files`: the drop-ins that set some; `unread`:
    environment files whose names are not known; `without_effect`: (drop-in, setting) that ours replaces;
    `in_front`: (drop-in, setting) that replace ours; `commands`: (drop-in, words of its `ExecStart=`) of earlier ones;
    `redirects`: variables that win over the home and the overlay of our drop-in; `second`: drop-ins that set
    `ExecStart=` without emptying it first, so that systemd refuses the unit when they are read after another one;
    `broken`: (drop-in, line) of a section that is not closed, for which systemd refuses the unit too.
    """

    names: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    unread: tuple[str, ...] = ()
    without_effect: tuple[tuple[Path, str], ...] = ()
    in_front: tuple[tuple[Path, str], ...] = ()
    commands: tuple[tuple[Path, tuple[str, ...]], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    second: frozenset[Path] = frozenset()
    broken: tuple[tuple[Path, int], ...] = ()


def read_user_drop_ins(unit: Path, account_home: Path, ours: bytes | None = None) -> UserDropIns:
    """Return what the user's drop-ins of a unit do; `ours`: the content of our drop-in, None when it is not known."""
    own = drop_in(unit)
    expand = _Specifiers(unit, account_home)
    names: dict[str, None] = {}
    files: list[Path] = []
    unread: list[str] = []
    redirects: list[Redirect] = []
    without: list[tuple[Path, str]] = []
    in_front: list[tuple[Path, str]] = []
    commands: list[tuple[Path, tuple[str, ...]]] = []
    second: set[Path] = set()
    broken: list[tuple[Path, int]] = []
    mine = {key for _, key in parse_unit(ours).names()} if ours is not None else set()
    # The unit itself counts too: Hermes writes none of the settings that give variables beside `Environment=`.
    for path in (unit, *_drop_ins_of(unit, account_home)):
        content = _content(path)
        if path == own or content is None:
            continue
        if (open_section := _OPEN_SECTION.search(content)) is not None and path != unit:
            broken.append((path, content.count(b"\n", 0, open_section.start(1)) + 1))
        document = parse_unit(content)
        is_earlier = path == unit or path.name < own.name
        keys = [key for _, key in sorted(document.names()) if key in mine and key not in _COLLECTED]
        starts = [setting.text for setting in document.settings if setting.key == "ExecStart"]
        if path != unit and starts and starts[0]:
            second.add(path)
        if path == unit:
            pass
        elif is_earlier:
            without += [(path, key) for key in keys]
            commands += [(path, split(text) or ()) for text in (document.last("ExecStart"),) if text]
        else:
            resets = {setting.key for setting in document.settings if not setting.text}
            in_front += [(path, key) for key in keys if key not in _ON_TOP or key in resets]
        found = _variables(document, expand, with_own=not is_earlier)
        names |= dict.fromkeys(found.names)
        unread += found.unread
        files += [path] if found.names or found.unread else []
        redirects += [Redirect(path, name, value) for name, value in found.redirects]
    return UserDropIns(
        names=tuple(names),
        files=tuple(files),
        unread=tuple(unread),
        without_effect=tuple(without),
        in_front=tuple(in_front),
        commands=tuple(commands),
        redirects=tuple(redirects),
        second=frozenset(second),
        broken=tuple(broken),
    )


def _drop_ins_of(unit: Path, account_home: Path) -> list[Path]:
    """Return the drop-ins that systemd reads for a unit, in its order.

    Besides its own folder these are the folders of its family (`hermes-gateway-.service.d`, `hermes-.service.d`) and of
    all services. The order is that of the names; of equal names the most specific folder counts (systemd.unit(5)).
    """
    stem = unit.name.removesuffix(".service")
    families = [stem[: at + 1] for at in range(len(stem) - 2, 0, -1) if stem[at] == "-"]
    folders = (f"{unit.name}.d", *(f"{family}.service.d" for family in families), "service.d")
    # Most places are missing, and a fleet has forty of these folders for each profile.
    places = [place for place in _places(unit, account_home) if os.path.isdir(place)]
    found: dict[str, Path] = {}
    for folder in folders:
        for place in places:
            try:
                names = os.listdir(f"{place}/{folder}")
            except OSError:
                continue
            for name in names:
                if name.endswith(".conf"):
                    found.setdefault(name, Path(place, folder, name))
    return [found[name] for name in sorted(found)]


def _places(unit: Path, account_home: Path) -> tuple[str, ...]:
    """Return the folders in which the user's systemd looks for drop-ins of a unit, the one that counts first.

    Source: systemd.unit(5), "User Unit Search Path".
    """
    folder = os.fspath(unit.parent)
    if unit.parent.name != "user":  # no unit of a user
        return (folder,)
    runtime = f"/run/user/{os.getuid()}/systemd"
    before = (f"{folder}.control", f"{runtime}/user.control", folder, "/etc/systemd/user", f"{runtime}/user")
    after = ("/run/systemd/user", f"{account_home}/.local/share/systemd/user")
    vendors = ("/usr/local/lib/systemd/user", "/usr/lib/systemd/user")
    return tuple(dict.fromkeys((*before, *after, *vendors)))


class _Specifiers:
    """The specifiers of systemd in the paths of a unit of a user, which only depend on the unit and the account.

    The others (`%S` and `%L` differ between releases of systemd) stay as they are.
    """

    def __init__(self, unit: Path, account_home: Path) -> None:
        stem, uid = unit.name.removesuffix(".service"), os.getuid()
        self._values = {
            "%": "%",
            "h": str(account_home),
            "E": str(unit.parent.parent.parent if unit.parent.name == "user" else account_home / ".config"),
            "C": str(account_home / ".cache"),
            "t": f"/run/user/{uid}",
            "U": str(uid),
            "n": unit.name,
            "N": stem,
            "p": stem,
            "j": stem.rpartition("-")[2],
        }

    def __call__(self, text: str) -> str:
        return re.sub("%(.)", lambda match: self._values.get(match[1], match[0]), text)


class _Variables(NamedTuple):
    names: list[str]
    unread: list[str]
    redirects: list[tuple[str, str]]


def _variables(document: UnitDocument, expand: _Specifiers, *, with_own: bool) -> _Variables:
    """Return the names of variables that a drop-in sets, and the environment files that cannot be read.

    Values are read of those alone that send a gateway elsewhere.
    """
    given = document.environment() if with_own else {}
    found = _Variables([name for name in given if _NAME.match(name)], [], [])
    found.redirects.extend((name, expand(given[name])) for name in REDIRECTS if name in given)
    for text in document.listed("PassEnvironment"):
        found.names.extend(name for name in text.split() if _NAME.match(name))
    found.names.extend(name for key, name in _GIVES_VARIABLE.items() if any(document.listed(key)))
    # The last step of systemd: it also takes away what our drop-in sets.
    unset = [name for text in document.listed("UnsetEnvironment") for name in split(text) or ()]
    found.redirects.extend((name, "") for name in REDIRECTS if name in unset)
    for text in document.listed("EnvironmentFile"):  # the whole value is the path: blanks and quotes belong to it
        pattern = expand(text.removeprefix("-"))
        for path in sorted(glob.glob(pattern)) or [pattern]:
            content = _content(Path(path))
            if content is None:
                found.unread.append(path)
                continue
            pairs = [(name.decode(), value) for name, value in _LINE.findall(content)]
            found.names.extend(name for name, _ in pairs)
            found.redirects.extend((name, _plain(value)) for name, value in pairs if name in REDIRECTS)
    return found


def _plain(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip().strip("\"'")


def _content(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, _LARGEST)
    except OSError:
        return None
    finally:
        os.close(descriptor)
