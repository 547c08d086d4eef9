"""Ways to keep the doctor itself from seeing."""

from __future__ import annotations

from doctor_world import Case

GENERAL_CASES: tuple[Case, ...] = ()
