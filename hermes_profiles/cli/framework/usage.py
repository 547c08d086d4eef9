"""Hints about arguments that do not fit: the usage, and an example with the profiles that are there."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.cli.completion.command_tree import (
    CHANNEL,
    MEMBER,
    NAMED,
    ONE_PROFILE,
    TEXT,
    Argument,
    Command,
    command_of,
)
from hermes_profiles.model.names import DEFAULT

from . import output
from .pick import is_user_there, pick_one, pick_profile

# Their profile can be a new one.
_MAY_BE_NEW = (("team", "add"),)
# The usual channels, to choose from; any other may be typed.
_CHANNELS = ("telegram", "discord", "slack", "weixin", "whatsapp", "signal", "matrix", "email")
# Arguments that are the name of a new profile, and what is asked.
_NEW_NAMES: Mapping[tuple[str, ...], str] = {
    ("rename", "new"): "its new name",
    ("clone", "name"): "name of the new profile",
}


def usage_hint(context: Any, names: Sequence[str]) -> str:
    """Return the hint of a usage error of a command, with an example. `names`: the profiles that are there."""
    example = example_with(_command_of(context), names)
    usage = context.get_usage().replace("Usage:", "usage:")
    return f"{usage}{f', such as {example}' if example else ''}; see `{context.command_path} --help`"


def _command_of(context: Any) -> Command:
    program, *words = context.command_path.split()
    return command_of(program, tuple(words), context.command)


def example_with(command: Command, names: Sequence[str]) -> str:
    """Return the simplest example of a command, with profiles that are there; "" without one."""
    if not command.examples:
        return ""
    words = shlex.split(command.examples[0], comments=False)[1 + len(command.path) :]
    own = _OwnNames(names, words)
    shown = [own.replaced(word, kind) for word, kind in _with_kinds(words, command)]
    return " ".join((command.name, *map(shlex.quote, shown)))


class _OwnNames:
    """Replaces the profiles of an example by those that are there, each by another one."""

    def __init__(self, names: Sequence[str], words: Sequence[str]) -> None:
        self._names = names
        self._given: dict[str, str] = {}
        self._free = [name for name in names if name not in words and name != DEFAULT]

    def replaced(self, word: str, kind: str | None) -> str:
        """Return the word for this place: a profile, or the name of a new one."""
        if kind == TEXT and word in self._names:  # the name of a new profile
            return f"{word}-2"
        if kind not in (*ONE_PROFILE, MEMBER) or word in self._names:
            return word
        if word not in self._given:
            spare = DEFAULT if DEFAULT in self._names and kind != NAMED else word
            self._given[word] = self._free.pop(0) if self._free else spare
        return self._given[word]


def _with_kinds(words: Sequence[str], command: Command) -> Iterator[tuple[str, str | None]]:
    """Yield each word of an example with its kind, "" for the name of an option."""
    options = {name: option for option in command.options for name in option.names}
    places = _places(command.arguments)
    value_of = None
    for word in words:
        if value_of is not None:
            yield word, value_of.kind if value_of.kind != TEXT else ""
            value_of = None
        elif word.startswith("-") and word != "-":
            option = options.get(word)
            value_of = option if option is not None and option.takes_value else None
            yield word, ""
        else:
            yield word, next(places, None)


def _places(arguments: Sequence[Argument]) -> Iterator[str | None]:
    for argument in arguments:
        yield argument.kind
        while argument.repeatable:
            yield argument.kind


def asked_argument(error: Any, given: Sequence[str], names: Callable[[], Sequence[str]]) -> str | None:
    """Return what a user chooses for the argument that is missing; None where none is asked for.

    A user has to be there: all three streams are terminals, and the answer is not for a program. Nothing is asked where
    another missing argument cannot be asked for.
    """
    context, missing = getattr(error, "ctx", None), getattr(error, "param", None)
    if context is None or missing is None or "--json" in given or not is_user_there():
        return None
    command = _command_of(context)
    required = [argument for argument in command.arguments if argument.required]
    names_of = [argument.name for argument in required]
    left = required[names_of.index(missing.name) :] if missing.name in names_of else []
    questions = [_question(command, argument, names) for argument in left]
    first = questions[0] if questions and None not in questions else None
    return first() if first is not None else None


def _question(
    command: Command, argument: Argument, names: Callable[[], Sequence[str]]
) -> Callable[[], str | None] | None:
    """Return what asks for an argument, None for one that is not asked for."""
    if argument.kind in ONE_PROFILE:
        may_be_new = command.path in _MAY_BE_NEW

        def choose() -> str | None:
            choices = [name for name in names() if name != DEFAULT or argument.kind != NAMED]
            return pick_profile(choices, may_be_new=may_be_new)

        return choose
    if argument.kind == CHANNEL:
        return lambda: pick_one(_CHANNELS, "which channel", is_open=True)
    asked = _NEW_NAMES.get((*command.path, argument.name))
    return (lambda: output.ask(f"{asked}: ") or None) if asked is not None else None
