"""Names of imported members: derived from accounts or read from a file, deterministic and unique."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.hermes.profile_names import RESERVED
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.names import check_new_name
from hermes_profiles.teams.imports.model import Candidate, weixin_account
from hermes_profiles.teams.imports.names import NameEntry, apply_names, assign_names, read_names, safe_name


def candidate(account_id: str, name: str = "", *, exact: bool = False, user: str = "") -> Candidate:
    account = weixin_account(account_id, "CANARY", "", user=user, origin=f"file-of-{account_id}")
    return Candidate(account, account_id.replace("@", "-").replace(".", "-"), name, exact)


def named(*candidates: Candidate, taken: tuple[str, ...] = ()) -> list[str]:
    pairs, bad = assign_names(candidates, taken.__contains__)
    assert bad == ()
    return [name for name, _ in pairs]


@pytest.mark.parametrize(("called", "name"), [
    ("Mum's Phone", "mum-s-phone"), ("  ÉCOLE_2 ", "ecole_2"), ("张三", ""), ("张三 work", ""), ("-_-", ""), ("", ""),
    ("a" * 99, "a" * 40), ("a" * 39 + " b", "a" * 39), ("📱 home", "home"), ("../etc", "etc"), ("\n", ""),
])  # fmt: skip
def test_safe_name_returns_a_valid_profile_name(called: str, name: str) -> None:
    assert safe_name(called) == name


def test_assign_names_derives_them_from_accounts() -> None:
    assert named(candidate("b0f5860fdecb@im.bot"), candidate("B0F5@im.bot"), candidate("x@im.bot", "Mum")) == [
        "b0f5860fdecb", "b0f5", "mum",
    ]  # fmt: skip


def test_assign_names_avoids_duplicate_taken_and_reserved_names() -> None:
    given = [
        candidate("mum@im.bot"),
        candidate("x@im.bot", "mum"),
        candidate("y@im.bot", "Mum"),
        candidate("root@im.bot"),
    ]
    assert named(*given, taken=("mum-2",)) == ["mum", "mum-3", "mum-4", "weixin"]
    assert named(candidate("z@im.bot", "default")) == ["z"]


def test_assign_names_reserves_exact_names() -> None:
    assert named(candidate("mum@im.bot"), candidate("x@im.bot", "mum", exact=True)) == ["mum-2", "mum"]


def test_assign_names_refuses_taken_exact_names() -> None:
    pairs, bad = assign_names([candidate("x@im.bot", "mum", exact=True), candidate("y@im.bot", "mum", exact=True),
                            candidate("z@im.bot", "dad", exact=True)], ("dad",).__contains__)  # fmt: skip
    assert [name for name, _ in pairs] == ["mum"]
    assert [each.problem.message for each in bad] == [
        "file-of-y@im.bot: the account of file-of-x@im.bot already has the name mum",
        "file-of-z@im.bot: a profile already has the name dad",
    ]


@given(st.lists(st.tuples(st.text(max_size=50), st.text(string.ascii_letters + "._-", min_size=1)), max_size=8),
       st.sets(st.sampled_from(["a", "a-2", "weixin", "x"])))  # fmt: skip
def test_assign_names_returns_unique_names(given: list[tuple[str, str]], taken: set[str]) -> None:
    candidates = [candidate(f"{account_id}@im.bot", name) for name, account_id in given]
    names = named(*candidates, taken=tuple(taken))
    assert len(set(names)) == len(names) == len(candidates) and not set(names) & (taken | RESERVED)
    assert [check_new_name(name) for name in names] == names == named(*candidates, taken=tuple(taken))


# A file of names


def read(folder: Path, content: str | bytes) -> list[tuple[str, str, str]]:
    path = folder / "names"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(each.place.rpartition(":")[2], each.key, each.name) for each in read_names(path)]


@pytest.mark.parametrize("content", [
    "a@im.bot mum\nb@im.bot dad\n", "a@im.bot,mum\nb@im.bot,dad", "a@im.bot;mum\r\nb@im.bot;dad\r\n",
    "a@im.bot\tmum\nb@im.bot\tdad\n", "a@im.bot  ,  mum\n\"b@im.bot\",'dad'\n", "\ufeffa@im.bot MUM\nb@im.bot Dad",
    "a@im.bot,mum\nb@im.bot,dad".encode("utf-16"), '{"a@im.bot": "mum",\n"b@im.bot": "dad"}',
    '[{"id": "a@im.bot", "name": "mum"},\n{"account_id": "b@im.bot", "member": "dad"}]',
])  # fmt: skip
def test_read_names_accepts_all_formats(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path, content) == [("1", "a@im.bot", "mum"), ("2", "b@im.bot", "dad")]


@pytest.mark.parametrize("content", ["# who\nid,name\na@im.bot,mum\n", "\nmember;account_id\nmum;a@im.bot\n",
    "\nUser ID\tName\na@im.bot\tmum\n"])  # fmt: skip
def test_read_names_accepts_headings(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content) == [("3", "a@im.bot", "mum")]


@pytest.mark.parametrize(("content", "words"), [
    ("a@im.bot\n", ":1: not an id"), ("a mum\nb CANARY x\n", ":2: the name"),
    ("a root\n", ":1: the name of the member is"),
    ("a mum\n\nb mum\n", ":3: the same name is in line 1"),
    ("a@im.bot x\na-im-bot y\n", ":2: the same account is in line 1"),
    ('{"a": 7}', ":1: not an id"), ('{"a": ""}', ":1: not an id"), ("[7]", ":1: not an id"),
    ('{"a": "x"', "not valid JSON"), ('[{"name": "x"}]', ":1: not an id"), ("a,CANARY/ä\n", ":1: the name"),
])  # fmt: skip
def test_read_names_reports_the_line_of_an_invalid_entry(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words) as error:
        read(tmp_path, content)
    assert "CANARY" not in str(error.value) + str(error.value.problem)


def test_apply_names_matches_ids_and_users() -> None:
    candidates = [candidate("a@im.bot"), candidate("b@im.bot"), candidate("c@im.bot", user="o9c@im.wechat")]
    wishes = [
        NameEntry("f:1", "a@im.bot", "one"),
        NameEntry("f:2", "b-im-bot", "two"),
        NameEntry("f:3", "o9c@im.wechat", "three"),
    ]
    new, bad = apply_names(candidates, wishes, ())
    assert [(each.name, each.is_exact) for each in new] == [("one", True), ("two", True), ("three", True)] and bad == ()


def test_apply_names_reports_unmatched_lines() -> None:
    wishes = [NameEntry("f:1", "gone@im.bot", "one"), NameEntry("f:2", "stale-im-bot", "two")]
    new, bad = apply_names([candidate("a@im.bot")], wishes, ("stale@im.bot",))
    assert [each.problem.message for each in bad] == ["f:1: no account of this import has this id"]
    assert not new[0].is_exact


def test_apply_names_reports_two_lines_for_one_account() -> None:
    wishes = [NameEntry("f:1", "a@im.bot", "one"), NameEntry("f:2", "o9@im.wechat", "two")]
    new, bad = apply_names([candidate("a@im.bot", user="o9@im.wechat")], wishes, ())
    assert new[0].name == "one" and bad[0].problem.message.startswith("f:2: ")
