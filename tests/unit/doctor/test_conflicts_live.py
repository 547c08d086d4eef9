"""Bots, ports and locks that live gateways have: who has what now, told truly. The processes are real."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from conflict_cases import TELEGRAM, api_servers_on_the_port_nobody_names, tokens
from doctor_world import DoctorWorld
from live_gateway import LiveGateways

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")

OTHER = "7100000002:CANARYtelegramCANARYtelegramCANARY02"
TAKEN = "conflicts.port-taken"


@pytest.fixture
def live(world: DoctorWorld) -> Iterator[LiveGateways]:
    made = LiveGateways(world)
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def only(world: DoctorWorld, check: str = "conflicts") -> dict[str, Any]:
    (found,) = world.findings("--only", check)
    return found


def api_server(world: DoctorWorld, name: str, port: int, more: str = "") -> None:
    key = f"API_SERVER_KEY=CANARY-{name}-0123456789abcdef"
    world.add(name, ".env", f"API_SERVER_ENABLED=true\n{key}\nAPI_SERVER_PORT={port}\n{more}")


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[None]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family):
        yield


def test_the_holder_of_the_lock_and_the_deaf_one_are_named(world: DoctorWorld, live: LiveGateways) -> None:
    tokens(world, "work", "family")
    work = live.start(world.home("work"), platforms={"telegram": "connected"})
    family = live.start(world.home("family"), platforms={"telegram": "fatal"})
    live.lock(TELEGRAM, work)
    assert only(world)["message"] == (
        f"2 profiles have the same telegram token: family and work; work has it now (pid {work}); "
        "telegram of family is fatal"
    )
    live.lock(TELEGRAM, family)
    assert f"; family has it now (pid {family})" in only(world)["message"]
    assert "of family is" not in only(world)["message"]


def test_those_that_are_deaf_alike_are_named_together(world: DoctorWorld, live: LiveGateways) -> None:
    tokens(world, "default", "work", "family")
    default = live.start(world.root, platforms={"telegram": "connected"})
    for name in ("work", "family"):
        live.start(world.home(name), platforms={"telegram": "fatal"})
    live.lock(TELEGRAM, default)
    message = only(world, "conflicts.shared-identity")["message"]
    assert message.endswith(f"; default has it now (pid {default}); telegram of family and work is fatal")


def test_without_a_lock_those_that_run_with_it_are_named(world: DoctorWorld, live: LiveGateways) -> None:
    tokens(world, "default", "work", "family")
    work = live.start(world.home("work"))
    live.lock(TELEGRAM, work, start=1).rename(live.world.user / "gone")
    assert only(world)["message"].endswith(f"; work (pid {work}) runs with it now")
    live.lock(TELEGRAM, work, start=1)  # of a process that had this pid before
    assert only(world)["message"].endswith(f"; work (pid {work}) runs with it now")


def test_a_gateway_that_was_given_another_profiles_bot(world: DoctorWorld, live: LiveGateways) -> None:
    tokens(world, "family")
    pid = live.start(world.home("work"), environment={"TELEGRAM_BOT_TOKEN": TELEGRAM})
    found = only(world)
    assert (found["check"], found["severity"]) == ("conflicts.inherited-identity", "error")
    assert found["profiles"] == ["work", "family"] and found["channel"] == "telegram"
    assert found["message"] == (
        f"work (pid {pid}) has a telegram token that no file of its own names, from the environment; "
        "it is the one of family"
    )
    assert found["evidence"] == [{"profile": "work", "file": None, "line": None, "key": "TELEGRAM_BOT_TOKEN"}]
    world.add("work", ".env", "TELEGRAM_BOT_TOKEN=\n")
    assert world.findings("--only", "conflicts") == [], "an empty name in its .env keeps the inherited one out"


def test_a_bot_from_the_shell_that_nobody_else_has(world: DoctorWorld, live: LiveGateways) -> None:
    live.start(world.home("work"), environment={"DISCORD_BOT_TOKEN": "CANARY-discord-token-0123456789"})
    found = only(world)
    assert (found["check"], found["severity"], found["profiles"]) == (
        "conflicts.inherited-identity",
        "warning",
        ["work"],
    )
    live.start(world.home("family"), environment={"DISCORD_BOT_TOKEN": "CANARY-discord-token-0123456789"})
    found = only(world)
    assert (found["severity"], found["profiles"]) == ("error", ["family", "work"])


def test_what_its_own_files_say_is_not_inherited(world: DoctorWorld, live: LiveGateways) -> None:
    """A gateway that restarted itself has all that it had loaded in its environment."""
    tokens(world, "work")
    tokens(world, "family", value=OTHER)
    live.start(world.home("work"), environment={"TELEGRAM_BOT_TOKEN": TELEGRAM, "OPENAI_API_KEY": "CANARY"})
    live.start(world.home("family"), environment={"TELEGRAM_BOT_TOKEN": TELEGRAM})  # its own file wins
    assert world.findings("--only", "conflicts") == []


@pytest.mark.parametrize("root", ["elsewhere", "elsewhere/profiles/night"])
def test_a_gateway_of_another_root_has_the_bot(world: DoctorWorld, live: LiveGateways, root: str) -> None:
    tokens(world, "work")
    pid = live.start(world.user / root)
    live.lock(TELEGRAM, pid)
    found = only(world)
    assert (found["check"], found["severity"], found["profiles"]) == ("conflicts.held-elsewhere", "warning", ["work"])
    assert found["message"] == f"process {pid}, which serves {world.user / root}, has the telegram token of work now"
    assert found["evidence"][0]["line"] == 2


def test_a_gateway_of_this_root_is_not_elsewhere(world: DoctorWorld, live: LiveGateways) -> None:
    tokens(world, "work")
    pid = live.start(world.home("work"), words=("-p", "work"))
    live.lock(TELEGRAM, pid)
    (world.home("work") / "gateway.pid").unlink()  # it lost its pid file
    assert world.findings("--only", "conflicts") == []


def test_a_gateway_that_does_not_say_whose_it_is_is_of_this_root_all_the_same(
    world: DoctorWorld, live: LiveGateways, port: int
) -> None:
    tokens(world, "default")
    api_server(world, "default", port)
    pid = live.start(world.root, environment={"TEST_LISTEN": f"127.0.0.1:{port}"})
    live.lock(TELEGRAM, pid)
    (world.root / "gateway.pid").unlink()
    assert world.findings("--only", "conflicts") == []


def test_what_no_channel_reads_is_not_taken_from_an_environment(world: DoctorWorld, live: LiveGateways) -> None:
    world.add("work", "config.yaml", "platforms:\n  telegram:\n    enabled: true\n    token: ${MY_OWN_NAME}\n")
    live.start(world.home("work"), environment={"MY_OWN_NAME": TELEGRAM})
    assert world.findings("--only", "conflicts") == []


def test_who_listens_on_a_shared_port_and_who_is_parked(world: DoctorWorld, live: LiveGateways, port: int) -> None:
    for name in ("work", "family"):
        api_server(world, name, port)
    work = live.start(
        world.home("work"), environment={"TEST_LISTEN": f"127.0.0.1:{port}"}, platforms={"api_server": "connected"}
    )
    live.start(world.home("family"), platforms={"api_server": "fatal"})
    found = only(world)
    assert (found["check"], found["channel"]) == ("conflicts.shared-port", "api_server")
    assert found["message"] == (
        f"family and work want port {port} for api_server; work listens on it now (pid {work}); "
        "api_server of family is fatal"
    )
    assert [each["key"] for each in found["evidence"]] == ["API_SERVER_PORT", "API_SERVER_PORT"]


def test_the_port_that_nobody_names_is_said_to_be_that(world: DoctorWorld) -> None:
    api_servers_on_the_port_nobody_names(world)
    assert only(world, "conflicts.shared-port")["message"].endswith("which Hermes takes where none is named")
    world.add("work", ".env", "API_SERVER_PORT=8642\n")
    told = only(world, "conflicts.shared-port")["message"]
    assert "family names none, and Hermes takes that one" in told


def test_a_port_that_a_stranger_has(world: DoctorWorld, live: LiveGateways, port: int) -> None:
    api_server(world, "work", port)
    assert world.findings("--only", TAKEN) == []
    with listening("127.0.0.1", port):
        found = only(world)
        assert (found["check"], found["severity"], found["profiles"]) == (TAKEN, "warning", ["work"])
        assert found["message"].startswith(
            f"port {port}, which work asks for (api_server), is taken by process {os.getpid()}"
        )
        live.start(world.home("work"), platforms={"api_server": "fatal"})
        found = only(world)
        assert found["severity"] == "error" and found["message"].endswith("; work runs without it")
        world.write("work", "profile.yaml", "disabled: true\n")
        assert world.findings("--only", TAKEN) == []


@pytest.mark.parametrize(("host", "listener", "is_taken"), [
    ("127.0.0.1", "127.0.0.1", True), ("127.0.0.1", "0.0.0.0", True), ("127.0.0.1", "127.0.0.2", False),
    ("0.0.0.0", "127.0.0.2", True), ("127.0.0.1", "::", True), ("127.0.0.1", "::1", False),
])  # fmt: skip
def test_an_address_counts(world: DoctorWorld, port: int, host: str, listener: str, is_taken: bool) -> None:
    api_server(world, "work", port, f"API_SERVER_HOST={host}\n")
    with listening(listener, port):
        assert bool(world.findings("--only", TAKEN)) is is_taken


@pytest.mark.parametrize("how", ["TEST_LISTEN", "TEST_CHILD"])
def test_its_own_gateway_and_the_children_of_it_are_no_strangers(
    world: DoctorWorld, live: LiveGateways, port: int, how: str
) -> None:
    api_server(world, "work", port)
    live.start(world.home("work"), environment={how: f"127.0.0.1:{port}"}, platforms={"api_server": "retrying"})
    assert world.findings("--only", TAKEN) == []


def test_a_gateway_that_still_listens_where_its_files_no_longer_say(
    world: DoctorWorld, live: LiveGateways, port: int
) -> None:
    api_server(world, "work", port)
    family = live.start(world.home("family"), environment={"TEST_LISTEN": f"127.0.0.1:{port}"})
    message = only(world, TAKEN)["message"]
    assert f"is taken by the gateway of family (pid {family}), whose files do not ask for it" in message


def test_a_gateway_without_a_pid_file_is_no_stranger(world: DoctorWorld, live: LiveGateways, port: int) -> None:
    api_server(world, "work", port)
    live.start(world.home("work"), words=("-p", "work"), environment={"TEST_LISTEN": f"127.0.0.1:{port}"})
    (world.home("work") / "gateway.pid").unlink()
    assert world.findings("--only", TAKEN) == []


def test_one_gateway_for_all_gives_a_bot_to_one(world: DoctorWorld, live: LiveGateways) -> None:
    tokens(world, "work", "family")
    api_servers_on_the_port_nobody_names(world)
    world.add("default", "config.yaml", "gateway:\n  multiplex_profiles: true\n")
    found = {row["check"]: row for row in world.findings("--only", "conflicts")}
    shared = found["conflicts.shared-identity"]
    assert shared["severity"] == "warning" and "one gateway serves them all" in shared["message"]
    assert "skips family and work whole" in found["conflicts.shared-port"]["message"]
    live.start(world.home("work"))  # one that was started by force answers beside it
    found = {row["check"]: row for row in world.findings("--only", "conflicts")}
    assert found["conflicts.shared-identity"]["severity"] == "error"
