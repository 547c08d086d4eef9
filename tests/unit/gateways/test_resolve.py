"""What is true of a gateway, row by row: manager × pid file × process × lock × served → state.

A row is plain facts and the one answer they allow. What the lock proves is in `process` already (test_processes).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from gateway_facts import NOW, RECORD, UP, at, facts, process, service, wrote

from hermes_profiles.gateways.hermes_files import ChannelRecord, Heartbeat, PidRecord, StateRecord
from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause
from hermes_profiles.gateways.model import (
    ALIVE,
    Api,
    GatewayChannel,
    GatewayFacts,
    GatewayState,
    Link,
    ProcessSockets,
    epoch_of,
    exit_meaning,
)
from hermes_profiles.gateways.processes import Usage
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.services.manager import Activity, ManagerKind, ServiceStatus

S, A = GatewayState, Activity


REMOVED = ServiceStatus(installed=False, enabled=False, activity=A.ACTIVE, pid=42)
LOST = service(A.INACTIVE, lost="supervisord, which ran it, no longer runs")
LEFT = wrote(telegram=("disconnected", "", 1))._replace(updated=at(1))


class Row(NamedTuple):
    name: str
    facts: GatewayFacts
    state: GatewayState
    detail: str = ""
    told: tuple[str, ...] = ()
    pid: int | None = None


P = process()
STALE_CHANNEL = ("fatal", "an old story", UP + 500)
FAILED_NOTE = "the service is marked failed because it was stopped without a stop marker (exit 1)"
FAILED_1 = service(A.FAILED, last_exit=1, reason="exit-code")
FAILED_78 = service(A.FAILED, last_exit=78, reason="exit-code")
BACK_OFF = "process 42 has written no pid file after 75 s: Hermes delays it after many starts"

RUNNING = [
    Row("up-under-its-service", facts(process=P), S.RUNNING, pid=42),
    Row("up-under-launchd-behind-a-wrapper", facts(process=process(parent=41), service=service(pid=41)), S.RUNNING,
        pid=42),
    Row("up-and-the-pid-file-is-gone", facts(process=P, record=None), S.RUNNING, pid=42),
    Row("up-and-the-pid-file-names-another", facts(process=P, record=PidRecord(7)), S.RUNNING, pid=42,
        told=("gateway.pid names process 7, the gateway is process 42",)),
    Row("up-and-the-pid-file-is-broken", facts(process=P, record=PidRecord(0)), S.RUNNING, pid=42,
        told=("gateway.pid cannot be parsed, the gateway is process 42",)),
    Row("up-with-its-channels", facts(process=P, runtime=wrote(telegram=("connected", "", 5))), S.RUNNING, pid=42),
    Row("dead-entries-of-an-earlier-run-do-not-count",
        facts(process=P, runtime=wrote(telegram=("connected", "", 5), discord=STALE_CHANNEL)), S.RUNNING, pid=42),
    Row("draining", facts(process=P, runtime=wrote("draining", busy=2)), S.RUNNING, "draining, 2 agents busy", pid=42),
    Row("momentarily-degraded-by-its-own-word", facts(process=P, runtime=wrote("degraded")), S.RUNNING, pid=42),
    Row("being-stopped", facts(process=P, service=service(A.DEACTIVATING, 42)), S.RUNNING, "is being stopped", pid=42),
    Row("heartbeat-in-time", facts(process=P, heartbeat=Heartbeat(42, at(90))), S.RUNNING, pid=42),
    Row("heartbeat-of-an-earlier-process", facts(process=P, heartbeat=Heartbeat(7, at(5000))), S.RUNNING, pid=42),
    Row("heartbeat-without-a-time", facts(process=P, heartbeat=Heartbeat(42, "soon")), S.RUNNING, pid=42),
    Row("revived-long-ago", facts(process=P, service=service(pid=42, restarts=9, last_exit=1)), S.RUNNING, pid=42),
    Row("revived-just-now-but-not-often", facts(30, process=P, service=service(pid=42, restarts=2)), S.RUNNING, pid=42),
    Row("api-answers", facts(process=P, api=Api("127.0.0.1", 8642, True)), S.RUNNING, pid=42),
    Row("api-was-not-asked", facts(process=P, api=Api("127.0.0.1", 8642)), S.RUNNING, pid=42),
    Row("api-is-silent-while-it-comes-up", facts(30, process=P, api=Api("127.0.0.1", 8642, False)), S.RUNNING, pid=42),
    Row("stopped-while-it-starts", facts(5, process=P, runtime=wrote("starting"), service=service(A.DEACTIVATING, 42)),
        S.RUNNING, "is being stopped", pid=42),
    Row("has-recorded-its-end", facts(30, process=P, runtime=wrote("stopped")._replace(updated=at(2))),
        S.RUNNING, "is being stopped", pid=42),
    Row("its-definition-is-out-of-date", facts(process=P, service=service(pid=42, stale_definition=True)), S.RUNNING,
        pid=42, told=("the service definition changed on disk and was not reloaded",)),
    Row("a-second-gateway-of-the-home", facts(process=P, others=(50, 51)), S.RUNNING, pid=42,
        told=("this home has further gateways: PID 50, PID 51",)),
    Row("its-own-though-a-multiplexer-serves-it", facts(process=P, served_by=9), S.RUNNING, pid=42,
        told=("this profile has a gateway of its own and is served by the multiplexer (PID 9)",)),
    Row("state-file-is-missing-but-it-beats",
        facts(process=P, runtime=None, heartbeat=Heartbeat(42, at(5))), S.RUNNING, pid=42,
        told=("gateway_state.json is missing or cannot be parsed: the states of its channels are not known",)),
    Row("state-file-of-its-predecessor-but-it-beats",
        facts(20, process=P, runtime=wrote("stopped", pid=7), heartbeat=Heartbeat(42, at(5))), S.RUNNING, pid=42,
        told=("gateway_state.json was written by process 7, not by this gateway: "
              "the states of its channels are not known",)),
    Row("stop-of-its-predecessor-but-it-beats-since",
        facts(process=P, runtime=wrote("stopped")._replace(updated=at(60)), heartbeat=Heartbeat(42, at(5))),
        S.RUNNING, pid=42),
    Row("start-of-a-second-one-but-it-beats",
        facts(process=P, runtime=wrote("starting"), heartbeat=Heartbeat(42, at(5))), S.RUNNING, pid=42),
    Row("no-start-time-was-written", facts(process=P, runtime=wrote()._replace(started=None)), S.RUNNING, pid=42),
]  # fmt: skip

STARTING = [
    Row("nothing-written-yet", facts(3, process=P, runtime=None), S.STARTING, pid=42),
    Row("the-word-of-an-earlier-process", facts(3, process=P, runtime=wrote(pid=7)), S.STARTING, pid=42),
    Row("the-word-of-a-process-with-the-same-pid",
        facts(3, process=P, runtime=wrote()._replace(started=5.0)), S.STARTING, pid=42),
    Row("connecting",
        facts(20, process=P, runtime=wrote("starting", telegram=("connecting", "", 3), discord=("connected", "", 2))),
        S.STARTING, "connecting telegram", pid=42),
    Row("age-unknown", facts(process=P, runtime=wrote("starting"), usage=Usage()), S.STARTING, pid=42),
    Row("storm-back-off", facts(75, process=P, record=None, runtime=wrote(pid=7)), S.STARTING, BACK_OFF, pid=42),
    Row("storm-back-off-beside-an-old-pid-file", facts(75, process=P, record=PidRecord(7), runtime=wrote(pid=7)),
        S.STARTING, BACK_OFF, pid=42, told=("gateway.pid names process 7, the gateway is process 42",)),
    Row("waits-for-the-next-try", facts(service=service(A.ACTIVATING, waiting=True, restarts=1, last_exit=1)),
        S.STARTING, "restarted once; exit 1: failed, or stopped without notice"),
    Row("waits-for-the-first-try", facts(service=service(A.ACTIVATING, waiting=True)), S.STARTING,
        "waits for its next try"),
    Row("queued-after-a-failure", facts(service=service(A.FAILED, queued=True, last_exit=78)), S.STARTING,
        "queued in its manager"),
    Row("activating", facts(service=service(A.ACTIVATING, since=NOW - 500)), S.STARTING),
    Row("active-for-a-moment", facts(service=service(pid=42, since=NOW - 2), main=P), S.STARTING, pid=42),
    Row("active-since-who-knows", facts(service=service(pid=42), main=P), S.STARTING, pid=42),
    Row("queued-in-its-manager", facts(service=service(A.INACTIVE, queued=True)), S.STARTING, "queued in its manager"),
]  # fmt: skip

DEGRADED = [
    Row("suspended", facts(process=process(state="T")), S.DEGRADED, "the process is suspended (SIGSTOP)", pid=42),
    Row("traced", facts(process=process(state="t")), S.DEGRADED, "the process is suspended (SIGSTOP)", pid=42),
    Row("hung", facts(process=P, heartbeat=Heartbeat(42, at(91))), S.DEGRADED, "no heartbeat for 91 s", pid=42),
    Row("token-taken", facts(process=P, runtime=wrote(telegram=("retrying", "token in use (PID 9)", 5))), S.DEGRADED,
        "telegram retrying: token in use (PID 9)", pid=42),
    Row("two-parked", facts(process=P, runtime=wrote(a=("fatal", "no", 5), b=("paused", "", 5))), S.DEGRADED,
        "a fatal: no; b paused", pid=42),
    Row("disconnected", facts(process=P, runtime=wrote(telegram=("disconnected", "", 5))), S.DEGRADED,
        "telegram disconnected", pid=42),
    Row("connects-for-ever", facts(process=P, runtime=wrote(telegram=("connecting", "", 5))), S.DEGRADED,
        "telegram connecting", pid=42),
    Row("draining-and-parked", facts(process=P, runtime=wrote("draining", x=("fatal", "", 5))), S.DEGRADED, "x fatal",
        pid=42),
    Row("stopped-after-its-last-heartbeat",
        facts(process=P, runtime=wrote("stopped")._replace(updated=at(40)), heartbeat=Heartbeat(42, at(45))),
        S.DEGRADED, "it recorded a stop, but its process is alive", pid=42),
    Row("starts-for-ever", facts(400, process=P, runtime=wrote("starting")), S.DEGRADED, "still starting after 400 s",
        pid=42),
    Row("takes-its-time-but-has-its-pid-file",
        facts(75, process=P, runtime=wrote("starting", x=("connecting", "", 70))),
        S.DEGRADED, "still starting after 75 s: connecting x", pid=42),
    Row("waits-longer-than-any-back-off", facts(500, process=P, record=None, runtime=None), S.DEGRADED,
        "it has no files after 500 s: they were removed, or it hangs", pid=42),
    Row("wrote-its-last-word-and-stays", facts(process=P, runtime=wrote("stopped")), S.DEGRADED,
        "it recorded a stop, but its process is alive", pid=42),
    Row("api-is-silent", facts(process=P, api=Api("127.0.0.1", 1, False, "refused")), S.DEGRADED,
        "the API server does not answer: refused", pid=42),
]  # fmt: skip

UNSUPERVISED = [
    Row("by-hand-beside-its-service", facts(process=P, service=service(A.INACTIVE)), S.UNSUPERVISED,
        "runs outside its service; `hermes-gateways restart work` brings it back under it", pid=42),
    Row("by-hand-without-a-service", facts(process=P, service=service(A.INACTIVE, installed=False)), S.UNSUPERVISED,
        "started by hand: no manager restarts it", pid=42),
    Row("no-manager-was-asked", facts(process=P, service=None, manager=None), S.UNSUPERVISED,
        "no service manager was queried", pid=42),
    Row("the-manager-does-not-know-it", facts(process=P, service=None), S.UNSUPERVISED,
        "started by hand: no manager restarts it", pid=42),
    Row("the-service-runs-another-process", facts(process=P, service=service(pid=77)), S.UNSUPERVISED,
        "not the process that the service runs (PID 77)", pid=42,
        told=("the service runs process 77, the gateway of this home is process 42",)),
    Row("the-service-loops-beside-it", facts(process=P, service=service(A.ACTIVATING, waiting=True, restarts=31)),
        S.UNSUPERVISED, "runs outside its service; `hermes-gateways restart work` brings it back under it", pid=42,
        told=("the service tries to start a second gateway: restarted 31 times",)),
    Row("its-supervisord-ended-and-it-ends", facts(process=P, service=LOST, runtime=LEFT), S.UNSUPERVISED,
        "supervisord, which ran it, no longer runs: it is ending", pid=42),
    Row("it-left-its-channels-and-stays", facts(process=P, service=LOST, runtime=LEFT, now=NOW + 6), S.UNSUPERVISED,
        "runs outside its service; `hermes-gateways restart work` brings it back under it; telegram disconnected",
        pid=42),
    Row("it-left-its-channels-by-itself", facts(process=P, service=service(A.INACTIVE), runtime=LEFT), S.UNSUPERVISED,
        "runs outside its service; `hermes-gateways restart work` brings it back under it; telegram disconnected",
        pid=42),
    Row("its-unit-was-removed", facts(process=P, service=REMOVED), S.UNSUPERVISED,
        "its service was removed while it runs: it does not start again", pid=42),
    Row("its-unit-was-masked", facts(process=P, service=REMOVED._replace(reason="masked")), S.UNSUPERVISED,
        "its unit was masked while it runs: nothing starts it again", pid=42),
    Row("its-unit-file-was-emptied", facts(process=P, service=service(pid=42, reason="masked", unusable="masked")),
        S.UNSUPERVISED, "the file of its service is empty, which masks it: nothing starts it again", pid=42),
    Row("its-unit-file-was-broken",
        facts(process=P, service=service(pid=42, reason="bad-setting", unusable="bad-setting")), S.UNSUPERVISED,
        "the file of its service cannot be loaded (bad-setting): nothing starts it again", pid=42),
    Row("by-hand-and-suspended", facts(process=process(state="T"), service=None), S.UNSUPERVISED,
        "started by hand: no manager restarts it; the process is suspended (SIGSTOP)", pid=42),
    Row("by-hand-and-parked", facts(process=P, service=None, runtime=wrote(x=("fatal", "", 5))), S.UNSUPERVISED,
        "started by hand: no manager restarts it; x fatal", pid=42),
    Row("a-unit-of-another-root-has-its-name",
        facts(process=P, service=service(A.INACTIVE, installed=False, home="/srv/other")), S.UNSUPERVISED,
        "started by hand: no manager restarts it", pid=42,
        told=("the service of this name belongs to another root: /srv/other",)),
]  # fmt: skip

SWAPPED = [
    Row("its-home-was-swapped", facts(process=P, started_for="night", moved={77: "night"}), S.DEGRADED,
        "process 42 works in this home and was started for night: the homes were swapped", pid=42,
        told=("process 77 was started for this home and works in that of night",)),
    Row("its-home-was-deleted", facts(process=P, left_home="deleted"), S.DEGRADED,
        "its home was deleted and made again while it ran: process 42 works in the deleted one", pid=42),
    Row("its-home-was-moved-away", facts(process=P, left_home="/old"), S.DEGRADED,
        "its home was moved away while it ran, and another one made: process 42 works in /old", pid=42),
    Row("its-process-works-elsewhere", facts(process=P, moved={42: "old"}), S.DEGRADED,
        "a process that was started for this home works in that of old: the homes were swapped", pid=42,
        told=("process 42 was started for this home and works in that of old",)),
]  # fmt: skip

FAILED = [
    Row("every-try-fails-before-it-is-a-process",
        facts(service=service(A.ACTIVATING, waiting=True, last_exit=0, unusable="its log /l is a directory")), S.FAILED,
        "cannot be started: its log /l is a directory; its manager tries again"),
    Row("exit-78", facts(service=FAILED_78, runtime=wrote("startup_failed", reason="port in use")), S.FAILED,
        "exit 78: its configuration cannot work; port in use"),
    Row("exit-78-and-nothing-written", facts(service=FAILED_78), S.FAILED, "exit 78: its configuration cannot work"),
    Row("exit-78-beside-an-old-pid-file", facts(service=FAILED_78, record=RECORD), S.FAILED,
        "exit 78: its configuration cannot work"),
    Row("exit-78-under-launchd-which-hides-it",
        facts(service=service(A.INACTIVE, last_exit=0), manager=ManagerKind.LAUNCHD,
              runtime=wrote("startup_failed", reason="port in use")), S.FAILED, "could not start: port in use"),
    Row("startup-failed-without-a-reason", facts(runtime=wrote("startup_failed")), S.FAILED, "could not start"),
    Row("startup-failed-and-its-pid-file-is-left",
        facts(record=RECORD, runtime=wrote("startup_failed", reason="port in use")), S.FAILED,
        "could not start: port in use"),
    Row("started-too-often", facts(service=service(A.FAILED, last_exit=1, reason="start-limit-hit")), S.FAILED,
        "exit 1: failed, or stopped without notice; start-limit-hit"),
    Row("its-interpreter-is-gone", facts(service=service(A.FAILED, last_exit=203, reason="exit-code")), S.FAILED,
        "exit 203: its Python is gone"),
    Row("its-folder-is-gone", facts(service=service(A.FAILED, last_exit=200, reason="exit-code")), S.FAILED,
        "exit 200: its folder is gone"),
    Row("killed-by-its-manager", facts(service=service(A.FAILED, last_exit=-9, reason="timeout")), S.FAILED,
        "killed by signal 9; timeout"),
    Row("failed-and-no-code-is-told", facts(service=service(A.FAILED, reason="resources")), S.FAILED, "resources"),
]  # fmt: skip

CRASH_LOOPING = [
    Row("between-two-tries", facts(service=service(A.ACTIVATING, waiting=True, restarts=3, last_exit=1)),
        S.CRASH_LOOPING, "restarted 3 times; exit 1: failed, or stopped without notice"),
    Row("the-reason-it-wrote-is-told",
        facts(service=service(A.ACTIVATING, waiting=True, restarts=9, last_exit=0),
              runtime=wrote("startup_failed", reason="open policy")), S.CRASH_LOOPING,
        "restarted 9 times; exit 0: stopped as planned; open policy"),
    Row("active-between-two-crashes", facts(service=service(restarts=31, last_exit=1, since=NOW - 1)),
        S.CRASH_LOOPING, "restarted 31 times; exit 1: failed, or stopped without notice"),
    Row("alive-between-two-crashes", facts(4, process=P, service=service(pid=42, restarts=3, last_exit=-9)),
        S.CRASH_LOOPING, "restarted 3 times; killed by signal 9", pid=42),
    Row("alive-and-the-manager-tells-no-code", facts(4, process=P, service=service(pid=42, restarts=5)),
        S.CRASH_LOOPING, "restarted 5 times", pid=42),
    Row("beside-a-stale-pid-file",
        facts(record=RECORD, service=service(A.ACTIVATING, waiting=True, restarts=4, last_exit=-9)), S.CRASH_LOOPING,
        "restarted 4 times; killed by signal 9"),
]  # fmt: skip

STOPPED = [
    Row("nothing-at-all", facts(service=None, manager=None), S.STOPPED),
    Row("installed-and-inactive", facts(), S.STOPPED),
    Row("stopped-as-planned", facts(service=service(A.INACTIVE, last_exit=0), runtime=wrote("stopped")), S.STOPPED),
    Row("stopped-without-a-marker", facts(service=FAILED_1, runtime=wrote()), S.STOPPED, told=(FAILED_NOTE,)),
    Row("stopped-without-a-marker-and-no-reason-told", facts(service=FAILED_1._replace(reason="")), S.STOPPED,
        told=(FAILED_NOTE,)),
    Row("going-down-and-its-process-is-gone", facts(service=service(A.DEACTIVATING)), S.STOPPED),
    Row("killed-and-its-word-is-left", facts(runtime=wrote()), S.STOPPED),
    Row("served-once-and-no-longer", facts(runtime=wrote()._replace(served=("work",))), S.STOPPED),
    Row("a-unit-of-another-root-runs-under-its-name", facts(service=service(A.INACTIVE, installed=False, home="/o")),
        S.STOPPED, told=("the service of this name belongs to another root: /o",)),
    Row("the-manager-does-not-say", facts(service=service(A.UNKNOWN)), S.STOPPED),
]  # fmt: skip

STALE = [
    Row("its-process-is-gone", facts(record=RECORD), S.STALE, "gateway.pid names process 42, which is gone"),
    Row("its-pid-was-given-away", facts(record=RECORD, other_program=process()), S.STALE,
        "gateway.pid names process 42, which is another program now",
        told=("process 42 is another program that has the pid in gateway.pid",)),
    Row("another-could-not-start-before-it",
        facts(record=RECORD, runtime=wrote("startup_failed", pid=7, reason="port in use")), S.STALE,
        "gateway.pid names process 42, which is gone"),
    Row("its-pid-file-is-broken", facts(record=PidRecord(0)), S.STALE, "gateway.pid cannot be parsed"),
    Row("killed-by-a-stop-without-a-marker", facts(record=RECORD, service=FAILED_1), S.STALE,
        "gateway.pid names process 42, which is gone"),
]  # fmt: skip

SERVED = [
    Row("by-the-multiplexer", facts(served_by=9), S.SERVED, "served by default (PID 9)", pid=9),
    Row("and-an-old-pid-file-is-left", facts(served_by=9, record=RECORD), S.SERVED, "served by default (PID 9)", pid=9),
    Row("while-its-own-service-loops",
        facts(served_by=9, service=service(A.ACTIVATING, waiting=True, restarts=3, last_exit=1)), S.SERVED,
        "served by default (PID 9)", pid=9,
        told=("the service tries to start a second gateway: restarted 3 times; "
              "exit 1: failed, or stopped without notice",)),
]  # fmt: skip

UNKNOWN = [
    Row("alive-and-unproven", facts(record=PidRecord(42), unverified=P), S.UNKNOWN,
        "process 42 is alive, but it is not proven to be this gateway", pid=42),
    Row("active-and-no-gateway", facts(service=service(pid=77, since=NOW - 600), main=process(77)), S.UNKNOWN,
        "the service is active, but its process 77 is not a gateway of this home", pid=77),
    Row("active-without-a-process", facts(service=service(since=NOW - 600)), S.UNKNOWN,
        "the service is active, but runs no gateway of this home"),
    Row("active-and-unproven",
        facts(record=PidRecord(42), unverified=P, service=service(pid=42, since=NOW - 600), main=P), S.UNKNOWN,
        "the service is active, but its process 42 is not proven to be this gateway", pid=42),
]  # fmt: skip

TABLE = {
    S.RUNNING: RUNNING, S.STARTING: STARTING, S.DEGRADED: (*DEGRADED, *SWAPPED), S.STOPPED: STOPPED, S.FAILED: FAILED,
    S.CRASH_LOOPING: CRASH_LOOPING, S.STALE: STALE, S.SERVED: SERVED, S.UNSUPERVISED: UNSUPERVISED, S.UNKNOWN: UNKNOWN,
}  # fmt: skip
ROWS = [row for rows in TABLE.values() for row in rows]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.state}:{row.name}")
def test_resolve_row(row: Row) -> None:
    found = resolve(row.facts)
    assert (found.state, found.detail, found.pid) == (row.state, row.detail, row.pid)
    assert found.disagreement == row.told
    assert found.is_alive == (row.state in ALIVE)
    assert found.process == row.facts.process


def test_rows_cover_every_state() -> None:
    assert set(TABLE) == set(GatewayState)
    assert all(len(rows) >= 3 for rows in TABLE.values())
    assert len({(row.state, row.name) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.state}:{row.name}")
def test_without_process_no_usage_and_not_settled(row: Row) -> None:
    found = resolve(row.facts)
    if row.facts.process is None:
        assert found.usage == Usage() and not found.settled
    else:
        assert found.usage == row.facts.usage


@pytest.mark.parametrize(("runtime", "settled"), [
    (wrote("running"), True), (wrote("degraded"), True), (wrote("draining"), True), (wrote("starting"), False),
    (wrote("stopped"), False), (wrote("startup_failed"), False), (wrote(pid=7), False), (None, False),
    (wrote()._replace(started=1100.0), True), (wrote()._replace(started=1101.0), False),
])  # fmt: skip
def test_settled_needs_a_record_of_this_process(runtime: StateRecord | None, settled: bool) -> None:
    assert resolve(facts(process=P, runtime=runtime)).settled is settled


def test_record_of_a_masked_channel_is_no_fault() -> None:
    mask = Mask("api_server", MaskCause.PORT, ChannelOwner(None), 8642)
    seen = facts(process=P, runtime=wrote(api_server=("disconnected", "", 5)))
    assert resolve(seen).state is S.DEGRADED
    assert resolve(seen._replace(masks=(mask,))).state is S.RUNNING


def test_channels_are_those_of_this_run() -> None:
    runtime = wrote(
        telegram=("connected", "", 5), discord=("retrying", "token in use", 7), slack=STALE_CHANNEL, irc=("", "", 5)
    )
    found = resolve(facts(
        process=P, runtime=runtime, enabled_channels=("slack", "telegram", "weixin"),
        masks=(Mask("weixin", MaskCause.TOKEN, ChannelOwner("a")),),
    ))  # fmt: skip
    assert found.channels == (
        GatewayChannel("discord", "retrying", "token in use", at(7)),
        GatewayChannel("irc", "unknown", "", at(5)),
        GatewayChannel("slack", "unknown"),
        GatewayChannel("telegram", "connected", "", at(5)),
        GatewayChannel("weixin", "masked", "platform 'weixin' disabled: token already in use by profile 'a'"),
    )


@pytest.mark.parametrize(("ago", "counts"), [(UP - 1, True), (UP + 1, True), (UP + 2, False)])
def test_channel_record_counts_from_the_process_start(ago: float, counts: bool) -> None:
    found = resolve(facts(process=P, runtime=wrote(telegram=("fatal", "", ago))))
    assert (found.state is S.DEGRADED) is counts and bool(found.channels) is counts


@pytest.mark.parametrize(("frozen", "why"), [
    ({"process": process(state="T")}, "the process is suspended (SIGSTOP)"),
    ({"process": P, "heartbeat": Heartbeat(42, at(200))}, "no heartbeat for 200 s"),
])  # fmt: skip
def test_word_of_a_gateway_that_writes_nothing_is_unknown(frozen: dict[str, Any], why: str) -> None:
    found = resolve(facts(**frozen, runtime=wrote(telegram=("connected", "", 600), discord=("fatal", "no", 600))))
    assert (found.state, found.detail) == (S.DEGRADED, why)
    discord, telegram = found.channels
    assert (discord.state, discord.detail) == ("fatal", "no")
    assert (telegram.state, telegram.detail) == ("unknown", f"its last word is connected, 10 min ago: {why}")


@pytest.mark.parametrize("ending", [
    {"runtime": wrote("draining", telegram=("connected", "", 600))},
    {"runtime": wrote(telegram=("connected", "", 600)), "service": service(A.DEACTIVATING, 42)},
])  # fmt: skip
def test_word_of_a_gateway_that_ends_is_unknown(ending: dict[str, Any]) -> None:
    (channel,) = resolve(facts(process=P, **ending)).channels
    last = "its last word is connected, 10 min ago: it is being stopped"
    assert (channel.state, channel.detail) == ("unknown", last)


def test_drained_gateway_with_busy_agents_keeps_its_channels() -> None:
    runtime = wrote("draining", busy=1, telegram=("connected", "", 600))
    assert resolve(facts(process=P, runtime=runtime)).channels[0].state == "connected"


@pytest.mark.parametrize(("silent", "state"), [(4.0, S.RUNNING), (40.0, S.DEGRADED), (None, S.DEGRADED)])
def test_disconnected_channel_that_receives_is_unknown(silent: float | None, state: S) -> None:
    """A predecessor that ended late wrote it into the file of its successor."""
    runtime = wrote(telegram=("disconnected", "", 60))
    sockets = ProcessSockets(frozenset(), (Link(443, silent),))
    found = resolve(facts(process=P, runtime=runtime, heartbeat=Heartbeat(42, at(5)), sockets=sockets))
    assert found.state is state
    assert found.channels[0].state == ("unknown" if state is S.RUNNING else "disconnected")


def test_api_server_of_another_process_is_deaf() -> None:
    other = "another process listens on port 8642, this gateway does not"
    runtime = wrote(api_server=("connected", "", 600))
    found = resolve(facts(process=P, runtime=runtime, api=Api("127.0.0.1", 8642, False, other)))
    assert (found.state, found.detail) == (S.DEGRADED, f"the API server does not answer: {other}")
    assert (found.channels[0].state, found.channels[0].detail) == ("deaf", other)


@pytest.mark.parametrize("since", [None, "", "yesterday"])
def test_channel_record_without_time_counts(since: str | None) -> None:
    runtime = wrote()._replace(channels=(ChannelRecord("telegram", "fatal", "", "", since),))
    assert resolve(facts(process=P, runtime=runtime)).state is S.DEGRADED


def test_channels_without_a_process() -> None:
    runtime = wrote(telegram=("connected", "", 5))
    assert resolve(facts(runtime=runtime, enabled_channels=("telegram",))).channels == (
        GatewayChannel("telegram", "off"),
    )
    served = resolve(facts(served_by=9, runtime=runtime, enabled_channels=("telegram",)))
    assert served.channels == (GatewayChannel("telegram", "served"),)


def test_restarts_and_last_exit_come_from_the_manager() -> None:
    found = resolve(facts(process=P, service=service(pid=42, restarts=2, last_exit=75)))
    assert (found.restarts, found.last_exit) == (2, 75)
    assert (resolve(facts(service=None)).restarts, resolve(facts(service=None)).last_exit) == (None, None)


@pytest.mark.parametrize(("code", "meaning"), [
    (None, ""), (0, "exit 0: stopped as planned"), (1, "exit 1: failed, or stopped without notice"),
    (75, "exit 75: asked to be restarted"), (78, "exit 78: its configuration cannot work"),
    (200, "exit 200: its folder is gone"), (203, "exit 203: its Python is gone"), (-9, "killed by signal 9"),
    (2, "exit 2"),
])  # fmt: skip
def test_exit_code_meaning(code: int | None, meaning: str) -> None:
    assert exit_meaning(code) == meaning


@pytest.mark.parametrize(("text", "epoch"), [
    ("1970-01-01T00:01:00+00:00", 60.0), ("1970-01-01T00:01:00Z", 60.0), ("1970-01-01T02:01:00+02:00", 60.0),
    ("1970-01-01T00:01:00", 60.0), ("", None), ("now", None), ("1970-13-01T00:00:00+00:00", None),
])  # fmt: skip
def test_epoch_of_iso_times(text: str, epoch: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert epoch_of(text) == epoch
    finally:
        monkeypatch.undo()
        time.tzset()
