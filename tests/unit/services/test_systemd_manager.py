"""The systemd manager over a systemctl that starts nothing; test_systemd_live.py has the real one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_systemctl import FakeSystemctl
from sample_specs import spec_of

from hermes_profiles.services.manager import Activity, ManagerError, Service
from hermes_profiles.services.naming import ServiceName
from hermes_profiles.services.run_command import Finished, batches, run
from hermes_profiles.services.systemd.manager import SystemdManager
from hermes_profiles.services.systemd.show import blocks, environment
from hermes_profiles.services.systemd.user_bus import SystemdPaths, account_name

UID = os.getuid()


class SystemdHome:
    """A user's home, a machine's folders, and a manager that talks to a fake."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "user"
        self.units = self.home / ".config/systemd/user"
        self.units.mkdir(parents=True)
        self.places = SystemdPaths(
            folder / "run-user", folder / "etc-system", folder / "linger", folder / "booted", folder / "proc"
        )
        for each in self.places:
            each.mkdir()
        self.runtime = self.places.runtime / str(UID)
        (self.runtime / "systemd").mkdir(parents=True)
        (self.runtime / "systemd/private").touch()
        self.fake = FakeSystemctl(self.units)
        self.manager = self.with_environment(PATH="/usr/bin:/bin")

    def with_environment(self, **environment: str) -> SystemdManager:
        return SystemdManager(self.home, environment, UID, runner=self.fake, places=self.places)

    def service(self, profile: str, *, has_file: bool = True) -> Service:
        service = self.manager.service(ServiceName(profile, profile), profile)
        if has_file:
            service.path.write_text("[Service]\nExecStart=/bin/sleep 9\n")
        return service

    def system_unit(self, profile: str, *, enabled: bool = False) -> None:
        name = f"hermes-gateway-{profile}.service"
        (self.places.system_units / name).touch()
        if enabled:
            (self.places.system_units / "multi-user.target.wants").mkdir()
            (self.places.system_units / "multi-user.target.wants" / name).touch()


@pytest.fixture
def world(tmp_path: Path) -> SystemdHome:
    return SystemdHome(tmp_path)


# -- definitions


def test_a_service_is_hermes_own_unit_and_our_drop_in(world: SystemdHome) -> None:
    (unit, unit_text, unit_mode), (ours, ours_text, ours_mode) = world.manager.definitions(spec_of())
    assert unit == world.units / "hermes-gateway-coder.service" == world.service("coder").path
    assert ours == world.units / "hermes-gateway-coder.service.d/50-hermes-profiles.conf"
    assert unit_mode == ours_mode == 0o644 and b"[Install]" in unit_text and b"[Install]" not in ours_text


def test_definitions_drop_in_fits_version_also_without_systemctl(world: SystemdHome, tmp_path: Path) -> None:
    def text(manager: SystemdManager) -> bytes:
        return manager.definitions(spec_of())[1][1]

    old = text(world.manager)
    world.fake.answers["--version"] = Finished(0, "systemd 257 (257.7-1)\n", "")
    assert text(world.with_environment()) != old, "systemd 254 and later can wait longer after each failure"
    assert text(SystemdManager(world.home, {"PATH": str(tmp_path)}, UID, places=world.places)) == old


# -- query


def test_a_query_of_nothing_calls_nothing(world: SystemdHome) -> None:
    assert world.manager.query([]) == {}
    assert world.fake.calls == []


def test_one_call_tells_of_all_units(world: SystemdHome) -> None:
    services = [world.service(f"p{number}") for number in range(50)]
    world.fake.put(
        "hermes-gateway-p7", ActiveState="active", SubState="running", MainPID="77", NRestarts="3",
        UnitFileState="enabled", StateChangeTimestamp="Sat 2026-11-21 10:52:34 UTC", NeedDaemonReload="yes",
        Environment='"HERMES_HOME=/home/a b/.hermes/profiles/p7" PATH=/usr/bin',
    )  # fmt: skip
    found = world.manager.query(services)
    assert len(world.fake.calls) == 1 and len(found) == 50
    one = found["p7"]
    assert (one.installed, one.enabled, one.activity, one.pid) == (True, True, Activity.ACTIVE, 77)
    assert (one.restarts, one.last_exit, one.reason, one.scope) == (3, None, "", "user")
    assert one.home == "/home/a b/.hermes/profiles/p7" and one.stale_definition and one.since == 1795258354.0
    assert found["p8"].activity is Activity.INACTIVE and not found["p8"].enabled and found["p8"].pid is None


