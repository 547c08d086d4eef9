"""Identifies the account of a login and the result of a set-up without changing a profile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clone_source import canary
from team_making import CATALOG, make_lead, make_team, team, weixin

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.changes.temp_home import clear_scratch, make_scratch, temporary_home
from hermes_profiles.changes.trash import steps_to_trash_found, trash_entries
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.teams.accounts import Account
from hermes_profiles.teams.create import NewMember
from hermes_profiles.teams.login_result import (
    LoginKind,
    account_holders,
    changed_files,
    judge_login,
    read_login,
    rebind_account,
    snapshot_accounts,
)

TOKEN = canary("scanned")
ID = "5ca00000001d@im.bot"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = make_lead(tmp_path)
    members = [
        NewMember("ann", weixin(1, user="mum@im.wechat")), NewMember("bob", weixin(2, user="dad@im.wechat")),
        NewMember("eve"),
    ]  # fmt: skip
    make_team(made, *members, of=team())
    return made


def scanned(account_id: str = ID, *, user: str = "", secret: str = TOKEN) -> Account:
    return Account("weixin", account_id, {"WEIXIN_TOKEN": Secret(secret)}, user=user)


def verdict(layout: Layout, member: str, account: Account) -> tuple[LoginKind, str | None]:
    holders = list(account_holders(layout, profile_names(layout), "weixin", CATALOG))
    kind, holder = judge_login(member, account, holders, CATALOG)
    return kind, holder.profile if holder is not None else None


@pytest.mark.parametrize(
    ("member", "account", "expected"),
    [
        ("eve", scanned(), (LoginKind.NEW, None)),
        ("eve", scanned(user="aunt@im.wechat"), (LoginKind.NEW, None)),
        ("ann", scanned("b0f500000001@im.bot"), (LoginKind.RENEWED, "ann")),
        ("ann", scanned(user="mum@im.wechat"), (LoginKind.RENEWED, "ann")),
        ("ann", scanned(user="aunt@im.wechat"), (LoginKind.REPLACES, "ann")),
        ("ann", scanned(), (LoginKind.REPLACES, "ann")),
        ("eve", scanned("b0f500000001@im.bot"), (LoginKind.ACCOUNT_OF_ANOTHER, "ann")),
        ("eve", scanned("b0f500000001-im-bot"), (LoginKind.ACCOUNT_OF_ANOTHER, "ann")),
        ("eve", scanned(secret=canary("weixin2")), (LoginKind.ACCOUNT_OF_ANOTHER, "bob")),
        ("ann", scanned("b0f500000002@im.bot"), (LoginKind.ACCOUNT_OF_ANOTHER, "bob")),
        ("eve", scanned(user="dad@im.wechat"), (LoginKind.PERSON_OF_ANOTHER, "bob")),
        ("ann", scanned(user="dad@im.wechat"), (LoginKind.PERSON_OF_ANOTHER, "bob")),
        # The lead is not a member, but has an account.
        ("eve", scanned("1ead0f5860fd@im.bot"), (LoginKind.ACCOUNT_OF_ANOTHER, "default")),
        ("not-there-yet", scanned(user="mum@im.wechat"), (LoginKind.PERSON_OF_ANOTHER, "ann")),
        ("not-there-yet", scanned(), (LoginKind.NEW, None)),
    ],
)
def test_login_owner_is_identified(
    layout: Layout, member: str, account: Account, expected: tuple[LoginKind, str | None]
) -> None:
    assert verdict(layout, member, account) == expected


def test_login_owner_ignores_files_of_former_accounts(layout: Layout) -> None:
    """Files of former accounts beside it are ignored."""
    stale = layout.home("bob") / "weixin/accounts/0ld0@im.bot.json"
    stale.write_text(json.dumps({"token": canary("old"), "user_id": "aunt@im.wechat"}))
    assert verdict(layout, "eve", scanned(user="aunt@im.wechat")) == (LoginKind.NEW, None)


# --- results of a set-up


def left(place: Path, env: str = "", **files: object) -> None:
    (place / "weixin" / "accounts").mkdir(parents=True)
    (place / ".env").write_text(env)
    for name, content in files.items():
        (place / "weixin" / "accounts" / name).write_text(json.dumps(content))


def test_complete_login_is_read_with_answers(tmp_path: Path) -> None:
    fields = {"token": TOKEN, "base_url": "https://a.example", "user_id": "mum@im.wechat", "saved_at": "2026-01-02"}
    left(
        tmp_path,
        f"WEIXIN_ACCOUNT_ID={ID}\nWEIXIN_TOKEN={TOKEN}\nWEIXIN_BASE_URL=https://a.example\nWEIXIN_DM_POLICY=open\n"
        "WEIXIN_ALLOW_ALL_USERS=true\nWEIXIN_ALLOWED_USERS=\nWEIXIN_GROUP_POLICY=disabled\n"
        "WEIXIN_GROUP_ALLOWED_USERS=\nGATEWAY_ALLOW_ALL_USERS=true\n",
        **{f"{ID}.json": fields, f"{ID}.sync.json": {}},
    )
    login = read_login(tmp_path, "weixin", CATALOG)
    assert login.is_whole and login.account is not None and login.other == ("GATEWAY_ALLOW_ALL_USERS",)
    account = login.account
    assert (account.id, account.user, account.saved_at) == (ID, "mum@im.wechat", "2026-01-02")
    assert set(account.variables) == {
        "WEIXIN_ACCOUNT_ID", "WEIXIN_TOKEN", "WEIXIN_BASE_URL", "WEIXIN_ALLOW_ALL_USERS"
    }  # fmt: skip
    assert account.policies == {"dm_policy": "open", "group_policy": "disabled"}
    assert {"WEIXIN_DM_POLICY", "WEIXIN_ALLOWED_USERS"} <= set(account.answered)
    assert set(login.files) == {f"weixin/accounts/{ID}.json"}
    assert TOKEN not in repr(login)


def test_login_that_ended_after_scan_is_incomplete(tmp_path: Path) -> None:
    left(tmp_path, "", **{f"{ID}.json": {"token": TOKEN, "user_id": "mum@im.wechat"}})
    login = read_login(tmp_path, "weixin", CATALOG)
    assert login.account is not None and login.account.id == ID and not login.is_whole


@pytest.mark.parametrize(
    ("env", "files"),
    [
        ("", {}),
        ("WEIXIN_TOKEN=\nWEIXIN_ACCOUNT_ID=\n", {}),
        (f"WEIXIN_ACCOUNT_ID={ID}\n", {}),
        (f"WEIXIN_TOKEN={TOKEN}\n", {}),
        ("", {f"{ID}.json": {"token": ""}}),
        ("", {f"{ID}.json": ["no", "account"]}),
        ("", {f"{ID}.sync.json": {"token": TOKEN}}),
    ],
)
def test_home_without_login_is_no_login(tmp_path: Path, env: str, files: dict[str, object]) -> None:
    left(tmp_path, env, **files)
    assert read_login(tmp_path, "weixin", CATALOG).account is None


def test_setup_that_did_not_run_is_no_login(tmp_path: Path) -> None:
    assert read_login(tmp_path / "nothing", "weixin", CATALOG).account is None


def test_login_of_telegram_is_read(tmp_path: Path) -> None:
    bot = "7300000001:CANARYbotCANARYbotCANARYbotCANARYbot"
    (tmp_path / ".env").write_text(f"TELEGRAM_BOT_TOKEN={bot}\nTELEGRAM_ALLOWED_USERS=42\nTELEGRAM_HOME_CHANNEL=\n")
    login = read_login(tmp_path, "telegram", CATALOG)
    assert login.account is not None and login.is_whole and login.account.id == "7300000001"
    assert set(login.account.variables) == {"TELEGRAM_BOT_TOKEN", "TELEGRAM_ALLOWED_USERS"}
    assert "TELEGRAM_HOME_CHANNEL" in login.account.answered
    (tmp_path / ".env").write_text("TELEGRAM_ALLOWED_USERS=42\n")
    assert read_login(tmp_path, "telegram", CATALOG).account is None


def test_login_assigned_to_another_keeps_its_allow_list(layout: Layout) -> None:
    account = scanned("b0f500000001@im.bot")._replace(
        variables={
            "WEIXIN_TOKEN": Secret(TOKEN), "WEIXIN_ALLOWED_USERS": Secret("x"), "WEIXIN_HOME_CHANNEL": Secret("x")
        },
        policies={"dm_policy": "open"}, answered=("WEIXIN_TOKEN", "WEIXIN_ALLOWED_USERS"),
    )  # fmt: skip
    found = rebind_account(account, layout, "ann", CATALOG)
    assert set(found.variables) == {"WEIXIN_TOKEN"} and found.answered == ("WEIXIN_TOKEN",)
    assert found.policies == {"dm_policy": "pairing", "group_policy": "disabled"}


# --- changes of other profiles


def test_snapshot_names_every_changed_profile(layout: Layout) -> None:
    before = snapshot_accounts(layout, profile_names(layout))
    assert changed_files(before, snapshot_accounts(layout, profile_names(layout))) == ()
    (layout.home("bob") / ".env").write_text("WEIXIN_TOKEN=CANARY-other\n")
    (layout.home("ann") / "weixin/accounts/new@im.bot.json").write_text("{}")
    (layout.home("eve") / "config.yaml").unlink()
    (layout.home("ann") / "weixin/accounts/b0f500000001@im.bot.sync.json").write_text("{}")  # its gateway's notes
    assert changed_files(before, snapshot_accounts(layout, profile_names(layout))) == (
        ("ann", "weixin/accounts/new@im.bot.json"), ("bob", ".env"), ("eve", "config.yaml")
    )  # fmt: skip


# --- the temporary home of a set-up


def test_temporary_home_is_exclusive_and_removed(layout: Layout) -> None:
    with temporary_home(layout, "ann") as place:
        make_scratch(place)
        assert place.stat().st_mode & 0o777 == 0o700
        (place / ".env").write_text(f"WEIXIN_TOKEN={TOKEN}\n")
        with pytest.raises(Refused, match="another command does this for ann"), temporary_home(layout, "ann"):
            pass
        with temporary_home(layout, "bob") as other:
            make_scratch(other)
        assert not other.exists() and place.exists()
    assert not place.exists()


def test_interrupted_temporary_home_is_found_by_next_command(layout: Layout) -> None:
    with pytest.raises(RuntimeError), temporary_home(layout, "ann") as place:
        make_scratch(place)
        (place / ".env").write_text("X=1\n")
        raise RuntimeError
    assert (place / ".env").exists()
    with temporary_home(layout, "ann") as place:
        make_scratch(place)
        assert not list(place.iterdir())
    (place / "into").mkdir(parents=True)
    clear_scratch(place)
    clear_scratch(place)
    assert not place.exists()


def test_trashed_login_is_restored_to_profile(layout: Layout, tmp_path: Path) -> None:
    source = tmp_path / "left" / "x.json"
    source.parent.mkdir()
    source.write_text(f'{{"token": "{TOKEN}"}}')
    where = {f"weixin/accounts/{ID}.json": source}
    steps = steps_to_trash_found(
        layout, "eve", where, trash_id="20260101T000000Z-0001", deleted_at="2026-01-01T00:00:00Z", reason="not taken"
    )
    apply(ChangePlan(("team", "add"), "put away", steps, profiles=("eve",)), layout=layout)
    (entry,) = trash_entries(layout)
    assert (entry.kind, entry.name, entry.paths, entry.origin) == ("files", "eve", tuple(where), layout.home("eve"))
    assert not source.exists() and (entry.home / f"weixin/accounts/{ID}.json").exists()
    for bad in ("../x", "/x", "a//b", ""):
        with pytest.raises(ValueError, match="plain path"):
            steps_to_trash_found(layout, "eve", {bad: source}, trash_id="t", deleted_at="x", reason="")
