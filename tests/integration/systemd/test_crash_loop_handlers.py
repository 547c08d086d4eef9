"""A crash loop under a live systemd: units in OnFailure= of the user are called, and the service goes on."""

from __future__ import annotations

import pytest
from systemd_live import answer_under_systemd, live_home

from hermes_profiles.services.systemd.render import handlers_line

pytestmark = pytest.mark.systemd

SCRIPT = """
import json, pathlib, subprocess, time
units = pathlib.Path.home() / ".config/systemd/user"
(units / "loop.service.d").mkdir(parents=True)
(units / "loop.service").write_text("[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nExecStart=/bin/false\\n"
                                    "Restart=always\\nRestartSec=0.2\\n")
(units / "loop.service.d/50.conf").write_text("[Service]\\n" + LINE + "\\n")
(units / "loop.service.d/60-mine.conf").write_text("[Unit]\\nOnFailure=call@%n.service\\n")
(units / "call@.service").write_text("[Service]\\nType=oneshot\\nExecStart=/bin/sh -c 'echo %i >>%h/called'\\n")
run = lambda *words: subprocess.run(["systemctl", "--user", *words], capture_output=True, text=True, timeout=30).stdout
run("daemon-reload")
run("start", "loop.service")
called, deadline = pathlib.Path.home() / "called", time.monotonic() + 30
restarts = lambda: int(run("show", "-p", "NRestarts", "--value", "loop.service"))
while not (called.exists() and restarts() > 4) and time.monotonic() < deadline:
    time.sleep(0.1)
print(json.dumps([called.read_text().split() if called.exists() else [], restarts() > 4]))
"""


def test_third_restart_in_a_row_calls_the_handler_and_the_service_goes_on() -> None:
    with live_home() as home:
        called, goes_on = answer_under_systemd(f"LINE = {handlers_line()!r}\n{SCRIPT}", home)
    assert called == ["loop.service"] and goes_on
