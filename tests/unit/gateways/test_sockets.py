"""TCP sockets of a process, from the kernel."""

from __future__ import annotations

import os
import socket
import sys
import time

import pytest

from hermes_profiles.gateways import sockets
from hermes_profiles.gateways.model import Link, ProcessSockets
from hermes_profiles.gateways.sockets import linux_sockets
from hermes_profiles.gateways.system import sockets_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sock_diag is an interface of Linux")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_listening_port_and_link_of_this_process(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        with socket.create_connection((host, port)) as link, server.accept()[0] as peer:
            before = linux_sockets([os.getpid()])[os.getpid()]
            assert port in before.listens and Link(port, None) in before.links
            assert all(each.port != link.getsockname()[1] for each in before.links)  # it was opened by the other side
            time.sleep(0.05)
            peer.send(b"x")
            time.sleep(0.05)
            after = linux_sockets([os.getpid()])[os.getpid()]
            found = next(each for each in after.links if each.port == port)
            assert found.silent_for is not None and 0 <= found.silent_for < 5 and not found.is_waiting
            time.sleep(0.05)
            link.send(b"x")
            assert Link(port, pytest.approx(0, abs=5), True) in linux_sockets([os.getpid()])[os.getpid()].links
    assert port not in linux_sockets([os.getpid()])[os.getpid()].listens


def test_processes_that_cannot_be_read_are_missing() -> None:
    assert linux_sockets([4194303]) == {} and linux_sockets([]) == {}


def test_kernel_without_netlink_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_SOCK_DIAG", 31)
    assert linux_sockets([os.getpid()]) == {}


def test_process_of_another_network_namespace_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_namespace", lambda pid: str(pid))
    assert linux_sockets([os.getpid()]) == {}


def test_other_systems_answer_nothing() -> None:
    assert sockets_of("darwin")([os.getpid()]) == {} and sockets_of("linux")([]) == {}
    assert os.getpid() in sockets_of("linux")([os.getpid()])


def test_silence_of_a_process_is_that_of_its_most_recent_link() -> None:
    assert ProcessSockets(frozenset(), (Link(1, 90.0), Link(2, None), Link(3, 4.0))).silent_for == 4.0
    assert ProcessSockets(frozenset(), (Link(2, None),)).silent_for is None
