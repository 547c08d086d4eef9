"""The decorator of a command: its path, its examples, and the options that every command shares."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import typer

from hermes_profiles.model.named_tuple import NamedTuple

from .options import Color, Home, Json, ManagerName, Wide
from .place_option import PLACE, InPlaces, InPlacesCall
from .run import Answer, run
from .typer_command import add_command

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
    places: InPlaces | None = None,
) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Return a decorator that makes a Typer command of a function from a session and options to an `Answer`.

    The command gets `--json`, and `--home` and `--manager` as given here. It runs the function, prints its answer and
    exits with its code. `view`: which of `--wide` and `--color` it takes. `examples`: whole command lines, the simplest
    first. A parameter whose type is a NamedTuple is
    a bundle of options: Typer gets its fields, the function gets the tuple. `places`: it takes `--place`.
    """

    def decorate(body: Callable[..., Answer]) -> Callable[..., None]:
        hints = get_type_hints(body, include_extras=True)
        session_type = hints[_SESSION]
        wanted = {"manager": manager, "home": home, "json": True}
        shared = {name: option for name, option in _SHARED.items() if wanted[name]}

        bundles = {
            name: hint for name, hint in hints.items() if hasattr(hint, "_fields") and name not in (_SESSION, "return")
        }

        def run_command(**values: Any) -> None:
            look = {name: values.pop(name) for name in view}
            settings = {option.field: values.pop(name) for name, option in shared.items()}
            session = session_type(**settings)
            if places is not None and (place := values.pop("place")) is not None:
                from .in_places import forwarded

                call = InPlacesCall(path, places, place, tuple(own), values)
                run(path, session, lambda: forwarded(session, call), **look)
            for name, bundle in bundles.items():
                values[name] = bundle(*(values.pop(field) for field in bundle._fields))
            run(path, session, lambda: body(session, **values), **look)

        own: list[inspect.Parameter] = []
        for name, parameter in inspect.signature(body).parameters.items():
            if name in bundles:
                own += _fields_of(bundles[name])
            elif name != _SESSION:
                own.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
        parameters = [*own, *([PLACE] if places is not None else ()), *_shared_parameters(view, shared)]
        run_command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run_command.__annotations__ = {each.name: each.annotation for each in parameters}
        run_command.__name__, run_command.__doc__, run_command.__module__ = body.__name__, body.__doc__, body.__module__
        run_command.examples = examples  # type: ignore[attr-defined]
        return run_command

    return decorate


def _shared_parameters(view: tuple[str, ...], shared: Mapping[str, _SharedOption]) -> list[inspect.Parameter]:
    """Return the parameters of the options that many commands share."""
    found = {name: _VIEW[name] for name in view} | {
        name: (option.annotation, option.default) for name, option in shared.items()
    }
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in found.items()
    ]


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
        add_command(app, name, function)
    return app
