"""Plans a clone of any profile, members of teams included."""

from __future__ import annotations

from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.clone.plan import CloneContext, CloneRequest, build_clone
from hermes_profiles.clone.report import CloneReport
from hermes_profiles.profiles.managed_folder import managed_files, managed_folder
from hermes_profiles.teams.pool_copies import SharedPool


def plan_clone(request: CloneRequest, context: CloneContext) -> tuple[ChangePlan, CloneReport]:
    """Return the plan and its report; a clone of a member gets copies of what its team shares.

    Raises DocumentError, Failed or Refused when a file cannot be read with certainty.
    """
    env, config = managed_files(managed_folder(context.environment, context.layout))
    return build_clone(request, context._replace(managed_env=env, managed_config=config), SharedPool)
