"""The gateway of default where it serves other profiles, around a change of the profiles it serves.

Hermes 0.19.0 (gateway/run.py, `_start_secondary_profile_adapters`) looks at the profiles once, when it starts: one that
is moved away goes on being answered for, and its channels would make its folder again. So that gateway is down while
such a profile comes or goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hermes_profiles.fleet.attached_services import Attached, bring_down, check_may_go, put_back
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.model.errors import HermesProfilesError, Problem, Refused
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.services.manager import ManagerError

from .fleet_context import FleetSession


class Multiplexer:
    """The live gateway of default, because it serves `profile`; `found`: what hangs on default.

    Raises Refused when it is run by no service, for then nothing here could start it again.
    """

    def __init__(self, session: FleetSession, profile: str, found: Attached) -> None:
        self._session, self._found = session, found
        gateway = found.gateway
        check_may_go(found, "let go of a profile of")
        service = gateway.service
        if found.world.manager is None or service is None or not found.is_installed or service.pid is None:
            raise Refused(
                f"{profile} is served by the gateway of default (PID {gateway.pid}), which no service runs: nothing "
                "here could start it again",
                target=profile,
                code="served",
                hint="stop it first (`hermes-gateways stop default`) and start it again afterwards, or have it run as "
                "a service: `hermes-gateways install default --start`",
            )

    @property
    def data(self) -> dict[str, Any]:
        """Return what is told of it."""
        return {"profile": DEFAULT, "pid": self._found.gateway.pid, "restarted": True}

    @contextmanager
    def down(self) -> Iterator[None]:
        """Stop it for a change made inside; it is started again if that fails."""
        try:
            bring_down(self._found, self._session.catalog)
            yield
        except BaseException:
            try:
                put_back(self._found)
            except ManagerError:  # what failed first is what is told
                pass
            raise

    def start(self) -> list[Problem]:
        """Start it and see it come up; returns what went wrong."""
        from .profile_services import start_and_wait

        return start_and_wait(self._session, self._found.world, DEFAULT)


def summary_lines(data: Mapping[str, Any], errors: Sequence[Problem]) -> Iterator[str]:
    """Yield the line about the multiplexer for the answer of a command that has it let go of a profile."""
    if not data.get("multiplexer"):
        return
    if "plan" in data:
        yield f"  the gateway of {DEFAULT}, which serves the other profiles too, is stopped meanwhile and started again"
    elif not errors:
        yield f"the gateway of {DEFAULT}, which serves the other profiles, was restarted"


def multiplexer_of(session: FleetSession, found: list[Attached]) -> Multiplexer | None:
    """Return the multiplexer that serves one of these profiles now, None when none does. Raises Refused."""
    from .profile_services import attached_services

    served = next((each.profile for each in found if each.gateway.state is GatewayState.SERVED), None)
    if served is None:
        return None
    default = attached_services(session, DEFAULT)
    return Multiplexer(session, served, next((each for each in default if each.is_up), default[0]))


def running_multiplexer(session: FleetSession) -> Attached | None:
    """Return what hangs on default when its gateway is up and serves other profiles."""
    from .profile_services import attached_services

    return next((each for each in attached_services(session, DEFAULT) if each.is_up and _served_by(each.gateway)), None)


def _served_by(gateway: Gateway) -> tuple[str, ...]:
    """Return the profiles that this gateway serves now: what it wrote counts only while it lives."""
    runtime = gateway.seen.runtime if gateway.seen is not None else None
    return runtime.served if runtime is not None and runtime.pid == gateway.pid else ()


def restart_for(session: FleetSession, profiles: Sequence[str]) -> tuple[list[Problem], list[Problem]]:
    """Have the multiplexer meet profiles that have come back, by a restart; returns (warnings, errors)."""
    try:
        found = running_multiplexer(session) if profiles else None
        if found is None or all(name in _served_by(found.gateway) for name in profiles):
            return [], []
        multiplexer = Multiplexer(session, profiles[0], found)
        with multiplexer.down():
            pass
    except Refused:
        return [warning for name in profiles for warning in unserved_warning(session, name)], []
    except HermesProfilesError as error:
        return [], [error.problem]
    return [], multiplexer.start()


def unserved_warning(session: FleetSession, profile: str) -> list[Problem]:
    """Return a warning when the gateway of default serves the other profiles and has not met this one yet."""
    served = _served_by(session.glance((DEFAULT,))[DEFAULT])
    if not served or profile in served:
        return []
    return [
        Problem(
            "not-served",
            f"the gateway of {DEFAULT} serves the other profiles and meets {profile} when it starts again",
            profile,
            f"have it do so now: `hermes-gateways restart {DEFAULT}`",
        )
    ]
