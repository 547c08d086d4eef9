"""Write the completion scripts of this folder from the table of commands: `python completions/generate.py`.

The scripts ask `hermes-profiles list --names` for the profiles there are. A test fails when they are out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from hermes_profiles.cli.profiles import COMMANDS

FOLDER = Path(__file__).parent
# Commands whose arguments are names of profiles.
WITH_PROFILE = ("clone", "show", "use", "rename", "delete", "alias")
NAMES = "hermes-profiles list --names 2>/dev/null"


def bash() -> str:
    """Return the script for bash."""
    return f"""\
# bash completion of hermes-profiles; source it, or put it into ~/.local/share/bash-completion/completions/
_hermes_profiles() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "{" ".join(COMMANDS)}" -- "$current")
    elif [[ $previous == --clone-from || $previous == --profile || $previous == -p ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$({NAMES})" -- "$current")
    elif [[ $command == @({"|".join(WITH_PROFILE)}) && $current != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$({NAMES})" -- "$current")
    elif [[ $command == trash ]]; then
        mapfile -t COMPREPLY < <(compgen -W "list empty" -- "$current")
    fi
}}
complete -F _hermes_profiles hermes-profiles
"""


def zsh() -> str:
    """Return the script for zsh."""
    return f"""\
#compdef hermes-profiles
# zsh completion of hermes-profiles; put it into a folder of $fpath as _hermes-profiles
_hermes_profiles() {{
    local -a names
    if ((CURRENT == 2)); then
        compadd -- {" ".join(COMMANDS)}
    elif [[ ${{words[CURRENT-1]}} == (--clone-from|--profile|-p) || ${{words[2]}} == ({"|".join(WITH_PROFILE)}) ]]; then
        names=(${{(f)"$({NAMES})"}})
        compadd -- $names
    elif [[ ${{words[2]}} == trash ]]; then
        compadd -- list empty
    fi
}}
compdef _hermes_profiles hermes-profiles
"""


def fish() -> str:
    """Return the script for fish."""
    return f"""\
# fish completion of hermes-profiles; put it into ~/.config/fish/completions/
complete -c hermes-profiles -f
complete -c hermes-profiles -n __fish_use_subcommand -a "{" ".join(COMMANDS)}"
complete -c hermes-profiles -n "__fish_seen_subcommand_from {" ".join(WITH_PROFILE)}" -a "({NAMES})"
complete -c hermes-profiles -l clone-from -x -a "({NAMES})"
complete -c hermes-profiles -n "__fish_seen_subcommand_from trash" -a "list empty"
"""


SCRIPTS = {"hermes-profiles.bash": bash, "_hermes-profiles": zsh, "hermes-profiles.fish": fish}


def main() -> None:
    """Write all three scripts."""
    for name, script in SCRIPTS.items():
        (FOLDER / name).write_text(script(), encoding="utf-8")


if __name__ == "__main__":
    main()
