"""The record of the one gateway of an account: believed only with a live process behind it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_facts import process

from hermes_profiles.gateways.host.control_socket import ask, socket_of
from hermes_profiles.gateways.host.host_gateway import HostGateway, host_gateway
from hermes_profiles.gateways.processes import Process, Usage
from hermes_profiles.model.errors import Failed

EPOCH = 1_800_000_000.0


class OneProcess:
    """A process table with one gateway."""

    def __init__(self, only: Process) -> None:
        self.only = only

    def find(self, pid: int) -> Process | None:
        return self.only if pid == self.only.pid else None

    def gateways(self) -> tuple[Process, ...]:
        return (self.only,)

    def lock_owner(self, path: Path) -> int | None:
        return None

    def standard_input(self, process: Process) -> str:
        return ""

    def cgroup(self, process: Process) -> str:
        return ""

    def usage(self, process: Process) -> Usage:
        return Usage()

    def epoch(self, process: Process) -> float | None:
        return EPOCH


def record(folder: Path, **changes: Any) -> dict[str, Any]:
    data = {"pid": 42, "home": "/srv/hermes", "startTime": 1000, "createTime": EPOCH, "profiles": ["default", "a"]}
    data |= changes
    folder.mkdir(exist_ok=True)
    (folder / "host-gateway.json").write_text(json.dumps(data))
    (folder / "host-gateway.json").chmod(0o600)
    return data


def seen(folder: Path, only: Process | None = None) -> HostGateway | None:
    table = OneProcess(only or process())
    return host_gateway({"HERMES_GATEWAY_LOCK_DIR": str(folder)}, folder, processes=table, platform="linux")


def test_live_record_names_owner_and_profiles(tmp_path: Path) -> None:
    record(tmp_path)
    assert seen(tmp_path) == HostGateway(process(), Path("/srv/hermes"), ("default", "a"))


@pytest.mark.parametrize(
    "changes",
    [
        {"pid": 43},
        {"pid": True},
        {"pid": "42"},
        {"startTime": 5},
        {"startTime": None, "createTime": EPOCH - 60},
        {"startTime": None, "createTime": None},
        {"home": ""},
        {"home": 5},
    ],
)
def test_record_without_proof_is_not_believed(tmp_path: Path, changes: dict[str, Any]) -> None:
    record(tmp_path, **changes)
    assert seen(tmp_path) is None


def test_record_of_older_release_is_proven_by_its_time(tmp_path: Path) -> None:
    record(tmp_path, startTime=None)
    assert seen(tmp_path) is not None


def test_foreign_program_is_no_gateway_and_a_suspended_gateway_is_one(tmp_path: Path) -> None:
    record(tmp_path)
    assert seen(tmp_path, process()._replace(argv=("vim", "notes"))) is None
    assert seen(tmp_path, process(state="T")) is not None, "it holds its lock"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7"])
def test_broken_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "host-gateway.json").write_text(text)
    assert seen(tmp_path) is None


def test_record_that_everybody_may_write_is_not_believed(tmp_path: Path) -> None:
    record(tmp_path)
    (tmp_path / "host-gateway.json").chmod(0o666)
    assert seen(tmp_path) is None


@pytest.fixture
def answer(tmp_path: Path) -> Iterator[list[bytes]]:
    """Serve one request on the control socket of `tmp_path`; the list is [answer], the request is appended."""
    said = [b'{"ok": true, "result": {"served": "a"}}\n']
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(tmp_path / "gateway.sock"))
    server.listen(1)

    def serve() -> None:
        try:
            connection, _ = server.accept()
        except OSError:  # the test asked nothing: the socket was shut down
            return
        with connection:
            said.append(connection.recv(65536))
            connection.sendall(said[0])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield said
    server.shutdown(socket.SHUT_RDWR)  # wakes a thread that still waits
    thread.join(5)
    server.close()


def test_answer_of_control_socket(tmp_path: Path, answer: list[bytes]) -> None:
    assert ask(tmp_path, "serve-profile", {"name": "a"}) == {"served": "a"}
    assert json.loads(answer[1]) == {"verb": "serve-profile", "id": 1, "protocol": 1, "params": {"name": "a"}}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"ok": false, "error": "unknown verb"}\n', "refuses serve-profile: unknown verb"),
        (b"nonsense\n", "no valid answer"),
        (b"", "no valid answer"),
        (b'{"ok": true, "result": 3}\n', "refuses"),
    ],
)
def test_refusal_and_nonsense_are_failures(tmp_path: Path, answer: list[bytes], raw: bytes, message: str) -> None:
    answer[0] = raw
    with pytest.raises(Failed, match=message):
        ask(tmp_path, "serve-profile", {"name": "a"})


def test_long_home_has_its_socket_elsewhere(tmp_path: Path, answer: list[bytes]) -> None:
    home = tmp_path / "long"
    home.mkdir()
    (home / "gateway.sock.path").write_text(f"{tmp_path}/gateway.sock\n")
    assert socket_of(home) == tmp_path / "gateway.sock"
    (home / "gateway.sock.path").write_text("/etc/passwd\n")
    assert socket_of(home) is None


def test_home_without_socket_fails(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no control socket"):
        ask(tmp_path, "identify")
