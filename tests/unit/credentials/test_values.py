"""The value index finds removed values in any spelling, and ignores ordinary text."""

# ruff: noqa: E501  (a row of a table is one line)

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.credentials.search.value_index import ValueIndex, placeholder, searchable_parts, secrets_in_json

SECRET = "CANARY:7000/AAH+k3q9=Zx1-é"
INDEX = ValueIndex({"TELEGRAM_BOT_TOKEN": searchable_parts(SECRET)})
secrets = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters=" ,;<>\x00", exclude_categories=("Cs", "Cc", "Z")),
    min_size=8,
    max_size=40,
)


def spellings(value: str) -> list[bytes]:
    raw = value.encode()
    found = [
        raw,
        value.encode("utf-16-le"),
        value.encode("utf-16-be"),
        json.dumps(value).encode(),
        json.dumps(value, ensure_ascii=False).encode(),
    ]
    found += [quote(value, safe=safe).encode() for safe in ("", "/", ":/")]
    found.append("".join(f"%{byte:02x}" for byte in raw).encode())
    found += [
        code(b"u:" * pad + raw + b"!" * tail)
        for code in (base64.b64encode, base64.urlsafe_b64encode)
        for pad in range(4)
        for tail in range(3)
    ]
    found.append(base64.encodebytes(b"x" * 70 + raw))
    return found


@pytest.mark.parametrize("data", spellings(SECRET))
def test_every_spelling_is_found(data: bytes):
    assert INDEX.names_in(b"before " + data + b" after") == ("TELEGRAM_BOT_TOKEN",)
    assert INDEX.hits(data)


@given(secrets)
def test_every_spelling_of_any_secret_is_found(value: str):
    index = ValueIndex({"K": (value,)})
    for data in spellings(value):
        assert index.hits(b"\n" + data + b"\n"), data


@given(secrets, st.text(max_size=30), st.text(max_size=30))
def test_redacted_text_holds_no_value_and_keeps_the_rest(value: str, before: str, after: str):
    index = ValueIndex({"K": (value,)})
    text, found = index.redact(f"{before}{value}{after}")
    assert value not in text and found
    if value not in before and value not in after and not index.spans(before + "\n" + after):
        assert text.startswith(before[: max(0, len(before) - len(value))])
    result = index.redact_bytes(f"{before}\n{value}\n{after}".encode())
    assert result is None or not index.hits(result[0])


@given(st.integers(0, 200), st.integers(1, 64))
def test_value_across_two_chunks_is_found(at: int, size: int):
    data = b"a" * at + "".join(f"%{byte:02x}" for byte in SECRET.encode()).encode() + b"b" * 50
    step = size + INDEX.overlap
    chunks = [data[max(0, start - INDEX.overlap) : start + step] for start in range(0, len(data), step)]
    assert any(INDEX.hits(chunk) for chunk in chunks)


@pytest.mark.parametrize(
    "value", ["", "true", "8443", "1234567", "none", "https://api.telegram.org", "0.0.0.0", "********", "xxxxxxxxxx", "your_bot_token_here", "${OTHER_TOKEN}", "<removed: A_KEY>", "x <removed: A_KEY>"]
)  # fmt: skip
def test_values_that_are_not_secrets_are_not_searched_for(value: str):
    common = frozenset({"true", "none", "https://api.telegram.org", "0.0.0.0"})
    assert searchable_parts(value, common=common) == ()


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("tok-12345678 # personal account, since 2024-05-06", {"tok-12345678"}),
        ("4200000042, 4200000043;4200000044", {"4200000042", "4200000043", "4200000044"}),
        ('["4200000042","4200000043"]', {"4200000042", "4200000043"}),
        ("https://me:s3cret-9876@h.example/x", {"s3cret-9876"}),
        ("https://me:s3cret%2F9876@h.example/x", {"s3cret%2F9876", "s3cret/9876"}),
        ('{"type": "service_account", "private_key": "MIIEvQ-CANARY", "auth_uri": "https://accounts.google.com/o"}', {"MIIEvQ-CANARY"}),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----", {"MIIEvQIBADANBg"}),
        ("correct horse battery staple", set()),
    ],
)  # fmt: skip
def test_the_parts_of_a_value(value: str, parts: set[str]):
    assert set(searchable_parts(value)) - {value, value.strip()} == parts


def test_plain_words_of_a_setting_stay_readable():
    assert searchable_parts("Engineering", setting=True) == ()
    assert searchable_parts("Team Blue-Room", setting=True) == ()
    assert searchable_parts("C0ENGINEER9", setting=True) == ("C0ENGINEER9",)
    assert searchable_parts("hunterhunter") == ("hunterhunter",)


def test_part_of_a_credential_that_gives_access_alone_is_searched_for() -> None:
    half = "AAF-CANARYTelegramTokenAbCdEfGh123x"
    assert searchable_parts(f"8812345678:{half}") == (f"8812345678:{half}", half)
    key = "CANARYhook01AbCdEf01AbCdEf"
    webhook = f"https://hooks.canary.org/services/T0CANARY/{key}?tenant=1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d"
    assert searchable_parts(webhook) == (webhook, key)
    assert searchable_parts(webhook, setting=True) == (webhook,)
    spelled = ValueIndex({"T": searchable_parts(f"8812345678:{half}")})
    assert spelled.names_in(f'content: "8812345678\\3a {half}"'.encode()) == ("T",)


