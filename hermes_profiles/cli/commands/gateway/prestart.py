"""prestart: the step that a service runs before its gateway. Not for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.options import Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.prestart import prepare_start


def prestart(
    profile: Annotated[str, typer.Argument(help="Name of the profile.")],
    managed: Annotated[Path | None, typer.Option("--managed", help="Managed directory to carry over.")] = None,
    boot_delay: Annotated[float, typer.Option("--boot-delay", min=0, help="Seconds to wait at boot.")] = 0.0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Refresh a profile's overlay just before its gateway starts (services call this)."""
    session = FleetSession(home, json)

    def body() -> Answer:
        note = lambda name: _note_wait(name, boot_delay)  # noqa: E731
        start = prepare_start(session, profile, managed, boot_delay, note, _note_refusal)
        data = {"profile": start.profile, "masked_channels": [mask.channel for mask in start.masks]}
        return Answer(Result(("prestart",), data, warnings=list(start.warnings)), lambda: ())

    run(("prestart",), session, body)


def _note_refusal(reason: str) -> None:
    output.note(f"error: {reason}; it tries again")


def _note_wait(name: str, seconds: float) -> None:
    output.note(f"{name}: waits {seconds:g} s, so that not all gateways start at once")
