"""Gateways and services before a switch: what they are now, and what of them a switch cannot move. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.services.manager import Activity

from .model import Issue, IssueSeverity
from .saved_state import ServiceBefore

_COMING = (GatewayState.STARTING, GatewayState.CRASH_LOOPING)


def has_service(gateway: Gateway) -> bool:
    """Return whether a service of its own is installed for a profile."""
    return gateway.service is not None and gateway.service.installed


def is_up(gateway: Gateway) -> bool:
    """Return whether there is a process to stop, or a manager that would bring one back."""
    service = gateway.service
    waits = service is not None and (
        service.waiting
        or service.queued
        or service.activity
        in (
            Activity.ACTIVE,
            Activity.ACTIVATING,
            Activity.DEACTIVATING,
        )
    )
    return gateway.process is not None or waits or gateway.state in _COMING


def services_before(gateways: Mapping[str, Gateway]) -> dict[str, ServiceBefore]:
    """Return profile → its service as it is now."""
    return {
        name: ServiceBefore(
            has_service(gateway), bool(gateway.service is not None and gateway.service.enabled), is_up(gateway)
        )
        for name, gateway in gateways.items()
    }


def gateway_issues(
    gateways: Mapping[str, Gateway], *, disabled: Collection[str], above: Collection[int]
) -> Iterator[Issue]:
    """Yield gateways that cannot be stopped and started again by their services, and a default that is switched off.

    `above`: pids this process descends from.
    """
    for name, gateway in gateways.items():
        if gateway.pid in above and gateway.process is not None:
            yield Issue(
                name,
                "inside",
                f"{name}: this command runs inside that gateway and would end itself",
                IssueSeverity.REFUSE,
                hint="run it from a shell of your own",
            )
        elif gateway.state is GatewayState.UNKNOWN:
            yield Issue(
                name,
                "unknown-process",
                f"{name}: {gateway.detail}; nothing is signalled on a guess",
                IssueSeverity.REFUSE,
                hint=f"look at it with `ps -fp {gateway.pid}`",
            )
        elif gateway.state is GatewayState.UNSUPERVISED:
            yield Issue(
                name,
                "unsupervised",
                f"{name}: its gateway (PID {gateway.pid}) runs outside any service: nothing "
                "would start it again on the way back",
                IssueSeverity.REFUSE,
                hint=f"stop it with `hermes-gateways stop {name}`, or bring it under a service with "
                f"`hermes-gateways install {name} && hermes-gateways restart {name}`",
            )
        if gateway.service is not None and gateway.service.installed and gateway.service.scope == "system":
            yield Issue(
                name,
                "system-service",
                f"{name}: its service is the system's, which only an administrator can switch off",
                IssueSeverity.REFUSE,
                hint=f"have an administrator run `sudo systemctl disable --now hermes-gateway-{name}`",
            )
    if DEFAULT in disabled:
        yield Issue(
            DEFAULT,
            "disabled",
            "default is switched off, and would have to serve everybody",
            IssueSeverity.REFUSE,
            hint="switch it on with `hermes-gateways enable default`",
        )
