"""Selects checks, runs them over the facts and sorts their findings. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret, fingerprint

from .findings import ORDER, Finding, Fix, Severity


class Check(NamedTuple):
    """One check. `id` (`<family>.<name>`) is stable; `title` is a noun phrase that names the fault."""

    id: str
    severity: Severity
    title: str
    run: Callable[[Facts], Iterator[Finding]]

    @property
    def family(self) -> str:
        """Return the family: the part of the id before the dot."""
        return self.id.partition(".")[0]


class ReportedFinding(NamedTuple):
    """A finding with its check and fingerprint: 8 digits under the key of the root, the same in every run."""

    check: Check
    finding: Finding
    fingerprint: str

    @property
    def severity(self) -> Severity:
        """Return the severity of the finding, by default that of the check."""
        return self.finding.severity or self.check.severity

    @property
    def automatic(self) -> bool:
        """Return whether `--fix` repairs it."""
        return bool(self.finding.repairs)

    def as_data(self) -> dict[str, Any]:
        """Return the JSON object of the command contract."""
        finding = self.finding
        return {
            "check": self.check.id,
            "severity": str(self.severity),
            "profiles": list(finding.profiles),
            "channel": finding.channel,
            "message": finding.message,
            "evidence": [place._asdict() for place in finding.evidence],
            "fingerprint": self.fingerprint,
            "fix": {"text": finding.fix.text, "command": finding.fix.command or None, "automatic": self.automatic},
        }


FAILED = Check("general.check-failed", Severity.ERROR, "failed check", lambda _: iter(()))


def select_checks(checks: Sequence[Check], only: Collection[str], skip: Collection[str]) -> tuple[Check, ...]:
    """Return the checks in `only` (all when empty) without those in `skip`; both hold ids and families.

    Raises UsageProblem for an unknown id or family.
    """
    ids, families = [check.id for check in checks], sorted({check.family for check in checks})
    for name in (*only, *skip):
        if name not in ids and name not in families:
            near = [check_id for check_id in ids if name.rpartition(".")[2] in check_id] or families
            raise UsageProblem(
                f"{name!r} is not a check",
                target=name,
                code="no-such-check",
                hint=f"use one of {', '.join(near[:6])}; `hermes-profiles doctor --list` prints all checks",
            )
    return tuple(check for check in checks if (not only or _is_named(check, only)) and not _is_named(check, skip))


def _is_named(check: Check, names: Collection[str]) -> bool:
    return check.id in names or check.family in names


def run_checks(
    facts: Facts, checks: Sequence[Check], *, key: bytes, profiles: Collection[str] | None = None, debug: bool = False
) -> tuple[ReportedFinding, ...]:
    """Return the findings of the checks, the most severe first. A check that raises becomes a finding itself.

    `profiles`: restricts the findings to these profiles (None: all); a finding without profiles is always kept. `key`:
    key of the fingerprints.
    """
    reported = [
        _reported(source, finding, key) for check in checks for source, finding in _run(check, facts, debug=debug)
    ]
    if profiles is not None:
        reported = [
            row
            for row in reported
            if not row.finding.profiles or any(name in profiles for name in row.finding.profiles)
        ]
    position = {check.id: number for number, check in enumerate((FAILED, *checks))}
    return tuple(
        sorted(
            reported,
            key=lambda row: (
                ORDER.index(row.severity),
                position[row.check.id],
                row.finding.profiles,
                row.finding.message,
                row.fingerprint,
            ),
        )
    )


def _run(check: Check, facts: Facts, *, debug: bool) -> Iterator[tuple[Check, Finding]]:
    try:
        for finding in check.run(facts):
            yield check, finding
    except Exception as error:  # an error in one check must not hide the findings of the others
        if debug:
            raise
        hint = "print the traceback and report it; the fault that this check looks for is still possible"
        command = f"HERMES_PROFILES_DEBUG=1 hermes-profiles doctor --only {check.id}"
        message = f"the check {check.id} failed: {type(error).__name__}"
        yield FAILED, Finding(message, Fix(hint, command), subject=Secret(check.id))


def _reported(check: Check, finding: Finding, key: bytes) -> ReportedFinding:
    subject = finding.subject.reveal() if finding.subject is not None else _subject(finding)
    return ReportedFinding(check, finding, fingerprint(f"{check.id}\0{subject}", key))


def _subject(finding: Finding) -> str:
    """Return the default subject: profiles, channel and places. Lines are left out, because edits move them."""
    places = [f"{place.profile}\0{place.file}\0{place.key}" for place in finding.evidence]
    return "\n".join([*finding.profiles, finding.channel or "", *(places or [finding.message])])
