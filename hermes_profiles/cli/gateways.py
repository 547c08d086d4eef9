"""`hermes-gateways`: one command for the whole fleet; its commands come with the fleet."""

from __future__ import annotations

import sys

from hermes_profiles import __version__
from hermes_profiles.model.result import ExitCode

from . import output


def main() -> None:
    """Say that the fleet commands are not there yet; ends with SystemExit."""
    if "--version" in sys.argv[1:]:
        output.write_lines([f"hermes-gateways {__version__}"])
        raise SystemExit(0)
    output.note("hermes-gateways: coming with the next release")
    output.note("hint: until then start a profile's gateway with `hermes -p NAME gateway run`")
    raise SystemExit(int(ExitCode.FAILED))
