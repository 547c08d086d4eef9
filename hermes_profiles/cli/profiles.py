"""`hermes-profiles`: the table of commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from . import ending

COMMANDS = {
    "create": "make:create",
    "clone": "make:clone",
    "list": "inspect:list_profiles",
    "show": "inspect:show",
    "use": "manage:use",
    "rename": "manage:rename",
    "delete": "manage:delete",
    "restore": "manage:restore",
    "trash": "trash:app",
    "alias": "manage:alias",
    "config": "settings:app",
    "env": "environment:app",
    "diff": "compare:diff",
    "sync": "compare:sync",
    "undo": "manage:undo",
    "team": "team:app",
    "doctor": "doctor:doctor",
    "repair": "repair:repair",
    "explain": "explain:explain",
    "catalog": "explain:catalog",
    "completion": "completion:completion",
    "shim": "shim:app",
    "demo": "demo:demo",
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
    ending.exit_after(ending.answer_tab if ending.is_tab() else lambda: run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> None:
    """Run `hermes-profiles` with these words; always ends with SystemExit."""
    if arguments[:1] == ["from-hermes"]:  # what the shim and the Hermes plugin call; not shown
        from . import hermes_words

        hermes_words.run(arguments[1:])
    from . import lazy  # Typer takes a while to import, and somebody may press Ctrl-C meanwhile

    lazy.main("hermes-profiles", SUMMARY, COMMANDS, EPILOG, arguments)
