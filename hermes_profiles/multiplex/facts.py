"""Reads every profile as its own gateway and as a multiplexer would. Nothing is changed.

The two differ (Hermes 0.19.0, agent/secret_scope.py): a multiplexer reads a served profile's `.env` alone, line by
line; the rest of its environment is default's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.dotenv.readers import read_splitlines
from hermes_profiles.fleet.service_specs import ServiceOptions, kept_options
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, JOBS_FILE
from hermes_profiles.model.errors import DocumentError, HermesProfilesError, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.channels import ClaimedResources, Managed, claimed_resources, effective_settings
from hermes_profiles.profiles.home_files import ENVIRONMENT_FILES, HomeFiles
from hermes_profiles.profiles.managed_folder import managed_folder, managed_values
from hermes_profiles.profiles.profile import read_meta, read_sections

from .approvals import approved_users


class MultiplexFacts(NamedTuple):
    """One profile as both kinds of gateway read it.

    `environment`: variables of its own process; `scope`: variables that a multiplexer reads for it; `places`: variable
    of `environment` → file, with the line if known; `config`: config.yaml merged over gateway.json; `held`: resources
    it would claim; `disabled`: for fleet commands; `jobs`: number of enabled scheduled jobs; `options`: options of its
    service that a multiplexer ignores; `parts`: its own folders that only its own process would load;
    `approved`: channel → users admitted by pairing.
    """

    name: str
    home: Path
    environment: Mapping[str, str]
    scope: Mapping[str, str]
    places: Mapping[str, str]
    config: Mapping[str, Any]
    held: ClaimedResources
    disabled: bool = False
    jobs: int = 0
    options: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    approved: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def __repr__(self) -> str:
        return f"MultiplexFacts({self.name})"

    def place(self, variable: str) -> str:
        """Return the place of a variable; the `.env` if unknown."""
        return self.places.get(variable, str(self.home / ENV_FILE))


def read_facts(
    layout: Layout, profiles: Sequence[str], catalog: Catalog, environment: Mapping[str, str]
) -> dict[str, MultiplexFacts]:
    """Return profile → facts. `environment`: of this command, which can name a managed directory."""
    folder = managed_folder(environment, layout)
    managed = managed_values(folder, catalog)
    place = str(folder / ENV_FILE) if folder is not None else ""
    return {name: _read(layout, name, catalog, managed, place) for name in profiles}


def _read(layout: Layout, name: str, catalog: Catalog, managed: Managed, managed_place: str) -> MultiplexFacts:
    home = layout.home(name)
    files = HomeFiles(home, catalog.known_names)
    environment, config = effective_settings(files, catalog, managed)
    held = claimed_resources(home, catalog=catalog, managed=managed)
    scalars = {
        str(key): str(value)
        for key, value in config.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool) and catalog.lookup(str(key)) is not None
    }
    kept, problems = _kept(home)
    served = dict(text.partition("=")[::2] for text in kept.variables if "=" in text)
    places = {key: str(home / CONFIG_FILE) for key in scalars}
    places |= dict.fromkeys(served, f"the service of {name}")
    places |= _places(home, files, catalog)
    places |= {
        key: str(home / CONFIG_FILE) for key in environment if key not in places
    }  # a secret store's, named in config.yaml
    places |= dict.fromkeys(managed.environment, managed_place)
    return MultiplexFacts(
        name,
        home,
        {**scalars, **served, **environment},
        _scope(files.raw(ENV_FILE)),
        places,
        config,
        held,
        disabled=read_meta(home)[0],
        jobs=_jobs(files),
        options=_options(kept),
        parts=tuple(part for part in ("plugins", "hooks") if _is_own(layout, home / part)),
        problems=(*held.problems, *problems),
        approved={channel: people for channel in held.channels if (people := approved_users(home, channel))},
    )


def _kept(home: Path) -> tuple[ServiceOptions, tuple[Problem, ...]]:
    try:
        return kept_options(home, ServiceOptions()), ()
    except HermesProfilesError as error:
        return ServiceOptions(), (error.problem,)


def _places(home: Path, files: HomeFiles, catalog: Catalog) -> dict[str, str]:
    """Return variable → the effective file and line, for the environment files of a home."""
    found: dict[str, str] = {}
    for name in ENVIRONMENT_FILES:
        raw = files.raw(name)
        if not raw:
            continue
        path = str(home / name)
        try:
            document = EnvDocument.parse(raw, path=path, known_keys=catalog.known_names if name == ENV_FILE else ())
        except DocumentError:  # already reported in `problems`
            continue
        found |= {each.name: f"{path}:{each.line}" for each in document.entries if not each.commented}
    return found


def _scope(raw: bytes | None) -> dict[str, str]:
    """Return the variables that a multiplexer reads from a `.env`; one that is not UTF-8 counts as empty."""
    try:
        text = (raw or b"").decode("utf-8")
    except UnicodeDecodeError:
        return {}
    # Hermes reads with universal newlines.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return {sighting.name: sighting.value for sighting, _, _ in read_splitlines(text)}


def _jobs(files: HomeFiles) -> int:
    """Return the number of enabled scheduled jobs (cron/jobs.json, Hermes 0.19.0 cron/jobs.py)."""
    data = files.json(JOBS_FILE)
    jobs = data.get("jobs") if isinstance(data, Mapping) else data
    rows = jobs if isinstance(jobs, list) else ()
    return sum(
        isinstance(job, Mapping) and job.get("enabled", True) is True and job.get("state") != "paused" for job in rows
    )


def _options(kept: ServiceOptions) -> tuple[str, ...]:
    """Return the options of a service that a multiplexer ignores, as command-line options."""
    found = [word for word, value in (("--memory", kept.memory), ("--cpu", kept.cpu)) if value is not None]
    return (*found, *(f"--env {text.partition('=')[0]}" for text in kept.variables))


def _is_own(layout: Layout, path: Path) -> bool:
    """Return whether a folder of a home has content and is not a link to default's."""
    if path.parent == layout.root or path.resolve() == (layout.root / path.name).resolve():
        return False
    try:
        return any(True for _ in path.iterdir())
    except OSError:
        return False


def multiplex_setting(home: Path) -> tuple[tuple[str, ...], object]:
    """Return the path of the multiplex setting in config.yaml, and its value (None if unset).

    A key at the top level overrides the one under `gateway` (gateway/config.py, `GatewayConfig.from_dict`).
    """
    config = read_sections(home / CONFIG_FILE, ("gateway", "multiplex_profiles"), certain=True)
    if config.get("multiplex_profiles") is not None:
        return ("multiplex_profiles",), config["multiplex_profiles"]
    gateway = config.get("gateway")
    return ("gateway", "multiplex_profiles"), gateway.get("multiplex_profiles") if isinstance(
        gateway, Mapping
    ) else None