@pytest.mark.parametrize(("properties", "activity", "waiting", "last_exit", "reason"), [
    ({"ActiveState": "failed", "Result": "exit-code", "ExecMainCode": "1", "ExecMainStatus": "78"},
     Activity.FAILED, False, 78, "exit-code"),
    ({"ActiveState": "failed", "Result": "start-limit-hit", "ExecMainCode": "2", "ExecMainStatus": "9"},
     Activity.FAILED, False, -9, "start-limit-hit"),
    ({"ActiveState": "failed", "Result": "core-dump", "ExecMainCode": "3", "ExecMainStatus": "11"},
     Activity.FAILED, False, -11, "core-dump"),
    ({"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code", "ExecMainCode": "1",
      "ExecMainStatus": "203"}, Activity.ACTIVATING, True, 203, "exit-code"),
    ({"ActiveState": "activating", "SubState": "auto-restart-queued"}, Activity.ACTIVATING, True, None, ""),
    ({"ActiveState": "activating", "SubState": "start"}, Activity.ACTIVATING, False, None, ""),
    ({"ActiveState": "deactivating"}, Activity.DEACTIVATING, False, None, ""),
    ({"ActiveState": "reloading"}, Activity.ACTIVE, False, None, ""),
    ({"ActiveState": "maintenance"}, Activity.UNKNOWN, False, None, ""),
    ({"LoadState": "bad-setting"}, Activity.INACTIVE, False, None, "bad-setting"),
    ({"ActiveState": "inactive", "ExecMainCode": "1", "ExecMainStatus": "0"}, Activity.INACTIVE, False, 0, ""),
])  # fmt: skip
def test_query_returns_what_systemctl_shows(
    world: SystemdHome,
    properties: dict[str, str],
    activity: Activity,
    waiting: bool,
    last_exit: int | None,
    reason: str,
) -> None:
    world.fake.put("hermes-gateway-a", **properties)
    one = world.manager.query([world.service("a")])["a"]
    assert (one.activity, one.waiting, one.last_exit, one.reason) == (activity, waiting, last_exit, reason)


def test_a_job_that_has_not_run_yet_is_queued(world: SystemdHome) -> None:
    world.fake.put("hermes-gateway-a", Job="311")
    assert world.manager.query([world.service("a")])["a"].queued


@pytest.mark.parametrize("others", [0, 200])
def test_a_unit_that_runs_without_a_file_is_seen(world: SystemdHome, others: int) -> None:
    world.fake.put("hermes-gateway-a", LoadState="not-found", ActiveState="active", MainPID="5")
    services = [world.service("a", has_file=False)] + [world.service(f"p{number}") for number in range(others)]
    one = world.manager.query(services)["a"]
    assert (one.installed, one.activity, one.pid, one.reason) == (False, Activity.ACTIVE, 5, "")


def test_query_large_fleet_uses_pattern_and_files_of_idle_units(world: SystemdHome) -> None:
    services = [world.service(f"p{number}", has_file=number != 9) for number in range(1000)]
    wants = world.units / "default.target.wants"
    wants.mkdir()
    (wants / "hermes-gateway-p3.service").symlink_to(services[3].path)
    os.unlink(services[4].path)
    services[4].path.symlink_to("/dev/null")
    world.fake.put("hermes-gateway-p5", ActiveState="active", MainPID="55", UnitFileState="enabled")
    world.fake.put("hermes-gateway-p6", ActiveState="failed", Result="exit-code")
    found = world.manager.query(services)
    assert len(world.fake.calls) == 1 and sum(map(len, world.fake.calls[0])) < 1000
    assert found["p3"].enabled and found["p3"].installed and found["p3"].activity is Activity.INACTIVE
    assert (found["p4"].installed, found["p4"].reason) == (False, "masked")
    assert (found["p5"].pid, found["p5"].enabled) == (55, True)
    assert found["p6"].activity is Activity.FAILED and not found["p7"].enabled and not found["p9"].installed


