"""The secrets that a text may contain: in every spelling, and not those of which it has a public part alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from urllib.parse import quote

import pytest

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.known_secrets import KnownSecrets

TOKEN = "7100000001:CANARY-abcdefgh_ijkl/mnop+qr=s9"
SPELLINGS = {
    "plain": TOKEN,
    "in a sentence": f"it is {TOKEN}, and more",
    "json": json.dumps({"a": TOKEN}),
    "percent": quote(TOKEN, safe=""),
    "percent twice": quote(quote(TOKEN, safe=""), safe=""),
    "escapes": TOKEN.replace("-", "\\u002d").replace("/", "\\/"),
    "html": TOKEN.replace("-", "&#45;").replace("/", "&#x2F;"),
    "quotes": TOKEN.replace("CANARY", 'CAN"AR"Y').replace("mnop", "m'n'op"),
    "lower": TOKEN.lower(),
    "upper": TOKEN.upper(),
}


def _base64() -> Iterator[str]:
    for before, after in product(("", "u", "us", "use:"), ("", "1", "12")):
        text = base64.b64encode(f"{before}{TOKEN}{after}".encode()).decode()
        yield from (text, text.rstrip("="))


@pytest.fixture
def secrets(tmp_path: Path) -> KnownSecrets:
    root = tmp_path / ".hermes"
    root.mkdir()
    (root / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    return KnownSecrets(Layout(root, tmp_path), load_catalog(), {})


@pytest.mark.parametrize("text", (*SPELLINGS.values(), *_base64()), ids=(*SPELLINGS, *map(str, range(24))))
def test_spelling_is_near(secrets: KnownSecrets, text: str) -> None:
    assert TOKEN in secrets.near(f"first line\n{text}\nlast line")


@pytest.mark.parametrize("text", ["7100000001", "the bot 7100000001 is telegram", '{"account": "7100000001"}'])
def test_public_part_alone_is_not_near(secrets: KnownSecrets, text: str) -> None:
    assert secrets.near(text) == {}


@pytest.mark.parametrize("line", ["TELEGRAM_BOT_TOKEN={}", "TELEGRAM_BOT_TOKEN='{}' # mine", "# OLD_TOKEN={}"])
def test_token_without_the_id_of_its_bot_is_near(tmp_path: Path, line: str) -> None:
    half = "AAF-CANARYTelegramTokenAbCdEfGh123x"
    root = tmp_path / ".hermes"
    root.mkdir()
    (root / ".env").write_text(line.format(f"7100000001:{half}") + "\n")
    near = KnownSecrets(Layout(root, tmp_path), load_catalog(), {}).near(f"half: {half}")
    assert half in near and "7100000001" not in near


@pytest.mark.parametrize("before", ["", "u", "us"])
def test_base64_of_a_value_with_its_longest_run_at_the_end(tmp_path: Path, before: str) -> None:
    """The last group of base64 is decoded too: the search begins with the last letters of the longest run."""
    value = "7100000001:AAF-CANARY-TelegramTokenAbCdEf1234"
    root = tmp_path / ".hermes"
    root.mkdir()
    (root / ".env").write_text(f"TELEGRAM_BOT_TOKEN={value}\n")
    known = KnownSecrets(Layout(root, tmp_path), load_catalog(), {})
    text = base64.b64encode(f"{before}{value}".encode()).decode()
    assert value in known.near(f"b64: {text}\n") and value in known.near(text.rstrip("="))


@pytest.mark.parametrize("run", ["x" * 300_000, "QUJD" * 75_000], ids=["letter", "base64"])
def test_a_long_run_without_a_digit_is_read_in_one_pass(tmp_path: Path, run: str) -> None:
    """A pattern that begins anew at each character takes minutes here."""
    root = tmp_path / ".hermes"
    root.mkdir()
    (root / ".env").write_text(f"A={run}\nB={run}-CANARY0123456789abc\n")
    secrets = KnownSecrets(Layout(root, tmp_path), load_catalog(), {})
    assert [*secrets.values.values()] == ["B"]


@pytest.mark.parametrize("name", [".env", "auth.json"])
def test_secret_behind_the_first_megabyte_is_known(tmp_path: Path, name: str) -> None:
    root = tmp_path / ".hermes"
    root.mkdir()
    padding = "# a note of somebody\n" * 60_000
    text = f"{padding}TELEGRAM_BOT_TOKEN={TOKEN}\n" if name == ".env" else json.dumps({"n": padding, "token": TOKEN})
    (root / name).write_text(text)
    assert TOKEN in KnownSecrets(Layout(root, tmp_path), load_catalog(), {}).near(f"it is {TOKEN}")
