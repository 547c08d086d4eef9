"""Write the completion scripts of this folder from the tables of commands: `python completions/generate.py`.

The scripts ask `hermes-profiles list --names` for the profiles there are. A test fails when they are out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))
from hermes_profiles.cli import gateways, profiles

FOLDER = Path(__file__).parent
NAMES = "hermes-profiles list --names 2>/dev/null"


class Program(NamedTuple):
    """A command and what its words can be.

    `with_profile`: commands whose arguments are names of profiles; `profile_options`: options whose value is one;
    `choices`: options (`--x`) and commands whose value, or argument, is one of a few words.
    """

    name: str
    commands: tuple[str, ...]
    with_profile: tuple[str, ...]
    profile_options: tuple[str, ...]
    choices: Mapping[str, str]

    @property
    def function(self) -> str:
        """Return the name of the shell function."""
        return "_" + self.name.replace("-", "_")


PROFILES = Program(
    "hermes-profiles", tuple(profiles.COMMANDS),
    ("clone", "show", "use", "rename", "delete", "alias", "diff", "doctor", "repair"),
    ("--clone-from", "--profile", "-p", "--from", "--to"),
    {"trash": "list empty", "config": "get set unset", "env": "list set unset"},
)  # fmt: skip
GATEWAYS = Program(
    "hermes-gateways", tuple(gateways.COMMANDS), tuple(gateways.COMMANDS), ("--except", "--owner", "--remove"),
    {"--manager": "systemd launchd supervisor", "--on-conflict": "mask refuse ignore"},
)  # fmt: skip


def bash(program: Program) -> str:
    """Return the script for bash."""
    cases = [
        (f"[[ {'$previous' if word.startswith('-') else '$command'} == {word} ]]", f'"{values}"')
        for word, values in program.choices.items()
    ]
    options = " || ".join(f"$previous == {option}" for option in program.profile_options)
    cases.insert(0, (f"[[ {options} ]]", f'"$({NAMES})"'))
    cases.append((f"[[ $command == @({'|'.join(program.with_profile)}) && $current != -* ]]", f'"$({NAMES})"'))
    branches = "".join(
        f'    elif {test}; then\n        mapfile -t COMPREPLY < <(compgen -W {words} -- "$current")\n'
        for test, words in cases
    )
    return f"""\
# bash completion of {program.name}; source it, or put it into ~/.local/share/bash-completion/completions/
{program.function}() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "{" ".join(program.commands)}" -- "$current")
{branches}    fi
}}
complete -F {program.function} {program.name}
"""


def zsh(program: Program) -> str:
    """Return the script for zsh."""
    branches = "".join(
        f"    elif [[ ${{words[{'CURRENT-1' if word.startswith('-') else '2'}]}} == {word} ]]; then\n"
        f"        compadd -- {values}\n"
        for word, values in program.choices.items()
    )
    options, commands = "|".join(program.profile_options), "|".join(program.with_profile)
    return f"""\
#compdef {program.name}
# zsh completion of {program.name}; put it into a folder of $fpath as _{program.name}
{program.function}() {{
    local -a names
    if ((CURRENT == 2)); then
        compadd -- {" ".join(program.commands)}
{branches}    elif [[ ${{words[CURRENT-1]}} == ({options}) || ${{words[2]}} == ({commands}) ]]; then
        names=(${{(f)"$({NAMES})"}})
        compadd -- $names
    fi
}}
compdef {program.function} {program.name}
"""


def fish(program: Program) -> str:
    """Return the script for fish."""
    name = program.name
    lines = [
        f"# fish completion of {name}; put it into ~/.config/fish/completions/",
        f"complete -c {name} -f",
        f'complete -c {name} -n __fish_use_subcommand -a "{" ".join(program.commands)}"',
        f'complete -c {name} -n "__fish_seen_subcommand_from {" ".join(program.with_profile)}" -a "({NAMES})"',
    ]
    lines += [
        f'complete -c {name} -l {option.removeprefix("--")} -x -a "({NAMES})"'
        for option in program.profile_options
        if option.startswith("--")
    ]
    for word, values in program.choices.items():
        if word.startswith("--"):
            lines.append(f'complete -c {name} -l {word.removeprefix("--")} -x -a "{values}"')
        else:
            lines.append(f'complete -c {name} -n "__fish_seen_subcommand_from {word}" -a "{values}"')
    return "\n".join(lines) + "\n"


SCRIPTS: dict[str, Callable[[], str]] = {
    file.format(program.name): partial(script, program)
    for program in (PROFILES, GATEWAYS)
    for file, script in (("{}.bash", bash), ("_{}", zsh), ("{}.fish", fish))
}


def main() -> None:
    """Write all scripts."""
    for name, script in SCRIPTS.items():
        (FOLDER / name).write_text(script(), encoding="utf-8")


if __name__ == "__main__":
    main()
