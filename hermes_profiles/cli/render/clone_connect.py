"""The answer of a clone that is connected at once: the report of the clone, the account, one list of next steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.accounts.connect import CheckedAccount, ConnectPlace, ConnectResult, StartResult
from hermes_profiles.operations.profiles.create_profile import CreatedProfile
from hermes_profiles.teams.accounts import short_id

from .clone import created_data, made_lines, next_lines
from .connect import account_lines, connect_answer


def connected_clone_answer(
    created: CreatedProfile, connected: ConnectResult, started: StartResult | None, place: ConnectPlace
) -> Answer:
    """Return the answer of `clone --connect`; its result is that of the connection."""
    result = connect_answer(connected, started, place).result
    data = _data(created, result.data, place)
    warnings = [*created.warnings, *result.warnings]
    done = Result(("clone",), data, warnings, result.errors, result.exit_code)
    return Answer(done, lambda: _lines(data))


def planned_clone_answer(created: CreatedProfile, checked: CheckedAccount, place: ConnectPlace) -> Answer:
    """Return the answer of a dry run, in which the account was checked."""
    identity = checked.identity
    account = {
        "profile": place.profile,
        "channel": place.channel.name,
        "account": short_id(checked.account.id) or None,
        "name": (identity.name or None) if identity is not None else None,
        "checked": identity is not None,
        "variables": sorted(checked.account.variables),
        "replaced": None,
        "to_trash": [],
        "gateway": None,
        "next_steps": [],
        "changed": True,
        "dry_run": True,
    }
    data = _data(created, account, place)
    return Answer(Result(("clone",), data, list(created.warnings)), lambda: _lines(data))


def _data(created: CreatedProfile, account: Mapping[str, Any], place: ConnectPlace) -> dict[str, Any]:
    """Return the data of the clone with that of the account, and the next steps of both without those that are done."""
    data = created_data(created)
    name = place.profile
    done = (f"hermes-profiles connect {name} {place.channel.name}", f"hermes-gateways install {name}")
    left = [step for step in data["next_steps"] if not step.endswith(done[0]) and done[1] not in step]
    return data | {"next_steps": [*left, *account["next_steps"]], "connect": dict(account)}


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    account = data["connect"]
    yield from made_lines(data)
    yield from account_lines(account)
    yield from next_lines(data)
    if data["dry_run"]:
        yield "dry run: nothing was changed"
    else:
        name = data["profile"]
        # The undo of the clone refuses to remove a profile that has a service.
        whole = f"undo {data['change']}" if account["gateway"] is None else f"delete {name}"
        yield f"to undo both: `hermes-profiles {whole}`; the account alone: `hermes-profiles undo {account['change']}`"
