"""Remarks on gateways that no channel reaches: one without a channel, a channel that is off or masked. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hermes_profiles.accounts.requirements import can_connect, set_up_command
from hermes_profiles.credentials.channels.loaded_plugins import PLUGINS_DISABLED, plugin_of
from hermes_profiles.documents.yaml.paths import path_text
from hermes_profiles.gateways.masks import Mask, MaskCause
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.model.named_tuple import NamedTuple

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog.catalog import Catalog
    from hermes_profiles.credentials.identities import OffChannel
    from hermes_profiles.gateways.model import Gateway

NO_CHANNEL = "no-channel"
CHANNEL_OFF = "channel-off"
CHANNEL_MASKED = "channel-masked"
# The channel that is proposed to a profile that has set up none.
_PROPOSED = "telegram"
# States of a channel of a live gateway that no message reaches.
_SILENT = ("masked", "off")


class Remark(NamedTuple):
    """What keeps people from reaching a gateway. `channel`: None for all; `advice` and `command`: what helps."""

    code: str
    message: str
    channel: str | None = None
    advice: str = ""
    command: str = ""

    @property
    def hint(self) -> str | None:
        """Return what helps, with the command."""
        return f"{self.advice}: `{self.command}`" if self.command else None

    def as_data(self) -> dict[str, Any]:
        """Return the remark as the command contract has it."""
        return {
            "code": self.code,
            "channel": self.channel,
            "message": self.message,
            "hint": self.hint,
            "command": self.command or None,
        }


class ChannelReach(NamedTuple):
    """The channels of a gateway: those that people reach it by, those that config.yaml switches off, the masked."""

    active: Collection[str] = ()
    off: Sequence[OffChannel] = ()
    masks: Sequence[Mask] = ()


def reach_of(gateway: Gateway, on: Collection[str], off: Sequence[OffChannel]) -> ChannelReach:
    """Return the channels of an observed gateway. `on`, `off`: by the files of its profile."""
    # All channels of a gateway without a process are off, also while its manager starts it.
    is_up = gateway.is_alive and gateway.state is not GatewayState.STARTING
    silent = {each.name for each in gateway.channels if each.state in _SILENT} if is_up else set()
    named = {each.name for each in gateway.channels}
    return ChannelReach({*named, *on} - silent, off, gateway.masks)


def is_wanted(gateway: Gateway, *, disabled: bool) -> bool:
    """Return whether a gateway is to be reached: it runs, or a service runs it, and its profile is not switched off."""
    if disabled or (gateway.observation is not None and gateway.observation.parked):
        return False
    return gateway.is_alive or (gateway.service is not None and gateway.service.installed)


def listening_remarks(
    profile: str, reach: ChannelReach, catalog: Catalog, *, shared: Collection[str] = ()
) -> list[Remark]:
    """Return the remarks on a gateway that is to be reached.

    `shared`: channels that are off and whose account another profile has as well.
    """
    silent = [*_masked(profile, reach, catalog), *_off(profile, reach, catalog, shared)]
    masked = {mask.channel for mask in reach.masks}
    if {*reach.active} - masked:
        return silent
    if silent:
        return [Remark(NO_CHANNEL, "listens on no channel"), *silent]
    channels = [each.channel for each in reach.off if can_connect(catalog.channels[each.channel])]
    channel = catalog.channels[channels[0] if channels else _PROPOSED]
    command = set_up_command(channel, profile)
    message = "listens on no channel: no message reaches it"
    return [Remark(NO_CHANNEL, message, None, "give it an account of its own", command)]


def _off(profile: str, reach: ChannelReach, catalog: Catalog, shared: Collection[str]) -> Iterator[Remark]:
    for each in reach.off:
        if not each.is_set_up or each.channel in reach.active:
            continue
        setting = path_text(each.path)
        message = f"{each.channel} is set up but off, by {setting} of config.yaml"
        if each.channel in shared:
            message += ", and another profile has the same account"
            advice, command = _own_account(profile, each.channel, catalog)
        elif each.path == PLUGINS_DISABLED:
            advice, command = "switch it on", f"hermes -p {profile} plugins enable {plugin_of(each.channel)}"
        else:
            advice, command = "switch it on", f"hermes-profiles config set {profile} {setting} true"
        yield Remark(CHANNEL_OFF, message, each.channel, advice, command)


def _masked(profile: str, reach: ChannelReach, catalog: Catalog) -> Iterator[Remark]:
    restart = f"hermes-gateways restart {profile}"
    for mask in reach.masks:
        message = f"{mask.channel} is masked: {mask.reason}"
        if mask.is_free:
            message, advice, command = f"{message} then; it is free now", "take it over", restart
        elif mask.owner.profile is None:
            advice, command = "end that process, then restart the gateway", restart
        elif mask.cause is MaskCause.PORT:
            advice, command = "see the fix", f"hermes-profiles doctor {profile}"
        else:
            advice, command = _own_account(profile, mask.channel, catalog)
        yield Remark(CHANNEL_MASKED, message, mask.channel, advice, command)


def _own_account(profile: str, channel: str, catalog: Catalog) -> tuple[str, str]:
    return "give it an account of its own", set_up_command(catalog.channels[channel], profile)
