"""Cases in which a probe fails."""

from __future__ import annotations

from doctor_root import Case

GENERAL_CASES: tuple[Case, ...] = ()
