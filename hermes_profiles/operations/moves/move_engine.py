"""Stops, installs, starts and deletes the profiles of a move with the operations that users run.

Where one gateway serves all profiles of a root, `gateway.parked` in a home keeps it from serving that profile: at the
source from the stop on, at the target from before the home is published until its start.
"""

from __future__ import annotations

import time
from pathlib import Path

from hermes_profiles.changes.state_files import remove_state_file, write_state_file
from hermes_profiles.fleet.one_gateway import OneGateway
from hermes_profiles.fleet.outcomes import BAD_OUTCOMES, Verb
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.service_specs import ServiceOptions
from hermes_profiles.gateways.host.topology import multiplexing_asked
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.hermes.files import PARKED_MARKER
from hermes_profiles.hermes.gateway_states import CONNECTED
from hermes_profiles.model.errors import Failed, HermesProfilesError, Problem, Refused
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.text import first_names
from hermes_profiles.moves.model import GatewayLook
from hermes_profiles.profiles.host_options import is_parked, is_standalone

from ..fleet_context import FleetSession
from ..fleet_result import FleetResult
from ..gateways.install_services import InstallRequest, install, uninstall
from ..gateways.run_fleet import FleetRequest, run_fleet
from ..profiles.change_profile import delete_profile, empty_default

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
            parked=is_parked(self._session.layout.home(name)),
        )
        problem = (self._of_default() if name == DEFAULT else None) or _problem(gateway, look, self._one())
        return look._replace(problem=problem.message, hint=problem.hint or "") if problem is not None else look

    def stop(self, name: str) -> None:
        """Stop the gateway on purpose and see that none serves the profile any more. Raises HermesProfilesError."""
        session = self._session.fresh()
        if name != DEFAULT:  # no gateway of another profile serves it: that is refused
            self.hold(session.layout.home(name))  # first: the gateway's own search would take it in again
        if not _is_served_or_runs(self._observe(name)):
            return
        _check(run_fleet(session, FleetRequest(Verb.STOP), Selection((name,), named=True)))
        gateway = self._observe(name)
        if _is_served_or_runs(gateway):
            raise Failed(f"the gateway of {name} does not stop (PID {gateway.pid})", target=name)

    def hold(self, home: Path) -> None:
        """Keep the one gateway of the root from serving a home until `start`: see `MoveEngine`."""
        one = self._one()
        if one is not None and one.can_park and not is_standalone(home):
            write_state_file(home / PARKED_MARKER, b"")

    def release(self, name: str) -> None:
        """Let the one gateway of the root serve the profile again."""
        remove_state_file(self._session.layout.home(name) / PARKED_MARKER)

    def remove_service(self, name: str) -> None:
        """Remove the service, so that nothing starts the gateway. Raises HermesProfilesError."""
        service = self._observe(name).service
        if service is not None and service.installed:
            _check(uninstall(self._session.fresh(), (name,), dry_run=False))

    def install(self, name: str, *, enabled: bool | None) -> None:
        """Write the service of the profile, unless another gateway will serve it. Raises HermesProfilesError."""
        if self._is_member(name):
            return
        options = ServiceOptions(enable=False) if enabled is False else ServiceOptions()
        _check(install(self._session.fresh(), InstallRequest(options), Selection((name,), named=True)))

    def start(self, name: str, channels: tuple[str, ...], timeout: float) -> None:
        """Start the gateway and return when these channels are connected. Raises HermesProfilesError."""
        request = FleetRequest(Verb.START, RunOptions(settle=timeout), include_disabled=True)
        deadline = time.monotonic() + timeout
        self._have_served(name)
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

    def _have_served(self, name: str) -> None:
        """Restart the one gateway where it serves its own profile alone: it would not take in another one."""
        one = self._one()
        if one is None or name not in one.members or one.pid is None or not one.alone:
            return
        self.release(name)
        _check(run_fleet(self._session.fresh(), FleetRequest(Verb.RESTART), Selection((one.server,), named=True)))

    def delete(self, name: str) -> None:
        """Move the profile to the trash; of default its own files. Raises HermesProfilesError."""
        if name == DEFAULT:
            empty_default(self._session.fresh(), "it lives in another place")
        else:
            delete_profile(self._session.fresh(), name)

    def _one(self) -> OneGateway | None:
        return self._session.fresh().one_gateway()

    def _of_default(self) -> Problem | None:
        """Return why default cannot leave the others: one gateway serves it together with them."""
        session = self._session.fresh()
        one = session.one_gateway()
        if one is not None:
            others = one.served | one.members if one.server == DEFAULT else {one.server}
            words = "processes --standalone"
        else:
            gateways = session.observe(session.existing)
            others = {name for name, each in gateways.items() if each.state is GatewayState.SERVED}
            asked = multiplexing_asked(session.layout.home(DEFAULT), session.environment)
            others = others or ({"every profile"} if asked else set())
            words = "processes"
        if not others:
            return None
        text = f"one gateway is for {DEFAULT} and {first_names(sorted(others), 6)}, which would stop with it"
        hint = f"give each profile its own gateway first: `hermes-profiles team run-mode {words}`"
        return Problem("serves-others", text, DEFAULT, hint)

    def _is_member(self, name: str) -> bool:
        one = self._one()
        return one is not None and one.can_park and name in one.members

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
        """Let the pod of the place start it."""
        self.release(name)


def _problem(gateway: Gateway, look: GatewayLook, one: OneGateway | None) -> Problem | None:
    """Return why a gateway cannot be stopped and started for this profile alone, None where it can."""
    name, service = gateway.profile, gateway.service
    if gateway.state is GatewayState.SERVED and (one is None or not one.can_park):
        words = "processes" if one is None else "processes --standalone"
        hint = f"give each profile its own gateway first: `hermes-profiles team run-mode {words}`"
        text = f"another gateway serves {name} ({gateway.detail}) and cannot let go of one profile"
        return Problem("served", text, name, hint)
    if one is not None and one.server == name and one.served:
        others = ", ".join(sorted(one.served))
        hint = f"have default serve them: `hermes-gateways stop {name} && hermes-gateways start {DEFAULT}`"
        return Problem("serves-others", f"the gateway of {name} also serves {others}", name, hint)
    if gateway.state is GatewayState.SERVED:
        return None
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


def _is_served_or_runs(gateway: Gateway) -> bool:
    return gateway.process is not None or gateway.state is GatewayState.SERVED


def _check(result: FleetResult) -> None:
    """Raise the first failure of a result."""
    bad = [each for each in result.outcomes if each.outcome in BAD_OUTCOMES]
    if bad:
        kind: type[HermesProfilesError] = Refused if str(bad[0].outcome) == "refused" else Failed
        raise kind(f"{bad[0].profile}: {bad[0].detail or bad[0].outcome}", target=bad[0].profile, hint=bad[0].hint)
