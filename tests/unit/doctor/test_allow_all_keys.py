"""Keys of config.yaml whose `*` opens a channel to all users, as real Hermes decides; the others do nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from doctor_root import DoctorRoot
from newer_hermes import write_newer_hermes

TOKENS = {
    "telegram": "TELEGRAM_BOT_TOKEN=7100000001:CANARYtelegramCANARYtelegramCANARY",
    "discord": "DISCORD_BOT_TOKEN=SYN.CANARY.discord0000000000000000000000000000000000",
    "dingtalk": "DINGTALK_CLIENT_ID=CANARYdingtalk\nDINGTALK_CLIENT_SECRET=CANARYdingtalkCANARY",
    "matrix": "MATRIX_HOMESERVER=https://m.example\nMATRIX_ACCESS_TOKEN=syt_CANARYmatrixCANARY",
    "qqbot": "QQ_APP_ID=CANARYqqbot\nQQ_CLIENT_SECRET=CANARYqqbotCANARY",
    "wecom": "WECOM_BOT_ID=CANARYwecom\nWECOM_SECRET=CANARYwecomCANARY",
    "weixin": "WEIXIN_ACCOUNT_ID=CANARYweixin\nWEIXIN_TOKEN=CANARYweixinCANARY",
    "yuanbao": "YUANBAO_APP_ID=CANARYyuanbao\nYUANBAO_APP_SECRET=CANARYyuanbaoCANARY",
    "whatsapp": "WHATSAPP_ENABLED=true",
    "slack": "SLACK_BOT_TOKEN=xoxb-CANARY-slack-000000000000\nSLACK_APP_TOKEN=xapp-CANARY-slack-000000",
}
STAR = ["*"]
LISTED = {"dm_policy": "allowlist"}
# Of 0.19.0: (channel, its block, whether a stranger gets an answer). Judged by its GatewayRunner with its adapters.
CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("telegram", {"allow_from": STAR}, True),
    ("telegram", {"extra": {"allow_from": STAR}}, False),
    ("telegram", {"allowed_users": STAR}, False),
    ("telegram", {"allowFrom": STAR}, False),
    ("discord", {"allow_from": STAR}, True),
    ("discord", {"extra": {"allow_from": STAR}}, True),
    ("discord", {"allowed_users": STAR}, False),
    ("slack", {"allow_from": STAR}, False),
    ("dingtalk", {"extra": {"allowed_users": STAR}}, True),
    ("dingtalk", {"allow_from": STAR}, False),
    ("matrix", {"allowed_users": STAR}, True),
    ("matrix", {"extra": {"allowed_users": STAR}}, False),
    ("whatsapp", {"allow_from": STAR}, True),
    ("whatsapp", {"extra": {"allow_from": STAR}}, False),
    ("whatsapp", {"extra": {"allow_from": STAR, **LISTED}}, True),
    ("wecom", {"allow_from": STAR}, False),
    ("wecom", {"allow_from": STAR, **LISTED}, True),
    ("wecom", {"allowFrom": STAR, **LISTED}, False),
    ("qqbot", {"extra": {"allowFrom": STAR, **LISTED}}, True),
    ("weixin", {"extra": {"allow_from": STAR, **LISTED}}, False),
    ("yuanbao", {"extra": {"dm_allow_from": "*", **LISTED}}, False),
]


def is_open(world: DoctorRoot, channel: str, config: dict[str, Any]) -> bool:
    (world.home("work") / ".env").write_text(f"{TOKENS[channel]}\n")
    (world.home("work") / "config.yaml").write_text(json.dumps(config))
    found = [each for each in world.findings("--only", "security.allow-all") if each["profiles"] == ["work"]]
    assert all(each["channel"] == channel for each in found)
    return bool(found)


@pytest.mark.parametrize(("channel", "block", "expected"), CASES, ids=str)
@pytest.mark.parametrize("place", ["platforms", ""])
def test_key_opens_a_channel_where_hermes_reads_it(
    world: DoctorRoot, channel: str, block: dict[str, Any], place: str, expected: bool
) -> None:
    if not place and "extra" in block and channel != "dingtalk":
        pytest.skip("0.19.0 reads no `extra` at the top level for it")
    given = {channel: {"enabled": True, **block}}
    assert is_open(world, channel, {place: given} if place else given) is expected


def test_block_below_gateway_opens_nothing(world: DoctorRoot) -> None:
    assert not is_open(world, "telegram", {"gateway": {"telegram": {"allow_from": STAR}}})
    assert is_open(world, "telegram", {"gateway": {"platforms": {"telegram": {"allow_from": STAR}}}})


def test_later_release_reads_extra_as_well(world: DoctorRoot) -> None:
    write_newer_hermes(world.root, version="0.22.2")
    assert is_open(world, "telegram", {"platforms": {"telegram": {"extra": {"allow_from": STAR}}}})
