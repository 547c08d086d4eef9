"""Options that many commands share, declared once so that they read the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hermes_profiles.model.named_tuple import NamedTuple

if TYPE_CHECKING:
    from hermes_profiles.fleet.selection import Selection
    from hermes_profiles.operations.fleet_context import FleetSession

Home = Annotated[
    str | None,
    typer.Option(
        "--home", metavar="PATH", help="Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as one JSON object.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

Place = Annotated[
    str | None,
    typer.Option("--place", metavar="NAME|all", help="In this place (see `place list`), or in all of them at once."),
]

# Of commands that show a table.
Wide = Annotated[bool, typer.Option("--wide", help="Show all columns, however narrow the terminal is.")]
Color = Annotated[
    str, typer.Option("--color", metavar="auto|always|never", help="Colour the states (auto: on a terminal).")
]

# Of commands about gateways.
Names = Annotated[list[str] | None, typer.Argument(metavar="[PROFILE]...", help="Profiles (default: all).")]
Except = Annotated[list[str] | None, typer.Option("--except", metavar="PROFILE", help="Leave this profile out.")]
Group = Annotated[str | None, typer.Option("--group", metavar="GROUP", help="The profiles of this group.")]
ManagerName = Annotated[
    str | None,
    typer.Option("--manager", metavar="NAME", help="systemd, launchd or supervisor instead of the one found."),
]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, metavar="N", help="At most N at a time (default: all).")]
Stagger = Annotated[
    float | None,
    typer.Option("--stagger", min=0, metavar="SECONDS", help="Seconds between two starts (default: by count)."),
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=1, metavar="SECONDS", help="How long one gateway may take to come up.")
]
OnConflict = Annotated[
    str,
    typer.Option(
        "--on-conflict",
        metavar="mask|refuse|ignore",
        help="Where two profiles hold one identity or port: switch the channel off in the later one, refuse to start "
        "it, or start it all the same.",
    ),
]
Owner = Annotated[
    list[str] | None, typer.Option("--owner", metavar="PROFILE", help="The profile that keeps a shared channel.")
]
Force = Annotated[bool, typer.Option("--force", help="Do it although it would be refused for safety.")]

# Of commands that switch a service of ours.
SWITCH_ACTIONS = ("on", "off", "status")
SwitchAction = Annotated[str, typer.Argument(metavar="[on|off|status]", help="What to do.")]


class Targets(NamedTuple):
    """The profiles that a command about gateways acts on."""

    profiles: Names = None
    excluded: Except = None
    group: Group = None

    def selected(self, session: FleetSession) -> Selection:
        """Return the selected profiles. Raises UsageProblem and NotFound."""
        return session.selection(self.profiles or (), self.excluded or (), self.group)
