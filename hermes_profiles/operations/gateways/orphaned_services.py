"""Services of this root whose profile is gone: no command for all profiles starts or stops them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.gateways.host.servers import profile_of_home
from hermes_profiles.model.errors import Problem
from hermes_profiles.services.located import definitions_of, home_in

from ..fleet_context import FleetSession


def orphaned_service_warnings(session: FleetSession) -> Iterator[Problem]:
    """Yield a warning for each service of the fleet's manager whose profile is not in this root any more.

    `hermes profile rename` and `delete` leave the service under supervisord and launchd, which runs it on.
    """
    manager = session.world.manager or session.due
    known = {manager.service(name, "").path for name in session.world.service_names(session.existing).values()}
    for path in definitions_of(manager):
        if path in known:
            continue
        home = home_in(manager.kind, path)
        name = profile_of_home(Path(home), session.layout) if home else None
        if name is None or os.path.lexists(home):
            continue
        yield Problem(
            "orphaned-service",
            f"the service {path.stem} is that of the profile {name}, whose home {home} is missing: a command for all "
            f"profiles does not start or stop it",
            name,
            f"stop and remove it with `hermes-gateways uninstall {name}`",
        )
