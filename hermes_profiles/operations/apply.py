"""Apply the plan of an operation, or return it as a dry run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan

from .context import Session


class ChangeResult(NamedTuple):
    """The result of a plan. `plan`: None when there was nothing to do; `change`: the id of the change that was made."""

    plan: ChangePlan | None
    dry_run: bool
    change: str | None = None

    @property
    def id(self) -> str | None:
        """Return the id of the change that was made, for `undo`."""
        return self.change

    @property
    def changed(self) -> bool:
        """Return whether something was changed, or would be."""
        return self.plan is not None


def carry_out(
    session: Session,
    plan: ChangePlan | None,
    *,
    dry_run: bool,
    check: Callable[[], None] = lambda: None,
    progress: Callable[[int, int], None] | None = None,
) -> ChangeResult:
    """Apply a plan unless it is a dry run. `check` runs under the lock and raises what must stop the change."""
    if plan is None or dry_run:
        return ChangeResult(plan, dry_run)
    applied = apply(plan, layout=session.layout, check=check, progress=progress)
    return ChangeResult(plan, dry_run, applied.change_id)
