"""Reports probes that failed: facts that the doctor could not read."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix


def unseen(facts: Facts) -> Iterator[Finding]:
    """Find probes that failed or timed out. The faults that they would have found are not reported."""
    for failure in facts.failures:
        profile = failure.profile
        place = str(facts.layout.home(profile)) if profile is not None else str(facts.layout.root)
        yield Finding(
            f"cannot read {failure.subject}: {failure.reason}",
            Fix("remove the cause, then run the doctor again", f"ls -la {place}"),
            profiles=(profile,) if profile is not None else (),
            evidence=(Evidence(profile, place),),
        )
