"""Cases of the family."""

from __future__ import annotations

from doctor_world import Case

RUNTIME_CASES: tuple[Case, ...] = ()
