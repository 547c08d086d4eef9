"""Command lines of launchers and of code given on the command line (`python -I -c CODE gateway run`). Pure.

Launchers and units of later releases start Hermes like that. Any other code is data of another program: the helper that
restarts a gateway carries the command line of a gateway, and is not a gateway.
"""

from __future__ import annotations

from collections.abc import Sequence

from hermes_profiles.hermes.cli import (
    CODE_OF_LAUNCHER,
    CODE_OF_RESTART,
    CODE_OF_UNIT,
    ENTRY_PATHS,
    HOME_IN_CODE,
    MODULE,
    PROGRAM,
    RUN_MODULE,
)

_WITH_VALUE = "XW"  # options of the interpreter whose value is the rest of the argument, or the next argument


def unwrapped(argv: Sequence[str]) -> tuple[str, ...]:
    """Return a command line with `-m MODULE` in place of code or of a launcher that runs a module of Hermes.

    A launcher without `--run-module` is left as it is.
    """
    at = _code_at(argv)
    if at is not None:
        arguments = _arguments(argv[at], argv[at + 1 :])
        return (argv[0], "-m", *_module(arguments)) if arguments is not None else tuple(argv)
    # A launcher is a shell script: its path is the first argument, or the one after the shell.
    for place, word in enumerate(argv[:2]):
        if argv[place + 1 : place + 2] == (RUN_MODULE,) and (word == PROGRAM or word.endswith(ENTRY_PATHS)):
            return ("python", "-m", *_module(argv[place + 1 :]))
    return tuple(argv)


def _module(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the module that a launcher runs, and its arguments up to a `--`: another command follows that."""
    if tuple(arguments[:1]) != (RUN_MODULE,):
        return (MODULE, *arguments)
    rest = tuple(arguments[1:])
    return rest[: rest.index("--")] if "--" in rest else rest


def home_in_code(argv: Sequence[str]) -> str | None:
    """Return the home that such code sets where the environment has none, None for other command lines."""
    at = _code_at(argv)
    _, found, rest = argv[at].partition(HOME_IN_CODE) if at is not None else ("", "", "")
    value = _literal(rest) if found else None
    return value if isinstance(value, str) else None


def _code_at(argv: Sequence[str]) -> int | None:
    """Return the place of the code after `-c`, None where the interpreter runs no code from its command line."""
    at = 1
    while at < len(argv) and argv[at].startswith("-") and not argv[at].startswith("--"):
        word = argv[at]
        for place, letter in enumerate(word[1:], 2):
            if letter == "c":  # the code is the rest of the argument, or the next one
                return at + 1 if not word[place:] and at + 1 < len(argv) else None
            if letter in _WITH_VALUE:
                at += not word[place:]
                break
        at += 1
    return None


def _arguments(code: str, given: Sequence[str]) -> Sequence[str] | None:
    """Return the arguments of the Hermes that the code runs, None for other code."""
    text = code.strip()
    if text.startswith(CODE_OF_UNIT[0]) and text.endswith(CODE_OF_UNIT[1]):
        return given
    first, module, last = CODE_OF_LAUNCHER
    if text.startswith(first) and module in text and text.endswith(last):
        return given
    if not (text.startswith(CODE_OF_RESTART[0]) and MODULE in text):
        return None
    words = _literal(text.partition(CODE_OF_RESTART[1])[2])
    return [str(word) for word in words[1:]] if isinstance(words, list) and words else None


def _literal(text: str) -> object:
    """Return the Python literal at the beginning of a text, up to a semicolon; None for other text."""
    import ast

    at = text.find(";")
    while at >= 0:
        try:
            return ast.literal_eval(text[:at].strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            at = text.find(";", at + 1)
    return None
