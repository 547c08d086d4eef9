"""`hermes-gateways logs` with a real journal: output of units and systemd messages, each once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from systemd_live import answer_under_systemd, live_home

from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.systemd.journalctl import entry_of, open_journal

# Writes like a gateway: to its log, again to standard error, and further lines only there.
GATEWAY = r"""#!/bin/bash
cd "$HERMES_HOME" || exit 9
mkdir -p logs
name=$(basename "$HERMES_HOME")
say() { echo "$(date '+%Y-%m-%d %H:%M:%S'),$(date +%N | cut -c1-3) $1 gateway.run: $2" >> logs/gateway.log; }
say INFO "begin of $name"
say WARNING "careful with $name"
echo "WARNING gateway.run: careful with $name" >&2
echo "ERROR agent.loop: no model for $name CANARYsecretCANARY" >&2
printf 'Traceback (most recent call last):\n  File "x", line 1\nValueError: \xff boom\n' >&2
sleep 1
say INFO "up is $name"
exec sleep 1000
"""
STORY = r"""
import json, os, subprocess, sys, time
from pathlib import Path

home = Path(os.environ["HOME"])
units = home / ".config/systemd/user"
units.mkdir(parents=True)
program = home / "gateway"
program.write_text(GATEWAY)
program.chmod(0o755)
for name in ("default", "work", "other"):
    folder = home / ".hermes" if name == "default" else home / ".hermes/profiles" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".env").write_text("OPENAI_API_KEY=CANARYsecretCANARY\n")
    if name != "other":
        unit = "hermes-gateway.service" if name == "default" else f"hermes-gateway-{name}.service"
        (units / unit).write_text(f'[Service]\nEnvironment="HERMES_HOME={folder}"\nExecStart={program}\n')
# The unit of another root that has the name of one of ours.
foreign = units / "hermes-gateway-other.service"
foreign.write_text('[Service]\nEnvironment="HERMES_HOME=/elsewhere"\nExecStart=/bin/echo foreign\n')
logs = [sys.executable, "-m", "hermes_profiles.cli.gateways", "logs", "--json"]
rows = lambda raw: [json.loads(line) for line in raw.splitlines()]
subprocess.run(["systemctl", "--user", "daemon-reload"], check=True)
follower = subprocess.Popen([*logs, "-f", "-n", "1000"], stdout=open(home / "followed", "wb"))
time.sleep(2)
names = ["hermes-gateway", "hermes-gateway-work", "hermes-gateway-other"]
subprocess.run(["systemctl", "--user", "start", *names], check=True)
written = [home / folder / "logs/gateway.log" for folder in (".hermes", ".hermes/profiles/work")]
for _ in range(60):  # until both programs have written their last line
    if all(log.exists() and b"up is" in log.read_bytes() for log in written):
        break
    time.sleep(0.5)
subprocess.run(["systemctl", "--user", "kill", "--signal=KILL", "hermes-gateway-work"], check=True)
time.sleep(2)
subprocess.run(["systemctl", "--user", "stop", "hermes-gateway"], check=True)
time.sleep(2)
run = lambda *words: subprocess.run([*logs, *words], capture_output=True, check=True)
all_of_them = lambda: len(rows(run("-n", "1000").stdout))
for _ in range(30):
    if (home / "followed").read_bytes().count(b"\n") >= all_of_them():
        break
    time.sleep(1)
