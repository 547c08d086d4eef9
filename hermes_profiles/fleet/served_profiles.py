"""Has the one gateway of an account serve a profile, stop serving it, or take it in again, and checks the result.

Facts (Hermes 0.21.5 and later, gateway/run_profile_reconcile.py): `gateway.parked` in the home is the lasting wish; the
control socket acts at once; without an answer the gateway reads the homes again every 30 s.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from hermes_profiles.changes.state_files import remove_state_file, write_state_file
from hermes_profiles.gateways.host.control_socket import RESCAN, SERVE, UNSERVE, ask
from hermes_profiles.gateways.model import NOT_SERVED, Gateway
from hermes_profiles.hermes import gateway_states as states
from hermes_profiles.hermes.files import PARKED_MARKER
from hermes_profiles.model.errors import Failed, HermesProfilesError
from hermes_profiles.model.layout import Layout

from .one_gateway import OneGateway, why_alone
from .outcomes import Outcome, OutcomeKind, Verb
from .protocols import RunOptions

POLL = 0.2
# Hermes answers a request within 5 s; it reads the homes every 30 s.
_ANSWER, _RESCAN = 8.0, 40.0
# Seconds that the channels of a profile may take to connect before they are reported as they are.
_CONNECT = 20.0

# Seconds after which a gateway that serves one profile alone reports why.
_SETTLED = 2.0
_NOT_SERVED = "does not serve it"
ALONE_HINT = (
    "see what keeps it alone with `hermes-profiles doctor`; shared bots are removed by `hermes-profiles repair`"
)

_Observe = Callable[[Sequence[str]], Mapping[str, Gateway]]


class ServedProfiles:
    """Acts on profiles in the one gateway. `observe`: returns the gateways of profiles as they are now."""

    def __init__(
        self,
        layout: Layout,
        one: OneGateway,
        observe: _Observe,
        options: RunOptions,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._layout = layout
        self._one = one
        self._observe = observe
        self._options = options
        self._now = now
        self._sleep = sleep

    def act(self, verb: Verb, profile: str) -> Outcome:
        """Return the outcome of a verb for one profile; the gateway runs."""
        if verb is Verb.STOP:
            return self.park(profile)
        if verb is Verb.START:
            return self.serve(profile)
        return self.reload(profile)

    def unpark(self, profile: str) -> None:
        """Remove the marker of a parked profile. Raises Failed."""
        remove_state_file(marker_of(self._layout, profile))

    def mark(self, profile: str) -> None:
        """Write the marker of a parked profile. Raises Failed."""
        write_state_file(marker_of(self._layout, profile), b"")

    def serve(self, profile: str, kind: OutcomeKind = OutcomeKind.STARTED) -> Outcome:
        """Unpark a profile and wait until the gateway serves it."""
        self.unpark(profile)
        unconfirmed = self._ask(SERVE, profile) if self._one.can_park else self._ask(RESCAN, profile)
        return self.await_served(profile, kind, unconfirmed)

    def park(self, profile: str) -> Outcome:
        """Park a profile and wait until the gateway no longer serves it."""
        self.mark(profile)  # first: the gateway's own search would take it in again
        unconfirmed = self._ask(UNSERVE, profile)
        if self._await(profile, served=False, limit=_RESCAN) is None:
            return self._late(profile, "still serves it", _RESCAN, unconfirmed)
        words = f"parked: {self._one.title} no longer serves it"
        return Outcome(profile, OutcomeKind.STOPPED, words, self._one.pid)

    def reload(self, profile: str) -> Outcome:
        """Have the gateway stop serving a profile and serve it again."""
        unconfirmed = self._ask(UNSERVE, profile)
        # The gateway's own search may take the profile in again before it is seen to be gone.
        if unconfirmed and self._await(profile, served=False, limit=_RESCAN) is None:
            return self._late(profile, "did not let go of it", _RESCAN, unconfirmed)
        return self.serve(profile, OutcomeKind.RESTARTED)

    def await_served(self, profile: str, kind: OutcomeKind, unconfirmed: str = "") -> Outcome:
        """Return the outcome once the gateway serves a profile; `unconfirmed`: why its answer did not confirm it."""
        limit = max(self._options.settle, _RESCAN)
        gateway = self._await(profile, served=True, limit=limit)
        if gateway is None:
            return self._late(profile, _NOT_SERVED, limit, unconfirmed)
        gateway = self._await_channels(profile, gateway)
        lost = [
            f"{each.name} {each.state}{f': {each.detail}' if each.detail else ''}"
            for each in gateway.channels
            if each.state in NOT_SERVED
        ]
        masked = tuple(mask.channel for mask in gateway.masks)
        return Outcome(profile, kind, "; ".join((gateway.detail, *lost)), gateway.pid, masked)

    def await_all(self, profiles: Collection[str], limit: float) -> tuple[tuple[str, ...], str]:
        """Return the profiles that the gateway does not serve after some seconds, sorted, and why ("": all served)."""
        begun = self._now()
        missing = {*profiles}
        while missing:
            seen = self._observe(sorted(missing))
            missing = {name for name in missing if not _is_served(seen[name])}
            passed = self._now() - begun
            alone = why_alone(self._layout.home(self._one.server)) if missing and passed > _SETTLED else ""
            if missing and (alone or passed >= limit):
                why = f"{self._one.title} serves {self._one.server} alone: {alone}" if alone else ""
                return tuple(sorted(missing)), why or f"{self._one.title} {_NOT_SERVED} after {limit:.0f} s"
            if missing:
                self._sleep(POLL)
        return (), ""

    def await_end(self, profile: str, limit: float) -> bool:
        """Return whether no gateway serves a profile any more, within some seconds."""
        return self._await(profile, served=False, limit=limit) is not None

    def _late(self, profile: str, what: str, limit: float, unconfirmed: str) -> Outcome:
        alone = why_alone(self._layout.home(self._one.server)) if what == _NOT_SERVED else ""
        if alone:
            detail = f"{self._one.title} serves {self._one.server} alone: {alone}"
            return Outcome(profile, OutcomeKind.FAILED, detail, self._one.pid, hint=ALONE_HINT)
        why = f": {unconfirmed}" if unconfirmed else ""
        hint = f"read its log with `hermes-gateways logs {profile}`"
        detail = f"{self._one.title} {what} after {limit:.0f} s{why}"
        return Outcome(profile, OutcomeKind.FAILED, detail, self._one.pid, hint=hint)

    def _await(self, profile: str, *, served: bool, limit: float) -> Gateway | None:
        begun = self._now()
        deadline = begun + limit
        while True:
            gateway = self._observe((profile,))[profile]
            if _is_served(gateway) is served:
                return gateway
            is_late = self._now() >= deadline
            if is_late or (
                served and self._now() - begun > _SETTLED and why_alone(self._layout.home(self._one.server))
            ):
                return None
            self._sleep(POLL)

    def _await_channels(self, profile: str, gateway: Gateway) -> Gateway:
        deadline = self._now() + min(self._options.settle, _CONNECT)
        while any(each.state == states.CONNECTING for each in gateway.channels) and self._now() < deadline:
            self._sleep(POLL)
            gateway = self._observe((profile,))[profile]
        return gateway

    def _ask(self, verb: str, profile: str) -> str:
        """Ask the gateway to act on a profile; returns why it was not confirmed, "" where it was."""
        try:
            answer = ask(self._layout.home(self._one.server), verb, {"name": profile}, timeout=_ANSWER)
        except Failed as error:
            return error.problem.message
        if answer.get("error"):
            return str(answer["error"])
        return "" if verb == RESCAN or answer.get(_CONFIRMED[verb]) == profile else "the gateway is still at it"


_CONFIRMED = {SERVE: "served", UNSERVE: "unserved"}


def _is_served(gateway: Gateway) -> bool:
    return gateway.observation is not None and gateway.observation.served_by is not None


def marker_of(layout: Layout, profile: str) -> Path:
    """Return the path of the file that parks a profile."""
    return layout.home(profile) / PARKED_MARKER


def failed(profile: str, error: HermesProfilesError) -> Outcome:
    """Return the outcome of an error."""
    return Outcome(profile, OutcomeKind.FAILED, error.problem.message, hint=error.problem.hint)
