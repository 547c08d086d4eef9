"""Readers with arbitrary files return an account or a reason with a file: no traceback, no secret in a message."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nightly import NIGHTLY
from openclaw_install import OpenClaw

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.model.errors import DocumentError, HermesProfilesError, Problem
from hermes_profiles.teams.accounts import account_entries
from hermes_profiles.teams.imports.model import SourceAccounts, normalized_id, wechat_id
from hermes_profiles.teams.imports.names import read_names
from hermes_profiles.teams.imports.openclaw import read_openclaw
from hermes_profiles.teams.imports.openclaw_config import read_config
from hermes_profiles.teams.imports.tables import read_csv, read_json_table

CATALOG = load_catalog()
EXAMPLES = 2000 if NIGHTLY else 150
QUICK = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

secrets = st.sampled_from(["CANARY", "CANARY-1", "x@im.bot:CANARY", " CANARY\n", "CANARY\0", "CANARY,;\t\"'"])
texts = st.one_of(
    secrets, st.text(max_size=12), st.sampled_from(["", "*", "aaa@im.bot", "aaa-im-bot", "http://CANARY@x"])
)
values = st.recursive(
    st.one_of(texts, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)), max_leaves=6,
)  # fmt: skip
ids = st.one_of(
    st.sampled_from(["aaa-im-bot", "aaa@im.bot", "AAA@im.bot", "bbb-im-bot", "../x", ".", "default", "x y"]),
    st.text(max_size=8),
)
fields = st.sampled_from(["token", "savedAt", "baseUrl", "userId", "account_id", "allow", "member", "enabled", "x"])
accounts = st.dictionaries(fields, values, max_size=5)
damage = st.sampled_from([
    lambda raw: raw, lambda raw: raw[: len(raw) // 2], lambda raw: raw + b"\0", lambda raw: b"\xff" + raw,
    lambda raw: raw.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass"), lambda raw: b"",
])  # fmt: skip


def said(reading: SourceAccounts) -> str:
    """Return all that a user may see of a reading."""
    problems = [*(each.problem for each in reading.bad), *reading.notes]
    found = [each.account._replace(user="", allowed=()) for each in reading.found]  # user ids are not secret
    names = [*(each.id for each in reading.bad), *(each.id for each in reading.left_out)]
    return " ".join(f"{each.message} {each.hint} {each.code}" for each in problems) + repr((found, names))


def check(read: Callable[[], SourceAccounts]) -> None:
    """Read; what is found can be written, and what is not has a reason without a secret."""
    try:
        reading = read()
    except HermesProfilesError as error:
        assert "CANARY" not in str(error) + str(error.problem) and error.problem.hint
        return
    assert "CANARY" not in said(reading)
    for bad in reading.bad:
        assert ": " in bad.problem.message and bad.problem.hint
    for each in reading.found:
        for name, value in account_entries(each.account).variables.items():
            assert value.reveal().isprintable() and value.reveal().strip(), name


@QUICK
@given(listed=st.lists(st.one_of(ids, values), max_size=4), files=st.dictionaries(ids, accounts, max_size=3),
       how=damage, config=values, allowed=values)  # fmt: skip
def test_read_openclaw_with_arbitrary_files(
    tmp_path: Path, listed: list[Any], files: dict[str, Any], how: Any, config: Any, allowed: Any
) -> None:
    shutil.rmtree(tmp_path / "claw", ignore_errors=True)
    claw = OpenClaw(tmp_path / "claw")
    listed = [each for each in listed if "CANARY" not in json.dumps(each)]  # an id is not a secret
    claw.write_index([*listed, *files])
    for stem, content in files.items():
        if "/" in stem or "\0" in stem or not stem.isprintable():
            continue
        for suffix in (".json", ".sync.json", ".context-tokens.json"):
            claw.put(f"openclaw-weixin/accounts/{stem}{suffix}", how(json.dumps(content).encode()))
        claw.put(f"credentials/openclaw-weixin-{normalized_id(stem)}-allowFrom.json", {"allowFrom": allowed})
    claw.put("openclaw.json", {"channels": {"openclaw-weixin": config}})
    before = claw.picture()
    check(lambda: read_openclaw(claw.state))
    assert claw.picture() == before


@QUICK
@given(rows=st.lists(st.lists(texts, max_size=6), max_size=4), columns=st.lists(fields, max_size=6), how=damage,
       between=st.sampled_from(",;\t|"), channel=st.sampled_from(["weixin", "telegram", "slack"]))  # fmt: skip
def test_read_csv_with_arbitrary_content(
    tmp_path: Path, rows: list[list[str]], columns: list[str], how: Any, between: str, channel: str
) -> None:
    path = tmp_path / "t.csv"
    text = "\n".join(between.join(row) for row in [columns, *rows])
    path.write_bytes(how(text.encode("utf-8", "surrogatepass")))
    check(lambda: read_csv(path, CATALOG.channels[channel]))


@QUICK
@given(content=st.one_of(values, st.lists(accounts, max_size=3),
                         st.fixed_dictionaries({"accounts": st.lists(accounts)})),
       how=damage, channel=st.sampled_from(["weixin", "telegram", "slack"]))  # fmt: skip
def test_read_json_table_with_arbitrary_content(tmp_path: Path, content: Any, how: Any, channel: str) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(how(json.dumps(content).encode()))
    check(lambda: read_json_table(path, CATALOG.channels[channel]))


@QUICK
@given(content=st.one_of(st.lists(texts), st.dictionaries(texts, texts), values), how=damage, as_lines=st.booleans())
def test_read_names_with_arbitrary_content(tmp_path: Path, content: Any, how: Any, as_lines: bool) -> None:
    path = tmp_path / "names"
    text = "\n".join(map(str, content)) if as_lines and isinstance(content, list | dict) else json.dumps(content)
    path.write_bytes(how(text.encode("utf-8", "surrogatepass")))
    try:
        names = [each.name for each in read_names(path)]
    except DocumentError as error:
        assert "CANARY" not in str(error) + str(error.problem) and error.problem.hint
    else:
        assert len(set(names)) == len(names)


@QUICK
@given(st.text("{}[]:,'\"\\/*\n ab1.-+xINtrue\r\u2028", max_size=40))
def test_an_invalid_openclaw_json_is_a_note(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("claw") / "openclaw.json"
    path.write_text(text, encoding="utf-8")
    notes: list[Problem] = []
    found = read_config(path, notes)
    assert not found.accounts and len(notes) <= 1
    assert all(each.target == str(path) and each.hint for each in notes)


@given(st.text(max_size=80))
def test_ids_are_recovered_from_file_names(word: str) -> None:
    assert normalized_id(normalized_id(word)) == normalized_id(word)
    known = wechat_id(word)
    assert known is None or normalized_id(known) == normalized_id(word)
