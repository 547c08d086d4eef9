"""Channels that a gateway calls connected and that receive nothing; the sockets are fakes, the log is a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from observed_root import NOW, Root, status
from test_link_log import NETWORK, OLD, write_both

from hermes_profiles.gateways.model import DEAF, Gateway, GatewayChannel, GatewayState, Link, ProcessSockets
from hermes_profiles.gateways.observe import ObservationHints, survey
from hermes_profiles.hermes.version import facts_of

S = GatewayState
LIVELY = ProcessSockets(frozenset({8642}), (Link(443, None), Link(443, 8.0)))
TOKEN = "7100000001:CANARYtelegramCANARYtelegramCANARY"


def at(ago: float) -> str:
    return datetime.fromtimestamp(NOW - ago, UTC).isoformat()


@pytest.fixture
def root(isolated: Path) -> Root:
    made = Root(isolated, "default", "ops", "work")
    made.runs("work", 42, platforms={"telegram": {"state": "connected", "updated_at": at(3000)}})
    made.manager.statuses = {"work": status(pid=42)}
    return made


def seen(root: Root, sockets: ProcessSockets | None = LIVELY, profile: str = "work", **hints: Any) -> Gateway:
    asked: list[Sequence[int]] = []

    def read(pids: Sequence[int]) -> dict[int, ProcessSockets]:
        asked.append(pids)
        return {} if sockets is None else dict.fromkeys(pids, sockets)

    root.world.sockets = read
    return survey(root.world, root.profiles, ObservationHints(**hints))[profile]


def test_gateway_that_receives_is_running(root: Root) -> None:
    found = seen(root)
    assert (found.state, found.detail) == (S.RUNNING, "")
    assert found.channels == (GatewayChannel("telegram", "connected", "", at(3000)),)


def test_lost_link_in_the_log_makes_it_degraded(root: Root) -> None:
    write_both(root.layout.home("work"), (240.0, "WARNING", OLD, NETWORK.format(1, "Bad Gateway")),
               (110.0, "WARNING", OLD, NETWORK.format(2, "Bad Gateway")),
               (20.0, "WARNING", OLD, NETWORK.format(3, "Bad Gateway")))  # fmt: skip
    found = seen(root)
    assert (found.state, found.detail) == (
        S.DEGRADED, "telegram has polled nothing for 4 min (502 Bad Gateway)"
    )  # fmt: skip
    (channel,) = found.channels
    assert (channel.state, channel.detail) == (DEAF, "has polled nothing for 4 min (502 Bad Gateway)")
    assert channel.since is not None and channel.since.startswith(at(240)[:16])


def test_token_in_the_log_is_hidden(root: Root) -> None:
    (root.layout.home("work") / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    text = NETWORK.format(1, f"cannot reach https://api.telegram.org/bot{TOKEN}/getMe")
    write_both(root.layout.home("work"), (20.0, "WARNING", OLD, text))
    found = seen(root)
    assert found.state is S.DEGRADED and TOKEN not in repr(found) and "CANARY" not in repr(found.channels)


def test_gateway_without_a_connection_is_deaf(root: Root) -> None:
    found = seen(root, ProcessSockets(frozenset({8642}), ()))
    assert (found.state, found.detail) == (S.DEGRADED, "telegram has polled nothing (no connection is open)")


def test_gateway_that_received_nothing_for_long_is_deaf(root: Root) -> None:
    assert seen(root, ProcessSockets(frozenset(), (Link(443, 14.0),))).state is S.RUNNING
    found = seen(root, ProcessSockets(frozenset(), (Link(443, 25.0), Link(443, 130.0, is_waiting=False))))
    assert (found.state, found.detail) == (S.DEGRADED, "telegram has polled nothing for 25 s (no answer)")
    # A new link for each poll: the older ones tell nothing before the next `getMe` is due.
    assert seen(root, ProcessSockets(frozenset(), (Link(443, None), Link(443, 100.0)))).state is S.RUNNING
    found = seen(root, ProcessSockets(frozenset(), (Link(443, None), Link(443, 130.0))))
    assert (found.state, found.detail) == (S.DEGRADED, "telegram has polled nothing for 2 min (no answer)")


@pytest.mark.parametrize(
    ("silent", "state", "detail"),
    [
        (8.0, "connected", ""),  # on a new link with TLS the session tickets come behind the request
        (17.0, "unknown", "has polled nothing for 17 s (no request is open); it may poll again within seconds"),
        (75.0, DEAF, "has polled nothing for 75 s (no request is open)"),
    ],
)
def test_gateway_that_waits_for_no_answer_does_not_poll(root: Root, silent: float, state: str, detail: str) -> None:
    """After a 429 the library waits for as long as Telegram says, without a record; `getMe` goes on every 90 s."""
    links = (Link(443, silent, is_waiting=False), Link(443, 80.0, is_waiting=False))
    found = seen(root, ProcessSockets(frozenset(), links))
    (channel,) = found.channels
    assert (channel.state, channel.detail) == (state, detail)
    assert found.state is (S.DEGRADED if state == DEAF else S.RUNNING)
    waiting = ProcessSockets(frozenset(), (*links, Link(443, None)))
    assert seen(root, waiting).channels[0].state == "connected"


def test_word_from_before_the_clock_was_set_back_is_checked_too(root: Root) -> None:
    root.runs("work", 42, platforms={"telegram": {"state": "connected", "updated_at": at(-7200)}})
    assert seen(root).state is S.RUNNING
    assert seen(root, ProcessSockets(frozenset(), ())).state is S.DEGRADED
    write_both(root.layout.home("work"), (20.0, "WARNING", OLD, NETWORK.format(2, "Bad Gateway")))
    assert "502 Bad Gateway" in seen(root).detail


def test_connection_that_is_missing_for_a_moment_is_no_fault(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([ProcessSockets(frozenset(), ()), ProcessSockets(frozenset(), ()), LIVELY])
    root.world.sockets = lambda pids: {pids[0]: next(answers)}
    assert survey(root.world, root.profiles)["work"].state is S.RUNNING


def test_sockets_that_cannot_be_read_prove_nothing(root: Root) -> None:
    assert seen(root, None).state is S.RUNNING


def test_platform_that_calls_the_gateway_needs_no_connection(root: Root) -> None:
    (root.layout.home("work") / ".env").write_text("TELEGRAM_WEBHOOK_URL=https://bots.example/work\n")
    assert seen(root, ProcessSockets(frozenset({8443}), ())).state is S.RUNNING


def test_channel_connected_just_now_may_be_silent(root: Root) -> None:
    root.runs("work", 42, platforms={"telegram": {"state": "connected", "updated_at": at(100)}})
    assert seen(root, ProcessSockets(frozenset(), ())).state is S.RUNNING
    root.runs("work", 42, platforms={"telegram": {"state": "connected", "updated_at": at(19)}})
    assert seen(root, ProcessSockets(frozenset(), (Link(443, 19.0, is_waiting=False),))).state is S.RUNNING


def test_channel_without_a_known_rhythm_keeps_its_word(root: Root) -> None:
    root.runs("work", 42, platforms={"discord": {"state": "connected", "updated_at": at(3000)}})
    assert seen(root, ProcessSockets(frozenset(), ())).state is S.RUNNING


@pytest.mark.parametrize(("ago", "state"), [(1.0, DEAF), (12.0, "unknown"), (30.0, "connected")])
def test_stream_that_may_be_back_is_unknown(root: Root, ago: float, state: str) -> None:
    """The adapter of ntfy logs failures only: 12 s after the loss it has tried again, and no failure is known."""
    root.runs("work", 42, platforms={"ntfy": {"state": "connected", "updated_at": at(3000)}})
    ntfy = "hermes_plugins.ntfy_platform.adapter"
    write_both(root.layout.home("work"), (ago, "WARNING", ntfy, "[Ntfy] Stream error: "),
               (ago, "INFO", ntfy, "[Ntfy] Reconnecting in 2s..."))  # fmt: skip
    found = seen(root)
    (channel,) = found.channels
    assert channel.state == state and found.state is (S.DEGRADED if state == DEAF else S.RUNNING)
    expected = "has received nothing for 12 s (no answer); it has tried again: only a failure would be in its log"
    assert state != "unknown" or channel.detail == expected


def test_record_of_another_writer_does_not_count(root: Root) -> None:
    """Later releases write into each channel's entry which process wrote it."""
    entry = {"state": "connected", "updated_at": at(5), "writer_pid": 41}
    root.runs("work", 42, platforms={"telegram": entry})
    assert seen(root, channels={"work": ("telegram",)}).channels == (GatewayChannel("telegram", "unknown"),)


