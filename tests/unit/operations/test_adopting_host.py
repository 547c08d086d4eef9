"""A running gateway that takes in and lets go of profiles on request, played by a socket."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_hermes import FakeHermes

from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.model.errors import Failed
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.gateways import adopting_host as module
from hermes_profiles.operations.gateways.adopting_host import adopting_host, can_let_go, have_adopted
from hermes_profiles.operations.gateways.profile_identity import move_rows, purge_rows

Verbs = dict[str, Callable[[dict[str, Any]], dict[str, Any]]]


class FakeHost:
    """A gateway of default that serves profiles; `asked`: the verbs that it was asked, in order."""

    def __init__(self, home: Path) -> None:
        self.served = ["default", "work"]
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.home = home
        self.verbs: Verbs = {
            "identify": lambda _: {"pid": 42, "served_profiles": self.served},
            "rescan-profiles": lambda _: {"served_profiles": self._rescan()},
            "unserve-profile": self._unserve,
            "migrate-profile-identity": lambda _: {"ok": True},
            "purge-profile-identity": lambda _: {"ok": False, "error": "the store is busy"},
        }
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(home / "gateway.sock"))
        self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _rescan(self) -> list[str]:
        folders = [path.name for path in (self.home / "profiles").iterdir() if not path.name.startswith(".")]
        self.served = ["default", *sorted(folders)]
        return self.served

    def _unserve(self, params: dict[str, Any]) -> dict[str, Any]:
        if params["name"] not in self.served:
            return {"error": "not served"}
        self.served.remove(params["name"])
        return {"unserved": params["name"]}

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                request = json.loads(connection.recv(65536))
                params = request.get("params", {})
                self.asked.append((request["verb"], params))
                verb = self.verbs.get(request["verb"])
                answer = {"ok": True, "result": verb(params)} if verb else {"ok": False, "error": "unknown verb"}
                connection.sendall(json.dumps(answer).encode() + b"\n")


@pytest.fixture
def session(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    monkeypatch.setattr(module, "QUIET", 0.1)
    monkeypatch.setattr(module, "STEP", 0.02)
    for name in ("work", "night"):
        (short_folder / ".hermes" / "profiles" / name).mkdir(parents=True)
    hermes = FakeHermes(short_folder / "newest")
    return Session(environment={"HOME": str(short_folder), **hermes.environment})


@pytest.fixture
def host(session: Session) -> Iterator[FakeHost]:
    host = FakeHost(session.layout.root)
    yield host
    host.close()


def test_name_is_let_go_before_the_change_and_the_new_one_is_served_after(session: Session, host: FakeHost) -> None:
    found = adopting_host(session)
    assert found is not None and can_let_go(found)
    found.expect(("work",), ("office",), lets_go=True)
    with found.down():
        assert host.served == ["default"]
        (session.layout.home("work")).rename(session.layout.home("office"))
    assert found.start() == []
    assert "office" in host.served and found.data == {"profile": "default", "pid": 42, "restarted": False}


def test_failed_change_has_the_name_served_again(session: Session, host: FakeHost) -> None:
    found = adopting_host(session)
    assert found is not None
    found.expect(("work",), (), lets_go=True)
    with pytest.raises(RuntimeError), found.down():
        raise RuntimeError
    assert "work" in host.served


def test_gateway_that_keeps_a_name_stops_the_change(session: Session, host: FakeHost) -> None:
    host.verbs["unserve-profile"] = lambda _: {"pending": True}
    found = adopting_host(session)
    assert found is not None
    found.expect(("work",), (), lets_go=True)
    with pytest.raises(Failed, match="does not stop serving work"), found.down():
        raise AssertionError("the change must not begin")


def test_wait_is_announced_and_ends(session: Session, host: FakeHost) -> None:
    host.verbs["rescan-profiles"] = lambda _: {"pending": True, "served_profiles": ["default"]}
    events = []
    session.on_progress = events.append
    (problem,) = have_adopted(session, ("other",)) or ()
    assert problem.code == "not-served" and "other" in problem.message
    (warning,) = [event.warning for event in events if event.warning]
    assert warning.code == "waiting"
    assert "`hermes-gateways status default`" in str(warning.hint) and "status default" in str(problem.hint)


def test_parked_profile_is_not_waited_for(session: Session, host: FakeHost) -> None:
    (session.layout.home("night") / "gateway.parked").touch()
    host.verbs["rescan-profiles"] = lambda _: {"served_profiles": ["default"]}
    assert have_adopted(session, ("night",)) == []


def test_older_code_of_the_running_gateway_cannot_let_go(session: Session, host: FakeHost) -> None:
    del host.verbs["unserve-profile"]
    found = adopting_host(session)
    assert found is not None and not can_let_go(found)


def test_no_gateway_and_older_hermes_adopt_nothing(session: Session, short_folder: Path) -> None:
    assert adopting_host(session) is None and have_adopted(session, ("work",)) is None
    host = FakeHost(session.layout.root)
    older = FakeHermes(short_folder / "older", "0.21.0", frozenset({Behaviour.ADOPTS_PROFILES}))
    try:
        assert adopting_host(Session(environment={"HOME": str(short_folder), **older.environment})) is None
        assert host.asked == []
    finally:
        host.close()


def test_rows_are_changed_by_the_live_gateway(session: Session, host: FakeHost) -> None:
    (session.layout.root / "state.db").touch()
    assert move_rows(session, "work", "office") == ("moved", [])
    assert ("migrate-profile-identity", {"old": "work", "new": "office"}) in host.asked
    done, (problem,) = purge_rows(session, "work")
    assert done == "pending" and "the store is busy" in problem.message
    assert problem.hint == "run `hermes profile purge-identity work`"


def test_rows_are_changed_by_hermes_without_a_gateway(session: Session, short_folder: Path) -> None:
    assert move_rows(session, "work", "office") == (None, []), "there is no database"
    (session.layout.root / "state.db").touch()
    assert move_rows(session, "work", "office") == ("moved", [])
    assert purge_rows(session, "work") == ("purged", [])
    log = (short_folder / "newest" / "calls.log").read_text().splitlines()
    assert log == [
        "-m hermes_cli.main profile migrate-identity work office", "-m hermes_cli.main profile purge-identity work"
    ]  # fmt: skip


def test_hermes_that_fails_leaves_a_command(session: Session, short_folder: Path) -> None:
    (session.layout.root / "state.db").touch()
    FakeHermes(short_folder / "newest", code=1)
    done, (problem,) = move_rows(session, "work", "office")
    assert done == "pending" and problem.hint == "run `hermes profile migrate-identity work office`"
