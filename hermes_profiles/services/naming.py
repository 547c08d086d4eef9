"""The name of the service of a home, and the paths of its files. Pure: paths are passed resolved.

Source: `hermes_cli/gateway.py` (`_profile_suffix`, `_profile_arg`, `get_service_name`, `get_launchd_label`,
`user_systemd_unit_dir`). A service of another name would be invisible to `hermes gateway`, so the rules are those of
Hermes: a custom root gets the name without a suffix, as the default root does, and two such roots have one unit name;
from 0.21.3 a custom root gets a suffix of its own. An installed service keeps its name: see `located.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import PROFILES_FOLDER, ROOT_FOLDER
from hermes_profiles.hermes.service_names import (
    LABEL,
    LAUNCH_AGENTS,
    SUFFIX_DIGITS,
    SYSTEM_UNITS,
    UNIT,
    USER_UNITS,
    XDG_UNITS,
)
from hermes_profiles.hermes.version import HermesFacts
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import is_profile_folder_name

# The service that keeps the host awake while gateways run. What begins with `hermes-gateway` is a gateway for Hermes,
# which restarts all of those after an update (`hermes_cli/main.py`).
AWAKE_UNIT = "hermes-profiles-awake"
AWAKE_LABEL = "ai.hermes.profiles-awake"
# The service that watches the gateways of a root.
WATCH_UNIT = "hermes-profiles-watch"
WATCH_LABEL = "ai.hermes.profiles-watch"


class ServiceName(NamedTuple):
    """The name of one gateway's service.

    `suffix`: "" for a root, the profile's name, or 8 hex digits; `argument`: the profile that Hermes' own
    definition names with `--profile`, "" when it names none.
    """

    suffix: str
    argument: str

    @property
    def unit(self) -> str:
        """Return the name of the systemd unit, without `.service`; supervisord's program has it too."""
        return f"{UNIT}-{self.suffix}" if self.suffix else UNIT

    @property
    def label(self) -> str:
        """Return the label of the launchd job."""
        return f"{LABEL}-{self.suffix}" if self.suffix else LABEL


def service_name(home: Path, user_home: Path, *, has_hashed_roots: bool = False) -> ServiceName:
    """Return the name of the service of a home; both paths resolved (symbolic links followed).

    `has_hashed_roots`: the installed Hermes gives a custom root a name of its own (Behaviour.HASHED_ROOT_SERVICES).
    """
    native = user_home / ROOT_FOLDER
    default = _default_root(home, native)
    if home == default and (home == native or not has_hashed_roots):
        return ServiceName("", "")
    if home.parent == default / PROFILES_FOLDER and (home.name == "default" or is_profile_folder_name(home.name)):
        return ServiceName(home.name, home.name)
    import hashlib  # takes 4 ms to load, and few homes need it

    return ServiceName(hashlib.sha256(str(home).encode()).hexdigest()[:SUFFIX_DIGITS], "")


def _default_root(home: Path, native: Path) -> Path:
    if home == native or native in home.parents:
        return native
    return home.parent.parent if home.parent.name == PROFILES_FOLDER else home


def is_root(home: Path, user_home: Path) -> bool:
    """Return whether Hermes takes a home for a root, which the profile `default` names."""
    return _default_root(home, user_home / ROOT_FOLDER) == home


def unit_folders(user_home: Path, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the folders that can hold the user's units: the one of every release, then XDG_CONFIG_HOME's if set."""
    given = environment.get("XDG_CONFIG_HOME", "").strip()
    folders = (user_home / USER_UNITS, *((Path(given) / XDG_UNITS,) if given.startswith("/") else ()))
    return tuple(dict.fromkeys(folders))


def unit_folder(user_home: Path, environment: Mapping[str, str], facts: HermesFacts) -> Path:
    """Return the folder in which an installed Hermes looks for the user's units."""
    folders = unit_folders(user_home, environment)
    return folders[-1] if facts.has(Behaviour.XDG_UNIT_FOLDER) else folders[0]


def system_unit(name: ServiceName) -> Path:
    """Return the path of the systemd system unit."""
    return Path(SYSTEM_UNITS) / f"{name.unit}.service"


def drop_in(unit: Path) -> Path:
    """Return the path of our drop-in: Hermes rewrites the unit at every boot, but not this file."""
    return unit.with_name(unit.name + ".d") / "50-hermes-profiles.conf"


def launch_agent(name: ServiceName, account_home: Path) -> Path:
    """Return the path of the LaunchAgent; `account_home` is from the password file: HOME can be a profile's."""
    return account_home / LAUNCH_AGENTS / f"{name.label}.plist"
