"""alert-send: the process that the watcher starts for each try of an alert. Not for people."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from hermes_profiles.alerts.model import order_of
from hermes_profiles.cli.framework.options import Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.model.errors import ExitCode, Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.monitoring.alerts import try_message


def alert_send(home: Home = None, json: Json = False) -> None:
    """Send the message on standard input once, and record it (the watcher starts this process)."""
    # It ends by itself within its time limit, so that no message is sent without a record. Ignored signals would be
    # ignored in a program that it starts as well.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _go_on)
    session = FleetSession(home, json)

    def body() -> Answer:
        code = try_message(session, *order_of(sys.stdin.buffer.read()))
        if code not in tuple(ExitCode):
            raise SystemExit(code)
        return Answer(Result(("alert-send",), {}, exit_code=ExitCode(code)), lambda: ())

    run(("alert-send",), session, body)


def _go_on(_number: int, _frame: FrameType | None) -> None:
    return
