"""Reads the machine's managed directory, whose `.env` and config.yaml override those of every profile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.hermes.environment import HERMES_MANAGED_DIR
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, MACHINE_FOLDER
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.text import system_reason

from .channels import NOTHING_MANAGED, Managed, config_in
from .home_files import environment_in
from .regular_file import read_regular

MACHINE_WIDE = Path(MACHINE_FOLDER)
_LARGEST = 16 * 1024 * 1024


def managed_folder(environment: Mapping[str, str], layout: Layout, *, machine_wide: Path = MACHINE_WIDE) -> Path | None:
    """Return the managed directory that Hermes would use without an overlay, None without one.

    It is the folder in HERMES_MANAGED_DIR (unless that is an overlay), else /etc/hermes. A missing folder in the
    variable hides /etc/hermes.
    """
    named = environment.get(HERMES_MANAGED_DIR, "").strip()
    if named and layout.state / "overlays" not in Path(named).parents:
        return Path(named) if Path(named).is_dir() else None
    return machine_wide if machine_wide.is_dir() else None


def managed_files(folder: Path | None) -> tuple[bytes | None, bytes | None]:
    """Return (.env, config.yaml) of a managed directory, None for a file that is not there.

    Raises Refused for one that is there and cannot be read: without it a policy of the machine would be lost.
    """
    return (_file(folder / ENV_FILE), _file(folder / CONFIG_FILE)) if folder is not None else (None, None)


def managed_values(folder: Path | None, catalog: Catalog) -> Managed:
    """Return the values that a managed directory sets for every profile, identities included."""
    env, config = managed_files(folder)
    if not env and not config:
        return NOTHING_MANAGED
    ignored: list[Problem] = []  # `compose` reports them
    return Managed(
        environment_in(env or b"", str(folder), catalog.known_names, ignored),
        config_in(config or b"", str(folder), catalog, ignored),
    )


def _file(path: Path) -> bytes | None:
    try:
        return read_regular(path, _LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Refused(
            f"cannot read {path}: {system_reason(error)}; its policy would be lost",
            target=str(path),
            code="managed-unreadable",
            hint=f"look at it with `ls -l {quote(str(path))}`",
        ) from error
