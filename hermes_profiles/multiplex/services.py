"""State of gateways and services before a switch, and the ones that a switch cannot handle. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.services.manager import Activity

from .model import Issue, IssueSeverity
from .saved_state import ServiceBefore

_STARTING = (GatewayState.STARTING, GatewayState.CRASH_LOOPING)


def has_service(gateway: Gateway) -> bool:
    """Return whether the profile has an installed service."""
    return gateway.service is not None and gateway.service.installed


def is_up(gateway: Gateway) -> bool:
    """Return whether a process runs, or a manager would start one."""
    service = gateway.service
    is_wanted = service is not None and (
        service.waiting
        or service.queued
        or service.activity
        in (
            Activity.ACTIVE,
            Activity.ACTIVATING,
            Activity.DEACTIVATING,
        )
    )
    return gateway.process is not None or is_wanted or gateway.state in _STARTING


def services_before(gateways: Mapping[str, Gateway]) -> dict[str, ServiceBefore]:
    """Return profile → the present state of its service."""
    return {
        name: ServiceBefore(
            has_service(gateway), bool(gateway.service is not None and gateway.service.enabled), is_up(gateway)
        )
        for name, gateway in gateways.items()
    }


def gateway_issues(
    gateways: Mapping[str, Gateway], *, disabled: Collection[str], ancestors: Collection[int]
) -> Iterator[Issue]:
    """Yield gateways that their services cannot stop and restart, and default if it is disabled.

    `ancestors`: pids of the ancestors of this process.
    """
    for name, gateway in gateways.items():
        if gateway.pid in ancestors and gateway.process is not None:
            yield Issue(
                name,
                "inside",
                f"{name}: this command runs inside that gateway and would stop itself",
                IssueSeverity.REFUSE,
                hint="run it from a terminal outside the gateway",
            )
        elif gateway.state is GatewayState.UNKNOWN:
            yield Issue(
                name,
                "unknown-process",
                f"{name}: {gateway.detail}; an unverified process is never signalled",
                IssueSeverity.REFUSE,
                hint=f"inspect it with `ps -fp {gateway.pid}`",
            )
        elif gateway.state is GatewayState.UNSUPERVISED:
            yield Issue(
                name,
                "unsupervised",
                f"{name}: its gateway (PID {gateway.pid}) has no service, so it could not be restarted afterwards",
                IssueSeverity.REFUSE,
                hint=f"stop it with `hermes-gateways stop {name}`, or install a service: "
                f"`hermes-gateways install {name} && hermes-gateways restart {name}`",
            )
        if gateway.service is not None and gateway.service.installed and gateway.service.scope == "system":
            yield Issue(
                name,
                "system-service",
                f"{name}: its service is a system service, which only an administrator can disable",
                IssueSeverity.REFUSE,
                hint=f"run as an administrator: `sudo systemctl disable --now hermes-gateway-{name}`",
            )
    if DEFAULT in disabled:
        yield Issue(
            DEFAULT,
            "disabled",
            "default is disabled, and would have to serve all profiles",
            IssueSeverity.REFUSE,
            hint="enable it with `hermes-gateways enable default`",
        )
