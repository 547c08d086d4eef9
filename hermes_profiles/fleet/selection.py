"""Which profiles a command means. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hermes_profiles.model.errors import NotFound
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.model.text import nearest_first


class Selection(NamedTuple):
    """The profiles a command means, in fleet order; `named`: the user named them one by one."""

    profiles: tuple[str, ...]
    named: bool


def select(
    existing: Sequence[str],
    names: Iterable[str] = (),
    *,
    excluded: Iterable[str] = (),
    group: str | None = None,
    groups: Mapping[str, Iterable[str]] | None = None,
) -> Selection:
    """Return the selected profiles: the named ones, or all, or a group's, without the excluded ones.

    `existing`: all profiles in fleet order; `groups`: profile → its groups. Raises UsageProblem for an invalid
    name, NotFound for a missing profile or group.
    """
    wanted = [check_existing_name(name) for name in names]
    without = [check_existing_name(name) for name in excluded]
    missing = [name for name in (*wanted, *without) if name not in existing]
    if missing:
        raise NotFound(
            f"no profile {', '.join(repr(name) for name in dict.fromkeys(missing))}",
            target=missing[0],
            hint=f"there are: {nearest_first(missing[0], existing)}; see `hermes-profiles list`",
        )
    chosen = set(wanted) if wanted else set(existing)
    if group is not None:
        members = {name for name, of in (groups or {}).items() if group in tuple(of)}
        if not members:
            raise NotFound(
                f"no profile is in the group {group!r}",
                target=group,
                code="no-group",
                hint=f"add one with `hermes-gateways group {group} PROFILE`",
            )
        chosen = (set(wanted) | members) if wanted else members
    return Selection(tuple(name for name in existing if name in chosen and name not in without), bool(wanted))
