"""Repair of roots cloned by real Hermes with tokens: its loader then finds each bot in one profile."""

# ruff: noqa: E501  (a file of a case is one string)

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clone_source import leaks, picture, write_files
from command_root import CommandRoot
from command_runner import Runner
from hermes_judge import Verdict, hermes, judge

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import claimed_resources

pytestmark = pytest.mark.judge

SECRETS = {
    "TELEGRAM_BOT_TOKEN": "7100000001:CANARYtelegramCANARYtelegram1234567",
    "SLACK_BOT_TOKEN": "xoxb-CANARY-slack-bot-123456", "SLACK_APP_TOKEN": "xapp-CANARY-slack-app-123456",
    "MATRIX_ACCESS_TOKEN": "syt_CANARY_matrix_access_1", "MATRIX_HOMESERVER": "https://matrix.canary.example",
    "WEIXIN_ACCOUNT_ID": "wx_canary_account_1", "WEIXIN_TOKEN": "CANARY-w31x1n-t0k3n-0", "FEISHU_APP_ID": "cli_canary_feishu_1", "FEISHU_APP_SECRET": "CANARY-feishu-secret-1",
    "API_SERVER_KEY": "CANARY-api-server-key-0123456789",
}  # fmt: skip
CHANNELS = {"telegram", "slack", "matrix", "weixin", "feishu", "discord"}
DISCORD = "CANARY-discord-token-in-config-1"
FILES = {
    ".env": "OPENROUTER_API_KEY=sk-or-CANARY-shared-key\n" + "".join(f"{name}={value}\n" for name, value in SECRETS.items()),
    "config.yaml": f"model:\n  default: anthropic/claude\n  provider: openrouter\nplatforms:\n  discord:\n    enabled: true\n    token: {DISCORD}\n  telegram:\n    enabled: true\n",
    "SOUL.md": "calm\n",
    "memories/MEMORY.md": f"the bot is {SECRETS['TELEGRAM_BOT_TOKEN']}\n",
    "weixin/accounts/wx_canary_account_1.json": json.dumps({"token": "CANARY-w31x1n-t0k3n", "base_url": "https://x.example"}),
    "pairing/telegram-approved.json": json.dumps({"42": {"user_name": "a", "approved_at": 1790000000.0}}),
    "auth.json": json.dumps({"version": 1, "providers": {"nous": {"access_token": "CANARY-a", "refresh_token": "CANARY-nous-refresh-1"}}}),
}  # fmt: skip


@pytest.fixture
def cloned(runner: Runner) -> CommandRoot:
    """Three profiles, two of them made by Hermes with `profile create --clone` and `--clone-all`."""
    world = CommandRoot(runner)
    world.root.mkdir()
    write_files(world.root, FILES)
    for name, how in (("work", "--clone"), ("family", "--clone-all")):
        done = hermes(runner.user_home, "profile", "create", name, how, "--no-alias")
        assert done.returncode == 0, done.stdout + done.stderr
        assert SECRETS["TELEGRAM_BOT_TOKEN"] in (world.home(name) / ".env").read_text(), (
            "Hermes no longer copies tokens"
        )
    return world


def verdicts(world: CommandRoot, court: Path) -> dict[str, Verdict]:
    names = ("default", "work", "family")
    court.mkdir()
    return dict(zip(names, judge([world.home(name) for name in names], court), strict=True))


def test_repair_leaves_each_identity_in_one_profile(cloned: CommandRoot, tmp_path: Path) -> None:
    before = {name: picture(cloned.home(name)) for name in ("default", "work", "family")}
    shown = verdicts(cloned, tmp_path / "before")
    assert all(verdict.connected >= CHANNELS for verdict in shown.values()), "the clones have no bots: the test is void"
    done = cloned.ok("repair", "--yes", "--json")
    owners = {row["channel"]: row["owner"] for row in done.data["shared"]}
    assert CHANNELS | {"nous"} <= set(owners), owners
    after = verdicts(cloned, tmp_path / "after")
    for channel in CHANNELS:
        assert [name for name, verdict in after.items() if channel in verdict.connected] == [owners[channel]], channel
    for name in ("default", "work", "family"):
        lost = [row for row in done.data["shared"] if name in row["losers"]]
        assert not after[name].connected & {row["channel"] for row in lost if row["kind"] != "port"}
        assert (
            after[name].model == shown[name].model
            and "OPENROUTER_API_KEY=sk-or-CANARY-shared-key" in (cloned.home(name) / ".env").read_text()
        )
    ports = [int((after[name].api or {}).get("port") or 8642) for name in after]
    assert len(set(ports)) == 3 and len({(after[name].api or {}).get("key") for name in after}) == 3
    assert all("api_server" in verdict.connected for verdict in after.values()), "the API server keeps running"
    for name in after:
        if name != owners["telegram"]:
            left = {
                row["path"]
                for profile in done.data["profiles"]
                if profile["profile"] == name
                for row in profile["left"]
            }
            found = [
                row
                for row in leaks(cloned.home(name), [SECRETS["TELEGRAM_BOT_TOKEN"]])
                if row[1] not in left and not row[1].startswith("profiles/")
            ]
            assert found == []
    cloned.ok("undo")
    assert {name: picture(cloned.home(name)) for name in before} == before


def test_default_keeps_a_bot_that_a_copy_used_unless_the_user_says_otherwise(
    cloned: CommandRoot, tmp_path: Path
) -> None:
    """Files of a clone's gateway that has ended are no certain evidence."""
    state = {
        "pid": 1,
        "gateway_state": "stopped",
        "platforms": {"telegram": {"state": "connected", "updated_at": "2026-11-20T10:00:00+00:00"}},
    }
    (cloned.home("family") / "gateway_state.json").write_text(json.dumps(state))
    (row,) = cloned.ok("repair", "--channel", "telegram", "--dry-run", "--json").data["shared"]
    assert row["owner"] == "default" and any("2026-11-20" in doubt for doubt in row["doubts"])
    done = cloned.ok("repair", "--channel", "telegram", "--owner", "telegram=family", "--yes", "--json")
    (row,) = done.data["shared"]
    assert row["owner"] == "family" and set(row["losers"]) == {"default", "work"}
    after = verdicts(cloned, tmp_path / "after")
    assert [name for name in after if "telegram" in after[name].connected] == ["family"]
    assert all("slack" in after[name].connected for name in after), "only telegram was selected"


@pytest.mark.nightly
def test_repair_channels_agree_with_hermes(cloned: CommandRoot, tmp_path: Path) -> None:
    """The reported channels equal those of Hermes, before and after."""
    for moment in ("before", "after"):
        shown = verdicts(cloned, tmp_path / moment)
        for name, verdict in shown.items():
            held = claimed_resources(Layout(cloned.root, cloned.user).home(name), catalog=load_catalog())
            assert set(held.channels) >= verdict.connected, (moment, name)
        cloned.ok("repair", "--yes")
