"""The verdict on a fleet in one line, and the order of its gateways: trouble first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.cli.framework.prose import Prose
from hermes_profiles.cli.framework.screen import STATE_STYLES
from hermes_profiles.fleet.listening import NO_CHANNEL
from hermes_profiles.gateways.model import DEAF, GatewayState
from hermes_profiles.model.named_tuple import NamedTuple

# So many profiles are named for one trouble; the others are counted.
_NAMED = 3
_UP = ("running", "served", "unsupervised")


class Trouble(NamedTuple):
    """What is wrong with gateways: the words for one gateway, and for many."""

    of_one: str
    of_many: str


# From the worst to the least.
_FAILED = Trouble("failed", "failed")
_CRASHING = Trouble("keeps crashing", "keep crashing")
_DEAF = Trouble("is deaf", "are deaf")
_DEGRADED = Trouble("is degraded", "are degraded")
_UNSERVED = Trouble("is not served", "are not served")
_STOPPED = Trouble("is stopped", "are stopped")
_STALE = Trouble("is stale", "are stale")
_UNKNOWN = Trouble("is in an unknown state", "are in an unknown state")
_NO_CHANNEL = Trouble("listens on no channel", "listen on no channel")
_STARTING = Trouble("is starting", "are starting")
_TROUBLES = (
    _FAILED, _CRASHING, _STALE, _DEAF, _DEGRADED, _UNSERVED, _STOPPED, _UNKNOWN, _NO_CHANNEL, _STARTING,
)  # fmt: skip
_BY_STATE = {
    GatewayState.FAILED: _FAILED,
    GatewayState.CRASH_LOOPING: _CRASHING,
    GatewayState.STALE: _STALE,
    GatewayState.DEGRADED: _DEGRADED,
    GatewayState.UNKNOWN: _UNKNOWN,
    GatewayState.STARTING: _STARTING,
}
_RANKS = {trouble: rank for rank, trouble in enumerate(_TROUBLES)}


def trouble_first(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return rows of gateways, the worst first; where nothing is wrong their order stays."""
    return sorted(rows, key=_rank)


def _rank(row: Mapping[str, Any]) -> int:
    trouble = _trouble(row)
    if trouble is not None:
        return _RANKS[trouble]
    return len(_RANKS) + (0 if row["state"] in _UP else 1)


def verdict(data: Mapping[str, Any]) -> Prose:
    """Return the verdict on the gateways of `status`: how many run, and what is wrong with which."""
    return fleet_verdict(data["gateways"], conflicts=len(data["conflicts"]))


def fleet_verdict(rows: Sequence[Mapping[str, Any]], *, conflicts: int = 0) -> Prose:
    """Return the verdict on rows with profile, state, disabled, service, channels and remarks."""
    off = [row for row in rows if row["disabled"]]
    without = [row for row in rows if not row["disabled"] and _is_unwanted(row)]
    wanted = len(rows) - len(off) - len(without)
    up = [row for row in rows if not row["disabled"] and row["state"] in _UP and _trouble(row) in (None, _NO_CHANNEL)]
    clauses = [*_clauses(rows)]
    style = "bold" if clauses or conflicts else "bold green"
    if conflicts:
        clauses.append(f"{conflicts} conflict{'' if conflicts == 1 else 's'}")
    if without:
        clauses.append(f"{len(without)} without a service")
    if off:
        clauses.append(f"{len(off)} disabled")
    if not rows:
        return Prose("no profiles")
    if not wanted:
        return Prose("; ".join(("no gateway is running", *clauses)), "bold")
    return Prose("; ".join((_count(len(up), wanted), *clauses)), style)


def list_verdict(rows: Sequence[Mapping[str, Any]]) -> Prose:
    """Return the verdict on the profiles of `list`: how many there are, how many run, which are in trouble."""
    gateways = [*map(_gateway_of, rows)]
    up = sum(each["state"] in _UP for each in gateways)
    running = f"{up} running" if up else "no gateway is running"
    clauses = [*_clauses(gateways)]
    off = sum(each["disabled"] for each in gateways)
    parts = (f"{len(rows)} profile{'' if len(rows) == 1 else 's'}, {running}", *clauses)
    return Prose(
        "; ".join((*parts, f"{off} disabled") if off else parts), "bold" if clauses or not up else "bold green"
    )


def list_rank(row: Mapping[str, Any]) -> int:
    """Return the place of a row of `list`: trouble first, else the order stays."""
    trouble = _trouble(_gateway_of(row))
    return len(_RANKS) if trouble is None else _RANKS[trouble]


def _gateway_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile as a row of a gateway; whether a stopped one should run is not known."""
    return {
        "profile": row["name"],
        "state": row["gateway"]["state"],
        "disabled": row["disabled"],
        "service": {"installed": False},
        "channels": None,
        "remarks": row["remarks"],
    }


def _count(up: int, wanted: int) -> str:
    if up < wanted:
        return f"{up} of {wanted} running"
    return f"all {wanted} running" if wanted > 1 else "running"


def _clauses(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    found: dict[Trouble, list[str]] = {}
    for row in rows:
        trouble = _trouble(row)
        if trouble is not None:
            found.setdefault(trouble, []).append(row["profile"])
    for trouble in _TROUBLES:
        names = found.get(trouble, [])
        if names:
            yield f"{_named(names)} {trouble.of_one if len(names) == 1 else trouble.of_many}"


def _named(names: Sequence[str]) -> str:
    if len(names) > _NAMED + 1:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _trouble(row: Mapping[str, Any]) -> Trouble | None:
    """Return what is wrong with a gateway, None for nothing."""
    if row["disabled"]:
        return None
    if row.get("unserved"):
        return _UNSERVED
    state = row["state"]
    channels = row["channels"]  # None: not known
    if channels and state in ("degraded", "served") and any(each["state"] == DEAF for each in channels):
        return _DEAF
    if state == "stopped":
        return None if _is_unwanted(row) else _STOPPED
    if state in _UP and any(remark["code"] == NO_CHANNEL for remark in row["remarks"]):
        return _NO_CHANNEL
    return _BY_STATE.get(state)


def _is_unwanted(row: Mapping[str, Any]) -> bool:
    """Return whether a gateway is stopped and need not run: it has no service, or its profile is parked."""
    return row["state"] == "stopped" and (row.get("parked", False) or not row["service"]["installed"])


def state_style(state: str) -> str:
    """Return the style of a state in a table, with or without brackets after it."""
    return STATE_STYLES.get(state.partition(" ")[0], "")
