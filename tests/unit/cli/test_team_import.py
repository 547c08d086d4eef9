"""`team import`: all accounts or none become members; the source is unchanged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from command_root import CommandRoot, picture
from command_runner import Done
from openclaw_install import BASE, OpenClaw, token

TELEGRAM = "7100000009:CANARYevaCANARYevaCANARYevaCANARYeva"
CONTEXT = "CANARY-context-token"


@pytest.fixture
def claw(world: CommandRoot) -> OpenClaw:
    """An OpenClaw installation with two accounts, one with a name and allowed users."""
    install = OpenClaw(world.user / ".openclaw")
    install.add("aaa111", allowed=["o9x@im.wechat", "o9y@im.wechat"], sync="b1ob", contexts={"o9x@im.wechat": CONTEXT})
    install.add("bbb222")
    install.config('{"channels": {"openclaw-weixin": {"accounts": {"aaa111-im-bot": {"name": "Mum"}}}}}')
    return install


def bring(world: CommandRoot, *words: str, kind: str = "openclaw", source: str = "~/.openclaw") -> Done:
    return world.call("team", "import", kind, source, "--json", *words)


def members(done: Done) -> dict[str, tuple[str, str]]:
    return {row["profile"]: (row["account"], row["outcome"]) for row in done.data["members"]}


def left_out(done: Done) -> dict[str, str]:
    return {row["account"]: row["reason"] for row in done.data["left_out"]}


def env_of(world: CommandRoot, name: str) -> dict[str, str]:
    lines = (world.home(name) / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def account_of(world: CommandRoot, name: str, account_id: str) -> Any:
    return json.loads((world.home(name) / f"weixin/accounts/{account_id}.json").read_text())


def test_accounts_of_openclaw_become_members(world: CommandRoot, claw: OpenClaw) -> None:
    before = claw.picture()
    dry = bring(world, "--dry-run")
    assert not (world.root / "profiles").exists()
    done = bring(world)
    assert claw.picture() == before and done.code == 0, done
    assert members(done) == members(dry) == {
        "mum": ("aaa111@im.bot", "imported"), "bbb222": ("bbb222@im.bot", "imported"),
    }  # fmt: skip
    assert done.data["team"] == {
        "name": "weixin", "lead": "default", "channel": "weixin", "new": True,
        "share": ["skills", "persona", "config", "keys"],
    }  # fmt: skip
    env = env_of(world, "mum")
    assert (env["WEIXIN_ACCOUNT_ID"], env["WEIXIN_TOKEN"]) == ("aaa111@im.bot", token("aaa111"))
    assert (env["WEIXIN_BASE_URL"], env["WEIXIN_ALLOWED_USERS"]) == (BASE, "o9x@im.wechat,o9y@im.wechat")
    assert env_of(world, "bbb222")["WEIXIN_ALLOWED_USERS"] == "o9bbb222@im.wechat"
    assert account_of(world, "mum", "aaa111@im.bot") == {
        "token": token("aaa111"), "base_url": BASE, "user_id": "o9aaa111@im.wechat",
        "saved_at": "2026-03-01T10:00:00.000Z",
    }  # fmt: skip
    assert account_of(world, "mum", "aaa111@im.bot.sync") == {"get_updates_buf": "b1ob"}
    assert account_of(world, "mum", "aaa111@im.bot.context-tokens") == {"o9x@im.wechat": CONTEXT}
    for path in (world.home("mum") / "weixin/accounts").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert os.path.samefile(world.home("mum") / "skills", world.root / "skills")
    assert token("bbb222") not in "".join(
        path.read_text(errors="replace") for path in world.home("mum").rglob("*") if path.is_file()
    )
    shown = world.ok("team", "show", "weixin", "--json").data
    assert {row["profile"]: row["description"] for row in shown["members"]} == {"mum": "Mum", "bbb222": ""}
    assert "stop OpenClaw first" in done.data["next_steps"][0]


def test_one_undo_reverts_import(world: CommandRoot, claw: OpenClaw) -> None:
    before = world.picture(world.root)
    bring(world)
    world.ok("undo")
    after = {path: what for path, what in world.picture(world.root).items() if not path.startswith("profiles")}
    assert after == before and world.names() == ["default"] and world.ok("team", "list", "--json").data["teams"] == []


def test_repeated_import_adds_only_new_accounts(world: CommandRoot, claw: OpenClaw) -> None:
    bring(world)
    before = picture(world.user)
    done = bring(world)
    assert done.code == 0 and picture(world.user) == before and not done.data["changed"]
    assert {outcome for _, outcome in members(done).values()} == {"there-already"}
    assert "has them already" in world.ok("team", "import", "openclaw", "~/.openclaw").stdout
    claw.add("ccc333")
    third = bring(world)
    assert members(third)["ccc333"] == ("ccc333@im.bot", "imported") and not third.data["team"]["new"]
    assert world.ok("team", "list", "--json").data["teams"][0]["members"] == ["bbb222", "ccc333", "mum"]


def test_invalid_account_stops_import_unless_skipped(world: CommandRoot, claw: OpenClaw) -> None:
    claw.add("ccc333", data={"token": ""})
    claw.write_index([*claw.listed, "../../x"])
    before = picture(world.user)
    done = bring(world)
    assert done.code == 1 and done.json["status"] == "partial" and picture(world.user) == before
    assert [error["code"] for error in done.json["errors"]] == ["bad-account", "bad-account", "nothing-imported"]
    assert "--skip-bad" in done.json["errors"][-1]["hint"] and done.data["members"] == []
    rest = bring(world, "--skip-bad")
    assert rest.code == 0 and set(members(rest)) == {"mum", "bbb222"}
    assert set(left_out(rest)) == {"ccc333-im-bot", "../../x"} and "token is empty" in left_out(rest)["ccc333-im-bot"]


def test_bad_account_can_be_left_out_by_its_id(world: CommandRoot, claw: OpenClaw) -> None:
    claw.add("ccc333", data={"token": ""})
    assert set(members(bring(world, "--skip", "ccc333-im-bot", "--dry-run"))) == {"mum", "bbb222"}
    assert set(members(bring(world, "--only", "bbb222@im.bot"))) == {"bbb222"}


@pytest.mark.parametrize("option", ["--only", "--skip"])
def test_unknown_account_id_is_refused_with_known_ids(world: CommandRoot, claw: OpenClaw, option: str) -> None:
    done = bring(world, option, "nobody@im.bot")
    assert done.code == 2 and "aaa111@im.bot" in done.problem["hint"]


def test_disabled_account_is_imported_only_by_name(world: CommandRoot, claw: OpenClaw) -> None:
    claw.config("{channels: {'openclaw-weixin': {accounts: {'bbb222-im-bot': {enabled: false}}}}}")
    done = bring(world, "--dry-run")
    assert set(members(done)) == {"aaa111"} and "openclaw.json:1" in left_out(done)["bbb222@im.bot"]
    assert set(members(bring(world, "--only", "bbb222-im-bot"))) == {"bbb222"}


# Scans of the same user


def test_latest_of_two_scans_is_imported(world: CommandRoot, claw: OpenClaw) -> None:
    claw.add("new999", user="o9bbb222@im.wechat", saved="2026-04-01T00:00:00.000Z")
    done = bring(world)
    assert (
        set(members(done)) == {"mum", "new999"} and "scanned again for new999@im.bot" in left_out(done)["bbb222@im.bot"]
    )


@pytest.mark.parametrize("saved", ["2026-03-01T10:00:00.000Z", "2026-03-01T11:00:00+01:00"])
def test_scans_with_equal_time_are_ambiguous(world: CommandRoot, claw: OpenClaw, saved: str) -> None:
    claw.add("new999", user="o9bbb222@im.wechat", saved=saved)
    done = bring(world)
    assert done.code == 1 and sum("only the last scan is valid" in each["message"] for each in done.json["errors"]) == 2
    assert set(members(bring(world, "--skip", "new999-im-bot"))) == {"mum", "bbb222"}


def test_scan_without_time_is_older(world: CommandRoot, claw: OpenClaw) -> None:
    claw.add("new999", user="o9bbb222@im.wechat", saved="yesterday")
    assert set(left_out(bring(world, "--dry-run"))) == {"new999@im.bot"}


def test_newer_scan_of_member_is_reported_and_older_is_skipped(world: CommandRoot, claw: OpenClaw) -> None:
    bring(world)
    claw.add("new999", user="o9bbb222@im.wechat", saved="2026-04-01T00:00:00.000Z")
    claw.add("old000", user="o9aaa111@im.wechat", saved="2025-04-01T00:00:00.000Z")
    claw.write_index(["new999-im-bot", "old000-im-bot"])
    done = bring(world)
    assert set(members(done)) == {"new999"} and "scanned again for mum" in left_out(done)["old000@im.bot"]
    (warning,) = done.json["warnings"]
    assert warning["code"] == "older-scan" and "team remove bbb222" in warning["hint"]


# Accounts in use


def test_token_of_two_accounts_is_refused(world: CommandRoot, claw: OpenClaw) -> None:
    claw.write_index([*claw.listed, "ccc333-im-bot", "ddd444-im-bot"])
    claw.put("credentials/openclaw-weixin/credentials.json", {"token": "CANARY-legacy"})
    done = bring(world)
    assert done.code == 1 and sum("same token" in each["message"] for each in done.json["errors"]) == 2
    assert set(members(bring(world, "--skip-bad"))) == {"mum", "bbb222"}


@pytest.mark.parametrize("line", ["WEIXIN_TOKEN={token}", "WEIXIN_TOKEN=other-CANARY\nWEIXIN_ACCOUNT_ID=bbb222@im.bot",
    "WEIXIN_TOKEN=other-CANARY\nWEIXIN_ACCOUNT_ID=bbb222-im-bot"])  # fmt: skip
def test_account_of_another_profile_is_refused_with_its_name(world: CommandRoot, claw: OpenClaw, line: str) -> None:
    world.make("work", {".env": line.format(token=token("bbb222")) + "\n"})
    done = bring(world)
    assert done.code == 6 and world.names() == ["default", "work"]
    refusal = done.json["errors"][0]
    assert refusal["code"] == "account-taken" and "the profile work already holds" in refusal["message"]
    assert set(members(bring(world, "--skip-bad"))) == {"mum"}


def test_account_of_another_teams_member_is_refused(world: CommandRoot, claw: OpenClaw) -> None:
    bring(world)
    done = bring(world, "--team", "family")
    assert done.code == 6 and {each["code"] for each in done.json["errors"]} == {"account-taken", "nothing-imported"}


def test_member_with_another_token_is_not_the_same_account(world: CommandRoot, claw: OpenClaw) -> None:
    bring(world)
    claw.put("openclaw-weixin/accounts/bbb222-im-bot.json", {"token": "CANARY-renewed"})
    done = bring(world)
    assert done.code == 6 and "with another token" in done.json["errors"][0]["message"]


# Names


def test_names_file_sets_member_names(world: CommandRoot, claw: OpenClaw) -> None:
    names = world.user / "names.csv"
    names.write_text("id,name\nbbb222@im.bot,dad\no9aaa111@im.wechat,grandma\n")
    assert set(members(bring(world, "--names", "names.csv"))) == {"dad", "grandma"}


def test_invalid_names_file_imports_nothing(world: CommandRoot, claw: OpenClaw) -> None:
    names = world.user / "names.csv"
    for content, line in (("bbb222@im.bot DAD\nzzz@im.bot mum\n", 2), ("aaa111@im.bot,a b\n", 1), ("x\n", 1)):
        names.write_text(content)
        done = bring(world, "--names", "names.csv")
        assert done.code == 1 and f"names.csv:{line}: " in done.json["errors"][0]["message"], done
    names.write_text("bbb222@im.bot work\n")
    world.make("work", {"config.yaml": ""})
    assert "a profile already has the name work" in bring(world, "--names", "names.csv").json["errors"][0]["message"]
    assert world.names() == ["default", "work"]


def test_derived_name_avoids_existing_profiles(world: CommandRoot, claw: OpenClaw) -> None:
    world.make("mum", {"config.yaml": ""})
    world.make("bbb222", {"config.yaml": ""})
    assert set(members(bring(world))) == {"mum-2", "bbb222-2"}


# Teams


def test_import_adds_members_to_existing_team(world: CommandRoot, claw: OpenClaw) -> None:
    world.ok("create", "boss")
    world.ok("team", "create", "family", "--lead", "boss", "--members", "eva", "--share", "skills")
    done = bring(world, "--team", "Family")
    assert done.data["team"]["lead"] == "boss" and not done.data["team"]["new"]
    assert world.ok("team", "show", "family", "--json").data["team"]["members"] == ["bbb222", "eva", "mum"]
    assert os.readlink(world.home("mum") / "skills") == "../boss/skills"


@pytest.mark.parametrize(("words", "code"), [
    (("--team", "family", "--lead", "default"), 2), (("--team", "family", "--share", "none"), 2),
    (("--team", "family", "--channel", "slack"), 2), (("--team", "sales"), 6), (("--channel", "telegram"), 6),
    (("--lead", "nobody"), 5), (("--lead", "eva"), 6), (("--team", "a b"), 2), (("--share", "all"), 2),
])  # fmt: skip
def test_conflicting_arguments_are_refused(
    world: CommandRoot, claw: OpenClaw, words: tuple[str, ...], code: int
) -> None:
    world.ok("create", "boss")
    world.ok("team", "create", "family", "--lead", "boss", "--members", "eva")
    world.ok("team", "create", "sales", "--lead", "boss", "--channel", "telegram")
    before = picture(world.user)
    done = bring(world, *words)
    assert done.code == code and done.problem["hint"] and picture(world.user) == before


def test_import_without_accounts_is_reported(world: CommandRoot) -> None:
    OpenClaw(world.user / ".openclaw")
    done = world.unchanged_by("team", "import", "openclaw", "~/.openclaw")
    assert (done.code, done.stdout) == (0, "nothing to bring in\n")


def test_unknown_source_or_missing_file_is_refused(world: CommandRoot) -> None:
    assert bring(world, kind="whatsapp").code == 2
    for kind in ("openclaw", "csv", "json"):
        done = bring(world, kind=kind, source="nowhere")
        assert done.code == 1 and "nowhere" in done.problem["message"]
    assert bring(world, kind="hermes", source="nobody").code == 5


# Tables


def test_table_rows_become_members(world: CommandRoot) -> None:
    table = world.user / "accounts.csv"
    table.write_text(
        "member;account_id;token;allow;description\n"
        f"mum;aaa111-im-bot;{token('a')};o9x@im.wechat;Mum's\n;bbb222@im.bot;{token('b')};;\n"
    )
    done = bring(world, kind="csv", source="accounts.csv")
    assert members(done) == {"mum": ("aaa111@im.bot", "imported"), "bbb222": ("bbb222@im.bot", "imported")}
    assert [each["code"] for each in done.json["warnings"]] == ["nobody-allowed", "readable-by-others"]
    assert env_of(world, "mum")["WEIXIN_TOKEN"] == token("a")
    assert not bring(world, kind="csv", source="accounts.csv").data["changed"]
    table.write_text(f"account_id,token\naaa111@im.bot,{token('a')}\naaa111-im-bot,{token('c')}\nx@im.bot,\n")
    done = bring(
        world,
        kind="csv",
        source="accounts.csv",
    )
    assert done.code == 1 and [each["message"].split(":")[1] for each in done.json["errors"][:3]] == ["4", "2", "3"]


def test_table_of_another_channel_is_imported(world: CommandRoot) -> None:
    (world.user / "bots.json").write_text(json.dumps({"accounts": [
        {"member": "eva", "TELEGRAM_BOT_TOKEN": TELEGRAM, "allow": [4711]}]}))  # fmt: skip
    done = bring(world, "--team", "sales", "--channel", "telegram", kind="json", source="bots.json")
    assert done.code == 0 and done.data["team"]["channel"] == "telegram", done
    env = env_of(world, "eva")
    assert env["TELEGRAM_BOT_TOKEN"] == TELEGRAM and env["TELEGRAM_ALLOWED_USERS"] == "4711"
    again = bring(world, "--team", "sales", kind="json", source="bots.json")
    assert again.code == 0 and not again.data["changed"]


# Hermes profiles with several accounts


def keep(
    world: CommandRoot, word: str, *, profile: str = "default", user: str = "", saved: str = "2026-01-01T00:00:00Z"
) -> None:
    """Create the files of an account like Hermes' set-up and adapter."""
    folder = world.home(profile) / "weixin/accounts"
    folder.mkdir(parents=True, exist_ok=True)
    content = {"token": token(word), "base_url": BASE, "user_id": user or f"o9{word}@im.wechat", "saved_at": saved}
    (folder / f"{word}@im.bot.json").write_text(json.dumps(content, indent=2))
    (folder / f"{word}@im.bot.sync.json").write_text(json.dumps({"get_updates_buf": f"buf-{word}"}))
    (folder / f"{word}@im.bot.context-tokens.json").write_text(json.dumps({"o9x": f"CANARY-context-{word}"}))


