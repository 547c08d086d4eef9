"""The log of a gateway shows which channels lost their link. The lines are those of real gateways."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hermes_profiles.gateways import link_log
from hermes_profiles.gateways.link_log import lost_links
from hermes_profiles.gateways.model import LostLink
from hermes_profiles.hermes.channel_log import LINK_RECORDS, LinkEvent

NOW = 1_800_000_000.0
OLD = "hermes_plugins.telegram_platform.adapter"
NEW = "hermes_plugins.platforms__telegram.adapter"
SERVED = "hermes_plugins.platforms__telegram__home_0b300bd4d2f9.adapter"
CONFLICT = "Conflict: terminated by other getUpdates request"
REFUSED = "httpx.ConnectError: All connection attempts failed"
GET_UPDATES = "previous session still held open on Telegram's servers. Waiting 20s for it to expire. Error: "
CONNECTED = (300.0, "INFO", OLD, "[Telegram] Connected to Telegram (polling mode)")
NETWORK = "[Telegram] Telegram network error (attempt {}/10), reconnecting in 5s. Error: {}"
RESTARTED = "[Telegram] Telegram polling restarted after network error (attempt 5); health pending getUpdates progress"

Line = tuple[float, str, str, str]


def write(home: Path, *lines: Line, name: str = "gateway.log", zone: float = 0.0) -> None:
    """Write a log; a line is (seconds ago, level, logger, text). `zone`: seconds by which its clock is off."""
    path = home / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for ago, level, logger, text in lines:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW - ago + zone))
            file.write(f"{stamp},{round(ago * 1000) % 1000:03} {level} {logger}: {text}\n")
    os.utime(path, (NOW - lines[-1][0], NOW - lines[-1][0]))


def write_both(home: Path, *lines: Line, zone: float = 0.0) -> None:
    """Write the lines as Hermes does: errors.log has those from WARNING up."""
    write(home, *lines, zone=zone)
    warnings = [line for line in lines if line[1] != "INFO"]
    if warnings:
        write(home, *warnings, name="errors.log", zone=zone)


def lost(home: Path, channel: str = "telegram", since: float = 300.0) -> LostLink | None:
    return lost_links(home, {channel: NOW - since}, NOW).get(channel)


@pytest.mark.parametrize(
    "logger", [OLD, NEW, SERVED, "plugins.platforms.telegram.adapter", "gateway.platforms.telegram"]
)
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (REFUSED, "ConnectError: All connection attempts failed"),
        ("Bad Gateway", "502 Bad Gateway"),
        ("Timed out", "Timed out"),
        ("", "no answer"),
        (f"{CONFLICT}; make sure that only one bot instance is running", CONFLICT),
    ],
)
def test_network_error_is_a_lost_link_since_the_first(tmp_path: Path, logger: str, error: str, reason: str) -> None:
    write_both(
        tmp_path, CONNECTED,
        (200.0, "WARNING", logger, f"[Telegram] Telegram network error, scheduling reconnect: {error}"),
        (200.0, "WARNING", logger, NETWORK.format(1, error)),
        (40.0, "WARNING", logger, f"[Telegram] Telegram polling reconnect failed: {error}"),
    )  # fmt: skip
    assert lost(tmp_path) == LostLink(pytest.approx(NOW - 200, abs=1.1), reason)


def test_refused_token_is_final(tmp_path: Path) -> None:
    """After a 401 nothing is logged any more, and nothing polls."""
    write(tmp_path, CONNECTED)
    ended = "Network Retry Loop (Polling Updates): Invalid token. Aborting retry loop."
    write(tmp_path, (250.0, "ERROR", "telegram.ext", ended), name="errors.log")
    assert lost(tmp_path) == LostLink(pytest.approx(NOW - 250, abs=1.1), "401 Unauthorized", True)
    hours = lost_links(tmp_path, {"telegram": NOW - 300}, NOW + 5 * 3600)["telegram"]
    assert hours.ended


def test_restarted_polling_is_back(tmp_path: Path) -> None:
    write_both(tmp_path, CONNECTED, (200.0, "WARNING", OLD, NETWORK.format(1, REFUSED)), (20.0, "INFO", OLD, RESTARTED))
    assert lost(tmp_path) is None


def test_conflict_counts_from_its_first_refusal(tmp_path: Path) -> None:
    """Between two refusals of a second poller, polling is restarted for a moment."""
    text = "[Telegram] Telegram polling conflict ({}/5) — " + GET_UPDATES + CONFLICT
    write_both(
        tmp_path, CONNECTED,
        (150.0, "WARNING", OLD, text.format(1)),
        (120.0, "INFO", OLD, RESTARTED),
        (119.9, "WARNING", OLD, text.format(2)),
    )  # fmt: skip
    assert lost(tmp_path) == LostLink(pytest.approx(NOW - 150, abs=1.1), CONFLICT)


def test_outage_after_a_long_recovery_counts_anew(tmp_path: Path) -> None:
    write_both(
        tmp_path, CONNECTED,
        (280.0, "WARNING", OLD, NETWORK.format(1, REFUSED)),
        (240.0, "INFO", OLD, RESTARTED),
        (30.0, "WARNING", OLD, NETWORK.format(1, "Bad Gateway")),
    )  # fmt: skip
    assert lost(tmp_path) == LostLink(pytest.approx(NOW - 30, abs=1.1), "502 Bad Gateway")


def test_error_before_the_channel_was_connected_is_ignored(tmp_path: Path) -> None:
    write_both(tmp_path, (900.0, "WARNING", OLD, NETWORK.format(1, REFUSED)), CONNECTED)
    (tmp_path / "logs" / "errors.log").touch()
    assert lost(tmp_path) is None


def test_error_from_before_the_clock_was_set_back_is_ignored(tmp_path: Path) -> None:
    write_both(tmp_path, (-7200.0, "WARNING", OLD, NETWORK.format(1, REFUSED)), (20.0, "WARNING", "gateway.run", "x"))
    assert lost(tmp_path) is None
    write_both(tmp_path, (10.0, "WARNING", OLD, NETWORK.format(1, REFUSED)))
    assert lost(tmp_path) == LostLink(pytest.approx(NOW - 10, abs=1.1), "ConnectError: All connection attempts failed")


def test_error_without_a_newer_one_expires(tmp_path: Path) -> None:
    write_both(tmp_path, CONNECTED, (190.0, "WARNING", OLD, NETWORK.format(1, REFUSED)))
    assert lost(tmp_path) is None


@pytest.mark.parametrize(
    ("pause", "ago", "is_lost"),
    [(2, 10.0, True), (2, 30.0, False), (60, 50.0, True), (60, 70.0, True), (60, 90.0, False)],
)
def test_stream_is_back_when_the_try_after_its_pause_logs_no_error(
    tmp_path: Path, pause: int, ago: float, is_lost: bool
) -> None:
    ntfy = "hermes_plugins.ntfy_platform.adapter"
    error, again = "[Ntfy] Stream error: httpx.ReadTimeout", f"[Ntfy] Reconnecting in {pause}s..."
    write_both(tmp_path, CONNECTED, (ago, "WARNING", ntfy, error), (ago, "INFO", ntfy, again))
    link = lost(tmp_path, "ntfy")
    assert (link.reason if link is not None else None) == ("ReadTimeout" if is_lost else None)
    assert link is None or link.may_be_back == (ago > pause), "no lie about the seconds in which it connects again"


@pytest.mark.parametrize("zone", [-8 * 3600.0, 5.5 * 3600, 13 * 3600])
def test_log_in_another_time_zone(tmp_path: Path, zone: float) -> None:
    write_both(tmp_path, CONNECTED, (60.0, "WARNING", OLD, NETWORK.format(1, REFUSED)), zone=zone)
    found = lost(tmp_path)
    assert found is not None and found.since == pytest.approx(NOW - 60, abs=1.1)


def test_log_without_a_warning_since_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, (900.0, "WARNING", OLD, "[Telegram] Connecting to Telegram (attempt 1/8)…"), name="errors.log")
    monkeypatch.setattr(link_log, "open_regular", lambda _: pytest.fail("read"))
    assert lost(tmp_path) is None
    assert lost_links(tmp_path, {}, NOW) == {}


def test_log_of_another_channel_or_kind(tmp_path: Path) -> None:
    write_both(
        tmp_path, CONNECTED,
        (60.0, "ERROR", "gateway.run", NETWORK.format(1, REFUSED)),
        (60.0, "WARNING", "hermes_plugins.discord_platform.adapter", NETWORK.format(1, REFUSED)),
        (60.0, "WARNING", OLD, "[Telegram] Failed to send Telegram message: Bad Gateway"),
        (50.0, "WARNING", OLD, "[Telegram] set_my_commands FAILED for scope X: Bad Gateway"),
    )  # fmt: skip
    assert lost(tmp_path) is None and lost(tmp_path, "discord") is None


@pytest.mark.parametrize(
    ("channel", "logger", "text", "reason"),
    [
        ("weixin", "gateway.platforms.weixin", "[Weixin] poll error (2/3): Server disconnected", "Server disconnected"),
        ("weixin", "gateway.platforms.weixin", "[Weixin] Session expired; pausing for 10 minutes", "Session expired"),
        ("ntfy", "hermes_plugins.ntfy_platform.adapter", "[Ntfy] Stream error: x", "x"),
        ("signal", "gateway.platforms.signal", "Signal SSE: HTTP error: no (reconnecting in 4s)", "no"),
        ("signal", "gateway.platforms.signal", "Signal: health check failed (502), forcing reconnect", "502"),
        ("matrix", "hermes_plugins.matrix_platform.adapter", "Matrix: sync error: gone — retrying in 5s", "gone"),
        ("mattermost", "hermes_plugins.mattermost_platform.adapter", "Mattermost WS error: x — reconnecting in 4s",
         "x"),
        ("simplex", "hermes_plugins.simplex_platform.adapter", "SimpleX WS: connection closed: x (reconnecting in 4s)",
         "x"),
        ("email", "hermes_plugins.email_platform.adapter", "[Email] IMAP fetch error: [Errno 111] x", "[Errno 111] x"),
        ("discord", "hermes_plugins.discord_platform.adapter",
         "[Discord] Discord Gateway WebSocket unhealthy (not open, 2/3)", "not open"),
        ("slack", "hermes_plugins.slack_platform.adapter", "[Slack] Socket Mode unhealthy (closed); reconnecting",
         "closed"),
    ],
)  # fmt: skip
def test_channels_that_log_a_lost_link(tmp_path: Path, channel: str, logger: str, text: str, reason: str) -> None:
    write_both(tmp_path, (60.0, "WARNING", logger, text))
    assert lost(tmp_path, channel) == LostLink(pytest.approx(NOW - 60, abs=1.1), reason)


def test_expired_session_of_wechat_lasts_as_long_as_its_pause(tmp_path: Path) -> None:
    line = (600.0, "ERROR", "gateway.platforms.weixin", "[Weixin] Session expired; pausing for 10 minutes")
    write_both(tmp_path, line)
    assert lost(tmp_path, "weixin", 3600) is not None


def test_end_of_a_large_log_is_read(tmp_path: Path) -> None:
    filler = [(250.0, "WARNING", "agent.tools", "x" * 1000)] * 600
    write_both(tmp_path, *filler, (60.0, "WARNING", OLD, NETWORK.format(1, REFUSED)))
    assert lost(tmp_path) is not None


def test_refused_token_is_found_far_back(tmp_path: Path) -> None:
    ended = "Network Retry Loop (Polling Updates): Invalid token. Aborting retry loop."
    filler = [(100.0, "WARNING", "agent.tools", "x" * 1000)] * 500
    write(tmp_path, (270.0, "WARNING", "a", "b"), (250.0, "ERROR", "telegram.ext", ended), *filler, name="errors.log")
    assert lost(tmp_path) == LostLink(pytest.approx(NOW - 250, abs=1.1), "401 Unauthorized", True)


NO_ANSWER_OF_TELEGRAM = "[Telegram] Telegram polling {}: Invalid server response"


@pytest.mark.parametrize("word", ["error", "_redact_telegram_error_text(error)"])
def test_answers_that_are_no_answers_of_telegram_are_an_outage(tmp_path: Path, word: str) -> None:
    """The library polls again by itself, with a pause that grows, and logs no success."""
    text = NO_ANSWER_OF_TELEGRAM.format(word)
    failures: list[Line] = [(ago, "ERROR", OLD, text) for ago in (60.0, 45.0, 22.0)]
    write_both(tmp_path, *failures)
    found = lost(tmp_path)
    assert found == LostLink(pytest.approx(NOW - 60, abs=1.1), "Invalid server response")
    for seconds, is_lost, may_be_back in ((1, True, False), (10, True, True), (24, False, False)):
        seen = lost_links(tmp_path, {"telegram": NOW - 300}, NOW + seconds).get("telegram")
        assert (seen is not None, seen is not None and seen.may_be_back) == (is_lost, may_be_back), seconds


UNREADABLE = "Something went wrong processing the data received from Telegram. Received data was *not* processed!"


def test_answers_without_a_result_are_an_outage(tmp_path: Path) -> None:
    """With `"ok": false` and status 200 the library logs this at every poll, and polls again at once."""
    ended = f"{UNREADABLE}\nTraceback (most recent call last):\n  x\nKeyError: 'result'"
    write(tmp_path, CONNECTED)
    write(tmp_path, *((ago, "CRITICAL", "telegram.ext.Updater", ended) for ago in (40.0, 30.0, 20.0, 10.0)),
          name="errors.log")  # fmt: skip
    assert lost(tmp_path) == LostLink(pytest.approx(NOW - 40, abs=1.1), "answers that are not Telegram's")
    later = lost_links(tmp_path, {"telegram": NOW - 300}, NOW + 10)["telegram"]
    assert later.may_be_back and not lost_links(tmp_path, {"telegram": NOW - 300}, NOW + 25)


@pytest.mark.parametrize("is_rotated", [False, True])
def test_begin_of_an_outage_that_fills_the_log_is_not_known(tmp_path: Path, is_rotated: bool) -> None:
    flood: list[Line] = [(ago / 10, "CRITICAL", "telegram.ext.Updater", UNREADABLE) for ago in range(90, 1, -1)]
    filler = () if is_rotated else [(60.0, "WARNING", "agent.tools", "x" * 1000)] * 150
    write(tmp_path, *filler, *flood, *[(0.1, "WARNING", "telegram.ext.Updater", f"{UNREADABLE}{'x' * 1000}")] * 140,
          name="errors.log")  # fmt: skip
    if is_rotated:
        (tmp_path / "logs" / "errors.log.1").touch()
    assert lost(tmp_path) == LostLink(None, "answers that are not Telegram's")


def test_first_answer_that_is_none_of_telegram_is_tried_again_soon(tmp_path: Path) -> None:
    write_both(tmp_path, (5.0, "ERROR", NEW, NO_ANSWER_OF_TELEGRAM.format("error")))
    found = lost(tmp_path)
    assert found is not None and found.may_be_back


def test_outage_counts_from_its_own_begin(tmp_path: Path) -> None:
    text = "[Telegram] Telegram polling error: Invalid server response"
    write_both(tmp_path, (250.0, "ERROR", NEW, text), (10.0, "ERROR", NEW, text), (8.0, "ERROR", NEW, text))
    found = lost(tmp_path)
    assert found is not None and found.since == pytest.approx(NOW - 10, abs=1.1)
    write_both(tmp_path / "ntfy", (900.0, "WARNING", "hermes_plugins.ntfy_platform.adapter", "[Ntfy] Stream error: a"),
               (5.0, "WARNING", "hermes_plugins.ntfy_platform.adapter", "[Ntfy] Stream error: b"))  # fmt: skip
    found = lost(tmp_path / "ntfy", "ntfy", 3600)
    assert found == LostLink(pytest.approx(NOW - 5, abs=1.1), "b")


@pytest.mark.parametrize(("last", "reason"), [
    ("telegram.error.InvalidToken: *** Found", "404 Not Found"),
    ("telegram.error.InvalidToken: ***", "401 Unauthorized"),
])  # fmt: skip
def test_token_that_telegram_does_not_know_is_not_called_revoked(tmp_path: Path, last: str, reason: str) -> None:
    ended = "Network Retry Loop (Polling Updates): Invalid token. Aborting retry loop."
    write_both(tmp_path, (60.0, "ERROR", "telegram.ext", f"{ended}\nTraceback (most recent call last):\n  x\n{last}"))
    assert lost(tmp_path) == LostLink(pytest.approx(NOW - 60, abs=1.1), reason, True)


def test_damaged_logs_are_no_error(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "errors.log").write_bytes(
        b"\xff\0" * 5000 + b"\n2026-99-99 99:99:99,999 WARNING " + OLD.encode() + b": x\n"
    )
    os.mkfifo(logs / "gateway.log")
    assert (
        lost_links(tmp_path, {"telegram": 1.0}, NOW) == {} == lost_links(tmp_path / "missing", {"telegram": 1.0}, NOW)
    )


def test_patterns_are_of_known_kinds() -> None:
    assert {rule.event for rule in LINK_RECORDS} == set(LinkEvent)
