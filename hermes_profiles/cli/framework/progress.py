"""Progress on stderr: a live line for each gateway under way on a terminal, each outcome as it comes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from . import output

if TYPE_CHECKING:
    from hermes_profiles.fleet.outcomes import FleetStep, Outcome
    from hermes_profiles.model.errors import Problem
    from hermes_profiles.operations.events import Event


class ProgressReporter:
    """Prints the events of an operation; `printed`: the warnings that were shown already."""

    def __init__(self) -> None:
        self._live = output.LiveLines()
        self._stepped: set[str] = set()
        self._seen: dict[str, float] = {}
        self.printed: list[Problem] = []

    def on_outcome(self, outcome: Outcome) -> None:
        """Print the outcome of one profile."""
        self._live.drop(outcome.profile, f"{outcome.profile}: {outcome.outcome}{in_brackets(outcome.detail)}")

    def on_progress(self, event: Event) -> None:
        """Show what is done with each gateway, and print a warning while the user can still interrupt.

        Not the state of a gateway under way: between its end and its start it looks failed.
        """
        if event.warning is not None:
            self.printed.append(event.warning)
            output.report_problem("warning", event.warning)
        self._stepped |= event.steps.keys()
        lines = {name: step_text(step) for name, step in event.steps.items()}
        for name in event.gateways.keys() - self._stepped:
            begun = self._seen.setdefault(name, time.monotonic())
            lines[name] = f"waiting, {int(time.monotonic() - begun)} s"
        self._live.show(lines)

    def end(self) -> None:
        """Remove the live lines."""
        self._live.end()


def step_text(step: FleetStep) -> str:
    """Return a step with its time and the limit: `starting, 3 of 90 s`."""
    return f"{step.doing}, {int(step.elapsed)} of {step.limit:.0f} s"


def in_brackets(text: str) -> str:
    """Return a text in brackets after a space, nothing for none."""
    return f" ({text})" if text else ""