@pytest.fixture
def several(bare: CommandRoot) -> CommandRoot:
    """A profile that uses `own` and stores two accounts of earlier scans."""
    bare.make("default", {
        ".env": f"OPENAI_API_KEY=sk-CANARY-0123456789\nWEIXIN_ACCOUNT_ID=own@im.bot\nWEIXIN_TOKEN={token('own')}\n",
        "config.yaml": "model: gpt-5\n", "skills/a/SKILL.md": "a\n",
    })  # fmt: skip
    for word in ("own", "ann", "bob"):
        keep(bare, word)
    return bare


def test_stored_accounts_of_profile_move_to_members(several: CommandRoot) -> None:
    world = several
    folder = world.root / "weixin/accounts"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = bring(world, kind="hermes", source="default")
    assert done.code == 0 and members(done) == {"ann": ("ann@im.bot", "imported"), "bob": ("bob@im.bot", "imported")}
    assert left_out(done) == {"own@im.bot": "in use by default"}
    assert {path.name for path in folder.iterdir()} == {name for name in before if name.startswith("own")}
    for name in ("ann", "bob"):
        found = {path.name: path.read_bytes() for path in (world.home(name) / "weixin/accounts").iterdir()}
        assert {each: json.loads(found[each]) for each in found} == {
            each: json.loads(before[each]) for each in before if each.startswith(name)
        }
        assert env_of(world, name)["WEIXIN_TOKEN"] == token(name)
        assert env_of(world, name)["WEIXIN_ALLOWED_USERS"] == f"o9{name}@im.wechat"
    (entry,) = world.ok("trash", "list", "--json").data["trash"]
    assert entry["kind"] == "files" and len(entry["files"]) == 6
    assert not bring(world, kind="hermes", source="default").data["changed"]
    world.ok("undo")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before and world.names() == ["default"]


