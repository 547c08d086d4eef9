"""Accounts: what they become in a member's home, and that only one profile has each."""

from __future__ import annotations

from pathlib import Path

import pytest
from clone_source import canary
from team_making import CATALOG, make_lead, make_team, team, weixin, world

from hermes_profiles.documents.yaml.value import to_json
from hermes_profiles.model.errors import Refused, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.teams.account_holders import check_accounts, held_account_id
from hermes_profiles.teams.accounts import Account, account_entries
from hermes_profiles.teams.create import NewMember, build_members

TOKEN = canary("weixin1")
ID = "b0f500000001@im.bot"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_lead(tmp_path)


def profile(layout: Layout, name: str, **files: str) -> None:
    for path, content in files.items():
        target = layout.home(name) / path.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)


def test_account_entries_of_a_weixin_account() -> None:
    account = weixin(1, allowed=(" mum", "dad", "mum "), user="u9", saved_at="2026-01-02T03:04:05Z")
    address = {**account.variables, "WEIXIN_BASE_URL": Secret("https://x.example/ "), "WEIXIN_CDN_BASE_URL": Secret("")}
    notes = {"weixin/accounts/b0f500000001@im.bot.sync.json": Secret(b"{}")}
    entries = account_entries(account._replace(variables=address, files=notes))
    assert {name: value.reveal() for name, value in entries.variables.items()} == {
        "WEIXIN_TOKEN": TOKEN, "WEIXIN_BASE_URL": "https://x.example/ ", "WEIXIN_ALLOWED_USERS": "mum,dad",
        "WEIXIN_ACCOUNT_ID": ID,
    }  # fmt: skip
    assert {path[1:]: to_json(value) for path, value in entries.settings.items()} == {
        ("weixin", "enabled"): True, ("weixin", "extra", "dm_policy"): "allowlist",
        ("weixin", "extra", "group_policy"): "disabled",
    }  # fmt: skip
    assert set(entries.files) == {f"weixin/accounts/{ID}{ending}" for ending in (".json", ".sync.json")}
    content = entries.files[f"weixin/accounts/{ID}.json"].reveal().decode()
    assert '"user_id": "u9"' in content and '"saved_at": "2026-01-02T03:04:05Z"' in content
    assert '"base_url": "https://x.example/"' in content
    assert TOKEN not in repr(entries) and TOKEN not in str(account)


@pytest.mark.parametrize("name", [
    "", ".", "..", "../x", "a/b", ".hidden", "a\nb", "a\0b", "a b", "a" * 201, "é" * 101, "a\x7f",
])  # fmt: skip
def test_an_id_that_is_not_a_file_name_is_refused(name: str) -> None:
    with pytest.raises(UsageProblem) as error:
        account_entries(weixin(1)._replace(id=name, origin="/oc/accounts/x.json"))
    assert error.value.problem.code == "bad-account" and "/oc/accounts/x.json" in error.value.problem.message


@pytest.mark.parametrize(
    "name", ["b0f5@im.bot", "b0f5-im-bot", "中文", "a" * 200, "we're", '"q"', "$HOME", "a#b", "%41"]
)
def test_an_unusual_valid_id_is_accepted(layout: Layout, name: str) -> None:
    make_team(layout, NewMember("ann", weixin(1)._replace(id=name)))
    assert held_account_id(layout, "ann", "weixin", CATALOG) == name
    assert (layout.home("ann") / f"weixin/accounts/{name}.json").is_file()


@pytest.mark.parametrize("token", [None, "", "  "])
def test_an_account_without_a_token_is_refused(token: str | None) -> None:
    variables = {} if token is None else {"WEIXIN_TOKEN": Secret(token)}
    with pytest.raises(UsageProblem, match="no token"):
        account_entries(weixin(1)._replace(variables=variables))
    with pytest.raises(UsageProblem, match="it has no credentials"):
        account_entries(Account("slack", "x", {"SLACK_BOT_TOKEN": Secret("")}))


@pytest.mark.parametrize("allowed", [("*",), ("",), ("a", " "), ("a,b",), ("a\nWEIXIN_ALLOW_ALL_USERS=true",), ("\0",)])
def test_an_allow_list_for_everyone_or_no_one_is_refused(allowed: tuple[str, ...]) -> None:
    for account in (weixin(1, allowed=allowed), Account("slack", "x", {"SLACK_BOT_TOKEN": Secret("x")}, allowed)):
        with pytest.raises(UsageProblem) as error:
            account_entries(account)
        assert error.value.problem.code == "bad-allow"


# --- one holder


def taken(layout: Layout, *accounts: Account, channel: str = "weixin", besides: tuple[str, ...] = ()) -> str:
    """Return the target and message of the refusal, "" without one."""
    try:
        check_accounts(layout, CATALOG, team(channel=channel), accounts, besides=besides)
    except Refused as error:
        assert error.problem.code == "account-taken" and error.exit_code == 6
        assert "CANARY" not in str(error.problem) and "b0f500000001" not in error.problem.message
        return f"{error.problem.target}: {error.problem.message}"
    return ""


