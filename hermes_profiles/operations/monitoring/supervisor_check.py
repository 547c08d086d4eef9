"""Whether the bundled supervisord of a root answers: what a probe of a pod may ask, and nothing about channels."""

from __future__ import annotations

from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.supervisor.client import DaemonNotRunning, call

from ..context import Session


def supervisor_pid(session: Session) -> tuple[int | None, str]:
    """Return (pid of the daemon, ""), or (None, the reason) when it does not answer."""
    try:
        answer = call(session.layout.state / "supervisor", "getStatus", ())
    except DaemonNotRunning:
        return None, "it does not run"
    except ManagerError as error:
        return None, error.problem.message
    return int(answer["pid"]), ""
