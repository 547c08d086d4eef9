"""Running gateways whose service was removed, masked or broken since they started: nothing starts them again."""

from __future__ import annotations

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.services.manager import ServiceStatus

from .model import MASKED, Gateway, GatewayState, unusable_definition


class LostDefinition(NamedTuple):
    """The sentence about a gateway, and the fix with its command."""

    message: str
    fix: str
    command: str


def is_without_definition(service: ServiceStatus | None) -> bool:
    """Return whether a manager runs a service whose definition was removed, masked or broken since its start."""
    if service is None or service.pid is None or service.scope != "user":
        return False
    return not service.installed or bool(service.unusable)


def gone_definition(service: ServiceStatus) -> str:
    """Return what became of the definition of such a service."""
    if service.unusable:
        return unusable_definition(service.unusable)
    if service.reason == MASKED:
        return "its unit was masked while it runs: nothing starts it again"
    return "its service was removed while it runs: it does not start again"


def lost_definition(gateway: Gateway) -> LostDefinition | None:
    """Return what became of the service of a running gateway, None where its manager starts it again."""
    service, name = gateway.service, gateway.profile
    if gateway.state is not GatewayState.UNSUPERVISED or service is None or not is_without_definition(service):
        return None
    message = f"the gateway of {name} runs, but {gateway.detail.partition(';')[0]}"
    if service.unusable:
        return LostDefinition(message, "write its service again", f"hermes-gateways install {name} --force")
    if service.reason == MASKED:
        return LostDefinition(message, "unmask its unit", unmask_command(name))
    return LostDefinition(message, "install its service again", f"hermes-gateways install {name}")


def unmask_command(name: str) -> str:
    """Return the command that unmasks the unit of a profile."""
    unit = "hermes-gateway.service" if name == DEFAULT else f"hermes-gateway-{name}.service"
    return f"systemctl --user unmask {unit}"
