"""team add: new members, joining profiles, accounts set and replaced, secrets from a pipe."""

from __future__ import annotations

import json
import os
import re

import pytest
from bot_api import BotApi
from command_root import TOKEN, CommandRoot, picture, strays
from test_prompts import at_terminal

from hermes_profiles.operations.apply import carry_out
from hermes_profiles.operations.teams import add_member, add_members, import_accounts

WEIXIN = "CANARY-weixin-token-1"
ID = "b0f5860fdecb@im.bot"
TELEGRAM = "7200000001:CANARYmemberCANARYmemberCANARYmember"


@pytest.fixture
def team(world: CommandRoot) -> CommandRoot:
    world.ok("team", "create", "family", "--members", "ann,bob")
    return world


@pytest.fixture
def telegram(world: CommandRoot) -> CommandRoot:
    world.ok("team", "create", "tg", "--channel", "telegram", "--members", "ann")
    return world


def env_of(world: CommandRoot, name: str) -> dict[str, str]:
    lines = (world.home(name) / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def account_of(world: CommandRoot, name: str, team: str = "family") -> str | None:
    (row,) = [row for row in world.ok("team", "show", team, "--json").data["members"] if row["profile"] == name]
    return None if row["account"] is None else str(row["account"])


def add(world: CommandRoot, *words: str, typed: str = WEIXIN, code: int = 0) -> dict[str, object]:
    """Run `team add`; returns its data or its error."""
    before = world.picture() if code or "--dry-run" in words else None
    done = world.call("team", "add", *words, "--offline", "--json", typed=typed)
    assert done.code == code, done
    assert before is None or world.picture() == before, "a refusal or a dry run changed something"
    return dict(done.problem if code else done.data)


# --- new members


def test_add_creates_member_with_account(team: CommandRoot) -> None:
    words = ("eve", "--team", "family", "--account-id", ID, "--base-url", "https://x.example", "--user", "u1",
             "--allow", "mum,dad", "--description", "for Eve")  # fmt: skip
    dry = add(team, *words, "--dry-run")
    data = add(team, *words)
    assert dry["members"] == data["members"] and account_of(team, "eve") == "b0f5…decb"
    env = env_of(team, "eve")
    assert env["WEIXIN_TOKEN"] == WEIXIN and env["WEIXIN_ALLOWED_USERS"] == "mum,dad"
    stored = json.loads((team.home("eve") / f"weixin/accounts/{ID}.json").read_text())
    assert (stored["token"], stored["base_url"], stored["user_id"]) == (WEIXIN, "https://x.example", "u1")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT.*", stored["saved_at"])
    assert "for Eve" in team.ok("team", "show", "family").stdout
    team.ok("undo")
    assert "eve" not in team.names()


def test_add_without_account_prompts_for_nothing(team: CommandRoot) -> None:
    add(team, "eve", typed="this is not read\n")
    assert account_of(team, "eve") is None
    assert "team add eve" in str(add(team, "eve")["next_steps"])


def test_add_without_team_uses_the_only_team(team: CommandRoot) -> None:
    add(team, "eve", "--no-account")
    team.ok("team", "create", "second")
    assert "family" in str(add(team, "fred", code=2)["hint"])


def test_add_reads_variables_of_other_channel_from_lines(telegram: CommandRoot) -> None:
    typed = f"# from the father of bots\n\nexport TELEGRAM_BOT_TOKEN='{TELEGRAM}'\nTELEGRAM_HOME_CHANNEL=12345\n"
    add(telegram, "eve", "--allow", "42", typed=typed)
    env = env_of(telegram, "eve")
    assert env["TELEGRAM_BOT_TOKEN"] == TELEGRAM and env["TELEGRAM_ALLOWED_USERS"] == "42"
    assert env["TELEGRAM_HOME_CHANNEL"] == "12345" and account_of(telegram, "eve", "tg") == "7200000001"
    add(telegram, "fred", typed="")
    assert account_of(telegram, "fred", "tg") is None


def test_account_is_checked_as_by_connect(telegram: CommandRoot) -> None:
    assert "does not have the form" in str(
        add(telegram, "eve", typed="TELEGRAM_BOT_TOKEN=7:CANARY\n", code=2)["message"]
    )
    with BotApi() as api:
        telegram.ok("config", "set", "ann", "platforms.telegram.extra.base_url", f"{api.url}/ann/bot")
        words = ("team", "add", "ann", "--json")
        api.modes["ann"] = "401"
        refused = telegram.unchanged_by(*words, typed=f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n", code=2)
        assert refused.problem["code"] == "token-refused"
        api.modes.clear()
        telegram.ok(*words, typed=f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n")
    assert account_of(telegram, "ann", "tg") == "7200000001"


@pytest.mark.parametrize(("typed", "says"), [
    (TELEGRAM, "line 1 of standard input"), (f"\n\nnot a pair {TELEGRAM}\n", "line 3"),
    ("OPENAI_API_KEY=CANARY-other\n", "OPENAI_API_KEY is not a variable of telegram"),
    ("SLACK_BOT_TOKEN=CANARY-other\n", "SLACK_BOT_TOKEN"), ("LD_PRELOAD=/CANARY\n", "LD_PRELOAD"),
    ("TELEGRAM_HOME_CHANNEL=1\n", "needs TELEGRAM_BOT_TOKEN"), ("TELEGRAM_BOT_TOKEN='CANARY-open\n", "standard input"),
    (f"TELEGRAM_BOT_TOKEN={TOKEN}\n", "bound to the profile default"),
])  # fmt: skip
def test_invalid_account_is_refused_without_printing_it(telegram: CommandRoot, typed: str, says: str) -> None:
    code = 6 if "bound" in says else 2
    assert says in str(add(telegram, "eve", typed=typed, code=code)["message"])


def test_slack_needs_both_tokens(world: CommandRoot) -> None:
    world.ok("team", "create", "sl", "--channel", "slack")
    problem = add(world, "eve", typed="SLACK_BOT_TOKEN=xoxb-CANARY-new\n", code=2)
    assert "SLACK_APP_TOKEN" in str(problem["message"])
    add(world, "eve", typed="SLACK_BOT_TOKEN=xoxb-CANARY-new\nSLACK_APP_TOKEN=xapp-CANARY-new\n")
    assert account_of(world, "eve", "sl") == "a token"


@pytest.mark.parametrize("words", [
    ("--base-url", "https://x.example"), ("--user", "u"), ("--account-id", ID, "--no-account"), ("--allow", "mum"),
    ("--account-id", "../x"), ("--account-id", ""), ("--account-id", ID, "--base-url", "x.example"),
    ("--account-id", ID, "--allow", "*"), ("--account-id", ID, "--allow", ""), ("--account-id", ID, "--allow", "a,,b"),
])  # fmt: skip
def test_conflicting_arguments_are_refused(team: CommandRoot, words: tuple[str, ...]) -> None:
    assert add(team, "eve", *words, code=2)["hint"]


@pytest.mark.parametrize("typed", ["", "\n", "  \n"])
def test_add_without_token_is_refused(team: CommandRoot, typed: str) -> None:
    assert add(team, "eve", "--account-id", ID, typed=typed, code=2)


def test_weixin_options_are_refused_for_telegram(telegram: CommandRoot) -> None:
    assert "--account-id" in str(add(telegram, "eve", "--account-id", ID, code=2)["message"])


def test_allow_list_unsupported_by_channel_is_refused(world: CommandRoot) -> None:
    world.ok("team", "create", "house", "--channel", "homeassistant")
    problem = add(world, "eve", "--allow", "mum", typed="HASS_TOKEN=CANARY-hass\n", code=2)
    assert problem["code"] == "bad-allow"


def test_invalid_member_names_are_refused(team: CommandRoot) -> None:
    team.ok("team", "create", "second", "--lead", "default", "--members", "sec")
    assert add(team, "default", "--team", "family", code=6)["code"] == "leads-a-team"
    assert add(team, "sec", "--team", "family", code=6)["code"] == "other-team"
    assert add(team, "a b", "--team", "family", code=2)["code"] == "bad-name"
    assert add(team, "root", "--team", "family", code=2)["code"] == "reserved-name"
    assert add(team, "eve", "--team", "none", code=5)["code"] == "no-such-team"
    team.ok("create", "boss", "--no-alias")
    team.ok("team", "create", "third", "--lead", "boss")
    problem = add(team, "default", "--team", "third", code=6)
    assert problem["code"] == "leads-a-team"


# --- at a terminal


def test_token_prompt_does_not_echo(team: CommandRoot) -> None:
    code, shown = at_terminal(
        team, "team", "add", "eve", "--team", "family", "--account-id", ID, typed=f"{WEIXIN}\n".encode(),
        expect=b"token of the WeChat account b0f5",
    )  # fmt: skip
    assert code == 0 and "made" in shown and env_of(team, "eve")["WEIXIN_TOKEN"] == WEIXIN


def test_variable_prompt_with_empty_answer_is_refused(telegram: CommandRoot) -> None:
    code, _ = at_terminal(
        telegram, "team", "add", "eve", "--offline", typed=f"{TELEGRAM}\n".encode(), expect=b"TELEGRAM_BOT_TOKEN"
    )
    assert code == 0 and env_of(telegram, "eve")["TELEGRAM_BOT_TOKEN"] == TELEGRAM
    code, shown = at_terminal(telegram, "team", "add", "fred", "--offline", typed=b"\n", expect=b"TELEGRAM_BOT_TOKEN")
    assert code == 0 and "no account yet" in " ".join(shown.split())


def test_ctrl_c_at_account_prompt_creates_nothing(team: CommandRoot) -> None:
    before = picture(team.root)
    code, _ = at_terminal(team, "team", "add", "eve", "--account-id", ID, typed=b"\x03", expect=b"token of")
    assert code == 130 and picture(team.root) == before


# --- accounts of members


def test_member_account_is_set_and_replaced(team: CommandRoot) -> None:
    add(team, "ann", "--account-id", ID, "--allow", "mum", "--base-url", "https://old.example")
    notes = team.home("ann") / "weixin/accounts"
    (notes / f"{ID}.sync.json").write_text('{"cursor": "CANARY-cursor"}')
    (notes / f"{ID}.context-tokens.json").write_text("{}")
    before = picture(team.root, without=(".hermes-profiles",))
    data = add(team, "ann", "--account-id", "c0ffee@im.bot", typed="CANARY-weixin-token-2")
    (row,) = data["members"]  # type: ignore[misc]
    assert row["replaced"] == "b0f5…decb" and len(row["to_trash"]) == 3
    assert os.listdir(notes) == ["c0ffee@im.bot.json"]
    env = env_of(team, "ann")
    assert env["WEIXIN_TOKEN"] == "CANARY-weixin-token-2" and "WEIXIN_BASE_URL" not in env
    assert env["WEIXIN_ALLOWED_USERS"] == "mum", "the allow-list is kept"
    assert "dm_policy: allowlist" in (team.home("ann") / "config.yaml").read_text()
    assert WEIXIN not in (team.home("ann") / ".env").read_text()
    team.ok("undo")
    assert picture(team.root, without=(".hermes-profiles",)) == before and strays(team) == []


def test_new_token_of_same_account_keeps_its_files(team: CommandRoot) -> None:
    add(team, "ann", "--account-id", ID)
    (team.home("ann") / f"weixin/accounts/{ID}.sync.json").write_text("{}")
    add(team, "ann", "--account-id", ID, typed="CANARY-weixin-token-9")
    assert sorted(os.listdir(team.home("ann") / "weixin/accounts")) == [f"{ID}.json", f"{ID}.sync.json"]
    assert "CANARY-weixin-token-9" in (team.home("ann") / f"weixin/accounts/{ID}.json").read_text()


def test_account_of_another_member_is_refused_with_owner(team: CommandRoot) -> None:
    add(team, "ann", "--account-id", ID)
    for name in ("bob", "eve"):
        assert "ann" in str(add(team, name, "--account-id", "other@im.bot", code=6)["message"]), "by its token"
        problem = add(team, name, "--account-id", "B0F5860FDECB-im-bot", typed="CANARY-else", code=6)
        assert problem["code"] == "account-taken" and problem["target"] == "ann", "by its id"
    again = add(team, "ann", "--account-id", ID)
    assert again["changed"] is True, "the save time differs"


def test_allow_list_can_be_set_without_account(team: CommandRoot) -> None:
    add(team, "ann", "--account-id", ID)
    assert "dm_policy: pairing" in (team.home("ann") / "config.yaml").read_text()
    add(team, "ann", "--allow", "mum, dad")
    env = env_of(team, "ann")
    assert env["WEIXIN_ALLOWED_USERS"] == "mum,dad" and env["WEIXIN_TOKEN"] == WEIXIN
    assert "dm_policy: allowlist" in (team.home("ann") / "config.yaml").read_text()
    assert add(team, "ann", "--allow", "mum,dad")["changed"] is False
    assert add(team, "ann")["changed"] is False


def test_account_is_added_to_files_with_comments_and_other_channels(team: CommandRoot) -> None:
    home = team.home("ann")
    with open(home / ".env", "a") as file:
        file.write("# mine\nTELEGRAM_BOT_TOKEN=7300000000:CANARYown # for later\n")
    add(team, "ann", "--account-id", ID)
    add(team, "ann", "--account-id", "c0ffee@im.bot", typed="CANARY-weixin-token-2")
    text = (home / ".env").read_text()
    assert "# mine\nTELEGRAM_BOT_TOKEN=7300000000:CANARYown # for later\n" in text


# --- profiles that join


@pytest.fixture
def work(team: CommandRoot) -> CommandRoot:
    team.make("work", {
        ".env": f"# my keys\nOPENAI_API_KEY=sk-CANARY-mine-0123\nOTHER=1\nTELEGRAM_BOT_TOKEN={TELEGRAM}\n",
        "config.yaml": "# mine\nmodel:\n  default: other\nmcp_servers:\n  x:\n    command: y\n"
        "platforms:\n  telegram:\n    enabled: true\n",
        "SOUL.md": "I am work.\n", "skills/own/SKILL.md": "mine\n", "memories/MEMORY.md": "I remember\n",
        "profile.yaml": "# about\ndescription: at work\n",
    })  # fmt: skip
    return team


def test_joining_profile_gets_pool_and_keeps_its_files(work: CommandRoot) -> None:
    home, before = work.home("work"), picture(work.root, without=(".hermes-profiles",))
    own = {path: (home / path).read_bytes() for path in (".env", "config.yaml", "SOUL.md", "skills/own/SKILL.md")}
    dry = add(work, "work", "--account-id", ID, "--dry-run")
    data = add(work, "work", "--account-id", ID)
    assert dry["members"] == data["members"] and len(work.journal()) == 2
    (row,) = data["members"]  # type: ignore[misc]
    assert set(row["to_trash"]) == {"skills", "SOUL.md", ".env", "config.yaml"}
    assert os.readlink(home / "skills") == "../../skills" and os.readlink(home / "SOUL.md") == "../../SOUL.md"
    assert (home / "memories/MEMORY.md").read_text() == "I remember\n"
    env = env_of(work, "work")
    assert env["WEIXIN_TOKEN"] == WEIXIN and env["TELEGRAM_BOT_TOKEN"] == TELEGRAM and env["OTHER"] == "1"
    assert env["OPENAI_API_KEY"] == env_of(work, "default")["OPENAI_API_KEY"]
    text = (home / "profile.yaml").read_text()
    assert text.startswith("# about\ndescription: at work\n") and "name: family" in text
    assert work.ok("team", "check", "family", "--json").code == 0, "it shares the same entries as other members"
    (entry,) = (work.state / "trash").iterdir()
    assert {path: (entry / "files" / path).read_bytes() for path in own} == own
    assert oct((entry / "files/.env").stat().st_mode & 0o777) in ("0o600", "0o644")
    work.ok("undo")
    assert picture(work.root, without=(".hermes-profiles",)) == before and strays(work) == []


def test_joining_profile_keeps_its_account(work: CommandRoot) -> None:
    with open(work.home("work") / ".env", "a") as file:
        file.write(f"WEIXIN_TOKEN={WEIXIN}\nWEIXIN_ACCOUNT_ID={ID}\n")
    data = add(work, "work")
    (row,) = data["members"]  # type: ignore[misc]
    assert row["account"] == "b0f5…decb" and account_of(work, "work") == "b0f5…decb"
    assert env_of(work, "work")["WEIXIN_TOKEN"] == WEIXIN


def test_empty_profile_joins(team: CommandRoot) -> None:
    """Only links are shared; the record is written as well."""
    team.ok("team", "create", "second", "--share", "persona")
    team.ok("create", "plain", "--no-alias")
    add(team, "plain", "--team", "second")
    assert team.ok("team", "show", "second", "--json").data["team"]["members"] == ["plain"]
    assert add(team, "plain", "--team", "second")["changed"] is False


def test_unreadable_profile_cannot_join(work: CommandRoot) -> None:
    (work.home("work") / "config.yaml").write_text("model: [\n")
    problem = add(work, "work", code=6)
    assert "config.yaml" in str(problem["message"])
    (work.home("work") / "config.yaml").write_text("model: x\n")
    (work.home("work") / "profile.yaml").write_text("a: [\n")
    assert add(work, "work", code=6)


def test_killed_join_leaves_old_or_new_state(work: CommandRoot) -> None:
    import sys

    script = (
        "import os, signal, sys\nfrom hermes_profiles.changes import filesystem\n"
        "real = filesystem.Files.operation\nleft = [int(sys.argv.pop(1))]\n"
        "def operation(self, name, path):\n    left[0] -= 1\n"
        "    if left[0] == 0:\n        os.kill(os.getpid(), signal.SIGKILL)\n    return real(self, name, path)\n"
        "filesystem.Files.operation = operation\nfrom hermes_profiles.cli.profiles import main\nmain()\n"
    )
    before = picture(work.root, without=(".hermes-profiles",))
    ends = set()
    for at in range(5, 1200, 31):
        read, write = os.pipe()
        os.write(write, WEIXIN.encode())
        os.close(write)
        done = work.run(
            str(at), "team", "add", "work", "--account-id", ID, command=(sys.executable, "-c", script), stdin=read
        )
        os.close(read)
        work.call("undo", "no-such-change")  # every command first recovers an interrupted change
        after = picture(work.root, without=(".hermes-profiles",))
        joined = "work" in work.ok("team", "show", "family", "--json").data["team"]["members"]
        assert joined or after == before
        assert not joined or ((work.home("work") / "skills").is_symlink() and env_of(work, "work")["WEIXIN_TOKEN"])
        ends.add(joined)
        if joined:
            work.ok("undo")
            assert picture(work.root, without=(".hermes-profiles",)) == before
        if done.code == 0:
            break
    assert ends == {True, False}


@pytest.mark.parametrize("way", ["a new member", "a profile that joins", "a member", "an import"])
def test_concurrent_account_assignment_has_one_owner(
    team: CommandRoot, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Both commands have checked before either one writes."""
    team.ok("create", "carl")
    table = team.user / "accounts.csv"
    table.write_text(f"member,account_id,token\neve,{ID},{WEIXIN}\n")
    words, module = {
        "a new member": (("add", "eve", "--account-id", ID), add_members),
        "a profile that joins": (("add", "carl", "--account-id", ID), add_member),
        "a member": (("add", "bob", "--account-id", ID), add_member),
        "an import": (("import", "csv", str(table)), import_accounts),
    }[way]

    def after_another(*given: object, **more: object) -> None:
        monkeypatch.undo()
        add(team, "ann", "--team", "family", "--account-id", ID)
        carry_out(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "carry_out", after_another)
    done = team.call("team", *words, "--team", "family", "--json", typed=WEIXIN)
    assert done.code != 0 and done.problem["code"] == "account-taken" and "ann" in str(done.problem), done
    assert account_of(team, "ann") and "eve" not in team.names() and "WEIXIN_TOKEN" not in env_of(team, "bob")
    assert not strays(team)