def test_a_unit_of_another_name_for_the_same_file_is_recognised(world: SystemdHome) -> None:
    text = "Id=hermes-gateway-b.service\nNames=hermes-gateway-b.service hermes-gateway-a.service\nMainPID=3\n"
    world.fake.answers["show"] = Finished(0, text, "")
    assert world.manager.query([world.service("a")])["a"].pid == 3


def test_blocks_split_at_any_blank_line() -> None:
    found = blocks("\n\nId=a.service\nX=1=2\nnot a pair\n\n \n\nId=b.service\n\nX=nobody's\n")
    assert found == {"a.service": {"Id": "a.service", "X": "1=2"}, "b.service": {"Id": "b.service"}}


@pytest.mark.parametrize(("text", "found"), [
    ("A=1 B=2", {"A": "1", "B": "2"}),
    ('"A=x y" B=', {"A": "x y", "B": ""}),
    (r'"A=a\"b\\c\$d\`e" B=1', {"A": 'a"b\\c$d`e', "B": "1"}),
    (r'"A=a\tb\x41\101"', {"A": "a\tbAA"}),
    (r"$'A=it\'s' B=1", {"A": "it's", "B": "1"}),
    ("A=1 A=2", {"A": "2"}),
    ("A=café'", {"A": "café'"}),
    ("", {}),
])  # fmt: skip
def test_variables_of_a_unit_come_apart_as_systemd_quotes_them(text: str, found: dict[str, str]) -> None:
    assert environment(text) == found


def test_an_answer_without_a_unit_is_no_stopped_gateway(world: SystemdHome) -> None:
    world.fake.answers["show"] = Finished(1, "", "Failed to parse: No such thing.\n")
    with pytest.raises(ManagerError, match="failed to parse: No such thing"):
        world.manager.query([world.service("a")])


# -- scopes


def test_query_system_service_is_read_from_file_system(world: SystemdHome) -> None:
    world.system_unit("a", enabled=True)
    one = world.manager.query([world.service("a", has_file=False)])["a"]
    assert (one.scope, one.installed, one.enabled, one.activity) == ("system", True, True, Activity.UNKNOWN)
    assert len(world.fake.calls) == 1


def test_query_service_in_both_scopes_is_the_users(world: SystemdHome) -> None:
    world.system_unit("a")
    services = [world.service("a"), world.service("b")]
    assert world.manager.query(services)["a"].scope == "user"


# -- verbs


def test_load_and_enable_are_one_call(world: SystemdHome) -> None:
    services = [world.service("a"), world.service("b")]
    assert world.manager.load(services, enable=True) == {}
    assert world.fake.verbs == ["enable"]
    assert all(each.enabled for each in world.manager.query(services).values())
    world.fake.calls.clear()
    assert world.manager.load(services, enable=False) == {} and world.fake.verbs == ["disable"]
    world.fake.calls.clear()
    assert world.manager.load(services, enable=None) == {} and world.fake.verbs == ["daemon-reload"]
    world.fake.calls.clear()
    assert world.manager.load([], enable=True) == {} and world.fake.calls == []


