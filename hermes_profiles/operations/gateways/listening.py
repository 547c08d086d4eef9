"""Remarks on the gateways of a root that no channel reaches, with commands that work on the same root."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from hermes_profiles.fleet.listening import NO_CHANNEL, ChannelReach, Remark, is_wanted, listening_remarks, reach_of
from hermes_profiles.gateways.host.topology import multiplexing_asked
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import ClaimedResources, claimed_resources
from hermes_profiles.profiles.listing import profile_names

from ..context import Session, command_at

if TYPE_CHECKING:
    from hermes_profiles.credentials.identities import OffChannel
    from hermes_profiles.fleet.outcomes import Outcome
    from hermes_profiles.gateways.masks import Mask
    from hermes_profiles.gateways.model import Gateway


class ListeningReader:
    """Finds the remarks on gateways; the accounts of other profiles are read only where a channel with one is off."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._keys: dict[tuple[str, str], frozenset[str]] = {}

    def of_gateway(
        self, gateway: Gateway, on: Collection[str], off: Sequence[OffChannel], *, disabled: bool
    ) -> tuple[Remark, ...]:
        """Return the remarks on an observed gateway. `on`, `off`: channels by the files of its profile."""
        if not is_wanted(gateway, disabled=disabled):
            return ()
        return self._remarks(gateway.profile, reach_of(gateway, on, off))

    def of_outcome(self, outcome: Outcome, masks: Sequence[Mask] = ()) -> Outcome:
        """Return an outcome with the remarks on a gateway that runs or is to run. `masks`: those of its run."""
        from hermes_profiles.fleet.outcomes import RUNS_AFTER

        if outcome.outcome not in RUNS_AFTER:
            return outcome
        held = self.held(outcome.profile)()
        return outcome._replace(remarks=self._remarks(outcome.profile, ChannelReach(held.channels, held.off, masks)))

    def held(self, profile: str) -> Callable[[], ClaimedResources]:
        """Return a reader of what the files of a profile claim."""
        session = self._session
        home = session.layout.home(profile)
        return lambda: claimed_resources(home, catalog=session.catalog, managed=session.managed)

    def _remarks(self, profile: str, reach: ChannelReach) -> tuple[Remark, ...]:
        channels = [each.channel for each in reach.off if each.is_set_up]
        shared = [channel for channel in channels if self._is_shared(profile, channel)]
        home = self._session.home_option
        found = listening_remarks(profile, reach, self._session.catalog, shared=shared)
        if found and found[0].code == NO_CHANNEL and self._serves_others(profile):
            del found[0]
        return tuple(each._replace(command=command_at(each.command, home)) for each in found)

    def _serves_others(self, profile: str) -> bool:
        """Return whether the gateway of a profile is there for the channels of others too."""
        layout = self._session.layout
        if profile != DEFAULT or len(profile_names(layout)) < 2:
            return False
        is_one = multiplexing_asked(layout.home(DEFAULT), self._session.environment)
        return is_one is not False and (is_one is True or layout.installed().has(Behaviour.ONE_GATEWAY))

    def _is_shared(self, profile: str, channel: str) -> bool:
        mine = self._account_keys(profile, channel)
        others = (name for name in profile_names(self._session.layout) if name != profile)
        return bool(mine) and any(not mine.isdisjoint(self._account_keys(name, channel)) for name in others)

    def _account_keys(self, profile: str, channel: str) -> frozenset[str]:
        place = (profile, channel)
        if place not in self._keys:
            from hermes_profiles.teams.account_holders import held_account_keys  # few fleets have a channel off

            layout, catalog = self._session.layout, self._session.catalog
            self._keys[place] = frozenset(held_account_keys(layout, profile, (channel,), catalog))
        return self._keys[place]
