"""`hermes-profiles`: the entry point."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .framework import process_exit


def main() -> None:
    """Run `hermes-profiles` and end the process."""
    process_exit.exit_after(process_exit.answer_tab if process_exit.is_tab() else lambda: run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> None:
    """Run `hermes-profiles` with these arguments; always ends with SystemExit."""
    if arguments[:1] == ["from-hermes"]:  # called by the shim and by the Hermes plugin; in no help
        from . import hermes_args

        hermes_args.run(arguments[1:])
    from .command_table import HERMES_PROFILES
    from .framework.program import run_program

    run_program(HERMES_PROFILES, arguments)