def test_one_bad_unit_does_not_keep_the_others_from_being_enabled(world: SystemdHome) -> None:
    masked, missing = world.service("masked", has_file=False), world.service("missing", has_file=False)
    masked.path.symlink_to("/dev/null")
    clash = world.service("clash")
    world.fake.put("hermes-gateway-clash", UnitFileState="bad")
    services = [masked, world.service("a"), clash, missing, world.service("b")]
    failed = world.manager.load(services, enable=True)
    assert failed.keys() == {"masked", "missing", "clash"}
    assert "`systemctl --user unmask hermes-gateway-masked.service`" in failed["masked"]
    assert "`hermes-gateways install missing`" in failed["missing"] and "already exists" in failed["clash"]
    found = world.manager.query(services)
    assert found["a"].enabled and found["b"].enabled and not found["missing"].enabled


def test_files_are_read_again_even_when_nothing_can_be_enabled(world: SystemdHome) -> None:
    assert world.manager.load([world.service("a", has_file=False)], enable=True).keys() == {"a"}
    assert world.fake.verbs == ["daemon-reload"]


def test_a_refusal_that_names_no_unit_is_everybodys(world: SystemdHome) -> None:
    world.fake.answers["enable"] = Finished(1, "", "Failed to enable unit: Read-only file system.\n")
    failed = world.manager.enable([world.service("a"), world.service("b")], enabled=True)
    assert failed == dict.fromkeys("ab", "failed to enable unit: Read-only file system")
    assert world.fake.verbs == ["enable"]


def test_a_reload_that_fails_is_the_managers_failure(world: SystemdHome) -> None:
    world.fake.answers["daemon-reload"] = Finished(1, "", "Failed to reload daemon: Access denied\n")
    with pytest.raises(ManagerError, match="failed to reload daemon: Access denied"):
        world.manager.load([world.service("a")], enable=None)


def test_after_a_look_a_start_is_one_call(world: SystemdHome) -> None:
    services = [world.service("a"), world.service("b")]
    world.manager.query(services)
    world.fake.calls.clear()
    assert world.manager.start(services) == {}
    assert world.fake.calls == [
        ("systemctl", "--user", "--no-ask-password", "start", "--no-block", "--", "hermes-gateway-a.service",
         "hermes-gateway-b.service")
    ]  # fmt: skip


@pytest.mark.parametrize("looked", [True, False])
@pytest.mark.parametrize(
    "state",
    [
        {"ActiveState": "failed", "Result": "start-limit-hit"},
        {"ActiveState": "activating", "NRestarts": "4"},
        {"ActiveState": "active", "SubState": "running", "NRestarts": "4"},  # it came up by itself
    ],
)
def test_start_resets_only_failed_units_and_those_that_crashed(
    world: SystemdHome, looked: bool, state: dict[str, str]
) -> None:
    services = [world.service("a"), world.service("b")]
    world.fake.put("hermes-gateway-a", **state)
    if looked:
        world.manager.query(services)
    assert world.manager.start(services) == {}
    assert world.fake.verbs == ["show", "reset-failed", "start"]
    assert world.fake.calls[1][-1] == "hermes-gateway-a.service" and len(world.fake.calls[1]) == 6


def test_one_unit_that_cannot_start_does_not_hide_the_others(world: SystemdHome) -> None:
    services = [world.service(name) for name in ("a", "bad", "masked")] + [world.service("gone", has_file=False)]
    world.fake.put("hermes-gateway-bad", LoadState="bad-setting")
    world.fake.put("hermes-gateway-masked", LoadState="masked")
    failed = world.manager.start(services)
    assert failed.keys() == {"bad", "masked", "gone"}
    assert "systemd-analyze --user verify" in failed["bad"] and str(services[1].path) in failed["bad"]
    assert "`hermes-gateways install masked --force`" in failed["masked"] and "unmask" not in failed["masked"]
    assert failed["gone"].endswith("-gone.service not found: create it with `hermes-gateways install gone`")
    assert world.manager.query(services)["a"].activity is Activity.ACTIVE


@pytest.mark.parametrize("loaded", ["masked", "bad-setting", "error"])
def test_query_unit_file_that_cannot_be_loaded_is_unusable(loaded: str, world: SystemdHome) -> None:
    world.fake.put("hermes-gateway-a", LoadState=loaded, ActiveState="active", MainPID="5")
    found = world.manager.query([world.service("a")])["a"]
    assert (found.installed, found.pid, found.unusable) == (True, 5, loaded)
    world.fake.put("hermes-gateway-a", LoadState="loaded")
    assert world.manager.query([world.service("a")])["a"].unusable == ""


