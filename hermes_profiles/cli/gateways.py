"""`hermes-gateways`: the table of commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from . import ending

COMMANDS = {
    "install": "fleet_service:install",
    "start": "fleet_run:start",
    "stop": "fleet_run:stop",
    "restart": "fleet_run:restart",
    "status": "fleet_view:status",
    "list": "fleet_view:list_gateways",
    "logs": "fleet_logs:logs",
    "enable": "fleet_switch:enable",
    "disable": "fleet_switch:disable",
    "group": "fleet_switch:group",
    "reset": "fleet_switch:reset",
    "print": "fleet_service:print_service",
    "stage": "fleet_service:stage",
    "uninstall": "fleet_service:uninstall",
    "awake": "fleet_awake:awake",
}
# What services call; not shown.
HIDDEN = {"prestart": "prestart:prestart", "awake-hold": "awake_hold:awake_hold"}
SUMMARY = "One service for every profile's gateway, and one command for all of them."
EPILOG = """Examples:

\b
  hermes-gateways install --start   a service for every profile, started
  hermes-gateways status
  hermes-gateways restart --rolling
  hermes-gateways stop work

Exit codes: 0 done, 1 failed, 2 usage, 3 a gateway is down, 4 no service manager, 5 not found,
6 refused for safety, 130 interrupted."""


def main() -> None:
    """Run `hermes-gateways` and end the process."""
    ending.exit_after(ending.answer_tab if ending.is_tab() else lambda: run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> None:
    """Run `hermes-gateways` with these words; always ends with SystemExit."""
    from . import lazy  # Typer takes a while to import, and somebody may press Ctrl-C meanwhile

    hidden = HIDDEN if arguments[:1] and arguments[0] in HIDDEN else {}
    lazy.main("hermes-gateways", SUMMARY, COMMANDS | hidden, EPILOG, arguments)


if __name__ == "__main__":
    main()
