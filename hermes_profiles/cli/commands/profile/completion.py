"""completion: print the completion script of a shell for both programs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.prose import Verbatim
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import Result, UsageProblem
from hermes_profiles.operations.context import Session

# Where a wheel has the scripts of completions/, ready to be printed.
_SHIPPED = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "scripts")
_PROGRAMS = ("hermes-profiles", "hermes-gateways")
SHELLS = ("bash", "zsh", "fish")


@command(
    "completion",
    examples=("hermes-profiles completion bash", "hermes-profiles completion zsh", "hermes-profiles completion fish"),
    home=False,
)
def completion(
    session: Session,
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="Your shell.")],
) -> Answer:
    """Print the completion script of both programs for a shell.

    bash: have `eval "$(hermes-profiles completion bash)"` in ~/.bashrc. zsh: write it to a file `_hermes-profiles` in a
    folder of $fpath. fish: write it to `hermes-profiles.fish` and `hermes-gateways.fish` in ~/.config/fish/completions.
    """
    if shell not in SHELLS:
        raise UsageProblem(
            f"no completion for {shell!r}",
            target=shell,
            code="no-such-shell",
            hint=f"there is one for each of {', '.join(SHELLS)}: `hermes-profiles completion bash`",
        )
    text = _script(shell)
    return Answer(Result(("completion",), {"shell": shell, "script": text}), lambda: map(Verbatim, text.splitlines()))


def _script(shell: str) -> str:
    """Return the script of both programs: as it was shipped, or made now where the package was not built."""
    from hermes_profiles.cli.completion import scripts

    shipped = [_read(scripts.FILES[shell].format(program)) for program in _PROGRAMS]
    if all(shipped):
        first, second = shipped
    else:
        from hermes_profiles.cli.completion import program_trees

        first, second = (scripts.script(shell, program) for program in program_trees.programs())
    return scripts.both(shell, (first, second))


def _read(name: str) -> str:
    try:
        with open(os.path.join(_SHIPPED, name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
