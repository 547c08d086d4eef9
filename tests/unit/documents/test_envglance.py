"""The fast reader of `.env` returns the result of the full reader, or None."""

from __future__ import annotations

import pytest
from document_properties import examples
from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.dotenv.fast_reader import read_simple_env
from hermes_profiles.model.errors import DocumentError

PLAIN = b"# c \xc3\xa9\n\nexport A=1\nB='x y'\nC=\"z#\"\nD=\nE=a b=c==\nA=2"


def test_a_plain_file_is_read() -> None:
    assert read_simple_env(PLAIN) == {"A": "2", "B": "x y", "C": "z#", "D": "", "E": "a b=c=="}


@pytest.mark.parametrize(
    "text",
    [
        "A=$X",
        "A=a\\b",
        "A=b # c",
        "A='x",
        "A='x' # c",
        "A=1\r\n",
        "'A'=1",
        "A = 1",
        "A",
        "A_KEY=xB_TOKEN=y",
        "A=\u2028x",
        "\ufeffA=1",
        "A=x\0",
        "A=1\tb",
        "export\tA=1",
        "A=#x",
    ],
)
def test_a_file_that_is_not_plain_is_left_to_the_full_reader(text: str) -> None:
    assert read_simple_env(text.encode()) is None
    assert read_simple_env(text.encode("utf-16")) is None


LINES = st.lists(st.text(st.sampled_from("AB_K=x1 '\"#$\\\té\u2028export"), max_size=14), max_size=5)


@examples
@given(LINES.map("\n".join).map(str.encode) | st.binary(max_size=40))
def test_the_fast_reader_equals_the_full_reader_or_returns_none(raw: bytes) -> None:
    fast = read_simple_env(raw)
    if fast is None:
        return
    try:
        document = EnvDocument.parse(raw)
    except DocumentError:  # pragma: no cover
        raise AssertionError("the full reader refuses a file that the fast reader reads") from None
    assert fast == document.environment()
