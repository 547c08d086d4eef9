"""The switch of the run mode during `doctor --fix`: the same as `team run-mode`, with its checks and its undo."""

from __future__ import annotations

from typing import Any

from hermes_profiles.model.errors import HermesProfilesError, Problem

from ..fleet_context import FleetSession
from .run_mode import RunMode
from .run_mode_result import RunModeBlocked


class RunModeRepair:
    """The switch among the repairs. `problems`: why it is not made; `change`: the id of its change."""

    def __init__(self, session: FleetSession, mode: str | None) -> None:
        self._session = session
        self._mode = mode
        self.problems: tuple[Problem, ...] = ()
        self.change: str | None = None
        self._check()

    def _check(self) -> None:
        """Find out whether the switch is possible without a decision of the user."""
        if self._mode is None:
            return
        try:
            RunMode(self._session, dry_run=True).to_multiplex()
        except RunModeBlocked as error:
            self.problems = tuple(each.problem for each in error.limits)
        except HermesProfilesError as error:
            self.problems = (error.problem,)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the step, for a dry run; none where the switch is not possible."""
        return [{"kind": "run-mode", "target": self._mode}] if self._mode is not None and not self.problems else []

    def apply(self) -> tuple[Problem, ...]:
        """Switch the run mode; returns what failed."""
        if not self.rows:
            return ()
        try:
            result = RunMode(self._session.fresh()).to_multiplex()
        except HermesProfilesError as error:
            return (error.problem,)
        self.change = result.change
        return result.errors
