"""Cases of the family."""

from __future__ import annotations

from doctor_world import Case

CONFLICT_CASES: tuple[Case, ...] = ()
