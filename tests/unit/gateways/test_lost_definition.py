"""What is told of a running gateway whose service is gone."""

from __future__ import annotations

import pytest
from gateway_facts import facts, process, service

from hermes_profiles.gateways.lost_definition import lost_definition
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.services.manager import Activity, ServiceStatus

INSTALL = "hermes-gateways install work"


@pytest.mark.parametrize(("status", "name", "command"), [
    (service(pid=42, reason="bad-setting", unusable="bad-setting"), "work", f"{INSTALL} --force"),
    (service(pid=42, reason="masked", unusable="masked"), "work", f"{INSTALL} --force"),
    (service(pid=42, installed=False), "work", INSTALL),
    (service(pid=42, installed=False, reason="masked"), "work", "systemctl --user unmask hermes-gateway-work.service"),
    (service(pid=42, installed=False, reason="masked"), "default", "systemctl --user unmask hermes-gateway.service"),
    (service(pid=42), "work", None),
    (service(Activity.INACTIVE), "work", None),
    (service(Activity.INACTIVE, installed=False), "work", None),
    (service(pid=42, installed=False)._replace(scope="system"), "work", None),
])  # fmt: skip
def test_service_that_cannot_start_its_gateway_again_is_told(
    status: ServiceStatus, name: str, command: str | None
) -> None:
    found = lost_definition(resolve(facts(profile=name, process=process(), service=status)))
    assert (found and found.command) == command
    assert found is None or found.message.startswith(f"the gateway of {name} runs, but ")


def test_service_of_a_gateway_that_does_not_run_is_not_told() -> None:
    assert lost_definition(resolve(facts(service=service(reason="bad-setting", unusable="bad-setting")))) is None