def test_secrets_of_a_state_file():
    text = json.dumps(
        {"token": "CANARY-123456", "nick": "CANARY-not-a-secret", "keys": [{"auth_key": "CANARY-654321"}], "n": 1}
    )
    assert secrets_in_json(text) == ("CANARY-123456", "CANARY-654321")
    assert secrets_in_json("not json") is None and secrets_in_json('{"token": "CANARY-123456"}\nnot json') is None


@pytest.mark.parametrize(
    "text",
    [
        '{"token": "CANARY-123456", "token": "CANARY-654321"}',
        json.dumps({"state": json.dumps({"token": "CANARY-123456", "more": json.dumps([{"key": "CANARY-654321"}])})}),
        '{"token": "CANARY-123456"}\n\n{"token": "CANARY-654321"}\n',
        '{"bot_tokens": {"ada": "CANARY-123456", "bob": "CANARY-654321", "n": 1}, "users": {"ada": "CANARY-not-one"}}',
        '{"token": ["CANARY-123456", "CANARY-654321"], "key": "{not json"}',
        '{"noiseKey": {"private": {"type": "Buffer", "data": "CANARY-123456"}}, "a": {"data": {"key": "CANARY-654321"}}}',
        '{"x": {"type": "Buffer", "data": "CANARY-123456"}, "y": {"type": "text", "data": "CANARY-not-one"},'
        ' "auth": {"value": "CANARY-654321"}}',
        '{"cookies": [{"name": "sid", "value": "CANARY-123456"}, {"name": "s2", "value": "CANARY-654321"}]}',
    ],
)
def test_secrets_are_found_behind_names_that_repeat_and_in_nested_json(text: str):
    assert secrets_in_json(text) == ("CANARY-123456", "CANARY-654321")


@pytest.mark.parametrize("layout", [
    "{}\n{}", "    {}\n    {}", "{}\r\n{}", "{}{}", "> {}\n> {}",
])  # fmt: skip
def test_private_key_is_found_in_each_of_its_layouts(layout: str) -> None:
    first, second = "CANARY0key" + "a1B2c3D4e5" * 5, "CANARY1key" + "F6g7H8i9J0" * 5
    key = f"-----BEGIN PRIVATE KEY-----\n{first}\n{second}\n-----END PRIVATE KEY-----\n"
    index = ValueIndex({"KEY": searchable_parts(json.dumps({"private_key": key}))})
    assert index.redact(layout.format(first, second))[0].count("<removed: KEY>") in (1, 2)
    assert "CANARY" not in index.redact(layout.format(first, second))[0]


def test_the_longest_value_is_replaced_whole():
    index = ValueIndex({"A": ("CANARY-1234",), "B": ("CANARY-1234-5678",)})
    assert index.redact("x CANARY-1234-5678 y CANARY-1234")[0] == f"x {placeholder('B')} y {placeholder('A')}"


def test_a_kept_value_is_spared():
    index = ValueIndex({"A": ("CANARY-1234",)}, spared=frozenset({"CANARY-1234"}))
    assert not index and not index.hits(b"CANARY-1234")


def test_a_name_that_holds_a_value_is_shown_without_it():
    index = ValueIndex({"weixin/accounts/CANARY-1234.json": ("CANARY-tok-9",), "ID": ("CANARY-1234",)})
    assert index.redact("CANARY-tok-9")[0] == "<removed: weixin/accounts/*.json>"
    assert index.hide("a/CANARY%2D1234/b") == "a/<removed: ID>/b"


@pytest.mark.parametrize("order", ["little", "big"])
def test_utf_16_keeps_its_byte_order(order: str):
    codec, mark = ("utf-16-le", b"\xff\xfe") if order == "little" else ("utf-16-be", b"\xfe\xff")
    result = ValueIndex({"K": ("CANARY-1234",)}).redact_bytes(mark + "a CANARY-1234\r\n".encode(codec))
    assert result is not None and result[0] == mark + "a <removed: K>\r\n".encode(codec)


def test_binary_is_not_redacted():
    index = ValueIndex({"K": ("CANARY-1234",)})
    assert index.redact_bytes(b"\x00CANARY-1234") is None
    assert index.redact_bytes(b"\xff\xfe\x00\x00" + "CANARY-1234".encode("utf-32-le")) is None


@pytest.mark.parametrize(
    "value", ["$(echo CANARYa1b2C3d4e5F6g7)", "`echo CANARYa1b2C3d4e5F6g7`", '"$(echo CANARYa1b2C3d4e5F6g7)"']
)
def test_literal_of_a_command_is_searched_for(value: str) -> None:
    assert "CANARYa1b2C3d4e5F6g7" in searchable_parts(value)
