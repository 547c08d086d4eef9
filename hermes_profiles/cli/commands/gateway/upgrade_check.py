"""upgrade-check: what `hermes update` will do to this root, and what it did."""

from __future__ import annotations

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.upgrade_check import upgrade_answer
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.repairs.upgrade_check import upgrade_check as check


@command(
    "upgrade-check",
    examples=("hermes-gateways upgrade-check", "hermes-gateways upgrade-check --json"),
    manager=True,
)
def upgrade_check(session: FleetSession) -> Answer:
    """Show which Hermes serves this root, what `hermes update` will do to its services, and what it left.

    Nothing is changed. Exit 3 when something needs you, 0 when nothing does.
    """
    return upgrade_answer(check(session))
