"""The forecast of `hermes update`: what it removes, what blocks it, what is different afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.model.layout import Layout
from hermes_profiles.multiplex.facts import read_facts
from hermes_profiles.multiplex.fold import FoldedService, FoldFacts, FoldForecast, FoldOutcome, forecast
from hermes_profiles.multiplex.update_settings import read_update_settings
from hermes_profiles.services.manager import ManagerKind

CATALOG = load_catalog()


class Fleet:
    """Profiles with services on the disk, and the forecast of them."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder / ".hermes", folder)
        self.services: list[FoldedService] = []
        self.running: list[str] = []
        self.names: list[str] = []
        for name in ("default", "anna", "bob"):
            self.add(name)

    def add(self, name: str, env: str = "", config: str = "") -> None:
        home = self.layout.home(name)
        home.mkdir(parents=True, exist_ok=True)
        (home / ".env").write_text(env)
        (home / "config.yaml").write_text(config)
        if name not in self.names:
            self.names.append(name)

    def service(
        self, name: str, manager: ManagerKind = ManagerKind.SYSTEMD, scope: str = "user", home: str = ""
    ) -> None:
        unit = "hermes-gateway" if name == "default" else f"hermes-gateway-{name}"
        given = home or str(self.layout.home(name))
        self.services.append(FoldedService(name, unit, manager, scope, Path(f"/u/{unit}.service"), given, True))

    def forecast(self) -> FoldForecast:
        settings = read_update_settings(self.layout, self.names)
        profiles = read_facts(self.layout, self.names, CATALOG, {})
        facts = FoldFacts(self.layout.root, profiles, self.services, self.running, settings, {"anna": 2})
        return forecast(facts, CATALOG)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Three profiles, each with a user service."""
    fleet = Fleet(tmp_path)
    for name in fleet.names:
        fleet.service(name)
    return fleet


def test_forecast_without_services_of_members_is_nothing(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.service("default")
    assert fleet.forecast().outcome is FoldOutcome.NOTHING


def test_forecast_names_services_that_go(fleet: Fleet) -> None:
    found = fleet.forecast()
    assert found.outcome is FoldOutcome.FOLDS and found.blockers == ()
    assert [each.profile for each in found.services] == ["anna", "bob"]


def test_forecast_names_gateways_without_service(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.running = ["default", "bob"]
    found = fleet.forecast()
    assert (found.outcome, found.gateways) == (FoldOutcome.FOLDS, ("bob",))


def test_setting_of_default_keeps_services(fleet: Fleet) -> None:
    fleet.add("default", config="gateway: {auto_multiplex_migration: false}\n")
    assert fleet.forecast().outcome is FoldOutcome.OFF


def test_standalone_profile_is_left_alone(fleet: Fleet) -> None:
    fleet.add("anna", config="gateway: {standalone: true}\n")
    found = fleet.forecast()
    assert found.kept == ("anna",) and [each.profile for each in found.services] == ["bob"]


def test_shared_bot_blocks(fleet: Fleet) -> None:
    for name in ("anna", "bob"):
        fleet.add(name, env="TELEGRAM_BOT_TOKEN=7100000001:CANARY-token-0123456789\n")
    found = fleet.forecast()
    assert found.outcome is FoldOutcome.BLOCKED
    assert [each.code for each in found.blockers] == ["same-account"] and "CANARY" not in str(found)


def test_other_scope_blocks(fleet: Fleet) -> None:
    fleet.services = [each for each in fleet.services if each.profile != "bob"]
    fleet.service("bob", scope="system")
    found = fleet.forecast()
    assert found.outcome is FoldOutcome.BLOCKED and found.blockers[0].code == "another-domain"
    assert "bob" in found.blockers[0].message
    assert found.blockers[0].hint == "see its services with `hermes-profiles doctor bob`"


def test_two_services_of_one_profile_block(fleet: Fleet) -> None:
    fleet.service("bob", scope="system")
    assert [each.code for each in fleet.forecast().blockers] == ["another-domain"]


def test_home_outside_the_root_blocks(fleet: Fleet, tmp_path: Path) -> None:
    fleet.services = [each for each in fleet.services if each.profile != "bob"]
    fleet.service("bob", home=str(tmp_path / "elsewhere"))
    (blocker,) = fleet.forecast().blockers
    assert blocker.code == "outside" and "config set bob gateway.standalone true" in str(blocker.hint)
    fleet.add("bob", config="gateway: {standalone: true}\n")
    assert fleet.forecast().blockers == ()


def test_unfinished_migration_is_resumed_whatever_blocks(fleet: Fleet) -> None:
    fleet.service("bob", scope="system")
    (fleet.layout.root / "gateway_migration.json").write_text('{"secondaries": []}')
    assert fleet.forecast().outcome is FoldOutcome.RESUMES


def test_supervisord_is_unknown_to_hermes(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    for name in fleet.names:
        fleet.service(name, ManagerKind.SUPERVISOR)
    found = fleet.forecast()
    assert found.outcome is FoldOutcome.FOLDS
    (issue,) = [each for each in found.consequences if each.code != "approvals-kept"]
    assert issue.code == "unknown-manager" and "gateway.auto_multiplex_migration false" in str(issue.hint)
    fleet.add("default", config="gateway: {auto_multiplex_migration: false}\n")
    assert fleet.forecast().outcome is FoldOutcome.OFF


def test_consequences_name_addresses_jobs_approvals_and_lost_variables(fleet: Fleet) -> None:
    fleet.add("default", config="platforms: {api_server: {enabled: true, extra: {key: CANARY-0123456789abcdef}}}\n")
    fleet.add("anna", config="platforms: {api_server: {enabled: true, extra: {key: CANARY-1123456789abcdef}}}\n")
    fleet.add("bob", config="platforms: {webhook: {enabled: true}}\n")
    (fleet.layout.home("anna") / "cron").mkdir()
    (fleet.layout.home("anna") / "cron/jobs.json").write_text('[{"id": "x"}]')
    (fleet.layout.home("bob") / "profile.yaml").write_text("service: {env: {OPENAI_API_KEY: =CANARY-key-0123}}\n")
    found = fleet.forecast()
    texts = {(each.code, each.profile): each.message for each in found.consequences}
    assert "/p/anna/v1" in texts["moved-address", "anna"]
    assert "default has no webhook" in texts["no-listener", "bob"]
    assert "1 scheduled job go" in texts["jobs-kept", "anna"]
    assert "2 approved" in texts["approvals-kept", "anna"]
    assert "OPENAI_API_KEY" in texts["unread-variable", "bob"]
    assert "CANARY" not in str(texts)
