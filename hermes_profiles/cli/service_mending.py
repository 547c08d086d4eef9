"""What managers are told when the doctor mends services, around the change of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hermes_profiles.doctor.repairs import ServiceRepair
from hermes_profiles.model.result import Problem

from .fleet_session import FleetSession


class ServiceMending:
    """The services among the repairs; `rows`: what will be done, for a dry run; `changes`: their own."""

    def __init__(self, session: FleetSession, repairs: Sequence[ServiceRepair]) -> None:
        self._session = session
        self._repairs = tuple(repairs)
        self.changes: list[str] = []

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return what will be done."""
        return []

    @contextmanager
    def down(self) -> Iterator[None]:
        """Stop and disable services that go, for the change made inside."""
        yield

    def finish(self) -> list[Problem]:
        """Have managers forget what is gone and read what is new; returns what failed."""
        return []
