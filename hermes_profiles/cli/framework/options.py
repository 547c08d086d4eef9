"""Options that many commands share, declared once so that they read the same everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

Home = Annotated[
    str | None,
    typer.Option(
        "--home", metavar="PATH", help="Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as one JSON object.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
