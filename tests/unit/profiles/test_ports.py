"""A port is taken exactly where a gateway, which listens with asyncio, could not have it."""

from __future__ import annotations

import asyncio
import socket

import pytest

from hermes_profiles.profiles.ports import is_taken

HOSTS = ("*", "0.0.0.0", "::", "127.0.0.1", "::1", "localhost", "127.0.0.2")


def listener(host: str, *, v6only: bool) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    if ":" in host:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    opened.bind((host, 0))
    opened.listen(1)
    return opened


async def can_listen(host: str, port: int) -> bool:
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, None if host == "*" else host, port)
    except OSError:
        return False
    server.close()
    await server.wait_closed()
    return True


@pytest.mark.parametrize(("host", "v6only"), [
    ("127.0.0.1", False), ("0.0.0.0", False), ("127.0.0.2", False), ("::1", True), ("::", True), ("::", False),
])  # fmt: skip
def test_port_is_taken_where_asyncio_cannot_listen(host: str, v6only: bool) -> None:
    with listener(host, v6only=v6only) as held:
        port = held.getsockname()[1]
        expected = {mine: not asyncio.run(can_listen(mine, port)) for mine in HOSTS}
        assert {mine: is_taken(port, mine) for mine in HOSTS} == expected
        assert len(set(expected.values())) == 2 or (host, v6only) == ("::", False)
    assert not any(is_taken(port, mine) for mine in HOSTS)


@pytest.mark.parametrize(("mine", "expected"), [("::1", True), ("::", True), ("127.0.0.1", False), ("*", True)])
def test_elsewhere_a_connection_tells_that_a_port_is_taken(mine: str, expected: bool) -> None:
    with listener("::1", v6only=True) as held:
        assert is_taken(held.getsockname()[1], mine, platform="darwin") is expected


@pytest.mark.parametrize("mine", ["no such host", "192.0.2.255", "x" * 300, ""])
def test_host_that_is_no_address_of_this_machine_is_not_taken(mine: str) -> None:
    assert not is_taken(1, mine)
