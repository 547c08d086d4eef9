"""`hermes-profiles`: the table of commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .framework import process_exit

COMMANDS = {
    "create": "profile.create:create",
    "clone": "profile.create:clone",
    "list": "profile.list:list_profiles",
    "show": "profile.list:show",
    "use": "profile.manage:use",
    "rename": "profile.manage:rename",
    "delete": "profile.manage:delete",
    "restore": "profile.manage:restore",
    "trash": "profile.trash:app",
    "alias": "profile.manage:alias",
    "config": "profile.config:app",
    "env": "profile.env:app",
    "diff": "profile.diff_sync:diff",
    "sync": "profile.diff_sync:sync",
    "undo": "profile.manage:undo",
    "team": "team.app:app",
    "doctor": "profile.doctor:doctor",
    "repair": "profile.repair:repair",
    "explain": "profile.explain:explain",
    "catalog": "profile.explain:catalog",
    "completion": "profile.completion:completion",
    "shim": "profile.shim:app",
    "demo": "demo.demo:demo",
}
SUMMARY = "Create, clone and care for the profiles of Hermes Agent. A clone never carries an identity."
EPILOG = """Examples:

\b
  hermes-profiles demo                see it all in a sandbox
  hermes-profiles clone default work  a new agent like default, no bots
  hermes-profiles create work --clone --dry-run
  hermes-profiles list

Exit codes: 0 done, 1 failed, 2 usage, 3 negative answer, 4 no service manager, 5 not found,
6 refused for safety, 130 interrupted."""


def main() -> None:
    """Run `hermes-profiles` and end the process."""
    process_exit.exit_after(process_exit.answer_tab if process_exit.is_tab() else lambda: run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> None:
    """Run `hermes-profiles` with these words; always ends with SystemExit."""
    if arguments[:1] == ["from-hermes"]:  # what the shim and the Hermes plugin call; not shown
        from . import hermes_args

        hermes_args.run(arguments[1:])
    from .framework import app  # Typer takes a while to import, and somebody may press Ctrl-C meanwhile

    app.main("hermes-profiles", SUMMARY, COMMANDS, EPILOG, arguments)
