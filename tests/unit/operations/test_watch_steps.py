"""Which gateways the watcher looks at again within seconds."""

from __future__ import annotations

import pytest

from hermes_profiles.events.snapshot import SeenGateway
from hermes_profiles.operations.watch_run import is_on_its_way


@pytest.mark.parametrize(
    ("state", "activity", "pid", "expected"),
    [
        ("starting", "activating", None, True),
        ("running", "active", 42, False),
        ("stopped", "inactive", None, False),
        ("stale", "deactivating", None, True),  # systemd cleans up after it, and starts it again
        ("stopped", "activating", None, True),
        ("running", "deactivating", 42, False),  # the end of its process wakes the watcher
        ("crash-looping", "activating", None, False),  # for weeks
    ],
)
def test_gateway_on_its_way(state: str, activity: str, pid: int | None, expected: bool) -> None:
    assert is_on_its_way(SeenGateway("work", state, activity=activity, pid=pid)) is expected
