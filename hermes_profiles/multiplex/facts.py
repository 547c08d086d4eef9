"""What is read of every profile before one gateway is to serve them all. Nothing is changed.

A process of its own and a multiplexer read a profile differently (Hermes 0.19.0, agent/secret_scope.py): the scope of a
served profile is its `.env` alone, line by line; what else makes up the environment of a process is the default's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from hermes_profiles.conflicts.overlay import managed_folder, managed_values
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.dotenv.readers import read_splitlines
from hermes_profiles.fleet.service_specs import ServiceOptions, kept_options
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, JOBS_FILE
from hermes_profiles.model.errors import DocumentError, HermesProfilesError, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import ClaimedResources, Managed, effective_settings, holdings
from hermes_profiles.profiles.home_files import ENVIRONMENT_FILES, HomeFiles
from hermes_profiles.profiles.profile import read_meta, read_sections

from .approvals import approved_users


class MultiplexFacts(NamedTuple):
    """One profile as both kinds of gateway read it.

    `environment`: what a process of its own would have; `scope`: what a multiplexer reads as its own; `places`: where
    a variable of `environment` stands (file, with the line where it is known); `config`: config.yaml with gateway.json
    below it; `held`: what it would hold; `disabled`: switched off for fleet commands; `jobs`: scheduled jobs that are
    on; `options`: kept options of its service that a multiplexer knows nothing of; `parts`: folders of its own that
    only its own process would load; `approved`: channel → the people let in by pairing.
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
        return f"ProfileFacts({self.name})"

    def place(self, variable: str) -> str:
        """Return where a variable stands; the `.env` where nothing tells."""
        return self.places.get(variable, str(self.home / ENV_FILE))


def read_facts(
    layout: Layout, profiles: Sequence[str], catalog: Catalog, environment: Mapping[str, str]
) -> dict[str, MultiplexFacts]:
    """Return profile → what is known of it. `environment`: of this command, which names a managed directory."""
    folder = managed_folder(environment, layout)
    managed = managed_values(folder, catalog)
    place = str(folder / ENV_FILE) if folder is not None else ""
    return {name: _read(layout, name, catalog, managed, place) for name in profiles}


def _read(layout: Layout, name: str, catalog: Catalog, managed: Managed, managed_place: str) -> MultiplexFacts:
    home = layout.home(name)
    files = HomeFiles(home, catalog.known_names)
    environment, config = effective_settings(files, catalog, managed)
    held = holdings(home, catalog=catalog, managed=managed)
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
    }  # a vault's, named in config.yaml
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
    """Return variable → the file and line that count, for the environment files of a home."""
    found: dict[str, str] = {}
    for name in ENVIRONMENT_FILES:
        raw = files.raw(name)
        if not raw:
            continue
        path = str(home / name)
        try:
            document = EnvDocument.parse(raw, path=path, known_keys=catalog.known_names if name == ENV_FILE else ())
        except DocumentError:  # among the problems already
            continue
        found |= {each.name: f"{path}:{each.line}" for each in document.entries if not each.commented}
    return found


def _scope(raw: bytes | None) -> dict[str, str]:
    """Return what Hermes' scope of a served profile holds; a file that is no UTF-8 counts as empty there."""
    try:
        text = (raw or b"").decode("utf-8")
    except UnicodeDecodeError:
        return {}
    # `read_text` turns every line end into one.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return {sighting.name: sighting.value for sighting, _, _ in read_splitlines(text)}


def _jobs(files: HomeFiles) -> int:
    """Return how many scheduled jobs are on (cron/jobs.json, Hermes 0.19.0 cron/jobs.py)."""
    data = files.json(JOBS_FILE)
    jobs = data.get("jobs") if isinstance(data, Mapping) else data
    rows = jobs if isinstance(jobs, list) else ()
    return sum(
        isinstance(job, Mapping) and job.get("enabled", True) is True and job.get("state") != "paused" for job in rows
    )


def _options(kept: ServiceOptions) -> tuple[str, ...]:
    """Return kept options of a service that end with it, as the words of the command that sets them."""
    found = [word for word, value in (("--memory", kept.memory), ("--cpu", kept.cpu)) if value is not None]
    return (*found, *(f"--env {text.partition('=')[0]}" for text in kept.variables))


def _is_own(layout: Layout, path: Path) -> bool:
    """Return whether a folder of a home holds anything and is not the default's by a link."""
    if path.parent == layout.root or path.resolve() == (layout.root / path.name).resolve():
        return False
    try:
        return any(True for _ in path.iterdir())
    except OSError:
        return False


def multiplex_setting(home: Path) -> tuple[tuple[str, ...], object]:
    """Return the path of config.yaml that says whether one gateway serves all, and what it says (None: nothing).

    A key at the top level counts before the one under `gateway` (gateway/config.py, `GatewayConfig.from_dict`).
    """
    config = read_sections(home / CONFIG_FILE, ("gateway", "multiplex_profiles"), certain=True)
    if config.get("multiplex_profiles") is not None:
        return ("multiplex_profiles",), config["multiplex_profiles"]
    gateway = config.get("gateway")
    return ("gateway", "multiplex_profiles"), gateway.get("multiplex_profiles") if isinstance(
        gateway, Mapping
    ) else None
