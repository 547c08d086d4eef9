"""team run-mode: switches in both directions, refusals, failures and undo."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from command_runner import Runner
from multiplex_root import MultiplexRoot
from nightly import NIGHTLY

from hermes_profiles.cli.commands.team.run_mode import run_mode
from hermes_profiles.fleet.fleet_lock import FleetLock


@pytest.fixture
def team(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[MultiplexRoot]:
    """A user with a default profile and two members, without services."""
    monkeypatch.setattr("hermes_profiles.fleet.executor.DWELL", 0.1)
    world = MultiplexRoot(runner)
    world.member("anna")
    world.member("bob")
    yield world
    left = world.end()
    assert not left, f"processes of this test were left: {left}"


def test_run_mode_prints_current_mode(team: MultiplexRoot) -> None:
    data = team.moded()
    assert data["mode"] == "processes" and data["unfinished"] is False
    assert [row["served_by"] for row in data["profiles"]] == [None, None, None]
    assert [row["team"] for row in data["profiles"]] == [None, "weixin", "weixin"]


def test_every_example_runs(team: MultiplexRoot) -> None:
    team.gok("install", "--start")
    for line in run_mode.examples:  # type: ignore[attr-defined]
        done = team.call(*line.split()[1:])
        assert done.code == 0, (line, done)


def test_run_mode_switches_to_multiplexer_and_back(team: MultiplexRoot) -> None:
    team.gok("install", "--start")
    files, services = team.kept(), team.services()
    assert services == dict.fromkeys(("default", "anna", "bob"), (True, True, True))
    data = team.moded("multiplex")
    assert data["mode"] == "multiplex" and data["changed"] is True
    assert team.states() == {"default": "running", "anna": "served", "bob": "served"}
    assert team.services() == {
        "default": (True, True, True), "anna": (True, False, False), "bob": (True, False, False)
    }  # fmt: skip
    assert {row["profile"]: row["served_by"] for row in team.moded()["profiles"]} == dict.fromkeys(
        files and services, "default"
    ) | {"default": "default"}
    back = team.moded("processes")
    assert back["mode"] == "processes" and team.services() == services and team.kept() == files
    assert team.states() == dict.fromkeys(services, "running")


def test_repeated_switches_restore_files_and_services(team: MultiplexRoot) -> None:
    """Ten times in a nightly run, else three times."""
    config = "# mine\nmodel:   gpt-5  # the big one\nplatforms: {telegram: {enabled: false}}\nx: 1"
    (team.root / "config.yaml").write_text(config)  # without a final newline
    (team.home("default") / ".env").write_text("GATEWAY_ALLOW_ALL_USERS=true\nWEIXIN_ALLOWED_USERS=boss")
    team.approve("anna", "carla")
    team.member("zoe", config="platforms:\n  weixin: {enabled: true, extra: {dm_policy: pairing}}\n")
    team.gok("install", "--start")
    team.gok("stop", "zoe")
    team.gok("install", "bob", "--no-enable")
    files, services = team.kept(), team.services()
    written_at = (team.root / "config.yaml").stat().st_mtime_ns
    for _ in range(10 if NIGHTLY else 3):
        team.moded("multiplex")
        assert team.states()["zoe"] == "served" and team.kept() != files
        team.moded("processes")
        assert team.kept() == files
        assert team.services() == services
        assert team.states() == {"default": "running", "anna": "running", "bob": "running", "zoe": "stopped"}
    assert (team.root / "config.yaml").read_text() == config
    assert (team.root / "config.yaml").stat().st_mtime_ns == written_at


def test_run_mode_reports_member_and_state_of_accounts(team: MultiplexRoot) -> None:
    team.member("carl", env="", config="model: x\n")
    (team.home("carl") / ".env").write_text("")
    (team.root / "profile.yaml").write_text("teams:\n  weixin:\n    channel: weixin\n")
    team.gok("install", "--start")
    rows = {row["profile"]: row for row in team.gateways("status", "--json").data["accounts"]}
    assert set(rows) == {"anna", "bob", "carl"}
    assert rows["carl"] == {
        "profile": "carl", "team": "weixin", "channel": "weixin", "account": None, "state": "missing",
        "detail": "no account is bound to it", "pid": None,
    }  # fmt: skip
    assert rows["anna"]["account"] == "acc-anna" and rows["anna"]["pid"] == team.pid("anna")
    (team.root / "loses").write_text("bob")
    team.gok("uninstall", "bob")
    team.moded("multiplex")
    done = team.gateways("status", "--json")
    rows = {row["profile"]: row for row in done.data["accounts"]}
    assert (rows["anna"]["state"], rows["anna"]["pid"]) == ("connected", team.pid("default"))
    assert rows["bob"]["state"] == "not connected" and "restart" in rows["bob"]["detail"]
    text = team.gateways("status").stdout
    assert "account of" in text and "acc-anna" in text and "not connected" in text


def test_run_mode_reports_accounts_used_elsewhere_or_twice(team: MultiplexRoot) -> None:
    team.gok("install", "default")
    team.moded("multiplex")
    folder = team.user / ".local/state/hermes/gateway-locks"
    (lock,) = [path for path in folder.glob("*.lock") if path.stat().st_size][:1] or [None]
    assert lock is not None
    team.member("bob", env="WEIXIN_TOKEN=CANARY-token-anna\n")
    done = team.gateways("status", "--json")
    assert done.data["conflicts"][0]["profiles"] == ["anna", "bob"]
    assert "without a message" in done.data["conflicts"][0]["message"]
    rows = {row["profile"]: row for row in done.data["accounts"]}
    assert rows["anna"]["state"] == "connected"
    assert (rows["bob"]["state"], rows["bob"]["detail"]) == (
        "refused", "anna has the same account, and one gateway serves it once"
    )  # fmt: skip


def test_fleet_commands_handle_multiplexed_members(team: MultiplexRoot) -> None:
    team.gok("install", "--start")
    team.moded("multiplex")
    pid = team.pid("default")
    done = team.gok("start", "anna", "--json")
    assert team.outcomes(done) == {"anna": "already-running"} and "served by default" in done.stdout
    for verb in ("stop", "restart"):
        done = team.gateways(verb, "anna", "--json")
        assert done.code == 6 and team.outcomes(done) == {"anna": "refused"}
        assert f"hermes-gateways {verb} default" in done.problem["hint"]
    done = team.gok("start", "--json")
    assert team.outcomes(done) == {"anna": "skipped", "bob": "skipped", "default": "already-running"}
    done = team.gok("enable", "anna", "--json")
    assert "team run-mode processes" in done.data["outcomes"][0]["detail"]
    assert not team.rows()["anna"]["service"]["enabled"], "its unit would be refused at each start"
    done = team.gok("disable", "bob", "--json")
    assert "served by default" in done.data["outcomes"][0]["detail"]
    assert team.gateways("install", "anna").code == 6 and team.gok("install").code == 0
    assert team.pid("default") == pid
    team.moded("processes")
    assert team.services() == {"default": (True, True, True), "anna": (True, True, True), "bob": (True, False, False)}


def test_logs_of_multiplexed_member_are_not_empty(team: MultiplexRoot) -> None:
    team.gok("install", "default")
    team.moded("multiplex")
    done = team.gateways("logs", "anna")
    assert done.code == 0 and "hello from" in done.stdout and "default" in done.stdout
    assert "anna is served by default" in done.stderr
    assert "hello from" not in team.gateways("logs", "anna", "--except", "default").stdout


def test_failed_multiplexer_start_restores_former_state(team: MultiplexRoot) -> None:
    team.gok("install", "--start")
    team.gok("stop", "bob")
    team.approve("anna", "carla")
    (team.root / ".env").write_text("GATEWAY_ALLOW_ALL_USERS=true\n")
    for sign, word in (("no-multiplex", "78"), ("leaves-out", "anna is not served"), ("loses", "not")):
        (team.root / sign).write_text("anna")
        files, services = team.kept(), team.services()
        done = team.mode("multiplex", "--json", "--timeout", "3")
        assert (
            done.code == 1
            and word in done.problem["message"]
            and "the former state was restored" in done.problem["message"]
        )
        assert team.kept() == files and team.services() == services
        assert team.moded()["mode"] == "processes" and not team.moded()["unfinished"]
        (team.root / sign).unlink()
    assert team.states() == {"default": "running", "anna": "running", "bob": "stopped"}


def test_default_service_is_installed_for_multiplexer_and_removed_after(team: MultiplexRoot) -> None:
    files = team.kept()
    dry = team.unchanged_by("team", "run-mode", "multiplex", "--dry-run", "--json")
    assert dry.data["installs"] == ["default"] and dry.data["dry_run"] is True
    team.moded("multiplex")
    assert team.states() == {"default": "running", "anna": "served", "bob": "served"}
    assert team.program("default").exists()
    refused = team.mode("processes", "--json")
    assert refused.code == 6 and "would not be served" in refused.stdout and "--install" in refused.stdout
    team.moded("processes", "--yes")
    assert team.kept() == files and not team.program("default").exists()
    assert team.states() == dict.fromkeys(("default", "anna", "bob"), "stopped")
    team.moded("multiplex")
    data = team.moded("processes", "--install")
    assert {row["profile"]: row["outcome"] for row in data["outcomes"]} | {"default": ""} == {
        "anna": "started", "bob": "started", "default": "",
    }  # fmt: skip
    assert team.states() == {"default": "stopped", "anna": "running", "bob": "running"}


@pytest.mark.parametrize(("env", "config", "meta", "code", "hint"), [
    ("API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-0123456789abcdef\n", "", "", "port-binding",
     "hermes-profiles env unset anna API_SERVER_ENABLED"),
    ("EMAIL_ADDRESS=a@b.c\nEMAIL_PASSWORD=CANARYpassword\nEMAIL_IMAP_HOST=i\nEMAIL_SMTP_HOST=s\n", "", "",
     "foreign-environment", "hermes-profiles env unset anna"),
    ("WEIXIN_DM_POLICY=open\nWEIXIN_ALLOW_ALL_USERS=true\n", "", "", "open-policy",
     "hermes-profiles env unset anna WEIXIN_DM_POLICY"),
    ("WEIXIN_TOKEN=CANARY-token-bob\n", "", "", "same-account", "hermes-profiles doctor anna bob"),
    ("MY_KEY=sk-CANARY-0123456789\nOPENAI_API_KEY=${MY_KEY}\n", "", "", "unread-variable",
     "hermes-profiles env set anna OPENAI_API_KEY"),
    ("", "", "disabled: true\n", "switched-off", "hermes-profiles show anna"),
])  # fmt: skip
def test_switch_with_limits_is_refused_with_hint(
    team: MultiplexRoot, env: str, config: str, meta: str, code: str, hint: str
) -> None:
    team.member("anna", env=env, config=config, meta=meta)
    done = team.unchanged_by("team", "run-mode", "multiplex", "--json")
    assert done.code == 6
    (row,) = [row for row in done.data["limits"] if row["code"] == code]
    assert row["profile"] in ("anna", "bob") and hint in row["hint"] and row["message"]
    assert row["decidable"] is (code == "switched-off")
    if row["decidable"]:
        assert team.moded("multiplex", "--yes")["changed"] is True


def test_scheduled_jobs_need_user_decision(team: MultiplexRoot) -> None:
    path = team.home("anna") / "cron" / "jobs.json"
    path.parent.mkdir()
    path.write_text('{"jobs": [{"id": "1", "enabled": true}, {"id": "2", "enabled": false}]}')
    done = team.unchanged_by("team", "run-mode", "multiplex")
    assert done.code == 6 and "1 scheduled job would not run" in done.stderr and "--yes" in done.stdout
    data = team.mode("multiplex", "--yes", "--json").json
    assert data["exit_code"] == 0 and any("scheduled job" in each["message"] for each in data["warnings"])


def test_gateway_outside_services_blocks_switch(team: MultiplexRoot) -> None:
    process = team.by_hand("anna")
    done = team.mode("multiplex", "--json")
    assert (
        done.code == 6
        and done.problem["code"] == "unsupervised"
        and "hermes-gateways stop anna" in done.problem["hint"]
    )
    assert team.pid("anna") == process.pid
    process.terminate()
    process.wait(10)


def test_state_during_another_switch_is_no_refusal(team: MultiplexRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    process = team.by_hand("anna")
    take = FleetLock.__enter__

    def take_after_another_command(lock: FleetLock) -> FleetLock:
        process.terminate()
        process.wait(10)
        return take(lock)

    monkeypatch.setattr(FleetLock, "__enter__", take_after_another_command)
    assert team.moded("multiplex")["changed"] is True


def test_approvals_are_copied_in_both_directions(team: MultiplexRoot) -> None:
    own = team.approve("anna", "carla", "dora")
    before = own.read_bytes()
    team.moded("multiplex")
    there = team.home("anna") / "pairing" / "weixin-approved.json"
    assert json.loads(there.read_text()) == json.loads(before) and not own.exists(), "a revoked one must not come back"
    assert there.stat().st_mode & 0o777 == 0o600
    team.approve("anna", "carla", "erik", folder="pairing")
    team.moded("processes", "--yes")
    assert set(json.loads(own.read_text())) == {"carla", "erik"} and not there.exists()


def test_switch_back_keeps_user_changes(team: MultiplexRoot) -> None:
    (team.root / ".env").write_text("WEIXIN_ALLOWED_USERS=boss\n")
    team.member("bob", config="platforms:\n  weixin: {enabled: true, extra: {dm_policy: pairing}}\n")
    files = team.kept()
    team.moded("multiplex")
    env = team.home("bob") / ".env"
    assert "WEIXIN_ALLOWED_USERS=," in env.read_text()
    env.write_text(env.read_text() + "MY_OWN=1\n")
    config = team.root / "config.yaml"
    config.write_text(config.read_text() + "mine: 2\n")
    anna = team.home("anna") / ".env"
    anna.write_text(anna.read_text().replace("friend-of-anna", "somebody"))
    done = team.mode("processes", "--yes", "--json")
    assert done.code == 0
    assert env.read_bytes() == files["profiles/bob/.env"] + b"MY_OWN=1\n"
    assert config.read_bytes() == files["config.yaml"] + b"mine: 2\n"
    assert "WEIXIN_ALLOWED_USERS=somebody" in anna.read_text(), "a user allowed by hand stays allowed"
    (kept,) = [each for each in done.json["warnings"] if each["code"] == "kept"]
    assert kept["hint"] == "show the settings: `hermes-profiles show anna`"


def test_undo_of_run_mode_restores_services(team: MultiplexRoot) -> None:
    team.gok("install", "--start")
    files, services = team.kept(), team.services()
    team.moded("multiplex")
    dry = team.ok("undo", "--dry-run", "--json")
    assert dry.data["mode"] == "processes" and team.states()["anna"] == "served"
    team.ok("undo")
    assert team.kept() == files and team.services() == services
    team.ok("undo", team.journal()[-1]["id"])
    assert team.states() == {"default": "running", "anna": "served", "bob": "served"}
    team.moded("processes")
    assert team.kept() == files and team.services() == services


@pytest.mark.parametrize("taken_back", [False, True])
def test_switch_back_finds_renamed_member(team: MultiplexRoot, taken_back: bool) -> None:
    (team.root / ".env").write_text("WEIXIN_ALLOWED_USERS=boss\n")
    team.member("bob", config="platforms:\n  weixin: {enabled: true, extra: {dm_policy: pairing}}\n")
    team.approve("bob", "carla")
    team.gok("install", "--start")
    files = team.kept()
    team.moded("multiplex")
    team.ok("rename", "bob", "rob")
    name = "rob"
    if taken_back:
        team.ok("undo")
        name = "bob"
    assert team.states()[name] == "served" and team.services()[name] == (True, False, False)
    team.moded("processes", "--yes")
    assert team.kept() == {path.replace("profiles/bob", f"profiles/{name}"): file for path, file in files.items()}
    assert team.services()[name] == (True, True, True) and team.states()[name] == "running"
