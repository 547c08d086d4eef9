"""What keeps the doctor itself from seeing."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix


def unseen(facts: Facts) -> Iterator[Finding]:
    """Yield what could not be looked at: it may hide anything."""
    for trouble in facts.troubles:
        profile = trouble.profile
        place = str(facts.layout.home(profile)) if profile is not None else str(facts.layout.root)
        yield Finding(
            f"{trouble.what} could not be looked at: {trouble.reason}",
            Fix("mend what keeps it from being read, then look again", f"ls -la {place}"),
            profiles=(profile,) if profile is not None else (),
            evidence=(Evidence(profile, place),),
        )
