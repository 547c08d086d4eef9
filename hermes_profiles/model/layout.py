"""Every path this program uses, derived from the environment alone. Links are followed only where `..` asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from os.path import exists, join, normpath, realpath, samefile
from pathlib import Path

from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.files import ACTIVE_PROFILE_FILE, DELETED_FOLDER, PROFILES_FOLDER, ROOT_FOLDER
from hermes_profiles.hermes.service_names import XDG_UNITS
from hermes_profiles.hermes.version import BASE, HermesFacts

from .named_tuple import NamedTuple
from .names import DEFAULT

# Variables that move files outside the root (services/naming.py, integration/shim).
_PLACES = (
    ("XDG_CONFIG_HOME", XDG_UNITS),
    ("XDG_CONFIG_HOME", "fish/conf.d/hermes-profiles.fish"),
    ("ZDOTDIR", ".zshrc"),
    ("XDG_DATA_HOME", "hermes-profiles/shim/hermes"),
)


def given_home(env: Mapping[str, str], *, user_home: Path, home: str | None = None) -> Path | None:
    """Return the absolute home that `--home` or HERMES_HOME names, None when neither is set.

    `env["PWD"]` must be the working folder of the process. `.` and `..` are resolved, so that
    `--home profiles/work/.` is recognised as a profile's home.
    """
    given = home if home else env.get(HERMES_HOME, "").strip()
    if not given:
        return None
    if given == "~" or given.startswith("~/"):
        given = f"{user_home}{given[1:]}"
    path = join(env.get("PWD", "/"), given)
    if ".." in path.split("/"):
        path = _without_parents(path)
    return Path(normpath(path))


def _without_parents(path: str) -> str:
    """Return a path without `..`, which means the folder above the target where it follows a link, as for Hermes."""
    plain = normpath(path)
    head, _, tail = path.rpartition("/..")
    try:
        is_plain = not exists(f"{head}/..") or samefile(f"{head}/..", normpath(f"{head}/.."))
    except OSError:
        is_plain = False
    return plain if is_plain else normpath(realpath(f"{head}/..") + tail)


def _is_within(path: Path, folder: Path) -> bool:
    """Return whether a path leads to a folder or to something below it."""
    return f"{realpath(path)}/".startswith(f"{realpath(folder)}/")


def shim_folder(env: Mapping[str, str], *, user_home: Path) -> Path:
    """Return the folder of the shim, which users put on PATH.

    It is below XDG_DATA_HOME, which must be absolute (XDG Base Directory Specification), or below ~/.local/share.
    """
    data = env.get("XDG_DATA_HOME", "")
    base = Path(normpath(data)) if data.startswith("/") else user_home / ".local" / "share"
    return base / "hermes-profiles" / "shim"


def places_outside(env: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files and folders outside the root that the environment moves: units, start files and the shim."""
    for variable, inside in _PLACES:
        if env.get(variable, "").startswith("/"):
            yield Path(normpath(env[variable])) / inside


def _root_of(path: Path | None, user_home: Path, *, is_option: bool) -> Path:
    if path is None or (not is_option and _is_within(path, user_home / ROOT_FOLDER)):
        return user_home / ROOT_FOLDER
    return path.parent.parent if path.parent.name == PROFILES_FOLDER else path


def base_facts() -> HermesFacts:
    """Return the facts of the Hermes that is assumed where none is looked for."""
    return BASE


# A look at a fleet names each home a dozen times; joining paths was a fifth of its time.
@lru_cache(maxsize=16)
def _profiles_of(root: Path) -> Path:
    return root / PROFILES_FOLDER


@lru_cache(maxsize=4096)
def _home_of(root: Path, name: str) -> Path:
    return _profiles_of(root) / name


class Layout(NamedTuple):
    """The paths of one Hermes root, of the files outside it that belong to its profiles, and of our own state.

    `installed`: returns the facts of the installed Hermes. They are read at the first call only, because most commands
    do not need them. `outside`: files and folders that the environment names for units, the shim and start files.
    `is_ours`: Hermes works in this root without a word about it; in another one, which `--home` names, no alias works.
    """

    root: Path
    user_home: Path
    platform: str = "linux"
    installed: Callable[[], HermesFacts] = base_facts
    outside: tuple[Path, ...] = ()
    is_ours: bool = True

    @classmethod
    def from_environment(
        cls, env: Mapping[str, str], *, user_home: Path, platform: str, home: str | None = None
    ) -> Layout:
        """Return the layout that Hermes itself would use in this environment.

        `home` (the `--home` option) replaces HERMES_HOME. A home below `<root>/profiles/` belongs to `<root>`, and a
        HERMES_HOME anywhere below `~/.hermes`, also behind a link, belongs to that; any other HERMES_HOME is itself the
        root (Docker images use `/opt/data`). Source: hermes_constants.py, `get_default_hermes_root`.
        """
        root = _root_of(given_home(env, user_home=user_home, home=home), user_home, is_option=bool(home))
        is_ours = not home or realpath(root) == realpath(
            _root_of(given_home(env, user_home=user_home), user_home, is_option=False)
        )
        return cls(root, user_home, platform, outside=tuple(places_outside(env)), is_ours=is_ours)

    @property
    def profiles(self) -> Path:
        """Return the folder that holds the named profiles."""
        return _profiles_of(self.root)

    def home(self, name: str) -> Path:
        """Return the home of a profile; `default` is the root itself."""
        return self.root if name == DEFAULT else _home_of(self.root, name)

    def deletion_marker(self, name: str) -> Path:
        """Return the file that Hermes leaves for a deleted profile, from 0.21."""
        return self.profiles / DELETED_FOLDER / name

    @property
    def active_profile(self) -> Path:
        """Return the file that names the active profile."""
        return self.root / ACTIVE_PROFILE_FILE

    @property
    def alias_folder(self) -> Path:
        """Return the folder of the alias scripts."""
        return self.user_home / ".local" / "bin"

    @property
    def state(self) -> Path:
        """Return the folder of our own state.

        It is below `profiles/` so that a move to the trash is one rename on the same file system, and so that a full
        copy of the default profile (which skips `profiles/`) never contains it. Hermes does not take a folder with a
        leading dot for a profile.
        """
        return self.profiles / ".hermes-profiles"

    @property
    def restart_record(self) -> Path:
        """Return the file that names the gateways of a restart in progress."""
        return self.state / "restart.json"

    @property
    def events(self) -> Path:
        """Return the folder of the log of events, and of what the watcher keeps between two runs."""
        return self.state / "events"

    @property
    def snapshot(self) -> Path:
        """Return the file with the last state of each gateway that a watcher saw."""
        return self.events / "snapshot.json"

    @property
    def alerts(self) -> Path:
        """Return the folder of the destinations of alerts and of what is to be delivered to them."""
        return self.state / "alerts"

    @property
    def trash(self) -> Path:
        """Return the folder of deleted profiles and replaced files."""
        return self.state / "trash"

    @property
    def fingerprint_key(self) -> Path:
        """Return the file with the random key of fingerprints (0600)."""
        return self.state / "fingerprint.key"

    @property
    def fleet_key(self) -> Path:
        """Return the file with the key that all places of a fleet share (0600)."""
        return self.state / "fleet.key"
