"""Runs checks over facts: which of them, in which order their findings are told, and what a broken check is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.secret import Secret, fingerprint

from .findings import ORDER, Finding, Fix, Severity


class Check(NamedTuple):
    """One thing to look for; `id` is stable: `<family>.<name>`. `title` says what is wrong when it is found."""

    id: str
    severity: Severity
    title: str
    run: Callable[[Facts], Iterator[Finding]]

    @property
    def family(self) -> str:
        """Return the group of checks it belongs to."""
        return self.id.partition(".")[0]


class ReportedFinding(NamedTuple):
    """A finding of a check, ready to be told. `fingerprint`: 8 digits under the key of the root, the same in every run
    for the same thing."""

    check: Check
    finding: Finding
    fingerprint: str

    @property
    def severity(self) -> Severity:
        """Return how much it hurts."""
        return self.finding.severity or self.check.severity

    @property
    def automatic(self) -> bool:
        """Return whether `--fix` mends it."""
        return bool(self.finding.repairs)

    def as_data(self) -> dict[str, Any]:
        """Return the finding as the command contract has it."""
        one = self.finding
        return {
            "check": self.check.id,
            "severity": str(self.severity),
            "profiles": list(one.profiles),
            "channel": one.channel,
            "message": one.message,
            "evidence": [each._asdict() for each in one.evidence],
            "fingerprint": self.fingerprint,
            "fix": {"text": one.fix.text, "command": one.fix.command or None, "automatic": self.automatic},
        }


FAILED = Check("general.check-failed", Severity.ERROR, "a check failed", lambda _: iter(()))


def select_checks(checks: Sequence[Check], only: Collection[str], skip: Collection[str]) -> tuple[Check, ...]:
    """Return the checks that `only` names (all without it), less those of `skip`: ids, or families.

    Raises UsageProblem for a word that is neither.
    """
    known = {each.id for each in checks} | {each.family for each in checks}
    for word in (*only, *skip):
        if word not in known:
            near = [each.id for each in checks if word.rpartition(".")[2] in each.id] or sorted(
                {each.family for each in checks}
            )
            raise UsageProblem(
                f"{word!r} is no check",
                target=word,
                code="no-such-check",
                hint=f"there are: {', '.join(near[:6])}; see `hermes-profiles doctor --list`",
            )
    return tuple(each for each in checks if (not only or _is_named(each, only)) and not _is_named(each, skip))


def _is_named(check: Check, words: Collection[str]) -> bool:
    return check.id in words or check.family in words


def examine(
    facts: Facts, checks: Sequence[Check], *, key: bytes, profiles: Collection[str] | None = None, debug: bool = False
) -> tuple[ReportedFinding, ...]:
    """Return what the checks find, what hurts most first; one that throws is a finding itself.

    `profiles`: those that are meant (None: all); what concerns no profile in particular concerns every one. `key`: of
    the fingerprints.
    """
    found = [_told(check, finding, key) for each in checks for check, finding in _run(each, facts, debug=debug)]
    if profiles is not None:
        found = [
            each
            for each in found
            if not each.finding.profiles or any(name in profiles for name in each.finding.profiles)
        ]
    place = {each.id: number for number, each in enumerate((FAILED, *checks))}
    return tuple(
        sorted(
            found,
            key=lambda each: (
                ORDER.index(each.severity),
                place[each.check.id],
                each.finding.profiles,
                each.finding.message,
                each.fingerprint,
            ),
        )
    )


def _run(check: Check, facts: Facts, *, debug: bool) -> Iterator[tuple[Check, Finding]]:
    try:
        for finding in check.run(facts):
            yield check, finding
    except Exception as error:  # a check that throws must not hide what the others find
        if debug:
            raise
        hint = "what it looks for may be there all the same; see where it fails, and report that"
        command = f"HERMES_PROFILES_DEBUG=1 hermes-profiles doctor --only {check.id}"
        words = f"the check {check.id} failed: {type(error).__name__}"
        yield FAILED, Finding(words, Fix(hint, command), subject=Secret(check.id))


def _told(check: Check, finding: Finding, key: bytes) -> ReportedFinding:
    subject = finding.subject.reveal() if finding.subject is not None else _subject(finding)
    return ReportedFinding(check, finding, fingerprint(f"{check.id}\0{subject}", key))


def _subject(finding: Finding) -> str:
    """Return what a finding is about: whose it is and where it stands, lines left out, for they move."""
    places = [f"{each.profile}\0{each.file}\0{each.key}" for each in finding.evidence]
    return "\n".join([*finding.profiles, finding.channel or "", *(places or [finding.message])])
