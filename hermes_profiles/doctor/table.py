"""Every check there is, in the order in which findings of one severity are told. Ids are stable."""

from __future__ import annotations

from .checks import general
from .findings import Check, Severity
from .runner import FAILED

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

CHECKS: tuple[Check, ...] = (
    Check("general.unseen", _ERROR, "something could not be looked at", general.unseen),
    FAILED,
)  # fmt: skip
