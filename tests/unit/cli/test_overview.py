"""The programs without a command: what there is, and the three commands that are of most use in this state."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from command_root import CommandRoot
from command_runner import Runner

from hermes_profiles.cli.render.overview import ROWS, gateway_commands, profile_commands

PROGRAMS = pytest.mark.parametrize("module", ["profiles", "gateways"])


@PROGRAMS
def test_empty_home_says_how_to_begin(bare: CommandRoot, module: str) -> None:
    done = bare.call() if module == "profiles" else bare.runner.gateways()
    assert done.code == 0 and done.stderr == ""
    first, *lines = done.stdout.splitlines()
    assert first == f"no profiles in {bare.root}"
    begun = [line.partition("  ")[0] for line in lines if line.startswith("hermes-")]
    assert begun == [
        "hermes-profiles demo",
        "hermes-profiles create work",
        "hermes-profiles connect work telegram",
    ]
    assert lines[-1] == f"`hermes-{module} --help` lists all commands"
    assert not bare.root.exists()


def test_home_with_profiles_shows_them_and_three_commands(world: CommandRoot) -> None:
    world.make("mute", {"config.yaml": "model: gpt-5\n", ".env": ""})
    done = world.unchanged_by(code=0)
    assert done.stdout.startswith("2 profiles, no gateway is running\n")
    assert "slack, telegram" in done.stdout
    commands = [line for line in done.stdout.splitlines() if line.startswith("hermes-")]
    assert [line.partition("  ")[0] for line in commands] == [
        "hermes-gateways install --start",
        "hermes-profiles connect mute telegram",
        "hermes-profiles doctor",
    ]
    done = world.runner.gateways()
    assert done.code == 0 and done.stdout.startswith("no gateway is running; 2 without a service\n")
    assert done.stdout.count("\nhermes-") == 3


def test_many_profiles_are_counted(world: CommandRoot) -> None:
    for number in range(ROWS):
        world.make(f"p{number}", {"config.yaml": ""})
    assert "and 1 more: `hermes-profiles list`" in world.ok().stdout
    assert "and 1 more: `hermes-gateways list`" in world.runner.gateways().stdout


@PROGRAMS
def test_home_alone_answers_for_that_home(world: CommandRoot, module: str) -> None:
    other = world.user / "other"
    call = world.call if module == "profiles" else world.runner.gateways
    for words in (("--home", str(other)), (f"--home={other}",)):
        done = call(*words)
        assert done.code == 0 and done.stdout.startswith(f"no profiles in {other}\n"), done
        assert f"hermes-profiles create work --home {other} " in done.stdout, "its next steps are for that home too"
    shown = call("--home", str(world.root)).stdout
    assert shown.splitlines()[0] == call().stdout.splitlines()[0] and shown.count(f"--home {world.root}") == 3
    assert call("--home").code == 2


@PROGRAMS
def test_overview_imports_no_typer(world: CommandRoot, runner: Runner, module: str) -> None:
    script = (
        f"import sys\nfrom hermes_profiles.cli.{module} import run\n"
        "try: run([])\nexcept SystemExit as end: print('code', end.code)\nprint(*sys.modules, file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=runner.environment, capture_output=True, text=True, check=True)
    assert "code 0" in done.stdout and not {"typer", "click", "rich"} & set(done.stderr.split())


def _profile(name: str, state: str, *, channels: tuple[str, ...] = ("telegram",), off: bool = False) -> dict[str, Any]:
    return {"name": name, "gateway": {"state": state}, "channels": channels, "disabled": off}


def _gateway(name: str, state: str, *, installed: bool = True, off: bool = False) -> dict[str, Any]:
    service = {"installed": installed}
    return {"profile": name, "state": state, "service": service, "parked": False, "disabled": off}


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (
            [_profile("default", "running"), _profile("kid", "crash-looping"), _profile("mum", "degraded")],
            ["hermes-gateways logs kid", "hermes-gateways status mum", "hermes-profiles doctor"],
        ),
        (
            [_profile("default", "running"), _profile("work", "running")],
            ["hermes-profiles doctor", "hermes-profiles clone default family", "hermes-gateways status"],
        ),
        (
            [_profile("default", "stopped", channels=())],
            ["hermes-profiles connect default telegram", "hermes-gateways install --start", "hermes-profiles doctor"],
        ),
        (
            [_profile("default", "running"), _profile("old", "failed", off=True)],
            ["hermes-profiles doctor", "hermes-profiles clone default work", "hermes-gateways status"],
        ),
    ],
    ids=["trouble", "well", "mute", "disabled"],
)
def test_next_commands_of_profiles_follow_their_state(rows: list[dict[str, Any]], wanted: list[str]) -> None:
    assert [each.command for each in profile_commands(rows)] == wanted


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (
            [_gateway("default", "running"), _gateway("kid", "stopped")],
            ["hermes-gateways start kid", "hermes-gateways status", "hermes-gateways logs -f"],
        ),
        (
            [_gateway("default", "failed"), _gateway("kid", "stopped"), _gateway("mum", "stopped")],
            ["hermes-gateways logs default", "hermes-gateways start", "hermes-gateways status"],
        ),
        (
            [_gateway("default", "stopped", installed=False)],
            ["hermes-gateways install --start", "hermes-gateways status", "hermes-profiles doctor"],
        ),
        (
            [_gateway("default", "running"), _gateway("kid", "stopped", off=True)],
            ["hermes-gateways status", "hermes-gateways logs -f", "hermes-gateways restart"],
        ),
    ],
    ids=["stopped", "failed", "no service", "well"],
)
def test_next_commands_of_gateways_follow_their_state(rows: list[dict[str, Any]], wanted: list[str]) -> None:
    assert [each.command for each in gateway_commands(rows)] == wanted
