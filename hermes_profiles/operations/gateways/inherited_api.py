"""Warns of API_SERVER_* in the environment, which open one port in the gateways of several profiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hermes_profiles.conflicts.inherited_api import NAMES, InheritedApi, given_by, inherited_apis
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.hermes.environment import API_SERVER_PORT
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.managed_folder import managed_folder, managed_values

from ..fleet_context import FleetSession


def inherited_api_warnings(session: FleetSession, gateways: Mapping[str, Gateway]) -> Iterator[Problem]:
    """Yield a warning for each port that the environment opens in several profiles.

    `gateways`: those that were observed; one that listens on the port is named as its holder.
    """
    given = given_by(session.environment)
    if not given:
        return
    managed = managed_values(managed_folder(session.environment, session.layout), session.catalog).environment
    names = [name for name in session.existing if name not in session.disabled]
    for found in inherited_apis(given, {name: {**_variables(session, name), **managed} for name in names}):
        yield _problem(found, _holder(found, gateways))


def _variables(session: FleetSession, name: str) -> dict[str, str]:
    files = HomeFiles(session.layout.home(name), session.catalog.known_names)
    scalars = files.sections(CONFIG_FILE, NAMES).items()
    return {**{key: str(value).strip() for key, value in scalars if value is not None}, **files.environment()}


def _holder(found: InheritedApi, gateways: Mapping[str, Gateway]) -> str | None:
    for name, gateway in gateways.items():
        seen = gateway.observation
        if seen is not None and seen.sockets is not None and found.port in map(str, seen.sockets.listens):
            return name
    return None


def _problem(found: InheritedApi, holder: str | None) -> Problem:
    names, verb = " and ".join(found.names), "opens" if len(found.names) == 1 else "open"
    holding = f"{holder} has it now" if holder is not None else "the first one that starts gets it"
    return Problem(
        "inherited-api",
        f"{names} of the environment {verb} the API server on port {found.port} in every gateway that is started from "
        f"it without a service: {', '.join(found.profiles)}; {holding}, the others get none",
        None,
        f"give a profile its own port with `hermes-profiles env set {found.profiles[-1]} {API_SERVER_PORT}`; a service "
        "of hermes-gateways does not inherit these variables",
    )
