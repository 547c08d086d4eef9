"""The last change of each gateway's state that a watcher saw, for `status`: one small file, read where it exists."""

from __future__ import annotations

import os
from collections.abc import Mapping

from hermes_profiles.gateways.model import Gateway
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple


class LastChange(NamedTuple):
    """The last change of a gateway's state. `at`: epoch seconds; `before`: the state before it."""

    at: float
    kind: str
    before: str
    cause: str


def last_changes_of(layout: Layout, gateways: Mapping[str, Gateway]) -> dict[str, LastChange]:
    """Return profile → its last change, without those whose present state no watcher saw."""
    if not os.path.exists(layout.snapshot):
        return {}
    from .watch_state import saved_snapshot  # most fleets are not watched

    snapshot = saved_snapshot(layout)
    seen = {name: snapshot.gateways.get(name) for name in gateways} if snapshot is not None else {}
    return {
        name: LastChange(each.changed_at, each.change, each.was, each.change_cause)
        for name, each in seen.items()
        if each is not None and each.changed_at is not None and each.state == gateways[name].state
    }
