"""What `team run-mode` tells: plans, refusals, and who serves whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hermes_profiles.changes.plan import ChangePlan, describe
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.model.errors import ExitCode, Refused, Result
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.multiplex.enable import EnablePlan
from hermes_profiles.multiplex.model import Issue, IssueSeverity
from hermes_profiles.multiplex.saved_state import COMMAND, MULTIPLEX


class InTheWay(Refused):
    """What stands in the way of a switch, all of it."""

    def __init__(self, mode: str, limits: Sequence[Issue]) -> None:
        first = limits[0]
        super().__init__(first.message, target=first.place or first.profile, hint=first.hint, code=first.code)
        self._mode = mode
        self.limits = tuple(limits)

    def answer(self) -> Answer:
        """Return the refusal: an error for each thing that stands in the way."""
        rows = [
            {
                "profile": each.profile,
                "code": each.code,
                "message": each.message,
                "file": each.place,
                "decidable": each.severity is IssueSeverity.DECIDE,
                "hint": each.hint,
            }
            for each in self.limits
        ]
        errors = [each.problem for each in self.limits]
        data = {"mode": self._mode, "changed": False, "limits": rows}
        result = Result(COMMAND, data, errors=errors, exit_code=ExitCode.REFUSED)
        decidable = all(each.severity is IssueSeverity.DECIDE for each in self.limits)
        lines = ["nothing was changed; `--yes` accepts all of this"] if decidable else ["nothing was changed"]
        return Answer(result, lambda: lines)


def written(there: EnablePlan) -> dict[str, Any]:
    """Return what is written for one gateway for all, in names."""
    return {
        "isolated": [
            {"profile": each.profile, "file": each.file, "key": ".".join(each.key), "why": each.why}
            for each in there.pinned
        ],
        "approvals": [
            {"profile": each.profile, "channel": each.channel, "people": each.people} for each in there.approvals
        ],
    }


def would(what: str, names: Sequence[str]) -> Iterator[str]:
    """Yield what would be done with profiles, when there are any."""
    if names:
        yield f"{what}: {', '.join(names)}"


def plan_lines(plan: ChangePlan | None) -> Iterator[str]:
    """Yield the files of a plan."""
    for step in describe(plan) if plan is not None else ():
        yield f"{step['kind']} {step['target']}"


def served_by(gateway: Gateway) -> str | None:
    """Return whose gateway serves a profile, None when nobody does."""
    if gateway.state is GatewayState.SERVED:
        return DEFAULT
    return gateway.profile if gateway.process is not None else None


def told_lines(data: dict[str, Any]) -> Iterator[str]:
    """Yield which run mode it is, and who serves whom."""
    one = f"multiplex: one gateway, that of {DEFAULT}, serves every profile"
    yield one if data["mode"] == MULTIPLEX else "processes: each profile runs a gateway of its own"
    cells = [
        (
            row["profile"],
            row["team"] or "-",
            row["served_by"] or "nobody",
            row["state"],
            "-" if row["pid"] is None else str(row["pid"]),
        )
        for row in data["profiles"]
    ]
    yield from output.table(("profile", "team", "served by", "state", "pid"), cells)