def test_unit_that_is_no_file_is_not_installed(world: SystemdHome) -> None:
    service = world.service("a", has_file=False)
    service.path.mkdir()
    world.fake.put("hermes-gateway-a", LoadState="not-found", ActiveState="active", MainPID="5")
    found = world.manager.query([service])["a"]
    assert (found.installed, found.pid, found.stale_definition) == (False, 5, False)
    service.path.rmdir()
    service.path.write_text("[Service]\n")
    found = world.manager.query([service])["a"]
    assert (found.installed, found.unusable, found.stale_definition) == (True, "", True), "it was written again"


def test_error_without_unit_name_counts_for_all(world: SystemdHome) -> None:
    services = [world.service("a"), world.service("b")]
    world.fake.answers["start"] = Finished(1, "", "Unknown operation start.\n")
    assert world.manager.start(services) == dict.fromkeys("ab", "unknown operation start")


def test_a_stop_is_one_call_and_what_is_not_loaded_is_stopped(world: SystemdHome) -> None:
    services = [world.service("a"), world.service("never")]
    world.fake.put("hermes-gateway-a", ActiveState="active", MainPID="4")
    assert world.manager.stop(services) == {}
    assert world.fake.calls[0][3:5] == ("stop", "--no-block") and len(world.fake.calls) == 1
    world.fake.answers["stop"] = Finished(1, "", "Failed to stop hermes-gateway-a.service: Access denied\n")
    assert world.manager.stop(services) == {"a": "access denied"}


def test_unload_disables_and_clears_the_failure(world: SystemdHome) -> None:
    world.fake.put("hermes-gateway-a", ActiveState="failed", UnitFileState="enabled")
    services = [world.service("a"), world.service("never", has_file=False)]
    assert world.manager.unload(services) == {}
    assert world.fake.verbs == ["disable", "reset-failed"]
    one = world.manager.query(services)["a"]
    assert not one.enabled and one.activity is Activity.INACTIVE
    world.fake.calls.clear()
    assert world.manager.enable(services, enabled=True).keys() == {"never"}
    os.unlink(services[0].path)  # the link is left
    assert world.manager.unload(services) == {} and world.fake.verbs == ["enable", "disable", "reset-failed"]
    world.fake.calls.clear()
    assert world.manager.unload(services) == {} and world.fake.verbs == ["daemon-reload", "reset-failed"]
    world.fake.calls.clear()
    assert world.manager.unload([]) == {} and world.manager.start([]) == {} and world.fake.calls == []


def test_names_that_do_not_fit_on_a_command_line_come_in_batches() -> None:
    names = [f"hermes-gateway-{number:04}.service" for number in range(1000)]
    assert len(list(batches(names))) == 1
    pieces = list(batches(names, 1000))
    assert len(pieces) > 30 and [name for piece in pieces for name in piece] == names
    assert all(sum(len(name) + 9 for name in piece) <= 1000 for piece in pieces)
    assert list(batches(["longer than the room"], 3)) == [["longer than the room"]] and list(batches([])) == []


# -- the bus, and what keeps it away


def test_systemctl_gets_a_listed_environment_and_no_more(world: SystemdHome) -> None:
    manager = world.with_environment(
        PATH="/opt/bin", TELEGRAM_BOT_TOKEN="CANARY", HERMES_HOME="/elsewhere", LANG="de_DE", SYSTEMD_PAGER="less"
    )
    manager.query([world.service("a")])
    assert world.fake.environments[-1] == {
        "PATH": "/opt/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "XDG_RUNTIME_DIR": str(world.runtime),
    }  # fmt: skip
    manager.journal_tail(world.service("a"))
    assert "CANARY" not in str(world.fake.environments)


