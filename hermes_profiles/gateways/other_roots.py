"""Finds the other Hermes roots of this account: folders beside `~/.hermes`, homes of services and of processes."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, PROFILES_FOLDER, ROOT_FOLDER
from hermes_profiles.hermes.service_names import LABEL, UNIT
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.services.hermes_command import homes_in_command, shell_words

from .processes import Process, home_of

_LARGEST = 64 * 1024
_MOST_FILES = 400
_ENDINGS = (".service", ".plist", ".conf")
# HERMES_HOME as units, drop-ins, property lists and supervisord programs set it.
_HOME = lazy_pattern(
    rb"""^[^#;\n]*?HERMES_HOME(?:=|</key>\s*<string>)\\?["']?([^"'\\\n<,]+?)/*\\?["']?\s*(?=[\n<,"'\\]|\s[A-Za-z_]\w*=|$)""",
    8,  # re.MULTILINE
)
# The command of a unit or of a program of supervisord.
_COMMAND = lazy_pattern(rb"^\s*(?:Exec\w*|command)\s*=(.*)", 8)  # re.MULTILINE
_ENVIRONMENT_FILE = lazy_pattern(rb"^\s*EnvironmentFile=-?(.*\S)", 8)  # re.MULTILINE


class FoundRoot(NamedTuple):
    """Another root of this account.

    `units`: the service files that name it; `pids`: its running gateways, where processes were searched.
    """

    root: Path
    units: tuple[Path, ...] = ()
    pids: tuple[int, ...] = ()

    @property
    def is_started(self) -> bool:
        """Return whether a gateway of it runs, or a service starts one."""
        return bool(self.units or self.pids)


def other_roots(layout: Layout, units: Iterable[Path], processes: Iterable[Process] = ()) -> tuple[FoundRoot, ...]:
    """Return the other roots, in the order of their paths; `units`: service files to search for HERMES_HOME."""
    own = os.path.realpath(layout.root)
    found: dict[str, FoundRoot] = {}

    def at(home: str) -> FoundRoot | None:
        root = _root_of(home)
        if root in (None, own) or str(root).startswith(own + os.sep) or own.startswith(f"{root}{os.sep}"):
            return None
        return found.setdefault(str(root), FoundRoot(Path(str(root))))

    for folder in _beside(layout.user_home):
        at(folder)
    for unit in units:
        for home in homes_in(unit, layout.user_home):
            known = at(home)
            if known is not None and unit not in known.units:
                found[str(known.root)] = known._replace(units=(*known.units, unit))
    for process in processes:
        if not _is_of(process, layout.user_home):
            continue
        home_path = home_of(process, user_home=layout.user_home) or _given_home(process)
        known = at(str(home_path)) if home_path is not None else None
        if known is not None:
            found[str(known.root)] = known._replace(pids=(*known.pids, process.pid))
    return tuple(found[root] for root in sorted(found))


def service_files_in(folders: Iterable[Path], without: Collection[str] = ()) -> Iterator[Path]:
    """Yield the service files of folders, with the drop-ins of units; the first 400 of each folder.

    `without`: names of units, without ending, that are known to be of this root.
    """
    for folder in folders:
        names = [name for name in _names(folder) if name.partition(".service")[0] not in without]
        for name in names[:_MOST_FILES]:
            if name.removesuffix(".conf").removesuffix(".plist").replace(LABEL, UNIT) in without:
                continue
            if name.endswith(_ENDINGS):
                yield folder / name
            elif name.endswith(".service.d"):
                yield from (folder / name / each for each in _names(folder / name) if each.endswith(".conf"))


