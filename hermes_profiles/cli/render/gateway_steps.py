"""The next steps after new profiles: what runs their gateways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hermes_profiles.model.names import DEFAULT

_INSTALL_DEFAULT = f"hermes-gateways install {DEFAULT} --start"


def nothing_to_install(names: Sequence[str]) -> str:
    """Return the step on a Hermes with one gateway, of which none runs: that of default serves new profiles."""
    return ": ".join(_one_gateway(names))


def gateway_commands(names: Sequence[str], *, one_gateway: bool) -> Iterator[tuple[str, str]]:
    """Yield (what it is for, command) for the gateways of new profiles, where no running gateway takes them in."""
    if one_gateway:
        yield _one_gateway(names)
        return
    yield "a gateway for each, now and at boot", f"hermes-gateways install {' '.join(names)} --start"
    yield "or one gateway for all", "hermes-profiles team run-mode multiplex"


def _one_gateway(names: Sequence[str]) -> tuple[str, str]:
    them = "it" if len(names) == 1 else "them"
    text = f"nothing to install for {them}: the gateway of {DEFAULT} serves {them}; run that, now and at boot"
    return text, _INSTALL_DEFAULT
