"""Stops, installs, starts and deletes the profiles of a move with the operations that users run."""

from __future__ import annotations

import time

from hermes_profiles.fleet.outcomes import BAD_OUTCOMES, Verb
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.service_specs import ServiceOptions
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.hermes.gateway_states import CONNECTED
from hermes_profiles.model.errors import Failed, HermesProfilesError, Problem, Refused
from hermes_profiles.moves.model import GatewayLook

from .change_profile import delete_profile
from .fleet_context import FleetSession
from .fleet_result import FleetResult
from .install_services import InstallRequest, install, uninstall
from .run_fleet import FleetRequest, run_fleet

_POLL = 0.5
_DOUBTFUL = (GatewayState.UNKNOWN, GatewayState.CRASH_LOOPING)


class FleetEngine:
    """The gateways of one root, as `MoveEngine` has them."""

    def __init__(self, session: FleetSession) -> None:
        self._session = session

    def look(self, name: str) -> GatewayLook:
        """Return the gateway as it is now."""
        gateway = self._observe(name)
        service = gateway.service
        has_service = service is not None and service.installed and service.scope == "user"
        look = GatewayLook(
            gateway.is_alive or gateway.state is GatewayState.STARTING,
            has_service,
            service.enabled if service is not None and has_service else None,
            tuple(channel.name for channel in gateway.channels if channel.state == CONNECTED),
            self._session.manager_kind or "",
        )
        problem = self._problem(gateway, look)
        return look._replace(problem=problem.message, hint=problem.hint or "") if problem is not None else look

    def _problem(self, gateway: Gateway, look: GatewayLook) -> Problem | None:
        """Return why this gateway cannot be stopped and started by its service, None where it can."""
        name, service = gateway.profile, gateway.service
        if gateway.state is GatewayState.SERVED:
            hint = "give each profile its own gateway first: `hermes-profiles team run-mode per-profile`"
            return Problem("served", f"another gateway serves {name} ({gateway.detail})", name, hint)
        if service is not None and service.installed and service.scope != "user":
            text = f"the service of {name} belongs to the system, not to this user"
            return Problem("foreign-manager", text, name, f"see it with `hermes-gateways status {name}`")
        if gateway.state in _DOUBTFUL:
            text = f"the gateway of {name} is {gateway.state}: {gateway.detail}"
            return Problem("unclear-gateway", text, name, f"see it with `hermes-gateways status {name}`")
        if look.running and not look.has_service:
            text = f"the gateway of {name} runs without a service, so nothing could start it again"
            return Problem("no-service", text, name, f"install it with `hermes-gateways install {name} --start`")
        return None

    def stop(self, name: str) -> None:
        """Stop the gateway on purpose and see that its process is gone. Raises HermesProfilesError."""
        if self._observe(name).process is None:
            return
        session = self._session.fresh()
        _check(run_fleet(session, FleetRequest(Verb.STOP), Selection((name,), named=True)))
        gateway = self._observe(name)
        if gateway.process is not None:
            raise Failed(f"the gateway of {name} does not stop (PID {gateway.process.pid})", target=name)

    def remove_service(self, name: str) -> None:
        """Remove the service, so that nothing starts the gateway. Raises HermesProfilesError."""
        service = self._observe(name).service
        if service is not None and service.installed:
            _check(uninstall(self._session.fresh(), (name,), dry_run=False))

    def install(self, name: str, *, enabled: bool | None) -> None:
        """Write the service of the profile. Raises HermesProfilesError."""
        options = ServiceOptions(enable=False) if enabled is False else ServiceOptions()
        _check(install(self._session.fresh(), InstallRequest(options), Selection((name,), named=True)))

    def start(self, name: str, channels: tuple[str, ...], timeout: float) -> None:
        """Start the gateway and return when these channels are connected. Raises HermesProfilesError."""
        request = FleetRequest(Verb.START, RunOptions(settle=timeout), include_disabled=True)
        deadline = time.monotonic() + timeout
        _check(run_fleet(self._session.fresh(), request, Selection((name,), named=True)))
        while True:
            gateway = self._observe(name)
            states = {channel.name: channel.state for channel in gateway.channels}
            missing = [channel for channel in channels if states.get(channel) != CONNECTED]
            if gateway.is_alive and not missing:
                return
            if time.monotonic() >= deadline:
                what = ", ".join(f"{channel} is {states.get(channel, 'not there')}" for channel in missing)
                raise Failed(
                    f"the gateway of {name} did not connect within {timeout:g} s: {what or gateway.state}",
                    target=name,
                    code="not-connected",
                    hint=f"see its log with `hermes-gateways logs {name}`",
                )
            time.sleep(_POLL)

    def delete(self, name: str) -> None:
        """Move the profile to the trash. Raises HermesProfilesError."""
        delete_profile(self._session.fresh(), name)

    def _observe(self, name: str) -> Gateway:
        return self._session.fresh().observe((name,))[name]


class PodEngine(FleetEngine):
    """The gateways of a pod in a cluster: its process runs each profile that may start, with a definition of its own.

    An installed definition would lack the variables of the pod.
    """

    def install(self, name: str, *, enabled: bool | None) -> None:
        """Do nothing: see the class."""


class LoaderEngine(PodEngine):
    """The gateways of a root while no pod runs them: none may start here."""

    def start(self, name: str, channels: tuple[str, ...], timeout: float) -> None:
        """Do nothing: the pod of the place starts it."""


def _check(result: FleetResult) -> None:
    """Raise the first failure of a result."""
    bad = [each for each in result.outcomes if each.outcome in BAD_OUTCOMES]
    if bad:
        kind: type[HermesProfilesError] = Refused if str(bad[0].outcome) == "refused" else Failed
        raise kind(f"{bad[0].profile}: {bad[0].detail or bad[0].outcome}", target=bad[0].profile, hint=bad[0].hint)