def homes_in(unit: Path, user_home: Path) -> tuple[str, ...]:
    """Return the homes that a service file or its environment files set, () where they cannot be read.

    `%h` is the home of the account; `%i` in a template becomes each of its instances.
    """
    content = _content(unit)
    job = _job(content) if unit.suffix == ".plist" else None
    if job is not None:
        texts = _texts_of_job(job, user_home)
    else:
        content = content.replace(b"\\\n", b" ")
        commands = (shell_words([f"{os.fsdecode(command)} "]) for command in _COMMAND.findall(content))
        texts = [home for words in commands for home in homes_in_command(shell_words(words), user_home)]
        texts += [os.fsdecode(match).strip() for match in _HOME.findall(_COMMAND.sub(b"", content))]
    for match in _ENVIRONMENT_FILE.findall(content):
        file = _expanded(os.fsdecode(match), user_home)
        texts += [os.fsdecode(found).strip() for found in _HOME.findall(_content(Path(file)))]
    instances = _instances(unit) if any("%i" in text for text in texts) else ()
    texts += [text.replace("%i", instance) for text in texts if "%i" in text for instance in instances]
    homes = (_expanded(text, user_home) for text in texts)
    return tuple(dict.fromkeys(home for home in homes if home.startswith("/") and "%" not in home))


def _job(content: bytes) -> Mapping[str, Any] | None:
    """Return what a property list says, None for another text: Hermes escapes nothing, so some of its files are not."""
    from hermes_profiles.services.launchd.render import parse_plist

    try:
        return parse_plist(content) if content else {}
    except Failed:
        return None


def _texts_of_job(job: Mapping[str, Any], user_home: Path) -> list[str]:
    variables, words = job.get("EnvironmentVariables"), job.get("ProgramArguments")
    home = variables.get(HERMES_HOME) if isinstance(variables, dict) else None
    given = [word for word in words if isinstance(word, str)] if isinstance(words, list) else []
    in_command = homes_in_command(shell_words(given), user_home)
    return [*([home.rstrip("/")] if isinstance(home, str) else []), *in_command]


def _expanded(text: str, user_home: Path) -> str:
    return text.replace("%h", str(user_home)).replace("%%", "%")


def _content(path: Path) -> bytes:
    """Return the content of a file that says something about a home or names environment files, b"" otherwise."""
    try:
        content = read_regular(path, _LARGEST)
    except OSError:
        return b""
    return content if HERMES_HOME.encode() in content or b"EnvironmentFile" in content else b""


def _instances(template: Path) -> tuple[str, ...]:
    """Return the instances of a template (`hermes@.service`) that are enabled or have a unit of their own."""
    stem, at, _ = template.name.partition("@.")
    folder = template.parent
    wants = (folder / name for name in _names(folder) if name.endswith(".wants"))
    names = [name for place in (folder, *wants) for name in _names(place)] if at else []
    found = (name.removeprefix(f"{stem}@").removesuffix(".service") for name in names if name.startswith(f"{stem}@"))
    return tuple(dict.fromkeys(instance for instance in found if instance))


def _beside(user_home: Path) -> Iterator[str]:
    """Yield the folders in the home of the account that are called like a root."""
    for name in _names(user_home):
        if name.startswith(ROOT_FOLDER):
            yield str(user_home / name)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _root_of(home: str) -> str | None:
    """Return the root of a home, None for a folder that is no home of Hermes."""
    place = os.path.realpath(home)
    if os.path.basename(os.path.dirname(place)) == PROFILES_FOLDER:
        place = os.path.dirname(os.path.dirname(place))
    is_root = any(os.path.isfile(os.path.join(place, name)) for name in (CONFIG_FILE, ENV_FILE))
    return place if is_root or os.path.isdir(os.path.join(place, PROFILES_FOLDER)) else None


def _is_of(process: Process, user_home: Path) -> bool:
    """Return whether a process has the home folder of this account; another HOME is a sandbox or another account."""
    return os.path.realpath((process.variables or {}).get("HOME", "")) == os.path.realpath(user_home)


def _given_home(process: Process) -> Path | None:
    given = (process.variables or {}).get(HERMES_HOME, "").strip()
    return Path(given) if given.startswith("/") else None
