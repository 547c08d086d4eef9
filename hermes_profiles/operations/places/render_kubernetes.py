"""Render a root, or a group of its profiles, as the files of a Kubernetes place."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

import hermes_profiles
from hermes_profiles.changes.state_files import make_folder, write_state_file
from hermes_profiles.fleet.service_specs import stop_seconds
from hermes_profiles.gateways.host.topology import multiplexing_asked
from hermes_profiles.gateways.installation.hermes_install import installed_facts
from hermes_profiles.gateways.time_zone import local_time_zone
from hermes_profiles.hermes.behaviours import BEHAVIOURS, Behaviour
from hermes_profiles.hermes.version import HermesFacts
from hermes_profiles.kubernetes.model import (
    ACCESS_MODES,
    GATEWAY_MEMORY,
    OFFICIAL_IMAGE,
    KubernetesPlace,
    is_official,
    is_pinned,
    mebibytes,
)
from hermes_profiles.kubernetes.names import object_name
from hermes_profiles.kubernetes.render import render
from hermes_profiles.model.errors import Failed, Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.services.own_files import check_ours, own_content

from ..fleet_context import FleetSession

# The Hermes of the image is not known: a stop may take as long as under any release.
_ANY_HERMES = HermesFacts((), frozenset(fact.behaviour for fact in BEHAVIOURS))
# A pod that asks for more fits on few nodes.
_LARGE_MIB = 32 * 1024
_PREFIX = "hermes"
_FOR_ALL = 0o644  # the files are for Git


class RenderRequest(NamedTuple):
    """What to render, and where to. Without a value the root decides."""

    image: str
    folder: Path
    group: str | None = None
    base: str | None = None
    name: str | None = None
    namespace: str = ""
    timezone: str | None = None
    access_mode: str = ACCESS_MODES[0]
    storage: str = "10Gi"
    storage_class: str = ""
    secrets: tuple[str, ...] = ()
    memory: str | None = None
    force: bool = False
    dry_run: bool = False


class RenderedFile(NamedTuple):
    """A file, and what happened to it: `new`, `changed` or `unchanged`."""

    path: Path
    outcome: str
    size: int


class RenderResult(NamedTuple):
    """The rendered place, its files, and what the user should know about it."""

    place: KubernetesPlace
    files: tuple[RenderedFile, ...]
    warnings: tuple[Problem, ...]
    dry_run: bool


def render_kubernetes(session: FleetSession, request: RenderRequest) -> RenderResult:
    """Write the files of a place. Raises UsageProblem, NotFound, and Refused for files that are not ours.

    No change of the journal: the folder is outside the root, and the same command makes the same files again.
    """
    warnings: list[Problem] = []
    place = place_of(session, request, warnings)
    files = [(request.folder / name, content) for name, content in render(place)]
    if request.folder.exists() and not request.folder.is_dir():
        raise Failed(
            f"{request.folder} is not a folder",
            target=str(request.folder),
            code="not-a-folder",
            hint="name another folder with `--output DIR`",
        )
    done = tuple(RenderedFile(path, _outcome(path, content, request), len(content)) for path, content in files)
    if not request.dry_run:
        for (path, content), row in zip(files, done, strict=True):
            if row.outcome != "unchanged":
                make_folder(path.parent)
                write_state_file(path, content, _FOR_ALL)
    return RenderResult(place, done, tuple(warnings), request.dry_run)


def place_of(session: FleetSession, request: RenderRequest, warnings: list[Problem]) -> KubernetesPlace:
    """Return the place of a root or group, and append what the user should know about it."""
    profiles = session.selection((), (), request.group).profiles
    served = multiplexing_asked(session.layout.home(DEFAULT), session.environment)
    if served is None:
        served = installed_facts(session.layout, session.environment).has(Behaviour.ONE_GATEWAY)
    zone = request.timezone if request.timezone is not None else local_time_zone(session.environment)
    base = request.base or (request.image if is_official(request.image) else OFFICIAL_IMAGE)
    place = KubernetesPlace(
        name=request.name or _name(session, request.group),
        image=request.image,
        base=base,
        profiles=len(profiles),
        gateways=1 if served else len(profiles),
        stop=max(stop_seconds(session.layout.home(name), _ANY_HERMES) for name in profiles),
        version=hermes_profiles.__version__,
        timezone=zone or "",
        access_mode=request.access_mode,
        storage=request.storage,
        storage_class=request.storage_class,
        namespace=request.namespace,
        secrets=tuple(dict.fromkeys(request.secrets)),
        memory=mebibytes(request.memory, "--memory") if request.memory is not None else GATEWAY_MEMORY,
    )
    warnings += _remarks(place)
    return place


def _name(session: FleetSession, group: str | None) -> str:
    if group is not None:
        return object_name(group, f"{_PREFIX}-")
    folder = os.path.basename(os.path.realpath(session.layout.root)).lstrip(".")
    return _PREFIX if folder == _PREFIX else object_name(folder, f"{_PREFIX}-")


def _outcome(path: Path, content: bytes, request: RenderRequest) -> str:
    """Return what happens to a file. Raises Refused for one that is not ours or was edited."""
    found = own_content(path)
    if found is None:
        return "new"
    if found == content:
        return "unchanged"
    if not request.force:
        options = f"--image {quote(request.image)} --output {quote(str(request.folder))}"
        check_ours(path, found, f"render kubernetes {options}")
    return "changed"


def _remarks(place: KubernetesPlace) -> list[Problem]:
    found = []
    if is_official(place.image):
        message = f"{place.image} has no hermes-gateways, which the pod runs"
        hint = f"build the Dockerfile, and render again with its name: `--image NAME --from {place.image}`"
        found.append(Problem("image-without-hermes-profiles", message, place.image, hint))
    for option, image in (("--image", place.image), ("--from", place.base)):
        if not is_pinned(image) and not (option == "--from" and image == place.image):
            message = f"{image} has no digest: tomorrow it can be another image"
            hint = f"use `{option} {image.partition('@')[0]}@sha256:DIGEST`"
            found.append(Problem("image-without-digest", message, image, hint))
    if not place.timezone:
        message = "the time zone of this machine has no name: a pod runs in UTC, and timed jobs shift"
        found.append(Problem("unknown-time-zone", message, None, "use `--timezone Europe/Berlin`"))
    if place.memory_request > _LARGE_MIB:
        message = (
            f"the pod asks for {place.memory_request // 1024} GiB: {place.gateways} gateways of {place.memory} MiB each"
        )
        hint = "render groups of profiles as places of their own with `--group GROUP`, or use one gateway for all"
        found.append(Problem("large-pod", message, place.name, hint))
    return found
