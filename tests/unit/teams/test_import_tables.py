"""Accounts in tables: CSV as spreadsheets write it, JSON; errors have a line and never a value."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from openclaw_install import BASE

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.teams.accounts import account_entries
from hermes_profiles.teams.imports.model import SourceAccounts
from hermes_profiles.teams.imports.tables import read_csv, read_json_table

WEIXIN, TELEGRAM, SLACK = (load_catalog().channels[name] for name in ("weixin", "telegram", "slack"))
ROWS = (
    ("member", "account_id", "token", "base_url", "user_id", "allow"),
    ("mum", "aaa111@im.bot", "CANARY-1", "", "o9m@im.wechat", ""),
    ("", "bbb222-im-bot", "CANARY-2", "https://wx.example/", "", "o9a@im.wechat o9b@im.wechat"),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "accounts.csv"


def csv_of(file: Path, content: str | bytes, channel: object = WEIXIN) -> SourceAccounts:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(0o600)
    found = read_csv(file, channel)  # type: ignore[arg-type]
    assert "CANARY" not in repr(found)
    return found


def json_of(file: Path, content: object, channel: object = WEIXIN) -> SourceAccounts:
    file.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    file.chmod(0o600)
    found = read_json_table(file, channel)  # type: ignore[arg-type]
    assert "CANARY" not in repr(found)
    return found


def lines(rows: object = ROWS, delimiter: str = ",", end: str = "\n") -> str:
    return "".join(delimiter.join(row) + end for row in rows)  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", [
    lines(), lines(delimiter=";"), lines(delimiter="\t"), lines(end="\r\n"), lines(end="\r"), "\ufeff" + lines(),
    lines().encode("utf-16"), b"\xff\xfe" + lines(delimiter="\t").encode("utf-16-le"),
    b"\xfe\xff" + lines(delimiter=";", end="\r\n").encode("utf-16-be"), "sep=;\r\n" + lines(delimiter=";", end="\r\n"),
    lines([[f'"{cell}"' for cell in row] for row in ROWS]), lines([[f" {cell} " for cell in row] for row in ROWS]),
    lines().replace("account_id", "Account ID").replace("base_url", "baseUrl").replace("token", "Bot-Token"),
    lines().replace("account_id", "WEIXIN_ACCOUNT_ID").replace(",token", ",weixin_token"),
    lines().replace("allow", "WEIXIN_ALLOWED_USERS"),
    lines([row[::-1] for row in ROWS]), lines() + "\n\n,,,\n", lines().rstrip("\n"),
])  # fmt: skip
def test_read_csv_accepts_all_dialects(file: Path, content: str | bytes) -> None:
    found = csv_of(file, content)
    assert found.bad == () and found.notes == ()
    first, second = found.found
    assert (first.name, first.is_exact, second.name, second.is_exact) == ("mum", True, "", False)
    assert [each.account.id for each in found.found] == ["aaa111@im.bot", "bbb222@im.bot"]
    assert [each.account.variables["WEIXIN_TOKEN"].reveal() for each in found.found] == ["CANARY-1", "CANARY-2"]
    assert [each.account.variables["WEIXIN_BASE_URL"].reveal() for each in found.found] == [BASE, "https://wx.example"]
    assert [each.account.allowed for each in found.found] == [
        ("o9m@im.wechat",), ("o9a@im.wechat", "o9b@im.wechat"),
    ]  # fmt: skip


@pytest.mark.parametrize(("cells", "words"), [
    (("mum", "", "CANARY"), "no account_id"), (("mum", "../x", "CANARY"), "account_id is not valid"),
    (("mum", "a b", "CANARY"), "account_id is not valid"), (("mum", "aaa111@im.bot", ""), "no token"),
    (("mum", "aaa111@im.bot", "CANARY two"), "spaces"), (("mum", "aaa111@im.bot", '"CANARY\ntwo"'), "line breaks"),
    (("m m", "aaa111@im.bot", "CANARY"), "1 to 64 of a-z"), (("root", "aaa111@im.bot", "CANARY"), "reserved"),
    (("CANARY-ä", "aaa111@im.bot", "CANARY"), "1 to 64"), (("mum", "aaa111@im.bot", "CANARY", "http://x"),
    "not https"),
    (("mum", "aaa111@im.bot", "CANARY", "", "a b"), "user_id"), (("mum", "aaa111@im.bot", "CANARY", "", "", "*"),
    "every"),
    (("mum", "aaa111@im.bot", "CANARY", "", "", "ü"), "an allowed user"),
    (("mum", "aaa111@im.bot", "CANARY", "", "", "", "CANARY"), "more cells"),
])  # fmt: skip
def test_invalid_rows_are_reported_with_their_line(file: Path, cells: tuple[str, ...], words: str) -> None:
    found = csv_of(file, lines([ROWS[0], (), ROWS[1], cells, ROWS[2]]))
    assert [each.account.id for each in found.found] == ["aaa111@im.bot", "bbb222@im.bot"]
    (bad,) = found.bad
    assert words in bad.problem.message and bad.problem.message.startswith(f"{file}:4: ")


def test_lines_are_counted_through_cells_of_several_lines(file: Path) -> None:
    content = 'account_id,token,description\naaa111@im.bot,CANARY-1,"two\r\nlines"\n\nbbb222@im.bot,,x\n'
    assert csv_of(file, content).bad[0].problem.message.startswith(f"{file}:5: ")
    assert csv_of(file, "sep=,\n" + content).bad[0].problem.message.startswith(f"{file}:6: ")


@pytest.mark.parametrize(("content", "words"), [
    ("", "no column"), ("mum,aaa111@im.bot,CANARY\n", "no column account_id"), ("CANARY\n", "no column"),
    ("member,token\nmum,CANARY\n", "no column account_id"), ("member,account_id\nmum,x\n", "no column token"),
    ("account_id,token,bot token\n", "duplicate column token"), ("account_id,token\n", "it has no accounts"),
    ('account_id,token\naaa111@im.bot,"CANARY\n', ":2: unbalanced quotes"),
    ('account_id,token\n"a"b,CANARY\n', ":2: unbalanced quotes"),
    ("account_id,token\na,CANARY\0\n", ":2: a NUL"),
    ("account_id,token\n" + "a" * 200_000 + "\n", ":2: unbalanced quotes"),
    (b"\xff\xfe\x00\x00a\x00\x00\x00", "UTF-32"),
])  # fmt: skip
def test_invalid_tables_are_refused(file: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=words) as error:
        csv_of(file, content)
    assert "CANARY" not in str(error.value) and str(file) in str(error.value) and error.value.problem.hint


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink(path, path), lambda path: None])
def test_paths_that_are_not_files_are_refused(file: Path, make: object) -> None:
    make(file)  # type: ignore[operator]
    for read in (read_csv, read_json_table):
        with pytest.raises(DocumentError, match=str(file)):
            read(file, WEIXIN)


def test_unknown_columns_are_reported_by_number(file: Path) -> None:
    found = csv_of(file, "account_id,CANARY-x,token,\naaa111@im.bot,1,CANARY,\n")
    assert "columns 2, 4 are unknown" in found.notes[0].message and len(found.found) == 1


def test_a_table_readable_by_others_is_reported(file: Path) -> None:
    csv_of(file, lines())
    file.chmod(0o640)
    assert [note.code for note in read_csv(file, WEIXIN).notes] == ["readable-by-others"]


def test_missing_allowed_users_are_reported(file: Path) -> None:
    found = csv_of(file, "account_id,token\naaa111@im.bot,CANARY\n")
    assert [note.code for note in found.notes] == ["nobody-allowed"] and found.found[0].account.allowed == ()


# JSON

OBJECT = {"accountId": "aaa111-im-bot", "token": "CANARY-1", "baseUrl": BASE, "allow": ["o9a@im.wechat"], "name": "mum"}


@pytest.mark.parametrize("content", [[OBJECT], {"accounts": [OBJECT]}])
def test_lists_of_objects_are_read(file: Path, content: object) -> None:
    found = json_of(file, content)
    (one,) = found.found
    assert (one.account.id, one.name, one.account.allowed) == ("aaa111@im.bot", "mum", ("o9a@im.wechat",))
    assert one.account.variables["WEIXIN_TOKEN"].reveal() == "CANARY-1" and found.notes == ()


@pytest.mark.parametrize(("more", "line", "words"), [
    ({"token": 7}, 9, "not a text"), ({"token": None}, 9, "no token"), ({"token": {"a": "CANARY"}}, 9, "not a text"),
    ({"token": "CANARY\n2"}, 9, "line breaks"), ({"account_id": 1.5}, 7, "duplicate key"),
    ({"accountId": []}, 8, "not a text"),
    ({"accountId": True}, 8, "not a text"), ({"allow": {"a": 1}}, 11, "not a list of ids"),
    ({"allow": [[]]}, 11, "not a list of ids"),
    ({"name": "CANARY name"}, 14, "1 to 64"), ({"baseUrl": 7}, 10, "not a valid URL"),
])  # fmt: skip
def test_invalid_objects_are_reported_with_their_line(
    file: Path, more: dict[str, object], line: int, words: str
) -> None:
    found = json_of(file, [{"id": "bbb222@im.bot", "token": "CANARY-0", "user": "u"}, {**OBJECT, **more}])
    assert [each.account.id for each in found.found] == ["bbb222@im.bot"]
    (bad,) = found.bad
    assert words in bad.problem.message and f"{file}:{line}: " in bad.problem.message


@pytest.mark.parametrize(("content", "words"), [
    ("", "empty"), ("{", ":1: not valid"), ("7", "not a list"), ('{"accounts": {}}', "not a list"),
    ("{}", "not a list"),
    ("[]", "no accounts"), ('[{"token": "CANARY",}]', ":1: not valid"), ("[" * 9999, "too deep"),
    ("\ufeff[]", "no accounts"),
])  # fmt: skip
def test_json_files_without_a_list_are_refused(file: Path, content: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words) as error:
        json_of(file, content)
    assert "CANARY" not in str(error.value)


def test_entries_that_are_not_objects_are_reported(file: Path) -> None:
    assert [each.problem.message.split(": ")[1] for each in json_of(file, ["CANARY", 7, None]).bad] == [
        "not an object"
    ] * 3


def test_unknown_keys_are_counted(file: Path) -> None:
    assert "2 keys unknown" in json_of(file, [{**OBJECT, "CANARY": 1, "x": 2}]).notes[0].message


# Other channels


def test_other_channels_have_their_variables_as_columns(file: Path) -> None:
    found = csv_of(file, "member,TELEGRAM_BOT_TOKEN,allow\neva,71:CANARY,4711\n", TELEGRAM)
    (one,) = found.found
    assert one.account.channel == "telegram" and one.account.allowed == ("4711",)
    assert {name: value.reveal() for name, value in one.account.variables.items()} == {
        "TELEGRAM_BOT_TOKEN": "71:CANARY"
    }
    assert (
        json_of(file, [{"token": "71:CANARY", "allow": [4711]}], TELEGRAM).found[0].account.variables
        == one.account.variables
    )


def test_incomplete_credentials_are_refused(file: Path) -> None:
    found = csv_of(file, "member,SLACK_TEAM_ID,allow\neva,T1,U1\n", SLACK)
    assert "SLACK_BOT_TOKEN" in found.bad[0].problem.message or "SLACK_APP_TOKEN" in found.bad[0].problem.message


def test_accounts_of_common_channels_are_imported(file: Path) -> None:
    logins = {
        "telegram": {"token": "71:CANARY"}, "discord": {"DISCORD_BOT_TOKEN": "CANARY"},
        "slack": {"SLACK_BOT_TOKEN": "xoxb-CANARY", "SLACK_APP_TOKEN": "xapp-CANARY"},
        "feishu": {"FEISHU_APP_ID": "cli_1", "FEISHU_APP_SECRET": "CANARY"},
        "wecom": {"WECOM_BOT_ID": "b1", "WECOM_SECRET": "CANARY"},
        "qqbot": {"QQ_APP_ID": "1", "QQ_CLIENT_SECRET": "CANARY", "QQ_ALLOWED_USERS": "u1"},
        "signal": {"SIGNAL_ACCOUNT": "+15550100", "SIGNAL_HTTP_URL": "http://127.0.0.1:8080"},
    }  # fmt: skip
    for name, login in logins.items():
        found = json_of(file, [login], load_catalog().channels[name])
        assert found.bad == () and account_entries(found.found[0].account).variables, name
        for column in login:
            if not column.endswith("USERS"):
                less = {key: value for key, value in login.items() if key != column}
                bad = json_of(file, [{**less, "member": "x"}], load_catalog().channels[name]).bad
                assert bad or name == "qqbot", (name, column)


def test_the_allow_list_is_written_where_hermes_reads_it(file: Path) -> None:
    for name, variable in (("qqbot", "QQ_ALLOWED_USERS"), ("telegram", "TELEGRAM_ALLOWED_USERS")):
        login = {"qqbot": {"QQ_APP_ID": "1", "QQ_CLIENT_SECRET": "CANARY"}, "telegram": {"token": "71:CANARY"}}[name]
        for key in (variable, "allow"):
            (found,) = json_of(file, [{**login, key: "u1"}], load_catalog().channels[name]).found
            assert account_entries(found.account).variables[variable].reveal() == "u1"


def test_policies_are_not_imported(file: Path) -> None:
    found = csv_of(file, "account_id,token,WEIXIN_DM_POLICY,WEIXIN_ALLOW_ALL_USERS\naaa@im.bot,CANARY,open,true\n")
    assert "columns 3, 4 are unknown" in found.notes[0].message
    assert set(found.found[0].account.variables) == {"WEIXIN_ACCOUNT_ID", "WEIXIN_TOKEN", "WEIXIN_BASE_URL"}
    more = csv_of(file, "account_id,token,WEIXIN_CDN_BASE_URL\naaa@im.bot,CANARY,https://cdn.example\n").found[0]
    assert more.account.variables["WEIXIN_CDN_BASE_URL"].reveal() == "https://cdn.example"


def test_a_foreign_id_is_refused_and_not_shown(file: Path) -> None:
    found = csv_of(file, "account_id,token\nCANARY-swapped,aaa@im.bot\n")
    assert found.found == () and "end in @im.bot" in found.bad[0].problem.message and "CANARY" not in found.bad[0].id
