"""Thousands of values: each is found, and the work does not grow with values times texts."""

from __future__ import annotations

import random

import pytest

from hermes_profiles.credentials.search import value_index
from hermes_profiles.credentials.search.needles import Needles
from hermes_profiles.credentials.search.value_index import ValueIndex

CHANCE = random.Random(7)
TOKENS = [f"{CHANCE.randrange(10**9, 10**10)}:AACANARY{CHANCE.getrandbits(140):035x}" for _ in range(300)]


class CountedText(str):
    """A text that counts how often another one is looked for in it."""

    __slots__ = ()
    searches = 0
    __hash__ = str.__hash__

    def __contains__(self, text: object) -> bool:
        """Count, then search."""
        CountedText.searches += 1
        return str(text) in str(self)


@pytest.mark.parametrize("size", [0, 6, 7, 50, 3000, 70_000])
def test_many_needles_are_found_as_few_are(size: int) -> None:
    letters = "ab1"
    text = "".join(CHANCE.choice(letters) for _ in range(size))
    needles = ["".join(CHANCE.choice(letters) for _ in range(CHANCE.randrange(4, 12))) for _ in range(900)]
    needles += [text[-9:], text[:8], text[65_530:65_545]] if size > 9 else []
    unique = list(dict.fromkeys(filter(None, needles)))
    assert sorted(Needles(unique).in_text(text)) == sorted(needle for needle in unique if needle in text)
    raw = [needle.encode() for needle in unique]
    assert sorted(Needles(raw).in_text(text.encode())) == sorted(needle for needle in raw if needle in text.encode())


@pytest.mark.parametrize("count", [12, 900])
def test_needles_with_long_runs_are_found_as_others_are(count: int) -> None:
    pieces = [b"a1", b"-B", b"_c", b"/+", b" ", b".", b":", b"\xc3\xa9"]
    weights = [9, 9, 9, 9, 1, 1, 1, 1]
    some = random.Random(11)
    for _ in range(60):
        text = b"".join(some.choices(pieces, weights, k=some.randrange(0, 90)))
        starts = [some.randrange(len(text) + 1) for _ in range(count)]
        parts = [text[start : start + some.randrange(4, 40)] for start in starts]
        unique = list(dict.fromkeys(filter(None, [*parts, *(part[:-1] + b"X" for part in parts)])))
        assert sorted(Needles(unique).in_text(text)) == sorted(needle for needle in unique if needle in text)


def test_needles_with_a_long_run_are_not_looked_for_in_plain_words() -> None:
    tokens = [token.encode() for token in TOKENS[:20]]
    needles = Needles([*tokens, b"mail.canary.org"])
    host = b"mail.canary.org"
    assert [*needles.candidates(b"Read the incomprehensible page of mail.canary.org, then write.")] == [host]
    assert [*needles.in_text(b"curl -d " + tokens[3] + b" " + host)] == [tokens[3], host]


def test_of_many_needles_only_near_ones_are_looked_for() -> None:
    needles = Needles([f"{number:05d}-CANARY-{number:05d}" for number in range(4000)])
    CountedText.searches = 0
    assert [*needles.in_text(CountedText("x" * 500 + "00017-CANARY-00017" + "y" * 500))] == ["00017-CANARY-00017"]
    assert CountedText.searches < 20


def test_all_of_many_values_are_redacted_in_one_text() -> None:
    index = ValueIndex({"A_TOKEN": TOKENS[:150], "B_TOKEN": TOKENS[150:]}, public={"ROOM": ["CANARY-room-1234"]})
    text = "\n".join(f"x {token} y" for token in TOKENS) + "\nCANARY-room-1234 aCANARY-room-1234\n"
    redacted, places = index.redact(text)
    assert not any(token in redacted for token in TOKENS) and len(places) == len(TOKENS) + 1
    assert redacted.endswith("<removed: ROOM> aCANARY-room-1234\n") and not index.hits(redacted.encode())
    assert index.names_in(text.encode()) == ("A_TOKEN", "B_TOKEN", "ROOM")


def test_values_of_a_file_are_joined_without_a_new_index(monkeypatch: pytest.MonkeyPatch) -> None:
    index = ValueIndex({"A_TOKEN": TOKENS[:-1]}, public={"ROOM": ["CANARY-room-1234"]})
    built: list[str] = []
    spell = value_index.text_spellings
    monkeypatch.setattr(value_index, "text_spellings", lambda part: built.append(part) or spell(part))
    both = index.joined(ValueIndex({f"b.{TOKENS[0]}": TOKENS[-1:]}))
    assert set(built) == set(TOKENS[-1:])
    text = f"{TOKENS[0]} {TOKENS[-1]} CANARY-room-1234"
    assert both.redact(text)[0] == "<removed: A_TOKEN> <removed: b.*> <removed: ROOM>"
    assert both.secrets.redact(text)[0].endswith("CANARY-room-1234") and both.whole(TOKENS[-1]) == "b.*"
    assert both.hits(TOKENS[-1].encode()) and both.names_in(text.encode()) == ("A_TOKEN", "ROOM", "b.*")
    assert list(both.values) == sorted(both.values, key=lambda value: (-len(value), value))
    assert both.public == {"CANARY-room-1234"} and both.overlap == max(index.overlap, both.overlap)
