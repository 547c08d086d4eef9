"""The live gateway for all profiles that takes in and lets go of single ones, without a restart.

Source: Hermes 0.21.3 and later, gateway/run_profile_reconcile.py: `rescan-profiles` compares `profiles/` with the
profiles it serves; it does so every 30 s anyway. From 0.21.5 `unserve-profile` ends one profile before its folder goes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hermes_profiles.gateways.host.control_socket import IDENTIFY, RESCAN, UNSERVE, ask, socket_of
from hermes_profiles.gateways.host.host_gateway import host_gateway
from hermes_profiles.gateways.lock_files import lock_folder
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import HOST_RECORD
from hermes_profiles.model.errors import Failed, Problem
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.host_options import is_parked, is_standalone

from ..context import Session, user_home
from ..events import Event

# Seconds: of one answer, until a change is visible, before the wait is announced, between two looks.
ANSWER, PATIENCE, QUIET, STEP = 10.0, 35.0, 2.0, 0.5


class AdoptingHost:
    """A live gateway that serves several profiles of this root and reads `profiles/` again on request.

    `profile`: the one it was started for; `served`: those it served when it was asked.
    """

    def __init__(self, session: Session, profile: str, pid: int | None, served: Sequence[str]) -> None:
        self._session = session
        self.profile = profile
        self.home = session.layout.home(profile)
        self.served = tuple(served)
        self._pid = pid
        self._leaving: tuple[str, ...] = ()
        self._arriving: tuple[str, ...] = ()
        self._lets_go = False

    def expect(self, leaving: Sequence[str], arriving: Sequence[str], *, lets_go: bool) -> None:
        """Set the served names that go and those that come with the change; `lets_go`: it can end one profile."""
        self._leaving = tuple(name for name in leaving if name in self.served)
        self._arriving = tuple(arriving)
        self._lets_go = lets_go

    @property
    def data(self) -> dict[str, Any]:
        """Return it as the command contract has it."""
        return {"profile": self.profile, "pid": self._pid, "restarted": False}

    @contextmanager
    def down(self) -> Iterator[None]:
        """Have it stop serving the names that go, during the change inside; it serves them again if that fails."""
        try:
            for name in self._leaving if self._lets_go else ():
                self._let_go(name)
            yield
        except BaseException:
            try:
                ask(self.home, RESCAN, timeout=ANSWER)
            except Failed:  # the first failure is reported
                pass
            raise

    def rescan(self) -> None:
        """Have it read the profiles again, and do not wait; it does so by itself within 30 s."""
        try:
            ask(self.home, RESCAN)
        except Failed:
            pass

    def start(self) -> list[Problem]:
        """Have it read the profiles again, and wait until it has; returns what went wrong."""
        try:
            answer = ask(self.home, RESCAN, timeout=ANSWER)
            self.served = _served_in(answer)
            is_settled = not answer.get("pending")
        except Failed:  # it does so by itself within 30 s
            is_settled = False
        if is_settled or self._wait_for(self._arriving, self._leaving):
            missing = [name for name in self._arriving if name not in self.served]
            return [self._problem("does not serve", name) for name in missing]
        after = f" after {PATIENCE:g} s"
        missing = [name for name in self._arriving if name not in self.served]
        left = [name for name in self._leaving if name in self.served]
        return [
            *(self._problem("does not serve", name, after) for name in missing),
            *(self._problem("still serves", name, after) for name in left),
        ]

    def _problem(self, what: str, name: str, after: str = "") -> Problem:
        hint = f"see `hermes-gateways status {self.profile}`"
        return Problem("not-served", f"the gateway of {self.profile} {what} {name}{after}", name, hint)

    def _let_go(self, name: str) -> None:
        answer = ask(self.home, UNSERVE, {"name": name}, timeout=ANSWER)
        if answer.get("unserved") == name or self._wait_for((), (name,)):
            return
        raise Failed(
            f"the gateway of {self.profile} does not stop serving {name}: {answer.get('error') or 'no reason given'}",
            target=name,
            code="not-unserved",
            hint=f"see `hermes-gateways status {name}`, then try again",
        )

    def _wait_for(self, arriving: Sequence[str], leaving: Sequence[str]) -> bool:
        begin = time.monotonic()
        announced = False
        while True:
            try:
                self.served = _served_in(ask(self.home, IDENTIFY))
            except Failed:  # busy: the next answer counts
                pass
            if set(arriving) <= set(self.served) and not set(leaving) & set(self.served):
                return True
            waited = time.monotonic() - begin
            if waited > PATIENCE:
                return False
            if waited > QUIET and not announced:
                announced = True
                self._session.on_progress(Event({}, self._waiting(arriving, leaving)))
            time.sleep(STEP)

    def _waiting(self, arriving: Sequence[str], leaving: Sequence[str]) -> Problem:
        what = f"serves {', '.join(arriving)}" if arriving else f"has let go of {', '.join(leaving)}"
        return Problem(
            "waiting",
            f"waiting up to {PATIENCE:g} s until the gateway of {self.profile} {what}",
            self.profile,
            f"see it with `hermes-gateways status {self.profile}`",
        )


def adopting_host(session: Session) -> AdoptingHost | None:
    """Return the live gateway that serves several profiles of this root and adopts changes, None without one."""
    layout = session.layout
    for name in _owners(session):
        home = layout.home(name)
        if socket_of(home) is None or not layout.installed().has(Behaviour.ADOPTS_PROFILES):
            continue
        try:
            answer = ask(home, IDENTIFY)
        except Failed:  # a socket without its gateway
            continue
        served, pid = _served_in(answer), answer.get("pid")
        if served:
            return AdoptingHost(session, name, pid if isinstance(pid, int) else None, served)
    return None


def can_let_go(host: AdoptingHost) -> bool:
    """Return whether the running gateway has the verb that ends one profile; its code may be older than installed."""
    try:
        ask(host.home, UNSERVE, {"name": ""})  # no profile has this name
    except Failed:
        return False
    return True


def _owners(session: Session) -> Iterator[str]:
    layout = session.layout
    home = user_home(session.environment)
    if os.path.lexists(lock_folder(session.environment, home) / HOST_RECORD):
        from hermes_profiles.gateways.processes import processes_of

        processes = processes_of(layout.platform)
        host = host_gateway(session.environment, home, processes=processes, platform=layout.platform)
        if host is not None and host.home != layout.root and host.home.parent == layout.profiles:
            yield host.home.name
    yield DEFAULT


def _served_in(answer: Any) -> tuple[str, ...]:
    served = answer.get("served_profiles")
    return tuple(name for name in served if isinstance(name, str)) if isinstance(served, list) else ()


def have_adopted(session: Session, names: Sequence[str]) -> list[Problem] | None:
    """Have the live gateway serve profiles that came back; returns what went wrong, None without such a gateway.

    A profile that is parked or standalone is not served, which is no fault.
    """
    host = adopting_host(session) if names else None
    if host is None:
        return None
    homes = {name: session.layout.home(name) for name in names}
    wanted = [name for name, home in homes.items() if not (is_parked(home) or is_standalone(home))]
    host.expect((), wanted, lets_go=False)
    return host.start()
