"""place-facts, place-key: what one of our programs asks another in a place. Not for people."""

from __future__ import annotations

import sys

from hermes_profiles.cli.framework.options import Home, Json, ManagerName
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.places.place_facts import exchange_key, key_request_of, own_facts
from hermes_profiles.places.facts import facts_data


def place_facts(home: Home = None, manager: ManagerName = None, json: Json = False) -> None:
    """Print the facts of this root as a place."""
    session = FleetSession(home, json, manager_option=manager)
    run(("place-facts",), session, lambda: Answer(Result(("place-facts",), facts_data(own_facts(session)))))


def place_key(home: Home = None, json: Json = False) -> None:
    """Take the key of the fleet from standard input, or print the key of this root for a fleet that has none."""
    session = FleetSession(home, json)

    def body() -> Answer:
        data = exchange_key(session, key_request_of(sys.stdin.read(4096)))
        return Answer(Result(("place-key",), data), lambda: (f"{name}: {text}" for name, text in data.items()))

    run(("place-key",), session, body)
