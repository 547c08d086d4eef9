"""Findings as data and as text: the most severe first, each with its places and the command that fixes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.prose import Block, Prose
from hermes_profiles.doctor.findings import Severity
from hermes_profiles.doctor.runner import ReportedFinding
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.operations.context import command_at
from hermes_profiles.operations.repairs.doctor import Diagnosis, FixResult

from .plan import dry_run_lines, step_lines

# At most so many places of a finding, and findings of a check, are shown; `--json` has all.
_PLACES = 6
_FINDINGS = 8
SEVERITY_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


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


def check_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[Block]:
    """Yield the list of checks."""
    yield from output.table(("check", "severity", "finds"), [(r["id"], r["severity"], r["title"]) for r in rows])


class ReportView(NamedTuple):
    """How a report is shown.

    `titles`: check → title; `named`: the profiles given by the user; `home`: the value of `--home`; `choice`: the
    options that selected checks, () for all checks; `root`: the folder that paths are relative to; `verbose`: with the
    place of each fault and what each fix does.
    """

    titles: Mapping[str, str]
    named: Sequence[str] = ()
    home: str | None = None
    choice: Sequence[str] = ()
    root: str = ""
    verbose: bool = False

    def short(self, text: str) -> str:
        """Return a text whose paths are relative to the root, except those of a command, which must run."""
        parts = text.split("`")
        plain = (part.replace(f"{self.root}/", "") if self.root else part for part in parts[::2])
        return "`".join(part for pair in zip_longest(plain, parts[1::2]) for part in pair if part is not None)


def report_lines(data: Mapping[str, Any], view: ReportView) -> Iterator[Block]:
    """Yield the report of the doctor: the summary, then the findings, the worst first."""
    yield _summary(data, view)
    if view.verbose and view.root and data["findings"]:
        yield f"paths are relative to {view.root}"
    if data.get("plan") and data["dry_run"]:
        yield ""
        yield from dry_run_lines("fix what can be fixed safely", data["plan"])
    for row in data.get("fixed", ()):
        yield Prose(view.short(row["message"]), head="fixed: ", head_style="green")
    if data["findings"]:
        yield ""
    for check, rows in groupby(data["findings"], key=lambda row: (row["severity"], row["check"])):
        yield from _group(*check, list(rows), view)
    if data["findings"] and not view.verbose:
        yield "`-v` shows the place of each"
    for name in view.named:
        own = command_at(f"hermes -p {name} doctor", view.home)
        yield f"for the rest of {name}, run Hermes' own doctor: `{own}`"


def _summary(data: Mapping[str, Any], view: ReportView) -> Prose:
    """Return the first line: how much was found, and the command that fixes what can be fixed."""
    fixable, text = data["summary"]["fixable"], _sum(data, chosen=bool(view.choice))
    if fixable and not data.get("dry_run"):
        command = " ".join(["hermes-profiles doctor", *view.named, "--fix", *view.choice])
        text += f"; {fixable} of them can be fixed: `{command}`"
    return Prose(text, "bold" if data["findings"] else "bold green")


def _group(severity: str, check: str, rows: Sequence[Mapping[str, Any]], view: ReportView) -> Iterator[Block]:
    """Yield the findings of one check; a fix that several share is shown once, below them."""
    title = f"{view.titles.get(check, check)}  [{check}]"
    yield Prose(title, "bold", head=f"{severity}: ", head_style=SEVERITY_STYLES[Severity(severity)])
    order = list(dict.fromkeys(_fix_text(row["fix"], view) for row in rows))
    shown = sorted(rows, key=lambda row: order.index(_fix_text(row["fix"], view)))
    kept = [*shown] if view.verbose else shown[:_FINDINGS]
    for fix, members in groupby(kept, key=lambda row: _fix_text(row["fix"], view)):
        for row in members:
            yield f"  {view.short(row['message'])}"
            if view.verbose:
                yield from _places(row, view)
        if fix:
            yield Prose(fix, head="    fix: ", head_style="cyan")
    if len(shown) > len(kept):
        yield f"  and {len(shown) - len(kept)} more; `-v` shows them all"
    if view.verbose:
        yield ""


def _places(row: Mapping[str, Any], view: ReportView) -> Iterator[str]:
    places = list(dict.fromkeys(filter(None, map(place_text, row["evidence"]))))
    yield from (f"    {view.short(place)}" for place in places[:_PLACES])
    if len(places) > _PLACES:
        yield f"    and {len(places) - _PLACES} more places"


def _fix_text(fix: Mapping[str, Any], view: ReportView) -> str:
    """Return how to fix a finding: a command of these programs alone, unless verbose; any other with its words.

    What `--fix` does is in the summary.
    """
    if fix["automatic"] and not view.verbose:
        return ""
    text, command = view.short(fix["text"]), fix["command"]
    if not command:
        return text
    return f"`{command}`" if command.startswith("hermes-") and not view.verbose else f"{text}: `{command}`"


def place_text(evidence: Mapping[str, Any]) -> str:
    """Return the place of a fault: file, line and key."""
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
