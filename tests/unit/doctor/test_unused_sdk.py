"""Libraries of channels that no profile uses, and what they cost."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from doctor_root import DoctorRoot
from hermes_release import write_release

from hermes_profiles.gateways.installation.hermes_libraries import installed_libraries
from hermes_profiles.model.layout import Layout

CHECK = "runtime.unused-sdk"
# A python whose only module is pip, and pip only uninstalls.
_PIP = """#!/bin/sh
[ "$1 $2 $3 $4" = "-m pip uninstall --yes" ] || exit 3
shift 4
for each; do rm -r "${0%/*}"/../lib/*/site-packages/$(echo "$each" | tr - '?')-*; done
"""
FEISHU = "FEISHU_APP_ID=cli_CANARY0001\nFEISHU_APP_SECRET=CANARY-feishu-secret-1\n"


def install(world: DoctorRoot, *distributions: str) -> Path:
    """Write a checkout of Hermes whose environment has these folders of distributions."""
    checkout = world.root / "hermes-agent"
    write_release(checkout, (0, 19, 0))
    site = checkout / "venv" / "lib" / "python3.13" / "site-packages"
    for name in ("hermes_agent-0.19.0", *distributions):
        (site / f"{name}.dist-info").mkdir(parents=True)
    python = checkout / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(_PIP)
    python.chmod(0o755)
    command = world.user / ".local" / "bin" / "hermes"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!{python}\nfrom hermes_cli.main import main\n")
    command.chmod(0o755)
    return python


def test_libraries_of_no_channel_are_named_with_what_they_cost(world: DoctorRoot) -> None:
    python = install(world, "lark_oapi-1.6.8", "discord.py-2.7.1", "pip-26.1", "slack_cli-1.0", "aiohttp-3.9")
    (row,) = world.findings("--only", CHECK)
    assert row["severity"] == "info" and row["profiles"] == []
    assert row["message"] == (
        "no profile uses feishu and discord, and what is installed for it takes 146 MB of memory in each gateway, "
        "438 MB for 3 gateways"
    )
    assert shlex.split(row["fix"]["command"]) == [
        str(python), "-m", "pip", "uninstall", "--yes", "lark-oapi", "discord-py"
    ]  # fmt: skip
    subprocess.run(["/bin/sh", "-c", row["fix"]["command"]], check=True)
    assert world.findings("--only", CHECK) == []


def test_environment_without_pip_gets_the_command_of_uv(world: DoctorRoot) -> None:
    python = install(world, "lark_oapi-1.6.8")
    (row,) = world.findings("--only", CHECK)
    assert row["fix"]["command"] == f"uv pip uninstall --python {python} lark-oapi"


@pytest.mark.parametrize("config", ["", "platforms:\n  feishu:\n    enabled: false\n"])
def test_library_of_a_profile_with_the_channel_on_or_off_stays(world: DoctorRoot, config: str) -> None:
    install(world, "lark_oapi-1.6.8", "discord_py-2.7.1")
    world.profile("work", FEISHU, config)
    assert world.findings("--only", CHECK) == []


def test_small_libraries_are_no_finding(world: DoctorRoot) -> None:
    install(world, "discord_py-2.7.1", "python_telegram_bot-22.6")
    assert world.findings("--only", CHECK) == []


def test_one_profile_alone_shows_no_use_by_others(world: DoctorRoot) -> None:
    install(world, "lark_oapi-1.6.8")
    assert world.findings("family", "--only", CHECK) == []


def test_installed_libraries_are_read_without_running_anything(world: DoctorRoot) -> None:
    python = install(world, "Lark_Oapi-1.6.8")
    found = installed_libraries(Layout(world.root, world.user), {"PATH": str(world.user / ".local/bin")})
    assert found is not None and found.python == python and "lark-oapi" in found.names
