"""Folders of identity locks in which the gateway of a profile cannot write: no channel with a lock connects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.writable import WriteObstacle, write_obstacle
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.documents.line_numbers import env_line, yaml_line
from hermes_profiles.gateways.lock_files import lock_folder
from hermes_profiles.hermes.environment import HERMES_GATEWAY_LOCK_DIR
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, OP_ENV_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.channels import ClaimedResources
from hermes_profiles.profiles.home_files import HomeFiles


class LockObstacle(NamedTuple):
    """A lock folder in which a gateway cannot write.

    `file`, `line`: the place that names it; both are None for the default folder.
    """

    folder: Path
    obstacle: WriteObstacle
    file: str | None = None
    line: int | None = None

    @property
    def sentence(self) -> str:
        """Return what keeps a gateway from its locks, and what chose their folder."""
        place, reason = self.obstacle.place, self.obstacle.reason
        why = f"it {reason}" if place == self.folder else f"{place} {reason}"
        if self.file is None:
            return f"no gateway can lock a channel in {self.folder}, the lock folder of Hermes: {why}"
        where = self.file if self.line is None else f"line {self.line} of {self.file}"
        return f"its gateway can lock no channel in {self.folder}: {why}; {HERMES_GATEWAY_LOCK_DIR} in {where} names it"

    def way_out(self, profile: str) -> tuple[str, str]:
        """Return what helps, as text and as a command."""
        if self.file is not None and os.path.basename(self.file) == ENV_FILE:
            return "remove the variable", f"hermes-profiles env unset {quote(profile)} {HERMES_GATEWAY_LOCK_DIR}"
        return self.obstacle.way_out, self.obstacle.command


def lock_obstacle(
    home: Path, held: ClaimedResources, environment: Mapping[str, str], user_home: Path, catalog: Catalog
) -> LockObstacle | None:
    """Return what keeps a profile's gateway from locking its channels, None where nothing does or none has a lock."""
    if not any(each.lock_scope for one in held.identities if (each := catalog.channels.get(one.channel)) is not None):
        return None
    given = held.lock_folder
    folder = home / given if given else lock_folder(environment, user_home)
    obstacle = write_obstacle(folder)
    if obstacle is None:
        return None
    if given:
        return LockObstacle(folder, obstacle, *_place(home))
    return LockObstacle(folder, obstacle, "the environment" if environment.get(HERMES_GATEWAY_LOCK_DIR) else None)


def lock_problem(profile: str, found: LockObstacle) -> Problem:
    """Return the warning about a profile whose channels cannot be locked."""
    text, command = found.way_out(profile)
    return Problem("lock-folder", f"{profile}: {found.sentence}", profile, f"{text} with `{command}`")


def _place(home: Path) -> tuple[str, int | None]:
    """Return the file that sets the variable, and the line."""
    files = HomeFiles(home)
    for name in (ENV_FILE, OP_ENV_FILE):
        raw = files.raw(name)
        if raw and (line := env_line(raw, HERMES_GATEWAY_LOCK_DIR)) is not None:
            return str(home / name), line
    raw = files.raw(CONFIG_FILE)
    if raw and (line := yaml_line(raw, (HERMES_GATEWAY_LOCK_DIR,))) is not None:
        return str(home / CONFIG_FILE), line
    return "the managed directory", None