@pytest.mark.parametrize("files", [
    {".env": f"WEIXIN_TOKEN={TOKEN}\n"},
    {".env": f"export WEIXIN_TOKEN='{TOKEN}'\n"},
    {".env": f"WEIXIN_ACCOUNT_ID={ID}\n"},
    {".env": "WEIXIN_ACCOUNT_ID=B0F500000001-im-bot\nWEIXIN_TOKEN=CANARY-another-one\n"},
    {".op.env": f"WEIXIN_TOKEN={TOKEN}\n"},
    {"config.yaml": f"platforms:\n  weixin:\n    enabled: true\n    token: {TOKEN}\n"},
    {"config.yaml": f"platforms:\n  weixin:\n    extra:\n      account_id: {ID}\n"},
    {"config.yaml": f"WEIXIN_TOKEN: {TOKEN}\n"},
    {".env": f"WEIXIN_TOKEN={TOKEN}\n", "config.yaml": "platforms:\n  weixin:\n    enabled: false\n"},
    {".env": f"WEIXIN_TOKEN={TOKEN}\n", "config.yaml": "weixin:\n  enabled: false\n"},
    {"gateway.json": f'{{"platforms": {{"weixin": {{"token": "{TOKEN}"}}}}}}'},
    {".env": "WEIXIN_ACCOUNT_ID=other@im.bot\n", "weixin__accounts__other@im.bot.json": f'{{"token": "{TOKEN}"}}'},
])  # fmt: skip
def test_an_account_held_by_a_profile_is_refused(layout: Layout, files: dict[str, str]) -> None:
    profile(layout, "eve", **files)
    assert taken(layout, weixin(2), weixin(1)).startswith("eve: ")
    assert taken(layout, weixin(2)) == "" and taken(layout, weixin(1), besides=("eve",)) == ""


@pytest.mark.parametrize("files", [
    {".env": "# WEIXIN_TOKEN=x\n"}, {".env": "WEIXIN_TOKEN=\nWEIXIN_ACCOUNT_ID=\n"},
    {".env": "WEIXIN_TOKEN=your_token_here\n"},
    {".env": "WEIXIN_ACCOUNT_ID=other@im.bot\nWEIXIN_TOKEN=CANARY-o\n",
     f"weixin__accounts__{ID}.json": f'{{"token": "{TOKEN}"}}'},
    {".env": "A='open\n"}, {"config.yaml": "a: [\n"}, {"gateway.json": "{"}, {".env": "TELEGRAM_BOT_TOKEN=" + TOKEN},
])  # fmt: skip
def test_a_stored_but_unused_account_is_not_held(layout: Layout, files: dict[str, str]) -> None:
    """A stored file that no variable names is one of those that an import makes members of."""
    profile(layout, "eve", **files)
    assert taken(layout, weixin(1)) == ""


def test_default_and_members_hold_their_accounts(layout: Layout) -> None:
    lead = Account("weixin", "z@im.bot", {"WEIXIN_TOKEN": Secret(canary("leadweixin"))})
    assert taken(layout, lead).startswith("default: ")
    make_team(layout, NewMember("ann", weixin(1)))
    assert taken(layout, weixin(1)).startswith("ann: ")
    with pytest.raises(Refused, match="bound to the profile ann"):
        make_team(layout, NewMember("bob", weixin(1)))


def test_a_duplicate_account_in_a_list_is_refused(layout: Layout) -> None:
    one, other = weixin(1, origin="a.csv:2"), weixin(1, origin="a.csv:7")
    assert "named twice (a.csv:2; a.csv:7)" in taken(layout, one, weixin(2), other)
    assert "named twice" in taken(layout, one, weixin(1))
    for same in (weixin(2)._replace(id=ID), weixin(2)._replace(variables=one.variables)):
        assert "named twice" in taken(layout, one, same), "by its id, and by its token"
    with pytest.raises(Refused):
        build_members(team(), [NewMember("a", one), NewMember("b", other)], world(layout), define=True, command=("x",))


@pytest.mark.parametrize(("channel", "mine", "theirs"), [
    ("telegram", {"TELEGRAM_BOT_TOKEN": "7100000009:CANARYx"}, "TELEGRAM_BOT_TOKEN=7100000009:CANARYx"),
    ("slack", {"SLACK_BOT_TOKEN": "xoxb-CANARY-1", "SLACK_APP_TOKEN": "xapp-CANARY-1"},
     "SLACK_BOT_TOKEN=xoxb-CANARY-2\nSLACK_APP_TOKEN=xapp-CANARY-1"),
    ("signal", {"SIGNAL_HTTP_URL": "http://127.0.0.1:1", "SIGNAL_ACCOUNT": "+4915112345"},
     "SIGNAL_HTTP_URL=http://127.0.0.1:2\nSIGNAL_ACCOUNT=+49 151 12345"),
])  # fmt: skip
def test_accounts_of_other_channels_have_one_holder(
    layout: Layout, channel: str, mine: dict[str, str], theirs: str
) -> None:
    profile(layout, "eve", **{".env": theirs + "\n"})
    account = Account(channel, "", {name: Secret(value) for name, value in mine.items()})
    assert taken(layout, account, channel=channel).startswith(f"eve: the {channel} account is already bound")


def test_held_account_id_of_each_channel(layout: Layout) -> None:
    text = "SIGNAL_HTTP_URL=http://127.0.0.1:1\nSIGNAL_ACCOUNT=+4915112345\nTELEGRAM_BOT_TOKEN=7100000009:CANARYx\n"
    profile(layout, "eve", **{".env": f"{text}DISCORD_BOT_TOKEN=CANARY-discord-token\n"})
    shown = {
        each: held_account_id(layout, "eve", each, CATALOG) for each in ("signal", "telegram", "discord", "weixin")
    }
    assert shown == {"signal": "+4915112345", "telegram": "7100000009", "discord": "a token", "weixin": ""}