def test_import_from_profile_makes_it_lead_of_new_team(several: CommandRoot) -> None:
    world = several
    world.make("work", {".env": "", "config.yaml": "", "skills/b/SKILL.md": "b\n"})
    keep(world, "eva", profile="work")
    done = bring(world, kind="hermes", source="work")
    assert done.data["team"]["lead"] == "work" and set(members(done)) == {"eva"}
    assert os.readlink(world.home("eva") / "skills") == "../work/skills"


def test_profile_without_active_account_moves_all(several: CommandRoot) -> None:
    world = several
    (world.root / ".env").write_text("")
    assert set(members(bring(world, kind="hermes", source="default"))) == {"own", "ann", "bob"}


@pytest.mark.parametrize("text", ["platforms:\n  weixin:\n    extra:\n      account_id: own@im.bot\n",
    "gateway:\n  platforms:\n    weixin:\n      extra: {account_id: own@im.bot}\n"])  # fmt: skip
def test_configured_account_stays_in_profile(several: CommandRoot, text: str) -> None:
    world = several
    (world.root / ".env").write_text("")
    (world.root / "config.yaml").write_text(text)
    assert set(members(bring(world, "--dry-run", kind="hermes", source="default"))) == {"ann", "bob"}


def test_account_of_used_token_stays_in_profile(several: CommandRoot) -> None:
    world = several
    (world.root / ".env").write_text(f"WEIXIN_TOKEN={token('ann')}\n")
    assert set(members(bring(world, "--dry-run", kind="hermes", source="default"))) == {"own", "bob"}


