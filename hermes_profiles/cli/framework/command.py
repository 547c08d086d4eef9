"""The decorator of a command: its path, its examples, and the options that every command shares."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_type_hints

import typer

from .options import Color, Home, Json, ManagerName, Wide
from .run import Answer, run

_SESSION = "session"
# Options of the view, with their defaults.
_VIEW: dict[str, tuple[Any, object]] = {"wide": (Wide, False), "color": (Color, "auto")}


class _SharedOption(NamedTuple):
    """An option that many commands take: the field of the session that keeps it, its type for Typer, its default."""

    field: str
    annotation: Any
    default: object


_SHARED = {
    "manager": _SharedOption("manager_option", ManagerName, default=None),
    "home": _SharedOption("home_option", Home, default=None),
    "json": _SharedOption("as_json", Json, default=False),
}


def command(
    *path: str,
    examples: tuple[str, ...],
    home: bool = True,
    manager: bool = False,
    view: tuple[str, ...] = (),
) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Return a decorator that makes a Typer command of a function from a session and options to an `Answer`.

    The command gets `--json`, and `--home` and `--manager` as given here. It runs the function, prints its answer and
    exits with its code. `view`: which of `--wide` and `--color` it takes. `examples`: whole command lines, the simplest
    first. A parameter whose type is a NamedTuple is
    a bundle of options: Typer gets its fields, the function gets the tuple.
    """

    def decorate(body: Callable[..., Answer]) -> Callable[..., None]:
        hints = get_type_hints(body, include_extras=True)
        session_type = hints[_SESSION]
        wanted = {"manager": manager, "home": home, "json": True}
        shared = {name: option for name, option in _SHARED.items() if wanted[name]}

        bundles = {name: hint for name, hint in hints.items() if hasattr(hint, "_fields") and name != _SESSION}

        def run_command(**values: Any) -> None:
            look = {name: values.pop(name) for name in view}
            settings = {option.field: values.pop(name) for name, option in shared.items()}
            for name, bundle in bundles.items():
                values[name] = bundle(*(values.pop(field) for field in bundle._fields))
            session = session_type(**settings)
            run(path, session, lambda: body(session, **values), **look)

        parameters: list[inspect.Parameter] = []
        for name, parameter in inspect.signature(body).parameters.items():
            if name in bundles:
                parameters += _fields_of(bundles[name])
            elif name != _SESSION:
                parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_VIEW[name][1], annotation=_VIEW[name][0])
            for name in view
        ]
        parameters += [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=option.annotation
            )
            for name, option in shared.items()
        ]
        run_command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run_command.__annotations__ = {each.name: each.annotation for each in parameters}
        run_command.__name__, run_command.__doc__, run_command.__module__ = body.__name__, body.__doc__, body.__module__
        run_command.examples = examples  # type: ignore[attr-defined]
        return run_command

    return decorate


def _fields_of(bundle: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(bundle, include_extras=True)
    return [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=bundle._field_defaults[name], annotation=hints[name]
        )
        for name in bundle._fields
    ]


def command_group(summary: str, commands: Mapping[str, Callable[..., None]]) -> typer.Typer:
    """Return a Typer app of commands under one name, such as `trash list` and `trash empty`."""
    app = typer.Typer(help=summary, rich_markup_mode=None)
    for name, function in commands.items():
        app.command(name, epilog=epilog_of(function))(function)
    return app


def epilog_of(function: object) -> str | None:
    """Return the examples of a command as the last part of its help; `\\b` keeps Typer from wrapping them."""
    lines = getattr(function, "examples", ())
    return "Examples:\n\n\b\n" + "\n".join(f"  {line}" for line in lines) if lines else None
