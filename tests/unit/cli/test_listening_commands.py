"""install, start, status and both lists remark on a gateway that people cannot reach, all in the same words."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from gateway_root import TOKEN, GatewayRoot

OFF = "platforms:\n  telegram:\n    enabled: false\n"
OTHER = TOKEN.replace("0009:", "0008:")


def _all_remarks(fleet: GatewayRoot) -> dict[str, list[Any]]:
    """Return command → remarks on `work`."""
    rows = {
        "status": fleet.gateways("status", "--json").data["gateways"],
        "list": fleet.gateways("list", "--json").data["gateways"],
        "profiles": fleet.ok("list", "--json").data["profiles"],
        "show": [fleet.ok("show", "work", "--json").data],
        "install": fleet.gok("install", "--json").data["outcomes"],
        "start": fleet.gok("start", "--json").data["outcomes"],
    }
    return {
        command: next(row["remarks"] for row in found if "work" in (row.get("profile"), row.get("name")))
        for command, found in rows.items()
    }


def test_every_command_has_the_same_remarks_until_the_hint_is_followed(fleet: GatewayRoot) -> None:
    fleet.profile("work", env=f"TELEGRAM_BOT_TOKEN={TOKEN}\n", config_yaml=OFF)
    assert fleet.rows()["work"]["remarks"] == [], "a profile that has no gateway needs no channel"
    planned = fleet.gok("install", "work", "--dry-run", "--json").data["outcomes"][0]["remarks"]
    fleet.gok("install", "work", "--start")
    found = _all_remarks(fleet)
    assert found["status"] == planned and [each["code"] for each in planned] == ["no-channel", "channel-off"]
    assert all(remarks == planned for remarks in found.values()), found
    text = fleet.gok("status", "work").stdout
    assert text.startswith("running; work listens on no channel\n") and "telegram is set up but off" in text
    words = shlex.split(planned[1]["command"])
    fleet.ok(*words[1:])
    assert all(remarks == [] for remarks in _all_remarks(fleet).values())


def test_commands_of_remarks_name_the_root(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--home", str(fleet.root))
    done = fleet.gateways("status", "work", "--home", str(fleet.root))
    assert f"`hermes-profiles connect work telegram --home {fleet.root}`" in done.stdout
    (remark,) = fleet.gateways("status", "work", "--json", "--home", str(fleet.root)).data["gateways"][0]["remarks"]
    assert remark["command"].endswith(f"--home {fleet.root}")


def test_masked_channel_leads_to_an_account_of_its_own(fleet: GatewayRoot) -> None:
    fleet.profile("work", "night", env=f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    started = fleet.gok("install", "night", "work", "--start", "--json").data["outcomes"]
    (masked,) = (row for row in started if row["masked_channels"])
    name = masked["profile"]
    assert [each["code"] for each in masked["remarks"]] == ["no-channel", "channel-masked"]
    assert fleet.rows()[name]["remarks"] == masked["remarks"]
    assert fleet.listed(name)["remarks"] == masked["remarks"], "list needs the masks too"
    again = {row["profile"]: row["remarks"] for row in fleet.gok("start", "--json").data["outcomes"]}
    assert again[name] == masked["remarks"], "of a gateway that runs already"
    command = re.search(r"`hermes-profiles (.+?)`", fleet.gok("status", name).stdout)
    assert command is not None
    fleet.ok(*shlex.split(command[1]), "--offline", typed=OTHER)
    fleet.gok("restart", name)
    assert fleet.rows()[name]["remarks"] == [] and fleet.rows()[name]["masked_channels"] == []


def test_status_exits_3_for_a_degraded_gateway(fleet: GatewayRoot) -> None:
    platforms = {"telegram": {"state": "fatal", "error_code": "x", "error_message": "bad token"}}
    (fleet.home("work") / "platforms").write_text(json.dumps(platforms))
    fleet.gok("install", "work", "--start")
    assert fleet.rows()["work"]["state"] == "degraded"
    done = fleet.gateways("status", "--json")
    assert done.code == 3 and done.json["errors"] == []
    assert fleet.gateways("status", "--ignore-degraded").code == 0 and fleet.gateways("list").code == 0
    fleet.gok("disable", "work")
    assert fleet.gateways("status").code == 0
    fleet.gok("enable", "work")
    fleet.gok("stop", "work")
    assert fleet.gateways("status", "--ignore-degraded").code == 3, "it is down, not degraded"


def test_gateway_that_serves_the_channels_of_others_needs_none(fleet: GatewayRoot) -> None:
    (row,) = fleet.gok("install", "default", "--dry-run", "--json").data["outcomes"]
    assert [each["code"] for each in row["remarks"]] == ["no-channel"]
    fleet.profile("default", config_yaml="gateway: {multiplex_profiles: true}\n")
    (row,) = fleet.gok("install", "default", "--dry-run", "--json").data["outcomes"]
    assert row["remarks"] == []
