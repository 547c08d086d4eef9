"""The words of a command again, from its parsed options and arguments: for the same command in a place."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any


def given_words(parameters: Iterable[inspect.Parameter], values: Mapping[str, Any]) -> list[str]:
    """Return the options and arguments that were given, without those that have their default.

    Values are joined to their option by `=` and arguments follow `--`, so that none can be taken for an option.
    """
    options: list[str] = []
    arguments: list[str] = []
    for parameter in parameters:
        value = values[parameter.name]
        (info,) = getattr(parameter.annotation, "__metadata__", (None,))
        if info is None or value is None or value == parameter.default:
            continue
        texts = [*map(str, value)] if isinstance(value, list | tuple) else [value if value is True else str(value)]
        if type(info).__name__ == "ArgumentInfo":
            arguments += map(str, texts)
            continue
        # In an annotation, Typer keeps the first name as the default of the option.
        first = info.default if isinstance(info.default, str) else ""
        name = _long_name(parameter.name, (first, *(info.param_decls or ())))
        options += [name if text is True else f"{name}={text}" for text in texts]
    return [*options, *(["--", *arguments] if arguments else [])]


def _long_name(parameter: str, declared: Iterable[str]) -> str:
    """Return the long name of an option, without the one that switches it off."""
    found = next((each for each in declared if each.startswith("--")), "")
    return found.partition("/")[0] or "--" + parameter.replace("_", "-")
