"""The option `--place`, and what a command declares that takes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from hermes_profiles.model.named_tuple import NamedTuple

from .options import Place

PLACE = inspect.Parameter("place", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Place)


class InPlaces(NamedTuple):
    """How a command runs in a place. `program`: which has it; `rows`: the key of its rows, "" for a stream of lines.

    `limit`: seconds for its answer; `alone`: options that it does not take together with `--place`; `prepare`: returns
    the values for the place and the standard input there, for a command that reads a secret.
    """

    program: str
    rows: str
    limit: float = 30.0
    alone: tuple[str, ...] = ()
    prepare: Callable[[dict[str, Any]], tuple[dict[str, Any], bytes]] | None = None


class InPlacesCall(NamedTuple):
    """A command that was called with `--place`. `given`: its options and arguments by name."""

    path: tuple[str, ...]
    how: InPlaces
    place: str
    parameters: tuple[inspect.Parameter, ...]
    given: dict[str, Any]
