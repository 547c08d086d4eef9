"""Undo a switch of the run mode: its files as an undo does, its services as the opposite switch does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hermes_profiles.changes.apply import apply, undo
from hermes_profiles.changes.journal import ChangeEntry, Journal
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile
from hermes_profiles.changes.undo_plan import plan_undo
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.multiplex import saved_state
from hermes_profiles.multiplex.saved_state import MULTIPLEX, PROCESSES, resulting_mode
from hermes_profiles.multiplex.switch import apply_plan

from ..fleet_context import FleetSession
from .run_mode import RunMode
from .run_mode_result import RunModeResult


def undo_switch(session: FleetSession, entry: ChangeEntry, *, dry_run: bool) -> RunModeResult:
    """Undo a switch of the run mode: its files as an undo does, its services as the opposite switch does.

    Raises Refused when a file was changed since, or when the change was not the whole switch.
    """
    mode = resulting_mode(Journal(session.layout.state), entry)
    switch = RunMode(session, dry_run=dry_run, yes=True, write=_undoing(session.layout, entry))
    if mode == PROCESSES and switch.is_one_gateway:
        return switch.to_multiplex()
    plan = plan_undo(entry, session.layout)
    config = session.layout.home(DEFAULT) / CONFIG_FILE
    if not any(isinstance(step, ReplaceFile) and step.path == config for step in plan.steps):
        raise Refused(
            f"{entry.id} added profiles to the multiplexer and did not switch the run mode",
            target=entry.id,
            code="partial",
            hint="switch back with `hermes-profiles team run-mode processes`",
        )
    return switch.undo_multiplex() if mode == MULTIPLEX else switch.to_multiplex()


def take_back_switch(session: FleetSession) -> RunModeResult | None:
    """Take an unfinished switch back whose files are not written, or are restored already; None for another one.

    An undo of the newest change would meet a change from before the switch.
    """
    record = saved_state.read_saved_state(session.layout)
    switch = RunMode(session, yes=True)
    if record is None or not switch.is_one_gateway:
        return None
    journal = Journal(session.layout.state)
    newest = next((each for each in journal.entries() if each.can_be_undone), None)
    since = record.apart_since or record.since
    config = str(session.layout.home(DEFAULT) / CONFIG_FILE)
    is_part = newest is not None and newest.started >= since and saved_state.is_mode_switch(journal, newest)
    if newest is not None and is_part and any(step.target == config for step in newest.steps):
        return None  # else the newest change only removed services before the files
    if record.phase is saved_state.SwitchPhase.SEPARATING:
        return RunMode(session, yes=True, write=apply_plan(session.world)).to_multiplex()
    return switch.undo_multiplex()


def _undoing(layout: Layout, entry: ChangeEntry) -> Callable[[ChangePlan], str]:
    """Return the function that undoes a change instead of making the one it is given, and returns the undo's id.

    Services that the given change removes are removed first: Hermes rewrites them at each start, and an undo leaves
    alone what was changed since.
    """

    def write(plan: ChangePlan) -> str:
        gone = tuple(
            step
            for step in plan.steps
            if isinstance(step, ReplaceFile) and step.removes and saved_state.is_service_file(layout, step.path)
        )
        if gone:
            apply(replace(plan, steps=gone), layout=layout)
        return undo(layout, entry.id).change_id

    return write
