"""Checks of run modes over facts with a live default gateway."""

from __future__ import annotations

from typing import Any

import pytest
from doctor_root import DoctorRoot
from hermes_release import write_release
from service_fakes import collect_facts, found_in
from test_services_managers import Machine

from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Finding, Severity
from hermes_profiles.gateways.hermes_files import StateRecord
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.model import GatewayFacts as Seen
from hermes_profiles.gateways.processes import Process

ASKED = "gateway:\n  multiplex_profiles: true\n"
PROCESS = Process(99, 5.0, "S", 1, ("python", "-m", "hermes_cli.main", "gateway", "run"), {})


@pytest.fixture
def machine(world: DoctorRoot, tmp_path: Any) -> Machine:
    return Machine(world, tmp_path)


def with_live_default(facts: Facts, *served: str) -> Facts:
    """Return facts with a live default gateway that serves the profiles in `served` (empty: only itself)."""
    assert facts.inventory is not None
    state = StateRecord(99, 5.0, "running", "", 0, (), served)
    gateways = {
        **facts.inventory.gateways,
        "default": Gateway(
            "default", GatewayState.RUNNING, 99, process=PROCESS, observation=Seen("default", runtime=state)
        ),
        **{
            name: Gateway(name, GatewayState.SERVED, 99, service=facts.inventory.gateways[name].service)
            for name in served if name != "default"
        },
    }  # fmt: skip
    inventory = facts.inventory._replace(gateways=gateways)
    return facts._replace(inventory=inventory, services=facts.services._replace(serves=served))


def findings(machine: Machine, *served: str) -> dict[str, list[Finding]]:
    return found_in(with_live_default(collect_facts(machine.world, machine.manager), *served))


def test_multiplexer_serving_all_has_no_findings(machine: Machine) -> None:
    machine.world.add("default", "config.yaml", ASKED)
    assert findings(machine, "default", "work", "family") == {}


def test_separate_gateways_have_no_findings(machine: Machine) -> None:
    assert findings(machine) == {}


def test_profile_with_listener_is_skipped(machine: Machine) -> None:
    machine.world.add("default", "config.yaml", ASKED)
    machine.world.add("family", ".env", "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-0123456789abcdef\n")
    (finding,) = findings(machine, "default", "work")["services.skipped-by-multiplexer"]
    assert finding.profiles == ("family",) and "(api_server)" in finding.message
    assert finding.fix.command == "hermes-profiles env unset family API_SERVER_ENABLED API_SERVER_KEY"
    assert finding.severity is Severity.ERROR, "no process listens there"


def test_profile_newer_than_multiplexer_is_skipped(machine: Machine) -> None:
    machine.world.add("default", "config.yaml", ASKED)
    found = findings(machine, "default", "work")
    (finding,) = found.pop("services.skipped-by-multiplexer")
    assert finding.profiles == ("family",) and finding.fix.command == "hermes-gateways restart default" and not found


@pytest.mark.parametrize(("version", "word"), [((0, 21, 0), "started before"), ((0, 21, 3), "does not report")])
def test_skipped_profile_has_the_reason_of_the_release(
    machine: Machine, version: tuple[int, int, int], word: str
) -> None:
    write_release(machine.world.root / "hermes-agent", version)
    machine.world.add("default", "config.yaml", ASKED)
    (finding,) = findings(machine, "default", "work")["services.skipped-by-multiplexer"]
    assert word in finding.message
    if word == "does not report":
        machine.world.add("family", ".env", "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-0123456789abcdef\n")
        (finding,) = findings(machine, "default", "work")["services.skipped-by-multiplexer"]
        assert "listens on a port" not in finding.message


def test_stopped_multiplexer_serves_no_profile(machine: Machine) -> None:
    machine.world.add("default", "config.yaml", ASKED)
    machine.world.add("work", ".env", "WEIXIN_TOKEN=CANARY-token-of-work\nWEIXIN_ACCOUNT_ID=acc\n")
    assert "services.skipped-by-multiplexer" not in found_in(collect_facts(machine.world, machine.manager)), (
        "nothing installed"
    )
    machine.unit(machine.units, "hermes-gateway", machine.world.home("default"))
    found = found_in(collect_facts(machine.world, machine.manager))["services.skipped-by-multiplexer"]
    by_profiles = {finding.profiles: finding for finding in found}
    assert ("work",) in by_profiles and by_profiles["work",].fix.command == "hermes-gateways start default"


def test_approvals_folder_of_multiplexer_is_ignored(machine: Machine) -> None:
    folder = machine.world.root / "profiles" / "default"
    (folder / "pairing").mkdir(parents=True)
    assert machine.world.findings("--only", "files.real-default") == []
    (folder / "config.yaml").touch()
    assert len(machine.world.findings("--only", "files.real-default")) == 1


def test_disabled_profile_is_not_reported_as_skipped(machine: Machine) -> None:
    machine.world.add("default", "config.yaml", ASKED)
    machine.world.write("family", "profile.yaml", "disabled: true\n")
    assert findings(machine, "default", "work") == {}


@pytest.mark.parametrize(("asked", "served", "word"), [
    ("true", (), "started before"), ("false", ("default", "work", "family"), "no longer"),
])  # fmt: skip
def test_setting_not_in_effect_is_info(machine: Machine, asked: str, served: tuple[str, ...], word: str) -> None:
    machine.world.add("default", "config.yaml", ASKED.replace("true", asked))
    found = findings(machine, *served)
    (finding,) = found.pop("services.topology")
    assert word in finding.message and finding.evidence[0].key == "gateway.multiplex_profiles" and not found


def test_variable_overrides_multiplex_setting(machine: Machine) -> None:
    machine.world.add("default", "config.yaml", ASKED)
    machine.world.add("default", ".env", "GATEWAY_MULTIPLEX_PROFILES=false\n")
    assert findings(machine) == {}
    (finding,) = findings(machine, "default", "work", "family")["services.topology"]
    assert finding.evidence[0].key == "GATEWAY_MULTIPLEX_PROFILES" and finding.evidence[0].line == 2


def test_enabled_service_of_served_profile_is_unneeded(machine: Machine) -> None:
    machine.world.add("default", "config.yaml", ASKED)
    machine.unit(machine.units, "hermes-gateway-work", machine.world.home("work"))
    assert findings(machine, "default", "work", "family") == {}, "nothing starts it"
    machine.enable("hermes-gateway-work")
    machine.fake.units["hermes-gateway-work.service"]["NRestarts"] = "7"
    found = findings(machine, "default", "work", "family")
    (finding,) = found.pop("services.unneeded")
    assert finding.profiles == ("work",) and "refused 7 starts" in finding.message and not found


def test_served_list_of_dead_gateway_is_ignored(machine: Machine) -> None:
    machine.world.write("default", "gateway_state.json", '{"pid": 4999999, "served_profiles": ["default", "work"]}')
    facts = collect_facts(machine.world, machine.manager)
    assert facts.services.serves is None and found_in(facts) == {}