def test_older_scan_of_profile_user_is_skipped(several: CommandRoot) -> None:
    world = several
    keep(world, "own", user="o9same@im.wechat", saved="2026-02-01T00:00:00Z")
    keep(world, "ann", user="o9same@im.wechat")
    done = bring(world, kind="hermes", source="default")
    assert set(members(done)) == {"bob"} and "scanned again for default" in left_out(done)["ann@im.bot"]
    assert (world.root / "weixin/accounts/ann@im.bot.json").exists()


def test_broken_files_of_profile_are_reported(several: CommandRoot) -> None:
    world = several
    folder = world.root / "weixin/accounts"
    (folder / "ann@im.bot.json").write_text("{")
    (folder / "bob@im.bot.sync.json").write_text("{")
    (folder / "a b.json").write_text("{}")
    (folder / "own@im.bot.json").write_text("{")  # files of the account that stays are not read
    done = bring(world, kind="hermes", source="default")
    assert done.code == 1 and len(done.json["errors"]) == 3
    rest = bring(world, "--skip-bad", kind="hermes", source="default")
    assert set(members(rest)) == {"bob"} and set(left_out(rest)) == {"own@im.bot", "ann@im.bot", "a b"}
    assert (folder / "ann@im.bot.json").exists() and not (folder / "bob@im.bot.json").exists()


