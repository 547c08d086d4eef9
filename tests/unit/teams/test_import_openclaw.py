"""OpenClaw installs, sound and awkward: the accounts its own plugin would use, or the file and the reason why not."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from openclaw_install import BASE, OpenClaw, token

from hermes_profiles.model.errors import DocumentError, Failed
from hermes_profiles.teams.imports.model import SourceAccounts, normalized_id
from hermes_profiles.teams.imports.openclaw import read_openclaw

MINE, OTHER = "o9mine@im.wechat", "o9other@im.wechat"


@pytest.fixture
def claw(tmp_path: Path) -> OpenClaw:
    return OpenClaw(tmp_path / ".openclaw")


def read(claw: OpenClaw) -> SourceAccounts:
    """Read an install, and see that it is what it was."""
    before = claw.picture()
    try:
        found = read_openclaw(claw.state)
    finally:
        assert claw.picture() == before, "OpenClaw's folder was changed"
    assert "CANARY" not in repr(found)
    return found


def ids(reading: SourceAccounts) -> list[str]:
    return [each.account.id for each in reading.found]


def problem(reading: SourceAccounts) -> str:
    """Return the message of the only account, which is invalid."""
    assert reading.found == ()
    (bad,) = reading.bad
    assert bad.problem.hint and "--skip" in bad.problem.hint
    return bad.problem.message


def test_an_account_is_read_with_all_its_files(claw: OpenClaw) -> None:
    claw.add("aaa111", user=MINE, allowed=[MINE, OTHER], sync="b1ob==", contexts={OTHER: "CANARY-context"})
    (found,) = read(claw).found
    account = found.account
    assert account.id == "aaa111@im.bot" and found.listed == "aaa111-im-bot"
    assert {name: value.reveal() for name, value in account.variables.items()} == {
        "WEIXIN_ACCOUNT_ID": "aaa111@im.bot", "WEIXIN_TOKEN": token("aaa111"), "WEIXIN_BASE_URL": BASE,
    }  # fmt: skip
    assert (account.user, account.allowed, account.saved_at) == (MINE, (MINE, OTHER), "2026-03-01T10:00:00.000Z")
    files = {path: json.loads(content.reveal()) for path, content in account.files.items()}
    assert files == {
        "weixin/accounts/aaa111@im.bot.sync.json": {"get_updates_buf": "b1ob=="},
        "weixin/accounts/aaa111@im.bot.context-tokens.json": {OTHER: "CANARY-context"},
    }


@pytest.mark.parametrize("place", ["", "openclaw-weixin", "openclaw-weixin/accounts.json"])
def test_every_kind_of_path_is_accepted(claw: OpenClaw, place: str) -> None:
    claw.add("aaa111", allowed=[OTHER])
    claw.config('{"channels": {"openclaw-weixin": {"accounts": {"aaa111-im-bot": {"name": "Mum"}}}}}')
    (found,) = read_openclaw(claw.state / place).found
    assert found.account.allowed == (OTHER,) and found.label == "Mum"


def test_a_path_without_accounts_is_refused_with_a_hint(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(Failed) as error:
            read_openclaw(path)
        assert str(path) in str(error.value) and "~/.openclaw" in (error.value.problem.hint or "")


def test_the_user_that_scanned_is_allowed_by_default(claw: OpenClaw) -> None:
    claw.add("aaa111", user=MINE)
    claw.add("bbb222", user="", saved="2026-03-02T10:00:00.000Z")
    found = read(claw)
    assert [each.account.allowed for each in found.found] == [(MINE,), ()]
    assert [note.code for note in found.notes] == ["nobody-allowed"] and "bbb222" in found.notes[0].message


def test_a_wildcard_in_the_allow_list_is_ignored(claw: OpenClaw) -> None:
    claw.add("aaa111", user=MINE, allowed=["*", OTHER, "o9\nx"])
    found = read(claw)
    assert found.found[0].account.allowed == (OTHER,) and [note.code for note in found.notes] == ["bad-user"] * 2


def test_a_broken_allow_list_allows_only_the_user_that_scanned(claw: OpenClaw) -> None:
    claw.add("aaa111", user=MINE, allowed=[OTHER], sync="x")
    claw.put("credentials/openclaw-weixin-aaa111-im-bot-allowFrom.json", "{")
    claw.put("openclaw-weixin/accounts/aaa111-im-bot.sync.json", "[")
    found = read(claw)
    assert found.found[0].account.allowed == (MINE,) and dict(found.found[0].account.files) == {}
    assert all("json:1: not valid JSON" in note.message for note in found.notes) and len(found.notes) == 2


# Files of accounts


@pytest.mark.parametrize(("listed", "file"), [
    ("aaa111-im-bot", "aaa111-im-bot"), ("aaa111-im-bot", "aaa111@im.bot"), ("aaa111@im.bot", "aaa111-im-bot"),
    ("aaa111@im.bot", "aaa111@im.bot"), (" aaa111-im-bot\n", "aaa111-im-bot"),
])  # fmt: skip
def test_ids_of_old_and_new_releases_mean_the_same_account(claw: OpenClaw, listed: str, file: str) -> None:
    claw.add("aaa111", listed=listed, file=file, allowed=[OTHER], sync="b")
    (found,) = read(claw).found
    assert found.account.id == "aaa111@im.bot" and found.account.allowed == (OTHER,) and len(found.account.files) == 1


def test_the_case_of_an_id_is_kept(claw: OpenClaw) -> None:
    claw.add("ABC", listed="ABC@im.bot", file="abc-im-bot")
    claw.add("def", listed="def-im-bot", data={"token": "DEF@im.bot:CANARY-def"})
    claw.add("GHI", listed="GHI@im.bot", file="GHI@im.bot")
    assert ids(read(claw)) == ["ABC@im.bot", "DEF@im.bot", "GHI@im.bot"]


def test_the_suffix_of_user_ids_is_known(claw: OpenClaw) -> None:
    claw.add("aaa111", listed="aaa111-im-wechat", file="aaa111-im-wechat")
    assert ids(read(claw)) == ["aaa111@im.wechat"]


def test_the_newer_file_of_an_account_is_used_and_the_older_reported(claw: OpenClaw) -> None:
    claw.add("aaa111")
    claw.put("openclaw-weixin/accounts/aaa111@im.bot.json", {"token": "CANARY-old"})
    found = read(claw)
    assert found.found[0].account.variables["WEIXIN_TOKEN"].reveal() == token("aaa111")
    assert [note.code for note in found.notes] == ["older-file"] and found.left_out == ()


def test_an_account_listed_twice_is_one(claw: OpenClaw) -> None:
    claw.add("aaa111")
    claw.write_index(["aaa111-im-bot", "aaa111@im.bot", "aaa111-im-bot"])
    found = read(claw)
    assert ids(found) == ["aaa111@im.bot"] and [note.code for note in found.notes] == ["listed-twice"] * 2


def test_an_invalid_id_is_skipped_and_reported_with_its_line(claw: OpenClaw) -> None:
    claw.add("aaa111")
    claw.write_index('[\n  "aaa111-im-bot",\n  "  ",\n  7,\n  null,\n  ["x"],\n  ""\n]\n')
    found = read(claw)
    assert ids(found) == ["aaa111@im.bot"]
    assert [note.message.split(":")[1] for note in found.notes] == ["3", "4", "5", "6", "7"]


def test_unlisted_files_are_reported_and_skipped(claw: OpenClaw) -> None:
    claw.add("aaa111")
    for name in ("bbb222-im-bot.json", "x y.json", "aaa111-im-bot.sync.json", "notes.txt"):
        claw.put(f"openclaw-weixin/accounts/{name}", {"token": "CANARY-unlisted"})
    found = read(claw)
    assert [each.id for each in found.left_out] == ["bbb222-im-bot", "x y"] and ids(found) == ["aaa111@im.bot"]


@pytest.mark.parametrize("first", ["", "state"])
def test_second_list_of_accounts_is_named(first: str, tmp_path: Path) -> None:
    other = "" if first else "state"
    given, second = OpenClaw(tmp_path / ".openclaw" / first), OpenClaw(tmp_path / ".openclaw" / other)
    given.add("aaa111")
    second.add("bbb222")
    found = read(given)
    (row,) = found.left_out
    assert ids(found) == ["aaa111@im.bot"] and row.id == str(second.folder / "accounts.json")
    assert f"hermes-profiles team import openclaw {row.id} --dry-run" in row.reason
    assert ids(read_openclaw(Path(row.id))) == ["bbb222@im.bot"]


def test_list_below_state_counts_where_the_folder_above_has_none(tmp_path: Path) -> None:
    OpenClaw(tmp_path / ".openclaw").folder.joinpath("accounts.json").unlink()
    OpenClaw(tmp_path / ".openclaw" / "state").add("aaa111")
    assert ids(read_openclaw(tmp_path / ".openclaw")) == ["aaa111@im.bot"]


def test_the_single_token_of_the_first_releases_is_found(claw: OpenClaw) -> None:
    claw.write_index(["aaa111-im-bot"])
    claw.put("credentials/openclaw-weixin/credentials.json", {"token": "CANARY-legacy"})
    (found,) = read(claw).found
    assert found.account.variables["WEIXIN_TOKEN"].reveal() == "CANARY-legacy"
    assert found.account.variables["WEIXIN_BASE_URL"].reveal() == BASE


def test_a_token_of_another_account_is_reported(claw: OpenClaw) -> None:
    claw.add("aaa111", data={"token": "bbb222@im.bot:CANARY"})
    found = read(claw)
    assert ids(found) == ["aaa111@im.bot"] and [note.code for note in found.notes] == ["other-token"]


# Invalid accounts.json


@pytest.mark.parametrize(("content", "words"), [
    ("", "empty"), ("  \n", "empty"), ("{}", "not a list"), ('"a"', "not a list"), ("null", "not a list"),
    ('["a",\n', ":2: "),
    (b"\xff\xfe[\x00\x00", "not valid UTF-16"), (b'["\xff"]', "not UTF-8"), (b'["a\x00"]', "NUL"),
    ("[" * 200_000, "too deep"),
])  # fmt: skip
def test_an_invalid_list_of_accounts_is_refused(claw: OpenClaw, content: object, words: str) -> None:
    claw.add("aaa111")
    claw.write_index(content)
    with pytest.raises(DocumentError, match=words) as error:
        read(claw)
    assert str(claw.folder / "accounts.json") in str(error.value)


def test_a_missing_list_of_accounts_is_refused(claw: OpenClaw) -> None:
    claw.add("aaa111")
    (claw.folder / "accounts.json").unlink()
    with pytest.raises(Failed, match=r"accounts\.json: does not exist") as error:
        read(claw)
    assert "team import csv" in (error.value.problem.hint or "")


def test_an_empty_list_has_no_accounts(claw: OpenClaw) -> None:
    assert read(claw) == SourceAccounts()


@pytest.mark.parametrize("encode", [
    lambda text: b"\xef\xbb\xbf" + text.encode(), lambda text: text.encode("utf-16"),
    lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
])  # fmt: skip
def test_byte_order_marks_and_utf16_are_read(claw: OpenClaw, encode: object) -> None:
    claw.add("aaa111", allowed=[OTHER])
    for path in (claw.folder / "accounts.json", claw.accounts / "aaa111-im-bot.json"):
        path.write_bytes(encode(path.read_text()))  # type: ignore[operator]
    (found,) = read(claw).found
    assert found.account.variables["WEIXIN_TOKEN"].reveal() == token("aaa111")


# Invalid accounts


@pytest.mark.parametrize("listed", [
    "../aaa", "a/b-im-bot", "a b-im-bot", "..", ".", "ä-im-bot", "张三@im.bot", "a\x00b-im-bot", "-im-bot-", "a" * 300,
    "a\nb@im.bot", "a;b@im.bot", "$(x)@im.bot", "\ud800@im.bot",
])  # fmt: skip
def test_invalid_ids_are_refused_without_opening_a_file(claw: OpenClaw, listed: str) -> None:
    (claw.folder / "aaa.json").write_text(json.dumps({"token": "CANARY-outside"}))
    claw.write_index([listed])
    assert "not a valid account id" in problem(read(claw)) and "accounts.json:1" not in problem(read(claw))


def test_an_id_without_the_bot_id_is_refused(claw: OpenClaw) -> None:
    claw.add("aaa111", listed="my-account", file="my-account")
    assert "…@im.bot" in problem(read(claw))


@pytest.mark.parametrize(("data", "line", "words"), [
    ({"token": None}, "", "it has no token"), ({"token": ""}, ":2", "token is empty"),
    ({"token": " \t"}, ":2", "token is empty"), ({"token": 7}, ":2", "token is not a text"),
    ({"token": ["CANARY"]}, ":2", "token is not a text"), ({"token": "CANARY\nX=1"}, ":2", "line breaks"),
    ({"token": "CANARY\0"}, ":2", "NULs"), ({"token": "CANARY two"}, ":2", "spaces"),
    ({"token": "CANARY-ä"}, ":2", ""),
    ({"token": "CANARY" * 2000}, ":2", "too long"), ({"baseUrl": 7}, ":4", "not a text"),
    ({"baseUrl": "http://wx.example"}, ":4", "not https"),
    ({"baseUrl": "ilinkai.weixin.qq.com"}, ":4", "not a valid URL"),
    ({"baseUrl": "https://"}, ":4", "not a valid URL"), ({"baseUrl": "https://a b"}, ":4", "not a valid URL"),
    ({"baseUrl": "https://CANARY:x@host"}, ":4", "more parts"), ({"baseUrl": "https://[x"}, ":4", "not a valid URL"),
    ({"baseUrl": "https://host:99999999"}, ":4", "not a valid URL"), ({"baseUrl": "ftp://host"}, ":4", "not https"),
    ({"baseUrl": "http://127.0.0.1.evil.example"}, ":4", "not https"),
    ({"baseUrl": "https://ho\u0155st"}, ":4", "URL"),
])  # fmt: skip
def test_invalid_values_are_refused_with_their_line(
    claw: OpenClaw, data: dict[str, object], line: str, words: str
) -> None:
    claw.add("aaa111", data=data)
    message = problem(read(claw))
    assert words in message and f"{claw.accounts / 'aaa111-im-bot.json'}{line}: " in message


def test_a_server_on_this_machine_needs_no_encryption(claw: OpenClaw) -> None:
    claw.add("aaa111", data={"baseUrl": "http://127.0.0.1:8080/"})
    (found,) = read(claw).found
    assert found.account.variables["WEIXIN_BASE_URL"].reveal() == "http://127.0.0.1:8080"


def test_a_missing_server_defaults_to_the_usual_one(claw: OpenClaw) -> None:
    claw.add("aaa111", data={"baseUrl": None})
    claw.add("bbb222", data={"baseUrl": "  "})
    assert {each.account.variables["WEIXIN_BASE_URL"].reveal() for each in read(claw).found} == {BASE}


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"CANARY"', b"\xff", '{"token": "CANARY",}', "{" * 3000])
def test_broken_files_are_refused_by_name(claw: OpenClaw, content: object) -> None:
    claw.add("aaa111")
    claw.put("openclaw-weixin/accounts/aaa111-im-bot.json", content)
    assert str(claw.accounts / "aaa111-im-bot.json") in problem(read(claw))


def _directory(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere.json")


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**33)


def _missing(path: Path) -> None:
    pass


@pytest.mark.parametrize(("make", "words"), [
    (os.mkfifo, "a FIFO"), (_directory, "a folder"), (_loop, "loop"), (_dangling, "not exist"), (_device, "device"),
    (_huge, "larger than"), (_missing, "missing"),
])  # fmt: skip
def test_paths_that_are_not_files_are_refused_without_waiting(claw: OpenClaw, make: object, words: str) -> None:
    claw.add("aaa111")
    claw.add("bbb222")
    path = claw.accounts / "aaa111-im-bot.json"
    path.unlink()
    make(path)  # type: ignore[operator]
    began = time.monotonic()
    found = read(claw)
    assert time.monotonic() - began < 5
    assert ids(found) == ["bbb222@im.bot"]
    (bad,) = found.bad
    assert words in bad.problem.message and str(path) in bad.problem.message


def test_a_file_without_read_permission_is_reported(claw: OpenClaw, monkeypatch: pytest.MonkeyPatch) -> None:
    claw.add("aaa111")
    claw.add("bbb222")
    opened = os.open

    def refuse(path: object, *more: int) -> int:
        if str(path).endswith("accounts/aaa111-im-bot.json"):
            raise PermissionError(13, "Permission denied", str(path))  # root may read everything
        return opened(path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    found = read_openclaw(claw.state)
    assert ids(found) == ["bbb222@im.bot"] and "aaa111-im-bot.json: permission denied" in found.bad[0].problem.message


def test_a_link_to_a_file_is_followed(claw: OpenClaw, tmp_path: Path) -> None:
    claw.add("aaa111")
    path = claw.accounts / "aaa111-im-bot.json"
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    assert ids(read(claw)) == ["aaa111@im.bot"]


def test_files_readable_by_others_are_reported(claw: OpenClaw) -> None:
    claw.add("aaa111")
    claw.add("bbb222")
    (claw.accounts / "aaa111-im-bot.json").chmod(0o644)
    (note,) = read(claw).notes
    assert note.code == "readable-by-others" and "aaa111-im-bot.json" in note.message and "chmod 600" in str(note.hint)


def test_reading_keeps_access_times_and_needs_no_write_permission(claw: OpenClaw) -> None:
    claw.add("aaa111", allowed=[OTHER], sync="x", contexts={OTHER: "CANARY"})
    claw.config("{}")
    places = [Path(here, name) for here, folders, files in os.walk(claw.state) for name in (".", *folders, *files)]
    for path in places:
        os.utime(path, ns=(1_000_000_000, os.stat(path).st_mtime_ns))
        path.chmod(0o500 if path.is_dir() else 0o400)
    assert ids(read_openclaw(claw.state)) == ["aaa111@im.bot"]
    if hasattr(os, "O_NOATIME"):
        assert {path for path in places if os.stat(path).st_atime_ns != 1_000_000_000} == set()
    for path in reversed(places):
        path.chmod(0o700)


# openclaw.json


def test_names_and_flags_of_the_configuration_apply(claw: OpenClaw) -> None:
    for word in ("aaa111", "bbb222", "ccc333"):
        claw.add(word)
    claw.config("""// written by hand
{
  channels: {
    'openclaw-weixin': {
      accounts: {
        "aaa111-im-bot": { name: 'Mum\\'s "phone"', enabled: true, },  // hers
        "bbb222@im.bot": { "enabled": false },
        /* "ccc333-im-bot": { enabled: false } */
      },
      channelConfigUpdatedAt: "2026-03-01",
      retries: [0x10, +1, .5, 1., -Infinity,],
    },
  },
}
""")
    found = read(claw)
    assert [each.label for each in found.found] == ['Mum\'s "phone"', "", ""]
    assert [each.is_off.rpartition(":")[2] for each in found.found] == ["", "7", ""] and found.notes == ()


def test_the_flag_of_the_channel_applies_to_accounts_without_a_block(claw: OpenClaw) -> None:
    claw.add("aaa111")
    claw.add("bbb222")
    claw.config('{"channels": {"openclaw-weixin": {"enabled": false, "accounts": {"bbb222-im-bot": {}}}}}')
    assert [bool(each.is_off) for each in read(claw).found] == [True, False]


@pytest.mark.parametrize(
    "text", ["{a: b}", "{", "{a: 'x\ny'}", "{'a': 1,, }", "[,]", "{a: 01}", "\0", "{/* }", "x", ""]
)
def test_an_unreadable_configuration_is_reported_with_its_line(claw: OpenClaw, text: str) -> None:
    claw.add("aaa111")
    claw.config(text)
    found = read(claw)
    assert ids(found) == ["aaa111@im.bot"]
    (note,) = found.notes
    assert "openclaw.json" in note.message and "are unknown" in note.message


@pytest.mark.parametrize("text", [
    "[]", "{}", "null", '{"channels": []}', '{"channels": {"openclaw-weixin": 7}}',
    '{"channels": {"openclaw-weixin": {"accounts": ["x"]}}}',
    '{"channels": {"openclaw-weixin": {"accounts": {"x": 1}}}}',
    '{"channels": {"openclaw-weixin": {"accounts": {"aaa111-im-bot": {"name": 7, "enabled": "no"}}}}}',
    '{"channels": {"openclaw-weixin": {"accounts": {"aaa111-im-bot": {"name": "${NAME}"}}}}}',
    '{"channels": {"openclaw-weixin": {"accounts": {"aaa111-im-bot": {"enabled": null}}}}}',
    '{"channels": {"openclaw-weixin": {"accounts": {"aaa111-im-bot": {"enabled": 0}}}}}',
])  # fmt: skip
def test_a_configuration_of_another_shape_is_ignored(claw: OpenClaw, text: str) -> None:
    claw.add("aaa111")
    claw.config(text)
    (found,) = read(claw).found
    assert (found.label, found.is_off) == ("", "")


def test_included_configuration_files_are_reported(claw: OpenClaw) -> None:
    claw.add("aaa111")
    claw.config('{"channels": {"$include": "./channels.json5"}}')
    assert [note.code for note in read(claw).notes] == ["includes"]


@pytest.mark.parametrize(("account_id", "name"), [
    ("b0f5860fdecb@im.bot", "b0f5860fdecb-im-bot"), (" B0F5@IM.bot ", "b0f5-im-bot"), ("@a..b.", "a-b"),
    ("a_b-", "a_b-"), ("ä" * 9, ""), ("a" * 70, "a" * 64),
])  # fmt: skip
def test_normalized_id_matches_openclaws_file_names(account_id: str, name: str) -> None:
    assert normalized_id(account_id) == name


def test_an_installation_below_its_folder_state_is_read_with_its_bindings(tmp_path: Path) -> None:
    claw = OpenClaw(tmp_path / ".openclaw" / "state")
    claw.add("ada")
    claw.add("bea")
    bindings = [
        {"agentId": "family", "match": {"channel": "openclaw-weixin", "accountId": claw.listed[0]}},
        {"agentId": "main", "match": {"channel": "telegram"}},
    ]
    (tmp_path / ".openclaw" / "openclaw.json").write_text(json.dumps({"bindings": bindings}))
    found = read_openclaw(tmp_path / ".openclaw")
    assert len(found.found) == 2
    (note,) = [each for each in found.notes if each.code == "bound-agent"]
    assert "accounts.json:2" in note.message and "the agent family" in note.message


def test_a_binding_without_an_account_is_that_of_all(claw: OpenClaw) -> None:
    claw.add("ada")
    claw.put("openclaw.json", {"bindings": [{"agentId": "main", "match": {"channel": "openclaw-weixin"}}, 7, {}]})
    assert [each.code for each in read_openclaw(claw.state).notes].count("bound-agent") == 1


@pytest.mark.parametrize("part", [{"peer": {"kind": "direct", "id": "u"}}, {"guildId": "g"}, {"roles": ["r"]}])
@pytest.mark.parametrize("whose", ["own", "all"])
def test_a_binding_of_some_chats_is_not_that_of_the_account(part: dict[str, Any], whose: str, claw: OpenClaw) -> None:
    claw.add("ada")
    account = {"accountId": claw.listed[0]} if whose == "own" else {}
    rows = [
        {"agentId": "kid", "match": {"channel": "openclaw-weixin", **account, **part}},
        {"agentId": "main", "match": {"channel": "openclaw-weixin"}},
    ]
    claw.put("openclaw.json", {"bindings": rows})
    (note,) = [each for each in read_openclaw(claw.state).notes if each.code == "bound-agent"]
    assert "kid (some chats), main" in note.message
