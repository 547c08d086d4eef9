"""The options of an account: of `connect`, and of a clone that is connected at once."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.framework.options import Timeout
from hermes_profiles.fleet.protocols import SETTLE
from hermes_profiles.model.named_tuple import NamedTuple

Allow = Annotated[
    str | None,
    typer.Option("--allow", metavar="IDS", help="Ids of the users who may talk to it, separated by commas."),
]
Offline = Annotated[bool, typer.Option("--offline", help="Do not ask the platform which account the token belongs to.")]
Api = Annotated[
    str | None,
    typer.Option("--api", metavar="URL", help="Address of the platform's API, where it is not the public one."),
]
Start = Annotated[
    bool | None,
    typer.Option("--start/--no-start", help="Install and start its gateway, and wait until it is connected."),
]


class ConnectOptions(NamedTuple):
    """The options of an account, and of the start of its gateway."""

    allow: Allow = None
    api: Api = None
    offline: Offline = False
    start: Start = None
    timeout: Timeout = SETTLE

    @property
    def allowed(self) -> tuple[str, ...] | None:
        """Return the ids in `--allow`, None without the option."""
        return tuple(self.allow.split(",")) if self.allow is not None else None

    def used(self) -> str | None:
        """Return the first option that was given, None for none."""
        given = {"--allow": self.allow, "--api": self.api, "--offline": self.offline or None, "--start": self.start}
        return next((option for option, value in given.items() if value is not None), None)
