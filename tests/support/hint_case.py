"""One way to get an error code whose hint is followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import pytest
from doctor_root import DoctorRoot

from hermes_profiles.model.errors import Problem
from hermes_profiles.multiplex.model import Issue


class HintCase(NamedTuple):
    """One way to get an error code.

    `command`: what is run; `plant`: prepares the sandbox; `typed`: input of the command; `answer`: input of the hint;
    `names`: values of the placeholders in the hint. `patch`: changes what the machine answers to the first command.
    `told`: returns the problem in place of the command, which then has the place of the one that a user typed.
    """

    code: str
    command: str
    plant: Callable[[DoctorRoot], object] | None = None
    typed: str = ""
    answer: str = ""
    names: Mapping[str, str] = {}
    patch: Callable[[pytest.MonkeyPatch], object] | None = None
    told: Callable[[DoctorRoot], Iterable[Problem | Issue]] | None = None