def test_the_user_bus_is_found_and_the_callers_own_address_kept(world: SystemdHome, tmp_path: Path) -> None:
    (world.runtime / "bus").touch()
    world.manager.query([world.service("a")])
    assert world.fake.environments[-1]["DBUS_SESSION_BUS_ADDRESS"] == f"unix:path={world.runtime}/bus"
    own = tmp_path / "own"
    own.mkdir()
    (own / "bus").touch()
    manager = world.with_environment(XDG_RUNTIME_DIR=str(own), DBUS_SESSION_BUS_ADDRESS="unix:path=/x")
    manager.query([world.service("a")])
    assert world.fake.environments[-1]["XDG_RUNTIME_DIR"] == str(own)
    assert world.fake.environments[-1]["DBUS_SESSION_BUS_ADDRESS"] == "unix:path=/x"


def test_find_bus_ignores_runtime_folder_of_another_user(world: SystemdHome) -> None:
    other = SystemdManager(world.home, {"XDG_RUNTIME_DIR": str(world.runtime)}, UID + 1, places=world.places)
    with pytest.raises(ManagerError):
        other.check()


@pytest.mark.parametrize(("kind", "code", "command"), [
    ("linger off", "linger-off", "`loginctl enable-linger {account}`"),
    ("linger on", "no-user-bus", f"`sudo systemctl start user@{UID}.service`"),
    ("not booted", "no-systemd", "--manager supervisor"),
    ("wsl", "wsl-without-systemd", "/etc/wsl.conf"),
    ("wsl kernel", "wsl-without-systemd", "wsl.exe --shutdown"),
])  # fmt: skip
def test_without_a_bus_the_way_out_is_named(world: SystemdHome, kind: str, code: str, command: str) -> None:
    account = account_name(UID, {})
    os.unlink(world.runtime / "systemd/private")
    if kind == "linger on":
        (world.places.linger / account).touch()
    if kind.startswith(("not", "wsl")):
        world.places.booted.rmdir()
    if kind == "wsl kernel":
        (world.places.proc / "sys/kernel").mkdir(parents=True)
        (world.places.proc / "sys/kernel/osrelease").write_text("5.15.90.1-Microsoft-standard-WSL2\n")
    environment = {"WSL_DISTRO_NAME": "Debian"} if kind == "wsl" else {}
    with pytest.raises(ManagerError) as caught:
        world.with_environment(**environment).query([world.service("a")])
    assert caught.value.problem.code == code and caught.value.exit_code == 4
    assert command.format(account=account) in str(caught.value.problem.hint)
    assert "--manager supervisor" in str(caught.value.problem.hint) and world.fake.calls == []


def test_no_bus_root_through_sudo_hints_at_user(world: SystemdHome) -> None:
    manager = SystemdManager(world.home, {"SUDO_USER": "anna"}, 0, places=world.places._replace(runtime=world.home))
    with pytest.raises(ManagerError) as caught:
        manager.check()
    assert caught.value.problem.code == "sudo" and "as anna, without sudo" in str(caught.value.problem.hint)


@pytest.mark.parametrize("words", [
    "Failed to connect to bus: Connection refused", "Failed to connect to bus: No medium found",
    "Failed to list units: Transport endpoint is not connected", "Failed to start x: Connection reset by peer",
])  # fmt: skip
def test_unreachable_manager_differs_from_failing_unit(world: SystemdHome, words: str) -> None:
    for verb in ("show", "start", "stop", "enable"):
        world.fake.answers[verb] = Finished(1, "", words + "\n")
    service = world.service("a")
    asked: list[Callable[[], object]] = [
        lambda: world.manager.query([service]), lambda: world.manager.start([service]),
        lambda: world.manager.stop([service]), lambda: world.manager.load([service], enable=True),
    ]  # fmt: skip
    for ask in asked:
        with pytest.raises(ManagerError) as caught:
            ask()
        assert f"`sudo systemctl restart user@{UID}.service`" in str(caught.value.problem.hint)


