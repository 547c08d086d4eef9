"""team create, list and show: answers, refusals and unchanged files."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from command_root import SOURCE, TOKEN, CommandRoot, picture, strays
from typer.main import get_command

from hermes_profiles.cli.command_table import HERMES_GATEWAYS, HERMES_PROFILES
from hermes_profiles.cli.completion.candidates import answer
from hermes_profiles.cli.framework.app import typer_app

TEAM_ROW = {"name", "lead", "channel", "share", "members"}
MEMBER_ROW = {"profile", "path", "account", "own", "carried", "links", "missing", "login_again"}


@pytest.fixture
def team(world: CommandRoot) -> CommandRoot:
    world.ok("team", "create", "family", "--members", "ann,bob")
    return world


def test_team_create_makes_team(world: CommandRoot) -> None:
    before = world.picture(world.root)
    dry = world.unchanged_by("team", "create", "family", "--members", "ann,bob", "--dry-run", "--json")
    done = world.ok("team", "create", "family", "--members", "ann,bob", "--json")
    assert done.data["dry_run"] is False and dry.data.pop("plan") and dry.json["command"] == ["team", "create"]
    same = {key: value for key, value in dry.data.items() if key not in ("dry_run", "plan")}
    assert same == {key: value for key, value in done.data.items() if key not in ("dry_run", "change")}
    assert set(done.data["team"]) == TEAM_ROW and all(set(row) == MEMBER_ROW for row in done.data["members"])
    assert done.data["team"] == {
        "name": "family", "lead": "default", "channel": "weixin", "share": ["skills", "persona", "config", "keys"],
        "members": ["ann", "bob"],
    }  # fmt: skip
    after = world.picture(world.root)
    changed = {path for path in after if after[path] != before.get(path) and path.partition("/")[0] != "profiles"}
    assert changed == {"profile.yaml"} and not set(before) - set(after)
    assert world.names() == ["default", "ann", "bob"] and len(world.journal()) == 1
    assert strays(world) == []


def test_undo_removes_whole_team(team: CommandRoot) -> None:
    team.ok("undo")
    assert team.names() == ["default"] and team.ok("team", "list", "--json").data == {"teams": []}
    team.ok("undo", json_id(team))
    assert team.ok("team", "show", "family", "--json").data["team"]["members"] == ["ann", "bob"]


def json_id(world: CommandRoot) -> str:
    return str(max(entry["id"] for entry in world.journal()))


def test_team_text_output(world: CommandRoot) -> None:
    text = world.ok("team", "create", "family", "--members", "ann,bob").stdout
    assert text.startswith("team family: led by default, on weixin, shares skills, persona, config, keys\n")
    assert f"  ann: made at {world.home('ann')}, no account yet\n" in text
    assert "  linked to default: skills, SOUL.md\n" in text and "  keys that came along: OPENAI_API_KEY" in text
    stays = next(line for line in text.splitlines() if "stays with default" in line)
    assert "TELEGRAM_BOT_TOKEN" in stays and "SLACK_BOT_TOKEN" in stays
    world.ok("team", "create", "work", "--lead", "default", "--channel", "telegram", "--share", "none")
    listed = world.ok("team", "list").stdout.splitlines()
    assert listed[0].split() == ["team", "lead", "channel", "shares", "members"] and len(listed) == 3
    assert listed[2].split() == ["work", "default", "telegram", "nothing", "-"]
    assert "no members yet" in world.ok("team", "show", "work").stdout


def test_team_list_without_team_hints_create(world: CommandRoot) -> None:
    assert "hermes-profiles team create" in world.ok("team", "list").stdout


def test_next_steps_name_existing_commands(world: CommandRoot) -> None:
    trees = {
        "hermes-profiles": get_command(typer_app(HERMES_PROFILES)),
        "hermes-gateways": get_command(typer_app(HERMES_GATEWAYS)),
    }
    steps = world.ok("team", "create", "family", "--members", "ann,bob", "--json").data["next_steps"]
    steps += world.ok("team", "create", "empty", "--json").data["next_steps"]
    steps += world.ok("team", "add", "eve", "--team", "family", "--json").data["next_steps"]
    found = [shlex.split(line) for step in steps for line in re.findall(r"(?:^|: )(hermes-(?:\w+) .*)", step)]
    assert len(found) >= 6
    for program, *words in found:
        command = trees[program]
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        assert command is not trees[program], words
        options = {name for each in command.params for name in each.opts}
        assert {word for word in words if word.startswith("--")} <= options, (program, words)


def test_team_under_multiplexer_hints_restart_for_new_members(world: CommandRoot) -> None:
    """A separate gateway of a member would be refused, and the open access of default does not apply to it."""
    world.make(files={"config.yaml": SOURCE["config.yaml"] + "gateway:\n  multiplex_profiles: true\n"})
    steps = world.ok("team", "create", "family", "--members", "ann", "--json").data["next_steps"]
    assert steps[-1].endswith("hermes-profiles team run-mode multiplex") and "install" not in str(steps)
    done = world.ok("team", "add", "ann", "--account-id", "b0f5@im.bot", "--json", typed="CANARY-weixin-1")
    assert done.data["next_steps"][0].endswith("hermes-gateways restart default")


def test_lead_token_in_pool_is_reported_with_location(world: CommandRoot) -> None:
    world.make(files={"skills/notify/SKILL.md": f"curl https://api.telegram.org/bot{TOKEN}/x\n"})
    done = world.ok("team", "create", "family", "--json")
    (warning,) = [one for one in done.json["warnings"] if one["code"] == "shared-identity"]
    assert warning["target"] == "skills/notify/SKILL.md" and "TELEGRAM_BOT_TOKEN" in warning["message"]


@pytest.mark.parametrize(("words", "code", "problem"), [
    (("family", "--lead", "nobody"), 5, "not-found"),
    (("family", "--channel", "wechat"), 2, "no-such-channel"),
    (("family", "--members", "default"), 2, "reserved-name"),
    (("family", "--members", "ann,work"), 6, "exists"),
    (("family", "--members", "ann,,bob"), 2, "bad-name"),
    (("family", "--members", ""), 2, "bad-name"),
    (("family", "--members", "ann,ANN"), 2, "named-twice"),
    (("family", "--share", "soul"), 2, "bad-share"),
    (("fam ily",), 2, "bad-name"),
    (("old",), 6, "team-exists"),
    (("family", "--lead", "member"), 6, "lead-is-member"),
])  # fmt: skip
def test_invalid_team_create_is_refused_without_change(
    world: CommandRoot, words: tuple[str, ...], code: int, problem: str
) -> None:
    world.ok("create", "work", "--no-alias")
    world.ok("team", "create", "old", "--members", "member")
    done = world.unchanged_by("team", "create", *words, "--json")
    assert done.code == code and done.problem["code"] == problem and done.problem["hint"]


@pytest.mark.parametrize(("path", "content"), [
    (".env", "A='open\n"), ("config.yaml", "model: [\n"), ("profile.yaml", "teams: {\n"),
    (".env", b"\xff\xfe\x00\x00A\x00\x00\x00"), ("gateway.json", "{"),
])  # fmt: skip
def test_unreadable_lead_is_error_with_file_and_reason(world: CommandRoot, path: str, content: str | bytes) -> None:
    world.make(files={path: content})
    done = world.unchanged_by("team", "create", "family", "--members", "ann", "--json")
    assert done.code == 1 and path in done.problem["message"] and "--skip-unreadable" not in str(done.problem)


def test_killed_team_create_is_reported_and_recovered(world: CommandRoot) -> None:
    script = (
        "import os, signal, sys\nfrom hermes_profiles.changes import filesystem\n"
        "real = filesystem.Files.operation\nleft = [int(sys.argv.pop(1))]\n"
        "def operation(self, name, path):\n    left[0] -= 1\n"
        "    if left[0] == 0:\n        os.kill(os.getpid(), signal.SIGKILL)\n    return real(self, name, path)\n"
        "filesystem.Files.operation = operation\nfrom hermes_profiles.cli.profiles import main\nmain()\n"
    )
    import sys

    before = picture(world.root, without=(".hermes-profiles",))
    words = ("team", "create", "family", "--members", "ann,bob")
    ends = set()
    for at in (3, 30, 60, 75, 90):
        done = world.run(str(at), *words, command=(sys.executable, "-c", script))
        if done.code != -9:
            break
        planned = world.ok("team", "create", "other", "--dry-run", "--json")
        assert planned.code == 0
        healed = world.ok("create", f"x{at}", "--no-alias", "--json").json["warnings"]
        assert [one["code"] for one in healed] in (["recovered"], [])
        world.ok("delete", f"x{at}", "--yes")
        names = world.names()
        assert names in (["default"], ["default", "ann", "bob"]), names
        ends.add(len(names))
        if len(names) > 1:
            assert world.ok("team", "show", "family", "--json").data["team"]["members"] == ["ann", "bob"]
            break
        assert picture(world.root, without=(".hermes-profiles", "profiles")) == {
            path: seen for path, seen in before.items() if not path.startswith("profiles")
        }
    assert 1 in ends


def test_teams_are_completed(team: CommandRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(team.user))
    team.ok("team", "create", "work2", "--share", "none")
    assert answer(("fish", "team", "")) == "family\tled by default\nwork2\tled by default\n"
    path = team.root / "profile.yaml"
    path.write_text("# teams:\nteams:\n# x\n  'a-b':\n      channel: x\n\n  c: {channel: y}\nother:\n  d:\n")
    assert answer(("bash", "team", "")) == "a-b\nc\n"
    for text in ("teams: 3\n", "teams:\n- a\n", "teams:", "", "teams:\n  \n"):
        path.write_text(text)
        assert answer(("bash", "team", "")) == ""


def test_team_show_reports_missing_lead(team: CommandRoot) -> None:
    path = team.root / "profile.yaml"
    path.write_text(path.read_text().replace("teams:", "was:"))
    done = team.ok("team", "show", "family", "--json")
    assert done.data["team"]["lead"] is None and [one["code"] for one in done.json["warnings"]] == ["no-lead"]
    assert team.ok("team", "list").stdout.splitlines()[1].split()[1] == "-"
    assert team.call("team", "add", "eve", "--team", "family").code == 6
    missing = team.call("team", "show", "nothing", "--json")
    assert missing.code == 5 and "family" in missing.problem["hint"]


def test_team_create_uses_home_option(world: CommandRoot, tmp_path: Path) -> None:
    other = CommandRoot(world.runner, tmp_path / "root")
    other.make(files={**SOURCE, "config.yaml": "model: x\n"})
    done = world.ok("team", "create", "family", "--members", "ann", "--home", str(other.root))
    assert os.readlink(other.home("ann") / "skills") == "../../skills" and world.names() == ["default"]
    steps = [line for line in done.stdout.splitlines() if "hermes-gateways install" in line]
    assert steps and str(other.root) in steps[0], "the next step must use the same home"


def test_concurrent_team_creates_make_one_team(world: CommandRoot) -> None:
    """The second command finds the profile or the record of the first, and refuses."""
    words = ("team", "create", "family", "--members", "ann,bob", "--json")
    with world.process(*words) as one, world.process(*words) as two:
        answers = [json.loads(each.communicate(timeout=120)[0]) for each in (one, two)]
    codes = sorted(each["exit_code"] for each in answers)
    assert codes[0] == 0 and codes[1] in (1, 6)
    assert world.ok("team", "show", "family", "--json").data["team"]["members"] == ["ann", "bob"]
