"""Progress on stderr: a live line for each gateway under way on a terminal, each outcome as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import output

if TYPE_CHECKING:
    from hermes_profiles.fleet.outcomes import Outcome
    from hermes_profiles.model.errors import Problem
    from hermes_profiles.operations.events import Event


class ProgressReporter:
    """Prints the events of an operation; `printed`: the warnings that were shown already."""

    def __init__(self) -> None:
        self._live = output.LiveLines()
        self.printed: list[Problem] = []

    def on_outcome(self, outcome: Outcome) -> None:
        """Print the outcome of one profile."""
        self._live.drop(outcome.profile, f"{outcome.profile}: {outcome.outcome}{in_brackets(outcome.detail)}")

    def on_progress(self, event: Event) -> None:
        """Show the gateways under way, and print a warning while the user can still interrupt."""
        if event.warning is not None:
            self.printed.append(event.warning)
            output.note(f"warning: {event.warning.message}")
            output.note(f"hint: {event.warning.hint}")
        self._live.show(
            {name: f"{gateway.state}{in_brackets(gateway.detail)}" for name, gateway in event.gateways.items()}
        )

    def end(self) -> None:
        """Remove the live lines."""
        self._live.end()


def in_brackets(text: str) -> str:
    """Return a text in brackets after a space, nothing for none."""
    return f" ({text})" if text else ""
