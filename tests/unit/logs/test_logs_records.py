"""Lines become records: time, level, logger; what belongs together stays together, and nothing gets lost."""

from __future__ import annotations

import time

import pytest

from hermes_profiles.logs.filters import Filter, level_of, moment_of, pattern_of
from hermes_profiles.logs.records import Level, LogRecord, decode, iso_time, records_in
from hermes_profiles.model.errors import UsageProblem

HEAD = "2026-11-21 17:20:44,138 INFO gateway.run: "


def records(*lines: str) -> list[LogRecord]:
    return [*records_in(lines)]


@pytest.mark.parametrize(("line", "level", "logger", "text"), [
    (HEAD + "hello", Level.INFO, "gateway.run", "hello"),
    ("2026-11-21 17:20:44,138 ERROR [sess_1] a.b: x: y", Level.ERROR, "a.b", "x: y"),
    ("2026-11-21 17:20:44,138 - gateway.run - WARNING - careful", Level.WARNING, "gateway.run", "careful"),
    ("2026-11-21T17:20:44.138Z CRITICAL x: y", Level.CRITICAL, "x", "y"),
    ("2026-11-21 17:20:44,138 INFO spawned: 'x' with pid 3", Level.INFO, "spawned", "'x' with pid 3"),
    ("2026-11-21 17:20:44 said somebody", None, None, "said somebody"),
    ("WARNING tools.web: slow", Level.WARNING, "tools.web", "slow"),
    ("hello from 12", None, None, "hello from 12"),
    ("Traceback (most recent call last):", Level.ERROR, None, "Traceback (most recent call last):"),
    ("INFORMATION: none", None, None, "INFORMATION: none"),
    (HEAD, Level.INFO, "gateway.run", ""),
])  # fmt: skip
def test_records_have_level_logger_and_text(line: str, level: Level | None, logger: str | None, text: str) -> None:
    (found,) = records(line)
    assert (found.level, found.logger, found.text) == (level, logger, text)


def test_a_time_is_local_unless_it_names_a_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    from hermes_profiles.logs import records as module

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    for cached in (module._second, module._minute, module._iso_second):
        cached.cache_clear()
    try:
        (local,), (zoned,) = records(HEAD + "x"), records(HEAD.replace(" INFO", "+09:00 INFO") + "x")
        (utc,) = records(HEAD.replace(" INFO", "Z INFO") + "x")
        assert local.time == zoned.time and utc.time is not None and local.time is not None
        assert utc.time - local.time == 9 * 3600
        assert iso_time(local.time) == "2026-11-21T17:20:44.138+09:00"
    finally:
        monkeypatch.undo()
        time.tzset()
        for cached in (module._second, module._minute, module._iso_second):
            cached.cache_clear()


@pytest.mark.parametrize("day", ["2026-13-45", "0000-00-00", "2026-02-30"])
def test_a_day_that_is_none_has_no_time(day: str) -> None:
    (found,) = records(f"{day} 17:20:44,138 INFO a: x")
    assert found.time is None and found.text == "x"


def test_a_traceback_stays_with_its_record() -> None:
    lines = (
        "Traceback (most recent call last):",
        '  File "x", line 1',
        "",
        "ValueError: boom",
        "2 + 2",
        "Not a head: x",
    )
    first, second = records(HEAD + "failed", *lines, HEAD + "next")
    assert first.text == "\n".join(("failed", *lines)) and second.text == "next"


def test_records_before_any_time_are_single_lines() -> None:
    found = records(
        "hello", "  more of it", "good bye", "Traceback (most recent call last):", "  x", "KeyError: 'a'", ""
    )
    assert [each.text for each in found] == [
        "hello\n  more of it", "good bye", "Traceback (most recent call last):\n  x\nKeyError: 'a'",
    ]  # fmt: skip


def test_a_copy_of_the_gateways_own_log_is_known() -> None:
    own, other, debug, original = records(
        "WARNING gateway.run: x",
        "WARNING agent.loop: x",
        "DEBUG gateway.run: x",
        "2026-11-21 17:20:44,1 INFO gateway.run: x",
    )
    assert own.is_copy and not other.is_copy and not debug.is_copy and not original.is_copy


def test_a_record_without_end_is_cut_into_several() -> None:
    found = records(HEAD + "x", *(" more" for _ in range(5_000)))
    assert 5 <= len(found) <= 6 and sum(each.text.count("more") for each in found) == 5_000


@pytest.mark.parametrize(("raw", "text"), [
    (b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07x", "red x"), (b"1%\r50%\r100%\r", "100%"),
    (b"2026-11-21 10:00:00,000 INFO gateway.run: hi\r2026-11-21 10:00:00,000 ERROR x: no\r",
     "2026-11-21 10:00:00,000 INFO gateway.run: hi\r2026-11-21 10:00:00,000 ERROR x: no"), (b"\0\0\0x", "x"),
    (b"caf\xe9", "caf\udce9"), (b"a\0b", "a\0b"), (b"\x1b(Bx", "x"),
])  # fmt: skip
def test_what_moves_a_cursor_is_taken_out(raw: bytes, text: str) -> None:
    assert decode(raw) == text


@pytest.mark.parametrize(("text", "ago"), [("10m", 600), ("2h", 7200), ("1d", 86400), ("90s", 90), ("1.5h", 5400),
                                           ("10m ago", 600), ("1w", 604800)])  # fmt: skip
def test_a_span_counts_from_now(text: str, ago: float) -> None:
    assert moment_of(text, 1e9, "--since") == 1e9 - ago


def test_a_moment_is_local() -> None:
    noon = time.mktime((2026, 11, 21, 12, 0, 0, 0, 0, -1))
    for text in ("2026-11-21T12:00", "2026-11-21 12:00", "2026-11-21 12:00:00", "12:00"):
        assert moment_of(text, noon + 3600, "--since") == noon
    assert moment_of("2026-11-21T12:00:00+00:00", 0, "--since") == 1795262400


@pytest.mark.parametrize("text", ["", "yesterday", "10", "25:00", "2026-13-01", "m", "-1h", "9" * 40 + "h"])
def test_moment_of_invalid_text_is_usage_problem(text: str) -> None:
    with pytest.raises(UsageProblem, match="is not a time"):
        moment_of(text, 1e9, "--since")


def test_level_and_pattern_invalid_are_usage_problems() -> None:
    assert level_of("Warn") is Level.WARNING
    with pytest.raises(UsageProblem, match="is not a level"):
        level_of("loud")
    with pytest.raises(UsageProblem, match="at character 2"):
        pattern_of("a(")


@pytest.mark.parametrize(("level", "is_errors", "taken"), [
    (None, False, False), (Level.INFO, False, False), (Level.WARNING, False, True), (Level.ERROR, False, True),
    (None, True, True), (Level.INFO, True, False),
])  # fmt: skip
def test_a_level_means_that_and_above(level: Level | None, is_errors: bool, taken: bool) -> None:
    record = LogRecord(None, level, None, "x")
    assert Filter(level=Level.WARNING).takes(record, is_errors=is_errors) is taken


def test_a_pattern_is_looked_for_in_every_line_and_in_the_logger() -> None:
    record = LogRecord(None, None, "gateway.run", "one\ntwo")
    assert all(Filter(pattern=pattern_of(text)).takes(record) for text in ("^two$", "gateway", "one"))
    assert not Filter(pattern=pattern_of("TWO")).takes(record)
    assert Filter(pattern=pattern_of("TWO", ignore_case=True)).takes(record)
