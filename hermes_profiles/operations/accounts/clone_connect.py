"""Clone a profile and connect the clone: the account is checked before the clone is made."""

from __future__ import annotations

from collections.abc import Callable

from hermes_profiles.model.errors import Failed, HermesProfilesError
from hermes_profiles.model.named_tuple import NamedTuple

from ..fleet_context import FleetSession
from ..profiles.create_profile import CreatedProfile
from .connect import CheckedAccount, ConnectPlace, ConnectRequest, ConnectResult, check_account, store_account


class ConnectedClone(NamedTuple):
    """A clone with an account of its own. `connected`: None in a dry run."""

    checked: CheckedAccount
    created: CreatedProfile
    connected: ConnectResult | None


def clone_connected(
    session: FleetSession,
    place: ConnectPlace,
    account: ConnectRequest,
    make: Callable[[], CreatedProfile],
    *,
    dry_run: bool = False,
) -> ConnectedClone:
    """Check an account, make a clone, and write the account to the clone: two changes. `make`: makes the clone.

    Raises what `check_account` and `make` raise before anything is written. Where the account cannot be written, the
    clone stays and the error says so.
    """
    checked = check_account(session, place, account)
    created = make()
    if dry_run:
        return ConnectedClone(checked, created, None)
    connected = connect_clone(place, lambda: store_account(session, place, checked, account))
    return ConnectedClone(checked, created, connected)


def connect_clone(place: ConnectPlace, connect: Callable[[], ConnectResult]) -> ConnectResult:
    """Return the result of connecting a clone that was made. Raises Failed, with the command that tries again."""
    name, channel = place.profile, place.channel.name
    try:
        return connect()
    except HermesProfilesError as error:
        raise Failed(
            f"{name} was made, and is not connected to {channel}: {error.problem.message}",
            target=name,
            code=error.problem.code,
            hint=f"connect it with `hermes-profiles connect {name} {channel}`, or take the clone back with "
            f"`hermes-profiles delete {name}`",
        ) from error
