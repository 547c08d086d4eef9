"""`hermes-gateways`: the table of commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .framework import process_exit

COMMANDS = {
    "install": "gateway.services:install",
    "start": "gateway.start_stop:start",
    "stop": "gateway.start_stop:stop",
    "restart": "gateway.start_stop:restart",
    "status": "gateway.status:status",
    "list": "gateway.status:list_gateways",
    "logs": "gateway.logs:logs",
    "enable": "gateway.enable_group:enable",
    "disable": "gateway.enable_group:disable",
    "group": "gateway.enable_group:group",
    "reset": "gateway.enable_group:reset",
    "print": "gateway.services:print_service",
    "stage": "gateway.services:stage",
    "uninstall": "gateway.services:uninstall",
    "awake": "gateway.awake:awake",
}
# What services call; not shown.
HIDDEN = {"prestart": "gateway.prestart:prestart", "awake-hold": "gateway.awake_hold:awake_hold"}
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
    process_exit.exit_after(process_exit.answer_tab if process_exit.is_tab() else lambda: run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> None:
    """Run `hermes-gateways` with these words; always ends with SystemExit."""
    from .framework import app  # Typer takes a while to import, and somebody may press Ctrl-C meanwhile

    hidden = HIDDEN if arguments[:1] and arguments[0] in HIDDEN else {}
    app.main("hermes-gateways", SUMMARY, COMMANDS | hidden, EPILOG, arguments)


if __name__ == "__main__":
    main()
