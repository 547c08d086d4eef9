"""Apply the plan of an operation, or return it as a dry run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.known_secrets import KnownSecrets

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
    plan = without_secrets(session, plan)
    applied = apply(plan, layout=session.layout, check=check, progress=progress)
    return ChangeResult(plan, dry_run, applied.change_id)


def without_secrets(session: Session, plan: ChangePlan) -> ChangePlan:
    """Return a plan whose command and summary, which the journal keeps, have no secret of the root.

    The path of a setting or the name of a group can be one.
    """
    near = KnownSecrets(session.layout, session.catalog, session.environment).near(
        "\n".join((plan.summary, *plan.command))
    )
    if not near:
        return plan
    from hermes_profiles.profiles.redact import Redactor

    hide = Redactor(near).replace_values
    return replace(plan, summary=hide(plan.summary), command=tuple(map(hide, plan.command)))