def served(root: Root) -> None:
    entry = {"state": "connected", "updated_at": at(3000)}
    platforms = {"telegram": entry, "ops:telegram": entry}
    root.runs("default", 9, served_profiles=["default", "ops"], platforms=platforms)
    root.manager.statuses |= {"default": status(pid=9)}


def test_served_profile_has_a_log_of_its_own(root: Root) -> None:
    served(root)
    root.uses(facts_of((0, 22, 2)))
    write_both(root.layout.home("ops"), (20.0, "WARNING", OLD, NETWORK.format(1, "Bad Gateway")))
    found = seen(root, profile="ops")
    assert found.state is S.SERVED and found.channels[0].state == DEAF
    assert found.detail == "served by default (PID 9); telegram has polled nothing for 20 s (502 Bad Gateway)"
    assert seen(root, profile="default").channels[0].state == "connected"


def test_log_of_several_profiles_does_not_show_whose_channel_it_is(root: Root) -> None:
    """Hermes before 0.21 writes one log for all profiles that a gateway serves."""
    served(root)
    write_both(root.layout.home("default"), (20.0, "WARNING", OLD, NETWORK.format(1, "Bad Gateway")))
    found = seen(root, profile="default")
    detail = "of one of its profiles has polled nothing for 20 s (502 Bad Gateway)"
    assert (found.state, found.detail) == (S.DEGRADED, f"telegram {detail}")
    assert (found.channels[0].state, found.channels[0].detail) == ("unknown", detail)


@pytest.mark.parametrize(("holder", "ended"), [(42, False), (4194303, True)])
def test_holder_that_ended_since_is_named_as_ended(root: Root, holder: int, ended: bool) -> None:
    message = f"Telegram bot token already in use (PID {holder}). Stop the other gateway first."
    entry = {"state": "retrying", "error_code": "telegram-bot-token_lock", "error_message": message}
    root.runs("work", 42, platforms={"telegram": {**entry, "updated_at": at(30)}})
    note = f"; process {holder} has ended since"
    assert seen(root).channels[0].detail == (message.rstrip(".") + note if ended else message)


def test_nothing_is_read_where_no_gateway_runs(isolated: Path) -> None:
    root = Root(isolated, "default", "work")
    root.world.sockets = lambda pids: pytest.fail("read")
    assert {each.state for each in survey(root.world, root.profiles).values()} == {S.STOPPED}
