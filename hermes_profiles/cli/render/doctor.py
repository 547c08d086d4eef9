"""Findings as data and as text: the most severe first, each with its places and the command that fixes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.doctor.findings import Severity
from hermes_profiles.doctor.runner import ReportedFinding
from hermes_profiles.operations.context import command_at
from hermes_profiles.operations.doctor import Diagnosis, FixResult

from .plan import dry_run_lines, step_lines

# At most so many places of a finding, and findings of a check, are shown; `--json` has all.
_PLACES = 6
_FINDINGS = 8


def diagnosis_data(diagnosis: Diagnosis, home: str | None) -> dict[str, Any]:
    """Return a diagnosis as the command contract has it; `home`: what `--home` named."""
    return {
        "findings": [_row(finding, home) for finding in diagnosis.findings],
        "summary": {
            "profiles": diagnosis.profiles,
            "errors": diagnosis.count(Severity.ERROR),
            "warnings": diagnosis.count(Severity.WARNING),
            "infos": diagnosis.count(Severity.INFO),
            "fixable": diagnosis.fixable,
        },
    }


def fix_data(fix: FixResult, home: str | None) -> dict[str, Any]:
    """Return the result of `doctor --fix` as the command contract has it."""
    return diagnosis_data(fix.diagnosis, home) | {
        "dry_run": fix.dry_run,
        "plan": list(fix.steps),
        "fixed": [_row(finding, home) for finding in fix.fixed],
        "changes": list(fix.changes),
    }


def fix_question(fix: FixResult) -> str:
    """Return what a user agrees to with `doctor --fix`."""
    return f"fix {fix.diagnosis.fixable} finding{'' if fix.diagnosis.fixable == 1 else 's'}"


def fix_preview_lines(fix: FixResult) -> Iterator[str]:
    """Yield the steps that a user is asked to confirm."""
    yield f"to {fix_question(fix)}:"
    yield from step_lines(fix.steps)


def _row(finding: ReportedFinding, home: str | None) -> dict[str, Any]:
    row = finding.as_data()
    row["fix"]["command"] = command_at(finding.finding.fix.command, home) or None
    return row


def check_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the list of checks."""
    yield from output.table(("check", "severity", "finds"), [(r["id"], r["severity"], r["title"]) for r in rows])


def report_lines(
    data: Mapping[str, Any],
    titles: Mapping[str, str],
    named: Sequence[str],
    home: str | None = None,
    choice: Sequence[str] = (),
) -> Iterator[str]:
    """Yield the report of the doctor.

    `titles`: check → title; `named`: the profiles given by the user; `home`: the value of `--home`; `choice`: the
    options that selected checks, () for all checks.
    """
    if data.get("plan") and data["dry_run"]:
        yield from dry_run_lines("fix what can be fixed safely", data["plan"])
        yield ""
    for row in data.get("fixed", ()):
        yield f"fixed: {row['message']}"
    if data.get("fixed"):
        yield ""
    for check, rows in groupby(data["findings"], key=lambda row: (row["severity"], row["check"])):
        yield from _group(*check, list(rows), titles)
    yield _sum(data, chosen=bool(choice))
    if data["summary"]["fixable"] and not data.get("dry_run"):
        command = " ".join(["hermes-profiles doctor", *named, "--fix", *choice])
        yield f"{data['summary']['fixable']} of them can be fixed: `{command}`"
    for name in named:
        yield f"for the rest of {name}, run Hermes' own doctor: `{command_at(f'hermes -p {name} doctor', home)}`"


def _group(severity: str, check: str, rows: list[dict[str, Any]], titles: Mapping[str, str]) -> Iterator[str]:
    """Yield the findings of one check; a fix that they share is shown once."""
    yield f"{severity}: {titles.get(check, check)}  [{check}]"
    shared = len({row["fix"]["command"] for row in rows}) == 1
    for row in rows[:_FINDINGS]:
        yield f"  {row['message']}"
        places = list(dict.fromkeys(filter(None, map(_place, row["evidence"]))))
        yield from (f"    {place}" for place in places[:_PLACES])
        if len(places) > _PLACES:
            yield f"    and {len(places) - _PLACES} more places"
        if not shared:
            yield from _fix(row["fix"])
    if len(rows) > _FINDINGS:
        yield f"  and {len(rows) - _FINDINGS} more; `--json` has them all"
    if shared:
        yield from _fix(rows[0]["fix"])
    yield ""


def _fix(fix: Mapping[str, Any]) -> Iterator[str]:
    yield f"    fix: {fix['text']}{': `' + fix['command'] + '`' if fix['command'] else ''}"


def _place(evidence: Mapping[str, Any]) -> str:
    place = evidence["file"] or ""
    if evidence["line"] is not None:
        place += f":{evidence['line']}"
    return f"{place} {evidence['key'] or ''}".strip()


def _sum(data: Mapping[str, Any], *, chosen: bool) -> str:
    summary = data["summary"]
    found = [(summary["errors"], "error"), (summary["warnings"], "warning"), (summary["infos"], "remark")]
    counts = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in found if count)
    where = f"{summary['profiles']} profile{'' if summary['profiles'] == 1 else 's'}"
    if counts:
        return f"{counts} in {where}"
    return f"no findings of the selected checks in {where}" if chosen else f"no findings in {where}"
