"""`hermes-gateways`: the entry point. Installed services call it by this module path."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .framework import process_exit


def main() -> None:
    """Run `hermes-gateways` and end the process."""
    process_exit.exit_after(process_exit.answer_tab if process_exit.is_tab() else lambda: run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> None:
    """Run `hermes-gateways` with these arguments; always ends with SystemExit."""
    from .command_table import HERMES_GATEWAYS
    from .framework.program import run_program

    run_program(HERMES_GATEWAYS, arguments)


if __name__ == "__main__":
    main()
