"""team sync and team check: rows without secrets, exit codes, one undo."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_root import CommandRoot
from team_root import make_team


@pytest.fixture
def team(world: CommandRoot) -> CommandRoot:
    """Return a root with the team weixin of anna and bert, led by default."""
    make_team(world)
    return world


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_team_check_in_sync_is_reported(team: CommandRoot) -> None:
    done = team.runner.call("team", "check")
    assert done.code == 0 and "anna: as its lead" in done.stdout
    again = team.runner.call("team", "sync", "weixin", "--json")
    assert again.code == 0 and again.data["changed"] is False
    assert [row["outcome"] for row in again.data["members"]] == ["same", "same"]


def test_team_check_matches_sync(team: CommandRoot) -> None:
    edit(team.home("default") / "config.yaml", "gpt-5", "gpt-6")
    edit(team.home("anna") / ".env", "sk-CANARYshared", "sk-CANARYother")
    (team.home("bert") / "SOUL.md").unlink()
    checked = team.runner.call("team", "check", "weixin", "--json")
    assert checked.code == 3
    rows = {row["profile"]: {(each["place"], each["key"]): each for each in row["changes"]}
            for row in checked.data["members"]}  # fmt: skip
    assert rows["anna"]["config", "model"] == {
        "place": "config", "key": "model", "action": "set", "secret": False, "before": "gpt-5", "after": "gpt-6",
    }  # fmt: skip
    assert rows["anna"]["env", "OPENAI_API_KEY"]["before"] is None and rows["anna"]["env", "OPENAI_API_KEY"]["secret"]
    assert ("link", "SOUL.md") in rows["bert"] and ("link", "SOUL.md") not in rows["anna"]
    text = team.runner.call("team", "check")
    assert text.code == 3 and "gpt-5 → gpt-6" in text.stdout and "a secret, another one" in text.stdout
    assert "fix it with `hermes-profiles team sync`" in text.stdout
    dry = team.runner.call("team", "sync", "--dry-run", "--json")
    assert dry.code == 0 and dry.data["plan"] and dry.data["members"][0]["changes"] == list(rows["anna"].values())
    synced = team.runner.call("team", "sync")
    assert synced.code == 0 and "hermes-gateways restart anna bert" in synced.stdout
    assert team.runner.call("team", "check").code == 0
    assert team.runner.call("undo").code == 0
    assert team.runner.call("team", "check").code == 3


def test_sync_dry_run_lists_files_to_trash(team: CommandRoot) -> None:
    (team.home("anna") / "SOUL.md").unlink()
    (team.home("anna") / "SOUL.md").write_text("I am seeded\n")
    dry = team.runner.call("team", "sync", "--dry-run")
    assert "link SOUL.md" in dry.stdout and "the present one is moved to the trash" in dry.stdout
    assert (team.home("anna") / "SOUL.md").read_text() == "I am seeded\n"
    assert team.runner.call("team", "sync").code == 0
    listed = team.runner.call("trash", "list", "--json")
    assert "SOUL.md" in listed.stdout


def test_member_override_of_key_is_kept(team: CommandRoot) -> None:
    edit(team.home("anna") / "config.yaml", "gpt-5", "mine")
    kept = team.runner.call("team", "sync", "weixin", "--own", "anna:model")
    assert kept.code == 0 and "its own from now on" in kept.stdout
    assert "model: mine" in (team.home("anna") / "config.yaml").read_text()
    back = team.runner.call("team", "sync", "--not-own", "anna:model", "--json")
    assert back.code == 0 and "model: gpt-5" in (team.home("anna") / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("sync", "nope"), 5), (("check", "nope"), 5), (("sync", "--own", "anna"), 2),
        (("sync", "--own", "eve:model"), 5), (("sync", "--own", "anna:nothing.there"), 5),
        (("sync", "--not-own", "anna:model"), 5),
    ],
)  # fmt: skip
def test_unknown_team_or_member_is_refused(team: CommandRoot, words: tuple[str, ...], code: int) -> None:
    done = team.runner.call("team", *words, "--json")
    assert (done.code, done.json["status"]) == (code, "error") and done.problem["hint"]


def test_sync_with_broken_member_updates_the_others(team: CommandRoot) -> None:
    edit(team.home("default") / "config.yaml", "gpt-5", "gpt-6")
    (team.home("anna") / "config.yaml").write_text("a: [\n")
    done = team.runner.call("team", "sync", "--json")
    assert (done.code, done.json["status"]) == (1, "partial")
    assert [row["outcome"] for row in done.data["members"]] == ["failed", "synced"]
    assert done.problem["target"] == "anna" and "config.yaml:" in done.problem["message"]
    assert "gpt-6" in (team.home("bert") / "config.yaml").read_text()
    assert team.runner.call("team", "check", "--json").code == 3


def test_team_check_without_teams_succeeds(world: CommandRoot) -> None:
    for word in ("sync", "check"):
        done = world.runner.call("team", word)
        assert done.code == 0 and "there is no team" in done.stdout


def test_sync_hints_restart_only_after_changes(team: CommandRoot) -> None:
    kept = team.runner.call("team", "sync", "weixin", "--own", "anna:model")
    assert kept.code == 0 and "restart" not in kept.stdout
