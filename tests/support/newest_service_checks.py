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


def faults_of_service_story(seen: dict[str, Any]) -> list[str]:
    """Return where rows disagree with processes and polls, and the steps in which more than one gateway ran."""
    found = [f"two processes polled one bot: {double}" for double in seen.pop("doubles")]
    missing = {"installed", "parked", "restarted", "stopped", "uninstalled"} - set(seen)
    found += [f"no step {name}" for name in sorted(missing)] + [f"unknown {name}" for name in set(seen) - set(STATES)]
    if found:
        return found
    for name, step in seen.items():
        states = STATES[name]
        up = {profile for profile, state in states.items() if state != "stopped"}
        wanted = {
            "states": states,
            "polled": sorted(up),
            "telegram": {each: "connected" if each in up else "off" for each in NAMES},
            "gateways": sorted({pid for pid in step["pids"].values() if pid}),
            "installed": [] if name == "uninstalled" else ["default"],
            "exit": 3 if name == "stopped" else 0,
        }
        found += [f"{name}: {key} is {step[key]}, not {value}" for key, value in wanted.items() if step[key] != value]
        if len(step["gateways"]) != bool(up):
            found.append(f"{name}: gateways {step['gateways']}")
    pids = {name: step["gateways"] for name, step in seen.items()}
    if not seen["parked"]["details"]["bert"].startswith("parked"):
        found.append(f"the detail of a parked profile: {seen['parked']['details']}")
    if not pids["installed"] == pids["parked"] == pids["served again"] != pids["restarted"]:
        found.append(f"gateways changed without a restart, or not with one: {pids}")
    outcomes = [seen[name]["outcomes"] for name in ("installed", "parked")]
    if outcomes != [dict.fromkeys(NAMES, "started"), {"bert": "stopped"}]:
        found.append(f"outcomes {outcomes}")
    return found