def test_profile_with_uncertain_account_is_refused(several: CommandRoot) -> None:
    world = several
    world.make("work", {".env": "WEIXIN_ACCOUNT_ID=eva@im.bot\n", "config.yaml": "platforms: [\n"})
    keep(world, "eva", profile="work")
    world.ok("team", "create", "weixin")  # its lead is valid
    done = bring(world, kind="hermes", source="work")
    assert done.code == 1 and "work/config.yaml" in done.problem["message"] and world.names() == ["default", "work"]


def test_profile_without_accounts_is_reported(bare: CommandRoot) -> None:
    bare.make("default", {".env": ""})
    done = bring(bare, kind="hermes", source="default")
    assert done.code == 1 and done.problem["code"] == "no-accounts"


def test_linked_account_folder_is_kept(several: CommandRoot, tmp_path: Path) -> None:
    world = several
    (world.root / "weixin").rename(tmp_path / "shared")
    (world.root / "weixin").symlink_to(tmp_path / "shared")
    before = picture(tmp_path)
    done = bring(world, kind="hermes", source="default")
    assert done.code == 6 and picture(tmp_path) == before and world.names() == ["default"]


def test_example_token_is_refused(world: CommandRoot) -> None:
    (world.user / "t.csv").write_text("account_id,token\naaa@im.bot,your_bot_token\nbbb@im.bot,changeme\n")
    done = bring(world, kind="csv", source="t.csv")
    assert done.code == 1 and "placeholder" in done.json["errors"][0]["message"]


def test_repeated_table_row_is_one_account_unless_tokens_differ(world: CommandRoot) -> None:
    table = world.user / "t.csv"
    table.write_text("account_id,token\naaa@im.bot,CANARY-1\naaa-im-bot,CANARY-1\n")
    done = bring(world, "--dry-run", kind="csv", source="t.csv")
    assert members(done) == {"aaa": ("aaa@im.bot", "imported")}
    assert "t.csv:3: the account is also in" in next(
        each["message"] for each in done.json["warnings"] if each["code"] == "named-twice"
    )
    table.write_text("account_id,token\naaa@im.bot,CANARY-1\naaa-im-bot,CANARY-2\n")
    done = bring(world, kind="csv", source="t.csv")
    assert done.code == 1 and all("has another token in" in each["message"] for each in done.json["errors"][:2])
    table.write_text("account_id,token,saved_at\naaa@im.bot,CANARY-1,2026-01-02\naaa-im-bot,CANARY-2,2026-01-01\n")
    bring(world, kind="csv", source="t.csv")
    assert env_of(world, "aaa")["WEIXIN_TOKEN"] == "CANARY-1"