follower.terminate()
follower.wait()
answer = {
    "history": rows(run("-n", "1000").stdout), "followed": rows((home / "followed").read_bytes()),
    "since": rows(run("--since", "1h").stdout), "last": rows(run("-n", "3").stdout),
    "none": rows(run("--since", "0s").stdout),
    "errors": rows(run("--error", "work").stdout), "messages": run("-n", "1000").stderr.decode(),
}
print(json.dumps(answer))
"""


@pytest.mark.systemd
def test_journal_records_are_unique_ordered_and_redacted() -> None:
    with live_home() as home:
        seen = answer_under_systemd(f"GATEWAY = {GATEWAY!r}\n{STORY}", home, timeout=120)
    history = seen["history"]
    assert "CANARY" not in str(seen) and seen["messages"] == "" and seen["none"] == []
    assert history == seen["since"] and history[-3:] == seen["last"]
    assert [row["time"] for row in history] == sorted(row["time"] for row in history)
    for name in ("default", "work"):
        own = [row for row in history if row["profile"] == name]
        records = [(row["source"], row["level"], row["text"]) for row in own]
        shown = ".hermes" if name == "default" else name
        for wanted in (
            ("gateway.log", "info", f"begin of {shown}"), ("gateway.log", "warning", f"careful with {shown}"),
            ("gateway.log", "info", f"up is {shown}"),
        ):  # fmt: skip
            assert records.count(wanted) == 1
        assert sum(f"careful with {shown}" in row["text"] for row in own) == 1, "its copy in the journal is left out"
        (error,) = [row for row in own if row["logger"] == "agent.loop"]
        assert error["source"] == "journal" and error["text"].startswith(
            f"no model for {shown} <OPENAI_API_KEY>\nTrace"
        )
        assert error["text"].endswith("boom") and error["level"] == "error"
        assert any(row["logger"] == "systemd" and "Started" in row["text"] for row in own)
    assert any("status=9/KILL" in row["text"] for row in history if row["profile"] == "work")
    assert not [row for row in history if row["profile"] == "other"], "the unit of another root"
    assert {row["level"] for row in seen["errors"]} <= {"error", "critical"} and seen["errors"]
    key = lambda row: json_key(row)  # noqa: E731
    assert sorted(map(key, seen["followed"])) == sorted(map(key, history))


def json_key(row: dict[str, str]) -> tuple[str, str, str]:
    return row["profile"], row["source"], row["text"]


@pytest.mark.parametrize(("line", "text"), [
    (b'{"MESSAGE": "x", "__REALTIME_TIMESTAMP": "1", "_SYSTEMD_USER_UNIT": "a.service"}', b"x"),
    (b'{"MESSAGE": [120, 255], "__REALTIME_TIMESTAMP": "1", "_SYSTEMD_UNIT": "a.service"}', b"x\xff"),
    (b'{"MESSAGE": ["x", "y"], "__REALTIME_TIMESTAMP": "1", "UNIT": "a.service"}', b"x"),
    (b'{"MESSAGE": null, "__REALTIME_TIMESTAMP": "1", "UNIT": "a.service"}', None),
    (b'{"__REALTIME_TIMESTAMP": "1"}', None), (b"{", None), (b"[]", None), (b"", None),
    (b'{"MESSAGE": "x", "__REALTIME_TIMESTAMP": "no", "UNIT": "a.service"}', None),
])  # fmt: skip
def test_journal_entry_is_parsed_or_skipped(line: bytes, text: bytes | None) -> None:
    entry = entry_of(line)
    assert (entry.message if entry is not None else None) == text


def test_missing_journalctl_is_manager_error(tmp_path: Path) -> None:
    with pytest.raises(ManagerError, match="cannot read the journal"):
        open_journal([("hermes-gateway.service", "user")], {"PATH": str(tmp_path)})


def test_failing_journalctl_reports_reason_and_ends(tmp_path: Path) -> None:
    fake = tmp_path / "journalctl"
    fake.write_text("#!/bin/sh\necho 'Hint: x' >&2\necho 'No such thing.' >&2\nexit 1\n")
    fake.chmod(0o755)
    journal = open_journal([("a.service", "user")], {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert [*journal.entries()] == [] and journal.complaint() == "no such thing"
    journal.close()


def test_endless_journal_process_is_ended(tmp_path: Path) -> None:
    fake = tmp_path / "journalctl"
    fake.write_text('#!/bin/sh\necho $$ > "$0.pid"\nexec sleep 1000\n')
    fake.chmod(0o755)
    journal = open_journal([("a.service", "user")], {"PATH": f"{tmp_path}:{os.environ['PATH']}"}, follow=True)
    assert journal.arrived() == ([], True)
    while not (tmp_path / "journalctl.pid").exists() or not (tmp_path / "journalctl.pid").read_text().strip():
        pass
    journal.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "journalctl.pid").read_text()), 0)
