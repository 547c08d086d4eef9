"""What must be true after each step of newest_service_story.py, under every service manager."""

from __future__ import annotations

from typing import Any

NAMES = ("default", "ada", "bert")
UP = {"default": "running", "ada": "served", "bert": "served"}
DOWN = dict.fromkeys(NAMES, "stopped")
PARKED = {**UP, "bert": "stopped"}
STATES = {
    "installed": UP, "parked": PARKED, "restarted beside": PARKED, "served again": UP, "restarted": UP,
    "stopped": DOWN, "started": UP, "uninstalled": DOWN,
}  # fmt: skip


def check_service_story(seen: dict[str, Any]) -> None:
    """Assert that rows agree with processes and polls, and that one gateway at most ran in each step."""
    assert seen.pop("doubles") == [], "two processes polled one bot"
    assert set(seen) <= set(STATES) and {"installed", "parked", "restarted", "stopped", "uninstalled"} <= set(seen)
    for name, step in seen.items():
        states = STATES[name]
        up = {profile for profile, state in states.items() if state != "stopped"}
        assert step["states"] == states, (name, step)
        assert step["polled"] == sorted(up), (name, step)
        assert step["telegram"] == {each: "connected" if each in up else "off" for each in NAMES}, (name, step)
        assert step["gateways"] == sorted({pid for pid in step["pids"].values() if pid}), (name, step)
        assert len(step["gateways"]) == bool(up), (name, step)
        assert step["installed"] == ([] if name == "uninstalled" else ["default"]), (name, step)
        assert step["exit"] == (3 if name == "stopped" else 0), (name, step)
    assert seen["parked"]["details"]["bert"].startswith("parked"), seen["parked"]
    assert seen["installed"]["gateways"] == seen["parked"]["gateways"] == seen["served again"]["gateways"]
    assert seen["restarted"]["gateways"] != seen["served again"]["gateways"]
    assert seen["installed"]["outcomes"] == dict.fromkeys(NAMES, "started")
    assert seen["parked"]["outcomes"] == {"bert": "stopped"}
