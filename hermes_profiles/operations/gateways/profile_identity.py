"""Rows of a profile in the root's state.db: moved when it is renamed, removed when it is deleted.

Source: Hermes 0.21.4 and later, hermes_cli/profile_identity.py. A live gateway has the rows in memory and writes them
back, so it changes them itself on request. Without one, `hermes profile migrate-identity` and `purge-identity` do it;
the former also moves checkpoints, whose key is the path of the home.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hermes_profiles.gateways.host.control_socket import MIGRATE_IDENTITY, PURGE_IDENTITY, ask
from hermes_profiles.gateways.installation.hermes_install import find_installation
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.cli import MODULE
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.files import CHECKPOINTS_FOLDER, STATE_DATABASE
from hermes_profiles.model.errors import Failed, HermesProfilesError, Problem
from hermes_profiles.services.run_command import run

from ..context import Session
from .adopting_host import adopting_host

_SECONDS = 90.0
MOVED, PURGED, PENDING = "moved", "purged", "pending"


def move_rows(session: Session, old: str, new: str) -> tuple[str | None, list[Problem]]:
    """Move the rows of a renamed profile; returns (what was done, None for nothing, and warnings)."""
    layout = session.layout
    if not layout.installed().has(Behaviour.MOVES_IDENTITIES):
        return None, []
    has_checkpoints = any((home / CHECKPOINTS_FOLDER).is_dir() for home in (layout.root, layout.home(new)))
    has_rows = any((home / STATE_DATABASE).exists() for home in (layout.root, layout.home(new)))
    if not (has_rows or has_checkpoints):
        return None, []
    words = ("migrate-identity", old, new)
    return _done(session, words, (MIGRATE_IDENTITY, {"old": old, "new": new}), MOVED, by_hermes=has_checkpoints)


def purge_rows(session: Session, name: str) -> tuple[str | None, list[Problem]]:
    """Remove the rows of a deleted profile; returns (what was done, None for nothing, and warnings)."""
    layout = session.layout
    if not layout.installed().has(Behaviour.MOVES_IDENTITIES) or not (layout.root / STATE_DATABASE).exists():
        return None, []
    return _done(session, ("purge-identity", name), (PURGE_IDENTITY, {"name": name}), PURGED, by_hermes=False)


def will_change(session: Session) -> bool:
    """Return whether a rename or delete changes rows of the root's state.db."""
    layout = session.layout
    return layout.installed().has(Behaviour.MOVES_IDENTITIES) and (layout.root / STATE_DATABASE).exists()


def _done(
    session: Session, words: Sequence[str], verb: tuple[str, Mapping[str, Any]], done: str, *, by_hermes: bool
) -> tuple[str, list[Problem]]:
    """Have the live gateway do it, else Hermes; `by_hermes`: Hermes has something to do beside the gateway."""
    host = adopting_host(session)
    try:
        if host is not None:
            answer = ask(host.home, *verb, timeout=10.0)
            if answer.get("ok") is not True:
                raise Failed(str(answer.get("error") or "the gateway gives no reason"))
        if host is None or by_hermes:
            _run_hermes(session, words)
    except HermesProfilesError as error:
        return PENDING, [_pending(words, error.problem.message)]
    return done, []


def _run_hermes(session: Session, words: Sequence[str]) -> None:
    found = find_installation(session.layout, session.environment)
    program = [str(found.launcher)] if found.launcher is not None else [str(found.python), "-m", MODULE]
    environment = {**session.environment, HERMES_HOME: str(session.layout.root)}
    ended = run([*program, "profile", *words], environment, _SECONDS)
    if ended.code != 0:
        raise Failed(ended.complaint)


def _pending(words: Sequence[str], why: str) -> Problem:
    command = f"hermes profile {' '.join(words)}"
    what = "moved to the new name" if words[0] == "migrate-identity" else "removed"
    return Problem(
        "identity-pending",
        f"the chats and deliveries of {words[1]} in the root's state.db are not {what}: {why}",
        words[-1],
        f"run `{command}`",
    )
