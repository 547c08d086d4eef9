"""Cases of the family."""

from __future__ import annotations

from doctor_world import Case

SECURITY_CASES: tuple[Case, ...] = ()
