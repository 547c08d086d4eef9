"""An import of accounts as data and as text: the members, what was left out and why, the next steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import ExitCode, Problem, Result
from hermes_profiles.operations.teams.import_accounts import COMMAND, ImportResult
from hermes_profiles.teams.imports.model import Candidate
from hermes_profiles.teams.imports.plan import ImportPlan
from hermes_profiles.teams.imports.select import TAKEN

from .changes import change_data
from .gateway_steps import gateway_commands

_REFUSALS = (TAKEN, "exists")
_STOP = "stop OpenClaw first: two programs on one account take each other's messages"


def import_answer(kind: str, done: ImportResult, *, dry_run: bool) -> Answer:
    """Return the answer of an import; `kind`: where the accounts came from."""
    data = data_of(done.found, kind, done.logins, dry_run=dry_run, one_gateway=done.one_gateway)
    warnings = list(done.warnings)
    if done.change is None:
        return Answer(Result(COMMAND, data, warnings, errors_of(done.found), exit_code_of(done.found)))
    data |= change_data(done.change)
    return Answer(Result(COMMAND, data, warnings), lambda: import_lines(data))


def data_of(
    found: ImportPlan, kind: str, logins: Mapping[str, Sequence[str]], *, dry_run: bool, one_gateway: bool = False
) -> dict[str, Any]:
    """Return the JSON data of an import; `one_gateway`: the installed Hermes has one gateway for all."""
    team = found.team
    new = [] if found.bad else [_row(name, each, "imported") for name, each in found.new]
    return {
        "team": {
            "name": team.name,
            "lead": team.lead or None,
            "channel": team.channel,
            "new": found.define and bool(new),
            "share": [str(each) for each in team.share],
        },
        "members": [*new, *(_row(name, each, "there-already") for name, each in found.already)],
        "left_out": [{"account": each.id, "reason": each.reason} for each in found.left_out],
        "changed": False,
        "dry_run": dry_run,
        "next_steps": _next_steps(found, kind, logins, one_gateway=one_gateway) if new else [],
    }


def _row(name: str, candidate: Candidate, outcome: str) -> dict[str, Any]:
    account = candidate.account
    return {
        "profile": name,
        "account": account.id or None,
        "label": candidate.label or None,
        "allowed": len(account.allowed),
        "from": account.origin,
        "outcome": outcome,
    }


def _next_steps(found: ImportPlan, kind: str, logins: Mapping[str, Sequence[str]], *, one_gateway: bool) -> list[str]:
    names = [name for name, _ in found.new]
    steps = [_STOP] if kind == "openclaw" else []
    for name, providers in logins.items():
        steps += [f"log in: hermes -p {name} auth add {provider}" for provider in providers]
    commands = gateway_commands(names, one_gateway=one_gateway)
    return [*steps, *(f"{what}: {command}" for what, command in commands)]


def errors_of(found: ImportPlan) -> list[Problem]:
    """Return the problem of every account that cannot be imported, and that nothing was imported."""
    total = len(found.new) + len(found.already) + len({each.id or each.problem.message for each in found.bad})
    rest = len(found.new)
    hint = f"`--skip-bad` brings in the other {rest}" if rest else "none of them can be brought in"
    what = f"nothing was brought in: {len(found.bad)} of {total} cannot be"
    return [*(each.problem for each in found.bad), Problem("nothing-imported", what, None, hint)]


def exit_code_of(found: ImportPlan) -> ExitCode:
    """Return the exit code of an import of nothing: refused for accounts already in use, failed otherwise."""
    return ExitCode.REFUSED if any(each.problem.code in _REFUSALS for each in found.bad) else ExitCode.FAILED


def import_lines(data: Mapping[str, Any]) -> Iterator[Block]:
    """Yield the report of an import."""
    team, rows = data["team"], data["members"]
    new = [row for row in rows if row["outcome"] == "imported"]
    verb = "would come" if data["dry_run"] else "came"
    made = f", a new team led by {team['lead']}" if team["new"] else ""
    if new:
        yield f"{len(new)} account{'' if len(new) == 1 else 's'} {verb} into the team {team['name']}{made}"
    else:
        yield f"nothing to bring in: the team {team['name']} has them already" if rows else "nothing to bring in"
    if rows:
        yield from output.table(("member", "account", "who may talk", "what"), [_cells(row) for row in rows])
    if data["left_out"]:
        yield "left out:"
        yield from (f"  {row['account']}: {row['reason']}" for row in data["left_out"])
    if data["next_steps"]:
        yield "next:"
        yield from (f"  {step}" for step in data["next_steps"])
    if data["dry_run"]:
        yield "dry run: nothing was changed"


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    talkers = row["allowed"]
    who = "after pairing" if not talkers else "1 person" if talkers == 1 else f"{talkers} people"
    what = row["outcome"].replace("-", " ")
    return row["profile"], row["account"] or "-", who, f"{what}: {row['label']}" if row["label"] else what
