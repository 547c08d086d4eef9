"""Facts of one profile: its documents, its files with modes, and its gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_profiles.doctor.findings import Evidence
from hermes_profiles.documents.line_numbers import env_line, json_line, yaml_line
from hermes_profiles.documents.yaml.fast_reader import EVERYTHING
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.hermes.files import (
    AUTH_FILE,
    CONFIG_FILE,
    ENV_FILE,
    JOBS_FILE,
    LEGACY_CONFIG_FILE,
    OP_ENV_FILE,
    PROFILE_FILE,
)
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.channels import ClaimedResources
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.tree_walk import EntryKind

if TYPE_CHECKING:
    from hermes_profiles.changes.signature import Signature

# Documents read for every profile, so that no check opens a file.
DOCUMENTS = (
    ENV_FILE,
    OP_ENV_FILE,
    CONFIG_FILE,
    LEGACY_CONFIG_FILE,
    AUTH_FILE,
    PROFILE_FILE,
    JOBS_FILE,
)


class FileFact(NamedTuple):
    """State of one file or folder; links are not followed. `mode`: permission bits only."""

    path: Path
    kind: EntryKind
    mode: int
    uid: int
    size: int
    mtime: float
    signature: Signature


class ProfileFacts:
    """Facts of one profile.

    `files`: its documents, already read; `held`: the resources that its gateway would claim; `listing`: path relative
    to the home → file, for the home and the folders listed in `probes/homes.py`; `gateway`: None when the fleet could
    not be observed.
    """

    def __init__(
        self,
        name: str,
        home: Path,
        files: HomeFiles,
        held: ClaimedResources,
        listing: Mapping[str, FileFact],
        *,
        disabled: bool = False,
        gateway: Gateway | None = None,
    ) -> None:
        self.name = name
        self.home = home
        self.files = files
        self.held = held
        self.listing = listing
        self.disabled = disabled
        self.gateway = gateway

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """Return the variables of its environment files; `.env` overrides `.op.env`."""
        return self.files.environment()

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """Return its config.yaml, {} when the file is missing or broken."""
        return self.files.sections(CONFIG_FILE, EVERYTHING)

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """Return the environment of its gateway: top-level scalars of config.yaml, overridden by `environment`."""
        scalars = {
            str(name): str(value).strip()
            for name, value in self.config.items()
            if isinstance(value, str | int | float)  # True becomes "True", as in Hermes
        }
        return {**scalars, **self.environment} if scalars else self.environment

    @property
    def pid(self) -> int | None:
        """Return the pid of its own gateway, None when no such process runs."""
        return self.gateway.process.pid if self.gateway is not None and self.gateway.process is not None else None

    def at(self, file: str, key: str | None = None, line: int | None = None) -> Evidence:
        """Return a place in one of its files."""
        return Evidence(self.name, str(self.home / file), line, key)

    def at_variable(self, name: str) -> Evidence:
        """Return the place that sets a variable; without file and line when no environment file sets it."""
        for file in (ENV_FILE, OP_ENV_FILE):
            raw = self.files.raw(file)
            line = env_line(raw, name) if raw else None
            if line is not None:
                return self.at(file, name, line)
        return Evidence(self.name, None, None, name)

    def at_path(self, path: Sequence[str], file: str = CONFIG_FILE) -> Evidence:
        """Return the place of a key in config.yaml or in a JSON file."""
        raw = self.files.raw(file)
        find = json_line if file.endswith(".json") else yaml_line
        return self.at(file, ".".join(path).replace(".[", "["), find(raw, path) if raw else None)
