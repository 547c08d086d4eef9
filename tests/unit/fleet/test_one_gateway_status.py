"""The status of a fleet that one gateway serves: API servers at a path, accounts served twice, the last line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from observed_root import Root, status

from hermes_profiles.cli.render.fleet_tables import gateway_lines
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.fleet.status import Inventory, read_fleet_status
from hermes_profiles.gateways.model import Api, Gateway
from hermes_profiles.gateways.observe import ObservationHints, survey
from hermes_profiles.hermes.version import facts_of

CATALOG = load_catalog()
API = "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-api-key-0123456789abcdef\nAPI_SERVER_PORT={port}\n"
BOT = "TELEGRAM_BOT_TOKEN=7100000:CANARY-of-several-profiles\n"
EVERY = ("default", "ops", "work")


@pytest.fixture
def root(isolated: Path) -> Root:
    made = Root(isolated, *EVERY)
    made.uses(facts_of((0, 22, 2)))
    return made


def inventory(root: Root) -> Inventory:
    def seen(names: Sequence[str], known: ObservationHints) -> dict[str, Gateway]:
        return survey(root.world, names, known)

    environment = {"HOME": str(root.layout.user_home)}
    return read_fleet_status(seen, root.world, root.profiles, catalog=CATALOG, ask_api=False, environment=environment)


def serve(root: Root, owner: str = "default", **platforms: dict[str, str]) -> None:
    """Have the gateway of a profile serve all profiles."""
    root.runs(owner, 9, served_profiles=list(EVERY), platforms=platforms)
    root.publishes(9, root.home(owner), *EVERY)
    root.manager.statuses = {owner: status(pid=9)}


@pytest.mark.parametrize("owner", ["default", "work"])
def test_served_profiles_have_their_api_at_a_path_of_one_listener(root: Root, owner: str) -> None:
    for name, port in (("default", 8642), ("work", 8700)):
        root.write(name, ".env", API.format(port=port))
    serve(root, owner, api_server={"state": "connected", "listener_base": "http://127.0.0.1:8642"})
    found = {name: each.api for name, each in inventory(root).gateways.items()}
    wanted = Api("127.0.0.1", 8642, path="/p/work")
    assert (found["work"], found["ops"]) == (wanted, None), "ops does not enable it; the port of work means nothing"
    assert found["default"] is not None and (found["default"].port, found["default"].path) == (8642, "")


def test_served_profile_has_no_api_without_a_listener(root: Root) -> None:
    root.write("work", ".env", API.format(port=8700))
    serve(root)
    assert inventory(root).gateways["work"].api is None
    serve(root, api_server={"state": "connected", "listener_base": "http://127.0.0.1:no"})
    assert inventory(root).gateways["work"].api is None


@pytest.mark.parametrize("owner", ["default", "work"])
def test_account_of_several_profiles_is_a_conflict_whichever_profile_has_the_gateway(root: Root, owner: str) -> None:
    for name in ("default", "work"):
        root.write(name, ".env", BOT)
    serve(root, owner)
    (conflict,) = inventory(root).conflicts
    assert conflict.profiles == ("default", "work")
    assert conflict.message.endswith("in one gateway; Hermes connects it for default alone")


def row(profile: str, **more: Any) -> dict[str, Any]:
    plain = dict.fromkeys(("pid", "uptime_s", "rss_bytes", "open_files", "restarts", "served_by", "api"))
    service = {"installed": False}
    given = {"profile": profile, "state": "stopped", "detail": "", "disabled": False, "service": service}
    empty: dict[str, Any] = {"channels": [], "disagreement": [], "remarks": [], "last_change": None}
    return {**plain, **given, **empty, "parked": False, "standalone": False, **more}


@pytest.mark.parametrize(
    ("others", "wanted"),
    [
        ([], "serves every profile (multiplex)"),
        ([row("b")], "serves every profile but 1 (multiplex)"),
        ([row("b", parked=True), row("c", standalone=True)],
         "serves every profile (multiplex); parked or standalone: 2"),
        ([row("b"), row("c", parked=True)], "serves every profile but 1 (multiplex); parked or standalone: 1"),
        ([row("b", standalone=True, served_by="work")], "serves every profile (multiplex)"),
    ],
)  # fmt: skip
def test_last_line_counts_profiles_that_should_be_served(others: list[dict[str, Any]], wanted: str) -> None:
    data = {
        "topology": "multiplex", "server": "work", "alone": None, "standalone_reason": None,
        "unfinished_switch": False, "conflicts": [], "accounts": [],
        "gateways": [row("default", served_by="work"), row("work", state="running"), *others],
    }  # fmt: skip
    assert [*gateway_lines(data)][-1] == f"one gateway, that of work, {wanted}"
