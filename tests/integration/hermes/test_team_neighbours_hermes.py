"""Removed members, clones of members, and changes by `hermes profile`, on real Hermes."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator

import pytest
from accounts_root import AccountsRoot, account_id, eventually, friend, running_accounts, token
from command_root import CommandRoot as Commands
from command_runner import GATEWAYS, Done, Runner
from real_hermes import apart, hermes_python

pytestmark = pytest.mark.judge
MEMBERS = ("m01", "m02", "m03")


@pytest.fixture
def world() -> Iterator[AccountsRoot]:
    with running_accounts("neighbours") as made:
        made.lead()
        made.by_hand(MEMBERS)
        for member in MEMBERS:
            (made.home(member) / "profile.yaml").write_text("team:\n  name: weixin\n  env: OPENAI_API_KEY\n")
        (made.root / "profile.yaml").write_text(
            "teams:\n  weixin:\n    channel: weixin\n    share: skills, persona, config, keys\n"
        )
        yield made


@pytest.fixture
def ours(world: AccountsRoot) -> Iterator[Commands]:
    """The commands of the same user, with gateways as services of a supervisord."""
    (world.user / "run").mkdir(mode=0o700)
    runner = Runner(world.user, {**world.environment, "HERMES_PROFILES_MANAGER": "supervisor"})
    commands = Commands(runner)
    yield commands
    done = _gateways(commands, "uninstall", "--yes")
    assert done.code == 0, done
    daemon = commands.state / "supervisor" / "supervisord.pid"
    eventually(lambda: not daemon.exists(), "the supervisord of this test did not end")


def _gateways(ours: Commands, *words: str) -> Done:
    return ours.runner.run(*words, command=GATEWAYS)


def _serve(world: AccountsRoot, ours: Commands) -> None:
    """Run the multiplexer as a service."""
    world.multiplex()
    done = _gateways(ours, "install", "default", "--start", "--python", hermes_python())
    assert done.code == 0, done
    world.polled()


def _is_polled(world: AccountsRoot, member: str, *, seconds: float = 4) -> bool:
    """Return whether an account is polled from now on."""
    before = world.ilink.polls[token(member)]
    return world.ilink.wait(lambda: world.ilink.polls[token(member)] > before, seconds)


@pytest.mark.nightly
def test_multiplexer_polls_for_a_removed_home_until_restarted(world: AccountsRoot) -> None:
    world.serve("multiplex")
    shutil.move(world.home("m01"), world.user / "away")
    assert _is_polled(world, "m01") and _is_polled(world, "m01"), "0.19.0 no longer polls until a restart"
    world.ilink.send(token("m01"), friend("m01"), "say-late-m01")
    eventually(lambda: world.home("m01").exists(), "0.19.0 does not make the folder again", patience=20)


@pytest.mark.nightly
def test_removed_member_is_not_answered_and_others_are(world: AccountsRoot, ours: Commands) -> None:
    _serve(world, ours)
    done = ours.run("team", "remove", "m01", "--yes", "--json")
    assert done.code == 0 and done.data["multiplexer"]["restarted"] is True, done
    for member in ("m02", "m03"):
        assert _is_polled(world, member, seconds=30), world.logs()
    assert not _is_polled(world, "m01") and not world.home("m01").exists()
    world.ilink.send(token("m02"), friend("m02"), "say-hello-m02")
    assert world.answered("m02", friend("m02"))[0].startswith("heard say-hello-m02 · persona the-lead")
    assert not world.home("m01").exists()
    done = ours.run("undo", "--json")
    assert done.code == 0 and done.json["errors"] == [], done
    assert _is_polled(world, "m01", seconds=30), done
    world.ilink.send(token("m01"), friend("m01"), "say-back-m01")
    assert world.answered("m01", friend("m01"))[0] == "heard say-back-m01 · persona the-lead · skills first · turns 1"


@pytest.mark.nightly
def test_kept_member_has_its_own_persona_and_skills(world: AccountsRoot, ours: Commands) -> None:
    assert ours.run("team", "remove", "m01", "--keep-profile").code == 0
    (world.root / "SOUL.md").write_text("You are persona-of-another.\n")
    world.skill("second")
    world.serve("processes")
    for member in ("m01", "m02"):
        world.ilink.send(token(member), friend(member), f"say-hello-{member}")
    alone, shared = (world.answered(member, friend(member))[0] for member in ("m01", "m02"))
    assert alone == "heard say-hello-m01 · persona the-lead · skills first · turns 1"
    assert "persona another" in shared and "second" in shared


def test_clone_of_a_member_runs_without_its_account(world: AccountsRoot, ours: Commands) -> None:
    assert ours.run("clone", "m01", "solo", "--no-alias").code == 0
    assert not [path for path in world.home("solo").rglob("*") if path.is_symlink()]
    assert not [place for place in world.holders(token("m01")) | world.holders(account_id("m01")) if "solo" in place]
    assert "solo" in world.hermes("profile", "list")
    assert "skill-of-first" in world.hermes("-p", "solo", "skills", "list")


def test_changes_by_hermes_are_reported_and_repaired(world: AccountsRoot, ours: Commands) -> None:
    ours.ok("clone", "default", "boss", "--no-alias")
    for path in ("SOUL.md", "skills"):
        (world.home("m03") / path).unlink()
        (world.home("m03") / path).symlink_to(f"../boss/{path}")
    (world.home("m03") / "profile.yaml").write_text("team:\n  name: sales\n  env: OPENAI_API_KEY\n")
    (world.home("boss") / "profile.yaml").write_text("teams:\n  sales:\n    channel: weixin\n")

    world.hermes("profile", "rename", "boss", "chef")
    assert ours.listed("m03")["lead"] == "chef" and ours.call("team", "check", "sales").code == 3
    ours.ok("team", "sync", "sales")
    assert os.readlink(world.home("m03") / "SOUL.md") == "../chef/SOUL.md"
    assert (world.home("m03") / "SOUL.md").read_text().startswith("You are persona-of-the-lead")

    pool = {path: path.read_bytes() for path in (world.root / "skills").rglob("SKILL.md")}
    world.hermes("profile", "delete", "m01", "--yes", before=apart())
    assert {path: path.read_bytes() for path in pool} == pool, "Hermes followed a link"
    teams = {row["name"]: row["members"] for row in ours.ok("team", "list", "--json").data["teams"]}
    assert teams == {"weixin": ["m02"], "sales": ["m03"]}

    world.hermes("profile", "delete", "chef", "--yes", before=apart())
    assert ours.listed("m03")["lead"] is None and ours.call("team", "check", "sales").code != 0
    ours.ok("team", "remove", "m03", "--keep-profile")
    assert not (world.home("m03") / "SOUL.md").is_symlink() and ours.listed("m03")["team"] is None
    # At the next start Hermes creates missing files in the home.
    world.start("m03")
    eventually(lambda: (world.home("m03") / "SOUL.md").is_file(), world.logs)
    time.sleep(1)
    assert (world.root / "SOUL.md").read_text() == "You are persona-of-the-lead.\n"
