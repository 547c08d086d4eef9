"""The trees of both programs. Not in command_tree.py: the app of a program reads its commands there."""

from __future__ import annotations

from hermes_profiles.cli.command_table import HERMES_GATEWAYS, HERMES_PROFILES, CliProgram
from hermes_profiles.cli.framework.app import typer_app

from .command_tree import Command, command_of


def programs() -> tuple[Command, Command]:
    """Return the trees of `hermes-profiles` and `hermes-gateways`; every module of a command is imported."""
    return _program(HERMES_PROFILES), _program(HERMES_GATEWAYS)


def _program(program: CliProgram) -> Command:
    from typer.main import get_command

    return command_of(program.name, (), get_command(typer_app(program)))
