"""A release of Hermes that does not exist yet: commands treat it like the newest known one, and say so."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_root import CommandRoot
from command_runner import Runner
from newer_hermes import NEWER, write_newer_hermes

from hermes_profiles.gateways.installation.hermes_code import read_code
from hermes_profiles.hermes.behaviours import Behaviour


@pytest.fixture(params=[True, False], ids=["known-layout", "unknown-layout"])
def world(request: pytest.FixtureRequest, runner: Runner) -> CommandRoot:
    world = CommandRoot(runner)
    world.make()
    world.make("work", {".env": "SLACK_APP_TOKEN=xapp-CANARY-work\n", "config.yaml": "model: {default: gpt-5}\n"})
    write_newer_hermes(world.root, markers=request.param)
    return world


def code_of(world: CommandRoot) -> Path:
    return world.root / "hermes-agent"


def test_newer_release_has_every_behaviour_of_the_newest_known(world: CommandRoot) -> None:
    code = read_code(code_of(world))
    assert code.version == NEWER and code.facts.is_newer_than_known
    assert code.facts.behaviours == set(Behaviour)


@pytest.mark.parametrize(
    "words", [("list",), ("show", "work"), ("list", "--json"), ("show", "default", "--json")], ids=" ".join
)
def test_profiles_are_shown_beside_a_newer_release(world: CommandRoot, words: tuple[str, ...]) -> None:
    done = world.call(*words)
    assert done.code == 0, done
    assert "telegram" in done.stdout or "slack" in done.stdout


@pytest.mark.parametrize("command", ["status", "list", "upgrade-check"])
def test_gateway_commands_answer_beside_a_newer_release(world: CommandRoot, command: str) -> None:
    done = world.runner.gateways(command, "--json")
    assert done.json["errors"] == [] and done.data, done


def test_status_expects_one_gateway_for_all(world: CommandRoot) -> None:
    answer = world.runner.gateways("status", "--json").data
    assert answer["topology"] == "multiplex"
    assert {row["profile"]: row["state"] for row in answer["gateways"]} == {"default": "stopped", "work": "stopped"}


def test_upgrade_check_names_the_release_and_one_gateway(world: CommandRoot) -> None:
    done = world.runner.gateways("upgrade-check", "--json")
    assert done.data["hermes"]["version"] == NEWER, done
    assert "one gateway serves all profiles" in world.runner.gateways("upgrade-check").stdout


def test_status_offers_one_service_for_all(world: CommandRoot) -> None:
    assert "installs and starts one for all profiles" in world.runner.gateways("status").stdout


@pytest.mark.parametrize("words", [("create", "new"), ("clone", "default", "new")], ids=" ".join)
def test_new_profile_needs_no_service(world: CommandRoot, words: tuple[str, ...]) -> None:
    steps = world.call(*words, "--json").data["next_steps"]
    assert not [step for step in steps if "install new" in step]
    assert steps[-1] == (
        "nothing to install for it: the gateway of default serves it; run that, now and at boot: "
        "hermes-gateways install default --start"
    )


def test_new_members_need_no_service(world: CommandRoot) -> None:
    done = world.call("team", "create", "family", "--members", "mum,dad", "--json")
    assert done.data["next_steps"][-1].endswith(
        "serves them; run that, now and at boot: hermes-gateways install default --start"
    ), done
    assert "run-mode" not in done.stdout


def test_imported_members_need_no_service(world: CommandRoot, tmp_path: Path) -> None:
    table = tmp_path / "accounts.csv"
    table.write_text("account_id,token,member\nb0f5860fdecb@im.bot,CANARY-token-of-mum,mum\n")
    done = world.call("team", "import", "csv", str(table), "--json")
    assert done.data["next_steps"][-1].endswith(
        "serves it; run that, now and at boot: hermes-gateways install default --start"
    ), done


def test_install_runs_the_launcher_of_a_newer_release(world: CommandRoot) -> None:
    done = world.runner.gateways("install", "--dry-run", "--json")
    assert "Traceback" not in done.stdout
    outcomes = {row["profile"]: row["outcome"] for row in done.data["outcomes"]}
    assert outcomes == {"default": "would-install", "work": "skipped"}
    detail = next(row["detail"] for row in done.data["outcomes"] if row["profile"] == "work")
    assert detail.endswith("; nothing to install"), detail
    assert world.runner.gateways("print", "default").stdout.count(str(code_of(world) / ".hermes/bin/hermes")) >= 1
