"""Environment files that Hermes' loaders read in two ways are refused, with the line and a way out."""

from __future__ import annotations

import pytest

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.model.errors import DocumentError

KNOWN = load_catalog().known_names
TOKEN = b"TELEGRAM_BOT_TOKEN=7000000001:CANARY-telegram-token\n"
GBK = "NAME=\u4f60\u597d\n".encode("gbk")
MARK = b"\xef\xbb\xbf"
REFUSED = {
    "wide blank": (GBK + b"\xe3\x80\x80" + TOKEN, 1),
    "line separator": (b"A=1\nB=gr\xfc\n\xe2\x80\xa8" + TOKEN, 2),
    "repaired line": (b"A=gr\xfc \n" + TOKEN, 1),
    "NUL": (b"A=gr\xfc\nB=\0\n", 1),
    "mark before latin-1": (MARK + b"A=gr\xfc\n", 1),
    "two marks": (MARK + MARK + TOKEN, 1),
    "two files": (MARK + b"A=1\n" + MARK + TOKEN, 2),
    "mark behind export": (b"A=1\nexport " + MARK + TOKEN, 2),
    "mark inside a value": (b"A=1\nB=x" + MARK + TOKEN, 2),
}


@pytest.mark.parametrize(("raw", "line"), REFUSED.values(), ids=REFUSED)
def test_file_with_two_readings_is_refused(raw: bytes, line: int):
    with pytest.raises(DocumentError, match=f"^x:{line}: ") as caught:
        EnvDocument.parse(raw, path="x", known_keys=KNOWN)
    assert "UTF-8" in (caught.value.problem.hint or "")


@pytest.mark.parametrize(
    "raw", [b"A=gr\xfc\n" + TOKEN, b"A=gr\xfc\xa0\n" + TOKEN, GBK + TOKEN, MARK + TOKEN, b"# " + MARK + b"\n" + TOKEN]
)
def test_file_with_one_reading_is_read(raw: bytes):
    assert EnvDocument.parse(raw, known_keys=KNOWN).get("TELEGRAM_BOT_TOKEN") is not None


@pytest.mark.parametrize(("raw", "line"), [(b"A=1\n" + TOKEN + b"\0", 3), (TOKEN.decode().encode("utf-16"), 1)])
def test_op_env_with_which_hermes_does_not_start_is_refused(raw: bytes, line: int):
    """Hermes rewrites `.env` without its NUL bytes, and no other file."""
    with pytest.raises(DocumentError, match=rf"/\.op\.env:{line}: there is a NUL byte"):
        EnvDocument.parse(raw, path="/x/.op.env", known_keys=KNOWN)
    assert EnvDocument.parse(raw, path="/x/.env", known_keys=KNOWN).get("TELEGRAM_BOT_TOKEN") is not None
