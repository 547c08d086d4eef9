"""Conflict checks over real processes: the current holders of bots, ports and locks."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from conflict_cases import TELEGRAM, api_servers_on_the_port_nobody_names, tokens
from doctor_root import DoctorRoot
from hermes_release import write_release
from live_gateway import LiveGateways

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")

OTHER = "7100000002:CANARYtelegramCANARYtelegramCANARY02"
TAKEN = "conflicts.port-taken"


@pytest.fixture
def live(world: DoctorRoot) -> Iterator[LiveGateways]:
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


def only(world: DoctorRoot, check: str = "conflicts") -> dict[str, Any]:
    (found,) = world.findings("--only", check)
    return found


def api_server(world: DoctorRoot, name: str, port: int, more: str = "") -> None:
    key = f"API_SERVER_KEY=CANARY-{name}-0123456789abcdef"
    world.add(name, ".env", f"API_SERVER_ENABLED=true\n{key}\nAPI_SERVER_PORT={port}\n{more}")


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[None]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host.lstrip("+"), port), family=family, dualstack_ipv6=host.startswith("+")):
        yield


def test_shared_identity_names_lock_holder_and_fatal_channel(world: DoctorRoot, live: LiveGateways) -> None:
    tokens(world, "work", "family")
    work = live.start(world.home("work"), platforms={"telegram": "connected"})
    family = live.start(world.home("family"), platforms={"telegram": "fatal"})
    live.lock(TELEGRAM, work)
    assert only(world)["message"] == (
        f"2 profiles have the same telegram token: family and work; work uses it now (pid {work}); "
        "telegram of family is fatal"
    )
    live.lock(TELEGRAM, family)
    assert f"; family uses it now (pid {family})" in only(world)["message"]
    assert "of family is" not in only(world)["message"]


def test_shared_identity_groups_channels_by_state(world: DoctorRoot, live: LiveGateways) -> None:
    tokens(world, "default", "work", "family")
    default = live.start(world.root, platforms={"telegram": "connected"})
    for name in ("work", "family"):
        live.start(world.home(name), platforms={"telegram": "fatal"})
    live.lock(TELEGRAM, default)
    message = only(world, "conflicts.shared-identity")["message"]
    assert message.endswith(f"; default uses it now (pid {default}); telegram of family and work is fatal")


def test_shared_identity_without_lock_names_running_gateways(world: DoctorRoot, live: LiveGateways) -> None:
    tokens(world, "default", "work", "family")
    work = live.start(world.home("work"))
    live.lock(TELEGRAM, work, start=1).rename(live.world.user / "gone")
    assert only(world)["message"].endswith(f"; work (pid {work}) runs with it now")
    live.lock(TELEGRAM, work, start=1)  # of a process that had this pid before
    assert only(world)["message"].endswith(f"; work (pid {work}) runs with it now")


def test_inherited_identity_of_another_profile_is_an_error(world: DoctorRoot, live: LiveGateways) -> None:
    tokens(world, "family")
    pid = live.start(world.home("work"), environment={"TELEGRAM_BOT_TOKEN": TELEGRAM})
    found = only(world)
    assert (found["check"], found["severity"]) == ("conflicts.inherited-identity", "error")
    assert found["profiles"] == ["work", "family"] and found["channel"] == "telegram"
    assert found["message"] == (
        f"work (pid {pid}) has a telegram token from the environment, which none of its files sets; "
        "it belongs to family"
    )
    assert found["evidence"] == [{"profile": "work", "file": None, "line": None, "key": "TELEGRAM_BOT_TOKEN"}]
    world.add("work", ".env", "TELEGRAM_BOT_TOKEN=\n")
    assert world.findings("--only", "conflicts") == [], "an empty name in its .env keeps the inherited one out"


def test_inherited_identity_without_owner_is_a_warning(world: DoctorRoot, live: LiveGateways) -> None:
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


def test_inherited_identity_ignores_variables_of_own_files(world: DoctorRoot, live: LiveGateways) -> None:
    """A gateway that restarted itself has the variables of its files in its environment."""
    tokens(world, "work")
    tokens(world, "family", value=OTHER)
    live.start(world.home("work"), environment={"TELEGRAM_BOT_TOKEN": TELEGRAM, "OPENAI_API_KEY": "CANARY"})
    live.start(world.home("family"), environment={"TELEGRAM_BOT_TOKEN": TELEGRAM})  # its own file wins
    assert world.findings("--only", "conflicts") == []


@pytest.mark.parametrize("root", ["elsewhere", "elsewhere/profiles/night"])
def test_held_elsewhere_names_the_other_root(world: DoctorRoot, live: LiveGateways, root: str) -> None:
    tokens(world, "work")
    pid = live.start(world.user / root)
    live.lock(TELEGRAM, pid)
    found = only(world)
    assert (found["check"], found["severity"], found["profiles"]) == ("conflicts.held-elsewhere", "warning", ["work"])
    assert found["message"] == f"process {pid}, which serves {world.user / root}, uses the telegram token of work"
    assert found["evidence"][0]["line"] == 2 and found["fix"]["command"] == f"ps -fp {pid}"
    live.end()
    assert world.findings("--only", "conflicts") == [], "the shown process was stopped"


def test_held_elsewhere_ignores_gateways_of_this_root(world: DoctorRoot, live: LiveGateways) -> None:
    tokens(world, "work")
    pid = live.start(world.home("work"), words=("-p", "work"))
    live.lock(TELEGRAM, pid)
    (world.home("work") / "gateway.pid").unlink()  # it lost its pid file
    assert world.findings("--only", "conflicts") == []


def test_held_elsewhere_ignores_gateways_without_profile_argument(
    world: DoctorRoot, live: LiveGateways, port: int
) -> None:
    tokens(world, "default")
    api_server(world, "default", port)
    pid = live.start(world.root, environment={"TEST_LISTEN": f"127.0.0.1:{port}"})
    live.lock(TELEGRAM, pid)
    (world.root / "gateway.pid").unlink()
    assert world.findings("--only", "conflicts") == []


def test_inherited_identity_ignores_unread_variables(world: DoctorRoot, live: LiveGateways) -> None:
    world.add("work", "config.yaml", "platforms:\n  telegram:\n    enabled: true\n    token: ${MY_OWN_NAME}\n")
    live.start(world.home("work"), environment={"MY_OWN_NAME": TELEGRAM})
    assert world.findings("--only", "conflicts") == []


def test_shared_port_names_listener_and_fatal_channel(world: DoctorRoot, live: LiveGateways, port: int) -> None:
    for name in ("work", "family"):
        api_server(world, name, port)
    work = live.start(
        world.home("work"), environment={"TEST_LISTEN": f"127.0.0.1:{port}"}, platforms={"api_server": "connected"}
    )
    live.start(world.home("family"), platforms={"api_server": "fatal"})
    found = only(world)
    assert (found["check"], found["channel"]) == ("conflicts.shared-port", "api_server")
    assert found["message"] == (
        f"family and work claim port {port} for api_server; work listens on it now (pid {work}); "
        "api_server of family is fatal"
    )
    assert [each["key"] for each in found["evidence"]] == ["API_SERVER_PORT", "API_SERVER_PORT"]


def test_shared_port_mentions_the_default_port(world: DoctorRoot) -> None:
    api_servers_on_the_port_nobody_names(world)
    assert only(world, "conflicts.shared-port")["message"].endswith("the default port of Hermes")
    world.add("work", ".env", "API_SERVER_PORT=8642\n")
    message = only(world, "conflicts.shared-port")["message"]
    assert "family sets no port, so the default applies" in message


def test_port_taken_by_another_process(world: DoctorRoot, live: LiveGateways, port: int) -> None:
    api_server(world, "work", port)
    assert world.findings("--only", TAKEN) == []
    with listening("127.0.0.1", port):
        found = only(world)
        assert (found["check"], found["severity"], found["profiles"]) == (TAKEN, "warning", ["work"])
        assert found["message"].startswith(
            f"port {port}, which work claims for api_server, is used by process {os.getpid()}"
        )
        assert found["fix"]["command"] == f"ps -fp {os.getpid()}"
        live.start(world.home("work"), platforms={"api_server": "fatal"})
        found = only(world)
        assert found["severity"] == "error" and found["message"].endswith("; work runs without it")
        world.write("work", "profile.yaml", "disabled: true\n")
        assert world.findings("--only", TAKEN) == []


@pytest.mark.parametrize(("host", "listener", "is_taken"), [
    ("127.0.0.1", "127.0.0.1", True), ("127.0.0.1", "0.0.0.0", True), ("127.0.0.1", "127.0.0.2", False),
    ("0.0.0.0", "127.0.0.2", True), ("127.0.0.1", "+::", True), ("127.0.0.1", "::1", False),
    ("127.0.0.1", "::", False), ("0.0.0.0", "+::", True), ("0.0.0.0", "::", False), ("::1", "::", True),
    ("localhost", "::1", True), ("::", "::1", True), ("0.0.0.0", "::1", False), ("::1", "127.0.0.1", False),
])  # fmt: skip
def test_port_taken_compares_addresses(world: DoctorRoot, port: int, host: str, listener: str, is_taken: bool) -> None:
    api_server(world, "work", port, f"API_SERVER_HOST={host}\n")
    with listening(listener, port):
        assert bool(world.findings("--only", TAKEN)) is is_taken


@pytest.mark.parametrize("how", ["TEST_LISTEN", "TEST_CHILD"])
def test_port_taken_ignores_own_gateway_and_its_children(
    world: DoctorRoot, live: LiveGateways, port: int, how: str
) -> None:
    api_server(world, "work", port)
    live.start(world.home("work"), environment={how: f"127.0.0.1:{port}"}, platforms={"api_server": "retrying"})
    assert world.findings("--only", TAKEN) == []


def test_port_taken_names_gateway_with_unclaimed_port(world: DoctorRoot, live: LiveGateways, port: int) -> None:
    api_server(world, "work", port)
    family = live.start(world.home("family"), environment={"TEST_LISTEN": f"127.0.0.1:{port}"})
    message = only(world, TAKEN)["message"]
    assert f"is used by the gateway of family (pid {family}); its files do not claim it" in message


def test_port_taken_ignores_gateways_without_pid_file(world: DoctorRoot, live: LiveGateways, port: int) -> None:
    api_server(world, "work", port)
    live.start(world.home("work"), words=("-p", "work"), environment={"TEST_LISTEN": f"127.0.0.1:{port}"})
    (world.home("work") / "gateway.pid").unlink()
    assert world.findings("--only", TAKEN) == []


def test_shared_identity_under_multiplexer_is_a_warning(world: DoctorRoot, live: LiveGateways) -> None:
    tokens(world, "work", "family")
    api_servers_on_the_port_nobody_names(world)
    world.add("default", "config.yaml", "gateway:\n  multiplex_profiles: true\n")
    found = {row["check"]: row for row in world.findings("--only", "conflicts")}
    shared = found["conflicts.shared-identity"]
    assert shared["severity"] == "warning" and "the multiplexer uses it for the first profile only" in shared["message"]
    assert "skips family and work completely" in found["conflicts.shared-port"]["message"]
    write_release(world.root / "hermes-agent", (0, 21, 3))
    (row,) = world.findings("--only", "conflicts.shared-port")
    assert "completely" not in row["message"]
    shutil.rmtree(world.root / "hermes-agent")
    live.start(world.home("work"))  # one that was started by force answers beside it
    found = {row["check"]: row for row in world.findings("--only", "conflicts")}
    assert found["conflicts.shared-identity"]["severity"] == "error"