def test_a_private_socket_that_comes_up_later_is_found_then(world: SystemdHome) -> None:
    os.unlink(world.runtime / "systemd/private")
    with pytest.raises(ManagerError):
        world.manager.check()
    (world.runtime / "bus").touch()
    world.manager.check()


# -- linger, version, journal


def test_linger_is_read_from_the_file_system(world: SystemdHome) -> None:
    assert world.manager.linger() is False
    (world.places.linger / account_name(UID, {})).touch()
    assert world.manager.linger() is True
    os.unlink(world.places.linger / account_name(UID, {}))
    world.places.booted.rmdir()
    assert world.manager.linger() is None and world.fake.calls == []


def test_linger_is_switched_on_or_the_administrator_named(world: SystemdHome) -> None:
    world.manager.enable_linger()
    assert world.fake.calls == [("loginctl", "--no-ask-password", "enable-linger", account_name(UID, {}))]
    world.fake.answers["loginctl"] = Finished(1, "", "Could not enable linger: Interactive authentication required.\n")
    with pytest.raises(ManagerError, match="Interactive authentication required") as caught:
        world.manager.enable_linger()
    assert "sudo loginctl enable-linger" in str(caught.value.problem.hint)


def test_units_that_start_another_again_are_the_active_ones(world: SystemdHome) -> None:
    world.fake.answers["show"] = Finished(0, "\n\n", "")
    assert world.manager.starters_of("bot.service") == () and world.fake.verbs == ["show"]
    world.fake.answers["show"] = Finished(0, "bot.timer bot.path\nkeep.target\n", "")
    world.fake.answers["is-active"] = Finished(3, "active\ninactive\nactive\n", "")
    assert world.manager.starters_of("bot.service") == ("bot.timer", "keep.target")


def test_version_is_queried_once(world: SystemdHome) -> None:
    assert (world.manager.version(), world.manager.version(), len(world.fake.calls)) == (252, 252, 1)
    world.fake.answers["--version"] = Finished(0, "elogind\n", "")
    with pytest.raises(ManagerError, match="prints no version"):
        world.with_environment().version()


def test_the_end_of_the_journal_is_bounded(world: SystemdHome) -> None:
    world.fake.answers["journalctl"] = Finished(0, "".join(f"line {number}\n" for number in range(20)), "")
    service = world.service("a")
    assert world.manager.journal_tail(service, 2) == ["line 18", "line 19"]
    assert "--user-unit=hermes-gateway-a.service" in world.fake.calls[-1]
    world.fake.answers["journalctl"] = Finished(1, "half a line", "No journal files were found.\n")
    assert world.manager.journal_tail(service) == []


def test_without_journalctl_there_are_no_lines(world: SystemdHome, tmp_path: Path) -> None:
    manager = SystemdManager(world.home, {"PATH": str(tmp_path)}, UID, places=world.places)
    assert manager.journal_tail(world.service("a")) == []


# -- running a program


def test_a_program_is_run_with_its_environment_alone() -> None:
    script = "import os, sys; print(sorted(os.environ)); sys.stderr.buffer.write(b'Odd \\xff.'); sys.exit(3)"
    done = run([sys.executable, "-S", "-c", script], {}, 60)
    assert done.code == 3 and "HOME" not in done.out
    assert done.complaint == "odd \udcff" and Finished(4, "", " \n").complaint == "exit code 4 without any output"


def test_a_program_that_is_missing_or_slow_is_the_managers_failure(tmp_path: Path) -> None:
    with pytest.raises(ManagerError, match="`systemctl` is not on PATH"):
        run(["systemctl", "show"], {"PATH": str(tmp_path)}, 1)
    with pytest.raises(ManagerError, match=r"did not answer within 0\.05 s"):
        run([sys.executable, "-S", "-c", "import time; time.sleep(60)"], {}, 0.05)
    (tmp_path / "systemctl").write_text("not a program")
    with pytest.raises(ManagerError, match="cannot run `systemctl show`: permission denied"):
        run(["systemctl", "show"], {"PATH": str(tmp_path)}, 1)
