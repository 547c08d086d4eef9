"""Readers of the files that a gateway writes: any content is accepted, none raises."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermes_profiles.gateways.hermes_files import (
    ChannelRecord,
    Heartbeat,
    PidRecord,
    StateRecord,
    heartbeat,
    lock_record,
    pid_record,
    record_at,
    state_record,
)

HUGE = "1" + "0" * 400


@pytest.mark.parametrize(("text", "record"), [
    ('{"pid": 42, "kind": "hermes-gateway", "argv": ["hermes"], "start_time": 1000}', PidRecord(42, 1000.0)),
    ('{"pid": 42, "start_time": 1000.5, "hermes_home": "/h", "unheard_of": [1]}', PidRecord(42, 1000.5)),
    ('{"pid": 42}', PidRecord(42)),
    ('{"pid": 42, "start_time": null}', PidRecord(42)),
    ('{"pid": 42, "start_time": "1000"}', PidRecord(42)),
    ('{"pid": 42, "start_time": true}', PidRecord(42)),
    ('{"pid": 42, "start_time": ' + HUGE + "}", PidRecord(42)),
    ("42", PidRecord(42)), ("42\n", PidRecord(42)), (" 42 ", PidRecord(42)),
    ("-42", PidRecord(0)), ("0", PidRecord(0)), ("true", PidRecord(0)), ("42.5", PidRecord(0)),
    ("", PidRecord(0)), ("{", PidRecord(0)), ("[42]", PidRecord(0)), ('"42"', PidRecord(0)), ("null", PidRecord(0)),
    ("{}", PidRecord(0)), ('{"pid": "42"}', PidRecord(0)), ('{"pid": true}', PidRecord(0)),
    ('{"pid": -1}', PidRecord(0)), ('{"pid": 4.2}', PidRecord(0)), ("[" * 100_000, PidRecord(0)),
    ('{"pid": ' + "9" * 5000 + "}", PidRecord(0)),
])  # fmt: skip
def test_pid_record_reads_all_formats(tmp_path: Path, text: str, record: PidRecord) -> None:
    for name, read in (("gateway.pid", pid_record), ("gateway.lock", lock_record)):
        (tmp_path / name).write_text(text)
        assert read(tmp_path) == record


def test_missing_file_has_no_record(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path, tmp_path / "absent", tmp_path / "file"):
        found = (pid_record(home), lock_record(home), state_record(home), heartbeat(home))
        assert found == (None, None, None, None)


@pytest.mark.parametrize("what", ["folder", "fifo", "link to itself", "not text", "another codec"])
def test_pid_record_invalid_content_has_pid_zero(tmp_path: Path, what: str) -> None:
    path = tmp_path / "gateway.pid"
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "link to itself":
        path.symlink_to(path)
    else:
        path.write_bytes(b"\xff\xfe\x00{" if what == "not text" else b"\x80")
    assert record_at(path) == PidRecord(0)


def test_state_record_reads_all_fields(tmp_path: Path) -> None:
    (tmp_path / "gateway_state.json").write_text(json.dumps({
        "pid": 42, "kind": "hermes-gateway", "argv": [], "start_time": 1000, "gateway_state": "running",
        "exit_reason": None, "restart_requested": False, "active_agents": 3, "served_profiles": ["a", 7, "b"],
        "platforms": {
            "telegram": {"state": "retrying", "error_code": "telegram-bot-token_lock", "error_message": "in use",
                         "updated_at": "2026-11-21T10:00:00+00:00", "retrying_since": 1},
            "discord": {"state": "connected"}, "broken": 7,
        },
    }))  # fmt: skip
    assert state_record(tmp_path) == StateRecord(
        42, 1000.0, "running", "", 3, (
            ChannelRecord("telegram", "retrying", "telegram-bot-token_lock", "in use", "2026-11-21T10:00:00+00:00"),
            ChannelRecord("discord", "connected", "", "", None),
        ), ("a", "b"),
    )  # fmt: skip


def test_advice_of_hermes_about_a_taken_port_names_the_variable_that_is_read(tmp_path: Path) -> None:
    advice = "Port 8642 already in use. Set platforms.api_server.port in config.yaml to a different value, then ..."
    platforms = {"api_server": {"state": "fatal", "error_message": advice}}
    (tmp_path / "gateway_state.json").write_text(json.dumps({"pid": 42, "platforms": platforms}))
    record = state_record(tmp_path)
    assert record is not None
    (channel,) = record.channels
    assert "Set API_SERVER_PORT in .env to a different value" in channel.message
    assert "platforms.api_server.port" not in channel.message


@pytest.mark.parametrize("text", ["", "{", "[]", "42", "null"])
def test_state_record_invalid_content_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "gateway_state.json").write_text(text)
    assert state_record(tmp_path) is None


def test_heartbeat_reads_pid_and_time(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "gateway.heartbeat").write_text('{"pid": 42, "updated_at": "2026", "monotonic": 1.5}')
    assert heartbeat(tmp_path) == Heartbeat(42, "2026")
    (tmp_path / "state" / "gateway.heartbeat").write_text("[]")
    assert heartbeat(tmp_path) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(int(HUGE)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("pid", "start_time", "platforms", "state", "updated_at", "served_profiles", "x")), inner
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | _JSON.map(lambda data: json.dumps(data).encode()))
def test_readers_accept_any_content(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").mkdir(exist_ok=True)
    reads: dict[str, Any] = {
        "gateway.pid": pid_record, "gateway.lock": lock_record, "gateway_state.json": state_record,
        "state/gateway.heartbeat": heartbeat,
    }  # fmt: skip
    for name, read in reads.items():
        (tmp_path / name).write_bytes(content)
        found = read(tmp_path)
        if isinstance(found, PidRecord | StateRecord):
            assert found.pid >= 0 and (found.started is None or isinstance(found.started, float))
