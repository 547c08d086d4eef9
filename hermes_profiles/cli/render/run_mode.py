"""The run mode and its switches, as data and as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from hermes_profiles.changes.plan import ChangePlan, describe
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.format import dash
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import ExitCode, Result
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.multiplex.enable import EnablePlan
from hermes_profiles.multiplex.failures import StartFailed
from hermes_profiles.multiplex.model import IssueSeverity
from hermes_profiles.multiplex.saved_state import COMMAND, MULTIPLEX
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.run_mode.run_mode_result import RunModeBlocked, RunModeResult, RunModeStatus

from .outcomes import DRY_RUN

Switched = TypeVar("Switched")


def status_answer(status: RunModeStatus) -> Answer:
    """Return the answer of `team run-mode` without a mode."""
    data: dict[str, Any] = {
        "mode": status.mode,
        "unfinished": status.unfinished,
        "one_gateway": status.one_gateway,
        "reason": status.reason or None,
        "profiles": [profile._asdict() | {"state": str(profile.state)} for profile in status.profiles],
    }
    code = ExitCode.NEGATIVE if status.unfinished else ExitCode.OK
    result = Result(COMMAND, data, list(status.warnings), list(status.errors), code)
    return Answer(result, lambda: _status_lines(data))


def switch_answer(session: Session, operation: Callable[[], Switched], answer: Callable[[Switched], Answer]) -> Answer:
    """Return the answer of an operation that switches the run mode, or its refusal.

    When a start fails, its log lines go to stderr.
    """
    try:
        return answer(operation())
    except RunModeBlocked as error:
        return _blocked_answer(error)
    except StartFailed as error:
        for line in error.log if not session.as_json else ():
            output.note(f"  {line}")
        raise


def result_answer(result: RunModeResult) -> Answer:
    """Return the answer of a switch."""
    data = _data(result)
    answer = Result(COMMAND, data, list(result.warnings), list(result.errors), result.exit_code)
    lines = _dry_run_lines(result) if result.dry_run and result.changed else [_summary(result)]
    return Answer(answer, lambda: lines)


def _blocked_answer(error: RunModeBlocked) -> Answer:
    """Return the refusal of a switch: an error for each issue that blocks it."""
    rows = [
        {
            "profile": issue.profile,
            "code": issue.code,
            "message": issue.message,
            "file": issue.place,
            "decidable": issue.severity is IssueSeverity.DECIDE,
            "hint": issue.hint,
        }
        for issue in error.limits
    ]
    errors = [issue.problem for issue in error.limits]
    data = {"mode": error.mode, "changed": False, "limits": rows}
    decidable = all(issue.severity is IssueSeverity.DECIDE for issue in error.limits)
    line = "nothing was changed; `--yes` accepts all of this" if decidable else "nothing was changed"
    return Answer(Result(COMMAND, data, errors=errors, exit_code=ExitCode.REFUSED), lambda: [line])


def _data(result: RunModeResult) -> dict[str, Any]:
    """Return a switch as the command contract has it."""
    data: dict[str, Any] = {"mode": result.mode, "changed": result.changed, "dry_run": result.dry_run}
    if result.enable is not None:
        data |= _written(result.enable)
    if result.dry_run and result.changed:
        if result.mode == MULTIPLEX:
            data |= {"stops": list(result.stops), "disables": list(result.disables)}
        else:
            data |= {"starts": list(result.starts), "enables": list(result.enables)}
        data["installs"] = list(result.installs)
        data["plan"] = list(describe(result.plan)) if result.plan is not None else []
        return data
    if result.standalone:
        data["standalone"] = list(result.standalone)
    data["outcomes"] = [outcome.as_data() for outcome in result.outcomes]
    if result.change is not None:
        data["change"] = result.change
    return data


def _written(enable: EnablePlan) -> dict[str, Any]:
    """Return the settings that are written for one gateway for all, without their values."""
    return {
        "isolated": [
            {"profile": pinned.profile, "file": pinned.file, "key": ".".join(pinned.key), "why": pinned.why}
            for pinned in enable.pinned
        ],
        "approvals": [
            {"profile": carried.profile, "channel": carried.channel, "people": carried.people}
            for carried in enable.approvals
        ],
    }


def _summary(result: RunModeResult) -> str:
    when = "now" if result.changed else "already"
    if result.mode == MULTIPLEX:
        return f"one gateway, that of {DEFAULT}, serves all profiles {when}"
    if result.standalone:
        return f"gateways of their own run {when}: {', '.join(result.standalone)}"
    return f"each profile runs a gateway of its own {when}"


def _dry_run_lines(result: RunModeResult) -> list[str]:
    if result.mode == MULTIPLEX:
        enable = result.enable
        return [
            *_would("stop", result.stops),
            *_would("keep from starting at boot", result.disables),
            *(f"{pinned.profile}: {pinned.why}" for pinned in (enable.pinned if enable else ())),
            *(
                f"{each.profile}: carry over {each.people} approved on {each.channel}"
                for each in (enable.approvals if enable else ())
            ),
            *_would("install", result.installs),
            *_plan_lines(result.plan),
            f"start {DEFAULT} as the one gateway for all, and go back if it does not serve every profile",
            DRY_RUN,
        ]
    return [
        f"stop {DEFAULT}",
        *_plan_lines(result.plan),
        *_would("have start at boot", result.enables),
        *_would("install and start", result.installs),
        *_would("start", result.starts),
        DRY_RUN,
    ]


def _would(action: str, names: Sequence[str]) -> Iterator[str]:
    """Yield what would be done with profiles, when there are any."""
    if names:
        yield f"{action}: {', '.join(names)}"


def _plan_lines(plan: ChangePlan | None) -> Iterator[str]:
    for step in describe(plan) if plan is not None else ():
        yield f"{step['kind']} {step['target']}"


def _status_lines(data: Mapping[str, Any]) -> Iterator[Block]:
    """Yield the run mode, and which gateway serves each profile."""
    if data["mode"] != MULTIPLEX:
        yield "processes: each profile runs a gateway of its own"
    elif data["reason"]:
        yield f"one gateway for all by rule of Hermes, but that of {DEFAULT} serves only itself: {data['reason']}"
    else:
        yield f"multiplex: one gateway, that of {_servers(data)}, serves {_served(data)}"
    cells = [
        (row["profile"], row["team"] or "-", row["served_by"] or row["why"] or "none", row["state"], dash(row["pid"]))
        for row in data["profiles"]
    ]
    yield from output.table(("profile", "team", "served by", "state", "pid"), cells)


def _servers(data: Mapping[str, Any]) -> str:
    """Return the profile whose gateway serves others; default where none does now."""
    servers = [row["served_by"] for row in data["profiles"] if row["served_by"] not in (None, row["profile"])]
    return str(servers[0]) if servers else DEFAULT


def _served(data: Mapping[str, Any]) -> str:
    special = [row["profile"] for row in data["profiles"] if row["why"] is not None]
    return f"every profile but {', '.join(special)}" if special else "every profile"
