"""The completion scripts of the shells, made from the tree of commands (command_tree.py).

Fixed words are in the script; `PROGRAM __complete` (candidates.py) returns names from the disk.
"""

from __future__ import annotations

from collections.abc import Callable

from hermes_profiles.cli.completion.bash import script as bash
from hermes_profiles.cli.completion.command_tree import Command
from hermes_profiles.cli.completion.fish import script as fish
from hermes_profiles.cli.completion.zsh import script as zsh

# How a script is called where a shell looks for it by itself.
FILES = {"bash": "{}.bash", "zsh": "_{}", "fish": "{}.fish"}
_SCRIPTS: dict[str, Callable[[Command], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def script(shell: str, program: Command) -> str:
    """Return the completion script of one program for `bash`, `zsh` or `fish`."""
    return _SCRIPTS[shell](program)


def both(shell: str, scripts: tuple[str, str]) -> str:
    """Return the scripts of both programs as one text. zsh reads the program names from the first line."""
    text = "\n".join(scripts)
    return text.replace("#compdef hermes-profiles\n", "#compdef hermes-profiles hermes-gateways\n", 1)
