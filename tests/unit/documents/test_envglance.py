"""The fast reader of `.env` returns the result of the full reader, or None."""

from __future__ import annotations

from collections.abc import Iterator

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


@pytest.mark.parametrize(
    ("value", "is_plain"),
    [("=" * 300_000, True), ("A" * 300_000 + "=x", False), ("=" + "A_" * 150_000 + "-", True), ("=9A__=", False)],
    ids=["equals", "name", "no name", "short"],
)
def test_a_long_value_is_read_in_one_pass(value: str, is_plain: bool) -> None:
    """A pattern that begins anew at each character takes minutes here."""
    assert read_simple_env(f"A={value}".encode()) == ({"A": value} if is_plain else None)


def test_an_entry_is_found_without_a_walk_over_all() -> None:
    document = EnvDocument.parse("".join(f"A{number}=1\n#A{number}=2\n" for number in range(50)).encode())
    walks: list[int] = []

    class Entries(tuple[object, ...]):
        def __iter__(self) -> Iterator[object]:
            walks.append(1)
            return super().__iter__()

    document.entries = Entries(document.entries)  # type: ignore[assignment]
    found = [document.get(f"A{number}") for number in range(50)]
    assert [entry.value for entry in found if entry] == ["1"] * 50 and len(walks) == 1
